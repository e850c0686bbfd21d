"""The receiving side, without I/O: what it delivers, and how it fails a peer that breaks a rule."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest

from actors.errors import ProtocolError
from tests.support.raw import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame
from transports.websocket import protocol as protocol_module
from transports.websocket.deflate import Deflate
from transports.websocket.lifecycle import FAILED, PEER_CLOSED, State
from transports.websocket.options import WebSocketOptions
from transports.websocket.protocol import CONTROL_BURST, VIEW_ABOVE, PeerClose, Ping, Pong, Protocol

CONT = 0
MASK = b"\x01\x02\x03\x04"


class Peer:
    """A protocol, and what it made of the bytes: ``events``, and the close ``code`` if it failed.

    ``now`` is the clock.
    """

    def __init__(self, *, compress: bool = False, **options: Any) -> None:
        self.now = 100.0
        self.events: list[Any] = []
        self.code: int | None = None
        self.error = ""
        deflate = Deflate(12, 15, 25, 1_048_576) if compress else None
        self.protocol = Protocol(WebSocketOptions(**options), lambda: self.now, deflate)

    def feed(self, *chunks: bytes) -> Peer:
        for chunk in chunks:
            for event in self.protocol.receive_data(chunk):
                if isinstance(event, ProtocolError):
                    assert self.code is None, "it can fail only once"
                    self.code, self.error = event.close_code, str(event)
                else:
                    assert self.code is None, "nothing follows a failure"
                    self.events.append(event)
        return self


def bytewise(data: bytes) -> Iterable[bytes]:
    return (data[i : i + 1] for i in range(len(data)))


def header(first: int, second: int, rest: bytes = b"") -> bytes:
    return bytes((first, second)) + rest


# -- whole messages and their lengths (B1)

LEAST = VIEW_ABOVE - 8
"""Bytes of a message whose frame is the largest that is not read by the way for middling ones."""

SIZES = [0, 1, 125, 126, 127, 255, 256, LEAST, LEAST + 1, VIEW_ABOVE, VIEW_ABOVE + 1, 65535, 65536]


@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_length_is_delivered(size: int) -> None:
    text, data = "x" * size, bytes(i & 255 for i in range(size))
    assert Peer().feed(frame(TEXT, text)).events == [text]
    assert Peer().feed(frame(BINARY, data)).events == [data]
    both = frame(TEXT, text) + frame(BINARY, data)
    assert Peer().feed(both * 2).events == [text, data, text, data]


ODD = {
    "longer": (frame(TEXT, "y" * 126), ["y" * 126], None),
    "binary": (frame(BINARY, b"y"), [b"y"], None),
    "ping": (frame(PING, b"y"), [Ping(b"y")], None),
    "fragments": (frame(TEXT, "y", fin=False) + frame(CONT, "z"), ["yz"], None),
    "cut": (frame(TEXT, "y" * 100)[:-1], [], None),
    "over the limit": (frame(TEXT, "y" * 251), [], 1009),
    "no UTF-8": (frame(TEXT, b"\xff"), [], 1007),
    "no mask": (b"\x81\x05hello", [], 1002),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_is_so_between_short_messages_too(kind: str) -> None:
    data, events, code = ODD[kind]
    before, behind = frame(TEXT, "a") + frame(TEXT, "ü") + frame(TEXT, ""), frame(TEXT, "b" * 125)
    peer = Peer(max_message_size=250).feed(before + data + (b"" if kind == "cut" else behind))
    assert peer.events == ["a", "ü", "", *events, *([] if code or kind == "cut" else ["b" * 125])]
    assert peer.code == code


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("limit", ["max_frame_size", "max_message_size"])
def test_a_middling_message_has_the_limits_of_any(limit: str, more: int) -> None:
    peer = Peer(**{limit: 5000}).feed(frame(TEXT, "x" * (5000 + more)))
    assert (peer.events, peer.code) == ((["x" * (5000 + more)], None) if more < 1 else ([], 1009))


@pytest.mark.parametrize("size", [LEAST, LEAST + 1, 60_000])
def test_a_middling_message_is_judged_as_any(size: int) -> None:
    assert Peer().feed(frame(TEXT, b"\xff" * size)).code == 1007
    assert Peer().feed(frame(TEXT, "x", fin=False), frame(TEXT, "x" * size)).code == 1002
    assert Peer().feed(frame(TEXT, b"x" * size, mask=None)).code == 1002
    closed = Peer().feed(close_frame(1000), frame(TEXT, "x" * size))
    assert closed.events == [PeerClose(1000, "")]
    text = frame(TEXT, "x" * size)
    assert Peer().feed(text[:-1], text[-1:], text).events == ["x" * size] * 2


@pytest.mark.parametrize("size", [0, 1, 125, 126, 300])
def test_a_message_may_come_byte_by_byte(size: int) -> None:
    data = frame(TEXT, "x" * size) + frame(BINARY, b"y" * size)
    assert Peer().feed(*bytewise(data)).events == ["x" * size, b"y" * size]


def test_a_stream_may_be_cut_anywhere() -> None:
    data = b"".join(
        [
            frame(TEXT, "one"),
            frame(TEXT, "t" * 130),
            frame(TEXT, "fr", fin=False),
            frame(PING, b"p"),
            frame(CONT, "agments"),
            frame(BINARY, b"b" * 70_000),
            close_frame(1000, "bye"),
        ]
    )
    whole = Peer().feed(data)
    assert whole.events[-1] == PeerClose(1000, "bye")
    for cut in [*range(200), *range(70_100, len(data))]:
        assert Peer().feed(data[:cut], data[cut:]).events == whole.events


@pytest.mark.parametrize("first", [0x81, 0x82])
@pytest.mark.parametrize(
    "length",
    [
        header(0xFE, 0x00, b"\x00"),
        header(0xFE, 0x00, b"\x7d"),
        header(0xFF, 0, bytes(7)),
        header(0xFF, 0, bytes(5) + b"\x00\x7d"),
        header(0xFF, 0, bytes(5) + b"\xff\xff"),
    ],
)
def test_a_length_that_is_not_in_its_shortest_form_is_1002(first: int, length: bytes) -> None:
    data = bytes((first,)) + length
    assert Peer().feed(data).code == 1002
    assert Peer().feed(data + MASK + bytes(200)).code == 1002
    assert Peer().feed(*bytewise(data)).code == 1002


@pytest.mark.parametrize(("length", "code"), [(1 << 62, 1009), (1 << 63, 1002), (1 << 64, 1002)])
@pytest.mark.parametrize("first", [0x81, 0x82, 0x01, 0x02])
def test_a_huge_length_is_judged_by_its_header_alone(first: int, length: int, code: int) -> None:
    data = header(first, 0xFF) + (length - (length == 1 << 64)).to_bytes(8, "big")
    assert Peer().feed(data).code == code


@pytest.mark.parametrize("first", [0x81, 0x82, 0x01, 0x02])
def test_a_frame_may_be_as_large_as_its_limit_and_a_byte_more_is_1009(first: int) -> None:
    def sized(size: int) -> bytes:
        return bytes((first,)) + frame(TEXT, "x" * size)[1:]

    limits = {"max_frame_size": 300, "max_message_size": 1000}
    for size in (299, 300):
        assert Peer(**limits).feed(sized(size)).code is None
    assert Peer(**limits).feed(sized(301)).code == 1009
    assert Peer(**limits).feed(sized(301)[:4]).code == 1009


@pytest.mark.parametrize("first", [0x81, 0x82, 0x01, 0x02])
def test_a_message_may_be_as_large_as_its_limit_and_a_byte_more_is_1009(first: int) -> None:
    def sized(size: int) -> bytes:
        return bytes((first,)) + frame(TEXT, "x" * size)[1:]

    limits = {"max_frame_size": 1000, "max_message_size": 300}
    for size in (299, 300):
        assert Peer(**limits).feed(sized(size)).code is None
    assert Peer(**limits).feed(sized(301)).code == 1009
    assert Peer(**limits).feed(sized(301)[:4]).code == 1009


# -- fragments (B2)


@pytest.mark.parametrize(("opcode", "whole"), [(TEXT, "abc"), (BINARY, b"abc")])
def test_fragments_are_put_together(opcode: int, whole: object) -> None:
    data = frame(opcode, b"a", fin=False) + frame(CONT, b"b", fin=False) + frame(CONT, b"c")
    assert Peer().feed(data).events == [whole]
    assert Peer().feed(data + frame(opcode, b"abc") + data).events == [whole] * 3


def test_control_frames_may_come_between_fragments() -> None:
    data = frame(TEXT, "a", fin=False) + frame(PING, b"1") + frame(PONG) + frame(CONT, "b")
    assert Peer().feed(data).events == [Ping(b"1"), Pong(None), "ab"]


def test_a_close_may_come_between_fragments() -> None:
    data = frame(TEXT, "a", fin=False) + close_frame(1001)
    assert Peer().feed(data).events == [PeerClose(1001, "")]


def test_a_continuation_of_nothing_is_1002() -> None:
    for fin in (True, False):
        assert Peer().feed(frame(CONT, "x", fin=fin)).code == 1002
    ended = frame(TEXT, "a", fin=False) + frame(CONT, "b")
    assert Peer().feed(ended + frame(CONT, "c")).code == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fin", [True, False])
def test_a_data_frame_during_a_fragmented_message_closes_1002(opcode: int, fin: bool) -> None:
    begun = frame(TEXT, "a", fin=False)
    assert Peer().feed(begun + frame(opcode, b"b", fin=fin)).code == 1002
    assert Peer().feed(begun, frame(opcode, b"b", fin=fin)[:2]).code == 1002


@pytest.mark.parametrize("sizes", [(100, 100, 100), (0, 300, 0), (299, 1), (1, 299)])
def test_fragments_together_may_be_as_large_as_the_limit_and_a_byte_more_is_1009(
    sizes: tuple[int, ...],
) -> None:
    *heads, last = sizes
    begun = b"".join(frame(CONT if i else TEXT, "x" * n, fin=False) for i, n in enumerate(heads))
    ended = begun + frame(CONT, "x" * last)
    for limit in (301, 300):
        assert Peer(max_message_size=limit).feed(ended).events == ["x" * 300]
    assert Peer(max_message_size=299).feed(ended).code == 1009


def test_a_fragment_over_the_limit_is_judged_by_its_header() -> None:
    begun = frame(TEXT, "x" * 200, fin=False)
    assert Peer(max_message_size=300).feed(begun + frame(CONT, "x" * 101)[:2]).code == 1009


@pytest.mark.parametrize("count", [7, 8])
def test_a_message_may_have_as_many_frames_as_its_limit(count: int) -> None:
    data = fragmented([b"x"] * count)
    assert Peer(max_fragments=8).feed(data).events == ["x" * count]


@pytest.mark.parametrize("ended", [True, False])
def test_a_frame_more_than_the_limit_is_1008(ended: bool) -> None:
    assert Peer(max_fragments=8).feed(fragmented([b"x"] * 9, ended=ended)).code == 1008


@pytest.mark.parametrize("count", [3, 4])
def test_some_frames_of_a_message_may_be_empty(count: int) -> None:
    data = fragmented([b"a", *[b""] * (count - 1), b"b", b""])
    assert Peer(max_empty_fragments=4).feed(data).events == ["ab"]


def test_an_empty_frame_more_than_the_limit_is_1008() -> None:
    data = fragmented([b"a", *[b""] * 5], ended=False)
    assert Peer(max_empty_fragments=4).feed(data).code == 1008


def test_the_limits_of_frames_are_for_each_message_alone() -> None:
    data = fragmented([b"x", b"", b"x"])
    assert Peer(max_fragments=3, max_empty_fragments=1).feed(data * 5).events == ["xx"] * 5


def test_a_hundred_thousand_fragments_take_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    handled = []
    real = protocol_module.apply_mask

    def counting(data: Any, mask: bytes) -> bytes:
        handled.append(len(data))
        return real(data, mask)

    monkeypatch.setattr(protocol_module, "apply_mask", counting)
    count = 100_000
    data = fragmented([b"x"] * count)
    peer = Peer(max_fragments=count)
    peer.feed(*(data[i : i + 4096] for i in range(0, len(data), 4096)))
    assert peer.events == ["x" * count]
    assert (len(handled), sum(handled)) == (count, count)


def fragmented(payloads: list[bytes], *, ended: bool = True) -> bytes:
    last = len(payloads) - 1
    return b"".join(
        frame(CONT if i else TEXT, payload, fin=ended and i == last)
        for i, payload in enumerate(payloads)
    )


# -- control frames (B3)


@pytest.mark.parametrize(("opcode", "kind"), [(PING, Ping), (PONG, Pong)])
def test_a_control_frame_brings_its_payload_or_none(opcode: int, kind: type) -> None:
    data = frame(opcode) + frame(opcode, b"x") + frame(opcode, b"y" * 125)
    assert Peer().feed(data).events == [kind(None), kind(b"x"), kind(b"y" * 125)]


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
@pytest.mark.parametrize("cut", [True, False])
def test_a_control_frame_of_126_bytes_is_1002(opcode: int, cut: bool) -> None:
    data = frame(opcode, b"\x03\xe8" + b"x" * 124)
    assert Peer().feed(data[:2] if cut else data).code == 1002


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_a_fragmented_control_frame_is_1002(opcode: int) -> None:
    assert Peer().feed(frame(opcode, fin=False)).code == 1002


def flood(count: int, opcode: int = PING) -> bytes:
    return frame(opcode, b"x") * count


@pytest.mark.parametrize("opcode", [PING, PONG])
def test_a_burst_of_control_frames_has_a_limit(opcode: int) -> None:
    burst = 7 * CONTROL_BURST
    for count in (burst - 1, burst):
        peer = Peer(max_control_rate=7).feed(flood(count, opcode))
        assert (len(peer.events), peer.code) == (count, None)
    peer = Peer(max_control_rate=7).feed(flood(burst + 1, opcode))
    assert (len(peer.events), peer.code) == (burst, 1008)


@pytest.mark.parametrize(("rate", "code"), [(6, None), (7, None), (8, 1008)])
def test_the_sustained_rate_of_control_frames_has_a_limit(rate: int, code: int | None) -> None:
    peer = Peer(max_control_rate=7)
    for _ in range(200):
        peer.feed(flood(rate))
        peer.now += 1
    assert peer.code == code


def test_a_quiet_time_earns_no_more_than_one_burst() -> None:
    peer = Peer(max_control_rate=7).feed(flood(1))
    peer.now += 1_000_000
    assert peer.feed(flood(7 * CONTROL_BURST)).code is None
    assert peer.feed(flood(1)).code == 1008


def test_messages_do_not_count_as_control_frames() -> None:
    peer = Peer(max_control_rate=1).feed(frame(TEXT, "x") * 1000 + frame(PING) * 10)
    assert (len(peer.events), peer.code) == (1010, None)


# -- UTF-8 (B6)

VALID = [
    "",
    "k\u00f3sm\u00e9",
    "\x00",
    "\x7f",
    "\u07ff",
    "\u0800",
    "\ud7ff\ue000",
    "\U0010ffff",
    "\ufffe",
]
INVALID = {
    "a lone continuation": b"\x80",
    "an overlong form of 2": b"\xc0\xaf",
    "an overlong form of 3": b"\xe0\x80\xaf",
    "an overlong form of 4": b"\xf0\x80\x80\xaf",
    "an overlong NUL": b"\xc0\x80",
    "a surrogate": b"\xed\xa0\x80",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "above U+10FFFF": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "0xFE": b"\xfe",
    "0xFF": b"\xff",
    "a lead without its rest": b"\xe2x",
}
TRUNCATED = {"2": b"\xc3", "3": b"\xe2\x82", "4": b"\xf0\x9f\x98"}


@pytest.mark.parametrize("text", VALID)
def test_text_may_be_cut_inside_a_character(text: str) -> None:
    data = f"<{text}>".encode()
    assert Peer().feed(frame(TEXT, data)).events == [f"<{text}>"]
    for cut in range(len(data) + 1):
        two = frame(TEXT, data[:cut], fin=False) + frame(CONT, data[cut:])
        assert Peer().feed(two).events == [f"<{text}>"]


@pytest.mark.parametrize(
    "bad", [*INVALID.values(), *TRUNCATED.values()], ids=[*INVALID, *TRUNCATED]
)
@pytest.mark.parametrize("before", [b"", b"x" * 70_000], ids=["short", "long"])
def test_a_text_that_is_not_utf_8_is_1007(bad: bytes, before: bytes) -> None:
    assert Peer().feed(frame(TEXT, before + bad)).code == 1007
    assert Peer().feed(frame(TEXT, before, fin=False) + frame(CONT, bad)).code == 1007
    assert Peer().feed(frame(TEXT, before + bad, fin=False) + frame(CONT, b"")).code == 1007


@pytest.mark.parametrize("bad", INVALID.values(), ids=INVALID)
def test_a_text_fails_with_its_first_invalid_fragment(bad: bytes) -> None:
    assert Peer().feed(frame(TEXT, bad, fin=False)).code == 1007
    assert Peer().feed(frame(TEXT, b"ok", fin=False), frame(CONT, bad, fin=False)).code == 1007


@pytest.mark.parametrize("start", TRUNCATED.values(), ids=TRUNCATED)
def test_a_fragment_may_end_inside_a_character_and_the_message_may_not(start: bytes) -> None:
    assert Peer().feed(frame(TEXT, start, fin=False)).code is None
    assert Peer().feed(frame(TEXT, start, fin=False) + frame(CONT, b"")).code == 1007
    assert Peer().feed(frame(TEXT, start, fin=False) + frame(CONT, b"x")).code == 1007


def test_a_binary_message_may_be_anything() -> None:
    data = b"".join(INVALID.values())
    assert Peer().feed(frame(BINARY, data)).events == [data]
    two = frame(BINARY, data[:5], fin=False) + frame(CONT, data[5:])
    assert Peer().feed(two).events == [data]


def test_what_came_before_a_failure_is_delivered() -> None:
    peer = Peer().feed(frame(TEXT, "one") + frame(PING) + frame(TEXT, b"\xff") + frame(TEXT, "two"))
    assert (peer.events, peer.code) == (["one", Ping(None)], 1007)


# -- masks, reserved bits and opcodes (B7, B8)


@pytest.mark.parametrize("opcode", range(16))
def test_a_frame_that_is_not_masked_is_1002(opcode: int) -> None:
    for payload in (b"", b"\x03\xe8", b"x" * 125):
        assert Peer().feed(frame(opcode, payload, mask=None)).code == 1002
    assert Peer().feed(frame(opcode, b"", mask=None)[:2]).code == 1002


def test_a_frame_without_a_mask_is_1002_inside_a_fragmented_message_too() -> None:
    data = frame(TEXT, "a", fin=False) + frame(CONT, "b", mask=None)
    assert Peer().feed(data).code == 1002


@pytest.mark.parametrize("mask", [bytes(4), b"\xff" * 4, MASK])
@pytest.mark.parametrize("size", [3, 4, 5, VIEW_ABOVE - 1, VIEW_ABOVE + 3])
def test_any_mask_is_undone(mask: bytes, size: int) -> None:
    data = bytes(i % 128 for i in range(size))
    assert Peer().feed(frame(TEXT, data, mask=mask)).events == [data.decode()]
    assert Peer().feed(frame(BINARY, data, mask=mask)).events == [data]


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_a_reserved_opcode_is_1002(opcode: int) -> None:
    assert Peer().feed(frame(opcode)).code == 1002
    assert Peer().feed(frame(TEXT, "a", fin=False) + frame(opcode)).code == 1002
    assert Peer(compress=True).feed(frame(opcode)).code == 1002


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
def test_a_rsv_bit_without_its_extension_is_1002(opcode: int, rsv: int) -> None:
    assert Peer().feed(frame(opcode, rsv=rsv)).code == 1002
    if rsv != 4 or opcode >= CLOSE:  # RSV1 says that a message is compressed
        assert Peer(compress=True).feed(frame(opcode, rsv=rsv)).code == 1002


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("compress", [True, False])
def test_a_rsv_bit_on_a_continuation_is_1002(rsv: int, compress: bool) -> None:
    begun = frame(TEXT, "a", fin=False)
    assert Peer(compress=compress).feed(begun + frame(CONT, "b", rsv=rsv)).code == 1002


# -- Close frames (B9)

CODES = {1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999}
REFUSED = {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_that_may_be_sent_is_taken(code: int) -> None:
    assert Peer().feed(close_frame(code, "why")).events == [PeerClose(code, "why")]


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_a_code_that_may_not_be_sent_is_1002(code: int) -> None:
    assert Peer().feed(close_frame(code, "why")).code == 1002


def test_an_empty_close_is_1005_and_one_of_one_byte_is_1002() -> None:
    assert Peer().feed(close_frame(None)).events == [PeerClose(1005, "")]
    assert Peer().feed(frame(CLOSE, b"\x03")).code == 1002


@pytest.mark.parametrize("bad", [*INVALID.values(), *TRUNCATED.values()])
def test_a_close_reason_that_is_not_utf_8_is_1007(bad: bytes) -> None:
    assert Peer().feed(frame(CLOSE, b"\x03\xe8" + bad)).code == 1007


@pytest.mark.parametrize(
    ("end", "state"),
    [(close_frame(1000), PEER_CLOSED), (frame(3), FAILED), (frame(TEXT, b"\xff"), FAILED)],
    ids=["close", "1002", "1007"],
)
def test_whatever_follows_the_end_is_ignored(end: bytes, state: State) -> None:
    after = frame(TEXT, "late") + frame(PING) + close_frame(1001) + b"\xff" * 100
    peer = Peer().feed(end + after)
    closed = Peer().feed(end)
    assert peer.protocol.state is state
    assert (peer.events, peer.code) == (closed.events, closed.code)
    peer.feed(after, b"\x81", after)
    assert (peer.events, peer.code) == (closed.events, closed.code)


# -- compressed messages (B4)


def compressed(data: bytes, opcode: int = TEXT) -> bytes:
    return frame(opcode, Deflate(12, 15, 25, 1_048_576).compress(data), rsv=4)


def test_compressed_messages_are_inflated() -> None:
    data = compressed(b"Hello" * 50) + compressed(b"\xff\x00", BINARY) + compressed(b"")
    assert Peer(compress=True).feed(data).events == ["Hello" * 50, b"\xff\x00", ""]
    assert Peer(compress=True).feed(*bytewise(data)).events == ["Hello" * 50, b"\xff\x00", ""]


def test_uncompressed_messages_may_come_between_compressed_ones() -> None:
    data = compressed(b"one") + frame(TEXT, "two") + compressed(b"three")
    assert Peer(compress=True).feed(data).events == ["one", "two", "three"]


def test_a_compressed_message_may_come_in_fragments_with_control_frames_between() -> None:
    payload = Deflate(12, 15, 25, 1_048_576).compress("k\u00f3sm\u00e9".encode() * 9)
    parts = [payload[:3], payload[3:4], payload[4:]]
    data = (
        frame(TEXT, parts[0], fin=False, rsv=4)
        + frame(CONT, parts[1], fin=False)
        + frame(PING, b"p")
        + frame(CONT, parts[2])
    )
    assert Peer(compress=True).feed(data).events == [Ping(b"p"), "k\u00f3sm\u00e9" * 9]


def test_a_compressed_text_that_is_not_utf_8_is_1007() -> None:
    for bad in (b"\xff", b"\xe2\x82"):
        assert Peer(compress=True).feed(compressed(bad)).code == 1007


def test_a_compressed_message_is_bounded_by_what_it_inflates_to() -> None:
    data = compressed(b"x" * 300)
    for limit in (301, 300):
        assert Peer(compress=True, max_message_size=limit).feed(data).events == ["x" * 300]
    assert Peer(compress=True, max_message_size=299).feed(data).code == 1009


def test_the_fragments_of_a_compressed_message_are_bounded_by_what_they_inflate_to() -> None:
    payload = Deflate(12, 15, 25, 1_048_576).compress(b"x" * 300)
    data = frame(TEXT, payload[:3], fin=False, rsv=4) + frame(CONT, payload[3:])
    for limit in (301, 300):
        assert Peer(compress=True, max_message_size=limit).feed(data).events == ["x" * 300]
    assert Peer(compress=True, max_message_size=299).feed(data).code == 1009


def test_what_a_compressed_message_is_on_the_wire_is_bounded_as_well() -> None:
    # Stored blocks of nothing: 5 bytes each, and never a byte of content.
    nothing = b"\x00\x00\x00\xff\xff" * 20
    data = frame(BINARY, nothing, fin=False, rsv=4) + frame(CONT, nothing, fin=False)
    for limit in (201, 200):
        assert Peer(compress=True, max_message_size=limit).feed(data).code is None
    assert Peer(compress=True, max_message_size=199).feed(data).code == 1009


def test_messages_of_one_read_may_exceed_the_ratio_together_by_one_message() -> None:
    page = compressed(b" " * 1000)
    assert Peer(compress=True).feed(page * 1000).events == [" " * 1000] * 1000
    bomb = compressed(b" " * 100_000)
    flood = Peer(compress=True).feed(bomb * 300)
    assert (len(flood.events), flood.code) == (10, 1009)
    # One by one they are delivered before the next is inflated.
    assert len(Peer(compress=True).feed(*[bomb] * 300).events) == 300


def test_unmasking_is_no_loop_over_bytes() -> None:
    # A loop in Python takes 55 ms for each MiB on the machine where C takes 0.1 ms.
    data = frame(BINARY, bytes(1 << 20)) * 8
    times = []
    for _ in range(3):
        peer, start = Peer(), time.process_time()
        peer.feed(data)
        times.append(time.process_time() - start)
        assert len(peer.events) == 8
    assert min(times) < 0.2
