"""What is said of the reason for which a client was refused, and what never is."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from transports.http.request import Request
from transports.opening.opened import Opened
from transports.opening.refused import MAX_REASON, Reason

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjo3fQ.c2lnbmF0dXJl"


class Rude:
    def __repr__(self):
        raise RuntimeError


def said(reason, query="", *headers, auth_token=None):
    request = Request("GET", f"/s?{query}", "/s", query, tuple(headers))
    return str(Reason(reason, Opened(request, request.params, "websocket", auth_token=auth_token)))


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (None, "no reason given"),
        ("unauthorized", "unauthorized"),
        (403, "403"),
        ({"reason": "full"}, "{'reason': 'full'}"),
        (ValueError("bad"), "ValueError: bad"),
        ("a\r\nb\x1b", r"a\r\nb\x1b"),
        (Rude(), "a Rude"),
        ("x" * 10_000_000, "x" * MAX_REASON),
    ],
)
def test_reason_is_said_in_one_bounded_line(reason, text):
    assert said(reason) == text


@pytest.mark.parametrize(
    "reason",
    [
        f"no such token: {JWT}",
        {"token": JWT},
        ["a", (JWT,)],
        ValueError(JWT),
        JWT.encode(),
        "x" * (MAX_REASON - 10) + JWT,
    ],
)
@pytest.mark.parametrize(
    "sent",
    [
        {"query": f"a=1&token={JWT}"},
        {"query": f"user[token]={JWT}&user[list][]=x"},
        {"query": f"list[]={JWT}"},
        {"header": ("authorization", f"Bearer {JWT}")},
        {"header": ("cookie", f"a=b; session={JWT}")},
        {"header": ("x-phoenix-authtoken", JWT)},
        {"auth_token": JWT},
    ],
)
def test_what_the_client_sent_is_hidden(reason, sent):
    headers = [sent["header"]] if "header" in sent else []
    text = said(reason, sent.get("query", ""), *headers, auth_token=sent.get("auth_token"))
    for start in range(len(JWT) - 7):
        assert JWT[start : start + 8] not in text
    assert text


@pytest.mark.parametrize("secret", ["it's", 'a"b\\c\u00e9', "line\nfeed", "p%26ss&word"])
def test_what_the_client_sent_is_hidden_in_any_form(secret):
    for reason in (secret, {"k": secret}, quote(secret, safe="")):
        text = said(reason, f"password={quote(secret, safe='')}")
        assert text in {"[hidden]", "{'k': '[hidden]'}", "{'k': \"[hidden]\"}"}


def test_short_values_and_names_are_no_secrets():
    assert said("room lobby is full", "room=lobby&pin=123") == "room lobby is full"


@pytest.mark.parametrize(
    ("query", "hidden"),
    [
        ("name=123", False), ("pin=123", False), ("pin=1234", True), ("user[pin]=1234", True),
        ("name=0123456789abcde", False), ("name=0123456789abcdef", True),
    ],
)  # fmt: skip
def test_parameter_is_hidden_for_its_name_or_its_length(query, hidden):
    value = query.partition("=")[2]
    assert said(f"no {value} here", query) == f"no {'[hidden]' if hidden else value} here"
