"""Publishing to one of two machines reaches the clients of every worker of both."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.actors.endpoint.publish_app import KEY, PATH
from tests.actors.endpoint.test_publish_socket import in_each_worker, publishing, python
from tests.examples.test_publish import GUNICORN, post
from tests.support.channels import ChannelClient
from tests.support.command import Command, Program, run
from tests.support.raw import Client
from tests.support.redis_server import RedisServer
from tests.support.waiting import DEADLINE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class Stage:
    """Two machines of two workers, a client in each, and where one of the machines is told."""

    def __init__(self, stack: ExitStack, application: str, topic: str) -> None:
        redis = stack.enter_context(RedisServer())
        self.path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "publish.sock")
        options = [["--publish", str(self.path)], []]
        self.machines = [
            stack.enter_context(Command(application, "--redis", redis.url, *each, workers=2))
            for each in options
        ]
        self.clients: list[ChannelClient] = []
        for each in self.machines:
            each.wait_for("linked", 2)
            if topic == "room:1":
                self.clients += stack.enter_context(in_each_worker(each, topic))
            else:
                for number in range(4):
                    client = ChannelClient(each.address, f"/socket/websocket?user={number}")
                    self.clients.append(stack.enter_context(client))
                    client.join(topic)

    def heard(self, event: str) -> list[object]:
        return [client.event(event) for client in self.clients]


def a_process(stage: Stage) -> None:
    done = python(publishing(stage.path))
    assert done.returncode == 0, done.stderr


def curl(stage: Stage) -> None:
    message = json.dumps({"topic": "room:1", "event": "said", "payload": {"by": "curl"}})
    command = ["curl", "--silent", "--fail", "--unix-socket", str(stage.path), "-d", message,
               "http://localhost/"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE)


def a_command(stage: Stage) -> None:
    to = ["broadcast", "--to", f"unix:{stage.path}"]
    assert run(*to, "room:1", "said", '{"by": "the command"}').returncode == 0


def a_key(stage: Stage) -> None:
    message = json.dumps({"topic": "room:1", "event": "said", "payload": {"by": "a key"}}).encode()
    with Client(stage.machines[1].address) as client:
        answer = client.ask(PATH, f"Authorization: Bearer {KEY}", method="POST", body=message)
        assert answer.status == 200


def a_view(stage: Stage) -> None:
    with Client(stage.machines[1].address) as client:
        assert client.ask("/thread").status == 200


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def test_each_way_reaches_every_worker_of_both_machines(stack):
    stage = Stage(stack, "tests.actors.endpoint.publish_app:endpoint", "room:1")
    ways: list[Callable[[Stage], None]] = [a_process, curl, a_command, a_key, a_view]
    for way in ways:
        way(stage)
        told = stage.heard("said")
        assert len(told) == 4
        assert all(each == told[0] for each in told), way.__name__


def test_a_page_of_django_reaches_both_machines(stack):
    stage = Stage(stack, "examples.chat:endpoint", "room:lobby")
    environ = {**os.environ, "PUBLISH_TO": f"unix:{stage.path}"}
    command = [*GUNICORN, "-w", "2", "-k", "sync", "examples.publish_from_django"]
    django = stack.enter_context(Program(*command, env=environ))
    address = "127.0.0.1", int(django.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])
    for number in range(5):
        assert post(address, f"hello {number}") == "done, and told to 2 workers"
    for client in stage.clients:
        told = [client.event("new_msg")["body"] for _ in range(5)]
        assert told == [f"hello {number}" for number in range(5)]
