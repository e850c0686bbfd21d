"""Where settings come from: arguments, then the environment, then the file, then the default; pure.

All of it is judged, also what something else overrides, and everything that is wrong is said at
once: a line for each, which begins with the option, the variable, or the file and the line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from actors.endpoint.command.setting import FLAG, PREFIX, Setting
from actors.endpoint.command.settings import SETTINGS, TABLES
from actors.endpoint.command.toml_keys import keys
from actors.errors import ConfigErrors
from actors.options import did_you_mean

OF_OPTIONS: Final = ("endpoint", "websocket", "longpoll")
"""Tables of the file that hold options of the application's code (``overrides``)."""

CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"

OWN: Final = frozenset(
    {
        CONFIG_VARIABLE, "ROOST_LISTEN_FDS", "ROOST_OPS_FD", "ROOST_OPS_TOKEN", "ROOST_PUBLISH_FD",
        "ROOST_PUBLISH_KEY", "ROOST_PURE",
    }
)  # fmt: skip
"""Variables of ours that are no settings."""

FOREIGN: Final = re.compile("ROOST_(?:PORT|SERVICE_|DRILL_)")
"""What Kubernetes injects for a Service that is named ``roost``, and what drills tell servers."""

MOST: Final = 50
"""Problems, or warnings, that are said; further warnings are counted, problems not looked for."""

DEEPEST: Final = 16
"""Names in a key of the file. What reads TOML takes the square of the time for more."""

Path = tuple[str, ...]


class ConfigFile(NamedTuple):
    """The file of settings; ``path`` as the user wrote it."""

    path: str
    text: str


class Origin(NamedTuple):
    """``where`` begins an error, ``said`` is what ``--print-config`` says."""

    where: str
    said: str


