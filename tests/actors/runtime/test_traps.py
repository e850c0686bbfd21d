"""What is known to go wrong with Pykka and gevent, each under its own name.

Forks have a file of their own (``test_fork.py``), and so has what escapes a handler
(``test_exits.py``).
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import gevent
import pykka
import pytest
from gevent.event import Event

from actors.reasons import KILLED, SHUTDOWN, Crash
from actors.runtime import Actor, StartError, registry
from actors.socket import Socket
from tests.support.recorder import Recorder, actor_of, wait_until_down, watched
from tests.support.waiting import DEADLINE, eventually

ROOT = Path(__file__).resolve().parents[3]


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class TestPykka:
    def test_a_base_exception_in_one_actor_stops_every_actor(self) -> None:
        others = [Recorder.start() for _ in range(5)]
        ref = Recorder.start()
        ref.tell(SystemExit())
        assert ref.wait(DEADLINE)
        assert all(other.ask("alive", timeout=DEADLINE) for other in others)

    def test_a_leaked_timeout_of_one_handler_ends_every_actor(self) -> None:
        class Slow(Recorder):
            def on_receive(self, message: Any) -> Any:
                with gevent.Timeout(0.001):
                    Event().wait()

        ref, other = Slow.start(), Recorder.start()
        ref.tell("go")
        assert ref.wait(DEADLINE)
        assert isinstance(ref.exit_reason, Crash)
        assert isinstance(ref.exit_reason.exception, gevent.Timeout)
        assert other.ask("alive", timeout=DEADLINE) == "alive"

    def test_killing_an_idle_actor_leaves_a_zombie(self) -> None:
        ref = Recorder.start()
        watcher = watched(ref)
        ref.kill()
        assert not ref.is_alive()
        assert registry.get_by_urn(ref.actor_urn) is None
        with pytest.raises(pykka.ActorDeadError):
            ref.tell("lost")
        with pytest.raises(pykka.ActorDeadError):
            ref.ask("hangs", timeout=DEADLINE)
        assert ref.stop(timeout=DEADLINE) is False
        assert wait_until_down(watcher).reason == KILLED
        assert registry.stop_all(DEADLINE)

    def test_killing_one_actor_mid_message_stops_all(self) -> None:
        ref, other = Recorder.start(), Recorder.start()
        ref.tell("block")
        assert actor_of(ref).entered.wait(DEADLINE)
        gevent.kill(actor_of(ref).actor_inbox.owner)  # from outside, as by a pool that is stopped
        assert ref.wait(DEADLINE)
        assert other.ask("alive", timeout=DEADLINE) == "alive"

    def test_on_start_raising_calls_no_hook_so_that_nobody_learns_of_it(self) -> None:
        class Failing(Actor):
            def on_start(self) -> None:
                raise OSError("no")

        with pytest.raises(StartError) as caught:
            Failing.start()
        assert isinstance(caught.value.reason, Crash)

    def test_the_registry_is_a_list(self) -> None:
        refs = [Recorder.start() for _ in range(3)]
        assert pykka.ActorRegistry.get_all() == []
        assert isinstance(registry._cells, dict)
        refs[1].kill()
        assert registry.get_by_class(Recorder) == [refs[0], refs[2]]

    def test_tell_to_one_that_is_about_to_end_is_accepted_and_lost(self) -> None:
        class Lingering(Recorder):
            def on_stop(self) -> None:
                self.entered.set()
                self.release.wait()

        ref = Lingering.start()
        ref.stop(block=False)
        assert actor_of(ref).entered.wait(DEADLINE)
        with pytest.raises(pykka.ActorDeadError):
            ref.tell("late")
        actor_of(ref).release.set()

    def test_stop_waits_behind_everything_queued(self) -> None:
        ref = Recorder.start()
        for number in range(5000):
            ref.tell(number)
        ref.exit()
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == SHUTDOWN
        assert actor_of(ref).seen == []

    def test_a_crash_depends_on_whether_it_was_told_or_asked(self) -> None:
        class Strict(Recorder):
            crash_on_ask = True

        told, asked, strict = Recorder.start(), Recorder.start(), Strict.start()
        error = ValueError("no")
        told.tell(error)
        for ref in (asked, strict):
            with pytest.raises(ValueError, match="no"):
                ref.ask(error, timeout=DEADLINE)
        for ref in (told, strict):
            assert ref.wait(DEADLINE)
            assert ref.exit_reason == Crash(error)
            assert actor_of(ref).ended == [error]  # on_failure, and not on_stop
        assert asked.ask("alive", timeout=DEADLINE) == "alive"  # as Pykka has it, on purpose

    def test_asks_that_go_round_deadlock(self) -> None:
        class Passing(Recorder):
            other: Any = None

            def on_receive(self, message: Any) -> Any:
                try:
                    return self.other.ask(message, timeout=0.01)
                except pykka.Timeout:
                    return "timed out"

        one, two = Passing.start(), Passing.start()
        actor_of(one).other, actor_of(two).other = two, one
        bystander = Recorder.start()
        asked = one.ask("round", block=False)
        assert bystander.ask("alive", timeout=DEADLINE) == "alive"
        assert asked.get(timeout=DEADLINE) == "timed out"

    def test_asks_that_go_round_without_a_timeout_end_by_a_kill(self) -> None:
        class Passing(Recorder):
            other: Any = None

            def on_receive(self, message: Any) -> Any:
                self.entered.set()
                return self.other.ask(message)

        one, two = Passing.start(), Passing.start()
        actor_of(one).other, actor_of(two).other = two, one
        asked = one.ask("round", block=False)
        assert actor_of(two).entered.wait(DEADLINE)
        two.kill()
        with pytest.raises(pykka.ActorDeadError):
            asked.get(timeout=DEADLINE)

    def test_a_stuck_actor_keeps_the_process_alive(self) -> None:
        done = run("""
