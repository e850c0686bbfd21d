"""SIGHUP is the way to new code: a master of earlier code starts workers of later code, and back.

The master in memory, the arguments that it starts workers with, what it tells them over the channel
and the frames of the bus must be understood for one release. The earlier code is that of
``ROOST_PREVIOUS`` (a revision for git), else of the last tag, else of the last commit. Nothing here
knows a module but the command: the two trees are exchanged under the running server by a link.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
import time
from contextlib import ExitStack

import pytest

from tests.support.command import DEADLINE, ROOT, Command
from tests.support.longpoll import Poller
from tests.support.raw import TEXT, Client, close_frame, frame

RESTART = 1012

APP = """
import os
import actors
from actors import Endpoint, Ok, Push, Reply, Socket, pubsub

CODE = os.path.basename(os.path.dirname(os.path.dirname(os.path.realpath(actors.__file__))))
CODE = "old" if CODE == "old" else "new"

class Room(Socket):
    def init(self, state):
        pubsub.subscribe(self, "room")
        return Ok(state)
    def handle_in(self, payload, opcode):
        if payload == "code":
            return Reply(CODE)
        if len(payload) > 1000:
            return Reply(str(len(payload)))
        pubsub.broadcast("room", payload)
    def handle_info(self, message):
        return Push(message)

class Child(actors.Actor):
    def on_receive(self, message):
        return message

try:
    from actors import once, whereis
    children = [once(Child)]
except ImportError:  # before that existed
    children = []

def asked():
    try:
        return whereis("Child").ask("runs")
    except Exception as error:
        return type(error).__name__

def code(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(asked() if environ["PATH_INFO"] == "/once" else CODE).encode()]

endpoint = Endpoint(fallback=code, children=children)
endpoint.socket("/room", Room, longpoll={
    "window": 2.0, "pubsub_timeout": 15.0, "max_body": 8_000_000})
"""


def git(*arguments):
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    return done.stdout


def revision():
    """Return the earlier revision; where git knows none, the drill is skipped."""
    named = os.environ.get("ROOST_PREVIOUS")
    if named:
        return named
    for command in (("describe", "--tags", "--abbrev=0", "HEAD~1"), ("rev-parse", "HEAD~1")):
        try:
            return git(*command).decode().strip()
        except subprocess.CalledProcessError as error:
            why = error.stderr.decode().strip()
    pytest.skip(f"there is no earlier revision: {why}")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Return a directory with the earlier code."""
    path = tmp_path_factory.mktemp("previous") / "old"
    wanted = revision()
    with tarfile.open(fileobj=io.BytesIO(git("archive", wanted))) as archive:
        archive.extractall(path, filter="data")
    return path


class Served:
    """A server whose code is under a link, which can be exchanged."""

    def __init__(self, stack, old, place, first):
        self.trees = {"old": old, "new": ROOT}
        self.link = place / "code"
        self.stack = stack
        (place / "app.py").write_text(APP)
        self.exchange(first)
        environ = {**os.environ, "PYTHONPATH": str(self.link)}
        command = Command("app:endpoint", workers=1, cwd=place, env=environ)
        self.command = stack.enter_context(command)

    def exchange(self, code):
        new = self.link.with_name("next")
        new.symlink_to(self.trees[code], target_is_directory=True)
        new.replace(self.link)

    def client(self, code):
        """Return a kept connection to a worker of this code, as soon as there is one."""
        until = time.monotonic() + DEADLINE
        while True:
            client = Client(self.command.address)
            if client.ask("/").body.decode() == code:
                return self.stack.enter_context(client)
            client.close()
            assert time.monotonic() < until, f"no worker of the {code} code: {self.command.lines}"

    def member(self, code):
        """Return a client in the room, in a worker of this code."""
        client = self.client(code)
        assert client.upgrade("/room/websocket").status == 101
        client.send(frame(TEXT, "code"))
        assert client.frame().payload.decode() == code
        return client


