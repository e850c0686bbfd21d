from __future__ import annotations

import tracemalloc
import zlib

import pytest

from actors.errors import InvalidDeflate, PayloadTooBig
from transports.websocket.assembly import Assembly
from transports.websocket.deflate import RATIO_ABOVE, WINDOW_BITS, Deflate, negotiate
from transports.websocket.options import WebSocketOptions

OPTIONS = WebSocketOptions(compress=True)
NAME = "permessage-deflate"
BOTH = f"{NAME}; server_no_context_takeover; client_no_context_takeover"
LIMIT = 1_048_576
TAIL = b"\x00\x00\xff\xff"


def deflated(data: bytes, level: int = 9, bits: int = 15) -> bytes:
    """One message, as a client that compresses well sends it."""
    made = zlib.compressobj(level, zlib.DEFLATED, -bits)
    return (made.compress(data) + made.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def message(deflate: Deflate, *payloads: bytes, limit: int = LIMIT) -> bytes:
    """Inflate the frames of one message."""
    options = WebSocketOptions(max_message_size=limit)
    assembly = Assembly(options, text=False, deflate=deflate)
    for payload in payloads:
        assembly.add(payload)
    return assembly.finish()


def never(ratio: int = 10_000) -> Deflate:
    """A deflate whose ratio refuses nothing."""
    return Deflate(12, 15, ratio, 1_048_576)


# -- negotiation


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (NAME, BOTH),
        (f"{NAME}; server_no_context_takeover", BOTH),
        (f"{NAME}; client_no_context_takeover", BOTH),
        (f"{NAME}; client_no_context_takeover; server_no_context_takeover", BOTH),
        (f"{NAME}; client_max_window_bits", f"{BOTH}; client_max_window_bits=12"),
        (f"{NAME}; client_max_window_bits=15", f"{BOTH}; client_max_window_bits=12"),
        (f"{NAME}; client_max_window_bits=12", f"{BOTH}; client_max_window_bits=12"),
        (f"{NAME}; client_max_window_bits=11", f"{BOTH}; client_max_window_bits=11"),
        (f"{NAME}; client_max_window_bits=8", f"{BOTH}; client_max_window_bits=8"),
        (f'{NAME}; client_max_window_bits="9"', f"{BOTH}; client_max_window_bits=9"),
        (f"{NAME}; server_max_window_bits=15", f"{BOTH}; server_max_window_bits=12"),
        (f"{NAME}; server_max_window_bits=9", f"{BOTH}; server_max_window_bits=9"),
        (
            f"{NAME}; client_max_window_bits; server_max_window_bits=10",
            f"{BOTH}; server_max_window_bits=10; client_max_window_bits=12",
        ),
    ],
)
def test_an_offer_is_answered_within_what_it_allows(offer: str, answer: str) -> None:
    agreed = negotiate([offer], OPTIONS)
    assert agreed is not None
    assert agreed[1] == answer


@pytest.mark.parametrize(
    "offer",
    [
        "deflate-frame",
        "x-permessage-deflate",
        "permessage-deflate2",
        "Permessage-Deflate",
        f"{NAME}; unknown",
        f"{NAME}; unknown=1",
        f"{NAME}; server_no_context_takeover=1",
        f"{NAME}; client_no_context_takeover=true",
        f"{NAME}; server_no_context_takeover; server_no_context_takeover",
        f"{NAME}; client_max_window_bits; client_max_window_bits",
        f"{NAME}; client_max_window_bits=10; client_max_window_bits=10",
        f"{NAME}; server_max_window_bits",
        f"{NAME}; server_max_window_bits=7",
        f"{NAME}; server_max_window_bits=8",
        f"{NAME}; server_max_window_bits=16",
        f"{NAME}; server_max_window_bits=010",
        f"{NAME}; server_max_window_bits=+9",
        f"{NAME}; client_max_window_bits=7",
        f"{NAME}; client_max_window_bits=16",
        f"{NAME}; client_max_window_bits=09",
        f"{NAME}; client_max_window_bits=x",
    ],
)
def test_an_offer_with_an_impossible_parameter_is_declined_and_the_next_one_tried(
    offer: str,
) -> None:
    assert negotiate([offer], OPTIONS) is None
    for values in ([f"{offer}, {NAME}"], [offer, NAME]):
        agreed = negotiate(values, OPTIONS)
        assert agreed is not None
        assert agreed[1] == BOTH


