"""Our protocol beside the one of ``websockets``, on the same bytes cut at the same places.

Both are fed the same stream. What they deliver and how they end must agree, except where a name of
:data:`DIFFERENCES` says why not.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Close
from websockets.frames import Opcode as Theirs
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from actors.errors import ProtocolError
from actors.speedups import compiled
from tests.support.raw import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame
from transports.websocket import lifecycle as life
from transports.websocket.deflate import Deflate
from transports.websocket.options import WebSocketOptions
from transports.websocket.protocol import PeerClose, Ping, Pong, Protocol

CONT = 0
MAX_MESSAGE = 200


def max_frame(*, compress: bool) -> int:
    """Return the limit of a frame: to us it is one of the wire, to them of what it inflates to."""
    return MAX_MESSAGE if compress else 150


def options(*, compress: bool) -> WebSocketOptions:
    return WebSocketOptions(
        max_frame_size=max_frame(compress=compress),
        max_message_size=MAX_MESSAGE,
        max_fragments=1_000_000,  # the reference has no such limits
        max_empty_fragments=1_000_000,
        max_control_rate=1_000_000,
    )


class Outcome(NamedTuple):
    """What was delivered, the close code it failed with (``None``: it did not), and why."""

    events: list[Any]
    code: int | None = None
    why: str = ""


def read(protocol: Protocol, chunk: bytes, parse: Any) -> list[Any]:
    """Feed a chunk, with the messages that it begins with found by ``parse``, as a line does."""
    found: list[Any] = []
    if parse is not None and protocol.state is life.OPEN and not protocol.unfinished:
        found, used = parse(chunk, min(max_frame(compress=False), MAX_MESSAGE))
        chunk = chunk[used:]
    return found + (protocol.receive_data(chunk) if chunk else [])


def ours(chunks: Iterable[bytes], *, compress: bool = False, parse: Any = None) -> Outcome:
    deflate = Deflate(12, 15, 1_000_000, 1_048_576) if compress else None
    protocol = Protocol(options(compress=compress), lambda: 0.0, deflate)
    outcome = Outcome([])
    for received in itertools.chain.from_iterable(read(protocol, one, parse) for one in chunks):
        if isinstance(received, ProtocolError):
            outcome = Outcome(outcome.events, received.close_code, str(received))
        elif isinstance(received, Ping | Pong):
            outcome.events.append((type(received).__name__, received.payload or b""))
        elif isinstance(received, PeerClose):
            outcome.events.append(("Close", received.code, received.reason))
        else:
            outcome.events.append(received)
    return outcome


class Reference:
    """``websockets`` with its text decoded, which it leaves to the layer above."""

    def __init__(self, *, compress: bool = False) -> None:
        self._protocol = ServerProtocol(
            state=OPEN, max_size=(MAX_MESSAGE, max_frame(compress=compress))
        )
        if compress:
            self._protocol.extensions = [PerMessageDeflate(True, True, 15, 12, {})]
        self._decoder: Any = None
        self._parts: list[Any] = []
        self.outcome = Outcome([])

    def feed(self, chunks: Iterable[bytes]) -> Outcome:
        for chunk in chunks:
            self._protocol.receive_data(chunk)
            self._take()
        return self.outcome

    def _take(self) -> None:
        for received in self._protocol.events_received():
            if self.outcome.code is not None:
                return
            try:
                self._deliver(received)
            except UnicodeDecodeError:
                self.outcome = Outcome(self.outcome.events, 1007, "text")
        error = self._protocol.parser_exc
        if error is not None and self.outcome.code is None:
            assert self._protocol.close_sent is not None
            self.outcome = Outcome(self.outcome.events, self._protocol.close_sent.code, str(error))

    def _deliver(self, received: Any) -> None:
        events, data = self.outcome.events, bytes(received.data)
        if received.opcode is Theirs.CLOSE:
            close = Close.parse(data)
            events.append(("Close", int(close.code), close.reason))
        elif received.opcode in (Theirs.PING, Theirs.PONG):
            events.append((received.opcode.name.capitalize(), data))
        else:
            if received.opcode is not Theirs.CONT:
                text = received.opcode is Theirs.TEXT
                self._decoder = codecs.getincrementaldecoder("utf-8")() if text else None
                self._parts = []
            decode = self._decoder and self._decoder.decode
            self._parts.append(decode(data, received.fin) if decode else data)
            if received.fin:
                events.append(type(self._parts[0])().join(self._parts))


# -- where they may differ

# They look at the header when the frame is whole, and at its size before all else.
BEFORE_SIZE = (
    "control frame", "RSV bit", "continuation of nothing", "new message inside",
    "close code", "Close payload", "Close reason",
)  # fmt: skip

Rule = Callable[[Outcome, Outcome], bool]
DIFFERENCES: dict[str, Rule] = {
    "RFC 6455 §5.2: a length in its shortest form; they take any": lambda us, them: (
        ("shortest form" in us.why or "more than 125 bytes" in us.why)
        and us.events == them.events[: len(us.events)]
    ),
    "RFC 6455 §5.2: the top bit of a length is 0, 1002; to them it is too much, 1009": (
        lambda us, them: "top bit" in us.why and them.code == 1009 and us.events == them.events
    ),
    "a frame both malformed and too large: what is wrong with it goes before its size": (
        lambda us, them: (
            any(rule in us.why for rule in BEFORE_SIZE)
            and them.code == 1009
            and us.events == them.events
        )
    ),
    "a Close with neither a code nor a reason that is allowed: 1002 with us, 1007 with them": (
        lambda us, them: (
            "close code" in us.why
            and (us.code, them.code) == (1002, 1007)
            and us.events == them.events
        )
    ),
    "RFC 6455 §5.4: any control frame may come between fragments; they refuse a Close": (
        lambda us, them: (
            "incomplete fragmented message" in them.why
            and us.code is None
            and us.events[:-1] == them.events
            and us.events[-1][0] == "Close"
        )
    ),
    "RFC 6455 §5.5: a control frame counts for no message; to them it is too large for it": (
        lambda us, them: (
            them.code == 1009
            and us.events[: len(them.events)] == them.events
            and any(isinstance(one, tuple) for one in us.events[len(them.events) :][:1])
        )
    ),
}
COMPRESSED: dict[str, Rule] = {
    "RFC 6455 §7.4.1: what does not inflate is not of its type, 1007; to them it is 1002": (
        lambda us, them: (
            "decompression failed" in them.why
            and (us.code, them.code) == (1007, 1002)
            and us.events == them.events
        )
    ),
    "data after a final DEFLATE block is refused; they do not look at it": lambda us, them: (
        "final DEFLATE block" in us.why and us.events == them.events[: len(us.events)]
    ),
    "a message is as large as it inflates to; they add what its next frame is on the wire": (
        lambda us, them: (
            them.code == 1009
            and "after reading" in them.why
            and them.events == us.events[: len(them.events)]
        )
    ),
    "a message is inflated when it is whole; they find what is wrong with it in its frames": (
        lambda us, them: (
            (them.code in {1007, 1009} or "decompression failed" in them.why)
            and us.events[: len(them.events)] == them.events
            and all(isinstance(one, tuple) for one in us.events[len(them.events) :])
        )
    ),
    "the frames of a message are bounded on the wire as well": lambda us, them: (
        "a message of over" in us.why and us.events == them.events[: len(us.events)]
    ),
}


def same(us: Outcome, them: Outcome) -> bool:
    return (us.events, us.code) == (them.events, them.code)


def check(data: bytes, cuts: list[int], *, compress: bool = False) -> None:
    chunks = list(cut_up(data, cuts))
    us = ours(chunks, compress=compress)
    assert same(us, ours([data], compress=compress)), "where it is cut must not matter"
    if compiled is not None and not compress:
        assert ours(chunks, parse=compiled.parse) == us, "the build must not matter"
    reference = Reference(compress=compress)
    them = reference.feed(chunks)
    if us.code is not None and them.code is None:
        # They wait for the payload that we need not see: they get it, and nothing behind it.
        them = reference.feed([missing(data, max_frame(compress=compress))])
    event(f"code {us.code}")
    if not same(us, them):
        names = differences(us, them, compress=compress)
        assert names, (us, them)
        event(names[0])


def differences(us: Outcome, them: Outcome, *, compress: bool) -> list[str]:
    rules = DIFFERENCES | COMPRESSED if compress else DIFFERENCES
    return [name for name, rule in rules.items() if rule(us, them)]


def cut_up(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = 0
    for size in itertools.cycle(cuts):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


def missing(data: bytes, limit: int) -> bytes:
    """Return what makes the last frame of ``data`` whole, in zeros."""
    start = 0
    while True:
        head = data[start:] + bytes(14)
        masked, length = 4 * (head[1] >> 7), head[1] & 127
        size = {126: 2, 127: 8}.get(length, 0)
        if size:
            length = int.from_bytes(head[2 : 2 + size], "big")
        if length > limit:  # judged by its header
            return bytes(max(0, start + 2 + size - len(data)))
        start += 2 + size + masked + length
        if start >= len(data):
            return bytes(start - len(data))


# -- streams

payloads = st.one_of(
    st.text(max_size=40).map(str.encode),
    st.binary(max_size=40),
    st.sampled_from([124, 125, 126, 127, 149, 150, 151, 200]).map(lambda size: b"x" * size),
    st.sampled_from(["\u00e9", "\u20ac\U0001f600", "x" * 60 + "\u20ac"]).map(str.encode),
)
masks = st.sampled_from([b"\x00\x00\x00\x00", b"\x01\x02\x03\x04", b"\xff\x80\x7f\x00"])
close_payloads = st.one_of(
    st.just(b""),
    st.tuples(
        st.sampled_from([999, 1000, 1001, 1004, 1005, 1006, 1007, 1012, 1015, 1016, 3000, 4999]),
        st.sampled_from([b"", b"bye", b"\xc3\xa9", b"\xff", b"x" * 123]),
    ).map(lambda pair: pair[0].to_bytes(2, "big") + pair[1]),
    st.binary(max_size=1),
)
controls = st.one_of(
    st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=8), mask=masks),
    st.builds(frame, st.just(CLOSE), close_payloads, mask=masks),
)
first_bytes = st.one_of(st.sampled_from([0x81, 0x82, 0x01, 0x00, 0x80]), st.integers(0, 255))
second_bytes = st.one_of(st.sampled_from([0x80, 0x85, 0xFE, 0xFF, 0xFD]), st.integers(0, 255))


@st.composite
def messages(draw: st.DrawFn, *, compress: bool = False) -> list[bytes]:
    """One message's frames, sometimes with control frames between them."""
    opcode, payload = draw(st.sampled_from([TEXT, TEXT, BINARY])), draw(payloads)
    rsv = 0
    if compress and draw(st.booleans()):
        rsv, payload = 4, Deflate(12, 15, 25, 1_048_576).compress(payload)
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    parts = [payload[a:b] for a, b in itertools.pairwise([0, *cuts, len(payload)])]
    made = []
    for index, part in enumerate(parts):
        kind, final, bits = (
            CONT if index else opcode,
            index == len(parts) - 1,
            rsv if not index else 0,
        )
        made.append(frame(kind, part, fin=final, rsv=bits, mask=draw(masks)))
        if draw(st.integers(0, 7)) == 0:
            made.append(draw(controls))
    return made


