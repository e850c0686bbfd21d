"""Control characters in what is logged: nobody else chooses where a line ends."""

from __future__ import annotations

import re

# C0, DEL and C1; the line separators of Unicode; what turns the direction of text; surrogates,
# which no file in UTF-8 takes.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escaped(text: str) -> str:
    r"""Return ``text`` with control characters written out, as in ``\x1b``; newlines too."""
    return _CONTROLS.sub(_written, text)


def _written(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