def test_the_first_acceptable_offer_wins() -> None:
    agreed = negotiate(["other; x=1", f"{NAME}; server_max_window_bits=9, {NAME}"], OPTIONS)
    assert agreed is not None
    assert agreed[1] == f"{BOTH}; server_max_window_bits=9"


@pytest.mark.parametrize("values", [[], [""], [f"{NAME};"], [f"{NAME} {NAME}"], [NAME, ";"]])
def test_nothing_offered_or_a_malformed_header_is_no_compression(values: list[str]) -> None:
    assert negotiate(values, OPTIONS) is None


# -- windows


@pytest.mark.parametrize("bits", range(9, 16))
def test_what_is_sent_fits_into_the_window_that_the_client_allows(bits: int) -> None:
    agreed = negotiate([f"{NAME}; server_max_window_bits={bits}"], OPTIONS)
    assert agreed is not None
    # The repetition is 3,000 bytes back: a window that is too large would refer to it.
    data = bytes(range(250)) * 12 + b"end"
    sent = agreed[0].compress(data)
    assert zlib.decompressobj(-bits).decompress(sent + TAIL) == data


@pytest.mark.parametrize("bits", range(8, 16))
def test_what_comes_in_the_agreed_window_is_inflated(bits: int) -> None:
    agreed = negotiate([f"{NAME}; client_max_window_bits={bits}"], OPTIONS)
    assert agreed is not None
    granted = min(bits, WINDOW_BITS)
    data = bytes(range(256)) * 100
    # zlib makes a window of 9 bits where it is asked for 8.
    assert message(agreed[0], deflated(data, bits=max(granted, 9))) == data


def test_each_message_stands_alone_in_both_directions() -> None:
    deflate = never()
    data = b"the same words again and again"
    first, second = deflate.compress(data), deflate.compress(data)
    assert first == second
    assert [message(deflate, first), message(deflate, second)] == [data, data]


# -- messages


@pytest.mark.parametrize("data", [b"", b"Hello", b"\x00" * 5000, bytes(range(256)) * 300])
def test_what_is_compressed_inflates_to_the_same(data: bytes) -> None:
    assert message(never(), never().compress(data)) == data


def test_a_message_may_be_cut_anywhere() -> None:
    payload = deflated(b"Hello, " * 20)
    for cut in range(len(payload) + 1):
        assert message(never(), payload[:cut], payload[cut:]) == b"Hello, " * 20
    assert message(never(), *(payload[i : i + 1] for i in range(len(payload)))) == b"Hello, " * 20


@pytest.mark.parametrize(
    "payloads",
    [
        ["f248cdc9c90700"],  # RFC 7692 §7.2.3.1: one block
        ["f248cd", "c9c90700"],  # the same in two frames
        ["000500faff48656c6c6f00"],  # §7.2.3.3: not compressed
        ["f348cdc9c90700"],  # a final block, and nothing after it
        ["f348cdc9c9070000"],  # §7.2.3.4: a final block, then the byte of an empty one
        ["f348cdc9c90700", "00"],
        ["f24805000000ffffcac9c90700"],  # §7.2.3.5: two blocks
        ["", "f248cdc9c90700", ""],
    ],
)
def test_the_examples_of_rfc_7692_inflate(payloads: list[str]) -> None:
    assert message(never(), *map(bytes.fromhex, payloads)) == b"Hello"


