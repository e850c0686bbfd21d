"""The stop of a service, as probes see it: lame ducks, drains, and two masters on one ops port."""

from __future__ import annotations

import argparse
import os
import re
import signal
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from actors import Endpoint, Socket
from actors.endpoint.command.checking import problems
from actors.endpoint.command.ops_port import token
from actors.errors import ConfigError
from tests.support.command import Command
from tests.support.ops import OpsServer, wait_gone
from tests.support.raw import CLOSE, TEXT, Client, frame
from tests.support.waiting import DEADLINE, eventually

APP = "tests.actors.endpoint.health_app:endpoint"
ECHO = "/echo/websocket"
WORKERS = pytest.mark.parametrize("workers", [0, 2])


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def serve(stack, *arguments, workers=2, **rest):
    server = stack.enter_context(OpsServer(*arguments, app=APP, workers=workers, **rest))
    if workers:
        server.wait_for("workers? (is|are) ready")
    server.wait_until("/readyz", 200)
    return server


def connect(stack, server):
    client = stack.enter_context(Client(server.address))
    assert client.upgrade(ECHO).status == 101
    return client


def echoes(client):
    client.send(frame(TEXT, "hello"))
    return client.frame().payload == b"hello"


def health(server, method="GET"):
    with Client(server.address) as client:
        return client.ask("/healthz", method=method)


class TestDrain:
    def test_it_can_be_watched_to_its_end(self, stack):
        server = serve(stack)
        client = connect(stack, server)
        server.signal(signal.SIGTERM)
        assert client.frame().opcode == CLOSE  # and the client does not answer for now
        found = server.wait_until(
            "/readyz", 503
        )  # it is told before the worker, and may read later
        assert found.json["reasons"][0] == "the service is stopping"
        assert server.ask("/livez").status == server.ask("/startupz").status == 200
        view = server.view("/views/drain").json
        assert view["state"] == "stopping"
        assert 0 < view["seconds"] <= 26
        assert {worker["state"] for worker in view["workers"]} == {"stopping"}
        assert 1 <= len(view["workers"]) <= 2
        client.close()
        assert server.ended() == 0

    def test_metric_says_how_many_are_left_that_were_told(self, stack):
        app = "tests.actors.endpoint.stubborn_app:endpoint"
        server = stack.enter_context(OpsServer("--grace", "60", app=app))
        left = "roost_drain_left", frozenset({("worker", "1")})
        client = stack.enter_context(Client(server.address))
        assert client.upgrade("/blocked/websocket").status == 101
        client.send(frame(TEXT, "sleep"))
        server.wait_for("^blocked$")
        eventually(lambda: server.samples().get(left) == 0)
        server.signal(signal.SIGTERM)
        eventually(lambda: server.samples()[left] == 1)

    def test_view_of_a_service_that_serves(self, stack):
        server = serve(stack)
        view = server.view("/views/drain").json
        assert (view["state"], view["seconds"]) == ("serving", None)
        clients = [connect(stack, server) for _ in range(3)]
        deadline = time.monotonic() + DEADLINE
        while server.view("/views/drain").json["left"] != len(clients):
            assert time.monotonic() < deadline
        assert sorted(worker["slot"] for worker in view["workers"]) == [1, 2]
        assert {worker["state"] for worker in view["workers"]} == {"ready"}

    def test_view_needs_the_token_and_a_host_of_ours(self, stack):
        server = serve(stack, workers=0)
        assert server.ask("/views/drain").status == 401
        assert server.ask("/views/drain").headers["www-authenticate"] == "Bearer"
        assert server.view("/views/drain", host="evil.example").status == 421
        assert server.view("/views/drain", origin="http://evil.example").status == 403
        same = f"http://127.0.0.1:{server.port}"
        assert server.view("/views/drain", origin=same).status == 200
        assert server.view("/views/drain", "POST").status == 405