@st.composite
def streams(draw: st.DrawFn, *, compress: bool = False) -> bytes:
    """Frames that are mostly right: some are changed in a bit, doubled, lost or cut short."""
    frames = [f for m in draw(st.lists(messages(compress=compress), max_size=5)) for f in m]
    for _ in range(draw(st.integers(0, 2))):
        if not frames:
            break
        at = draw(st.integers(0, len(frames) - 1))
        change = draw(st.sampled_from(["bit", "head", "lose", "double", "short", "length"]))
        old = frames[at]
        if len(old) < 2:  # an earlier change cut it short
            continue
        if change in {"bit", "head"}:
            where = draw(st.integers(0, (2 if change == "head" else len(old)) - 1))
            bit = 1 << draw(st.integers(0, 7))
            frames[at] = old[:where] + bytes((old[where] ^ bit,)) + old[where + 1 :]
        elif change == "length" and old[1] & 127 < 126:
            size = draw(st.sampled_from([2, 8]))
            length = (old[1] & 127).to_bytes(size, "big")
            frames[at] = old[:1] + bytes((0x80 | (126 if size == 2 else 127),)) + length + old[2:]
        elif change == "short":
            frames[at] = old[: draw(st.integers(0, len(old)))]
        else:
            frames[at : at + 1] = [old, old] if change == "double" else []
    return b"".join(frames)