@dataclass(slots=True)
class Resolved:
    """Every setting's value, and where it comes from, ``None`` for its default.

    ``overrides`` are the file's options of the application, by table, and ``lines`` where each of
    them stands. ``warnings`` are for the log.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin | None] = field(default_factory=dict)
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: dict[Path, Origin] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def resolve(
    arguments: Mapping[str, Any],
    environ: Mapping[str, str],
    file: ConfigFile | None = None,
    settings: Sequence[Setting] = SETTINGS,
    problems: Iterable[str] = (),
) -> Resolved:
    """Return what all sources say together; ``ConfigErrors`` has all that is wrong.

    ``arguments`` are texts (lists of those, booleans) by the name of the setting, ``None`` where
    there was none. With fewer ``settings`` than there are, others are passed over, also unknown
    ones. ``problems`` were found before.
    """
    return _Resolver(settings, list(problems)).run(arguments, environ, file)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Setting]:
    """Return the settings whose value is another one than before."""
    return [each for each in SETTINGS if before[each.name] != after[each.name]]


class _Resolver:
    def __init__(self, settings: Sequence[Setting], problems: list[str]) -> None:
        self._settings = {each.name: each for each in settings}
        self._strict = len(settings) == len(SETTINGS)
        self._problems = problems
        self._result = Resolved()

    def run(
        self, arguments: Mapping[str, Any], environ: Mapping[str, str], file: ConfigFile | None
    ) -> Resolved:
        for setting in self._settings.values():
            self._result.values[setting.name] = setting.default
            self._result.origins[setting.name] = None
        for setting in self._settings.values():
            self._from_arguments(setting, arguments.get(setting.name))
        for setting in self._settings.values():
            self._from_environment(setting, environ.get(setting.variable, ""))
        if file is not None:
            self._from_file(file)
        if self._problems:
            more = ["and more"] if len(self._problems) > MOST else []  # nobody has counted them
            raise ConfigErrors([*self._problems[:MOST], *more])
        if self._strict:
            self._result.warnings = list(cut(unknown_variables(environ)))
        return self._result

    def _from_arguments(self, setting: Setting, given: Any) -> None:
        if given is not None:
            text = setting.kind.text(given) if setting.kind is FLAG else given
            where = setting.option if not setting.positional else setting.metavar
            self._take(setting, text, Origin(where, f"from {where}"))

    def _from_environment(self, setting: Setting, text: str) -> None:
        if text:
            texts = [part.strip() for part in text.split(",")] if setting.many else text
            self._take(setting, texts, Origin(setting.variable, f"from env {setting.variable}"))

    def _take(self, setting: Setting, given: str | list[str], origin: Origin) -> None:
        """Judge a text, or several, and keep the value unless an earlier source gave one."""
        values, good = [], True
        for text in given if isinstance(given, list) else [given]:
            try:
                values.append(setting.parse(_without_nul(text)))
            except ValueError as error:
                good = False
                self._problems.append(f"{origin.where}: {error}")
        if good and self._result.origins[setting.name] is None:
            self._result.values[setting.name] = values if setting.many else values[0]
            self._result.origins[setting.name] = origin

    # -- the file

    def _from_file(self, file: ConfigFile) -> None:
        found = keys(file.text, DEEPEST)
        lines: dict[Path, int] = {}
        for key in found:
            lines.setdefault(key.path, key.line)
        reader = _FileReader(file.path, lines)
        if found and len(found[-1].path) > DEEPEST:
            where = f"{file.path}:{found[-1].line}"
            self._problems.append(f"{where}: a key of over {DEEPEST} names")
            return
        try:
            content = tomllib.loads(file.text)
        except RecursionError:
            self._problems.append(f"{file.path}: brackets are nested too deeply")
        except ValueError as error:
            twice = list(_twice(found)) if "Cannot " in str(error) else []
            self._problems += [f"{file.path}:{line}: {words}" for line, words in twice]
            if not twice:
                self._problems.append(_no_toml(file.path, str(error)))
        else:
            for name, value in content.items():
                self._table(reader, name, value)

    def _table(self, reader: _FileReader, name: str, value: Any) -> None:
        if len(self._problems) > MOST:
            return  # enough: a hint takes its time
        origin = reader.at((name,))
        if name not in TABLES and name not in OF_OPTIONS:
            if self._strict:
                known = [*TABLES, *OF_OPTIONS]
                self._problems.append(f"{origin.where}: {self._unknown_table(name, value, known)}")
        elif not isinstance(value, dict):
            self._problems.append(f"{origin.where}: {name} must be a table: [{name}]")
        elif name in TABLES:
            for key, given in value.items():
                self._key(reader, (name, key), given)
        else:
            self._options(reader, name, value)

    def _unknown_table(self, name: str, value: Any, known: Iterable[str]) -> str:
        setting = self._settings.get(name)
        if setting is not None and not isinstance(value, dict):
            return f"{name!r} belongs into the table [{setting.table}]"
        what = "table" if isinstance(value, dict) else "key"
        return f"unknown {what} {name!r:.100}{did_you_mean(name, known)}"

    def _key(self, reader: _FileReader, path: Path, given: Any) -> None:
        table, name = path
        setting = self._settings.get(name)
        if setting is not None and setting.table == table:
            self._from_key(reader, path, setting, given)
        elif self._strict and len(self._problems) <= MOST:
            there = [each.name for each in self._settings.values() if each.table == table]
            hint = did_you_mean(name, there)
            if setting is not None:
                hint = f": it belongs into [{setting.table}]"
            words = f"unknown key {name!r:.100}{hint}"
            self._problems.append(f"{reader.at(path).where}: {words}")

    def _from_key(self, reader: _FileReader, path: Path, setting: Setting, given: Any) -> None:
        origin = reader.at(path)
        where = f"{origin.where}: {path[-1]}"
        try:
            if setting.many and isinstance(given, list):
                text: str | list[str] = [setting.kind.text(each) for each in given]
            else:
                text = setting.kind.text(given)
        except ValueError as error:
            more = ", or a list of those" if setting.many else ""
            self._problems.append(f"{where}: {error}{more}")
            return
        before = reader.once(setting.name, path)
        if before is not None:
            self._problems.append(f"{where}: is set twice, first in line {before}")
            return
        self._take(setting, text, Origin(where, origin.said))

    def _options(self, reader: _FileReader, table: str, given: dict[str, Any]) -> None:
        """Take options of the application; those that are settings as well are those."""
        if not self._strict and table != "endpoint":
            return
        same = {each.endpoint: each for each in self._settings.values() if each.endpoint}
        rest = {}
        for name, value in given.items():
            if table == "endpoint" and name in same:
                self._from_key(reader, (table, name), same[name], value)
            else:
                rest[name] = value
        if self._strict and rest:
            from actors.endpoint.command.overrides import judged  # noqa: PLC0415 - takes 50 ms

            good, wrong = judged(table, rest, enough=MOST)
            for path, words in wrong:
                self._problems.append(f"{reader.at((table, *path)).where}: {words}")
            self._result.overrides[table] = good
            for name in good:
                self._result.lines[table, name] = reader.at((table, name))


class _FileReader:
    """Where keys stand in the file at ``path``."""

    def __init__(self, path: str, lines: Mapping[Path, int]) -> None:
        self._path = path
        self._lines = lines
        self._seen: dict[str, Path] = {}

    def at(self, path: Path) -> Origin:
        """Return where the key stands."""
        line = self._lines.get(path)
        where = self._path if line is None else f"{self._path}:{line}"
        return Origin(where, f"from {where}")

    def once(self, name: str, path: Path) -> int | None:
        """Return the line in which the setting was given before, by its other key."""
        before = self._seen.setdefault(name, path)
        return None if before == path else self._lines.get(before, 0)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not have a character NUL")
    return text


def _twice(found: Iterable[Any]) -> Iterator[tuple[int, str]]:
    """Yield the keys that are set again, with their lines."""
    first: dict[Path, int] = {}
    for key in found:
        before = first.setdefault(key.path, key.line)
        if before != key.line:
            name = ".".join(key.path)
            yield key.line, f"{name:.100} is set twice, first in line {before}"


def _no_toml(path: str, error: str) -> str:
    """Return in one line what :mod:`tomllib` says, the line where compilers have it."""
    found = re.search(r" \(at line (\d+), column (\d+)\)$", error)
    if found is None:
        return f"{path}: {error:.200}"
    return f"{path}:{found[1]}: {error[: found.start()]:.200} (column {found[2]})"


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each variable that looks like one of ours, and is none."""
    known = {each.removeprefix(PREFIX) for each in OWN} | {each.name.upper() for each in SETTINGS}
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest != name and rest not in known and not FOREIGN.match(name):
            near = get_close_matches(rest, known, n=1)
            hint = f" (did you mean {PREFIX}{near[0]}?)" if near else ""
            yield f"unknown variable {name:.100}{hint}"


def cut(lines: Iterable[str]) -> list[str]:
    """Return the first :data:`MOST` lines, and how many there are more."""
    given = list(lines)
    left = len(given) - MOST
    return given if left <= 0 else [*given[:MOST], f"and {left} more"]
