from __future__ import annotations

from typing import Any

import pytest

from actors.errors import ConfigError
from actors.options import limits
from transports.websocket.options import WebSocketOptions

LIMITS = {
    "timeout": 60.0,
    "ping_interval": None,
    "send_timeout": 10.0,
    "close_timeout": 5.0,
    "message_timeout": 60.0,
    "max_read_rate": None,
    "max_frame_size": 1_048_576,
    "max_message_size": 1_048_576,
    "max_fragments": 1024,
    "max_empty_fragments": 16,
    "max_control_rate": 100,
    "max_inflate_ratio": 25,
    "max_send_queue": 1_048_576,
}


def test_every_limit_has_its_default_and_is_listed() -> None:
    assert {name: default for name, default, _, _ in limits(WebSocketOptions)} == LIMITS


def test_the_names_and_defaults_are_those_of_phoenix() -> None:
    options = WebSocketOptions()
    assert (options.path, options.compress, options.timeout) == ("/websocket", False, 60.0)
    assert (options.error_handler, options.subprotocols) == (None, None)


@pytest.mark.parametrize("name", sorted(LIMITS))
@pytest.mark.parametrize("value", [0, -1, "10", True])
def test_a_limit_is_a_number_above_zero(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{name}={value!r}: must be a"):
        WebSocketOptions(**{name: value})


@pytest.mark.parametrize("name", ["timeout", "ping_interval", "message_timeout", "max_read_rate"])
def test_a_deadline_may_be_left_out(name: str) -> None:
    assert getattr(WebSocketOptions(**{name: None}), name) is None


@pytest.mark.parametrize("value", [["v2.chat"], ("a", "b"), [], "v2.chat", 7])
def test_subprotocols_are_tokens_and_what_is_no_list_is_left_to_the_handshake(value: Any) -> None:
    assert WebSocketOptions(subprotocols=value).subprotocols == value


@pytest.mark.parametrize("value", [["a b"], [""], [1], ["a,b"], ["a\r\nb"]])
def test_a_subprotocol_that_is_no_token_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="must be a list of tokens"):
        WebSocketOptions(subprotocols=value)


@pytest.mark.parametrize(
    "option", [{"compress": 1}, {"path": "websocket"}, {"error_handler": "handler"}]
)
def test_a_value_of_another_kind_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(option))}="):
        WebSocketOptions(**option)