@st.composite
def byte_streams(draw: st.DrawFn) -> bytes:
    """Anything, often with what looks like a header."""
    heads = st.tuples(first_bytes, second_bytes).map(bytes)
    return b"".join(draw(st.lists(st.one_of(heads, st.binary(max_size=12), controls), max_size=8)))


cuts = st.lists(st.integers(1, 60), min_size=1, max_size=6)
thorough = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@thorough
@given(streams(), cuts)
@example(close_frame(1000) + frame(TEXT, "late"), [1])
@example(frame(TEXT, "x" * 150) + frame(TEXT, "x" * 151), [7])
@example(frame(TEXT, "x" * 150, fin=False) + frame(PING, "x" * 60) + frame(CONT, "x" * 50), [9])
def test_frame_streams_have_the_outcome_of_the_reference(data: bytes, cuts: list[int]) -> None:
    check(data, cuts)


@thorough
@given(byte_streams(), cuts)
@example(bytes.fromhex("81ff8000000000000000"), [1])
def test_byte_streams_have_the_outcome_of_the_reference(data: bytes, cuts: list[int]) -> None:
    check(data, cuts)


@thorough
@given(streams(compress=True), cuts)
def test_compressed_streams_have_the_outcome_of_the_reference(data: bytes, cuts: list[int]) -> None:
    check(data, cuts, compress=True)


