"""What a client may ask of the HTTP layer."""

from __future__ import annotations

from dataclasses import dataclass

from actors.options import Options, bound, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOptions(Options):
    """Limits and deadlines of one HTTP connection. Each deadline is for the whole, not per read."""

    max_request_line: int = bound(8000, "bytes of a request line, else 414", "bytes")
    max_header_line: int = bound(8192, "bytes of one header as it is sent, else 431", "bytes")
    max_headers: int = bound(100, "headers, else 431", "headers")
    max_head: int = bound(32_768, "bytes of the request line and all headers, else 431", "bytes")
    max_body: int = bound(8_000_000, "bytes of a body, decoded, else 413", "bytes")
    max_chunk_framing: int = bound(
        16_384,
        "bytes of chunk sizes, extensions and trailers, beside one for 4 of the body, else 413",
        "bytes",
    )
    max_bodies: int = bound(
        268_435_456,
        "bytes of all bodies that a process is receiving; beyond, the largest and slowest is 503",
        "bytes",
    )
    max_stalled: int = bound(
        1000,
        "answers in parts that wait for clients to read; beyond, who waits longest is reset",
        "answers",
    )
    max_pipelined: int = bound(
        65_536, "bytes that may wait behind an unanswered request before reading pauses", "bytes"
    )
    header_timeout: float = seconds(
        5.0, "from a request's first byte to the end of its head, else 408"
    )
    body_timeout: float = seconds(15.0, "from the end of the head to the end of the body, else 408")
    keepalive_timeout: float = seconds(60.0, "without a request before the connection closes")
