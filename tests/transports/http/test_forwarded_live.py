"""What a server makes of proxies' headers: for applications, origins, limits and the log."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import pytest

from actors import Endpoint
from actors.endpoint.serving.server import Server
from actors.errors import ConfigError
from supervision.processes.sockets import bind
from tests.support.command import Command, run
from tests.support.raw import Client
from tests.support.server import serve
from tests.support.waiting import eventually
from tests.support.who import LONGPOLL, WEBSOCKET, by_longpoll, by_websocket, who
from transports.longpoll.options import LongPollOptions
from transports.longpoll.transport import SESSIONS_PER_ADDRESS, LongPollTransport
from transports.opening.mount import Defaults, TransportMount

TRUSTED = {"trusted_proxies": ["127.0.0.1"], "forwarded": "x-forwarded"}
OVER_TLS = "X-Forwarded-Proto: https"


def of(address: str) -> str:
    return f"X-Forwarded-For: {address}"


@pytest.fixture
def serving():
    """Return a function that serves the socket with options of an endpoint."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(serve(who(**options)))


@pytest.mark.parametrize("asked", [by_websocket, by_longpoll])
def test_connect_is_told_the_client_scheme_and_host(serving, asked):
    served = serving(**TRUSTED)
    with Client(served.address) as client:
        said = asked(client, of("192.0.2.1:5000"), OVER_TLS, host="chat.example")
    assert said == "192.0.2.1 5000 https://chat.example:443"


@pytest.mark.parametrize("asked", [by_websocket, by_longpoll])
@pytest.mark.parametrize(
    "options",
    [{}, {**TRUSTED, "trusted_proxies": ["10.0.0.0/8"]}, {**TRUSTED, "trusted_proxies": ["unix"]}],
)
def test_peer_that_is_not_trusted_is_never_believed(serving, asked, options):
    served = serving(**options)
    lines = of("192.0.2.1"), OVER_TLS, "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1"
    with Client(served.address) as client:
        address, _, called = asked(client, *lines, host="chat.example").split()
    assert (address, called) == ("127.0.0.1", "http://chat.example:80")


def test_page_and_its_client_are_those_of_the_request(serving):
    with Client(serving(**TRUSTED).address) as client:
        assert client.ask("/page", of("192.0.2.1"), OVER_TLS).body == b"192.0.2.1 https"
        assert client.ask("/page", of("192.0.2.2")).body == b"192.0.2.2 http"
        assert client.ask("/page").body == b"127.0.0.1 http"


def test_malformed_header_is_400_and_says_which(serving):
    with Client(serving(**TRUSTED).address) as client:
        answer = client.ask("/page", of("rubbish"))
    assert answer.status == 400
    assert b"x-forwarded-for" in answer.body


@pytest.mark.parametrize("options", [{}, {"forwarded_host": True}])
def test_malformed_headers_of_a_proxy_are_one_warning_in_a_second(serving, caplog, options):
    served = serving(**TRUSTED, **options)
    for _ in range(5):
        with Client(served.address) as client:
            assert client.ask("/page", of("SECRET rubbish")).status == 400
    with Client(served.address) as client:
        assert client.ask("/page", "X-Forwarded-Proto: gopher").status == 400
    found = [record for record in caplog.records if "malformed" in record.getMessage()]
    assert {record.levelno for record in found} == {logging.WARNING}
    said = [record.getMessage().partition(" (")[0] for record in found]
    words = "refused a request of the proxy 127.0.0.1 with 400: its {} header is malformed"
    assert set(said) == {words.format("x-forwarded-for"), words.format("x-forwarded-proto")}
    assert len(said) < 5
    assert "rubbish" not in caplog.text


def test_malformed_header_of_anybody_else_is_no_warning(serving, caplog):
    with Client(serving().address) as client:
        assert client.ask("/page", of("rubbish")).status == 200
    assert caplog.records == []


@pytest.mark.parametrize("path", [WEBSOCKET, LONGPOLL])
@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        (("Origin: https://chat.example", OVER_TLS), True),
        (("Origin: https://chat.example",), False),
        (("Origin: http://chat.example", OVER_TLS), False),
        (("Origin: https://evil.example", OVER_TLS, "X-Forwarded-Host: evil.example"), False),
    ],
)
def test_origin_is_compared_with_what_the_client_speaks_to(serving, path, lines, accepted):
    served = serving(**TRUSTED, check_origin="conn")
    with Client(served.address) as client:
        if path == WEBSOCKET:
            status = client.upgrade(path, *lines, host="chat.example").status
            assert status == (101 if accepted else 403)
        else:
            answer = client.ask(path, *lines, host="chat.example")
            assert answer.json["status"] == (410 if accepted else 403)


def test_forwarded_host_is_believed_where_the_endpoint_says_so(serving):
    served = serving(**TRUSTED, forwarded_host=True)
    lines = "X-Forwarded-Host: chat.example", "X-Forwarded-Port: 8443", OVER_TLS
    with Client(served.address) as client:
        assert by_websocket(client, *lines).endswith("https://chat.example:8443")


def test_log_names_the_client(serving, caplog):
    served = serving(**TRUSTED, transport_log="info")
    with caplog.at_level(logging.INFO), Client(served.address) as client:
        by_websocket(client, of("192.0.2.1"))
    assert f"GET {WEBSOCKET} from 192.0.2.1" in caplog.messages


# -- limits of addresses


