"""Publishing over HTTP with a key: what is answered, told and logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from actors import Channel, ChannelSocket, ConfigError, Endpoint, HTTPOptions, Ok, telemetry
from actors.endpoint.command.checking import misrouted
from actors.endpoint.limits import listed
from actors.endpoint.routes import Routes
from actors.publish_message import MAX_BODY
from tests.support.channels import ChannelClient
from tests.support.raw import Client, request
from tests.support.server import Served, serve

KEY = "0123456789abcdef"
BEARER = f"Authorization: Bearer {KEY}"
PATH = "/api/broadcast"


class Room(Channel):
    def join(self, topic: str, payload: Any) -> Ok:
        return Ok()


class Rooms(ChannelSocket):
    channels = {"room:*": Room}

    @classmethod
    def connect(cls, info: Any) -> Ok:
        return Ok({"user": info.params.get("user")})

    @classmethod
    def id(cls, assigns: Any) -> str:
        return f"user:{assigns['user']}"


def endpoint(**options: Any) -> Endpoint:
    made = Endpoint(**options)
    made.socket("/socket", Rooms)
    made.publishing(PATH, keys=["another-key-of-16", KEY])
    return made


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(endpoint()) as found:
        yield found


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as made:
        yield made


@pytest.fixture
def told() -> Iterator[list[tuple[dict[str, Any], dict[str, Any]]]]:
    """What telemetry said: measurements and metadata."""
    found: list[Any] = []

    def handler(_event: str, measurements: Any, metadata: Any) -> None:
        found.append((measurements, metadata))

    telemetry.attach("publish.request", handler)
    yield found
    telemetry.detach("publish.request", handler)


def publish(client: Client, body: Any, *lines: str, **rest: Any) -> tuple[int, Any]:
    """Send one request; return its status and what the answer says."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"method": "POST", "body": data, **rest}
    answer = client.ask(PATH, *(lines or (BEARER,)), **sent)
    return answer.status, json.loads(answer.body) if answer.body else None


def message(**changed: Any) -> dict[str, Any]:
    return {"topic": "room:1", "event": "said", "payload": {"body": "hi"}, **changed}


def test_a_message_reaches_who_has_joined(served, client, told):
    with ChannelClient(served.address, "/socket/websocket?user=ada") as ada:
        assert ada.join("room:1") == ("ok", {})
        assert publish(client, message()) == (200, {"accepted": 1, "workers": 1})
        assert ada.event("said") == {"body": "hi"}
    measured, about = told[0]
    assert measured["status"] == 200
    assert measured["count"] == 1
    assert measured["size"] == len(json.dumps(message()))
    assert about == {"path": PATH, "peer": "127.0.0.1"}


def test_a_list_arrives_in_its_order(served, client):
    with ChannelClient(served.address, "/socket/websocket?user=ada") as ada:
        ada.join("room:1")
        orders = [message(payload={"number": number}) for number in range(100)]
        assert publish(client, orders) == (200, {"accepted": 100, "workers": 1})
        assert [ada.event("said")["number"] for _ in range(100)] == list(range(100))


def test_disconnect_ends_the_connections_of_an_id(served, client):
    with ChannelClient(served.address, "/socket/websocket?user=ada") as ada:
        ada.join("room:1")
        assert publish(client, {"disconnect": "user:ada"})[0] == 200
        with pytest.raises(EOFError, match="1001"):
            ada.event("never")


def test_of_a_list_with_a_mistake_nothing_is_sent(served, client, told):
    with ChannelClient(served.address, "/socket/websocket?user=ada") as ada:
        ada.join("room:1")
        status, said = publish(client, [message(), message(event="phx_error")])
        assert status == 400
        assert said["error"].startswith("message 1: the event 'phx_error' is reserved")
        publish(client, message(event="after"))
        assert ada.next().event == "after"
    assert [(each["status"], each["count"]) for each, _ in told] == [(400, 0), (200, 1)]


def test_a_mistake_leaves_the_connection_open(client):
    assert publish(client, b"no JSON") == (400, {"error": "the body is not JSON"})
    assert publish(client, message())[0] == 200


