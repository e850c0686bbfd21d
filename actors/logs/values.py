"""Any value as what JSON can say of it: bounded, without secrets, whatever its methods do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from actors.logs.escaping import escaped
from actors.logs.filtering import FILTERED, Parameters

MAX_FIELD: Final = 2000
"""Characters of a field."""

MAX_NAME: Final = 64
"""Characters of the name of a field."""

MAX_ITEMS: Final = 50
"""Of one mapping or list."""

MAX_VALUES: Final = 200
"""In one field altogether."""

MAX_DEPTH: Final = 5
"""Levels of mappings and lists."""

MAX_BITS: Final = 64
"""Of a whole number; a longer one is said by its size, as few readers take it."""

CUT: Final = "..."

_CONTAINERS: Final = (dict, list, tuple, set, frozenset)


def text(value: str, parameters: Parameters, most: int = MAX_FIELD) -> str:
    """Return a text on one line, without secrets, of ``most`` characters and ``...``."""
    whole = value if type(value) is str else str.__str__(value)
    # A little more than is kept, so that what a cut leaves of a secret is recognised.
    safe = escaped(parameters.text(whole[: most + 200]))
    return safe if len(safe) <= most and len(whole) <= most + 200 else safe[:most] + CUT


def plain(value: object, parameters: Parameters) -> Any:
    """Return ``value`` as dicts, lists, texts, numbers, booleans and ``None``."""
    try:
        return _Plain(parameters).of(value, MAX_DEPTH)
    except Exception as error:  # noqa: BLE001 - another thread changes it, say
        return _failed(value, error)


class _Plain:
    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._left = MAX_VALUES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        kind = type(value)  # isinstance would ask an object whose methods may fail
        if value is None or value is True or value is False:
            return value
        if issubclass(kind, str):
            return text(value, self._parameters)
        if issubclass(kind, int):
            return _whole(value)
        if issubclass(kind, float):
            return _float(value)
        if issubclass(kind, _CONTAINERS):
            return self._several(value, depth)
        return self._shown(value)

    def _several(self, value: Any, depth: int) -> Any:
        if not depth or self._left <= 0:
            return CUT
        kind = type(value)
        if issubclass(kind, dict):
            return dict(self._pairs(value, depth))
        if issubclass(kind, tuple | list) and _is_named(value, self._parameters):
            return [self.of(value[0], 0), FILTERED]
        found: list[Any] = []
        for each in _first(value):
            if self._left <= 0 or len(found) == MAX_ITEMS:
                found.append(CUT)
                break
            found.append(self.of(each, depth - 1))
        return found

    def _pairs(self, value: dict[Any, Any], depth: int) -> Iterator[tuple[str, Any]]:
        for number, (name, inner) in enumerate(_first(value)):
            if self._left <= 0 or number == MAX_ITEMS:
                yield CUT, CUT
                return
            hides = self._parameters.hides_parameter(name) and not _says_nothing(inner)
            yield self._name(name), FILTERED if hides else self.of(inner, depth - 1)

    def _name(self, name: object) -> str:
        shown: Any = name if issubclass(type(name), str) else self._shown(name)
        return text(shown, self._parameters, MAX_NAME)

    def _shown(self, value: Any) -> str:
        try:
            if issubclass(type(value), bytes | bytearray):
                shown = repr(bytes(value[: MAX_FIELD + 200]))
            else:
                shown = repr(value)
        except Exception as error:  # noqa: BLE001 - an application's __repr__
            return _failed(value, error)
        return text(shown, self._parameters)


def _failed(value: object, error: Exception) -> str:
    return escaped(f"a {type(value).__name__[:MAX_NAME]} ({type(error).__name__[:MAX_NAME]})")


def _first(value: Any) -> list[Any]:
    """Return the first items of a container, pairs of a dict, without asking a subclass."""
    kind: Any = next(kind for kind in _CONTAINERS if issubclass(type(value), kind))
    items = dict.items(value) if kind is dict else kind.__iter__(value)
    return list(islice(items, MAX_ITEMS + 1))


def _is_named(value: Any, parameters: Parameters) -> bool:
    """Whether it is a name and a value, as headers are listed, and the name is that of a secret."""
    kind: Any = tuple if issubclass(type(value), tuple) else list
    if kind.__len__(value) != 2:
        return False
    name, inner = kind.__getitem__(value, 0), kind.__getitem__(value, 1)
    return issubclass(type(inner), str | bytes) and parameters.hides(name)


def _says_nothing(value: object) -> bool:
    return value is None or value is True or value is False


def _whole(value: int) -> Any:
    bits = int.bit_length(value)
    return int.__add__(value, 0) if bits <= MAX_BITS else f"a whole number of {bits} bits"


def _float(value: float) -> Any:
    found = float.__add__(value, 0.0)
    if math.isfinite(found):
        return found
    return "NaN" if math.isnan(found) else "Infinity" if found > 0 else "-Infinity"