@pytest.mark.parametrize(("before", "status"), [(1, 101), (2, 101), (3, 503)])
def test_websockets_are_counted_by_client(serving, before, status):
    served = serving(**TRUSTED, max_connections_per_address=3)
    with ExitStack() as stack:
        for _ in range(before):
            one = stack.enter_context(Client(served.address))
            by_websocket(one, of("192.0.2.1"))
        asked = [stack.enter_context(Client(served.address)) for _ in range(2)]
        assert asked[0].upgrade(WEBSOCKET, of("192.0.2.1")).status == status
        by_websocket(asked[1], of("192.0.2.2"))  # who is another is not counted with those


def test_websocket_that_is_one_too_many_comes_in_when_another_has_gone(serving):
    served = serving(**TRUSTED, max_connections_per_address=1)
    with Client(served.address) as one, Client(served.address) as two:
        by_websocket(one, of("192.0.2.1"))
        answer = two.upgrade(WEBSOCKET, of("192.0.2.1"))
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        one.close()
        eventually(lambda: len(served.streams) == 1)
        by_websocket(two, of("192.0.2.1"))  # the connection of the proxy has lived on


def test_kept_alive_connections_of_a_proxy_are_not_counted(serving):
    served = serving(**TRUSTED, max_connections_per_address=1)
    with ExitStack() as stack:
        for number in range(5):
            client = stack.enter_context(Client(served.address))
            assert client.ask("/page", of(f"192.0.2.{number}")).status == 200
        assert len(served.streams) == 5


def test_proxy_that_names_no_client_is_not_counted(serving):
    served = serving(**TRUSTED, max_connections_per_address=1)
    with Client(served.address) as one, Client(served.address) as two:
        by_websocket(one)
        by_websocket(two)


def test_connections_of_others_are_counted_as_before(serving):
    options = {**TRUSTED, "trusted_proxies": ["10.0.0.0/8"], "max_connections_per_address": 1}
    served = serving(**options)
    with Client(served.address) as one, Client(served.address) as two:
        by_websocket(one, of("192.0.2.1"))
        assert two.answer().status == 503


@pytest.mark.parametrize(("before", "status"), [(1, 200), (2, 200), (3, 503)])
def test_sessions_are_counted_by_client(serving, before, status):
    served = serving(**TRUSTED, longpoll={"max_sessions_per_address": 3})
    with Client(served.address) as client:
        for _ in range(before):
            assert client.ask(LONGPOLL, of("192.0.2.1")).status == 200
        assert client.ask(LONGPOLL, of("192.0.2.1")).status == status
        assert client.ask(LONGPOLL, of("192.0.2.2")).status == 200


@pytest.mark.parametrize(("knows", "given", "bound"), [
    (True, None, SESSIONS_PER_ADDRESS), (False, None, None), (True, 7, 7), (False, 7, 7),
])  # fmt: skip
def test_sessions_of_a_client_are_bounded_where_it_is_known(knows, given, bound):
    options = LongPollOptions(max_sessions_per_address=given)
    mount = TransportMount("/x", object, options, Defaults(knows_clients=knows))
    assert LongPollTransport(mount, None)._options.max_sessions_per_address == bound


def test_a_thousand_sessions_of_a_client_are_the_most(serving):
    served = serving(**TRUSTED)
    with Client(served.address) as client:
        answers = [client.ask(LONGPOLL, of("192.0.2.1")) for _ in range(SESSIONS_PER_ADDRESS + 1)]
    assert [answer.status for answer in answers[-3:]] == [200, 200, 503]


# -- options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trusted_proxies": ["::1"]}, "belong together"),
        ({"forwarded": "x-forwarded"}, "belong together"),
        ({"forwarded_host": True}, "forwarded_host=True is for"),
        ({**TRUSTED, "forwarded": "proxy-protocol", "forwarded_host": True}, "is for"),
    ],
)
def test_option_that_needs_another_is_refused(options, words):
    with bind("127.0.0.1", 0) as sock, pytest.raises(ConfigError, match=words):
        Server(who(**options), sock)


@pytest.mark.parametrize(
    "options",
    [
        {"trusted_proxies": "10.0.0.0/8"},
        {"trusted_proxies": ["proxy.example"]},
        {"trusted_proxies": ["0.0.0.0/0"]},
        {"trusted_proxies": [7]},
        {"forwarded": "rfc7239"},
        {"forwarded_host": "yes"},
    ],
)
def test_option_that_is_none_is_refused(options):
    with pytest.raises(ConfigError, match="must be"):
        Endpoint(**options)


# -- the command


def test_command_tells_every_worker_whom_to_trust():
    options = "--trusted-proxy", "127.0.0.1", "--trusted-proxy", "unix"
    forwarded = "--forwarded", "x-forwarded"
    for workers in (0, 1):
        with (
            Command("tests.support.who:endpoint", *options, *forwarded, workers=workers) as command,
            Client(command.address) as client,
        ):
            assert by_websocket(client, of("192.0.2.1")).startswith("192.0.2.1 0 ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--trusted-proxy", "proxy"), "--trusted-proxy: 'proxy' is no network such as"),
        (("--trusted-proxy", "::/0"), "--trusted-proxy: '::/0' trusts everybody"),
        (("--forwarded", "x-forward"), "did you mean 'x-forwarded'?"),
        (("--forwarded", "x-forwarded"), "belong together"),
    ],
)
def test_command_refuses_what_is_none(arguments, words):
    done = run("--check", "--bind", "127.0.0.1:0", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
