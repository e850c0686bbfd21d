from __future__ import annotations

import base64

import pytest

from transports.opening.subprotocols import Negotiated, negotiate

PREFIX = "base64url.bearer.phx."


@pytest.mark.parametrize(
    ("ours", "offers", "protocol"),
    [
        (None, [], None),
        (None, ["sip"], None),
        (["sip", "mqtt"], ["sip, mqtt"], "sip"),
        (["b.v1", "a.v1"], ["a.v1, b.v1"], "b.v1"),
        (["b.v1", "a.v1"], ["a.v1, z"], "a.v1"),
        (("b.v1", "a.v1"), ["z", "a.v1"], "a.v1"),
        (["sip"], [], None),
        ([], [], None),
    ],
)
def test_the_first_of_ours_that_is_offered_is_chosen(
    ours: object, offers: list[str], protocol: str | None
) -> None:
    assert negotiate(ours, offers) == Negotiated(protocol)


@pytest.mark.parametrize(
    ("ours", "offers"),
    [
        (["sip"], ["mqtt"]),
        (["json.v1"], ["JSON.v1"]),
        (["json.v1"], ["json.v11"]),
        (["json.v1"], [""]),
        ([], ["sip"]),
    ],
)
def test_a_header_that_names_nothing_of_ours_is_refused(ours: object, offers: list[str]) -> None:
    refusal = negotiate(ours, offers)
    assert isinstance(refusal, str)
    assert f"subprotocols={ours!r}" in refusal


@pytest.mark.parametrize("offers", [[], ["sip"], ["mqtt"]])
def test_an_option_that_is_no_list_refuses_everybody_and_shows_the_list_to_write(
    offers: list[str],
) -> None:
    assert negotiate("sip", offers) == (
        "subprotocols='sip' must be a list, such as subprotocols=['sip']"
    )


@pytest.mark.parametrize("count", [31, 32])
def test_32_offers_are_looked_at(count: int) -> None:
    assert negotiate(["sip"], [", ".join(["x"] * (count - 1) + ["sip"])]) == Negotiated("sip")


def test_33_offers_are_refused() -> None:
    assert negotiate(["sip"], [", ".join(["x"] * 32 + ["sip"])]) == (
        "the Sec-WebSocket-Protocol header names over 32 subprotocols"
    )


@pytest.mark.parametrize(
    ("offer", "token"),
    [
        ("dG9rPz5+", "tok?>~"),
        ("dG9rPz5-", "tok?>~"),
        ("YQ", "a"),
        ("YQ==", "a"),
        ("", ""),
        (base64.b64encode("\u00fc".encode()).decode().rstrip("="), "\u00fc"),
    ],
)
def test_the_token_of_phoenix_js_is_taken_in_either_alphabet(offer: str, token: str) -> None:
    offers = [f"phoenix, {PREFIX}{offer}"]
    assert negotiate(None, offers, auth_token=True) == Negotiated("phoenix", token)
    assert negotiate(["v1"], offers, auth_token=True) == Negotiated("phoenix", token)


def test_the_token_is_no_offer() -> None:
    assert negotiate(["v1"], [f"{PREFIX}YQ, v1"], auth_token=True) == Negotiated("v1", "a")
    assert negotiate(None, [f"{PREFIX}YQ"], auth_token=True) == Negotiated(None, "a")


def test_a_client_without_a_token_connects_all_the_same() -> None:
    assert negotiate(None, [], auth_token=True) == Negotiated()
    assert negotiate(None, ["phoenix"], auth_token=True) == Negotiated("phoenix")
    assert negotiate(["v1"], ["v1"], auth_token=True) == Negotiated("v1")
    assert isinstance(negotiate(None, ["other"], auth_token=True), str)


@pytest.mark.parametrize("encoded", ["Y", "!!!!", "YQ=x", "/w", "YQ\u00fc"])
def test_a_token_that_is_not_base64_of_utf_8_is_refused(encoded: str) -> None:
    refusal = negotiate(None, [f"phoenix, {PREFIX}{encoded}"], auth_token=True)
    assert refusal == "the auth token of the Sec-WebSocket-Protocol header is not base64 of UTF-8"


def test_two_tokens_are_refused() -> None:
    refusal = negotiate(None, [f"phoenix, {PREFIX}YQ, {PREFIX}Yg"], auth_token=True)
    assert refusal == "the Sec-WebSocket-Protocol header holds 2 auth tokens"


def test_a_mount_without_auth_token_does_not_know_the_token_and_does_not_log_it() -> None:
    assert negotiate(None, [f"phoenix, {PREFIX}c2VjcmV0"]) == Negotiated()
    refusal = negotiate(["v1"], [f"phoenix, {PREFIX}c2VjcmV0"])
    assert isinstance(refusal, str)
    assert "c2VjcmV0" not in refusal
    assert f"'phoenix', '{PREFIX}[FILTERED]'" in refusal


def test_a_refusal_shows_little_of_what_came_and_nothing_raw() -> None:
    refusal = negotiate(["v1"], ["\x1b[31m" + "x" * 8000])
    assert isinstance(refusal, str)
    assert len(refusal) < 400
    assert refusal.isprintable()
