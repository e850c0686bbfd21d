from __future__ import annotations

import itertools

import pytest

from actors.errors import HandshakeError
from transports.http.request import Request
from transports.websocket import handshake

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD = {
    "host": "example.com",
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-key": KEY,
    "sec-websocket-version": "13",
}


def request(
    *extra: tuple[str, str],
    without: tuple[str, ...] = (),
    method: str = "GET",
    version: str = "1.1",
    **changed: str,
) -> Request:
    headers = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    kept = tuple((name, value) for name, value in headers.items() if name not in without)
    return Request(method, "/ws", "/ws", "", kept + extra, version=version)


def refusal(refused: Request) -> str:
    with pytest.raises(HandshakeError) as caught:
        handshake.validate(refused)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    "accepted",
    [
        request(),
        request(connection="keep-alive, Upgrade"),
        request(connection="UPGRADE"),
        request(("connection", "upgrade"), connection="keep-alive"),
        request(upgrade="WebSocket"),
        request(upgrade="h2c, websocket"),
        request(upgrade="h2c,\twebsocket ,"),
        request(("cookie", "a=1"), ("cookie", "b=2")),
        request(content_length="0"),
    ],
)
def test_an_upgrade_that_rfc_6455_allows_is_accepted(accepted: Request) -> None:
    assert handshake.validate(accepted) == KEY


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (
            request(without=("connection",)),
            "'connection' header must contain 'upgrade', got []",
        ),
        (
            request(connection="keep-alive"),
            "'connection' header must contain 'upgrade', got [\"keep-alive\"]",
        ),
        (
            request(without=("upgrade",)),
            "'upgrade' header must contain 'websocket', got []",
        ),
        (
            request(upgrade="h2c"),
            "'upgrade' header must contain 'websocket', got [\"h2c\"]",
        ),
        (
            request(without=("sec-websocket-key",)),
            "'sec-websocket-key' header is absent",
        ),
        (
            request(without=("sec-websocket-version",)),
            "'sec-websocket-version' header must equal '13', got []",
        ),
        (
            request(sec_websocket_version="8"),
            "'sec-websocket-version' header must equal '13', got [\"8\"]",
        ),
        (
            request(without=("connection", "upgrade", "sec-websocket-key")),
            "'connection' header must contain 'upgrade', got []",
        ),
        (request(version="1.0"), "HTTP version HTTP/1.0 unsupported"),
    ],
)
def test_a_refusal_says_what_phoenix_says(refused: Request, message: str) -> None:
    assert refusal(refused) == message


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (
            request(connection="notupgrade"),
            "'connection' header must contain 'upgrade', got [\"notupgrade\"]",
        ),
        (
            request(connection=", ".join(["x"] * 32 + ["upgrade"])),
            "'connection' header must contain 'upgrade', got [\"x, x, x,",
        ),
        (
            request(upgrade="websockets"),
            "'upgrade' header must contain 'websocket', got [\"websockets\"]",
        ),
        (
            request(upgrade="web socket"),
            "'upgrade' header must contain 'websocket', got [\"web socket\"]",
        ),
        (
            request(sec_websocket_version="99"),
            "'sec-websocket-version' header must equal '13', got [\"99\"]",
        ),
        (
            request(sec_websocket_version="13, 8"),
            "'sec-websocket-version' header must equal '13', got [\"13, 8\"]",
        ),
        (
            request(("sec-websocket-version", "13")),
            "'sec-websocket-version' header must equal '13', got [\"13\", \"13\"]",
        ),
        (request(method="POST"), "HTTP method POST unsupported"),
        (request(version="2.0"), "HTTP version HTTP/2.0 unsupported"),
        (
            request(content_length="5"),
            "'content-length' header must be absent, got [\"5\"]",
        ),
        (
            request(transfer_encoding="chunked"),
            "'transfer-encoding' header must be absent, got [\"chunked\"]",
        ),
        (
            request(transfer_encoding="0"),
            "'transfer-encoding' header must be absent, got [\"0\"]",
        ),
        (
            request(("sec-websocket-key", KEY)),
            "'sec-websocket-key' header must be 16 bytes in base64, once, got [",
        ),
    ],
)
def test_a_refusal_names_the_header_what_was_wanted_and_what_came(
    refused: Request, message: str
) -> None:
    assert refusal(refused).startswith(message)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "abc",
        "!!!not-base64!!!",
        "AQIDBAUGBwgJCgsMDQ4P",
        "AQIDBAUGBwgJCgsMDQ4PEBE=",
        KEY[:-1],
        KEY + "=",
        KEY + "\n",
        KEY.replace("=", "A"),
        "_" + KEY[1:],
        "é" + KEY[1:],
    ],
)
def test_a_key_that_is_not_16_bytes_in_base64_is_refused(key: str) -> None:
    assert "must be 16 bytes in base64, once" in refusal(request(sec_websocket_key=key))


