"""The header ``traceparent`` of W3C Trace Context, level 1: whose request it is, in a trace.

It is read, and nothing is sent: to go on with a trace is an application's, or a tracing library's.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_HEADER: Final = 1024
"""Characters of a header that is looked at; one of a later version may be longer than ours."""

_SHAPE: Final = re.compile("([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_LENGTH: Final = 55


class TraceParent(NamedTuple):
    """A caller's trace: its id, and that of the span that called; both in lower-case hex."""

    trace_id: str
    span_id: str


def parse(header: str) -> TraceParent | None:
    """Return what a header says; ``None`` for one that is malformed, which is to be ignored.

    Ids of zeros and the version ``ff`` are invalid, upper case is. A version above ``00`` may have
    more behind, after a ``-``.
    """
    if len(header) < _LENGTH or len(header) > MAX_HEADER:
        return None
    found = _SHAPE.match(header)
    if found is None:
        return None
    version, trace_id, span_id = found.groups()
    if version == "ff" or trace_id.strip("0") == "" or span_id.strip("0") == "":
        return None
    if len(header) > _LENGTH and (version == "00" or header[_LENGTH] != "-"):
        return None
    return TraceParent(trace_id, span_id)


def only(headers: list[str]) -> TraceParent | None:
    """Return what the one header of a request says; several say nothing."""
    return parse(headers[0]) if len(headers) == 1 else None
