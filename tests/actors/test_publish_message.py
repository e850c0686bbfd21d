"""What a publisher sends is what a server takes: both judge the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import publish_message
from actors.endpoint.serving.publish_requests import orders
from actors.errors import HTTPError
from actors.publish_message import MAX_BODY, MAX_DEPTH
from actors.serializers import strict_json

LARGEST = 2**1024 - 2**970 - 1
"""The largest integer that a float is made of: the next one is rounded to what none holds."""


def nested(levels: int, kind: type) -> Any:
    value: Any = {}
    for _ in range(levels - 3):
        value = {"x": value} if kind is dict else kind([value])
    return {"x": value}


def test_a_message_is_what_the_server_reads():
    (order,) = orders(publish_message.broadcast("room:1", "said", {"x": [1, "é"]}))
    assert order == ("room:1", "said", {"x": [1, "é"]})
    (order,) = orders(publish_message.broadcast("room:1", "said", None))
    assert order.payload == {}
    (order,) = orders(publish_message.disconnect("user:7"))
    assert order.topic == "user:7"


def test_limits_are_those_of_the_server():
    assert MAX_DEPTH == strict_json.MAX_DEPTH


@pytest.mark.parametrize(("more", "taken"), [(-1, True), (0, True), (1, False)])
def test_so_long_a_message_is_sent(more, taken):
    room = MAX_BODY - len(publish_message.broadcast("t", "e", {"x": ""})) + more
    for text in ("x" * room, "x" * (room % 2) + "é" * (room // 2)):
        if taken:
            assert len(publish_message.broadcast("t", "e", {"x": text})) == MAX_BODY + more
        else:
            with pytest.raises(ValueError, match="over 1048576"):
                publish_message.broadcast("t", "e", {"x": text})


@pytest.mark.parametrize(("more", "taken"), [(-1, True), (0, True), (1, False)])
@pytest.mark.parametrize("kind", [dict, list, tuple])
def test_so_deep_a_message_is_sent(more, taken, kind):
    payload = nested(MAX_DEPTH + more, kind)
    if taken:
        assert orders(publish_message.broadcast("t", "e", payload))
    else:
        with pytest.raises(ValueError, match="deeper than 64 levels"):
            publish_message.broadcast("t", "e", payload)
        with pytest.raises(HTTPError):
            orders(json.dumps({"topic": "t", "event": "e", "payload": payload}).encode())


@pytest.mark.parametrize(("more", "taken"), [(-1, True), (0, True), (1, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_so_large_an_integer_is_sent(more, taken, sign):
    payload = {"x": [{"y": sign * (LARGEST + more)}]}
    if taken:
        assert orders(publish_message.broadcast("t", "e", payload))
    else:
        with pytest.raises(ValueError, match="an integer in it is too large"):
            publish_message.broadcast("t", "e", payload)
        with pytest.raises(HTTPError):
            orders(json.dumps({"topic": "t", "event": "e", "payload": payload}).encode())


@pytest.mark.parametrize("digits", [309, 400, 4299, 4300, 5000])
def test_an_integer_of_many_digits_is_a_value_error(digits):
    with pytest.raises(ValueError, match="integer"):
        publish_message.broadcast("t", "e", {"x": 10**digits})


def test_many_brackets_and_digits_in_a_text_are_neither_deep_nor_large():
    payload = {"x": "[" * 100 + "9" * 400, "y": [[]] * 100, "z": True}
    assert orders(publish_message.broadcast("t", "e", payload))


@pytest.mark.parametrize("event", ["phx_", "phx_reply"])
def test_reserved_names_are_refused_on_both_sides(event):
    with pytest.raises(ValueError, match="reserved"):
        publish_message.broadcast("t", event, {})
    with pytest.raises(HTTPError):
        orders(json.dumps({"topic": "t", "event": event}).encode())
    with pytest.raises(ValueError, match="reserved"):
        publish_message.disconnect("phoenix")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.text(), st.text(), st.dictionaries(st.text(), VALUES))
def test_what_is_sent_the_server_takes(topic, event, payload):
    try:
        body = publish_message.broadcast(topic, event, payload)
    except ValueError:
        return
    (order,) = orders(body)
    assert (order.topic, order.event) == (topic, event)
