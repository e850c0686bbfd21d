"""Settings from arguments, environment and file: which counts, and what is said of wrong ones."""

from __future__ import annotations

import os
import random
import time

import pytest

from actors.endpoint.command import printing
from actors.endpoint.command.settings import BY_NAME, SETTINGS
from actors.endpoint.command.sources import (
    DEEPEST,
    MOST,
    ConfigFile,
    changed,
    cut,
    resolve,
    unknown_variables,
)
from actors.errors import ConfigErrors


def resolved(text="", arguments=None, environ=None, **rest):
    return resolve(arguments or {}, environ or {}, ConfigFile("roost.toml", text), **rest)


def problems(text="", arguments=None, environ=None, **rest):
    with pytest.raises(ConfigErrors) as caught:
        resolved(text, arguments, environ, **rest)
    return list(caught.value.problems)


class TestPrecedence:
    def test_an_argument_comes_before_a_variable_before_the_file_before_the_default(self):
        file, variable, argument = "[serve]\nworkers = 1", {"ROOST_WORKERS": "2"}, {"workers": "3"}
        found = resolved(file, argument, variable)
        assert found.values["workers"] == 3
        assert found.origins["workers"].said == "from --workers"
        found = resolved(file, {}, variable)
        assert found.values["workers"] == 2
        assert found.origins["workers"].said == "from env ROOST_WORKERS"
        found = resolved(file)
        assert found.values["workers"] == 1
        assert found.origins["workers"].said == "from roost.toml:2"
        found = resolved()
        assert found.values["workers"] == BY_NAME["workers"].default
        assert found.origins["workers"] is None

    def test_without_anything_each_setting_has_its_default(self):
        found = resolve({}, {})
        assert found.values == {each.name: each.default for each in SETTINGS}
        assert (found.overrides, found.warnings) == ({}, [])

    def test_an_empty_variable_says_nothing(self):
        found = resolved("[serve]\nworkers = 1", {}, {"ROOST_WORKERS": ""})
        assert found.values["workers"] == 1

    def test_an_empty_argument_is_an_argument(self):
        assert problems("", {"workers": ""})[0].startswith("--workers: '': must be")

    def test_what_is_overridden_is_judged_all_the_same(self):
        said = problems("[serve]\nworkers = 'x'", {"workers": "3"}, {"ROOST_WORKERS": "y"})
        assert said[0].startswith("ROOST_WORKERS: 'y': must be a whole number up to 256; 0 is")
        assert said[1:] == ["roost.toml:2: workers: must be a whole number"]

    def test_the_application_is_an_argument_without_a_name(self):
        found = resolved("", {"application": "chat:endpoint"})
        assert found.origins["application"].said == "from module:endpoint"
        assert resolved("[serve]\napplication = 'a:b'").values["application"] == "a:b"

    def test_no_value_has_a_nul_which_no_path_may_have(self):
        said = problems('[serve]\npublish = "a\\u0000b"', {"log_file": "a\0"})
        assert said == [
            "--log-file: must not have a character NUL",
            "roost.toml:2: publish: must not have a character NUL",
        ]


class TestLists:
    def test_a_variable_has_commas_between(self):
        environ = {"ROOST_TRUSTED_PROXY": "10.0.0.0/8, unix"}
        assert resolved("", {}, environ).values["trusted_proxy"] == ["10.0.0.0/8", "unix"]

    @pytest.mark.parametrize("text", ["'unix'", "['unix']"])
    def test_the_file_has_one_or_a_list(self, text):
        assert resolved(f"[serve]\ntrusted_proxy = {text}").values["trusted_proxy"] == ["unix"]

    def test_each_that_is_wrong_is_named(self):
        assert problems("", {"trusted_proxy": ["a", "unix", "b"]}) == [
            "--trusted-proxy: 'a' is no network such as '10.0.0.0/8'",
            "--trusted-proxy: 'b' is no network such as '10.0.0.0/8'",
        ]
        assert problems("[serve]\ntrusted_proxy = [1]") == [
            "roost.toml:2: trusted_proxy: must be a string, or a list of those"
        ]


