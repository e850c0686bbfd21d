"""Comma-separated header values as lists of tokens (RFC 9110 §5.6.1), in linear time."""

from __future__ import annotations

from collections.abc import Iterable

MAX_TOKENS = 32


def split(values: Iterable[str]) -> list[str] | None:
    """Answer the elements of all ``values`` of one header; ``None`` where they are more than 32.

    Empty elements count but are left out; tokens are returned as they were written.
    """
    text = ",".join(values)
    if text.count(",") >= MAX_TOKENS:
        return None
    return [token for token in (part.strip(" \t") for part in text.split(",")) if token]