@pytest.mark.parametrize("lines", [["X: y"], ["Authorization: Bearer wrong-key-of-16ch"]])
def test_without_a_key_it_is_401(client, lines, told, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = client.ask(PATH, *lines, method="POST", body=b"{}")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "wrong-key" not in caplog.text
    assert told[0][0]["status"] == 401


def test_without_a_key_the_body_is_not_read(client):
    client.send(request(PATH, "Content-Length: 1000", method="POST"))
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (401, "close")


def test_two_keys_in_one_request_are_none(client):
    assert publish(client, message(), BEARER, BEARER)[0] == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_another_method_is_405(client, method):
    answer = client.ask(PATH, BEARER, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_head_is_405_and_has_no_body(client):
    assert client.ask(PATH, BEARER, method="HEAD").status == 405
    assert publish(client, message())[0] == 200


def test_page_of_another_site_cannot_publish(client):
    """It has no key; and what its browser asks before it sends one is not granted."""
    origin = "Origin: https://evil.example"
    assert publish(client, message(), origin, "Content-Type: text/plain")[0] == 401
    with_key = (
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization",
    )
    answer = client.ask(PATH, origin, *with_key, method="OPTIONS")
    assert answer.status == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_origin_of_another_site_does_not_count_where_there_is_a_key(client):
    assert publish(client, message(), BEARER, "Origin: https://elsewhere.example")[0] == 200


def padded(size: int) -> bytes:
    """A message of exactly so many bytes."""
    empty = len(json.dumps(message(payload={"x": ""})))
    return json.dumps(message(payload={"x": "x" * (size - empty)})).encode()


@pytest.mark.parametrize("size", [MAX_BODY - 1, MAX_BODY])
def test_body_up_to_its_limit_is_taken(client, size):
    assert publish(client, padded(size))[0] == 200


def test_body_over_its_limit_is_413_before_it_is_read(client):
    client.send(request(PATH, BEARER, f"Content-Length: {MAX_BODY + 1}", method="POST"))
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert answer.headers["content-type"].startswith("application/json")
    assert b"at most 1048576" in answer.body


@pytest.mark.parametrize(("size", "status"), [(-1, 200), (0, 200), (1, 413)])
def test_body_in_chunks_has_the_same_limit(client, size, status):
    body = padded(MAX_BODY + size)
    client.send(request(PATH, BEARER, "Transfer-Encoding: chunked", method="POST"))
    client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    answer = client.answer()
    assert answer.status == status
    kind = "application/json" if status == 200 else "text/plain"  # as the guide says
    assert answer.headers["content-type"].startswith(kind)


def test_a_smaller_limit_of_http_counts():
    with (
        serve(endpoint(http=HTTPOptions(max_body=100))) as served,
        Client(served.address) as client,
    ):
        assert publish(client, padded(100))[0] == 200
        client.send(request(PATH, BEARER, "Content-Length: 101", method="POST"))
        answer = client.answer()
        assert answer.status == 413
        assert answer.headers["content-type"].startswith("text/plain")


def test_half_a_request_is_given_up():
    options = HTTPOptions(body_timeout=0.05)
    with serve(endpoint(http=options)) as served, Client(served.address) as client:
        client.send(request(PATH, BEARER, "Content-Length: 10", method="POST") + b"{")
        assert client.answer().status == 408


def test_refused_requests_are_one_line_in_a_second_without_their_data(served, caplog):
    with caplog.at_level(logging.INFO, "roost.transports"):
        for _ in range(5):
            with Client(served.address) as client:
                publish(client, b'{"secret": 1}', BEARER)
    lines = [r.getMessage() for r in caplog.records if "refused a request" in r.getMessage()]
    assert len(lines) <= 2
    assert all("secret" not in line and KEY not in line for line in lines)


@pytest.mark.parametrize("path", ["api", 7, "/a b"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ConfigError, match="publishing"):
        Endpoint().publishing(path, keys=KEY)


def test_a_key_that_is_none_is_refused_and_not_shown():
    with pytest.raises(ConfigError, match="publishing '/api': keys") as caught:
        Endpoint().publishing("/api", keys=["too-short"])
    assert "too-short" not in str(caught.value)


def test_no_repr_of_an_endpoint_shows_a_key():
    made = endpoint()
    assert KEY not in repr(made) + repr(vars(made))


def test_a_path_that_is_given_twice_is_refused():
    made = endpoint()
    with pytest.raises(ConfigError, match="publishing '/api/broadcast': is mounted twice"):
        made.publishing(PATH, keys=KEY)


def other_publishing(made: Endpoint) -> None:
    made.publishing(f"{PATH}/", keys=KEY)


def page(made: Endpoint) -> None:
    made.page(PATH, lambda request, http: None)


def socket_there(made: Endpoint) -> None:
    made.socket("/api", Rooms, websocket={"path": "/broadcast"})


@pytest.mark.parametrize("mount", [other_publishing, page, socket_there])
def test_a_path_that_is_mounted_twice_is_found_by_check_and_at_the_start(mount):
    made = endpoint()
    mount(made)
    (found,) = misrouted(made)
    assert "is mounted twice, and the later counts: " in found
    assert found in Routes(made).notes


def test_its_limits_are_listed():
    lines = "\n".join(listed(endpoint()))
    assert "publish.list" in lines
    assert "publish.body" in lines