class TestFile:
    def test_everything_that_is_wrong_is_said_at_once_with_its_line(self):
        text = """
workers = 3
[serv]
[serve]
grace = -1
binds = "x"
log_level = "info"
[logs]
log_level = "debgu"
[websocket]
compress = 1
nothing = 2
"""
        assert problems(text, {"workers": "x"}, {}, problems=["unknown option '--x'"]) == [
            "unknown option '--x'",
            "--workers: 'x': must be a whole number up to 256; 0 is one process without a master",
            "roost.toml:2: 'workers' belongs into the table [serve]",
            "roost.toml:3: unknown table 'serv' (did you mean 'serve'?)",
            "roost.toml:5: grace: '-1': must be a number of seconds above 0",
            "roost.toml:6: unknown key 'binds' (did you mean 'bind'?)",
            "roost.toml:7: unknown key 'log_level': it belongs into [logs]",
            "roost.toml:9: log_level: 'debgu' is not a level (did you mean 'debug'?)",
            "roost.toml:11: compress = 1: must be true or false",
            next(line for line in problems(text) if line.startswith("roost.toml:12: unknown opt")),
        ]

    def test_a_key_that_is_set_twice_is_named_with_both_lines(self):
        text = "[serve]\nworkers = 1\n# workers = 2\ngrace = 3\nworkers = 4\n"
        assert problems(text) == ["roost.toml:5: serve.workers is set twice, first in line 2"]
        assert problems("[serve]\n[logs]\n[serve]") == [
            "roost.toml:3: serve is set twice, first in line 1"
        ]

    def test_a_setting_that_is_an_option_of_the_endpoint_has_either_name(self):
        found = resolved(
            "[endpoint]\ngrace = 5\ntrusted_proxies = ['unix']\nforwarded = 'x-forwarded'"
        )
        assert found.values["grace"] == 5
        assert found.values["trusted_proxy"] == ["unix"]
        assert found.origins["grace"].said == "from roost.toml:2"
        assert found.overrides == {}

    def test_and_not_both(self):
        assert problems("[serve]\ngrace = 5\n[endpoint]\ngrace = 5") == [
            "roost.toml:4: grace: is set twice, first in line 2"
        ]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("[serve]\nworkers = \n", "roost.toml:2: Invalid value (column 11)"),
            ("[serve", "roost.toml: Expected ']' at the end of a table declaration (at end of"),
            ("x = " + "[" * 5000, "roost.toml: brackets are nested too deeply"),
            ("x = 1" + "1" * 5000, "roost.toml: Exceeds the limit"),
            ("x = {a = 1}\nx.b = 2", "roost.toml: Cannot mutate immutable namespace"),
            (f"\na{'.a' * DEEPEST} = 1", "roost.toml:2: a key of over 16 names"),
            ("serve = 1", "roost.toml:1: serve must be a table: [serve]"),
            ("endpoint = 1", "roost.toml:1: endpoint must be a table: [endpoint]"),
            ("wrkers = 1", "roost.toml:1: unknown key 'wrkers' (known: "),
            ("[workers]", "roost.toml:1: unknown table 'workers' (known: "),
            ("[[serve]]", "roost.toml:1: serve must be a table: [serve]"),
        ],
    )
    def test_what_is_none_is_refused_in_one_line(self, text, problem):
        (said,) = problems(text)
        assert said.startswith(problem)

    def test_dotted_keys_and_inline_tables_are_the_same(self):
        assert resolved("serve.workers = 1").values["workers"] == 1
        assert problems("serve = {workers = 1, grace = 0}") == [
            "roost.toml:1: grace: '0': must be a number of seconds above 0"
        ]

    def test_so_many_problems_are_said(self):
        text = "[serve]\n" + "".join(f"x{n} = 1\n" for n in range(500))
        said = problems(text)
        assert said[:1] == ["roost.toml:2: unknown key 'x0' " + said[0].partition("'x0' ")[2]]
        assert len(said) == MOST + 1
        assert said[-1] == "and more"  # the rest was not looked at

    def test_hints_stop_with_the_problems(self):
        tables = "".join(f"[x{n}]\n" for n in range(200))
        assert len(problems(tables)) == MOST + 1
        options = "[endpoint]\n" + "".join(f"x{n} = 1\n" for n in range(200))
        assert len(problems(options + "[websocket]\nx = 1")) == MOST + 1

    def test_fewer_settings_pass_over_what_is_for_others(self):
        text = "[serve]\nworkers = 'x'\ngrace = 3\n[nothing]\n[endpoint]\nx = 1\n[websocket]\nx = 1"
        found = resolved(text, settings=[BY_NAME["grace"]], environ={"ROOST_NOTHING": "1"})
        assert found.values == {"grace": 3}
        assert (found.overrides, found.warnings) == ({}, [])
        same = resolved("[endpoint]\ngrace = 4\nx = 1", settings=[BY_NAME["grace"]])
        assert same.values == {"grace": 4}


