"""What exists once: run under a lease, and found from everywhere; in this process, then in many."""

from __future__ import annotations

import fcntl
import math
import os
import re
import signal
import time

import gevent
import pytest
from gevent.event import Event
from pykka import ActorDeadError, Timeout

from actors import Actor, AskFailed, ConfigError, Endpoint, once, once_number, telemetry, whereis
from actors.endpoint.serving import last_resort
from actors.endpoint.serving import once as once_module
from actors.endpoint.serving import tenure as tenure_module
from actors.endpoint.serving.forwarding import OnceRef
from actors.endpoint.serving.once import Once, seat
from actors.endpoint.serving.server import Server
from supervision import ChildSpec
from supervision.processes.once_file import OnceFile
from supervision.processes.sockets import bind
from tests.support.waiting import eventually

DEADLINE = 20.0


class Child(Actor):
    """Says what happens to it, and answers."""

    log: list = []
    news = Event()
    fail = False
    on_end = None

    @classmethod
    def say(cls, *what):
        cls.log.append(what)
        cls.news.set()

    @classmethod
    def wait(cls, wanted):
        with gevent.Timeout(DEADLINE, AssertionError(f"no {wanted!r} in {cls.log}")):
            while wanted not in [each[0] for each in cls.log]:
                cls.news.clear()
                cls.news.wait()
        return next(each for each in cls.log if each[0] == wanted)

    def on_start(self):
        self.number = once_number()
        if self.fail:
            self.say("failed", self.number)
            raise ValueError("it does not start")
        self.say("started", self.number)

    def on_receive(self, message):
        match message:
            case "number":
                return self.number
            case "crash":
                raise ValueError("asked for")
            case "die":
                self.exit_self(ValueError)
            case "object":
                return object()
            case "block":
                gevent.sleep(DEADLINE)
            case "itself":
                return whereis("child").ask("number")
        self.say("told", message)
        return ["heard", message]

    def terminate(self, reason):
        if self.on_end is not None:
            type(self).on_end()
        self.say("ended", self.number)


@pytest.fixture(autouse=True)
def fresh():
    Child.log, Child.fail, Child.on_end = [], False, None


@pytest.fixture
def events():
    """Return the events of telemetry, as they come."""
    found = []

    def note(event, measurements, metadata):
        found.append((event, measurements, metadata))

    names = ("once.appointed", "once.lost", "once.dropped")
    for name in names:
        telemetry.attach(name, note)
    yield found
    for name in names:
        telemetry.detach(name, note)


class Given:
    """A lease that the test grants, refuses, and loses."""

    def __init__(self, seconds=math.inf, renew_every=math.inf, retry=0.01):
        self.seconds, self.renew_every, self.retry = seconds, renew_every, retry
        self.number = 0
        self.grants = self.renews = True
        self.released = []
        self.until = 0.0

    def acquire(self, reply):
        if not self.grants:
            reply(None)
            return
        self.number += 1
        self.until = time.monotonic() + self.seconds
        reply(self.number)

    def renew(self, number, reply):
        if self.renews:
            self.until = time.monotonic() + self.seconds
        reply(True if self.renews else None if self.renews is None else False)

    def release(self, number):
        self.released.append(number)


SPEC = ChildSpec(id="child", start=Child.start, name="child", shutdown=1.0)


class Place:
    """What exists once in this process, with the tree's part of it."""

    def __init__(self, lease, *specs):
        self.said = Event()
        self.resigned = []
        self.ran = []
        self.once = Once(specs or (SPEC,), lease, on_runs=self._runs, on_resigned=self._resigned)
        self.seat = seat(self.once).start(self.once, False)

    def _runs(self, number):
        self.ran.append(number)
        self.said.set()

    def _resigned(self, gave_up):
        self.resigned.append(gave_up)
        self.said.set()

    def wait(self, count=1):
        with gevent.Timeout(DEADLINE, AssertionError(f"{self.resigned}")):
            while len(self.resigned) < count:
                self.said.clear()
                self.said.wait()

    def wait_runs(self, count=1):
        with gevent.Timeout(DEADLINE, AssertionError(f"{self.ran}")):
            while len(self.ran) < count:
                self.said.clear()
                self.said.wait()


