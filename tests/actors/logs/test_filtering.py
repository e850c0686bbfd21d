"""Which values are hidden, in texts, queries and mappings; and which are not."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from actors import Endpoint
from actors.errors import ConfigError
from actors.logs import filtering
from actors.logs.filtering import FILTERED, MOST_VALUES, Parameters, hidden, parameters

DEFAULT = Parameters()
F = FILTERED


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing here", "nothing here"),
        ("?a=1&token=SECRET&b=2", f"?a=1&token={F}&b=2"),
        ("/x?user[password]=SECRET#top", f"/x?user[password]={F}"),
        ("/x?%74oken=SECRET&a=1", f"/x?%74oken={F}&a=1"),
        ("/x?%61=1&token=", "/x?%61=1&token="),
        ("{'token': 'SECRET one', 'a': 1}", f"{{'token': {F}, 'a': 1}}"),
        ('{"password": "a\\"SECRET"} x', f'{{"password": {F}}} x'),
        ("User(name='x', api_key='SECRET', n=1)", f"User(name='x', api_key={F}, n=1)"),
        ("apiKey=SECRET", f"apiKey={F}"),
        ("{'X-Api-Key': b'SECRET'}", f"{{'X-Api-Key': {F}}}"),
        ("session={'user': ('SECRET',)} rest", f"session={F} rest"),
        ("token=UUID('SECRET') rest", f"token={F} rest"),
        ("secret=(SECRET", f"secret={F}"),
        ("secret='SECRET", f"secret={F}"),
        ("[('cookie', 'SECRET'), ('a', 'b')]", f"[('cookie', {F}), ('a', 'b')]"),
        ("cookie, 'and more'", "cookie, 'and more'"),
        ("Cookie: a=1; b=SECRET; c=3", f"Cookie: {F}"),
        ("Cookie: a=1; b=SECRET\\r\\nHost: x", f"Cookie: {F}\\r\\nHost: x"),
        ("Set-Cookie: \r\n", "Set-Cookie: \r\n"),
        ("Authorization: Basic SECRET==", f"Authorization: {F}"),
        ("authorization=Bearer SECRET rest", f"authorization={F} rest"),
        ("authorization=Digest SECRET rest", f"authorization={F} rest"),
        ("token=Token", f"token={F}"),
        ("got Bearer SECRET.x-y", f"got Bearer {F}"),
        ("the bearer wanted nothing", "the bearer wanted nothing"),
        ("bad token SECRET-0f3a", f"bad token {F}"),
        ("the password is hunter2 ok", f"the password is {F} ok"),
        ("unknown session 'SECRET' of x", f"unknown session {F} of x"),
        ("csrf_token = \\'SECRET\\' z", f"csrf_token = {F} z"),
        ("token=None, token=True", "token=None, token=True"),
        ("KeyError: 'token' at chat.py:31 in f", "KeyError: 'token' at chat.py:31 in f"),
        ("InvalidTokenError: is expired", "InvalidTokenError: is expired"),
        ("ended a session of 127.0.0.1: overflow", "ended a session of 127.0.0.1: overflow"),
        ("cookie isn't set", "cookie isn't set"),
        ("token=; rest", "token=; rest"),
        ("secret_key_base: must be a str", "secret_key_base: must be a str"),
        ("secret_key_base: MUST be", f"secret_key_base: {F} be"),
        ("secret: is", f"secret: {F}"),
        ("authorization: a b", f"authorization: {F}"),
        ("no secret_key_base: made one (give Endpoint(secret_key_base=...) or x)",) * 2,
        (
            "refused a session: max_sessions=1 are open",
            "refused a session: max_sessions=1 are open",
        ),
        ("tokens=5", "tokens=5"),
        ("token=5", f"token={F}"),
        ("tokens=5f2a", f"tokens={F}"),
        ("token: dXNlcg==", f"token: {F}"),
    ],
)
def test_text_shows_no_value_of_a_secret_name(text, shown):
    assert DEFAULT.text(text) == shown
    assert DEFAULT.text(shown) == shown


def test_long_texts_of_any_kind_are_filtered():
    """None of them takes a quadratic search, which would be minutes."""
    pieces = ["token", "=", "'", "(", "[", "\\", " ", "?", "%", "&", "a", ":", "earer ", "Bearer "]
    chance = random.Random(7)
    texts = [piece * (16_000 // len(piece)) for piece in pieces]
    texts += ["".join(chance.choices(pieces, k=6000)) for _ in range(20)]
    for text in texts:
        assert DEFAULT.text(text + "token=SECRET").count("SECRET") == 0


def test_random_texts_are_filtered_once_and_for_all():
    pieces = [
        "token", "=", "'", '"', "(", ")", "{", "}", "\\", " ", "?", "%74", "&", "SECRET", ":", ",",
        "Bearer ", "\\n", "cookie", "Error", "None", ";", "\n", "é", "b'", "is ",
    ]  # fmt: skip
    chance = random.Random(11)
    for _ in range(10_000):
        text = "".join(chance.choices(pieces, k=chance.randrange(20)))
        assert isinstance(DEFAULT.text(text), str)


def test_query_hides_by_decoded_names():
    assert DEFAULT.query("a=1&%74oken=x&b&csrf=") == f"a=1&%74oken={F}&b&csrf="
    keep = Parameters(keep=["id"])
    assert keep.query("id=1&name=x") == f"id=1&name={F}"


def test_keep_hides_all_parameters_but_those():
    keep = Parameters(keep=["id"])
    assert not keep.hides_parameter("id")
    assert keep.hides_parameter("name")
    assert keep.hides_parameter(5)
    assert not keep.hides("name")
    assert keep.text("name=x token=y") == f"name=x token={F}"


def test_words_of_an_endpoint_come_beside_the_default_ones_or_instead():
    more, only, keep = (parameters(given) for given in (["ssn"], {"only": ["ssn"]}, {"keep": []}))
    assert more.text("ssn=1 token=2") == f"ssn={F} token={F}"
    assert only.text("ssn=1 token=2") == f"ssn={F} token=2"
    assert keep.hides_parameter("anything")
    assert Parameters([]).text("token=2") == "token=2"


def test_name_may_be_bytes_and_nothing_else_is_one():
    assert DEFAULT.hides(b"X-Token")
    assert not DEFAULT.hides(b"X")
    assert not DEFAULT.hides(("token",))
    assert DEFAULT.hides_parameter("Session")


def test_known_values_are_hidden_wherever_they_are():
    known = DEFAULT.knowing({"abcd", "ab\x1bcd", "é'x'"})
    assert known.text("an abcd, and ab\\x1bcd") == f"an {F}, and {F}"
    assert known.text("é'x'") == F
    assert DEFAULT.text("an abcd") == "an abcd"


@dataclass
class Account:
    name: str = "public"
    password: str = "SECRET-1"


@dataclass(slots=True)
class Slotted:
    token: bytes = b"SECRET-2"
    more: list[object] = field(default_factory=lambda: ["public"])


class Plain:
    def __init__(self):
        self.api_key = "SECRET-3"


class Rude:
    token = "SECRET"

    def __getattribute__(self, name):
        raise RuntimeError


def test_values_of_secret_names_are_found_in_a_state():
    state = {
        "account": Account(), "slotted": [Slotted()], "plain": (Plain(),), "rude": Rude(),
        "headers": [("cookie", "SECRET-4"), (b"x", "public")], "session": {"user": "SECRET-5"},
        "secret": "abc", "token": 5, "kind": Account,
    }  # fmt: skip
    assert DEFAULT.secrets(state) == {f"SECRET-{number}" for number in range(1, 6)}


def test_search_of_a_state_is_bounded():
    loop = {}
    loop["token"] = loop
    assert DEFAULT.secrets(loop) == set()
    many = [{"token": f"secret-{number}"} for number in range(1000)]
    assert len(DEFAULT.secrets(many)) == MOST_VALUES
    assert len(DEFAULT.secrets({f"token-{n}": f"secret-{n}" for n in range(1000)})) == MOST_VALUES


def test_process_hides_what_it_was_told_to():
    before = filtering.use(parameters({"only": ["ssn"]}))
    try:
        assert hidden("ssn=1 token=2") == f"ssn={F} token=2"
        assert filtering.used() is not before
    finally:
        filtering.use(before)


@pytest.mark.parametrize("given", [["ssn"], (), {"only": ["a"]}, {"keep": ()}])
def test_endpoint_takes_words_or_one_mapping_of_them(given):
    assert Endpoint(filter_parameters=given).options.filter_parameters == given


@pytest.mark.parametrize(
    "given", ["ssn", [5], [""], {"other": []}, {"only": "a"}, {"only": [], "keep": []}, {}, None]
)
def test_endpoint_refuses_what_is_neither(given):
    with pytest.raises(ConfigError, match="filter_parameters"):
        Endpoint(filter_parameters=given)
