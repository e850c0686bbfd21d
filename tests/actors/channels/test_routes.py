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


def test_declaration_decides_not_length():
    short, long = Route(Foo), Route(Food)
    assert Routes({"room:*": short, "room:a:*": long}).match("room:a:1") == Match(short, "a:1")


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
