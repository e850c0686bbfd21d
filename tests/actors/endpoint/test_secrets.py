"""No secret is in a message, a log or a text of an object, whatever is wrong beside it."""

from __future__ import annotations

import dataclasses

import pytest

from actors import Endpoint, Socket, signing, token
from actors.endpoint.options import EndpointOptions
from actors.endpoint.routes import SECRET_VARIABLE, Routes
from actors.errors import ConfigError
from actors.options import build
from tests.support.command import run
from transports.http.request import Request
from transports.opening.connect_info import Source, compile_fields
from transports.opening.mount import Defaults
from transports.opening.opened import Opened
from transports.opening.origin import OriginCheck

SENTINEL = "SENTINEL-" + "s" * 40
SHORT = "SENTINEL"
NOW = 1_700_000_000.0

WRONG = [
    "", SHORT, SHORT.encode(), SENTINEL.encode(), f"{SENTINEL}\ud800", [SENTINEL, SHORT],
    [SENTINEL, None], (SENTINEL, 5), [SENTINEL.encode()], [[SENTINEL]], {SENTINEL: 1}, {SENTINEL},
    {"a": SENTINEL}, iter([SENTINEL]), 5, None, True, object(),
]  # fmt: skip


class Nasty:
    def __repr__(self):
        raise RuntimeError


def everything(caught):
    """All that can be read of an exception and of those behind it, but for the lines of code."""
    text, error = "", caught.value
    while error is not None:
        text += repr(error) + str(error)
        error = error.__cause__ or error.__context__
    return text


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: type(value).__name__)
def test_secret_that_is_refused_is_not_shown(wrong):
    with pytest.raises(ConfigError) as caught:
        Endpoint(secret_key_base=wrong)
    assert "SENTINEL" not in everything(caught)
    assert str(caught.value) == (
        "Endpoint: secret_key_base: must be a str of at least 32 bytes, or a list of those, newest"
        " first"
    )


@pytest.mark.parametrize("given", [SENTINEL, [SENTINEL, "t" * 32], (SENTINEL,), "\u00e9" * 16])
def test_secret_may_be_a_str_or_several(given):
    endpoint = Endpoint(secret_key_base=given)
    wanted = (given,) if isinstance(given, str) else tuple(given)
    assert endpoint.options.secret_key_base == wanted
    assert Routes(endpoint).secrets == wanted
    assert "SENTINEL" not in repr(endpoint.options) + repr(endpoint) + str(vars(endpoint))


def test_no_secret_is_none():
    for none in ((), []):
        assert Endpoint(secret_key_base=none).options.secret_key_base == ()


@pytest.mark.parametrize(("size", "accepted"), [(31, False), (32, True), (33, True)])
def test_secret_has_32_bytes_at_least(size, accepted, monkeypatch):
    def given():
        Endpoint(secret_key_base="s" * size)

    def of_environment():
        monkeypatch.setenv(SECRET_VARIABLE, f"{SENTINEL} {'s' * size}")
        Routes(Endpoint())

    def for_a_token():
        token.sign(["s" * size], "salt", 1)

    for attempt in (given, of_environment, for_a_token):
        if accepted:
            attempt()
        else:
            with pytest.raises(ConfigError) as caught:
                attempt()
            assert "SENTINEL" not in everything(caught)
            assert "s" * 20 not in str(caught.value)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(EndpointOptions)])
@pytest.mark.parametrize("wrong", [Nasty(), "", -1, b"x", {"a": 1}])
def test_secret_is_not_shown_where_another_option_is_wrong(field, wrong):
    given = {"secret_key_base": SENTINEL, field: wrong}
    caught = None
    try:
        options = build(EndpointOptions, given, "Endpoint")
        options = dataclasses.replace(options, **{field: getattr(EndpointOptions(), field)})
    except ConfigError as error:
        caught = error
    text = repr(options) if caught is None else str(caught) + repr(caught.__context__)
    assert "SENTINEL" not in text
    assert len(text) < 2000


def test_secret_is_not_shown_where_an_option_is_misspelt():
    for name in ("secret_key_bas", "secret", "secrets"):
        with pytest.raises(ConfigError, match="unknown option") as caught:
            Endpoint(**{name: SENTINEL})
        assert "SENTINEL" not in everything(caught)


@pytest.mark.parametrize("wrong", [*WRONG[:13], 5, None])
def test_secret_for_a_token_that_is_refused_is_not_shown(wrong):
    for attempt in (
        lambda: signing.sign(wrong, "salt", 1, now=NOW),
        lambda: signing.verify(wrong, "salt", "a.b", max_age=1, now=NOW),
    ):
        with pytest.raises(ConfigError) as caught:
            attempt()
        assert "SENTINEL" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [{"api_key": SENTINEL}, SENTINEL, [("key", SENTINEL, 1)], [{"key": SENTINEL}], [[SENTINEL]]],
)
def test_value_that_a_mount_asks_to_hand_on_is_not_shown(wrong):
    with pytest.raises(ConfigError) as caught:
        compile_fields(wrong)
    assert "SENTINEL" not in str(caught.value)


def test_arguments_of_a_function_that_judges_origins_are_not_shown():
    check = OriginCheck((lambda uri, secret: False, SENTINEL), url_host=None)
    request = Request("GET", "/s", "/s", "", (("origin", "http://evil.test"),))
    assert "SENTINEL" not in str(check.refusal(request, "/s"))


def test_secrets_are_in_no_text_of_what_holds_them():
    request = Request("GET", f"/s?t={SENTINEL}", "/s", f"t={SENTINEL}", (("cookie", SENTINEL),))
    holders = (
        Defaults(secrets=(SENTINEL,)),
        Source(request=request, now=NOW, secrets=(SENTINEL,), auth_token=SENTINEL),
        Opened(request, request.params, "websocket", None, SENTINEL),
    )
    for holder in holders:
        assert "SENTINEL" not in repr(holder)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_secret_is_on_no_stream_of_the_command(tmp_path, workers):
    (tmp_path / "app.py").write_text(
        "from actors import Endpoint\n"
        f"endpoint = Endpoint(secret_key_base=['{SENTINEL}', '{SHORT}'])\n"
    )
    arguments = ("--bind", "127.0.0.1:0", "--workers", workers, "--log-level", "debug")
    done = run("app:endpoint", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "roost: Endpoint: secret_key_base: must be a str of at least 32" in done.stderr
    assert "SENTINEL" not in done.stdout + done.stderr


@pytest.mark.parametrize(("skew", "accepted"), [(-1, False), (0, True), (60, True), (True, False)])
def test_skew_of_clocks_is_an_option(skew, accepted):
    if not accepted:
        with pytest.raises(ConfigError, match=r"clock_skew=.*: must be a number of seconds, 0 or"):
            Endpoint(clock_skew=skew)
        return
    endpoint = Endpoint(secret_key_base=SENTINEL, clock_skew=skew)
    endpoint.socket("/s", Socket, longpoll=True)
    sessions = Routes(endpoint).sessions
    now = sessions._clock()
    sessions._clock = lambda: now
    data = ["other worker", "1", "topic", 0]
    for early, valid in ((skew, True), (skew + 1, False)):
        text = signing.sign(SENTINEL, "roost.longpoll", data, now=now + early)
        assert (getattr(sessions.verify(text, 60.0), "worker", None) == "other worker") is valid
