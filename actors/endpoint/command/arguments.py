"""The command's arguments; nothing here imports more than it takes to read them."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from actors import __version__
from actors.endpoint.command import config_file, output
from actors.endpoint.command.setting import FLAG, Setting
from actors.endpoint.command.settings import SETTINGS, TABLES
from actors.endpoint.command.sources import CONFIG_VARIABLE, Resolved, resolve
from actors.errors import ConfigError, ConfigErrors
from actors.options import did_you_mean

PROGRAM: Final = "roost" if Path(sys.argv[0]).name == "roost" else "python -m actors.endpoint"
"""How the command was called."""


class Parser(argparse.ArgumentParser):
    """Reports what is wrong as :class:`ConfigError`, all that can be said at once.

    ``settings`` are those that are among its options: their values are left as texts, which
    :func:`given` judges together with other sources. ``verb`` begins what is said of the others.
    """

    def __init__(self, settings: Sequence[Setting] = (), verb: str = "", **rest: Any) -> None:
        super().__init__(
            prog=f"{PROGRAM} {verb}".rstrip(),
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **rest,
        )
        self.color = False  # which the library would choose from Python 3.14 on
        self.settings = settings
        self._verb = verb
        if settings:
            _add_settings(self, settings)

    def parse_args(self, arguments: Sequence[str]) -> argparse.Namespace:  # type: ignore[override]
        """Parse, and say what an unknown option may have meant."""
        given, problems = self.parse(arguments)
        if problems:
            raise ConfigErrors(problems)
        return given

    def parse(self, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """Return what is given, and what is unknown of it."""
        given, unknown = self.parse_known_args(arguments)
        names = [each.partition("=")[0] for each in unknown if each.startswith("-")]
        known = [o for action in self._actions for o in action.option_strings if o[:2] == "--"]
        problems = [f"unknown option {name!r:.100}{did_you_mean(name, known)}" for name in names]
        if unknown and not names:  # what follows an unknown option may be its value
            problems.append(self.too_many(unknown[0]))
        return given, [self._said(problem) for problem in problems]

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 - as the library calls it
        """Print the page; ``ConfigError`` where that fails, which the library passes over."""
        output.say(self.format_help(), end="")

    def too_many(self, argument: str) -> str:
        """Return what is said of an argument for which there is no place."""
        one = "one application is served, " if self.settings == SETTINGS else ""
        return f"{one}{argument!r:.100} is one too many"

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise ConfigError(self._said(message.removeprefix("argument ")))

    def _said(self, message: str) -> str:
        return f"{self._verb}: {message}" if self._verb else message


def _add_settings(parser: argparse.ArgumentParser, settings: Sequence[Setting]) -> None:
    """Add the option of each setting, under the heading of its table."""
    parser.add_argument(
        "--config",
        metavar="PATH",
        help=f"read settings from this file (TOML; default: {CONFIG_VARIABLE} of the environment)",
    )
    groups = {
        name: parser.add_argument_group(f"[{name}], {about}")
        for name, about in TABLES.items()
        if any(each.table == name and not each.positional for each in settings)
    }
    for setting in settings:
        also = "; may be given several times" if setting.many else ""
        shown = f" (default: {setting.shown})" if setting.shown else ""
        kept: dict[str, Any] = {
            "help": f"{setting.help}{also}{shown}".replace("%", "%%"),
            "default": None,
        }
        if setting.positional:
            parser.add_argument(setting.name, nargs="?", metavar=setting.metavar, **kept)
            continue
        group = groups[setting.table]
        if setting.kind is FLAG:
            group.add_argument(setting.option, action=argparse.BooleanOptionalAction, **kept)
        else:
            action = "append" if setting.many else "store"
            group.add_argument(setting.option, action=action, metavar=setting.metavar, **kept)


class Given(argparse.Namespace):
    """What all sources say together: each setting by its name, and the parser's other options.

    ``resolved`` says where each value comes from. ``config`` is the path of the file, or ``None``.
    """

    resolved: Resolved
    config: str | None


def given(parser: Parser, arguments: Sequence[str], environ: Mapping[str, str]) -> Given:
    """Return what arguments, environment and file say; ``ConfigErrors`` has all that is wrong."""
    problems: list[str] = []
    try:
        read, problems = parser.parse(arguments)
        found = vars(read)
    except ConfigError as error:
        problems = list(error.problems)
        found = {"config": _config_among(arguments)}
    path = environ.get(CONFIG_VARIABLE) or None if found["config"] is None else found["config"]
    file = None
    if path is not None:
        try:
            file = config_file.read(path)
        except ConfigError as error:
            problems += error.problems
    resolved = resolve(found, environ, file, parser.settings, problems)
    return Given(**{**found, **resolved.values, "config": path, "resolved": resolved})


def _config_among(arguments: Sequence[str]) -> str | None:
    """Return the file that arguments name among which something is wrong."""
    for name, value in zip(arguments, [*arguments[1:], None], strict=True):
        if name == "--config":
            return value
        if name.startswith("--config="):
            return name.partition("=")[2]
    return None


def as_type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return ``parse`` as argparse wants it: what its ``ValueError`` says is said to the user."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


class Version(argparse.Action):
    """Print the versions and end the command."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        output.say(versions())
        parser.exit()


def versions() -> str:
    """Return our version, those of what we run on, without importing that, and the build."""
    from importlib import metadata  # noqa: PLC0415 - costs 20 ms, and is hardly ever asked for

    from actors.speedups import BUILD  # noqa: PLC0415 - the compiled build imports orjson

    found = [f"{name} {metadata.version(name)}" for name in ("gevent", "pykka")]
    return f"roost {__version__} (Python {platform.python_version()}, {', '.join(found)}, {BUILD})"
