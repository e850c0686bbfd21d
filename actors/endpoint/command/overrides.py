"""What the file says of the application's options: ``[endpoint]``, ``[websocket]``, ``[longpoll]``.

The command judges it here, without the application, so that what is wrong is found before anything
is bound. Where the application is loaded, in each process that serves, it is put in place of what
the code says (``applying``). What depends on the code as well is found there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, Final

from actors.endpoint.options import EndpointOptions
from actors.errors import ConfigError
from actors.options import Options, did_you_mean
from transports.http.options import HTTPOptions
from transports.longpoll.options import LongPollOptions
from transports.opening.origin import OriginCheck
from transports.websocket.options import WebSocketOptions

Overrides = Mapping[str, Mapping[str, Any]]
"""By table, the options that the file sets; plain values, as they travel to the workers."""

Path = tuple[str, ...]

OPTIONS: Final[Mapping[str, type[Options]]] = {
    "endpoint": EndpointOptions,
    "websocket": WebSocketOptions,
    "longpoll": LongPollOptions,
}
NESTED: Final[Mapping[str, type[Options]]] = {"http": HTTPOptions}
"""Options whose value is a table of options."""

IN_CODE: Final[Mapping[str, str]] = {
    "children": "its children are code",
    "connect_info": "what connect() learns belongs to the code that reads it",
    "error_handler": "a function is code",
    "fallback": "an application is code",
    "path": "each mount has its own",
    "secret_key_base": "secrets are not kept in this file; SECRET_KEY_BASE of the environment is"
    " for them",
    "serializer": "serializers are code",
    "watchers": "its watchers are code",
}
"""Options that the file cannot set, and why."""

NONE: Final = "none"
"""What stands for ``None``, which TOML has no word for."""

LARGEST: Final = 2**63 - 1
"""The largest whole number that a worker can be told."""


def judged(
    table: str, given: Mapping[str, Any], enough: int
) -> tuple[dict[str, Any], list[tuple[Path, str]]]:
    """Return the options of ``given`` that are good, and what is wrong with which others.

    With more than ``enough`` that are wrong the rest is not looked at.
    """
    good, wrong = _judged(OPTIONS[table], given, (), enough)
    if not wrong:
        try:
            OPTIONS[table](**_built(OPTIONS[table], good))
        except ConfigError as error:  # each for itself is good
            wrong.append(((), str(error)))
    return good, wrong


def _judged(
    options_class: type[Options], given: Mapping[str, Any], above: Path, enough: int
) -> tuple[dict[str, Any], list[tuple[Path, str]]]:
    known = {field.name: field for field in fields(options_class)}
    good: dict[str, Any] = {}
    wrong: list[tuple[Path, str]] = []
    for name, value in given.items():
        if len(wrong) > enough:
            break  # a hint takes its time
        nested = NESTED.get(name) if options_class is EndpointOptions else None
        if name not in known:
            hint = did_you_mean(name, known.keys() - IN_CODE.keys())
            wrong.append(((*above, name), f"unknown option {name!r:.100}{hint}"))
        elif name in IN_CODE:
            wrong.append(((*above, name), f"{name}: {IN_CODE[name]}"))
        elif nested is not None and isinstance(value, Mapping):
            good[name], more = _judged(nested, value, (*above, name), enough)
            wrong += more
        else:
            kept = None if value == NONE and _judge(known[name], None) is None else value
            words = _judge(known[name], kept)
            if words is None:
                good[name] = kept
            else:
                shown = "" if nested else f" = {value!r:.200}"
                wrong.append(((*above, name), f"{name}{shown}: {words}"))
    return good, wrong


def _judge(field: Field[Any], value: Any) -> str | None:
    """Return what is wrong with the value of one option, in the file's words."""
    if field.name in NESTED:
        return f"must be a table of options, such as [endpoint.{field.name}]"
    if isinstance(value, int) and abs(value) > LARGEST:
        return "is too large a number"
    if field.name == "check_origin":
        return _judge_origin(value)
    wanted = field.metadata["check"](value)
    if not wanted:
        return None
    words = wanted.replace("True or False", "true or false").replace("None", f'"{NONE}"')
    return f"must be {words}"


def _judge_origin(value: Any) -> str | None:
    try:
        OriginCheck(value)
    except ConfigError:
        return 'must be true, false, "conn", or a list of origins'
    return None


def _built(options_class: type[Options], given: Mapping[str, Any]) -> dict[str, Any]:
    nested = NESTED if options_class is EndpointOptions else {}
    return {n: nested[n](**value) if n in nested else value for n, value in given.items()}
