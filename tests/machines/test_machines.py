"""Several machines, each a command of its own, and one Redis: what clients notice of that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.phoenixjs.server import PACKAGES
from tests.support.channels import ChannelClient
from tests.support.command import Command, run
from tests.support.longpoll import Poller
from tests.support.netns import Host
from tests.support.nginx import nginx
from tests.support.ports import unused_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import DEADLINE, eventually
from transports.longpoll.relay import PATIENCE

HERE = Path(__file__).parent
APPLICATION = "tests.machines.app:endpoint"
V2 = "/socket/websocket"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Start = Callable[..., Command]


@pytest.fixture
def machine(redis: RedisServer) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(*options: str, workers: int = 2, linked: bool = True) -> Command:
            command = Command(APPLICATION, "--redis", redis.url, *options, workers=workers)
            stack.enter_context(command)
            if workers:
                command.wait_for("workers are ready")
            if linked:
                command.wait_for("linked", max(workers, 1))
            return command

        yield start


@pytest.fixture
def client() -> Iterator[Callable[[Command], ChannelClient]]:
    made: list[ChannelClient] = []

    def connect(command: Command, target: str = V2) -> ChannelClient:
        made.append(ChannelClient(command.address, target))
        assert made[-1].join("room:1")[0] == "ok"
        return made[-1]

    yield connect
    for each in made:
        each.client.close()


@pytest.fixture
def polling() -> Iterator[Callable[[Command], Poll]]:
    made: list[Poll] = []

    def start(at: Command) -> Poll:
        made.append(Poll(at))
        return made[-1]

    yield start
    for each in made:
        each.poller.close()


class Poll:
    """A long-poll client whose requests go to the machine that a test says."""

    def __init__(self, at: Command) -> None:
        self.poller = Poller(at, "/socket/longpoll?vsn=2.0.0")
        self.poller.open()
        self.got: list[Any] = []

    def move(self, to: Command) -> None:
        self.poller.close()
        self.poller.served = to
        self.poller._clients.clear()

    def send(self, *message: Any) -> None:
        assert self.poller.post(json.dumps(message))["status"] == 200

    def next(self) -> Any:
        while not self.got:
            body = self.poller.poll()
            assert body["status"] in (200, 204), body
            self.got = [json.loads(each) for each in body.get("messages", [])]
        return self.got.pop(0)


@pytest.mark.parametrize("workers", [0, 2])
def test_broadcasts_and_disconnects_reach_every_worker_of_every_machine(machine, client, workers):
    one, two = machine(workers=workers), machine(workers=workers)
    peers = [client(each) for each in (one, two) for _ in range(4)]
    for number, peer in enumerate(peers):
        assert peer.ask("room:1", "say", {"number": number})[0] == "ok"
    for peer in peers:
        said = sorted(peer.event("said")["number"] for _ in peers)
        assert said == list(range(len(peers)))
    named = client(two, f"{V2}?name=x")
    peers[0].send("room:1", "disconnect", {"id": "user:x"})
    with pytest.raises(EOFError, match="1001"):
        named.event("nothing")


def test_a_poll_that_lands_on_another_machine_loses_nothing(machine, client, polling):
    one, two = machine(), machine()
    poll = polling(one)
    poll.send("1", "1", "room:1", "phx_join", {})
    assert poll.next()[3] == "phx_reply"
    there = client(two)
    for number in range(6):
        poll.move((two, one)[number % 2])
        poll.send("1", str(number), "room:1", "say", {"number": number})
        got = {poll.next()[3], poll.next()[3]}
        assert got == {"phx_reply", "said"}
        assert there.event("said") == {"number": number}
        poll.poller.begin_poll()  # held when the message comes
        there.send("room:1", "say", {"number": -1})
        assert [json.loads(each)[3] for each in poll.poller.polled()["messages"]] == ["said"]
        assert there.event("said") == {"number": -1}


@pytest.mark.parametrize("which", ["pubsub", "normal"])
def test_a_link_that_breaks_for_a_moment_costs_no_session(machine, client, redis, polling, which):
    one, two = machine(workers=0), machine(workers=0)
    poll = polling(one)
    poll.send("1", "1", "room:1", "phx_join", {})
    assert poll.next()[3] == "phx_reply"
    poll.move(two)
    for _ in range(4):
        poll.poller.begin_poll()
        eventually(lambda: len(redis.clients()) == 2 * 2)
        redis.ask("CLIENT", "KILL", "TYPE", which)
        body = poll.poller.polled()
        assert (body["status"], body["messages"]) == (204, [])
    poll.send("1", "2", "room:1", "say", {"number": 2})
    assert {poll.next()[3], poll.next()[3]} == {"said", "phx_reply"}


def test_a_session_of_a_machine_that_has_gone_is_lost_soon(machine, redis, polling):
    one, two = machine(), machine()
    poll = polling(one)
    one.signal(signal.SIGKILL)
    assert one.ended() == -signal.SIGKILL
    eventually(lambda: len(redis.clients()) == 2 * 2, pause=0.01)  # workers outlive their master
    poll.move(two)
    began = time.monotonic()
    assert poll.poller.poll()["status"] == 500  # the session is lost
    assert time.monotonic() - began < PATIENCE + 1.0


def test_stock_phoenix_js_behind_nginx_over_two_machines(machine, tmp_path):
    one, two = machine(), machine()
    with nginx(tmp_path, one.address, two.address) as (host, port):
        done = subprocess.run(
            ["node", "machines.js", f"http://{host}:{port}"],
            cwd=HERE,
            env={**os.environ, "NODE_PATH": str(PACKAGES)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=4 * DEADLINE,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    pids = json.loads(done.stdout.splitlines()[-1])
    served = {*pids["websocket"], *pids["longpoll"]}
    assert served & set(one.children())
    assert served & set(two.children())


def test_redis_that_flaps_costs_local_clients_nothing(machine, client, redis):
    one, two = machine(), machine()
    here, near, far = client(one), client(one), client(two)
    waits = []
    for number in range(20):
        redis.kill()
        began = time.monotonic()
        here.ask("room:1", "say", {"number": number})
        assert near.event("said") == {"number": number}
        waits.append(time.monotonic() - began)
        redis.start()
    assert sorted(waits)[10] < 1.0
    one.wait_for("linked again", 1)
    eventually(lambda: heard_by(here, far, 100), pause=0.05)
    lines = [each for each in one.lines if "unix://" in each]
    seconds = {each[:19] for each in lines}
    for pid in {each.split("[")[1].split("]")[0] for each in lines}:
        mine = [each[:19] for each in lines if f"[{pid}]" in each]
        assert len(mine) <= 2 * len(seconds)


def test_a_machine_that_is_cut_off_serves_its_own_and_comes_back(client):
    with ExitStack() as stack:
        hosts = [stack.enter_context(Host()) for _ in range(2)]
        port = unused_port(hosts[0].ours)
        options = ["--port", str(port), "--bind", *(each.ours for each in hosts)]
        stack.enter_context(RedisServer(*options, "--protected-mode", "no"))
        one, two = (
            stack.enter_context(
                Command(
                    APPLICATION, "--redis", f"redis://{host.ours}:{port}", workers=1,
                    bind=f"{host.theirs}:0", prefix=host.prefix,
                )
            )
            for host in hosts
        )  # fmt: skip
        for each in (one, two):
            each.wait_for("linked")
        here, far = client(one), client(two)
        assert heard_by(here, far, 1)
        hosts[0].cut()
        one.wait_for(r"lost \(no answer within")
        assert two.lines[-1].count("lost") == 0
        hosts[0].mend()
        one.wait_for("linked again")
        again = client(one)
        assert heard_by(again, far, 2)
        assert heard_by(far, again, 3)
        assert here.ask("room:1", "say", {})[0] == "ok"  # TCP has sent it again


def heard_by(here: ChannelClient, far: ChannelClient, number: int) -> bool:
    """Say something; return whether another machine hears it."""
    here.send("room:1", "say", {"number": number})
    while far.event("said") != {"number": number}:
        pass
    return True


def test_a_machine_starts_without_redis_and_is_linked_when_that_comes(machine, client, redis):
    redis.kill()
    began = time.monotonic()
    one = machine(workers=0, linked=False)
    assert time.monotonic() - began > 4.0
    one.wait_for("ERROR .* cannot be reached: .*; serving without other machines")
    here = client(one)
    assert here.ask("room:1", "say", {})[0] == "ok"
    redis.start()
    one.wait_for("unix://.*: linked")
    far = client(machine(workers=0))
    assert heard_by(here, far, 1)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_machine_does_not_start_without_a_redis_that_is_required(redis, workers):
    redis.kill()
    done = run("tests.machines.required:endpoint", "--redis", redis.url, "--workers", workers,
               "--bind", "127.0.0.1:0")  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "cannot be reached" in done.stderr


@pytest.mark.parametrize(("options", "words"), [
    (["--redis", "http://x:s3cret@y"], "must be redis://"),
    (["--redis", "rediss://x:s3cret@y?ssl_ca_certs=/nowhere", "--workers", "0"], "/nowhere"),
    (["--redis", "rediss://x:s3cret@y?ssl_ca_certs=/nowhere", "--workers", "1"], "/nowhere"),
])  # fmt: skip
def test_a_url_that_is_none_is_told_in_one_line_without_its_password(options, words):
    done = run(APPLICATION, *options, "--bind", "127.0.0.1:0")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert words in line
    assert "s3cret" not in done.stderr + done.stdout


def test_long_polls_without_a_common_secret_are_warned_of(redis, monkeypatch):
    monkeypatch.delenv("SECRET_KEY_BASE", raising=False)
    done = run("tests.machines.required:endpoint", "--check", "--redis", redis.url)
    assert done.returncode == 0, done.stderr
    assert "a long poll that lands on another machine loses its session" in done.stderr
    done = run(APPLICATION, "--check", "--redis", redis.url)
    assert (done.returncode, done.stderr) == (0, "")
