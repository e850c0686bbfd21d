"""Messages between processes as bytes: a length of four bytes, then msgpack.

Only plain values travel: ``None``, bool, int, float, str, bytes, lists, and dicts with ``str``
keys. Nothing that is read is turned into an object or code.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, Final

import msgpack

MAX_FRAME: Final = 4 * 1024 * 1024
"""Bytes of one message; judged by the length alone, before anything is kept."""

_LENGTH: Final = 4
_SIZE: Final = Struct(">I")

_LEAVES: Final = frozenset({type(None), bool, int, float, str, bytes})
"""What holds nothing else. Whole containers are compared with it at once, in C."""

_LISTS: Final = (list, tuple)
_KEYS: Final = frozenset({str, bytes})

_SHALLOW: Final = 50
"""Levels up to which a value is looked through without unpacking it."""

_NOT_PLAIN: Final = "a message holds plain values alone"


class FrameError(Exception):
    """The other side sent what is no message: nothing more can be read from it."""


def pack(value: Any, limit: int = MAX_FRAME) -> bytes:
    """Return ``value`` as it travels; what :func:`unpack` would refuse is refused here.

    ``TypeError``: it holds something that is no plain value; ``ValueError``: it has more than
    ``limit`` bytes.
    """
    packed = _packed(value, limit)
    try:
        _check_readable(value, _SHALLOW)
    except RecursionError:
        _copy(packed)  # which counts the levels
    except TypeError as error:
        raise TypeError(f"{_NOT_PLAIN}: {error}") from None
    return packed


def pack_and_copy(value: Any) -> tuple[bytes, Any]:
    """Return what :func:`pack` does, and an equal value that shares nothing with ``value``."""
    packed = _packed(value, MAX_FRAME)
    return packed, _copy(packed)


def _packed(value: Any, limit: int) -> bytes:
    try:
        packed: bytes = msgpack.packb(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{_NOT_PLAIN}: {error}") from None
    if len(packed) > limit:
        raise ValueError(f"a message of {len(packed)} bytes, over {limit}")
    return packed


def _copy(packed: bytes) -> Any:
    try:
        return unpack(packed)
    except FrameError as error:  # for instance a dict whose keys are numbers
        raise TypeError(f"{_NOT_PLAIN}: {error}") from None


def unpack(packed: bytes | bytearray) -> Any:
    """Return the value; :class:`FrameError` for what :func:`pack` would not have made."""
    try:
        # A timestamp, which ext_hook is not asked about, becomes a float and no object.
        return msgpack.unpackb(packed, ext_hook=_refuse, timestamp=1)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise FrameError(f"not a message: {error}") from None


def _check_readable(value: Any, levels: int) -> None:
    """Raise ``TypeError`` for what msgpack packs and :func:`unpack` refuses.

    Those are keys that are no text, and extension types. ``value`` was packed before, so it holds
    nothing but msgpack's types. ``RecursionError``: it is deeper than ``levels``.
    """
    if isinstance(value, dict):
        if not (
            _KEYS.issuperset(map(type, value)) or all(isinstance(key, str | bytes) for key in value)
        ):
            raise TypeError("a key that is no str")
        value = value.values()
    elif not isinstance(value, _LISTS):
        return
    elif isinstance(value, msgpack.ExtType):
        raise TypeError(f"an extension type {value!r:.80}")
    if not _LEAVES.issuperset(map(type, value)):
        if not levels:
            raise RecursionError
        for each in value:
            if type(each) not in _LEAVES:
                _check_readable(each, levels - 1)


def frame(packed: bytes) -> bytes:
    """Return ``packed`` behind its length."""
    return len(packed).to_bytes(_LENGTH, "big") + packed


def _refuse(code: int, data: bytes) -> Any:
    raise ValueError(f"extension type {code} of {len(data)} bytes")


class FrameReader:
    """Cuts what is read into messages; ``limit`` is the most bytes that one may have."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[Any]:
        """Take what was read; return the messages that it completes."""
        return list(self.cut(data))

    def cut(self, data: bytes) -> Iterator[Any]:
        """As :meth:`feed`, one after the other: each is unpacked when it is asked for.

        Take them all before more is read.
        """
        kept = self._buffer
        if kept:
            kept += data
        read = kept or data  # most reads begin with a message: those are cut where they lie
        start, end = 0, len(read)
        while end - start >= _LENGTH:
            (size,) = _SIZE.unpack_from(read, start)
            if size > self._limit:
                raise FrameError(f"a message of {size} bytes, over {self._limit}")
            stop = start + _LENGTH + size
            if stop > end:
                break
            yield unpack(read[start + _LENGTH : stop])
            start = stop
        if read is kept:
            del kept[:start]
        else:
            kept += read[start:]
