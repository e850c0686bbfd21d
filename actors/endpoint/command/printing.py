"""``--print-config``: every setting, its value and its source, as a file for ``--config``; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from actors.endpoint.command.setting import Setting
from actors.endpoint.command.settings import SETTINGS, TABLES
from actors.endpoint.command.sources import Origin, Resolved


def lines(resolved: Resolved) -> Iterator[str]:
    """Yield ``name = value  # source`` of each setting, below the head of its table.

    What nobody has given, and has no value by itself, is behind a ``#``, with what is in force in
    words. Of a secret there is ``***``, which no source accepts.
    """
    for table in TABLES:
        yield f"[{table}]"
        for setting in SETTINGS:
            if setting.table == table:
                value = resolved.values[setting.name]
                origin = resolved.origins[setting.name]
                if value is None and origin is None:
                    yield f"# {setting.name} = {setting.shown}  # default"
                else:
                    yield _line(setting.name, _plain(setting, value), origin)
        yield ""
    for table, options in resolved.overrides.items():
        yield f"[{table}]"
        for name, value in options.items():
            yield _line(name, value, resolved.lines[table, name])
        yield ""


def _plain(setting: Setting, value: Any) -> Any:
    shown = setting.mask or setting.plain
    return [shown(each) for each in value] if setting.many else shown(value)


def _line(name: str, value: Any, origin: Origin | None) -> str:
    source = "default" if origin is None else origin.said
    return f"{name} = {toml(value)}  # {source}"


def toml(value: Any) -> str:
    """Return a plain value as TOML has it, in one line."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value).removesuffix(".0")
        case None:
            return '"none"'
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case Mapping():
            return f"{{{', '.join(f'{name} = {toml(each)}' for name, each in value.items())}}}"
    # JSON's escapes are TOML's, but for the character 7f.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
