from __future__ import annotations

import dataclasses

import pytest

from actors.errors import ConfigError
from actors.options import limits
from transports.http.options import HTTPOptions

NAMES = [field.name for field in dataclasses.fields(HTTPOptions)]


def test_every_option_is_listed_as_a_limit() -> None:
    assert [name for name, *_ in limits(HTTPOptions)] == NAMES


def test_defaults_are_those_of_the_documentation() -> None:
    assert dataclasses.asdict(HTTPOptions()) == {
        "max_request_line": 8000,
        "max_header_line": 8192,
        "max_headers": 100,
        "max_head": 32_768,
        "max_body": 8_000_000,
        "max_chunk_framing": 16_384,
        "max_bodies": 268_435_456,
        "max_stalled": 1000,
        "max_pipelined": 65_536,
        "header_timeout": 5.0,
        "body_timeout": 15.0,
        "keepalive_timeout": 60.0,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, "1", None, True])
def test_value_that_bounds_nothing_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name}="):
        HTTPOptions(**{name: value})


@pytest.mark.parametrize("name", NAMES)
def test_smallest_value_is_accepted(name: str) -> None:
    assert getattr(HTTPOptions(**{name: 1}), name) == 1
