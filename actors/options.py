"""Options as frozen keyword-only dataclasses: every default visible, every value checked.

A field made by :func:`option` carries how it is checked and, where it bounds something, its unit:
``--print-limits`` lists those.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from actors.errors import ConfigError

T = TypeVar("T", bound="Options")

MAX_SHOWN = 1000
"""Characters of a value in a message."""


def option(
    default: Any,
    doc: str,
    *,
    check: Callable[[Any], str | None] | None = None,
    limit: str | None = None,
    convert: Callable[[Any], Any] | None = None,
    secret: bool = False,
) -> Any:
    """Declare a field.

    ``check`` answers ``None`` or the accepted form in words. ``limit`` is the unit, such as
    ``"bytes"``, of an option that bounds what a peer may do. ``convert`` makes the value that is
    kept of one that is accepted. The value of a ``secret`` is in no message and no ``repr``.
    """
    metadata = {"doc": doc, "check": check, "limit": limit, "convert": convert, "secret": secret}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


def positive(value: Any) -> str | None:
    """Accept a number above zero."""
    ok = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return None if ok else "a number above 0"


def not_negative(value: Any) -> str | None:
    """Accept a finite number from 0 on."""
    ok = value == 0 or positive(value) is None
    ok = ok and not isinstance(value, bool) and value < math.inf
    return None if ok else "a number from 0 on"


def positive_int(value: Any) -> str | None:
    """Accept a whole number above zero."""
    ok = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return None if ok else "a whole number above 0"


def maybe(check: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """Accept ``None`` and what ``check`` accepts."""

    def checked(value: Any) -> str | None:
        wanted = None if value is None else check(value)
        return f"{wanted}, or None" if wanted else None

    return checked


def boolean(value: Any) -> str | None:
    """Accept ``True`` and ``False``."""
    return None if isinstance(value, bool) else "True or False"


def one_of(*choices: object) -> Callable[[Any], str | None]:
    """Accept one of ``choices``."""
    words = " or ".join(repr(c) for c in choices)
    return lambda value: None if value in choices else words


def bound(default: Any, doc: str, unit: str, *, check: Any = positive_int) -> Any:
    """Declare how many ``unit`` there may be of something, such as ``"bytes"``."""
    return option(default, doc, check=check, limit=unit)


def seconds(default: float | None, doc: str, *, check: Any = positive) -> Any:
    """Declare a deadline or a period."""
    return option(default, doc, check=check, limit="seconds")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The base: checks each field, names the option, the value and the accepted form."""

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            check, convert = f.metadata.get("check"), f.metadata.get("convert")
            wanted = check(value) if check else None
            if wanted:
                shown = "" if f.metadata.get("secret") else f"={_shown(value)}"
                raise ConfigError(f"{f.name}{shown}: must be {wanted}")
            if convert:
                object.__setattr__(self, f.name, convert(value))


def _shown(value: object) -> str:
    try:
        return repr(value)[:MAX_SHOWN]
    except Exception:  # noqa: BLE001 - an application's __repr__
        return f"a {type(value).__name__}"


def build(cls: type[T], given: Mapping[str, Any], where: str) -> T:
    """Make ``cls`` of ``given``; ``where`` (``'socket "/echo", websocket'``) begins any error."""
    refuse_unknown(given, [f.name for f in dataclasses.fields(cls)], where)
    try:
        return cls(**given)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def refuse_unknown(given: Iterable[str], known: list[str], where: str) -> None:
    """Raise a :class:`ConfigError` with a suggestion for the first name that is not known."""
    for name in given:
        if name not in known:
            raise ConfigError(f"{where}: unknown option {name!r}{did_you_mean(name, known)}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)``, or the sorted list of what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(names)})"


def limits(cls: type[Options]) -> Iterator[tuple[str, Any, str, str]]:
    """Yield (name, default, unit, doc) of each option of ``cls`` that bounds something."""
    for f in dataclasses.fields(cls):
        if f.metadata.get("limit"):
            yield f.name, f.default, f.metadata["limit"], f.metadata["doc"]
