"""Serializers of channel messages, against the layouts that Phoenix and phoenix.js have."""

from __future__ import annotations

import dataclasses
import datetime as dt
import types
import uuid

import msgpack
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import InvalidMessage
from actors.messages import Opcode
from actors.serializers import MSGPACK, V1, V2, Body, Incoming
from actors.serializers.message import MAX_NAME
from actors.serializers.strict_json import MAX_DEPTH

# -- version 1


def test_v1_reads_an_object():
    text = '{"topic": "t", "event": "e", "payload": {"a": 1}, "ref": "5", "join_ref": "1"}'
    assert V1.decode(text) == Incoming("1", "5", "t", "e", {"a": 1})


def test_v1_join_ref_is_optional():
    text = '{"topic": "t", "event": "e", "payload": {}, "ref": null}'
    assert V1.decode(text) == Incoming(None, None, "t", "e", {})


@pytest.mark.parametrize("missing", ["topic", "event", "payload", "ref"])
def test_v1_object_without_a_key_is_invalid(missing):
    message = {"topic": "t", "event": "e", "payload": {}, "ref": "1"}
    del message[missing]
    with pytest.raises(InvalidMessage, match=missing):
        V1.decode(orjson.dumps(message).decode())


@pytest.mark.parametrize("frame", ["[]", '"x"', "1", "null", b"\x00"])
def test_v1_wants_an_object_of_text(frame):
    with pytest.raises(InvalidMessage):
        V1.decode(frame)


def test_v1_messages_have_the_recorded_keys():
    opcode, text = V1.push("1", None, "t", "e", {"m": 1})
    assert (opcode, text) == (
        Opcode.TEXT,
        b'{"event":"e","payload":{"m":1},"ref":null,"topic":"t"}',
    )
    opcode, text = V1.reply("1", "2", "t", "ok", {})
    assert opcode is Opcode.TEXT
    assert (
        text
        == b'{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"2","topic":"t"}'
    )


def test_v1_broadcast_is_a_push_without_ref():
    assert V1.broadcast("t", "e", Body.of({"m": 1})) == V1.push(None, None, "t", "e", {"m": 1})


def test_v1_cannot_carry_bytes():
    assert V1.broadcast("t", "e", Body.of(b"x")) is None
    with pytest.raises(TypeError):
        V1.push(None, None, "t", "e", b"x")
    with pytest.raises(TypeError):
        V1.reply(None, "1", "t", "ok", b"x")


# -- version 2, text


def test_v2_reads_an_array():
    assert V2.decode('["1","5","t","e",{"a":1}]') == Incoming("1", "5", "t", "e", {"a": 1})


def test_v2_passes_over_what_comes_behind():
    assert V2.decode('[null,null,"t","e",{},"x",7]') == Incoming(None, None, "t", "e", {})


@pytest.mark.parametrize("ref", [5, 5.5, -1, "x", None])
def test_refs_go_back_as_they_came(ref):
    incoming = V2.decode(orjson.dumps([ref, ref, "t", "e", {}]).decode())
    sent = orjson.loads(V2.reply(incoming.join_ref, incoming.ref, "t", "ok", {})[1])
    assert sent[:2] == [ref, ref]
    assert [type(each) for each in sent[:2]] == [type(ref)] * 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nonsense",
        "{}",
        '["1","2","t","e"]',
        '["1","2",3,"e",{}]',
        '["1","2","t",null,{}]',
        '[true,"2","t","e",{}]',
        '["1",["2"],"t","e",{}]',
        '["1",{},"t","e",{}]',
        '["1","2","t","e",NaN]',
        '["1","2","t","e",1e400]',
        '["1","2","t","e",{}] x',
        '["1","2","\\ud800","e",{}]',
    ],
)
def test_v2_invalid_text(text):
    with pytest.raises(InvalidMessage) as raised:
        V2.decode(text)
    assert raised.value.close_code == 1007
    assert raised.value.__cause__ is None