def test_each_difference_is_one() -> None:
    """No name stands for something that is not there (any more)."""
    found: set[str] = set()
    full = Deflate(12, 15, 25, 1_048_576).compress(bytes(MAX_MESSAGE))
    for data, compress in [
        (frame(PING, b"")[:1] + b"\xfe\x00\x00" + bytes(4), False),
        (b"\x81\xfe\x00\x01" + bytes(4) + b"x", False),
        (b"\x81\xff" + b"\xff" * 8, False),
        (frame(TEXT, "x" * 151, rsv=1), False),
        (frame(CLOSE, b"\x00\x01\xff"), False),
        (frame(TEXT, "a", fin=False) + close_frame(1000), False),
        (frame(TEXT, "x" * 150, fin=False) + frame(PING, "x" * 60), False),
        (frame(TEXT, b"\xff\xff\xff", rsv=4), True),
        (frame(TEXT, bytes.fromhex("f348cdc9c907000001"), rsv=4), True),
        (frame(BINARY, full[:-1], fin=False, rsv=4) + frame(CONT, full[-1:]), True),
        (frame(BINARY, b"\0\0\0\xff\xff" * 40, fin=False, rsv=4) + frame(CONT, b"\0"), True),
    ]:
        us = ours([data], compress=compress)
        them = Reference(compress=compress).feed([data])
        if not same(us, them):
            found.update(differences(us, them, compress=compress))
    assert found == {*DIFFERENCES, *COMPRESSED}
