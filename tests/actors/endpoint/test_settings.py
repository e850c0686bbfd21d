"""The table of settings: each name is good everywhere, each text is judged by one function."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actors.endpoint.command.setting import (
    FLAG,
    MODE,
    NUMBER,
    TEXT,
    WHOLE,
    boolean,
    without_password,
)
from actors.endpoint.command.settings import BY_NAME, SETTINGS, TABLES
from actors.endpoint.options import EndpointOptions


def parsed(name, text):
    return BY_NAME[name].parse(text)


def refused(name, text):
    with pytest.raises(ValueError, match=r".") as caught:
        BY_NAME[name].parse(text)
    return str(caught.value)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.name)
class TestEachSetting:
    def test_its_name_is_one_in_the_shell_in_the_file_and_in_the_code(self, setting):
        assert re.fullmatch("[a-z]+(_[a-z]+)*", setting.name)
        assert setting.table in TABLES

    def test_its_variable_is_none_that_kubernetes_injects_for_a_service_named_roost(self, setting):
        assert not setting.variable.startswith(("ROOST_PORT", "ROOST_SERVICE_"))

    def test_its_words_go_into_help_and_documents(self, setting):
        assert setting.help
        assert not setting.help.endswith(".")
        assert "|" not in setting.help + setting.shown
        assert bool(setting.metavar) is (setting.kind is not FLAG)

    def test_what_it_is_called_in_the_endpoint_exists(self, setting):
        fields = {*EndpointOptions.__dataclass_fields__, None}
        assert setting.endpoint in fields


def test_names_are_given_once():
    assert len(BY_NAME) == len(SETTINGS)


class TestTexts:
    @pytest.mark.parametrize("text", ["true", "1", "YES", "On"])
    def test_true(self, text):
        assert boolean(text) is True

    @pytest.mark.parametrize("text", ["false", "0", "No", "off"])
    def test_false(self, text):
        assert boolean(text) is False

    @pytest.mark.parametrize("text", ["", "2", "maybe", " true"])
    def test_what_is_no_boolean_is_refused_with_the_words(self, text):
        with pytest.raises(ValueError, match="must be one of true, 1, yes, on, false, 0, no, off"):
            boolean(text)

    @pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", ""])
    def test_no_number_of_seconds(self, text):
        assert refused("grace", text) == f"{text!r}: must be a number of seconds above 0"

    def test_seconds(self):
        assert parsed("grace", "0.5") == 0.5

    def test_addresses(self):
        assert parsed("bind", "[::1]:4000") == ("::1", 4000)
        assert parsed("bind", "unix:/run/a.sock") == Path("/run/a.sock")
        assert BY_NAME["bind"].plain(("::1", 4000)) == "[::1]:4000"
        assert BY_NAME["bind"].plain(("localhost", 0)) == "localhost:0"
        assert BY_NAME["bind"].plain(Path("/run/a.sock")) == "unix:/run/a.sock"

    @pytest.mark.parametrize("text", ["unix:", "4000", "a:65536", "a:" + "1" * 5000, "::1:4000"])
    def test_no_address(self, text):
        assert "must be HOST:PORT" in refused("bind", text)

    def test_an_address_of_tcp_alone(self):
        assert parsed("ops", "127.0.0.1:4001") == ("127.0.0.1", 4001)
        assert "must be HOST:PORT" in refused("ops", "unix:/x")
        assert "must be HOST:PORT" in refused("ops", "x")

    def test_seconds_or_none(self):
        assert parsed("lame_duck", "0.5") == 0.5
        for text in ("0", "0.0", "0.00", "00", "0e5"):
            assert parsed("lame_duck", text) == 0
        for text in ("-1", "x", "nan", "inf"):
            words = f"{text!r}: must be a number of seconds, or 0"
            assert refused("lame_duck", text) == words

    def test_choices(self):
        assert parsed("log_level", "debug") == "debug"
        assert refused("log_level", "debgu") == "'debgu' is not a level (did you mean 'debug'?)"
        assert "did you mean 'x-forwarded'?" in refused("forwarded", "x-forwardd")

    def test_networks(self):
        assert parsed("trusted_proxy", "10.0.0.0/8") == "10.0.0.0/8"
        assert "is no network" in refused("trusted_proxy", "ten")

    def test_modes(self):
        assert parsed("bind_mode", "0660") == 0o660
        assert BY_NAME["bind_mode"].plain(0o660) == "0660"
        assert "must be a mode" in refused("bind_mode", "0060")

    def test_numbers_of_workers(self):
        assert parsed("workers", "256") == 256
        for text in ("257", "-1", "x", "\u0663", "1" * 5000):
            assert "must be a whole number up to 256" in refused("workers", text)

    def test_numbers_of_ready_workers(self):
        assert parsed("min_ready", "1") == 1
        assert parsed("min_ready", "256") == 256
        for text in ("0", "257", "x"):
            assert "must be a whole number from 1 to 256" in refused("min_ready", text)

    def test_options_and_variables_have_the_name(self):
        setting = BY_NAME["log_level"]
        assert (setting.option, setting.variable) == ("--log-level", "ROOST_LOG_LEVEL")

    def test_redis(self):
        assert parsed("redis", "redis://:secret@h/0") == "redis://:secret@h/0"
        assert "secret" not in refused("redis", "redis://:secret@/0")

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://h:1/0", "redis://h:1/0"),
            ("redis://u@h/0", "redis://u@h/0"),
            ("redis://:p@h", "redis://:***@h"),
            ("rediss://u:p%40q@[::1]:1/0?ssl_cert_reqs=none",
             "rediss://u:***@[::1]:1/0?ssl_cert_reqs=none"),
            ("redis://u:a@b:c@h", "redis://u:***@h"),
        ],
    )  # fmt: skip
    def test_a_password_is_not_shown(self, url, shown):
        assert without_password(url) == shown


class TestKinds:
    @pytest.mark.parametrize(
        ("kind", "value", "text"),
        [
            (TEXT, "a", "a"),
            (WHOLE, 4, "4"),
            (NUMBER, 4, "4"),
            (NUMBER, 0.25, "0.25"),
            (MODE, "0660", "0660"),
            (MODE, 0o660, "0660"),
            (FLAG, True, "true"),
            (FLAG, False, "false"),
        ],
    )
    def test_a_value_of_the_file_is_written_as_text(self, kind, value, text):
        assert kind.text(value) == text

    @pytest.mark.parametrize(
        ("kind", "value", "words"),
        [
            (TEXT, 4, "must be a string"),
            (WHOLE, 4.0, "must be a whole number"),
            (WHOLE, True, "must be a whole number"),
            (NUMBER, "4", "must be a number"),
            (MODE, 0.5, "must be a mode such as 0o660"),
            (FLAG, 1, "must be true or false"),
            (FLAG, "true", "must be true or false"),
        ],
    )
    def test_a_value_of_another_type_is_refused(self, kind, value, words):
        with pytest.raises(ValueError, match=f"^{words}$"):
            kind.text(value)
