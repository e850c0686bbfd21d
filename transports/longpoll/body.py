"""The body of a long-poll POST: one text message, or a batch (as phoenix.js sends it).

``application/x-ndjson``, spelled exactly so, is a batch: each line is a message, text where it
begins with ``[`` and else base64 of a binary one. Lines end with LF or, as in Phoenix, CR LF. Any
other body is one text message. A batch is taken whole or not at all.
"""

from __future__ import annotations

import binascii

from actors.errors import HTTPError
from transports.longpoll.options import LongPollOptions

NDJSON = "application/x-ndjson"

Message = str | bytes
"""Text and binary: the opcode is the type's."""


def decode(body: bytes, content_type: str | None, options: LongPollOptions) -> list[Message]:
    """Return the messages; :class:`HTTPError` 400 for what is none, 413 for too large a body.

    Phoenix answers 500 to bad base64 and loses text that is not UTF-8 later on.
    """
    if len(body) > options.max_body:
        check_size(len(body), options)
    if content_type != NDJSON or (body[:1] == b"[" and b"\n" not in body):
        return [_text(body)]  # a batch of one, too, as most are
    # What is beyond the limit stays one piece: 8 MB of newlines cost a copy (CVE-2026-32689).
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    lines = body.split(b"\n", options.max_batch)
    if len(lines) > 1 and not lines[-1]:
        # In Phoenix a newline at the end makes an empty message, which crashes the session.
        lines.pop()
    if len(lines) > options.max_batch:
        raise HTTPError(400, f"over {options.max_batch} messages in one request")
    return [_text(line) if line[:1] == b"[" else _binary(line, options) for line in lines]


def weight(messages: list[Message]) -> int:
    """Return the bytes that the messages take in memory."""
    size = 0
    for message in messages:
        size += message.__sizeof__()
    return size


def check_size(size: int, options: LongPollOptions) -> None:
    """Raise :class:`HTTPError` 413 where a body of ``size`` bytes would be too large."""
    if size > options.max_body:
        raise HTTPError(413, f"the body must be at most {options.max_body} bytes, got {size}")


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise HTTPError(400, "a text message is not UTF-8") from None


def _binary(line: bytes, options: LongPollOptions) -> bytes:
    if len(line) > options.max_base64:
        raise HTTPError(400, f"a base64 line of {len(line)} bytes, over {options.max_base64}")
    try:
        data = binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise HTTPError(400, "a line is neither a JSON array nor base64") from None
    if binascii.b2a_base64(data, newline=False) != line:
        raise HTTPError(400, "a line is not base64 in its canonical form")
    return data
