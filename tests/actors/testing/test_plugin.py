"""The kit as a plugin of strangers: what it costs them, what it ends, what it says of crashes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.command import unmeasured

HEAD = """
import pytest
from gevent.event import Event
from actors import Actor, Channel, ChannelSocket, Ok, Socket, on, pubsub, registry
from actors.runtime.dispatcher import Dispatcher

ended = []

class RoomChannel(Channel):
    @on("crash")
    def crash(self, payload):
        raise ValueError("on purpose")

    @on("stuck")
    def stuck(self, payload):
        Event().wait()

    @on("later")
    def later(self, payload):
        self.send_after(1, "x")

    def terminate(self, reason):
        ended.append(reason)

class UserSocket(ChannelSocket):
    channels = {"room:*": RoomChannel}
"""


def run(tmp_path, tests, *options, conftest='pytest_plugins = ["actors.testing"]\n'):
    """Run pytest on these tests in a process of its own, and return what it says."""
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(textwrap.dedent(tests), encoding="utf-8")
    environ = unmeasured()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cov", *options],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_importing_it_imports_no_gevent_and_patches_nothing(tmp_path):
    said = run(
        tmp_path,
        """
        import sys

        def test_before():
            assert "actors.testing" in sys.modules
            assert not {"gevent", "greenlet", "pykka", "orjson"} & sys.modules.keys()

        def test_with_it(channels, sockets, clock):
            from gevent import monkey
            assert monkey.saved == {}
        """,
    )
    assert "2 passed" in said, said


def test_it_may_be_imported_before_it_is_a_plugin(tmp_path):
    tests = """
    from actors.testing import Channels
    pytest_plugins = ["actors.testing"]

    def test_it(channels: Channels) -> None:
        assert type(channels) is Channels
    """
    assert "1 passed" in run(tmp_path, tests, "-W", "error", conftest="")


def test_its_fixtures_are_documented(tmp_path):
    said = run(tmp_path, "", "--fixtures")
    for name in ("channels", "sockets", "clock"):
        assert f"\n{name} " in said, said


def test_what_a_test_leaves_is_ended(tmp_path):
    said = run(
        tmp_path,
        HEAD
        + """
class Left(Actor):
    def on_receive(self, message):
        Event().wait()

class Chat(Socket):
    pass

@pytest.mark.parametrize("again", range(3))
def test_one(channels, sockets, clock, again):
    assert registry.get_all() == []
    assert pubsub.subscribers("room:1") == pubsub.subscribers("topic") == 0
    socket = channels.connect(UserSocket)
    _, room = socket.subscribe_and_join("room:1")
    room.push("later")
    _, stuck = socket.subscribe_and_join("room:2")
    stuck.push("stuck")
    sockets.connect(Chat)
    ref = Left.start()
    pubsub.subscribe(ref, "topic")
    ref.tell("block")
    channels.settle()

def test_nothing_is_left():
    assert registry.get_all() == []
    assert pubsub.subscribers("room:1") == pubsub.subscribers("topic") == 0
    kinds = sorted(type(reason).__name__ for reason in ended)
    assert kinds == ["Closed"] * 3 + ["Killed"] * 3
""",
    )
    assert "4 passed" in said, said


def test_a_crash_that_nobody_asked_about_fails_its_test(tmp_path):
    said = run(
        tmp_path,
        HEAD
        + """
def test_unseen(channels):
    _, room = channels.connect(UserSocket).subscribe_and_join("room:1")
    room.push("crash")

def test_expected(channels):
    _, room = channels.connect(UserSocket).subscribe_and_join("room:1")
    room.push("crash")
    room.assert_crashed(ValueError)

def test_told(channels):
    _, room = channels.connect(UserSocket).subscribe_and_join("room:1")
    room.push("crash")
    room.assert_push("something")
""",
    )
    assert "1 failed, 2 passed, 1 error" in said, said
    assert "crashed: ValueError: on purpose" in said
    assert "a test that expects it asks" in said
    assert "ERROR test_it.py::test_unseen" in said


def test_it_works_where_everything_is_patched(tmp_path):
    patched = 'from gevent import monkey\nmonkey.patch_all()\npytest_plugins = ["actors.testing"]\n'
    said = run(
        tmp_path,
        HEAD
        + """
import time

class Sleeper(Channel):
    @on("sleep")
    def sleep(self, payload):
        time.sleep(0.01)
        return Ok()

class SleepSocket(ChannelSocket):
    channels = {"room:*": Sleeper}

def test_it(channels):
    _, room = channels.connect(SleepSocket).subscribe_and_join("room:1")
    room.assert_reply(room.push("sleep"))
""",
        conftest=patched,
    )
    assert "1 passed" in said, said


@pytest.fixture(scope="module")
def descriptors():
    return []


@pytest.mark.parametrize("again", range(3))
def test_no_descriptor_is_left(descriptors, again, channels):
    channels.settle()
    descriptors.append(sorted(path.name for path in Path("/proc/self/fd").iterdir()))
    assert descriptors[-1] == descriptors[0]
