"""What headers are made of, stated once (RFC 9110 §5.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

TCHAR: Final = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]"
"""A character of a token, as a pattern (§5.6.2)."""

TOKEN: Final = re.compile(f"{TCHAR}+")

TOKEN_BYTES: Final = f"{TCHAR}+".encode()
"""A token, as a part of patterns for bytes."""

MAX_TOKENS: Final = 32


def split(values: Iterable[str]) -> list[str] | None:
    """Return the elements of all ``values`` of one header that is a comma-separated list (§5.6.1).

    ``None`` where they are more than 32. Empty elements count but are left out; tokens are returned
    as they were written. The time is linear.
    """
    text = ",".join(values)
    if text.count(",") >= MAX_TOKENS:
        return None
    return [token for token in (part.strip(" \t") for part in text.split(",")) if token]
