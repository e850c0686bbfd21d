"""The command's verbs, as a person or a script runs them."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from actors import signing
from actors.endpoint.command import verbs
from tests.support.command import DEADLINE, ROOT, Command, run, unmeasured
from tests.support.ops_double import BOTH, TOKEN, Ops, environ, view

DEMO_IS_WELL = "ok: 3 sockets mounted, of the demo: no application is named\n"


class TestWords:
    @pytest.mark.parametrize("name", verbs.VERBS)
    def test_each_verb_has_a_page_with_examples_and_statuses(self, name):
        done = run(name, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        for part in ("usage: python -m actors.endpoint", "examples:", "exit status:", "--help"):
            assert part in done.stdout
        assert "\x1b" not in done.stdout

    @pytest.mark.parametrize("columns", ["1", "20", "500", "x"])
    def test_a_page_fits_any_terminal(self, columns):
        done = run("check", "--help", env=environ(COLUMNS=columns, FORCE_COLOR="1"))
        assert (done.returncode, done.stderr) == (0, "")
        assert "--termination-grace" in done.stdout
        assert "\x1b" not in done.stdout

    @pytest.mark.parametrize(("word", "meant"), [("drian", "drain"), ("rout", "routes")])
    def test_a_misspelt_one_is_refused_with_a_suggestion(self, word, meant):
        done = run(word)
        said = f"roost: {word!r}: must be a verb (did you mean {meant!r}?), or module:endpoint\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said)

    def test_a_module_may_be_called_as_one(self, tmp_path):
        text = "from actors import Endpoint, Socket\nendpoint = Endpoint()\n"
        (tmp_path / "serve.py").write_text(text + "endpoint.socket('/a', Socket)\n")
        for words in (("serve", "serve:endpoint"), ("serve:endpoint",)):
            done = run(*words, "--check", "--bind", "127.0.0.1:0", cwd=tmp_path, env=environ())
            assert (done.returncode, done.stdout) == (0, "ok: 1 socket mounted\n")
        with Command("serve", "serve:endpoint", cwd=tmp_path, env=environ()) as command:
            command.signal(signal.SIGTERM)
            assert command.ended() == 0

    def test_as_it_is_installed_it_does_the_same(self):
        code = "import sys; from actors.endpoint.command.entry import main; sys.exit(main())"
        for arguments, status in ((["--version"], 0), (["nothing"], 2)):
            done = subprocess.run(
                [sys.executable, "-c", code, *arguments],
                cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False,
            )  # fmt: skip
            same = run(*arguments)
            assert (done.returncode, done.stdout) == (status, same.stdout)
            assert done.stderr == same.stderr

    def test_a_master_imports_neither_gevent_nor_the_application(self, tmp_path):
        (tmp_path / "app.py").write_text("from actors.endpoint.demo import endpoint\n")
        (tmp_path / "roost.toml").write_text("[websocket]\ncompress = true\n")
        (tmp_path / "sitecustomize.py").write_text(
            "import atexit, os, sys\n"
            "def tell():\n"
            "    if '--config' in sys.argv:\n"
            "        print('imported', *sys.modules)\n"
            "atexit.register(tell)\n"
        )
        path = os.pathsep.join([str(tmp_path), str(ROOT)])
        arguments = ("app:endpoint", "--config", "roost.toml")
        env = unmeasured(PYTHONPATH=path)
        with Command(*arguments, workers=1, cwd=tmp_path, env=env) as command:
            command.wait_for("1 worker is ready")
            command.signal(signal.SIGHUP)
            command.wait_for("SIGHUP")
            command.signal(signal.SIGTERM)
            assert command.ended() == 0
        found = set(command.wait_for("^imported (.*)")[1].split())
        assert "actors.endpoint.command.overrides" in found
        heavy = {"gevent", "greenlet", "orjson", "pykka", "prometheus_client", "httptools", "app"}
        assert {name.partition(".")[0] for name in found} & heavy == set()


class TestCheck:
    def check(self, *arguments):
        return run("check", "--bind", "127.0.0.1:0", *arguments)

    def test_what_is_well_is_0(self):
        done = self.check()
        assert (done.returncode, done.stdout) == (0, DEMO_IS_WELL)

    def test_a_file_that_names_no_application_is_told(self, tmp_path):
        (tmp_path / "empty.toml").write_text("")
        done = run("check", "--config", "empty.toml", cwd=tmp_path, env=environ())
        assert (done.returncode, done.stdout) == (0, DEMO_IS_WELL)

    def test_the_grace_of_who_started_us_is_added_up(self):
        arguments = ("--grace", "20", "--lame-duck", "5", "--termination-grace")
        assert self.check(*arguments, "27").returncode == 0
        done = self.check(*arguments, "26.9", "--log-format", "json")  # which is the service's
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "roost: --termination-grace 26.9: a stop takes up to lame_duck 5 + grace 20 + 2 = 27 s,"
            " and would be cut off\n"
        )

    def test_the_grace_of_the_code_counts(self, tmp_path):
        text = "from actors import Endpoint, Socket\nendpoint = Endpoint(grace=40)\n"
        (tmp_path / "app.py").write_text(text + "endpoint.socket('/a', Socket)\n")
        arguments = ("check", "app:endpoint", "--bind", "127.0.0.1:0", "--termination-grace", "30")
        done = run(*arguments, cwd=tmp_path, env=environ())
        assert "grace 40 + 2 = 42 s" in done.stderr


class TestGen:
    def gen(self, *arguments):
        return run("gen", *arguments)

    @pytest.mark.parametrize(("arguments", "length"), [((), 64), (("32",), 32), (("4096",), 4096)])
    def test_a_secret_is_one_that_signs(self, arguments, length):
        first, second = (self.gen("secret", *arguments).stdout.strip() for _ in range(2))
        assert first != second
        assert len(first) == length
        assert signing.is_secret(first)
        assert not set(first) & set(" \t\"'$\\")

    def test_a_token_has_256_bits(self):
        text = self.gen("token").stdout.strip()
        assert len(text) == 43
        assert text.isascii()

    @pytest.mark.parametrize(
        "arguments",
        [(), ("tokn",), ("secret", "31"), ("secret", "4097"), ("secret", "x"), ("token", "64")],
    )
    def test_what_is_none_is_refused(self, arguments):
        done = self.gen(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("roost: gen: ")


APP = """
from actors import Endpoint, Socket

