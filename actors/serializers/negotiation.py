"""Which serializer a client gets for the version that it names (``Phoenix.Socket``, ``Version``).

A requirement is a version (``2.0.0-msgpack``) or ``~>`` and a version: the same or a later patch
for three numbers (``~> 2.0.0``), the same or a later minor version for two (``~> 2.1``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from actors.errors import ConfigError

if TYPE_CHECKING:
    from actors.serializers.message import Serializer

DEFAULT_VERSION = "1.0.0"
"""The version of a client that names none."""

MAX_VERSION = 64
"""Characters of a version that is looked at."""

_NUMBER = r"(0|[1-9][0-9]{0,8})"
_VERSION = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)
_MINOR = re.compile(rf"{_NUMBER}\.{_NUMBER}", re.ASCII)

_Order = tuple[tuple[int, ...], tuple[tuple[int, int, str], ...]]
"""Orders as Semantic Versioning 2.0.0 §11 does: numbers, then a pre-release before its release."""

_RELEASE = ((2, 0, ""),)


class Served(NamedTuple):
    """One row of the ``serializer`` option; ``low <= version < high``, both as :data:`_Order`."""

    serializer: Serializer
    requirement: str
    low: _Order
    high: _Order


def served(pairs: Iterable[Served | tuple[Serializer, str]]) -> tuple[Served, ...]:
    """Return what a mount serves, in order; ``ConfigError`` for a requirement of another form.

    What has been made of a pair before is kept, so that options can be made anew of others.
    """
    return tuple(
        pair if isinstance(pair, Served) else Served(pair[0], pair[1], *_range(pair[1]))
        for pair in pairs
    )


def negotiate(versions: Sequence[Served], vsn: object) -> Serializer | None:
    """Return the first serializer whose requirement ``vsn`` meets, ``None`` where none does.

    ``vsn`` is the parameter as the query had it; what is no string (``vsn[]=2.0.0``) names no
    version.
    """
    version = _order(vsn)
    if version is None:
        return None
    for each in versions:
        if each.low <= version < each.high:
            return each.serializer
    return None


class NotServed:
    """Why a client was refused: the version that it names, and those that are served."""

    def __init__(self, vsn: object, versions: Sequence[Served]) -> None:
        self._vsn = vsn
        self._versions = versions

    def __repr__(self) -> str:
        accepted = ", ".join(each.requirement for each in self._versions)
        return f"its vsn {self._vsn!r:.80} is not served; accepted: {accepted}"


def _order(text: object) -> _Order | None:
    if not isinstance(text, str) or len(text) > MAX_VERSION:
        return None
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, before = found.groups()
    return (int(major), int(minor), int(patch)), _before(before)


def _before(text: str | None) -> tuple[tuple[int, int, str], ...]:
    if text is None:
        return _RELEASE
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in text.split(".")
    )


def _range(requirement: object) -> tuple[_Order, _Order]:
    text = requirement if isinstance(requirement, str) else ""
    about = text.startswith("~>")
    text = text[2:].strip() if about else text
    minor = _MINOR.fullmatch(text) if about else None
    low = _order(f"{text}.0") if minor else _order(text)
    if low is None:
        raise ConfigError(
            f"serializer: {requirement!r} is no requirement: '~> 2.0.0', '~> 2.1' or '2.0.0'"
        )
    numbers, before = low
    high: _Order
    if minor:
        high = ((numbers[0] + 1, 0, 0), ())
    elif about:
        high = ((numbers[0], numbers[1] + 1, 0), ())
    else:
        high = (numbers, (*before, (0, 0, "")))
    return low, high
