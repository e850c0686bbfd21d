"""The client's half of version 2.0.0: what it sends our server reads, and the other way round."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.messages import Body, Message, body_of, check_name, decode, push
from actors.errors import InvalidMessage
from actors.serializers import V2
from actors.serializers.message import BINARY, MAX_NAME, TEXT
from actors.serializers.message import Body as BroadcastBody

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
REFS = st.integers(1, 10**9).map(str)
JSON = st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.text(), max_size=4)


@given(st.none() | REFS, REFS, NAMES, NAMES, JSON | st.binary(max_size=300))
def test_a_server_reads_what_a_client_sends(join_ref, ref, topic, event, payload):
    opcode, data = push(join_ref, ref, topic, event, body_of(payload))
    assert opcode is (BINARY if isinstance(payload, bytes) else TEXT)
    assert V2.decode(data if opcode is BINARY else data.decode()) == (
        join_ref,
        ref,
        topic,
        event,
        payload,
    )


@given(REFS, REFS, NAMES, NAMES, JSON | st.binary(max_size=300))
def test_a_client_reads_what_a_server_sends(join_ref, ref, topic, event, payload):
    reply = {"status": event, "response": payload}
    broadcast = V2.broadcast(topic, event, BroadcastBody.of(payload))
    assert decode(V2.push(join_ref, None, topic, event, payload)) == (
        (join_ref, None, topic, event, payload)
    )
    assert decode(V2.reply(join_ref, ref, topic, event, payload)) == (
        (join_ref, ref, topic, "phx_reply", reply)
    )
    assert decode(broadcast) == (None, None, topic, event, payload)


def test_the_bytes_of_a_binary_push():
    frame = push("5", "6", "room:é", "bin", Body(b"\1\2\3", binary=True))
    assert frame == (BINARY, b"\x00\x01\x01\x07\x0356room:\xc3\xa9bin\1\2\3")


def test_the_text_of_a_push():
    assert push(None, "7", "phoenix", "heartbeat", body_of(None)) == (
        (TEXT, b'[null,"7","phoenix","heartbeat",{}]')
    )


def test_a_position_in_the_ref_of_a_broadcast_reaches_the_application():
    message = decode((TEXT, b'[null,"@17","room:1","new",{"a":1}]'))
    assert message == Message(None, "@17", "room:1", "new", {"a": 1})


@pytest.mark.parametrize("more", [b"", b",{},1"])
def test_a_message_has_five_elements(more):
    with pytest.raises(InvalidMessage, match="five elements"):
        decode((TEXT, b'[null,null,"t","e"' + more + b"]"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b'"\xc3"',
        b"{}",
        b"null",
        b"[]",
        b'[null,null,"t","e"]',
        b'[null,null,1,"e",{}]',
        b'[null,null,"t",null,{}]',
        b'[1,null,"t","e",{}]',
        b'[null,1.5,"t","e",{}]',
        b'[null,"1","t","phx_reply",{}]',
        b'[null,"1","t","phx_reply",[]]',
        b'[null,"1","t","phx_reply",{"status":1}]',
        b'[null,null,"t","e",NaN]',
        b"[" * 2000,
    ],
)
def test_text_that_is_no_message_is_refused(data):
    with pytest.raises(InvalidMessage):
        decode((TEXT, data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x03\x01\x01ab",
        b"\x04\x00\x00\x00\x00",
        b"\x00\x00\x00",
        b"\x01\x00\x00\x00",
        b"\x02\x00",
        b"\x02\x01\x02ab",
        b"\x02\x01\x01\xffb",
        b"\x00\x01\x01\xff1t",
    ],
)
def test_binary_that_is_no_message_is_refused(data):
    with pytest.raises(InvalidMessage):
        decode((BINARY, data))


@given(st.binary(max_size=40), st.booleans())
def test_whatever_comes_is_a_message_or_refused(data, binary):
    try:
        decode((BINARY if binary else TEXT, data))
    except InvalidMessage:
        pass


@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (None, b"{}"),
        ({}, b"{}"),
        ({"a": [1]}, b'{"a":[1]}'),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
    ],
)
def test_what_a_push_carries(payload, body):
    assert body_of(payload).data == body


@pytest.mark.parametrize("payload", [1, "text", [1], object(), {1: object()}])
def test_what_no_push_carries_is_a_type_error(payload):
    with pytest.raises(TypeError):
        body_of(payload)


@pytest.mark.parametrize(
    ("size", "fits"), [(MAX_NAME - 1, True), (MAX_NAME, True), (MAX_NAME + 1, False)]
)
def test_a_name_has_at_most_255_bytes(size, fits):
    if fits:
        check_name("topic", "a" * size)
        name = "é" * (size // 2)
        frame = push("1", "2", name, "e", Body(b"", binary=True))
        assert V2.decode(frame[1]).topic == name
    else:
        with pytest.raises(ValueError, match="topic"):
            check_name("topic", "a" * size)
        with pytest.raises(ValueError, match="topic"):
            check_name("topic", "é" * ((size + 1) // 2))


@pytest.mark.parametrize(("name", "kind"), [(None, TypeError), (b"a", TypeError)])
def test_a_name_is_text(name, kind):
    with pytest.raises(kind, match="event"):
        check_name("event", name)


@pytest.mark.parametrize("name", ["", "\ud800"])
def test_a_name_can_be_sent(name):
    with pytest.raises(ValueError, match="event"):
        check_name("event", name)


def test_every_number_of_json_that_a_server_may_send_is_read():
    assert decode((TEXT, json.dumps([None, None, "t", "e", [1e300, -1]]).encode())).payload == (
        [1e300, -1]
    )
