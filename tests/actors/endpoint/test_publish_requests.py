"""What a publishing request may hold, and who may send one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors import ConfigError
from actors.endpoint.serving.publish_requests import MAX_LIST, MIN_KEY, Keys, Order, orders
from actors.errors import HTTPError
from actors.packets import MAX_FRAME
from actors.serializers import strict_json
from actors.serializers.strict_json import MAX_DEPTH

KEY = "k" * MIN_KEY
MESSAGE = {"topic": "room:1", "event": "said", "payload": {"body": "hi"}}


def refusal(body: Any) -> str:
    with pytest.raises(HTTPError) as caught:
        orders(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert caught.value.status == 400
    return caught.value.message


class TestOrders:
    def test_a_message_is_one_order(self) -> None:
        body = json.dumps(MESSAGE).encode()
        assert orders(body) == [Order("room:1", "said", {"body": "hi"})]

    @pytest.mark.parametrize("rest", [{}, {"payload": None}, {"payload": {}}])
    def test_no_payload_is_an_empty_object(self, rest: dict[str, Any]) -> None:
        body = json.dumps({"topic": "t", "event": "e", **rest}).encode()
        assert orders(body) == [Order("t", "e", {})]

    def test_disconnect_is_the_event_of_that_name(self) -> None:
        assert orders(b'{"disconnect": "user:7"}') == [Order("user:7", "disconnect", {})]

    def test_a_list_keeps_its_order(self) -> None:
        body = json.dumps([MESSAGE, {"disconnect": "a"}, MESSAGE]).encode()
        assert [order.topic for order in orders(body)] == ["room:1", "a", "room:1"]

    def test_an_empty_list_is_nothing(self) -> None:
        assert orders(b"[]") == []

    @pytest.mark.parametrize("count", [MAX_LIST - 1, MAX_LIST])
    def test_list_up_to_its_limit_is_taken(self, count: int) -> None:
        assert len(orders(json.dumps([MESSAGE] * count).encode())) == count

    def test_list_over_its_limit_is_refused(self) -> None:
        assert refusal([MESSAGE] * (MAX_LIST + 1)) == "a list of 101 messages: at most 100"

    @pytest.mark.parametrize("levels", [MAX_DEPTH - 1, MAX_DEPTH])
    def test_depth_up_to_its_limit_is_taken(self, levels: int) -> None:
        assert orders(nested(levels))[0].topic == "t"

    def test_depth_over_its_limit_is_refused(self) -> None:
        assert refusal(nested(MAX_DEPTH + 1)) == "the body is deeper than 64 levels"

    def test_of_two_equal_keys_the_last_one_counts(self) -> None:
        body = b'{"topic": "a", "topic": "b", "event": "e", "payload": {"x": 1, "x": 2}}'
        assert orders(body) == [Order("b", "e", {"x": 2})]

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"{", b"hello", b'{"topic": NaN}', b'{"topic": "\xff"}', b'{"topic": "\\ud800"}',
            b'{"topic": "t", "event": "e", "payload": {"x": 1e999}}', b"{} {}", b"\xef\xbb\xbf{}",
            b"topic=t&event=e",
        ],
    )  # fmt: skip
    def test_what_is_no_json_is_refused(self, body: bytes) -> None:
        assert refusal(body) == "the body is not JSON"

    @pytest.mark.parametrize(
        ("message", "said"),
        [
            (1, "must be an object"),
            (None, "must be an object"),
            ("text", "must be an object"),
            ([], "must be an object"),
            ({}, "topic is missing"),
            ({"topic": "t"}, "event is missing"),
            ({"event": "e"}, "topic is missing"),
            ({**MESSAGE, "topic": ""}, "topic: must be a string that is not empty"),
            ({**MESSAGE, "topic": 7}, "topic: must be a string that is not empty"),
            ({**MESSAGE, "topic": None}, "topic: must be a string that is not empty"),
            ({**MESSAGE, "topic": "phoenix"}, "topic: 'phoenix' is reserved"),
            ({**MESSAGE, "event": ""}, "event: must be a string that is not empty"),
            ({**MESSAGE, "event": ["e"]}, "event: must be a string that is not empty"),
            (
                {**MESSAGE, "event": "phx_reply"},
                "the event 'phx_reply' is reserved, as all that begins with 'phx_'",
            ),
            ({**MESSAGE, "payload": []}, "payload: must be an object"),
            ({**MESSAGE, "payload": "text"}, "payload: must be an object"),
            ({**MESSAGE, "payload": False}, "payload: must be an object"),
            ({**MESSAGE, "paylod": {}}, "unknown field 'paylod' (known: topic, event, payload)"),
            ({"disconnect": ""}, "disconnect: must be a string that is not empty"),
            ({"disconnect": ["a"]}, "disconnect: must be a string that is not empty"),
            ({"disconnect": "phoenix"}, "disconnect: 'phoenix' is reserved"),
            ({**MESSAGE, "disconnect": "a"}, "unknown field 'topic' (known: disconnect)"),
        ],
    )
    def test_what_is_no_message_is_refused_and_a_list_says_which(
        self, message: Any, said: str
    ) -> None:
        if not isinstance(message, list):
            assert refusal(message) == f"the message: {said}"
        assert refusal([MESSAGE, message, MESSAGE]) == f"message 1: {said}"

    def test_what_is_repeated_of_a_body_is_short(self) -> None:
        long = "x" * 100_000
        assert len(refusal({**MESSAGE, long: 1})) < 200
        assert len(refusal({**MESSAGE, "event": f"phx_{long}"})) < 200

    def test_no_body_within_its_limit_is_too_large_to_broadcast(self) -> None:
        """Numbers are what is longer when it is written anew."""
        numbers = ",".join(["1e15"] * 209_000)
        body = f'{{"topic": "t", "event": "e", "payload": {{"x": [{numbers}]}}}}'.encode()
        assert 1_040_000 < len(body) < 1_048_576
        assert len(strict_json.encode(orders(body)[0].payload)) + 100 < MAX_FRAME


def nested(levels: int) -> bytes:
    """A message of so many levels, itself included."""
    inner = "[" * (levels - 2) + "]" * (levels - 2)
    return f'{{"topic": "t", "event": "e", "payload": {{"x": {inner}}}}}'.encode()


class TestKeys:
    @pytest.mark.parametrize("length", [MIN_KEY, MIN_KEY + 1, 4000])
    def test_a_key_of_at_least_16_characters_is_admitted(self, length: int) -> None:
        assert Keys("k" * length).admit([f"Bearer {'k' * length}"])

    def test_a_shorter_key_is_refused_without_being_shown(self) -> None:
        with pytest.raises(ConfigError, match="at least 16") as caught:
            Keys(["s3cret-" + "k" * (MIN_KEY - 8)])
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize(
        "given", [None, [], (), [None], [KEY, None], [KEY, "short"], 16, [b"k" * 16], {KEY},
                  "k" * 16 + " k", "k" * 16 + "\n", "schlüssel-schlüssel"],
    )  # fmt: skip
    def test_what_is_no_key_is_refused(self, given: object) -> None:
        with pytest.raises(ConfigError, match="visible ASCII") as caught:
            Keys(given)
        assert KEY not in str(caught.value)

    def test_each_of_several_is_admitted(self) -> None:
        keys = Keys((KEY, "other-" + KEY))
        assert keys.admit([f"Bearer {KEY}"])
        assert keys.admit([f"bearer  other-{KEY}"])

    @pytest.mark.parametrize(
        "values",
        [
            [], [""], ["Bearer"], ["Bearer "], [KEY], [f"Basic {KEY}"], [f"Bearer{KEY}"],
            [f"Bearer {KEY}x"], [f"Bearer {KEY[:-1]}"], [f"Bearer {KEY}, x"], [f"Bearer {KEY} x"],
            [f"Bearer {KEY}", f"Bearer {KEY}"], [f"Bearer {KEY}\u00ff"], ["Bearer \ud800"],
        ],
    )  # fmt: skip
    def test_nothing_else_is_admitted(self, values: list[str]) -> None:
        assert not Keys(KEY).admit(values)

    def test_no_repr_shows_a_key(self) -> None:
        assert repr(Keys([KEY, KEY])) == "<2 keys>"
        assert KEY not in repr(Keys(KEY))
