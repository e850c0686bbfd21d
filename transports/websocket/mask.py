"""Masking (RFC 6455 §5.3): in C where ``websockets`` brings that, else as one large number."""

from __future__ import annotations

import sys

__all__ = ["apply_mask"]

Payload = bytes | memoryview

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without it, or an installation that was built without a compiler

    def apply_mask(data: Payload, mask: bytes, /) -> bytes:  # type: ignore[misc] # the same shape
        """Return ``data`` with ``mask`` (4 bytes) over it, or from under it."""
        size = len(data)
        order = sys.byteorder
        repeated = (mask * (size // 4 + 1))[:size]
        mixed = int.from_bytes(data, order) ^ int.from_bytes(repeated, order)
        return mixed.to_bytes(size, order)