@pytest.fixture
def place():
    made = []

    def make(*given):
        made.append(Place(*given))
        return made[-1]

    yield make
    for each in made:
        each.seat.exit()
        assert each.seat.wait(DEADLINE)
    with pytest.raises(RuntimeError):
        once_number()


def test_it_runs_from_the_appointment_to_the_resignation(place, events):
    lease = Given()
    it = place(lease)
    assert isinstance(whereis("child"), OnceRef)
    it.once.appoint()
    it.wait_runs()
    assert whereis("child").ask("number") == 1
    it.once.resign()
    it.wait()
    assert it.resigned == [False]
    assert lease.released == [1]
    assert Child.log == [("started", 1), ("ended", 1)]
    assert [(event, measured["number"]) for event, measured, _ in events] == [
        ("once.appointed", 1),
        ("once.lost", 1),
    ]
    assert events[0][2] == {"names": ["child"]}
    assert events[1][2] == {"names": ["child"], "reason": "another worker is to run it"}
    it.once.appoint()
    it.wait_runs(2)
    assert whereis("child").ask("number") == 2


def test_without_a_lease_it_is_never_appointed(place):
    it = place(None)
    assert not it.once.appointable
    it.once.appoint()
    assert it.resigned == [False]
    assert Child.log == []


def test_it_waits_until_the_lease_is_granted(place):
    lease = Given()
    lease.grants = False
    it = place(lease)
    it.once.appoint()
    it.once.resign()
    assert it.resigned == [False]
    it.once.appoint()
    lease.grants = True
    it.wait_runs()


def test_one_that_crashes_is_started_anew_with_the_same_number(place):
    it = place(Given())
    it.once.appoint()
    it.wait_runs()
    whereis("child").tell("die")
    Child.wait("ended")
    with gevent.Timeout(DEADLINE):
        while [each[0] for each in Child.log] != ["started", "ended", "started"]:
            gevent.sleep(0.001)
    assert {number for _, number in Child.log} == {1}
    assert it.resigned == []


def test_one_that_does_not_start_is_given_up_and_another_worker_is_told(place, caplog):
    Child.fail = True
    lease = Given()
    it = place(lease)
    it.once.appoint()
    it.wait()
    assert it.resigned == [True]
    assert lease.released == [1]
    assert "what exists once gave up here" in caplog.text
    Child.fail = False
    it.once.appoint()
    it.wait_runs()
    assert it.resigned == [True]


def test_one_that_blocks_in_its_start_is_named_in_the_log(place, caplog, monkeypatch):
    monkeypatch.setattr(once_module, "SLOW", 0.01)
    monkeypatch.setattr(once_module, "SELDOM", 0.02)
    go = Event()

    class Blocking(Child):
        def on_start(self):
            go.wait(DEADLINE)

    def specs(start):
        yield SPEC
        for name in ("slow", "after"):
            yield ChildSpec(id=name, start=start, name=name, shutdown=1.0)

    it = place(Given(), *specs(Blocking.start))
    it.once.appoint()
    warned = r"what exists once has not started in 0 s: slow \(behind it: after\) blocks"
    eventually(lambda: len(re.findall(warned, caplog.text)) > 2)
    assert it.resigned == []
    go.set()
    it.wait_runs()
    assert it.once._slow_at is None
    go.clear()
    it.once.resign()
    it.wait()
    it.once.appoint()
    eventually(lambda: it.once._slow_at is not None)
    it.once.resign()
    it.wait(2)
    assert it.once._slow_at is None