class TestLameDuck:
    @WORKERS
    def test_not_ready_and_still_accepting_until_it_is_over(self, stack, workers):
        server = serve(stack, "--lame-duck", "2", workers=workers)
        old = connect(stack, server)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        server.wait_for("not ready any more; the drain begins in 2 s")
        found = server.wait_until("/readyz", 503)
        assert found.json["reasons"][0] == "the service is stopping"
        assert 2 < server.view("/views/drain").json["seconds"] <= 28
        deadline = time.monotonic() + DEADLINE
        while health(server).status != 503:
            assert time.monotonic() < deadline
        new = connect(stack, server)
        assert echoes(new)
        assert echoes(old)
        assert old.frame().opcode == CLOSE
        assert time.monotonic() - began >= 2
        for client in (old, new):
            client.close()
        assert server.ended() == 0

    @WORKERS
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_second_signal_ends_it_early(self, stack, workers, number):
        server = serve(stack, "--lame-duck", "600", workers=workers)
        client = connect(stack, server)
        server.signal(signal.SIGTERM)
        server.wait_for("not ready any more")
        if workers:
            server.signal(signal.SIGUSR2)
            server.wait_for("no new master is started: this one is stopping")
        server.signal(number)
        assert client.frame().opcode == CLOSE
        client.close()
        assert server.ended() == 0

    @WORKERS
    def test_ctrl_c_has_none(self, stack, workers):
        server = serve(stack, "--lame-duck", "600", workers=workers)
        server.signal(signal.SIGINT)
        assert server.ended() == 0

    def test_a_worker_that_is_killed_meanwhile_is_replaced_and_says_so(self, stack):
        server = serve(stack, "--lame-duck", "600", workers=1)
        client = connect(stack, server)
        server.signal(signal.SIGTERM)
        server.wait_for("not ready any more")
        client.send(frame(TEXT, "pid"))
        os.kill(int(client.frame().payload), signal.SIGKILL)
        server.wait_for("is back: 1 of 1 worker is ready")
        assert echoes(connect(stack, server))
        deadline = time.monotonic() + DEADLINE
        while health(server).status != 503:
            assert time.monotonic() < deadline
        server.signal(signal.SIGHUP)
        server.wait_for("SIGHUP")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0

    def test_systemd_is_told_how_long_all_of_it_takes(self, stack, tmp_path):
        import socket  # noqa: PLC0415

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(tmp_path / "notify"))
            manager.settimeout(DEADLINE)
            os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
            try:
                server = serve(stack, "--lame-duck", "600", "--grace", "7", workers=1)
            finally:
                del os.environ["NOTIFY_SOCKET"]
            server.signal(signal.SIGTERM)
            while b"STOPPING=1" not in (told := manager.recv(4096)):
                pass
            micros = int(re.search(rb"EXTEND_TIMEOUT_USEC=(\d+)", told)[1])
            assert 607 < micros / 1e6 <= 609
            server.signal(signal.SIGTERM)
            assert server.ended() == 0


