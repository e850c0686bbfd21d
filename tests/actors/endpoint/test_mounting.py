"""``Endpoint.socket(...)``: which transports a mount has, and which options each gets."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from actors import ConfigError, Endpoint, Socket
from actors.endpoint.definition import SHARED
from actors.options import option
from transports import Response, TransportOptions

SHARED_VALUES: dict[str, Any] = {
    "serializer": None,
    "transport_log": "info",
    "check_origin": ["https://example.com"],
    "require_origin": True,
    "allowed_hosts": ["example.com"],
    "check_csrf": False,
    "code_reloader": True,
    "connect_info": ["peer_data"],
    "auth_token": True,
}


class Other:
    def __init__(self, mount: Any) -> None: ...

    def handle(self, request: Any, http: Any) -> Response:
        return Response(404)


class OtherOptions(TransportOptions):
    path: str = option("/other", "appended to the path of the mount")


@pytest.fixture
def endpoint() -> Endpoint:
    made = Endpoint()
    made.transport("other", Other, OtherOptions)
    return made


def transports(endpoint: Endpoint, **given: Any) -> Any:
    endpoint.socket("/chat", Socket, **given)
    return endpoint.mounts[-1].transports


def refusal(endpoint: Endpoint, **given: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        endpoint.socket("/chat", Socket, **given)
    assert endpoint.mounts == []
    return str(caught.value)


class TestShared:
    def test_they_are_what_all_transports_have_but_for_the_path(self) -> None:
        assert set(SHARED) >= set(SHARED_VALUES)
        assert "path" not in SHARED

    @pytest.mark.parametrize("name", SHARED_VALUES)
    def test_an_option_of_a_mount_is_every_transports(self, endpoint: Endpoint, name: str) -> None:
        value = SHARED_VALUES[name]
        found = transports(endpoint, longpoll=True, other=True, **{name: value})
        assert [getattr(each, name) for each in found.values()] == [value] * 3

    @pytest.mark.parametrize("transport", ["websocket", "longpoll", "other"])
    def test_a_transports_own_mapping_comes_first(self, endpoint: Endpoint, transport: str) -> None:
        given = {"longpoll": True, "other": True, transport: {"check_origin": False}}
        found = transports(endpoint, check_origin=["//a.com"], require_origin=True, **given)
        assert {name: each.check_origin for name, each in found.items()} == {
            "websocket": ["//a.com"],
            "longpoll": ["//a.com"],
            "other": ["//a.com"],
            transport: False,
        }
        assert all(each.require_origin for each in found.values())

    def test_a_mapping_may_take_an_option_back(self, endpoint: Endpoint) -> None:
        found = transports(endpoint, check_origin=False, websocket={"check_origin": None})
        assert found["websocket"].check_origin is None

    def test_what_belongs_together_may_be_said_in_both_places(self, endpoint: Endpoint) -> None:
        found = transports(endpoint, connect_info=["auth_token"], websocket={"auth_token": True})
        assert found["websocket"].connect_info == ["auth_token"]
        assert "'auth_token' needs" in refusal(Endpoint(), connect_info=["auth_token"])

    def test_other_mounts_are_not_touched(self, endpoint: Endpoint) -> None:
        transports(endpoint, require_origin=True)
        assert transports(endpoint)["websocket"].require_origin is False

    def test_a_wrong_value_is_refused_with_the_accepted_form(self, endpoint: Endpoint) -> None:
        said = refusal(endpoint, transport_log="inf")
        assert said.startswith("socket '/chat', websocket: transport_log='inf': must be False or")

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("timeout", "'timeout' is an option of a transport: websocket={'timeout': ...}"),
            ("window", "'window' is an option of a transport: longpoll={'window': ...}"),
            ("path", "got multiple values"),
        ],
    )
    def test_an_option_of_one_transport_belongs_there(
        self, endpoint: Endpoint, name: str, said: str
    ) -> None:
        if name == "path":
            with pytest.raises(TypeError, match=said):
                endpoint.socket("/chat", Socket, **{name: "/x"})
        else:
            assert refusal(endpoint, **{name: 1}) == f"socket '/chat': {said}"

    def test_a_misspelt_one_is_refused_with_a_suggestion(self, endpoint: Endpoint) -> None:
        assert "(did you mean 'check_origin'?)" in refusal(endpoint, check_orign=True)
        assert "(did you mean 'longpoll'?)" in refusal(endpoint, longpol=True)
        assert "(did you mean 'other'?)" in refusal(endpoint, othr=True)


class TestTransports:
    def test_websocket_is_on_and_long_polling_is_off(self, endpoint: Endpoint) -> None:
        assert list(transports(endpoint)) == ["websocket"]
        assert list(transports(endpoint, websocket=False, longpoll=True)) == ["longpoll"]

    @pytest.mark.parametrize("given", [True, {}, {"path": "/o"}])
    def test_a_transport_of_ones_own_by_name_or_as_a_keyword(
        self, endpoint: Endpoint, given: Any
    ) -> None:
        by_name = transports(endpoint, transports={"other": given})
        as_keyword = transports(endpoint, other=given)
        assert by_name == as_keyword
        assert isinstance(by_name["other"], OtherOptions)
        assert "other" not in transports(endpoint, transports={"other": False})

    def test_said_twice_is_refused(self, endpoint: Endpoint) -> None:
        said = refusal(endpoint, other=True, transports={"other": True})
        assert said == "socket '/chat': other is given twice, also in transports"

    def test_an_unknown_one_is_refused(self, endpoint: Endpoint) -> None:
        said = refusal(endpoint, transports={"othr": True})
        assert said == (
            "socket '/chat', transports: unknown transport 'othr' (did you mean 'other'?):"
            " endpoint.transport('othr', ...) must come before"
        )
        said = refusal(Endpoint(), transports={"sse": True})
        assert said.endswith(
            "unknown transport 'sse': endpoint.transport('sse', ...) must come before"
        )
        said = refusal(endpoint, transports={"websocket": True})
        assert said == "socket '/chat', transports: 'websocket' is one of ours: websocket=..."

    @pytest.mark.parametrize("given", [None, 1, "yes", ["path"]])
    @pytest.mark.parametrize("name", ["websocket", "longpoll", "other"])
    def test_anything_else_is_refused(self, endpoint: Endpoint, name: str, given: Any) -> None:
        said = refusal(endpoint, **{name: given})
        assert said.endswith(f"{name}={given!r}: must be True, False or a mapping of options")

    @pytest.mark.parametrize("name", ["websocket", "check_origin", "transports", "drainer", "a b"])
    def test_a_transport_cannot_have_the_name_of_a_keyword(self, name: str) -> None:
        with pytest.raises(ConfigError, match="must be a new name, such as 'sse'"):
            Endpoint().transport(name, Other, OtherOptions)


class AsyncOther(Other):
    async def handle(self, request: Any, http: Any) -> Response:  # type: ignore[override]
        return Response(404)


class NoHandle:
    def __init__(self, mount: Any) -> None: ...


@pytest.mark.parametrize(
    ("factory", "options_class", "said"),
    [
        (NoHandle, OtherOptions, "NoHandle needs handle(self, request, http)"),
        (AsyncOther, OtherOptions, "AsyncOther.handle is 'async def': write 'def'"),
        ("Other", OtherOptions, "'Other' is no class or function of a TransportMount"),
        (Other, dict, "<class 'dict'> is not a subclass of transports.TransportOptions"),
        (Other, {"path": "/x"}, "{'path': '/x'} is not a subclass of transports.TransportOptions"),
    ],
)
def test_a_transport_in_a_wrong_shape_is_refused(
    factory: Any, options_class: Any, said: str
) -> None:
    endpoint = Endpoint()
    with pytest.raises(ConfigError) as caught:
        endpoint.transport("other", factory, options_class)
    assert str(caught.value) == f"transport 'other': {said}"
    assert endpoint.transports == {}
    endpoint.transport("other", partial(Other), OtherOptions)