class TestVariables:
    def test_an_unknown_one_is_a_warning(self):
        environ = {"ROOST_WORKRES": "1", "ROOST_ZZZ": "", "ROOST": "1", "PATH": ""}
        assert list(unknown_variables(environ)) == [
            "unknown variable ROOST_WORKRES (did you mean ROOST_WORKERS?)",
            "unknown variable ROOST_ZZZ",
        ]
        assert resolved("", {}, environ).warnings == list(unknown_variables(environ))

    def test_those_of_ours_and_of_kubernetes_are_none(self):
        names = [
            "ROOST_PURE", "ROOST_OPS_TOKEN", "ROOST_CONFIG", "ROOST_PUBLISH_KEY", "ROOST_PORT",
            "ROOST_PORT_4000_TCP", "ROOST_PORT_4000_TCP_ADDR", "ROOST_SERVICE_HOST",
            "ROOST_SERVICE_PORT_HTTP", "ROOST_LISTEN_FDS", "ROOST_PUBLISH_FD", "ROOST_DRILL_CLOCK",
            "ROOST_WORKERS",
        ]  # fmt: skip
        assert list(unknown_variables(dict.fromkeys(names, "1"))) == []

    def test_so_many_are_counted(self):
        environ = {f"ROOST_X{number:03}": "1" for number in range(80)}
        warnings = resolved("", {}, environ).warnings
        assert warnings[0] == "unknown variable ROOST_X000"
        assert warnings[MOST:] == ["and 30 more"]
        assert cut(["a"] * MOST) == ["a"] * MOST


class TestSecrets:
    PASSWORD = "sesame"

    def test_no_message_and_no_listing_shows_one(self):
        good, bad = f"redis://u:{self.PASSWORD}@h/0", f"redis://u:{self.PASSWORD}@h:port/0"
        found = resolved("", {"redis": good})
        assert found.values["redis"] == good
        (line,) = [each for each in printing.lines(found) if each.startswith("redis")]
        assert line == 'redis = "redis://u:***@h/0"  # from --redis'
        # So what was printed is no file before somebody has put the password in.
        (told,) = problems(f"[serve]\n{line}")
        assert told.startswith("roost.toml:2: redis: must be redis://")
        assert told.endswith(": the password is '***', which is printed in place of one")
        for text in (f"[serve]\nredis = '{bad}'", f"[endpoint]\nsecret_key_base = '{bad}'"):
            assert self.PASSWORD not in str(problems(text, {"redis": bad}, {"ROOST_REDIS": bad}))


