"""The examples that publish, as a person runs them: beside the server of examples/chat.py."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from tests.support.channels import ChannelClient
from tests.support.command import DEADLINE, ROOT, Command, Program

GUNICORN = ["-m", "gunicorn", "-b", "127.0.0.1:0", "--no-control-socket"]


class Chat(Command):
    """The server of the chat, on two workers; ``environ`` says where it takes what is published."""

    environ: dict[str, str]


@pytest.fixture
def chat() -> Iterator[Chat]:
    with (
        tempfile.TemporaryDirectory() as place,
        Chat("examples.chat:endpoint", "--publish", f"{place}/publish.sock", workers=2) as command,
    ):
        command.wait_for("2 workers are ready")
        command.environ = {**os.environ, "PUBLISH_TO": f"unix:{place}/publish.sock"}
        yield command


@pytest.fixture
def clients(chat: Chat) -> Iterator[list[ChannelClient]]:
    """So many that both workers have some."""
    with ExitStack() as stack:
        made = [
            stack.enter_context(ChannelClient(chat.address, f"/socket/websocket?user={number}"))
            for number in range(4)
        ]
        for client in made:
            client.join("room:lobby")
        yield made


def post(address: tuple[str, int], body: str) -> str:
    connection = HTTPConnection(*address, timeout=DEADLINE)
    form = urllib.parse.urlencode({"body": body})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/announce", form, kind)
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    assert answer.status == 200, said
    return said


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_a_page_of_django_tells_the_clients_of_every_worker(chat, clients, worker):
    threads = ["--threads", "4"] if worker == "gthread" else []
    command = [*GUNICORN, "-w", "2", "-k", worker, *threads, "examples.publish_from_django"]
    with Program(*command, env=chat.environ) as django:
        address = "127.0.0.1", int(django.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])
        for number in range(10):
            assert post(address, f"hello {number}") == "done, and told to 2 workers"
        for client in clients:
            # Whichever worker of the chat took a message has an order of its own.
            told = sorted(client.event("new_msg")["body"] for _ in range(10))
            assert told == [f"hello {n}" for n in range(10)]
        chat.signal(signal.SIGTERM)
        chat.process.wait(DEADLINE)
        assert post(address, "hello") == "done, and nobody was told"
        django.wait_for("nobody was told: unix:.* nobody serves there")
        django.signal(signal.SIGTERM)
        django.ended()


def test_a_page_is_not_held_up_by_a_server_that_is_stopped(chat):
    """A server that hangs costs the page its timeout, and no more."""
    with Program(*GUNICORN, "examples.publish_from_django", env=chat.environ) as django:
        address = "127.0.0.1", int(django.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])
        assert post(address, "hello") == "done, and told to 2 workers"
        pids = chat.children()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert post(address, "hello") == "done, and nobody was told"
            assert time.monotonic() - began < DEADLINE / 2
            django.wait_for("no answer in 1 s: it may have been published or not")
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert post(address, "hello") == "done, and told to 2 workers"
        django.signal(signal.SIGTERM)
        django.ended()


def test_a_job_tells_the_clients_of_every_worker(chat, clients):
    command = [sys.executable, "examples/publish_from_job.py", "lobby", "We are closing"]
    run = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": DEADLINE}
    environ = {**chat.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environ, check=False, **run)
    assert (done.returncode, done.stdout) == (0, "told to 2 workers\n"), done.stderr
    for client in clients:
        assert client.event("new_msg") == {"from": "the shop", "body": "We are closing"}
    environ["PUBLISH_TO"] += ".gone"
    done = subprocess.run(command, env=environ, check=False, **run)
    assert done.returncode == 1
    assert re.fullmatch(r"nobody was told: unix:\S+: nobody serves there .*\n", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [([], {"PUBLISH_TO": "unix:/x"}), (["lobby"], {"PUBLISH_TO": "unix:/x"}), (["lobby", "x"], {})],
)
def test_a_job_that_lacks_something_says_how_it_is_called(arguments, environ):
    inherited = {name: value for name, value in os.environ.items() if name != "PUBLISH_TO"}
    done = subprocess.run(
        [sys.executable, "examples/publish_from_job.py", *arguments],
        cwd=ROOT, env=inherited | environ, capture_output=True, text=True, timeout=DEADLINE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "usage: PUBLISH_TO=unix:PATH python publish_from_job.py ROOM TEXT\n"