def told_to_restart(*clients):
    for client in clients:
        assert client.frame().code == RESTART
        client.send(close_frame(RESTART))


def use_sessions_across(it, session, one, other, first, then):
    """Use sessions of either code through workers of the other, with held polls and large POSTs."""
    abroad, back = it.client(then), it.client(first)
    assert session.post("code", on=abroad) == {"status": 200}
    body = session.poll(on=abroad)
    assert body["status"] == 200, body
    heard = body["messages"]
    assert (heard[0], heard[-1]) == ("hello 0", first)
    theirs = Poller(it, "/room/longpoll")
    theirs.poll("", on=it.client(then))
    assert theirs.post("code", on=back) == {"status": 200}
    assert theirs.poll(on=back)["messages"] == [then]
    session.begin_poll(on=abroad)
    theirs.begin_poll(on=back)
    one.send(frame(TEXT, "to all"))
    for client in (one, other):
        assert client.frame().payload == b"to all"
    for poller, client in ((session, abroad), (theirs, back)):
        assert poller.polled(on=client)["messages"] == ["to all"]
        large = b"x" * 5_000_000  # which no frame of the bus holds
        assert poller.post(large, on=client) == {"status": 200}
        assert poller.poll(on=client)["messages"] == ["5000000"]


@pytest.mark.parametrize(("first", "then"), [("old", "new"), ("new", "old")])
def test_master_serves_with_workers_of_the_other_code_and_back(old, tmp_path, first, then):
    with ExitStack() as stack:
        it = Served(stack, old, tmp_path, first)
        one = it.member(first)
        session = Poller(it, "/room/longpoll")
        session.poll(on=it.client(first))

        # Both at once: the channel of one master, and the bus between the two.
        it.exchange(then)
        it.command.signal(signal.SIGTTIN)
        other = it.member(then)
        for number, speaker in enumerate((one, other, one)):
            speaker.send(frame(TEXT, f"hello {number}"))
            for client in (one, other):
                assert client.frame().payload == b"hello %d" % number
        use_sessions_across(it, session, one, other, first, then)
        it.command.signal(signal.SIGUSR1)
        it.command.wait_for("stacks of process", 2)

        it.command.signal(signal.SIGHUP)
        told_to_restart(one, other)
        moved = it.member(then)

        it.exchange(first)
        it.command.signal(signal.SIGHUP)
        told_to_restart(moved)
        back = it.member(first)

        it.command.signal(signal.SIGTERM)
        told_to_restart(back)
        assert it.command.ended() == 0
        # A stack's lines are of the code that is there now, so they may be any.
        odd = ("roost.worker: the master said", "Traceback", "SIGABRT", "SIGKILL", "reload is off")
        assert not [line for line in it.command.lines if any(word in line for word in odd)]


def knows_once(tree):
    return (tree / "actors/once_child.py").exists()


@pytest.mark.parametrize(("first", "then"), [("old", "new"), ("new", "old")])
def test_what_exists_once_runs_where_the_master_and_the_worker_know_of_it(
    old, tmp_path, first, then
):
    with ExitStack() as stack:
        it = Served(stack, old, tmp_path, first)
        it.exchange(then)
        it.command.signal(signal.SIGHUP)
        client = it.client(then)
        known = [knows_once(it.trees[each]) for each in (first, then)]
        until = time.monotonic() + DEADLINE
        while all(known) and client.ask("/once").body != b"runs":
            assert time.monotonic() < until
        if known == [False, True]:
            it.command.wait_for("Child exists once and does not run in this worker")
            assert client.ask("/once").body == b"ActorDeadError"
        if known[1]:
            told = [line for line in it.command.lines if "does not run in this worker" in line]
            assert len(told) == (0 if known[0] else 1)
        it.command.signal(signal.SIGTERM)
        assert it.command.ended() == 0
        odd = ("roost.worker: the master said", "what nobody understands", "Traceback")
        assert not [line for line in it.command.lines if any(word in line for word in odd)]