def test_a_wrong_version_is_told_which_one_to_use() -> None:
    with pytest.raises(HandshakeError) as caught:
        handshake.validate(request(sec_websocket_version="8"))
    assert caught.value.headers == (("sec-websocket-version", "13"),)


LONG = "\x1b[31m" + "x" * 8000


@pytest.mark.parametrize(
    "refused",
    [
        request(connection=LONG),
        request(upgrade=LONG),
        request(sec_websocket_version=LONG),
        request(sec_websocket_key=LONG),
        request(method="X" * 8000),
    ],
)
def test_a_refusal_shows_at_most_200_characters_and_nothing_raw(refused: Request) -> None:
    message = refusal(refused)
    assert len(message) < 300
    assert message.isprintable()


def test_what_the_fast_path_takes_the_chain_would_take_and_the_rest_it_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choices: list[list[str | None]] = [
        ["Upgrade", "keep-alive", None],
        ["websocket", "h2c", None],
        [KEY, "short", None],
        ["13", "8", None],
        [None, "0", "5"],
        [None, "chunked"],
    ]
    names = [*list(GOOD)[1:], "content-length", "transfer-encoding"]
    for values in itertools.product(*choices):
        headers = tuple((n, v) for n, v in zip(names, values, strict=True) if v is not None)
        for method, version, twice in itertools.product(("GET", "PUT"), ("1.1", "1.0"), (1, 2)):
            asked = Request(method, "/", "/", "", headers * twice, version=version)
            fast = outcome(asked)
            with monkeypatch.context() as patch:
                patch.setattr(handshake, "_usual", lambda _: None)
                assert outcome(asked) == fast


def outcome(asked: Request) -> str:
    try:
        return handshake.validate(asked)
    except HandshakeError as error:
        return error.message


def test_the_accept_value_is_the_one_of_rfc_6455() -> None:
    assert handshake.accept_value(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_answer_is_a_whole_101() -> None:
    assert handshake.response("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"connection: Upgrade\r\n"
        b"upgrade: websocket\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"\r\n"
    )


def test_the_answer_holds_what_was_negotiated_and_what_the_application_adds() -> None:
    answer = handshake.response(
        "A=", "json.v1", "permessage-deflate", [("x-one", "1"), ("x-two", "\x85é")]
    )
    assert answer.endswith(
        b"sec-websocket-accept: A=\r\n"
        b"sec-websocket-protocol: json.v1\r\n"
        b"sec-websocket-extensions: permessage-deflate\r\n"
        b"x-one: 1\r\n"
        b"x-two: \x85\xe9\r\n"
        b"\r\n"
    )


@pytest.mark.parametrize("bad", ["a\rb", "a\nb", "a\r\nb", "a\0b", "\r\n\r\n"])
def test_a_header_that_would_split_the_answer_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="holds CR, LF or NUL"):
        handshake.response("A=", bad)
    with pytest.raises(ValueError, match="holds CR, LF or NUL"):
        handshake.response("A=", None, bad)
    with pytest.raises(ValueError, match="holds CR, LF or NUL"):
        handshake.response("A=", headers=[("x", bad)])
    with pytest.raises(ValueError, match="holds CR, LF or NUL"):
        handshake.response("A=", headers=[(bad, "x")])


def test_a_header_outside_latin_1_is_refused() -> None:
    with pytest.raises(ValueError, match="latin-1"):
        handshake.response("A=", headers=[("x", "\u20ac")])
