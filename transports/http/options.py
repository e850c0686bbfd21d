"""What a client may ask of the HTTP layer."""

from __future__ import annotations

from dataclasses import dataclass

from actors.options import Options, option, positive, positive_int


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPOptions(Options):
    """Limits and deadlines of one HTTP connection. Each deadline is for the whole, not per read."""

    max_request_line: int = option(
        8000, "bytes of a request line, else 414", check=positive_int, limit="bytes"
    )
    max_header_line: int = option(
        8192, "bytes of one header as it is sent, else 431", check=positive_int, limit="bytes"
    )
    max_headers: int = option(100, "headers, else 431", check=positive_int, limit="headers")
    max_head: int = option(
        32_768,
        "bytes of the request line and all headers, else 431",
        check=positive_int,
        limit="bytes",
    )
    max_body: int = option(
        8_000_000, "bytes of a body, decoded, else 413", check=positive_int, limit="bytes"
    )
    max_chunk_framing: int = option(
        16_384,
        "bytes of chunk sizes, extensions and trailers, beside one for 4 of the body, else 413",
        check=positive_int,
        limit="bytes",
    )
    max_bodies: int = option(
        268_435_456,
        "bytes of all bodies that a process is receiving; beyond, the largest and slowest is 503",
        check=positive_int,
        limit="bytes",
    )
    max_stalled: int = option(
        1000,
        "answers in parts that wait for clients to read; beyond, who waits longest is reset",
        check=positive_int,
        limit="answers",
    )
    max_pipelined: int = option(
        65_536,
        "bytes that may wait behind an unanswered request before reading pauses",
        check=positive_int,
        limit="bytes",
    )
    header_timeout: float = option(
        5.0,
        "from a request's first byte to the end of its head, else 408",
        check=positive,
        limit="seconds",
    )
    body_timeout: float = option(
        15.0,
        "from the end of the head to the end of the body, else 408",
        check=positive,
        limit="seconds",
    )
    keepalive_timeout: float = option(
        60.0, "without a request before the connection closes", check=positive, limit="seconds"
    )
