"""The ops process: what it answers, and that nothing which becomes of it reaches a client."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from tests.support.command import Program, run, unmeasured
from tests.support.ops import APP, OpsServer, wait_gone
from tests.support.raw import TEXT, Client, frame
from tests.support.waiting import DEADLINE

ROOM = "/room/websocket"


def said(client):
    """Have a client ask its worker for its pid; return it."""
    client.send(frame(TEXT, "pid"))
    return int(client.frame().payload)


@pytest.fixture(scope="module")
def steady():
    with OpsServer(workers=2) as server:
        server.wait_for("2 workers are ready")
        server.ops_pid()
        yield server


class TestAnswers:
    @pytest.fixture
    def server(self, steady):
        return steady

    @pytest.mark.parametrize("path", ["/livez", "/live", "/readyz", "/ready", "/startupz"])
    def test_probes_are_200_with_reasons(self, server, path):
        found = server.ask(path)
        assert (found.status, found.json["ok"]) == (200, True)
        assert found.headers["content-type"] == "application/json; charset=utf-8"
        assert found.headers["cache-control"] == "no-store"
        assert len(found.json["reasons"]) == 1

    def test_each_reason_has_a_line_of_its_own(self, server):
        assert b'\n  "2 of 2 workers are ready"\n' in server.ask("/readyz").body

    @pytest.mark.parametrize("path", ["/livez", "/metrics"])
    def test_head_is_answered_without_a_body(self, server, path):
        found = server.ask(path, "HEAD")
        assert (found.status, found.body) == (200, b"")
        assert int(found.headers["content-length"]) > 20

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
    def test_other_methods_are_405(self, server, method):
        found = server.ask("/readyz", method)
        assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")

    @pytest.mark.parametrize("path", ["/", "/readyz/x", "/nope", "/views", "/deeds/kill"])
    def test_unknown_paths_are_404(self, server, path):
        assert server.ask(path).status == 404

    def test_any_host_may_ask_for_health_and_metrics(self, server):
        for path in ("/livez", "/readyz", "/metrics"):
            assert server.ask(path, host="pod.example").status == 200

    def test_metrics_are_prometheus_text(self, server):
        found = server.ask("/metrics", accept="text/plain;version=0.0.4")
        assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        known = server.samples()
        assert known["roost_workers", frozenset({("state", "ready")})] == 2
        assert known["roost_workers_wanted", frozenset()] == 2
        assert known["roost_worker_restarts_total", frozenset()] == 0
        assert known["roost_snapshot_age_seconds", frozenset()] < 1
        builds = [labels for name, labels in known if name == "roost_build_info"]
        assert {name for name, _ in builds[0]} == {"version", "python", "build"}

    def test_metrics_are_openmetrics_where_that_is_preferred(self, server):
        found = server.ask(
            "/metrics",
            accept="application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2",
        )
        assert found.headers["content-type"].startswith("application/openmetrics-text;")
        families = {family.name: family for family in openmetrics(found.body.decode())}
        assert families["roost_worker_restarts"].type == "counter"
        assert families["roost_workers"].type == "gauge"

    def test_views_are_403_without_a_token_of_the_server(self):
        with OpsServer(token=None) as server:
            found = server.ask("/views/drain", authorization="Bearer x")
            assert found.status == 403
            assert "ROOST_OPS_TOKEN" in found.json["error"]


class TestTrouble:
    @pytest.fixture
    def stack(self):
        with ExitStack() as stack:
            yield stack

    @pytest.fixture
    def server(self, stack):
        return stack.enter_context(OpsServer())

    @pytest.fixture
    def client(self, stack, server):
        client = stack.enter_context(Client(server.address))
        assert client.upgrade(ROOM).status == 101
        return client

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
    def test_one_that_ends_is_back_and_no_client_notices(self, server, client, number):
        worker, first = said(client), server.ops_pid()
        os.kill(first, number)
        server.wait_for(rf"the ops process \(pid {first}\) ended")
        found = server.ask("/readyz")  # it waits in the master's socket meanwhile
        assert found.status == 200
        assert server.ops_pid(2) != first
        assert said(client) == worker
        assert server.samples()["roost_worker_restarts_total", frozenset()] == 0

    def test_how_often_it_ends_never_ends_the_service(self, server, client):
        worker = said(client)
        for count in range(1, 8):  # more than the restarts that workers would have
            os.kill(server.ops_pid(count), signal.SIGKILL)
        assert server.ask("/livez").status == 200
        assert said(client) == worker

    def test_one_that_hangs_is_killed_and_replaced(self, server, client):
        worker, first = said(client), server.ops_pid()
        os.kill(first, signal.SIGSTOP)
        assert said(client) == worker
        server.wait_for("gives no sign of life: SIGKILL")
        assert server.ops_pid(2) != first
        assert server.ask("/readyz").status == 200
        assert said(client) == worker

    def test_sigterm_alone_does_not_end_it(self, server):
        first = server.ops_pid()
        os.kill(first, signal.SIGTERM)
        assert server.ask("/livez").status == 200
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
        assert not [line for line in server.lines if "ops process" in line and "ended" in line]

    def test_it_ends_with_a_master_that_is_killed(self, server):
        first = server.ops_pid()
        os.kill(server.process.pid, signal.SIGKILL)
        wait_gone(first)

    def test_a_hung_one_does_not_keep_the_master_from_ending(self, server):
        os.kill(server.ops_pid(), signal.SIGSTOP)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0

    def test_reload_replaces_it_and_every_question_is_answered(self, server, client):
        first = server.ops_pid()
        server.signal(signal.SIGHUP)
        until = time.monotonic() + DEADLINE
        while True:
            assert server.ask("/readyz").status == 200
            try:
                os.kill(first, 0)
            except ProcessLookupError:
                break
            assert time.monotonic() < until
        assert server.ops_pid(2) != first
        assert server.ask("/readyz").status == 200

    def test_a_burst_of_reloads_ends_with_one_process_of_the_last(self, server):
        server.ops_pid()
        for count in range(1, 6):
            server.signal(signal.SIGHUP)
            server.wait_for("SIGHUP", count)
        server.ops_pid(3)
        server.signal(signal.SIGHUP)
        server.ops_pid(4)
        assert server.ask("/readyz").status == 200

    def test_slow_and_hostile_scrapers_cost_the_service_nothing(self, stack, server, client):
        worker, ops = said(client), ("127.0.0.1", server.port)
        for _ in range(100):
            stack.enter_context(Client(ops))
        half = stack.enter_context(Client(ops))
        half.send(b"GET /metrics HTTP/1.1\r\nhost: a\r\nx: ")
        huge = stack.enter_context(Client(ops))
        huge.send(b"GET /metrics HTTP/1.1\r\n" + b"x: " + b"y" * 100_000)
        assert huge.answer().status == 431
        deaf = stack.enter_context(Client(ops))
        deaf.send(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n" * 500)
        odd = "application/openmetrics-text;version=\xe9;q=nan, ;;;, text/plain;q=7"
        assert server.ask("/metrics", accept=odd).status == 200
        assert server.ask("/readyz").status == 200
        assert said(client) == worker


@pytest.mark.parametrize("workers", [0, 1])
def test_without_the_package_health_is_answered_and_metrics_say_what_is_missing(tmp_path, workers):
    # As if it was not installed: None is what the import system keeps for what must not be found.
    hides = "import sys; sys.modules['prometheus_client'] = None"
    (tmp_path / "sitecustomize.py").write_text(hides, encoding="utf-8")
    with OpsServer(workers=workers, path=tmp_path) as server:
        server.wait_for("metrics need the package prometheus-client: pip install 'roost")
        found = server.ask("/metrics")
        assert found.status == 501
        assert "pip install" in found.json["error"]
        assert server.wait_until("/readyz", 200).json["ok"]


class TestStart:
    def test_port_in_use_is_2_before_any_worker_starts(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            found = run(
                APP, "--workers", "2", "--bind", "127.0.0.1:0", "--ops", f"127.0.0.1:{port}"
            )
        assert found.returncode == 2
        assert found.stderr == f"roost: --ops 127.0.0.1:{port}: Address already in use\n"

    @pytest.mark.parametrize("workers", ["0", "2"])
    @pytest.mark.parametrize("more", [[], ["--check"]])
    def test_an_address_that_is_not_loopback_needs_leave(self, workers, more):
        found = run(APP, "--workers", workers, "--bind", "127.0.0.1:0", "--ops", "0.0.0.0:0", *more)
        assert found.returncode == 2
        assert found.stderr == (
            "roost: --ops 0.0.0.0:0: is not loopback; --ops-allow-remote allows that\n"
        )

    def test_with_leave_it_is_served(self):
        with OpsServer("--ops", "0.0.0.0:0", "--ops-allow-remote") as server:
            assert server.ask("/livez").status == 200

    @pytest.mark.parametrize(("workers", "least"), [("0", "2"), ("1", "2"), ("2", "3")])
    @pytest.mark.parametrize("more", [[], ["--check"]])
    def test_more_ready_workers_than_there_are_can_never_be(self, workers, least, more):
        given = ["--ops", "127.0.0.1:0", "--min-ready", least, "--workers", workers, *more]
        found = run(APP, "--bind", "127.0.0.1:0", *given)
        most = max(1, int(workers))
        assert (found.returncode, found.stderr) == (
            2,
            f"roost: --min-ready {least}: is more than there are workers, {most}\n",
        )

    def test_its_options_alone_are_refused(self):
        found = run(APP, "--workers", "2", "--bind", "127.0.0.1:0", "--ops-deeds")
        assert (found.returncode, found.stderr) == (
            2,
            "roost: --ops-deeds is for --ops HOST:PORT\n",
        )

    def test_first_worker_that_cannot_serve_ends_the_master_with_2_all_the_same(self):
        found = run("nothing_there:endpoint", "--workers", "1", "--ops", "127.0.0.1:0")
        assert found.returncode == 2

    def test_the_master_imports_neither_gevent_nor_what_ops_needs(self):
        heavy = ("gevent", "greenlet", "orjson", "prometheus_client", "workers_app", "definition")
        command = ["-X", "importtime", "-m", "actors.endpoint", APP, "--workers", "1"]
        command += ["--bind", "127.0.0.1:0", "--ops", "127.0.0.1:0"]
        with Program(*command, env=unmeasured()) as master:
            master.wait_for("health and metrics at")
            imported = []
            for line in list(master.lines):  # what comes then is its children's, too
                if "health and metrics at" in line:
                    break
                imported.append(line.rpartition("|")[2].strip())
            assert "actors.endpoint.command.master" in imported
            assert [name for name in imported if any(each in name for each in heavy)] == []
            master.wait_for("the ops process .* answers")
            master.wait_for("1 worker is ready")
            mapped = Path(f"/proc/{master.process.pid}/maps").read_text(encoding="utf-8")
            assert "/site-packages/" in mapped  # msgpack
            assert [each for each in ("gevent", "greenlet", "orjson") if each in mapped] == []


@pytest.fixture(scope="module")
def alone():
    with OpsServer(workers=0) as server:
        yield server


class TestWithoutMaster:
    @pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
    def test_probes_are_200(self, alone, path):
        assert alone.wait_until(path, 200).json["ok"]

    def test_metrics_are_those_of_the_process(self, alone):
        known = alone.samples()
        assert known["roost_workers", frozenset({("state", "ready")})] == 1
        assert known["roost_master_resident_memory_bytes", frozenset()] > 2**20

    def test_other_paths_are_404_and_the_service_has_none_of_these(self, alone):
        assert alone.ask("/room/websocket").status == 404
        with Client(alone.address) as client:
            assert client.ask("/readyz").body == str(alone.process.pid).encode()  # the fallback's

    def test_port_in_use_is_2(self, alone):
        found = run(
            APP, "--workers", "0", "--bind", "127.0.0.1:0", "--ops", f"127.0.0.1:{alone.port}"
        )
        assert (found.returncode, found.stderr.count("\n")) == (2, 1)

    def test_it_answers_until_the_drain_is_over(self):
        with OpsServer(workers=0) as server, Client(server.address) as client:
            assert client.upgrade(ROOM).status == 101
            server.signal(signal.SIGTERM)
            assert client.frame().opcode == 8
            assert server.ask("/readyz").json["reasons"][0] == "the service is stopping"
            view = server.view("/views/drain").json
            assert view["state"] == "stopping"
            assert 0 < view["seconds"] <= 25
            client.close()
            assert server.ended() == 0
