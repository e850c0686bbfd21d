from __future__ import annotations

from typing import Any

import pytest

from actors.errors import ConfigError
from actors.options import build, limits
from actors.serializers import V2
from transports.longpoll.options import LongPollOptions
from transports.opening.cookie_session import SessionOptions
from transports.opening.options import TransportOptions
from transports.websocket.options import WebSocketOptions

BOTH = [WebSocketOptions, LongPollOptions]


def test_the_defaults_are_those_of_phoenix() -> None:
    websocket, longpoll = WebSocketOptions(), LongPollOptions()
    assert (websocket.path, websocket.timeout, websocket.compress) == ("/websocket", 60.0, False)
    assert (longpoll.path, longpoll.window, longpoll.pubsub_timeout) == ("/longpoll", 10.0, 2.0)
    assert longpoll.max_age == 14 * 24 * 3600
    for options in (websocket, longpoll):
        assert (options.check_origin, options.check_csrf, options.connect_info) == (None, True, ())


def test_a_base64_line_may_be_as_long_as_the_body_unless_it_is_said() -> None:
    assert LongPollOptions().max_base64 == LongPollOptions().max_body == 2 * 1024 * 1024
    assert LongPollOptions(max_body=8_000_000).max_base64 == 8_000_000
    assert LongPollOptions(max_body=100, max_base64=8).max_base64 == 8


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize(
    "given",
    [
        {"path": "/a/:b"},
        {"path": "/"},
        {"transport_log": "debug"},
        {"check_origin": False},
        {"check_origin": ["//example.com"]},
        {"check_origin": lambda uri: True, "check_csrf": False},
        {"check_csrf": False},
        {"code_reloader": True},
        {"allowed_hosts": ["example.com"]},
        {"connect_info": ["uri", ("a", 1), ("session", SessionOptions(signing_salt="s"))]},
        {"connect_info": ["auth_token"], "auth_token": True},
        {"connect_info": [("auth_token", "a value of the application's")], "auth_token": True},
    ],
)
def test_what_both_transports_accept(cls: type[TransportOptions], given: dict[str, Any]) -> None:
    options = cls(**given)
    assert all(getattr(options, name) == value for name, value in given.items())


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": "a"}, "path='a': must be a path such as"),
        ({"path": None}, "path=None: must be a path"),
        (
            {"serializer": [("json", "~> 2.0.0")]},
            "must be a list of .serializer, '~> 2.0.0'., or None",
        ),
        ({"serializer": [(V2, "two")]}, "must be a list of .serializer, '~> 2.0.0'., or None"),
        ({"serializer": [V2]}, "must be a list of .serializer, '~> 2.0.0'., or None"),
        ({"serializer": 2}, "must be a list of .serializer, '~> 2.0.0'., or None"),
        ({"transport_log": True}, "transport_log=True: must be False or 'debug'"),
        ({"transport_log": "loud"}, "transport_log='loud'"),
        ({"check_origin": "//example.com"}, "check_origin='//example.com': must be True, False"),
        ({"check_origin": ["example.com"]}, "no host that can be compared"),
        ({"check_origin": False, "check_csrf": False}, "must not both be False"),
        ({"check_origin": False, "connect_info": ["cookies"]}, "any page on the web could act"),
        ({"check_origin": False, "connect_info": [("headers", ["a"])]}, "any page on the web"),
        ({"require_origin": 1}, "require_origin=1: must be True or False"),
        ({"code_reloader": "yes"}, "must be True or False, or None"),
        ({"allowed_hosts": "example.com"}, "must be a list of str, or None"),
        ({"allowed_hosts": [7]}, "must be a list of str, or None"),
        ({"connect_info": ["peer"]}, "unknown key 'peer'"),
        ({"connect_info": ["auth_token"]}, "needs the option auth_token=True"),
        ({"auth_token": "x"}, "auth_token='x'"),
        ({"timeot": 1}, "unknown option 'timeot'"),
    ],
)
def test_what_both_transports_refuse(
    cls: type[TransportOptions], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        build(cls, given, "socket '/x'")


@pytest.mark.parametrize(
    "given",
    [
        {"timeout": None},
        {"ping_interval": 20},
        {"error_handler": print},
        {"subprotocols": ["v1", "v2.chat"]},
        {"subprotocols": ()},
        {"subprotocols": "json.v1"},
        {"max_frame_size": 1},
    ],
)
def test_what_a_websocket_mount_accepts(given: dict[str, Any]) -> None:
    options = WebSocketOptions(**given)
    assert all(getattr(options, name) == value for name, value in given.items())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"timeout": 0}, "timeout=0: must be a number above 0, or None"),
        ({"ping_interval": -1}, "ping_interval=-1"),
        ({"send_timeout": None}, "send_timeout=None: must be a number above 0"),
        ({"error_handler": "handler"}, "must be a function, or None"),
        ({"subprotocols": ["a b"]}, "must be a list of tokens"),
        ({"subprotocols": ["a\r\nx: y"]}, "must be a list of tokens"),
        ({"subprotocols": [""]}, "must be a list of tokens"),
        ({"subprotocols": [1]}, "must be a list of tokens"),
        ({"max_frame_size": 1.5}, "max_frame_size=1.5: must be a whole number above 0"),
        ({"max_frame_size": None}, "max_frame_size=None"),
        ({"window": 1}, "unknown option 'window'"),
    ],
)
def test_what_a_websocket_mount_refuses(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(WebSocketOptions, given, "socket '/x', websocket")


@pytest.mark.parametrize("status", [500, 410])
def test_a_lost_session_answers_500_or_410(status: int) -> None:
    assert LongPollOptions(lost_session_status=status).lost_session_status == status


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lost_session_status": 404}, "lost_session_status=404: must be 500 or 410"),
        ({"window": 0}, "window=0"),
        ({"max_batch": 0}, "max_batch=0"),
        ({"timeout": 1}, "unknown option 'timeout'"),
    ],
)
def test_what_a_long_poll_mount_refuses(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(LongPollOptions, given, "socket '/x', longpoll")


@pytest.mark.parametrize("cls", BOTH)
def test_every_limit_has_a_unit_and_every_number_is_a_limit(cls: type[TransportOptions]) -> None:
    named = {name: unit for name, _, unit, _ in limits(cls)}
    numbers = {
        name
        for name in cls.__dataclass_fields__
        if isinstance(getattr(cls(), name), int | float)
        and not isinstance(getattr(cls(), name), bool)
    }
    assert numbers - {"lost_session_status"} <= set(named)
    assert set(named.values()) <= {
        "bytes",
        "seconds",
        "frames",
        "frames/second",
        "messages/second",
        "ratio",
        "messages",
        "sessions",
        "requests",
    }
