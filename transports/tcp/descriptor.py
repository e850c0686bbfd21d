"""What a compiled build must know of a stream: its descriptor, what waits, and how much to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.speedups import hot


class PureDescriptor:
    """The fields of a :class:`~transports.tcp.stream.Stream` that its hot path looks at.

    ``fd`` is below 0 once it is closed. ``is_closing``: nothing more is written. ``read_size``:
    bytes of the next read; ``most``: of any.
    """

    __slots__ = ("backlog", "fd", "is_closing", "most", "read_size")

    if TYPE_CHECKING:
        backlog: bytearray | None
        fd: int
        is_closing: bool
        most: int
        read_size: int


Descriptor = PureDescriptor
if not TYPE_CHECKING:
    Descriptor = hot(PureDescriptor)
