from __future__ import annotations

import pytest

from actors.errors import ConfigError
from transports.http.router import Router


def routes(*paths: str) -> Router[str]:
    router: Router[str] = Router()
    for path in paths:
        router.add(path, path)
    return router


@pytest.mark.parametrize(
    "path",
    [
        "/echo/websocket",
        "/echo//websocket",
        "//echo/websocket",
        "/echo/websocket/",
        "///echo///websocket///",
    ],
)
def test_empty_segments_make_no_difference(path: str) -> None:
    assert routes("/echo/websocket").match(path) == ("/echo/websocket", {})


@pytest.mark.parametrize(
    "path", ["/echo", "/echo/websocket/extra", "/%65cho/websocket", "/Echo/websocket", "/", ""]
)
def test_other_path_matches_nothing(path: str) -> None:
    assert routes("/echo/websocket").match(path) is None


@pytest.mark.parametrize("path", ["/", "", "//"])
def test_root_matches_a_path_without_segments(path: str) -> None:
    assert routes("/").match(path) == ("/", {})


def test_declared_path_is_normalised_too() -> None:
    assert routes("/echo//websocket/").match("/echo/websocket") is not None


def test_variables_become_path_params_without_decoding() -> None:
    router = routes("/params/:room/project/:project_id")
    found = router.match("/params/a%20b%2Fc//project/%C3%A9/")
    assert found is not None
    assert found[1] == {"room": "a%20b%2Fc", "project_id": "%C3%A9"}


def test_variable_whose_name_begins_with_underscore_is_dropped() -> None:
    assert routes("/:_any/:id").match("/x/y") == ("/:_any/:id", {"id": "y"})


@pytest.mark.parametrize("path", ["/a", "/a/b/c", "/x/b"])
def test_variable_route_needs_its_literals_and_its_length(path: str) -> None:
    assert routes("/a/:b").match(path) is None


def test_newest_of_two_equal_paths_wins() -> None:
    router: Router[int] = Router()
    router.add("/a", 1)
    router.add("/a/", 2)
    assert router.match("/a") == (2, {})


def test_newest_wins_between_literal_and_variable() -> None:
    assert routes("/a", "/:x").match("/a") == ("/:x", {"x": "a"})
    assert routes("/:x", "/a").match("/a") == ("/a", {})
    assert routes("/:x", "/a").match("/b") == ("/:x", {"x": "b"})


def test_newest_variable_route_wins_and_older_ones_still_match() -> None:
    router = routes("/:a/x", "/:b/:c")
    assert router.match("/1/x") == ("/:b/:c", {"b": "1", "c": "x"})
    assert routes("/:b/:c", "/:a/x").match("/1/y") == ("/:b/:c", {"b": "1", "c": "y"})


def test_literal_wins_when_a_newer_variable_route_does_not_match() -> None:
    assert routes("/a/b", "/c/:x").match("/a/b") == ("/a/b", {})


@pytest.mark.parametrize(
    "path",
    ["", "echo", "/a b", "/a?b", "/a#b", "/:", "/:1a", "/:a-b", "/a:b", "/*", "/a/*rest", "/\xe9"],
)
def test_bad_pattern_is_a_configuration_error_that_names_it(path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Router[str]().add(path, "x")
    assert repr(path) in str(caught.value)


def test_two_variables_of_one_name_are_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="two variables"):
        Router[str]().add("/:a/b/:a", "x")
