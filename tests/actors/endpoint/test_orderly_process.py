"""The tree in a process of its own: refused at start, given up, and stopped in order."""

from __future__ import annotations

import signal
import time

import pytest

from tests.support import raw
from tests.support.command import Command, run

HEAD = "from actors import Actor, Endpoint, Reply, Socket\nfrom supervision import ChildSpec\n"

TRACED = f"""{HEAD}
def part(name):
    class Part(Actor):
        def on_start(self):
            print("start", name, flush=True)
        def on_stop(self):
            print("stop", name, flush=True)
    return ChildSpec(id=name, start=Part.start)

class Traced(Socket):
    @classmethod
    def child_spec(cls, options):
        return part("pool")
    @classmethod
    def drainer_spec(cls, options):
        return part("drainer")
    def terminate(self, reason):
        print("terminate", reason, flush=True)

endpoint = Endpoint(children=[part("child")], watchers=[part("watcher")])
endpoint.socket("/a", Traced)
"""

DOOMED = f"""{HEAD}
class Doomed(Actor):
    def on_receive(self, message):
        raise RuntimeError("boom")
    def on_start(self):
        if doomed:
            self.actor_ref.tell("again")
        known.append(self.actor_ref)
known, doomed = [], []

class Trigger(Socket):
    def handle_in(self, payload, opcode):
        doomed.append(True)
        known[-1].tell("crash")
        return Reply("done")

%s
endpoint.socket("/a", Trigger)
"""
BELOW = 'endpoint = Endpoint(children=[ChildSpec(id="doomed", start=Doomed.start)])'
ABOVE = 'endpoint = Endpoint(watchers=[ChildSpec(id="doomed", start=Doomed.start)])'


@pytest.fixture
def app(tmp_path):
    """Write the module ``app``; return its directory."""

    def written(source):
        (tmp_path / "app.py").write_text(source)
        return tmp_path

    return written


def test_tree_starts_in_order_and_stops_in_reverse(app):
    with Command("app:endpoint", cwd=app(TRACED)) as command:
        with raw.Client(command.address) as client:
            assert client.upgrade("/a/websocket").status == 101
            command.signal(signal.SIGTERM)
            assert client.frame().code == 1001
            client.send(raw.close_frame(1001))
            assert client.read_to_end() == b""
        assert command.ended() == 0
        told = [line for line in command.lines if line[:5] in ("start", "stop ", "termi")]
    parts = ["child", "pool", "drainer", "watcher"]
    assert told[:4] == [f"start {part}" for part in parts]
    assert told[4:] == [
        "stop watcher",
        "stop drainer",
        "terminate Shutdown(detail=None)",
        "stop pool",
        "stop child",
    ]


def test_tree_that_gives_up_drains_and_ends_the_process_with_status_1(app):
    with Command("app:endpoint", cwd=app(DOOMED % ABOVE)) as command:
        with raw.Client(command.address) as client:
            assert client.upgrade("/a/websocket").status == 101
            began = time.monotonic()
            client.send(raw.frame(raw.TEXT, "go"))
            assert client.frame().payload == b"done"
            assert client.frame().code == 1012
            client.send(raw.close_frame(1012))
            client.read_to_end()
        assert command.ended() == 1
        assert time.monotonic() - began < 20
        command.wait_for(r"the endpoint gave up: 'doomed' ended \(RuntimeError: boom\)$")


def test_children_that_give_up_cost_no_client_its_connection(app):
    with Command("app:endpoint", cwd=app(DOOMED % BELOW)) as command:
        with raw.Client(command.address) as client:
            assert client.upgrade("/a/websocket").status == 101
            client.send(raw.frame(raw.TEXT, "go"))
            assert client.frame().payload == b"done"
            command.wait_for(r"children gave up \('doomed' ended .*boom.*started anew in 1 s")
            command.wait_for(r"children gave up .*started anew in 2 s")
            client.send(raw.frame(raw.PING, b"x"))
            assert client.frame().payload == b"x"
            command.signal(signal.SIGTERM)
            assert client.frame().code == 1012
            client.send(raw.close_frame(1012))
        assert command.ended() == 0


def refusal(cwd, *arguments):
    done = run("app:endpoint", *arguments, cwd=cwd)
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("roost: ")]
    return line.removeprefix("roost: ")


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_function_for_the_drainer_that_raises_is_named(app, arguments):
    cwd = app(
        f"{HEAD}def no_drainer_today():\n    raise OSError('no')\n"
        "endpoint = Endpoint()\nendpoint.socket('/a', Socket, drainer=no_drainer_today)\n"
    )
    assert refusal(cwd, *arguments, "--bind", "127.0.0.1:0") == (
        "socket '/a', drainer=no_drainer_today failed: OSError: no at app.py:4 in no_drainer_today"
    )


def test_shutdown_that_does_not_fit_is_refused_with_the_sum(app):
    cwd = app(
        f"{HEAD}endpoint = Endpoint()\n"
        "endpoint.socket('/a', Socket, drainer={'shutdown': 20.0})\n"
    )
    assert refusal(cwd, "--bind", "127.0.0.1:0") == (
        "the shutdown does not fit: drain 20 s + connections 7.5 s + last words 1 s = 28.5 s, more"
        " than grace=25 (shorten drainer={'shutdown': ...} or server_shutdown, or raise grace)"
    )
    fitting = ("--check", "--grace", "40", "--bind", "127.0.0.1:0")
    assert run("app:endpoint", *fitting, cwd=cwd).returncode == 0


def test_child_that_does_not_start_is_refused_by_name(app):
    cwd = app(
        f"{HEAD}class Broken(Actor):\n    def on_start(self):\n        raise OSError('no')\n"
        "endpoint = Endpoint(children=[Broken])\n"
    )
    assert refusal(cwd, "--bind", "127.0.0.1:0") == (
        "the endpoint did not start: child Broken failed to start: OSError: no"
    )


def test_sum_is_logged_at_the_start(app):
    with Command("app:endpoint", cwd=app(f"{HEAD}endpoint = Endpoint(grace=10)\n")) as command:
        command.wait_for(
            r"shutdown: drain 0 s \+ connections 3 s \+ last words 1 s = 4 s, leaving 6 of grace=10"
        )
        command.signal(signal.SIGTERM)
        assert command.ended() == 0