def test_error_of_a_message_does_not_quote_it():
    with pytest.raises(InvalidMessage) as raised:
        V2.decode('["1","2","t","e",{"password": "geheim"')
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
@pytest.mark.parametrize("which", [0, 1])
def test_refs_have_a_longest_size(letter, which):
    size = len(letter.encode())
    fits = letter * (MAX_NAME // size)
    for name in (fits[:-1], fits):
        message = [None, None, "t", "e", {}]
        message[which] = name
        assert V2.decode(orjson.dumps(message).decode())
    message[which] = fits + letter
    with pytest.raises(InvalidMessage, match="ref"):
        V2.decode(orjson.dumps(message).decode())


def test_long_topics_and_events_are_for_the_socket_to_refuse():
    long = "x" * (MAX_NAME + 1)
    assert V2.decode(f'[null,null,"{long}","{long}",{{}}]').topic == long


@pytest.mark.parametrize("opened", ["[", '{"a":'])
@pytest.mark.parametrize(("levels", "taken"), [(63, True), (64, True), (65, False), (900, False)])
def test_depth_has_a_limit(opened, levels, taken):
    inner = levels - 1
    closed = "]" if opened == "[" else "}"
    text = f'[null,null,"t","e",{opened * inner}{"1" if opened != "[" else ""}{closed * inner}]'
    if taken:
        V2.decode(text)
    else:
        with pytest.raises(InvalidMessage, match=str(MAX_DEPTH)):
            V2.decode(text)


def test_many_brackets_are_not_deep():
    text = f'[null,null,"t","e",[{",".join(["[]", "{}"] * 500)}]]'
    assert len(V2.decode(text).payload) == 1000
    assert V2.decode(f'[null,null,"t","e","{"[" * 1000}"]').payload == "[" * 1000


def test_what_is_read_can_be_sent():
    deepest = '{"a":' * 62 + "1" + "}" * 62
    incoming = V2.decode(f'["1","2","t","e",{deepest}]')
    reply = V2.reply("1", "2", "t", "ok", incoming.payload)
    assert V2.decode(reply[1].decode()).payload["response"] == incoming.payload


def test_v2_messages_are_the_recorded_ones():
    assert V2.push(None, None, "t", "e", {"m": 1}) == (
        Opcode.TEXT,
        b'[null,null,"t","e",{"m":1}]',
    )
    assert V2.reply("1", "2", "t", "ok", {}) == (
        Opcode.TEXT,
        b'["1","2","t","phx_reply",{"response":{},"status":"ok"}]',
    )
    assert V2.push("1", "1", "t", "phx_close", {})[1] == b'["1","1","t","phx_close",{}]'


@pytest.mark.parametrize("name", ["t", 'quote"s', "é", "\n", "\u2028"])
def test_v2_broadcast_is_a_push_without_refs(name):
    body = Body.of({"m": [1, "é"]})
    assert V2.broadcast(name, name, body) == V2.push(None, None, name, name, {"m": [1, "é"]})


# -- version 2, binary


def test_binary_push_of_a_client():
    frame = bytes([0, 2, 3, 5, 5]) + b"12" + b"123" + b"topic" + b"event" + b"efg"
    assert V2.decode(frame) == Incoming("12", "123", "topic", "event", b"efg")


def test_empty_refs_are_none():
    assert V2.decode(bytes([0, 0, 0, 1, 1]) + b"te") == Incoming(None, None, "t", "e", b"")


def test_names_of_old_clients_are_latin_1():
    old = bytes.fromhex("00010106033536726f6f6d3ae962696e010203")
    new = bytes.fromhex("00010107033536726f6f6d3ac3a962696e010203")
    expected = Incoming("5", "6", "room:é", "bin", b"\x01\x02\x03")
    assert V2.decode(old) == expected
    assert V2.decode(new) == expected


@pytest.mark.parametrize("which", [0, 1])
def test_latin_1_refs_are_as_long_as_their_utf_8(which):
    lengths = [0, 0, 1, 1]
    for size in (127, 128):
        lengths[which] = size
        frame = bytes([0, *lengths]) + b"\xff" * size + b"te"
        if size == 127:
            assert V2.decode(frame)[which] == "\xff" * size
        else:
            with pytest.raises(InvalidMessage, match="a ref of over 255 bytes"):
                V2.decode(frame)


@pytest.mark.parametrize(
    "frame", [b"", b"\x00", bytes([0, 0, 0, 0]), bytes([1, 0, 0, 1, 1]) + b"te", b"\xff" * 5]
)
def test_binary_of_another_shape_is_invalid(frame):
    with pytest.raises(InvalidMessage):
        V2.decode(frame)


def test_names_beyond_the_frame_are_invalid():
    whole = bytes([0, 1, 1, 2, 2]) + b"12" + b"to" + b"ev"
    assert V2.decode(whole).payload == b""
    for cut in range(5, len(whole)):
        with pytest.raises(InvalidMessage, match="longer"):
            V2.decode(whole[:cut])


def test_binary_of_the_server():
    assert V2.push("12", None, "topic", "event", b"efg") == (
        Opcode.BINARY,
        bytes([0, 2, 5, 5]) + b"12topicevent" + b"efg",
    )
    assert V2.reply("12", "123", "topic", "ok", b"efg") == (
        Opcode.BINARY,
        bytes([1, 2, 3, 5, 2]) + b"12123topicok" + b"efg",
    )
    assert V2.broadcast("topic", "event", Body.of(b"efg")) == (
        Opcode.BINARY,
        bytes([2, 5, 5]) + b"topicevent" + b"efg",
    )
    assert V2.reply(None, 7, "t", "ok", b"")[1] == bytes([1, 0, 1, 1, 2]) + b"7tok"


@pytest.mark.parametrize("size", [254, 255, 256])
@pytest.mark.parametrize("which", ["join_ref", "ref", "topic", "status"])
def test_names_of_a_binary_frame_have_a_longest_size(size, which):
    names = {"join_ref": "1", "ref": "2", "topic": "t", "status": "ok"} | {which: "x" * size}
    if size <= MAX_NAME:
        assert V2.reply(*names.values(), b"data")[1].endswith(b"data")
    else:
        with pytest.raises(ValueError, match=which):
            V2.reply(*names.values(), b"data")


@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.text(max_size=60),
    st.text(max_size=60),
    st.binary(max_size=200),
)
def test_binary_survives_the_way(join_ref, ref, topic, event, data):
    names = [each.encode() for each in (join_ref, ref, topic, event)]
    frame = bytes([0, *map(len, names)]) + b"".join(names) + data
    assert V2.decode(frame) == Incoming(join_ref or None, ref or None, topic, event, data)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_invalid(data):
    for serializer in (V1, V2, MSGPACK):
        try:
            assert type(serializer.decode(data)) is Incoming
        except InvalidMessage:
            pass


