"""Whether a payload is what a test expects, and where it is not.

=====================================  =========================================================
expected                               matches
=====================================  =========================================================
``...``                                anything
a type                                 its instances; ``int`` and ``float`` no ``bool``
a mapping                              a mapping with these keys, and others; values match
a list, a tuple                        a list of the same length whose elements match
anything else                          what is equal; ``True`` is not ``1``
=====================================  =========================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def difference(expected: Any, value: Any, at: str = "$") -> str | None:
    """Return where and how ``value`` differs from what is expected, ``None`` where it does not."""
    if isinstance(expected, Mapping):
        return _in_mapping(expected, value, at)
    if isinstance(expected, list | tuple):
        return _in_list(expected, value, at)
    if isinstance(expected, type):
        strange = isinstance(value, bool) and expected in {int, float}
        if isinstance(value, expected) and not strange:
            return None
        return f"{at}: {value!r:.100} is no {expected.__name__}"
    if expected is ... or _equal(expected, value):
        return None
    return f"{at}: {value!r:.100} is not {expected!r:.100}"


def _equal(expected: Any, value: Any) -> bool:
    if isinstance(expected, int | float) and isinstance(expected, bool) != isinstance(value, bool):
        return False
    return bool(expected == value)


def _in_mapping(expected: Mapping[Any, Any], value: Any, at: str) -> str | None:
    if not isinstance(value, Mapping):
        return f"{at}: {value!r:.100} is no mapping"
    for key, each in expected.items():
        if key not in value:
            return f"{at}: has no {key!r}"
        found = difference(each, value[key], f"{at}.{key}")
        if found is not None:
            return found
    return None


def _in_list(expected: list[Any] | tuple[Any, ...], value: Any, at: str) -> str | None:
    if not isinstance(value, list | tuple):
        return f"{at}: {value!r:.100} is no list"
    if len(value) != len(expected):
        return f"{at}: has {len(value)} elements, not {len(expected)}"
    for index, each in enumerate(expected):
        found = difference(each, value[index], f"{at}[{index}]")
        if found is not None:
            return found
    return None


def missing(what: str, expected: Any, payloads: Iterable[Any]) -> str:
    """Return the words for what did not come; ``payloads``: those that were nearest to it."""
    text = f"no {what} with {shown(expected)}"
    wrong = next(filter(None, (difference(expected, each) for each in payloads)), None)
    return f"{text}; {wrong}" if wrong else text


def shown(expected: Any) -> str:
    """Return what is expected, for a message: ``...`` for anything, a type by its name."""
    if expected is ...:
        return "..."
    if isinstance(expected, type):
        return expected.__name__
    if isinstance(expected, Mapping):
        return "{" + ", ".join(f"{key!r}: {shown(each)}" for key, each in expected.items()) + "}"
    if isinstance(expected, list | tuple):
        return "[" + ", ".join(map(shown, expected)) + "]"
    return f"{expected!r}"
