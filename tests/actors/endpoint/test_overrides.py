"""Options of the application that the file sets: judged alone, and put in place of the code's."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest

from actors import ChannelSocket, Endpoint, HTTPOptions, Socket
from actors.endpoint.command.applying import use
from actors.endpoint.command.overrides import IN_CODE, LARGEST, NESTED, OPTIONS, judged
from actors.errors import ConfigError
from actors.serializers.default import DEFAULT


def good(table, **given):
    found, wrong = judged(table, given, 50)
    assert wrong == []
    return found


def wrong(table, **given):
    return dict(judged(table, given, 50)[1])


@pytest.mark.parametrize("table", OPTIONS)
class TestEveryOption:
    def test_it_can_be_judged_or_says_why_it_belongs_into_the_code(self, table):
        for field in fields(OPTIONS[table]):
            plain = field.name in NESTED or field.name == "check_origin" or field.metadata["check"]
            assert field.name in IN_CODE or plain

    def test_its_default_is_good(self, table):
        for field in fields(OPTIONS[table]):
            if field.name not in IN_CODE and field.name not in NESTED and field.name != "redis":
                assert field.default is not MISSING
                default = "none" if field.default is None else field.default
                kept = list(default) if isinstance(default, tuple) else default
                if (table, field.name, default) != (table, "check_origin", "none"):
                    good(table, **{field.name: kept})

    def test_what_belongs_into_the_code_is_refused_with_the_reason(self, table):
        for name, why in IN_CODE.items():
            if name in OPTIONS[table].__dataclass_fields__:
                assert wrong(table, **{name: "SESAME"}) == {(name,): f"{name}: {why}"}


class TestJudging:
    def test_good_ones_are_returned_as_they_are(self):
        given = {"compress": True, "timeout": 5, "allowed_hosts": ["a"], "check_origin": ["//a"]}
        assert good("websocket", **given) == given

    def test_none_is_a_word(self):
        assert good("websocket", timeout="none") == {"timeout": None}
        assert wrong("websocket", send_timeout="none") == {
            ("send_timeout",): "send_timeout = 'none': must be a number above 0"
        }

    @pytest.mark.parametrize(
        ("table", "given", "words"),
        [
            ("websocket", {"compress": 1}, "compress = 1: must be true or false"),
            (
                "endpoint",
                {"max_connections": 0},
                'max_connections = 0: must be a whole number above 0, or "none"',
            ),
            ("websocket", {"max_fragments": True}, "max_fragments = True: must be a whole number"),
            ("endpoint", {"http": 5}, "http: must be a table of options, such as [endpoint.http]"),
            (
                "websocket",
                {"check_origin": 5},
                'check_origin = 5: must be true, false, "conn", or a list of origins',
            ),
            ("endpoint", {"max_connection": 5}, "unknown option 'max_connection' (did you mean"),
            (
                "websocket",
                {"max_fragments": LARGEST + 1},
                "max_fragments = 92233",
            ),
        ],
    )
    def test_wrong_ones_are_named(self, table, given, words):
        ((path, said),) = wrong(table, **given).items()
        assert path == tuple(given)
        assert said.startswith(words)

    def test_the_largest_number_is_good(self):
        good("websocket", max_fragments=LARGEST)
        good("websocket", max_fragments=LARGEST - 1)

    def test_limits_of_http_are_a_table(self):
        assert good("endpoint", http={"max_body": 5}) == {"http": {"max_body": 5}}
        assert wrong("endpoint", http={"max_body": 0, "x": 1}).keys() == {
            ("http", "max_body"),
            ("http", "x"),
        }

    def test_no_transport_has_one(self):
        assert wrong("websocket", http={}).keys() == {("http",)}

    def test_what_does_not_go_together_is_found(self):
        given = {"check_origin": False, "check_csrf": False}
        assert wrong("websocket", **given) == {
            (): "check_origin=False, check_csrf=False: must not both be False"
        }

    def test_after_enough_the_rest_is_not_looked_at(self):
        many = {f"x{number}": 1 for number in range(20)}
        assert len(judged("websocket", many, 3)[1]) == 4


@pytest.fixture
def endpoint():
    made = Endpoint(max_connections=7, grace=11, http=HTTPOptions(max_headers=9))
    made.socket("/a", Socket, websocket={"timeout": 5, "compress": True}, longpoll=True)
    made.socket("/b", ChannelSocket, serializer=[(e.serializer, e.requirement) for e in DEFAULT])
    return made


class TestUse:
    def test_options_come_before_those_of_the_code_and_the_rest_stays(self, endpoint):
        given = {
            "endpoint": {"max_connections": None, "http": {"max_body": 5}},
            "websocket": {"timeout": 6},
        }
        use(endpoint, given, "roost.toml")
        options = endpoint.options
        assert (options.max_connections, options.grace) == (None, 11)
        assert (options.http.max_body, options.http.max_headers) == (5, 9)
        first, second = endpoint.mounts
        assert first.transports["websocket"].timeout == 6
        assert first.transports["websocket"].compress is True
        assert first.transports["longpoll"].window == 10
        assert second.transports["websocket"].timeout == 6
        assert second.transports["websocket"].serializer == DEFAULT
        assert second.socket_class is ChannelSocket

    def test_a_line_of_base64_follows_the_body(self, endpoint):
        use(endpoint, {"longpoll": {"max_body": 5}}, "roost.toml")
        assert endpoint.mounts[0].transports["longpoll"].max_base64 == 5

    def test_unless_it_has_its_own(self, endpoint):
        use(endpoint, {"longpoll": {"max_body": 5, "max_base64": 3}}, "roost.toml")
        use(endpoint, {"longpoll": {"max_body": 6}}, "roost.toml")
        assert endpoint.mounts[0].transports["longpoll"].max_base64 == 3

    def test_nothing_changes_nothing(self, endpoint):
        before = (endpoint.options, list(endpoint.mounts))
        use(endpoint, {}, "roost.toml")
        assert (endpoint.options, endpoint.mounts) == before

    def test_what_the_code_does_not_go_together_with_is_refused_with_the_place(self):
        made = Endpoint()
        made.socket("/a", Socket, websocket={"check_csrf": False, "check_origin": ["//a"]})
        with pytest.raises(ConfigError, match=r"^roost.toml: \[websocket\], at socket '/a': "):
            use(made, {"websocket": {"check_origin": False}}, "roost.toml")

    def test_the_same_of_the_endpoint(self, endpoint):
        with pytest.raises(ConfigError, match=r"^roost.toml: \[endpoint\]: max_connections=0"):
            use(endpoint, {"endpoint": {"max_connections": 0}}, "roost.toml")
