"""Messages between processes: what travels, and what is refused."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.packets import MAX_FRAME, FrameError, FrameReader, frame, pack, pack_and_copy, unpack

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary()
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(PLAIN)
def test_plain_values_come_back_equal(value):
    assert unpack(pack(value)) == value


@given(st.lists(PLAIN, max_size=5), st.data())
def test_messages_do_not_depend_on_how_they_were_cut(values, data):
    stream = b"".join(frame(pack(value)) for value in values)
    reader, got = FrameReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        got += reader.feed(stream[:size])
        stream = stream[size:]
    assert got == values


LIMIT = 100
LENGTHS = st.integers(0, LIMIT + 1).map(lambda size: size.to_bytes(4, "big"))
FRAMED = st.binary(max_size=LIMIT + 1).map(frame) | PLAIN.map(pack).map(frame)


def verdict(pieces):
    """Return the messages of what comes in these pieces, packed anew, and whether it is refused."""
    reader, got = FrameReader(limit=LIMIT), []
    try:
        for piece in pieces:
            got.extend(map(pack, reader.cut(piece)))
    except FrameError:
        return got, True
    return got, False


def wanted(data):
    """Return the same by the rules: a length up to the limit, so many bytes, which are a value."""
    got = []
    while len(data) >= 4:
        size = int.from_bytes(data[:4], "big")
        if size > LIMIT:
            return got, True
        if len(data) < 4 + size:
            break
        try:
            got.append(pack(unpack(data[4 : 4 + size])))
        except FrameError:
            return got, True
        data = data[4 + size :]
    return got, False


@given(st.lists(FRAMED | LENGTHS | st.binary(max_size=20), max_size=6).map(b"".join))
def test_any_bytes_are_the_messages_that_they_say_or_refused_where_they_are_none(data):
    assert verdict([data]) == wanted(data)
    assert verdict(data[place : place + 1] for place in range(len(data))) == wanted(data)


@pytest.mark.parametrize("size", [99, 100])
def test_message_up_to_the_limit_is_taken(size):
    reader = FrameReader(limit=100)
    payload = b"x" * (size - 2)
    assert reader.feed(frame(pack(payload))) == [payload]


def test_message_over_the_limit_is_refused_by_its_length_alone():
    with pytest.raises(FrameError, match="over 100"):
        FrameReader(limit=100).feed((101).to_bytes(4, "big"))


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\x01\x02",  # more behind it
        b"\xdd\xff\xff\xff\xff",  # an array of 4 billion
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 5000 + b"\x01",  # nested too deep
        msgpack.packb({1: 2}),
        b"\x81\x90\x01",  # a list as a key
        b"\xa1\xff",  # not UTF-8
        msgpack.packb(msgpack.ExtType(5, b"x")),
    ],
)
def test_what_pack_would_not_make_is_refused(packed):
    with pytest.raises(FrameError):
        unpack(packed)


def test_timestamp_is_a_number_and_no_object():
    assert unpack(msgpack.packb(msgpack.Timestamp(1, 500_000_000))) == 1.5


@pytest.mark.parametrize("value", [object(), {1, 2}, 1 << 64, {1: object()}])
def test_what_is_not_plain_cannot_be_packed(value):
    with pytest.raises(TypeError, match="plain values"):
        pack(value)


@pytest.mark.parametrize(("extra", "fits"), [(-1, True), (0, True), (1, False)])
def test_packed_size_is_bounded(extra, fits):
    value = b"x" * (MAX_FRAME - 5 + extra)
    if fits:
        assert len(pack(value)) == MAX_FRAME + extra
    else:
        with pytest.raises(ValueError, match="over"):
            pack(value)


class Named(str):
    """A key that is text all the same."""

    __slots__ = ()


def deep(value):
    """Return ``value`` below so many lists that it is not looked for level by level."""
    for _ in range(60):
        value = [value]
    return value


ODD = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=3) | st.just(object())
    | st.just(msgpack.ExtType(5, b"x")) | st.just(msgpack.Timestamp(1)) | st.just(bytearray(b"x")),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner)
    | st.dictionaries(st.text(max_size=2) | st.binary(max_size=2) | st.integers() | st.none()
                      | st.just(Named("k")) | st.just((1,)), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(ODD)
def test_what_is_packed_can_be_unpacked(value):
    try:
        packed = pack(value)
    except TypeError:
        with pytest.raises(TypeError, match="plain values alone"):
            pack_and_copy(value)
    else:
        assert pack_and_copy(value) == (packed, unpack(packed))


@pytest.mark.parametrize(
    "value",
    [{1: 2}, [{None: 2}], {"a": ({"b": {(1,): 2}},)}, msgpack.ExtType(5, b"x"),
     {"a": [msgpack.ExtType(5, b"x")]}, deep({1: 2}), object(), 1 << 70, "\ud800"],
)  # fmt: skip
def test_what_cannot_be_unpacked_is_not_packed(value):
    with pytest.raises(TypeError, match="plain values alone"):
        pack(value)
    with pytest.raises(TypeError, match="plain values alone"):
        pack_and_copy(value)


@pytest.mark.parametrize(
    ("levels", "taken"), [(49, True), (52, True), (1023, True), (1024, True), (1025, False)]
)
def test_nesting_is_bounded_alike(levels, taken):
    value: list = []
    for _ in range(levels - 1):
        value = [value]
    if taken:
        unpack(pack(value))
        assert pack_and_copy(value)[0] == pack(value)  # comparing lists so deep would raise
    else:
        for refuses in (pack, pack_and_copy):
            with pytest.raises(TypeError, match="plain values alone"):
                refuses(value)


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_copy_has_the_bound_of_a_message(extra, taken):
    value = "x" * (MAX_FRAME - 5 + extra)
    if taken:
        assert pack_and_copy(value) == (pack(value), value)
    else:
        with pytest.raises(ValueError, match="over 4194304"):
            pack_and_copy(value)


def test_copy_shares_nothing():
    value = {"list": [1]}
    packed, copy = pack_and_copy(value)
    assert (copy, unpack(packed)) == (value, value)
    assert copy["list"] is not value["list"]