@given(st.text(max_size=300))
def test_any_text_is_a_message_or_invalid(text):
    for serializer in (V1, V2, MSGPACK):
        try:
            assert type(serializer.decode(text)) is Incoming
        except InvalidMessage:
            pass


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(st.sampled_from([None, "7", 7]), st.text(max_size=30), values)
def test_every_version_reads_what_it_writes(ref, name, payload):
    for serializer in (V1, V2, MSGPACK):
        opcode, data = serializer.push(None, ref, name, name, payload)
        frame = data.decode() if opcode is Opcode.TEXT else data
        assert serializer.decode(frame) == Incoming(None, ref, name, name, payload)


# -- msgpack


def test_msgpack_carries_bytes_both_ways():
    frame = msgpack.packb(["1", "2", "t", "e", {"data": b"\xff"}])
    assert MSGPACK.decode(frame) == Incoming("1", "2", "t", "e", {"data": b"\xff"})
    opcode, data = MSGPACK.reply("1", "2", "t", "ok", b"\xff")
    assert opcode is Opcode.BINARY
    reply = ["1", "2", "t", "phx_reply", {"response": b"\xff", "status": "ok"}]
    assert msgpack.unpackb(data) == reply


@pytest.mark.parametrize("payload", [{"m": 1}, b"\xff"])
def test_msgpack_broadcast(payload):
    assert MSGPACK.broadcast("t", "e", Body.of(payload)) == MSGPACK.push(
        None, None, "t", "e", payload
    )


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        b"",
        b"\xc1",
        b"\x90",
        b"\x85",
        msgpack.packb([1, 2, 3, 4]),
        msgpack.packb({"a": 1}),
        msgpack.packb(["1", "2", "t", "e", {}]) + b"x",
        msgpack.packb(["1", "2", "t", "e", msgpack.ExtType(5, b"x")]),
        msgpack.packb(["1", "2", "t", "e", {1: 2}]),
        b"\x95\xa1\xff\xa1\xff\xa1t\xa1e\x80",
        b"\x91" * 2000 + b"\x90",
    ],
)
def test_msgpack_invalid(frame):
    with pytest.raises(InvalidMessage):
        MSGPACK.decode(frame)