class Chat(Socket): ...

def page(request, http): ...

def pages(environ, start_response): ...

endpoint = Endpoint(health="/healthz", fallback=pages)
endpoint.page("/", page)
endpoint.page("/twice/websocket", page)
endpoint.publishing("/api", keys="k" * 16)
endpoint.socket("/chat/:room", Chat, longpoll={"path": "/lp"})
endpoint.socket("/twice", Chat)
"""


class TestRoutes:
    def test_each_path_is_listed_with_what_is_there(self, tmp_path):
        (tmp_path / "app.py").write_text(APP)
        done = run("routes", "app:endpoint", "--json", cwd=tmp_path, env=environ())
        assert (done.returncode, done.stderr) == (0, "")
        assert [tuple(row.values()) for row in json.loads(done.stdout)] == [
            ("/", "page", "app.page"),
            ("/twice/websocket", "websocket", "app.Chat"),
            ("/healthz", "health", "200, or 503 from when a stop begins"),
            ("/api", "publish", "POST, with a key"),
            ("/chat/:room/websocket", "websocket", "app.Chat"),
            ("/chat/:room/lp", "longpoll", "app.Chat"),
            ("*", "fallback", "app.pages"),
        ]
        table = run("routes", "app:endpoint", cwd=tmp_path, env=environ()).stdout.splitlines()
        assert table[0].split() == ["PATH", "KIND", "HANDLER"]
        assert table[6] == "/chat/:room/lp         longpoll   app.Chat"

    def test_an_application_that_cannot_be_loaded_is_2(self):
        done = run("routes", "no_such:endpoint")
        assert (done.returncode, done.stdout) == (2, "")


class TestDeeds:
    def test_a_drain_is_watched_to_its_end(self):
        half = view((2, 12), left=10, seconds=4.4)
        with Ops(BOTH, BOTH, half, half, view()) as ops:
            done = ops.command("drain")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "2 workers to end, 30 connections left",
            "1 worker to end, 10 connections left, 4 s at most",
            "drain: done",
        ]
        assert ops.asked[:2] == [
            ("GET", "/views/drain", b"", True),
            ("POST", "/deeds/drain", b"", True),
        ]

    def test_a_server_that_does_not_answer_any_more_has_ended(self):
        with Ops(BOTH, BOTH, None) as ops:
            done = ops.command("drain")
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "drain: done")

    def test_one_that_fails_to_answer_once_has_not(self):
        with Ops(BOTH, None, BOTH, None, view()) as ops:
            done = ops.command("drain")
        assert "2 workers to end, 30 connections left\n" in done.stdout
        assert done.returncode == 0

    def test_one_worker_is_drained_when_its_process_is_gone(self):
        with Ops(BOTH, BOTH, view((1, 11), (2, 12), (2, 13)), view((1, 11), (2, 13))) as ops:
            done = ops.command("drain", "2")
        assert (done.returncode, done.stderr) == (0, "")
        assert ops.asked[1] == ("POST", "/deeds/drain", b'{"worker": 2}', True)

    def test_a_reload_ends_when_all_are_new(self):
        with Ops(BOTH, view((1, 21), (2, 12)), view((1, 21), (2, 22))) as ops:
            done = ops.command("reload")
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "reload: done")
        assert ops.asked[1] == ("POST", "/deeds/reload", b"", True)

    def test_a_server_that_is_gone_has_not_reloaded(self):
        with Ops(BOTH, None) as ops:
            done = ops.command("reload")
        assert done.returncode == 4

    def test_nobody_waits_who_does_not_want_to(self):
        with Ops(BOTH) as ops:
            done = ops.command("drain", "--no-wait")
        assert (done.returncode, done.stdout) == (0, "drain: begun\n")
        assert len(ops.asked) == 2

    def test_a_wait_that_is_over_is_3(self):
        with Ops(BOTH) as ops:
            done = ops.command("drain", "--timeout", "0.1")
        assert done.returncode == 3
        assert done.stderr == "roost: drain: not done after 0.1 s; it goes on\n"

    def test_a_port_that_nobody_has_is_4(self):
        with Ops(BOTH) as ops:
            pass
        done = ops.command("drain")
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr == f"roost: {ops.address}: Connection refused\n"

    @pytest.mark.parametrize(
        ("refusal", "status", "words"),
        [
            ((401, {"error": "no token"}), 2, "401 no token"),
            ((403, {"error": "deeds are off"}), 2, "403 deeds are off"),
            ((409, {"error": "it stops already"}), 1, "409 it stops already"),
            ((504, b"<html>"), 1, "504 without a reason"),
            ((500, {"error": "\x1b[2J"}), 1, "500 \\x1b[2J"),
        ],
    )
    def test_a_refusal_is_said_in_the_servers_words(self, refusal, status, words):
        with Ops(BOTH, refusal=refusal) as ops:
            done = ops.command("drain")
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr == f"roost: {ops.address}: {words}\n"
        assert TOKEN not in done.stderr

    @pytest.mark.parametrize(
        "said", [b"hello", {"workers": 5}, [], {"workers": [5]}, view((1, {})), view(("a", 1))]
    )
    def test_what_is_no_ops_port_is_1(self, said):
        with Ops(said) as ops:
            done = ops.command("reload")
        assert done.returncode == 1
        assert "what answers there is no ops port of ours" in done.stderr

    def test_a_worker_that_is_not_there_is_2(self):
        with Ops(BOTH) as ops:
            done = ops.command("drain", "3")
        assert (done.returncode, done.stderr) == (
            2,
            "roost: drain: there is no worker 3 (slots: 1, 2)\n",
        )
        assert len(ops.asked) == 1

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("drain", "0"), "drain: WORKER: '0': must be the number of a slot, such as 1"),
            (("drain", "1", "2"), "drain: '2' is one too many"),
            (("drain", "--ops", "x"), "--ops: 'x': must be"),
            (("drain", "--ops", "127.0.0.1:0"), "drain: --ops 127.0.0.1:0: which port has it got?"),
            (("drain",), "drain: where is the server's ops port?"),
            (("reload", "--ops", "127.0.0.1:1"), "reload: needs the token"),
            (("reload", "--nothing"), "reload: unknown option '--nothing'"),
        ],
    )
    def test_what_is_missing_or_wrong_is_said(self, arguments, words):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"roost: {words}")

    def test_the_file_says_where_and_a_file_has_the_token(self, tmp_path):
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        (tmp_path / "token").chmod(0o600)
        with Ops(BOTH, view()) as ops:
            (tmp_path / "roost.toml").write_text(
                f"[serve]\nworkers = 'for others'\n[ops]\nops = '{ops.address}'\n"
                "ops_token_file = 'token'\n"
            )
            done = run("drain", "--config", "roost.toml", cwd=tmp_path, env=environ())
        assert (done.returncode, done.stderr) == (0, "")
        assert all(allowed for *_, allowed in ops.asked)

    def test_on_a_terminal_one_line_counts_down(self):
        half = view((2, 12), left=5)
        with Ops(BOTH, BOTH, half, view()) as ops:
            variables = environ(ROOST_OPS=ops.address, ROOST_OPS_TOKEN=TOKEN)
            ours, theirs = pty.openpty()
            process = subprocess.Popen(
                [sys.executable, "-m", "actors.endpoint", "drain"],
                cwd=ROOT, env=variables, stdin=theirs, stdout=theirs, stderr=theirs,
            )  # fmt: skip
            os.close(theirs)
            text = read_terminal(ours)
            assert process.wait(DEADLINE) == 0
        assert text == (
            "\r2 workers to end, 30 connections left"
            "\r1 worker to end, 5 connections left  "
            "\r\ndrain: done\r\n"
        )


def read_terminal(descriptor):
    """Everything that is written to a terminal until its last writer has gone."""
    text, until = b"", time.monotonic() + DEADLINE
    while time.monotonic() < until:
        if select.select([descriptor], [], [], 0.1)[0]:
            try:
                more = os.read(descriptor, 4096)
            except OSError:  # EIO: nobody has the other side
                break
            text += more
    os.close(descriptor)
    return text.decode()
