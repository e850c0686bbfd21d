"""Which channel a topic belongs to."""

from __future__ import annotations

import pytest

from actors.channels.routes import Match, Route, Routes
from actors.errors import ConfigError


class Foo: ...


class Food: ...


def test_first_pattern_that_fits_wins():
    foo, food, exact = Route(Foo), Route(Food), Route(Foo, {"exact": True})
    routes = Routes({"food:pizza": exact, "food*": food, "foo*": foo})
    assert routes.match("foo:1") == Match(foo, ":1")
    assert routes.match("food:1") == Match(food, ":1")
    assert routes.match("food:pizza") == Match(exact, "")
    assert routes.match("food") == Match(food, "")
    assert routes.match("unknown") is None
    assert routes.match("") is None


@pytest.mark.parametrize(
    ("wide", "never"), [("room:*", "room:a:*"), ("*", "x"), ("room:*", "room:"), ("a*", "a*b*")]
)
def test_a_pattern_behind_a_wider_one_is_refused(wide, never):
    routes = {wide: Route(Foo), "other": Route(Foo), never: Route(Food)}
    with pytest.raises(ConfigError, match=r"before it matches too|only be the last"):
        Routes(routes)


def test_a_pattern_before_a_wider_one_is_asked_first():
    short, long = Route(Foo), Route(Food)
    assert Routes({"room:a:*": long, "room:*": short}).match("room:a:1") == Match(long, "1")


def test_classes_of_channels_are_told_once():
    routes = Routes({"a": Route(Foo), "b": Route(Food), "c": Route(Foo, {"x": 1})})
    assert routes.channel_classes() == [Foo, Food]
    assert routes.assigns
    assert not Routes({"a": Route(Foo)}).assigns


def test_star_alone_takes_every_topic():
    everything = Route(Foo)
    assert Routes({"*": everything}).match("any thing") == Match(everything, "any thing")


@pytest.mark.parametrize("assigns", [5, "ada", None, [("a", 1)]])
def test_assigns_of_a_route_are_a_mapping(assigns):
    with pytest.raises(ConfigError, match=r"Route\(assigns=.*must be a mapping"):
        Route(Foo, assigns=assigns)


def test_whole_topic_is_no_prefix():
    assert Routes({"room": Route(Foo)}).match("room:1") is None


@pytest.mark.parametrize("pattern", ["", None, 1, "a*b", "**", "*a", "phoenix", "phoenix*"])
def test_pattern_that_is_refused(pattern):
    with pytest.raises(ConfigError, match="channels"):
        Routes({pattern: Route(Foo)})