@pytest.mark.parametrize(
    "payloads",
    [
        ["f348cdc9c907000000"],
        ["f348cdc9c90700", "f248cdc9c90700"],
        ["f348cdc9c90700", "00", "00"],
        ["0300" * 1000],
    ],
)
def test_data_after_a_final_block_is_1007(payloads: list[str]) -> None:
    with pytest.raises(InvalidDeflate, match="final DEFLATE block") as caught:
        message(never(), *map(bytes.fromhex, payloads))
    assert caught.value.close_code == 1007


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b"\x06", b"Hello, world"])
def test_what_is_no_deflate_stream_is_1007(payload: bytes) -> None:
    with pytest.raises(InvalidDeflate) as caught:
        message(never(), payload)
    assert caught.value.close_code == 1007


# -- limits


@pytest.mark.parametrize("cuts", [1, 2, 7])
def test_a_message_may_inflate_to_the_limit_and_not_to_a_byte_more(cuts: int) -> None:
    payload = deflated(b"\x00" * 100_000)
    step = len(payload) // cuts + 1
    frames = [payload[i : i + step] for i in range(0, len(payload), step)]
    for limit in (100_001, 100_000):
        assert len(message(never(), *frames, limit=limit)) == 100_000
    with pytest.raises(PayloadTooBig, match="beyond the size"):
        message(never(), *frames, limit=99_999)


def test_a_message_at_its_limit_may_still_say_nothing() -> None:
    assert message(never(), deflated(b"x"), b"", limit=1) == b"x"
    assert never().inflate(deflated(b""), 0) == b""


def test_what_the_last_flush_brings_counts_as_well() -> None:
    # A block of literals whose end is only in the tail that the sender left out.
    assert never().inflate(deflated(b"abc"), 3) == b"abc"
    with pytest.raises(PayloadTooBig):
        never().inflate(deflated(b"abc"), 2)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_above_a_floor_a_message_inflates_to_at_most_the_ratio(over: int) -> None:
    size = RATIO_ABOVE * 2
    payload = deflated(b"\x00" * size)
    ratio = -(-size // len(payload))  # the least whole ratio that allows it
    if over > 0:
        with pytest.raises(PayloadTooBig, match=f"beyond the ratio of {ratio - 1}"):
            message(Deflate(12, 15, ratio - 1, 1_048_576), payload)
    else:
        assert len(message(Deflate(12, 15, ratio - over, 1_048_576), payload)) == size


@pytest.mark.parametrize("size", [RATIO_ABOVE - 1, RATIO_ABOVE])
def test_below_the_floor_the_ratio_is_not_looked_at(size: int) -> None:
    assert len(message(Deflate(12, 15, 1, 1_048_576), deflated(b"\x00" * size))) == size


def test_a_byte_above_the_floor_the_ratio_counts() -> None:
    with pytest.raises(PayloadTooBig, match="beyond the ratio of 1 "):
        message(Deflate(12, 15, 1, 1_048_576), deflated(b"\x00" * (RATIO_ABOVE + 1)))


def test_the_ratio_is_of_one_message_and_not_of_the_connection() -> None:
    deflate = Deflate(12, 15, 25, 1_048_576)
    noise = bytes(i * i % 251 for i in range(300_000))
    for _ in range(3):
        assert message(deflate, deflated(noise, level=0)) == noise
    with pytest.raises(PayloadTooBig, match="ratio"):
        message(deflate, deflated(b"\x00" * 500_000))


@pytest.mark.parametrize("ratio", [25, 10_000])
def test_a_bomb_of_256_mib_is_1009_and_is_never_inflated(ratio: int) -> None:
    made = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 20)
    bomb = b"".join(made.compress(zeros) for _ in range(256)) + made.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 270_000
    deflate = Deflate(12, 15, ratio, 1_048_576)
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooBig) as caught:
            deflate.inflate(bomb, LIMIT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.close_code == 1009
    assert peak < 3 * LIMIT  # the blocks that were filled, the bytes joined of them, and the rest


def test_a_million_final_blocks_are_refused_at_the_second() -> None:
    deflate = never()
    with pytest.raises(InvalidDeflate):
        deflate.inflate(b"\x03\x00" * 500_000, LIMIT)