class TestDeeds:
    def test_reload_replaces_every_worker(self, stack):
        server = serve(stack, "--ops-deeds")
        before = {each["pid"] for each in server.view("/views/drain").json["workers"]}
        found = server.view("/deeds/reload", "POST")
        assert (found.status, found.json) == (202, {"done": True})
        deadline = time.monotonic() + DEADLINE
        while before & {each["pid"] for each in server.view("/views/drain").json["workers"]}:
            assert time.monotonic() < deadline
        server.wait_for("127.0.0.1 asks: reload the service")

    def test_drain_of_one_worker_replaces_that_one_alone(self, stack):
        server = serve(stack, "--ops-deeds")
        pids = {e["slot"]: e["pid"] for e in server.view("/views/drain").json["workers"]}
        assert server.view("/deeds/drain", "POST", b'{"worker": 2}').status == 202
        deadline = time.monotonic() + DEADLINE
        while True:
            now = {e["pid"]: e for e in server.view("/views/drain").json["workers"]}
            if pids[2] not in now and len(now) == 2:
                break
            assert time.monotonic() < deadline
        assert pids[1] in now
        assert server.ask("/readyz").status == 200
        server.wait_for("asks: drain worker 2")

    @WORKERS
    def test_drain_ends_the_service(self, stack, workers):
        server = serve(stack, "--ops-deeds", workers=workers)
        assert server.view("/deeds/drain", "POST").status == 202
        assert server.ended() == 0

    @pytest.mark.parametrize(
        ("path", "body", "status", "words"),
        [
            (
                "/deeds/drain",
                b'{"worker": 3}',
                409,
                "there is no worker 3: they are numbered from 1",
            ),
            ("/deeds/drain", b'{"worker": 0}', 400, "must be the number of a slot"),
            ("/deeds/drain", b'{"worker": %d}' % 2**64, 400, "must be the number of a slot"),
            ("/deeds/drain", b'{"worker": true}', 400, "must be the number of a slot"),
            ("/deeds/drain", b'{"worker": "1"}', 400, "must be the number of a slot"),
            ("/deeds/drain", b'{"wroker": 1}', 400, "unknown field 'wroker' (known: worker)"),
            ("/deeds/drain", b"[]", 400, "must be an object"),
            ("/deeds/drain", b"{", 400, "no JSON"),
            ("/deeds/reload", b'{"worker": 1}', 400, "unknown field 'worker' (known: none)"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, deeds, path, body, status, words):
        found = deeds.view(path, "POST", body)
        assert found.status == status
        assert words in found.json["error"]

    def test_no_deed_by_get_or_without_the_token(self, deeds):
        assert deeds.view("/deeds/drain").status == 405
        assert deeds.ask("/deeds/drain", "POST").status == 401
        assert deeds.view("/deeds/drain", "POST", host="evil.example").status == 421

    def test_refusals_are_a_line_in_a_second_and_a_count(self, deeds):
        until = time.monotonic() + DEADLINE
        while not any("held back" in line for line in deeds.lines):
            assert time.monotonic() < until
            assert deeds.ask("/views/drain").status in {401, 429}
        deeds.wait_for("of 127.0.0.1: the token is wanted, behind 'Bearer' in the header Authoriz")

    def test_deeds_that_are_off_say_how_to_have_them(self, stack):
        server = serve(stack, workers=1)
        found = server.view("/deeds/drain", "POST")
        assert (found.status, found.json["error"]) == (
            403,
            "deeds are off: serve with --ops-deeds",
        )

    def test_process_without_master_has_no_reload(self, stack):
        server = serve(stack, "--ops-deeds", workers=0)
        assert "cannot be reloaded" in server.view("/deeds/reload", "POST").json["error"]
        assert server.view("/deeds/drain", "POST", b'{"worker": 1}').status == 409

    def test_a_stop_that_is_under_way_is_not_begun_again(self, stack):
        server = serve(stack, "--ops-deeds", "--lame-duck", "600", workers=1)
        assert server.view("/deeds/drain", "POST").status == 202
        found = server.view("/deeds/reload", "POST")
        assert (found.status, found.json["error"]) == (409, "the service is stopping already")
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


@pytest.fixture(scope="module")
def deeds():
    with OpsServer("--ops-deeds", app=APP, workers=2) as server:
        server.wait_for("2 workers are ready")
        yield server


class TestToken:
    @pytest.mark.parametrize(
        ("text", "mode", "words"),
        [
            ("x" * 16, 0o640, "its mode is 0640, and must be 0600"),
            ("x" * 15, 0o600, "must hold 16 or more visible ASCII characters"),
            ("white space in it, long", 0o600, "must hold 16 or more"),
            (None, 0o600, "No such file or directory"),
        ],
    )
    def test_file_that_is_not_good_is_2(self, tmp_path, text, mode, words):
        from tests.support.command import run  # noqa: PLC0415

        path = tmp_path / "token"
        if text is not None:
            path.write_text(text)
            path.chmod(mode)
        found = run(
            APP, "--workers", "1", "--bind", "127.0.0.1:0", "--ops", "127.0.0.1:0",
            "--ops-token-file", str(path),
        )  # fmt: skip
        assert found.returncode == 2
        assert words in found.stderr
        assert "x" * 15 not in found.stderr

    @pytest.mark.parametrize("word", ["serve", "check"])
    def test_deeds_without_one_are_2(self, word):
        from tests.support.command import run  # noqa: PLC0415

        environ = {name: each for name, each in os.environ.items() if name != "ROOST_OPS_TOKEN"}
        found = run(
            word, APP, "--workers", "1", "--bind", "127.0.0.1:0", "--ops", "127.0.0.1:0",
            "--ops-deeds", env=environ,
        )  # fmt: skip
        words = "--ops-deeds needs a token, in ROOST_OPS_TOKEN or in the file of --ops-token-file"
        assert (found.returncode, found.stderr) == (2, f"roost: {words}\n")

    def test_pipe_is_not_waited_for_longer_than_2_s(self, tmp_path):
        path = tmp_path / "token"
        os.mkfifo(path, 0o600)
        given = argparse.Namespace(ops_token_file=str(path))
        began = time.monotonic()
        with pytest.raises(ConfigError, match="nothing came out of it for 2 s"):
            token(given)
        assert time.monotonic() - began < DEADLINE
        writer = threading.Thread(target=path.write_text, args=["the-token-of-a-pipe\n"])
        writer.start()
        assert token(given) == "the-token-of-a-pipe"
        writer.join(DEADLINE)

    def test_file_is_read_again_at_a_reload(self, stack, tmp_path):
        path = tmp_path / "token"
        path.write_text("the-first-token-of-it\n")
        path.chmod(0o600)
        server = serve(stack, "--ops-token-file", str(path), workers=1, token=None)
        first = {"authorization": "Bearer the-first-token-of-it"}
        assert server.ask("/views/drain", **first).status == 200
        path.write_text("the-second-token-of-it\n")
        server.signal(signal.SIGHUP)
        server.ops_pid(2)
        deadline = time.monotonic() + DEADLINE
        second = {"authorization": "Bearer the-second-token-of-it"}
        while server.ask("/views/drain", **second).status != 200:
            assert time.monotonic() < deadline
        while server.ask("/views/drain", **first).status != 401:  # the one before may still answer
            assert time.monotonic() < deadline
        assert not [line for line in server.lines if "token-of-it" in line]

    def test_what_is_wrong_with_it_at_a_reload_is_in_the_log_with_its_path(self, stack, tmp_path):
        path = tmp_path / "token"
        path.write_text("the-first-token-of-it\n")
        path.chmod(0o600)
        server = serve(stack, "--ops-token-file", str(path), workers=1, token=None)
        path.chmod(0o644)
        server.signal(signal.SIGHUP)
        server.wait_for(rf"'{path}' \(--ops-token-file\): its mode is 0644, and must be 0600")


class TestTwoMasters:
    def test_the_newer_has_the_port_from_when_it_serves(self, stack):
        server = serve(stack, workers=1)
        first = server.ops_pid()
        server.signal(signal.SIGUSR2)
        newer = int(server.wait_for(r"started a new master, pid (\d+)")[1])
        deadline = time.monotonic() + DEADLINE
        while True:
            assert server.ask("/readyz").status == 200
            try:
                os.kill(first, 0)
            except ProcessLookupError:
                break
            assert time.monotonic() < deadline
        server.ops_pid(2)
        server.signal(signal.SIGTERM)  # the older one goes
        assert server.process.wait(DEADLINE) == 0
        assert server.ask("/readyz").status == 200
        os.kill(newer, signal.SIGTERM)
        server.wait_for("ended, exit status 0", 2)

    @pytest.mark.parametrize("which", ["older", "newer"])
    def test_none_is_a_lame_duck_while_the_other_serves(self, stack, which):
        server = serve(stack, "--lame-duck", "600", workers=1)
        server.signal(signal.SIGUSR2)
        newer = int(server.wait_for(r"started a new master, pid (\d+)")[1])
        server.ops_pid(2)
        server.wait_for("1 worker is ready", 2)
        older = server.process.pid
        os.kill(older if which == "older" else newer, signal.SIGTERM)
        server.wait_for("ended, exit status 0")
        assert not [line for line in server.lines if "not ready any more" in line]
        assert not [line for line in server.lines if "unknown variable" in line]
        assert server.wait_until("/readyz", 200).json["ok"]
        assert health(server).status == 200
        rest = newer if which == "older" else older
        os.kill(rest, signal.SIGTERM)
        server.wait_for("not ready any more|ended, exit status 0", 2)
        with suppress(ProcessLookupError):  # the first was enough
            os.kill(rest, signal.SIGTERM)
        server.wait_for("ended, exit status 0", 2)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_the_older_has_it_again_when_the_newer_ends(self, stack, number):
        server = serve(stack, workers=1)
        first = server.ops_pid()
        server.signal(signal.SIGUSR2)
        newer = int(server.wait_for(r"started a new master, pid (\d+)")[1])
        server.ops_pid(2)
        wait_gone(first)  # else it has not given the port away yet
        os.kill(newer, number)
        server.ops_pid(3)
        assert server.wait_until("/readyz", 200).json["ok"]
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


class TestHealthOfTheServicePort:
    @WORKERS
    def test_it_is_200_while_the_worker_serves_whatever_the_fallback(self, stack, workers):
        server = stack.enter_context(Command(APP, workers=workers))
        found = health(server)
        assert (found.status, found.body) == (200, b'{"ok":true}\n')
        assert found.headers["cache-control"] == "no-store"
        assert (health(server, "HEAD").status, health(server, "HEAD").body) == (200, b"")
        assert health(server, "POST").status == 405
        with Client(server.address) as client:
            assert client.ask("/healthz/x").status == 418

    @WORKERS
    def test_it_is_503_from_the_first_moment_of_a_stop(self, stack, workers):
        server = stack.enter_context(Command(APP, workers=workers))
        kept = stack.enter_context(Client(server.address))
        assert kept.ask("/healthz").status == 200
        client = connect(stack, server)
        server.signal(signal.SIGTERM)
        assert client.frame().opcode == CLOSE
        if workers == 0:  # else it may be of the worker that has ended
            found = kept.ask("/healthz")
            assert (found.status, found.headers["connection"]) == (503, "close")
        client.close()
        assert server.ended() == 0

    @pytest.mark.parametrize("path", ["healthz", "/", "/:id", "/a/", "", 7])
    def test_what_is_no_path_is_refused(self, path):
        with pytest.raises(ConfigError, match="health="):
            Endpoint(health=path)

    def test_a_page_or_a_socket_at_its_path_is_a_problem(self):
        endpoint = Endpoint(health="/healthz/websocket")
        endpoint.page("/healthz/websocket", lambda request, http: None)
        endpoint.socket("/healthz", Socket)
        found = problems(endpoint, ())
        path = "/healthz/websocket"
        assert (
            f"{path!r} is mounted twice, and the later counts: health, and page {path!r}" in found
        )
        assert len([each for each in found if "mounted twice" in each]) == 2