@pytest.mark.parametrize(("levels", "taken"), [(63, True), (64, True), (65, False)])
def test_msgpack_depth_has_a_limit(levels, taken):
    nested = []
    for _ in range(levels - 2):
        nested = [nested]
    frame = msgpack.packb([None, None, "t", "e", nested])
    if taken:
        assert MSGPACK.decode(frame)
    else:
        with pytest.raises(InvalidMessage, match=str(MAX_DEPTH)):
            MSGPACK.decode(frame)


def test_msgpack_time_is_a_number():
    frame = msgpack.packb([None, None, "t", "e", {"at": msgpack.Timestamp(7, 0)}])
    assert MSGPACK.decode(frame).payload == {"at": 7.0}


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2026, 11, 27, tzinfo=dt.UTC),
        uuid.UUID(int=7),
        types.SimpleNamespace,
        frozenset({1}),
    ],
)
def test_msgpack_says_what_json_says(value):
    try:
        wanted = orjson.loads(orjson.dumps(value))
    except TypeError:
        with pytest.raises(TypeError, match=r"is no JSON|not JSON serializable"):
            MSGPACK.push("1", None, "t", "e", {"value": value})
    else:
        _, frame = MSGPACK.push("1", None, "t", "e", {"value": value, "raw": b"x"})
        assert msgpack.unpackb(frame)[4] == {"value": wanted, "raw": b"x"}


def test_msgpack_says_bytes_within_any_mapping():
    _, frame = MSGPACK.push("1", None, "t", "e", types.MappingProxyType({"raw": b"x"}))
    assert msgpack.unpackb(frame)[4] == {"raw": b"x"}


# -- payloads


@dataclasses.dataclass
class Note:
    body: str


class Model:
    def model_dump(self, *, mode):
        return {"mode": mode}


def test_body_of_what_is_an_object():
    for payload, text in [
        ({"a": 1}, b'{"a":1}'),
        (Note("x"), b'{"body":"x"}'),
        (Model(), b'{"mode":"json"}'),
        (types.MappingProxyType({"a": 1}), b'{"a":1}'),
    ]:
        assert Body.of(payload).json == text
        assert Body.of(payload).value == orjson.loads(text)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_body_of_bytes(kind):
    body = Body.of(kind(b"x"))
    assert (body.json, body.binary, body.value) == (None, b"x", b"x")


def test_body_of_another_process_is_checked_like_a_message():
    deep = b'{"a":' * 65 + b"1" + b"}" * 65
    with pytest.raises(InvalidMessage):
        _ = Body(json=deep).value


def test_body_is_decoded_once():
    body = Body.of({"a": 1})
    assert body.value is body.value


def test_struct_of_msgspec_is_an_object(monkeypatch):
    class Struct:
        """Stands for ``msgspec.Struct``, which is an extra."""

    module = types.SimpleNamespace(Struct=Struct, to_builtins=lambda _: {"a": 1})
    monkeypatch.setitem(__import__("sys").modules, "msgspec", module)
    assert Body.of(Struct()).json == b'{"a":1}'
    with pytest.raises(TypeError):
        Body.of(object())


@pytest.mark.parametrize("payload", [None, 1, "text", [1], object(), {"a": object()}, {1: 2}])
def test_body_of_anything_else_is_a_type_error(payload):
    with pytest.raises(TypeError):
        Body.of(payload)