def test_one_that_crashes_too_often_is_given_up(place):
    it = place(Given())
    it.once.appoint()
    it.wait_runs()
    with gevent.Timeout(DEADLINE):
        while not it.resigned:
            whereis("child").tell("die")
            gevent.sleep(0.001)
    assert it.resigned == [True]


def test_one_that_does_not_end_in_time_is_killed(place, caplog):
    spec = ChildSpec(id="child", start=Child.start, name="child", shutdown=0.05)
    it = place(Given(), spec)
    Child.on_end = lambda: gevent.sleep(DEADLINE)
    it.once.appoint()
    it.wait_runs()
    it.once.resign()
    it.wait()
    assert [each[0] for each in Child.log] == ["started"]


def test_one_that_blocks_while_it_starts_is_killed_when_its_time_is_over(place, caplog):
    begun = Event()

    class Slow(Actor):
        def on_start(self):
            begun.set()
            gevent.sleep(DEADLINE)

    it = place(Given(), ChildSpec(id="slow", start=Slow.start, name="slow", shutdown=0.05))
    it.once.appoint()
    assert begun.wait(DEADLINE)
    it.once.resign()
    it.wait()
    assert it.ran == []
    assert it.resigned == [False]
    assert "what exists once did not end in time" in caplog.text


def test_its_seat_ends_it_and_takes_no_other_appointment(place):
    it = place(Given())
    it.once.appoint()
    it.wait_runs()
    it.seat.exit()
    assert it.seat.wait(DEADLINE)
    assert [each[0] for each in Child.log] == ["started", "ended"]
    it.once.appoint()
    assert it.resigned == [False, False]
    assert whereis("child") is None


def test_a_seat_that_is_killed_kills_it(place):
    it = place(Given())
    it.once.appoint()
    it.wait_runs()
    it.seat.kill()
    assert it.seat.wait(DEADLINE)
    it.wait()
    assert [each[0] for each in Child.log] == ["started"]


class TestALeaseBetweenMachines:
    """One that ends where it is not renewed, on a clock that is short."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch):
        monkeypatch.setattr(tenure_module, "STOP_BEFORE", 0.3)
        monkeypatch.setattr(tenure_module, "KILL_BEFORE", 0.2)
        monkeypatch.setattr(once_module, "END_PROCESS_BEFORE", 0.02)
        monkeypatch.setattr(last_resort, "ABORT_TO_KILL", 0.02)

    def test_who_cannot_renew_has_ended_before_the_end_and_runs_again_with_a_greater_number(
        self, place, events
    ):
        lease = Given(seconds=1.0, renew_every=0.1)
        it = place(lease)
        it.once.appoint()
        it.wait_runs()
        lease.renews, lease.grants = None, False
        until = lease.until
        Child.wait("ended")
        assert time.monotonic() < until
        assert events[-1][0] in ("once.appointed", "once.lost")
        lease.grants = lease.renews = True
        it.wait_runs(2)
        assert it.ran == [1, 2]
        assert it.resigned == []
        lost = next(each for each in events if each[0] == "once.lost")
        assert lost[2]["reason"] == "the lease could not be renewed"

    def test_who_does_not_end_by_itself_is_killed_before_the_end(self, place):
        lease = Given(seconds=1.0, renew_every=0.1)
        it = place(lease)
        Child.on_end = lambda: gevent.sleep(DEADLINE)
        it.once.appoint()
        it.wait_runs()
        lease.renews, lease.grants = None, False
        until = lease.until
        with gevent.Timeout(DEADLINE):
            while not lease.released:
                gevent.sleep(0.001)
        assert time.monotonic() < until
        assert [each[0] for each in Child.log] == ["started"]

    def test_who_hears_that_it_is_lost_is_killed_at_once(self, place):
        lease = Given(seconds=60.0, renew_every=0.01)
        it = place(lease)
        it.once.appoint()
        it.wait_runs()
        lease.renews = False
        with gevent.Timeout(DEADLINE):
            while not lease.released:
                gevent.sleep(0.001)
        assert [each[0] for each in Child.log][:1] == ["started"]
        lease.renews = True
        it.wait_runs(2)


def test_two_places_of_one_file_run_one_after_the_other(place, tmp_path):
    """The real lease of a machine; record locks are a process's, so the other is a process."""
    path = tmp_path / "once"
    it = place(OnceFile(path))
    pid = os.fork()
    if not pid:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.lockf(fd, fcntl.LOCK_EX)
        while True:
            signal.pause()
    try:
        with gevent.Timeout(DEADLINE):
            while not _locked_by_another(path):
                gevent.sleep(0.001)
        it.once.appoint()
        assert it.ran == []
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    it.wait_runs()