class TestPrinting:
    def test_what_is_printed_is_a_file_that_says_the_same(self):
        arguments = {
            "bind": ["[::1]:4000", "unix:/a b"], "bind_mode": "0660", "log_level": "debug",
            "grace": "2.5", "workers": "0", "log_file": '\x7f"\\\n', "redis": "redis://h/1",
        }  # fmt: skip
        text = "[endpoint]\nmax_connections = 'none'\nhttp.max_body = 5\n[websocket]\ntimeout = 5\n"
        first = resolved(text, arguments)
        printed = "\n".join(printing.lines(first))
        again = resolved(printed)
        assert (again.values, again.overrides) == (first.values, first.overrides)

    def test_each_line_says_where_its_value_comes_from(self):
        environ = {"ROOST_WORKERS": "3"}
        found = resolved("[websocket]\n\nallowed_hosts = ['a']", {"grace": "7"}, environ)
        lines = list(printing.lines(found))
        for line in (
            "grace = 7  # from --grace",
            "workers = 3  # from env ROOST_WORKERS",
            "heartbeat_timeout = 30  # default",
            "# redis = the endpoint's  # default",
            "# application = a demo  # default",
            "# bind = 127.0.0.1:4000  # default",
            "# pid_file = none  # default",
            'allowed_hosts = ["a"]  # from roost.toml:3',
        ):
            assert line in lines
        assert {each.name for each in SETTINGS} <= {
            each.strip("# ").partition(" ")[0] for each in lines
        }


def test_what_has_changed_is_told_by_value():
    before = resolved("[serve]\nworkers = 2\ngrace = 3").values
    after = resolved("[serve]\nworkers = 2\ngrace = 4").values
    assert [each.name for each in changed(before, after)] == ["grace"]


# -- any input: an error of ours or a result, soon


INPUTS = int(os.environ.get("ROOST_SETTINGS_INPUTS", "10000"))
SLOWEST = 0.1
"""Seconds of the processor for one input, where more are asked for than the suite has."""

TABLE_NAMES = ["serve", "logs", "endpoint", "websocket", "longpoll", "endpoint.http", "y", "a.b"]
KEYS = [*BY_NAME, "x", "max_connections", "http", "compress", "check_origin", "a.b", "'q'"]
VALUES = [
    "1", "-1", "0x7fffffffffffffffffff", "1e999", "nan", "'x'", '"none"', "true", "[]", "[[1]]",
    "{}", "{max_body = 1}", "1979-05-27", "['unix', 1]", '"""\n"""', "[1", "{a=", "'redis://:p@h'",
    "['127.0.0.1:0']", "'unix:/x'", "'\x00'", "5", "0o660", "'debug'",
]  # fmt: skip
NOISE = [*"ab.=[]{},#'\"\\ \n\r\t1é\x00\ud800", '"""', "[[", "a.a."]


def any_file(chance):
    lines = []
    for _ in range(chance.randrange(12)):
        match chance.randrange(8):
            case 0 | 1:
                lines.append(f"[{chance.choice(TABLE_NAMES)}]")
            case 2:
                lines.append("".join(chance.choices(NOISE, k=chance.randrange(12))))
            case 3:
                lines.append(chance.choice(NOISE) * chance.choice([1, 50, 5000]))
            case _:
                lines.append(f"{chance.choice(KEYS)} = {chance.choice(VALUES)}")
    return "\n".join(lines)


def any_text(chance):
    if chance.randrange(2):
        return chance.choice(VALUES).strip("'\"[]")
    return "".join(chance.choices(NOISE, k=chance.randrange(6)))


def any_input(chance):
    arguments = {
        each.name: any_text(chance) if each.metavar else bool(chance.randrange(2))
        for each in chance.sample(SETTINGS, chance.randrange(4))
    }
    environ = {
        each.variable: any_text(chance) for each in chance.sample(SETTINGS, chance.randrange(4))
    }
    return any_file(chance), arguments, environ


def outcome(text, arguments, environ):
    """Every line that is printed, or every problem; anything but ``ConfigErrors`` is a crash."""
    try:
        return list(printing.lines(resolved(text, arguments, environ)))
    except ConfigErrors as error:
        return error.problems


def test_any_input_is_a_result_or_an_error_of_ours():
    chance, longest = random.Random(15), 0.0
    for _ in range(INPUTS):
        given = any_input(chance)
        begun = time.process_time()
        lines = outcome(*given)
        longest = max(longest, time.process_time() - begun)
        assert lines
        assert not any("\n" in line for line in lines), given
    if INPUTS > 10_000:
        assert longest < SLOWEST