from gevent.event import Event
from actors.runtime import Actor
entered = Event()
class Stuck(Actor):
    def on_receive(self, message):
        entered.set()
        Event().wait()
Stuck.start().tell("x")
entered.wait(5)
print("the end")
""")
        assert (done.returncode, done.stdout) == (0, "the end\n"), done.stderr

    def test_messages_are_passed_by_reference(self) -> None:
        ref, message = Recorder.start(), []
        ref.ask(message, timeout=DEADLINE)
        assert actor_of(ref).seen[0] is message  # as documented by Pykka: share what is immutable

    def test_stop_is_taken(self) -> None:
        assert Socket.stop is pykka.Actor.stop

    def test_every_actor_has_a_thread_or_a_greenlet_of_its_own(self) -> None:
        threads = threading.active_count()
        carriers = actor_of(Recorder.start()).dispatcher.carriers
        refs = [Recorder.start() for _ in range(100)]
        for ref in refs:
            assert ref.ask("x", timeout=DEADLINE) == "x"
        assert threading.active_count() == threads
        assert actor_of(refs[0]).dispatcher.carriers <= max(carriers, 1)


class TestGevent:
    def test_a_signal_arrives_while_a_handler_blocks(self) -> None:
        done = run("""
import os, signal, gevent
from gevent.event import Event
from actors.runtime import Actor
entered, got = Event(), Event()
class Stuck(Actor):
    def on_receive(self, message):
        entered.set()
        Event().wait()
kept = gevent.signal_handler(signal.SIGTERM, got.set)
Stuck.start().tell("x")
entered.wait(5)
os.kill(os.getpid(), signal.SIGTERM)
print(got.wait(5))
""")
        assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr

    def test_a_plain_signal_handler_raises_in_whatever_handler_runs(self) -> None:
        done = run("""
import signal
from actors.runtime import Actor
class Interrupted(Exception): pass
def handler(number, frame): raise Interrupted
signal.signal(signal.SIGUSR1, handler)
class Running(Actor):
    def on_receive(self, message):
        signal.raise_signal(signal.SIGUSR1)
class Other(Actor):
    def on_receive(self, message):
        return message
other, ref = Other.start(), Running.start()
ref.tell("x")
print(ref.wait(5), type(ref.exit_reason.exception).__name__, other.ask("alive", timeout=5))
""")
        assert (done.returncode, done.stdout) == (0, "True Interrupted alive\n"), done.stderr

    def test_memory_that_runs_out_in_one_handler_ends_that_actor_alone(self) -> None:
        done = run("""
import resource
from actors.runtime import Actor
class Hungry(Actor):
    def on_receive(self, message):
        return bytes(1 << 40)
class Other(Actor):
    def on_receive(self, message):
        return message
other, ref = Other.start(), Hungry.start()
resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
ref.tell("x")
print(ref.wait(5), type(ref.exit_reason.exception).__name__, other.ask("alive", timeout=5))
""")
        assert (done.returncode, done.stdout) == (0, "True MemoryError alive\n"), done.stderr

    def test_the_wall_clock_jumps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ref = Recorder.start()
        actor_of(ref).send_after(3600, "in an hour")
        monkeypatch.setattr("time.time", lambda: 4e9)
        actor_of(ref).send_after(0, "now")
        eventually(lambda: actor_of(ref).seen)
        monkeypatch.setattr("time.time", lambda: 0.0)
        actor_of(ref).send_after(0, "now again")
        eventually(lambda: len(actor_of(ref).seen) == 2)
        assert actor_of(ref).seen == ["now", "now again"]

    def test_importing_leaves_signals_alone(self) -> None:
        done = run("""
import signal
before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
from actors.runtime import Actor, get_dispatcher
get_dispatcher()
print(before == [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)])
""")
        assert done.stdout == "True\n", done.stderr