def _locked_by_another(path):
    if not path.exists():
        return False
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


class TestRef:
    @pytest.fixture(autouse=True)
    def running(self, place):
        self.it = place(Given())
        self.it.once.appoint()
        self.it.wait_runs()

    def test_a_message_is_a_copy_of_plain_values(self):
        message = {"a": (1, 2)}
        whereis("child").tell(message)
        assert Child.wait("told") == ("told", {"a": [1, 2]})
        assert whereis("child").ask(("x",)) == ["heard", ["x"]]
        for send in (whereis("child").tell, whereis("child").ask):
            with pytest.raises(TypeError, match="plain values"):
                send(object())

    def test_what_it_raises_is_told_by_its_words(self):
        with pytest.raises(AskFailed, match="child: ValueError: asked for"):
            whereis("child").ask("crash")
        with pytest.raises(AskFailed, match=r"child: the answer: .*plain values"):
            whereis("child").ask("object")

    def test_an_answer_that_is_late_is_a_timeout(self):
        with pytest.raises(Timeout):
            whereis("child").ask("block", timeout=0.01)

    def test_a_future_is_answered_later(self):
        assert whereis("child").ask("number", block=False).get(timeout=DEADLINE) == 1

    def test_one_that_asks_itself_is_refused(self):
        with pytest.raises(AskFailed, match="would wait for its own answer"):
            whereis("child").ask("itself")

    def test_any_thread_may_use_it(self):
        answers = []

        def run():
            ref = whereis("child")
            ref.tell("from a thread")
            answers.append(ref.ask("number"))

        gevent.get_hub().threadpool.apply(run)
        assert answers == [1]
        assert Child.wait("told") == ("told", "from a thread")

    def test_while_nobody_runs_it_what_is_told_is_counted_and_what_is_asked_raises(self, events):
        ref = whereis("child")
        self.it.once.resign()
        self.it.wait()
        ref.tell("lost")
        with pytest.raises(ActorDeadError, match="nobody runs child"):
            ref.ask("lost")
        assert events[-1] == (
            "once.dropped", {"count": 1}, {"name": "child", "reason": "nobody runs it"},
        )  # fmt: skip
        assert repr(ref) == "<OnceRef 'child'>"


def test_a_process_that_is_alone_simply_runs_it():
    endpoint = Endpoint(children=[once(SPEC)])
    server = Server(endpoint, bind("127.0.0.1", 0))
    server.start()
    try:
        number = whereis("child").ask("number")
        assert abs(number - time.time() * 1000) < 60_000
        assert once_number() == number
    finally:
        server.stop()
    assert whereis("child") is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"watchers": [once(SPEC)]}, "is for children="),
        ({"children": [once(SPEC), once(SPEC)]}, "have one id"),
        ({"children": [once(5)]}, "must be a ChildSpec"),
        ({"children": [once(ChildSpec(id=5, start=Child.start))]}, "give it a name"),
    ],
)
def test_what_cannot_exist_once_is_refused(options, words):
    sock = bind("127.0.0.1", 0)
    with pytest.raises(ConfigError, match=words):
        Server(Endpoint(**options), sock)
    sock.close()
