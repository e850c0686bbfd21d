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


class FrameError(Exception):
    """The other side sent what is no message: nothing more can be read from it."""


def pack(value: Any, limit: int = MAX_FRAME) -> bytes:
    """Return ``value`` as it travels.

    ``TypeError``: it holds something that is no plain value; ``ValueError``: it has more than
    ``limit`` bytes.
    """
    try:
        packed: bytes = msgpack.packb(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"a message holds plain values alone: {error}") from None
    if len(packed) > limit:
        raise ValueError(f"a message of {len(packed)} bytes, over {limit}")
    return packed


def unpack(packed: bytes | bytearray) -> Any:
    """Return the value; :class:`FrameError` for what :func:`pack` would not have made."""
    try:
        # A timestamp, which ext_hook is not asked about, becomes a float and no object.
        return msgpack.unpackb(packed, ext_hook=_refuse, timestamp=1)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise FrameError(f"not a message: {error}") from None


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
