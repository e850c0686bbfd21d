"""Events and payloads: what a class of channels may declare, and what a payload has to be."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from actors import Channel, ChannelSocket
from actors.channels import payloads
from actors.channels.events import handlers, intercept, interceptors, on, payload_converter
from actors.channels.payloads import InvalidPayload, converter
from actors.errors import ConfigError


class Message(msgspec.Struct):
    body: str
    likes: int = 0


@dataclass
class Note:
    body: str


class Words(TypedDict):
    body: str


class Model(pydantic.BaseModel):
    body: str
    inner: list[Note] = []


class Strange: ...


# -- tables


@pytest.mark.parametrize("first", [on("a"), intercept("a")])
def test_a_second_method_of_one_name_would_lose_the_first_ones_events(first):
    with pytest.raises(
        ConfigError, match=r"Room.say is defined twice: .* @.*\('a'\), would be lost"
    ):

        class Room:
            @first
            def say(self, payload): ...

            @on("b")
            def say(self, payload): ...  # noqa: F811


def test_a_method_of_one_name_that_was_for_no_event_loses_none():
    class Room:
        def say(self, payload): ...

        @on("b")
        def say(self, payload): ...  # noqa: F811

    assert [each.method for each in handlers(Room).values()] == ["say"]


def test_a_method_that_a_subclass_defines_anew_is_no_second_one():
    class Room:
        @on("a")
        def say(self, payload): ...

        @on("b")
        @on("c")
        def sing(self, payload): ...

    class Loud(Room):
        @on("b")
        def say(self, payload): ...

        @on("d")
        def sing(self, payload): ...

    assert {event: each.method for event, each in handlers(Loud).items()} == {
        "b": "say",
        "d": "sing",
    }


def test_methods_are_found_by_their_events():
    class Room:
        @on("new_msg")
        def new_msg(self, payload): ...

        @on("typing", "idle")
        def presence(self, payload: dict[str, Any]): ...

        @intercept("new_msg")
        def show(self, payload): ...

        def other(self): ...

    assert {event: each.method for event, each in handlers(Room).items()} == {
        "new_msg": "new_msg",
        "typing": "presence",
        "idle": "presence",
    }
    assert {event: each.method for event, each in interceptors(Room).items()} == {"new_msg": "show"}
    assert handlers(Room)["new_msg"].convert is None
    assert handlers(Room)["idle"].convert is not None


def test_events_are_inherited_and_follow_the_method_that_replaces():
    class Base:
        @on("a")
        def first(self, payload): ...

        @on("b")
        def second(self, payload): ...

        @on("c")
        def third(self, payload): ...

    class Sub(Base):
        def first(self, payload: bytes): ...

        @on("x")
        def second(self, payload): ...

        third = None

    table = handlers(Sub)
    assert sorted(table) == ["a", "x"]
    assert table["a"].convert is not None


def test_two_decorators_are_added_up():
    class Room:
        @on("a")
        @on("b")
        def both(self, payload): ...

    assert sorted(handlers(Room)) == ["a", "b"]


def test_decorated_method_is_judged_by_what_is_inside():
    def logged(function):
        @functools.wraps(function)
        def call(*args):
            return function(*args)

        return call

    class Room:
        @logged
        @on("a")
        def note(self, payload: Note): ...

    assert handlers(Room)["a"].convert({"body": "x"}) == Note("x")


def test_event_on_two_methods_is_refused():
    class Room:
        @on("a")
        def one(self, payload): ...

        @on("a")
        def two(self, payload): ...

    with pytest.raises(ConfigError, match=r"Room\.two: @on\('a'\) is on Room\.one already"):
        handlers(Room)


@pytest.mark.parametrize("event", ["", None, 5, "phx_join", "phx_", "x" * 256, "é" * 128])
@pytest.mark.parametrize("mark", [on, intercept])
def test_name_that_is_no_event_is_refused(mark, event):
    with pytest.raises(ConfigError, match=f"@{mark.__name__}"):
        mark(event)


@pytest.mark.parametrize("event", ["x" * 254, "x" * 255, "é" * 127, "phoenix"])
def test_name_that_is_an_event(event):
    assert on(event)


def test_no_event_at_all_is_refused():
    with pytest.raises(ConfigError, match="names no event"):
        on()


def refused(function, text):
    with pytest.raises(ConfigError, match=text):
        payload_converter(function, "Room.method", ("self", "payload"))


def test_methods_of_another_shape_are_refused():
    async def late(self, payload): ...

    async def lates(self, payload):
        yield

    def many(self, payload):
        yield

    def few(self): ...

    def more(self, payload, third): ...

    refused(late, "async")
    refused(lates, "async")
    refused(many, "generator")
    refused(few, r"must take \(self, payload\)")
    refused(more, r"must take \(self, payload\)")


def test_methods_that_take_anything():
    def several(*args): ...

    def optional(self, payload: Note, third=None): ...

    assert payload_converter(several, "m", ("self", "payload")) is None
    assert payload_converter(optional, "m", ("self", "payload"))({"body": "x"}) == Note("x")


def test_annotation_that_is_not_known_is_refused():
    def method(self, payload: Nowhere): ...  # noqa: F821

    refused(method, "Nowhere")


# -- payloads


@pytest.mark.parametrize("annotation", [Any, object])
def test_taken_as_it_came(annotation):
    assert converter(annotation, "m") is None


@pytest.mark.parametrize("annotation", [dict, Mapping, dict[str, Any], Mapping[str, object]])
def test_object(annotation):
    convert = converter(annotation, "m")
    assert convert({"a": 1}) == {"a": 1}
    for wrong in (None, [], "x", 1, b"x"):
        with pytest.raises(InvalidPayload):
            convert(wrong)


def test_binary():
    convert = converter(bytes, "m")
    assert convert(b"x") == b"x"
    for wrong in (None, {}, "x"):
        with pytest.raises(InvalidPayload) as raised:
            convert(wrong)
        assert raised.value.errors == [{"at": "$", "message": "Expected binary"}]


@pytest.mark.parametrize(
    ("annotation", "made"),
    [
        (Message, Message("x")),
        (Note, Note("x")),
        (Words, {"body": "x"}),
        (Model, Model(body="x")),
        (dict[str, str], {"body": "x"}),
        (Message | None, Message("x")),
    ],
)
def test_schema(annotation, made):
    convert = converter(annotation, "m")
    assert convert({"body": "x"}) == made
    for wrong in ({"body": 5}, [], "geheim", b"geheim"):
        with pytest.raises(InvalidPayload) as raised:
            convert(wrong)
        assert all(sorted(each) == ["at", "message"] for each in raised.value.errors)
        assert "geheim" not in str(raised.value.errors)


def test_errors_say_where():
    with pytest.raises(InvalidPayload) as raised:
        converter(Message, "m")({"body": "x", "likes": "many"})
    assert raised.value.errors == [{"at": "$.likes", "message": "Expected `int`, got `str`"}]
    with pytest.raises(InvalidPayload) as raised:
        converter(Model, "m")({"body": "x", "inner": [{"body": 1}]})
    assert raised.value.errors[0]["at"] == "$.inner[0].body"


def test_errors_do_not_quote_the_client():
    from typing import Literal  # noqa: PLC0415

    with pytest.raises(InvalidPayload) as raised:
        converter(Literal["a", "b"], "m")("geheim")
    assert raised.value.errors == [{"at": "$", "message": "Invalid value"}]


@pytest.mark.parametrize("annotation", [Strange, type, "text"])
def test_annotation_that_cannot_be_checked_is_refused(annotation):
    with pytest.raises(ConfigError, match=r"Room\.x"):
        converter(annotation, "Room.x")


def test_schema_without_the_extra_is_refused(monkeypatch):
    monkeypatch.setattr(payloads.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="schemas"):
        converter(Note, "m")


def test_own_kind_of_annotation():
    payloads.register(lambda each: each is Strange, lambda _: lambda payload: [payload])
    try:
        assert converter(Strange, "m")("x") == ["x"]
        assert converter(Any, "m") is None
    finally:
        payloads._registered.pop(0)


def test_intercepts_are_no_text():
    with pytest.raises(ConfigError, match=r"Room\.intercepts = 'new_msg': must be a tuple"):
        type("Room", (Channel,), {"intercepts": "new_msg"})


@pytest.mark.parametrize("given", [[("room:*", Channel)], "room:*", None])
def test_channels_of_a_socket_are_a_mapping(given):
    with pytest.raises(ConfigError, match=r"User\.channels = .*: must map topics"):
        type("User", (ChannelSocket,), {"channels": given})
