"""Who is believed to run what exists once, as peers come, speak and go; over wires in memory."""

from __future__ import annotations

import pytest
from gevent.event import Event
from pykka import ActorDeadError

from actors import Actor, AskFailed, telemetry
from actors.endpoint.serving.forwarding import KIND, Forwarder
from actors.packets import pack
from supervision import ChildSpec, Supervisor
from tests.support.waiting import eventually

DEADLINE = 20.0


class Wire:
    """A cluster of processes that are not: what one says is kept until it is carried."""

    def __init__(self, worker, wires):
        self.worker = worker
        self.wires = wires
        self.peers = []
        self.full = False
        self.asked = []
        wires[worker] = self

    def serve(self, kind, handler):
        assert kind == KIND
        self.handler = handler

    def joined(self, callback):
        self.tell_joined = callback

    def gone(self, callback):
        self.tell_gone = callback

    def reaches(self, worker):
        return worker in self.peers

    def notify(self, worker, kind, body):
        if self.full or worker not in self.peers:
            return False
        self.wires[worker].handler(self.worker, body, None)
        return True

    def notify_all(self, kind, body):
        for peer in list(self.peers):
            self.notify(peer, kind, body)

    def request(self, worker, kind, body, timeout, reply):
        self.asked.append(timeout)
        if self.full or worker not in self.peers:
            return False
        self.wires[worker].handler(self.worker, body, reply)
        return True


class Child(Actor):
    def on_receive(self, message):
        return [message]


@pytest.fixture
def wires():
    found = {}
    for name in "abc":
        Wire(name, found)
    for wire in found.values():
        wire.peers = [name for name in found if name != wire.worker]
    return found


@pytest.fixture
def forwarders(wires):
    """Return the forwarder of each worker; the child is there for all, as they are one process."""
    found = {name: Forwarder(["child"], wire) for name, wire in wires.items()}
    yield found
    for each in found.values():
        each.end()


@pytest.fixture
def child():
    spec = ChildSpec(id="child", start=Child.start, name="child")
    supervisor = Supervisor.start([spec])
    yield
    supervisor.exit()
    assert supervisor.wait(DEADLINE)


@pytest.fixture
def dropped():
    found = []

    def note(_event, _measured, metadata):
        found.append(metadata["reason"])

    telemetry.attach("once.dropped", note)
    yield found
    telemetry.detach("once.dropped", note)


def holder(forwarder):
    return forwarder._holder and forwarder._holder[:2]


def test_who_runs_it_tells_all_and_the_greatest_number_counts(forwarders):
    forwarders["a"].runs(7)
    assert holder(forwarders["b"]) == holder(forwarders["c"]) == (7, "a")
    forwarders["b"].runs(8)
    assert holder(forwarders["c"]) == (8, "b")
    forwarders["a"].runs(None)  # which is late
    assert holder(forwarders["c"]) == (8, "b")
    forwarders["b"].runs(None)
    assert holder(forwarders["c"]) is None
    forwarders["b"].runs(None)


def test_an_earlier_number_that_comes_late_does_not_count(forwarders):
    forwarders["b"].runs(8)
    forwarders["a"].runs(7)
    assert holder(forwarders["c"]) == (8, "b")


def test_one_that_joins_is_told_and_one_that_is_gone_runs_nothing(wires, forwarders):
    forwarders["a"].runs(7)
    forwarders["c"]._holder = None
    wires["a"].tell_joined("c")
    assert holder(forwarders["c"]) == (7, "a")
    wires["b"].tell_joined("c")  # which runs nothing
    wires["c"].tell_gone("b")
    assert holder(forwarders["c"]) == (7, "a")
    wires["c"].tell_gone("a")
    assert holder(forwarders["c"]) is None
    forwarders["b"].renew()
    forwarders["a"].renew()
    assert holder(forwarders["c"]) == (7, "a")


def test_a_question_of_another_worker_is_answered_by_a_copy(wires, forwarders, child):
    answers = []
    wires["a"].handler("b", ["ask", "child", pack(("hi",))], answers.append)
    eventually(lambda: answers)
    assert answers == [["ok", [["hi"]]]]


def test_what_nobody_takes_is_dropped(wires, forwarders, dropped):
    ref = forwarders["b"]._refs[0]
    ref.tell("lost")
    assert dropped == ["nobody runs it"]
    forwarders["a"].runs(7)  # and has no such child, as it is ending
    ref.tell("lost")
    with pytest.raises(ActorDeadError):
        ref.ask("lost", timeout=3.0)
    assert wires["b"].asked == [4.0]
    wires["b"].peers.clear()
    ref.tell("lost")
    with pytest.raises(ActorDeadError):
        ref.ask("lost")
    assert dropped == ["nobody runs it"] * 3


def test_what_finds_too_much_waiting_is_told_at_once(wires, forwarders, dropped, caplog):
    forwarders["a"].runs(7)
    wires["b"].full = True
    ref = forwarders["b"]._refs[0]
    with pytest.raises(AskFailed, match="too much waits to be sent"):
        ref.ask("lost")
    assert dropped == []
    for _ in range(3):
        ref.tell("lost")
    assert dropped == ["too much waits to be sent"] * 3
    assert caplog.text.count("too much waits to be sent") == 1


def test_who_asks_is_told_where_there_is_no_room_for_the_answer(wires, forwarders, dropped, child):
    answers = []

    def narrow(answer):
        answers.append(answer)
        return answer[0] == "failed"

    wires["a"].handler("b", ["ask", "child", pack("hi")], narrow)
    eventually(lambda: len(answers) == 2)
    assert answers[1] == ["failed", "the answer: too much waits to be sent"]
    assert dropped == ["too much waits to be sent"]
    wires["a"].peers.clear()  # who is gone knows it already
    wires["a"].handler("b", ["ask", "child", pack("hi")], narrow)
    eventually(lambda: len(answers) == 3)
    assert dropped == ["too much waits to be sent"]


@pytest.mark.parametrize("where", ["here", "elsewhere", "nowhere", "alone"])
@pytest.mark.parametrize("block", [True, False])
def test_a_timeout_is_a_bounded_number_wherever_the_child_is(request, forwarders, where, block):
    ref = forwarders["b"]._refs[0]
    if where == "here":
        request.getfixturevalue("child")
    elif where == "elsewhere":
        forwarders["a"].runs(7)
    elif where == "alone":
        ref = Forwarder(["child"])._refs[0]
    for none in (None, True, "5", [5], 5j):
        with pytest.raises(TypeError, match=r"timeout=.*: must be a number of seconds above 0"):
            ref.ask("hi", block=block, timeout=none)
    for none in (0, 0.0, -1, -0.5, float("nan"), float("inf"), 86_401, 10**400):
        with pytest.raises(ValueError, match=r"timeout=.*: must be a number of seconds above 0"):
            ref.ask("hi", block=block, timeout=none)


def test_the_longest_timeout_is_one(forwarders, child):
    assert forwarders["b"]._refs[0].ask("hi", timeout=86_400) == ["hi"]


def test_a_full_mailbox_is_told_to_who_asks_and_counted_for_who_tells(forwarders, dropped):
    busy, done = Event(), Event()

    class Busy(Actor):
        mailbox_messages = 1

        def on_receive(self, message):
            busy.set()
            done.wait(DEADLINE)

    spec = ChildSpec(id="child", start=Busy.start, name="child")
    supervisor = Supervisor.start([spec])
    ref = forwarders["a"]._refs[0]
    ref.tell("which it handles")
    assert busy.wait(DEADLINE)
    ref.tell("which waits")
    ref.tell("which is dropped")
    assert dropped == ["its mailbox is full"]
    with pytest.raises(AskFailed, match="messages waiting"):
        ref.ask("which is refused")
    done.set()
    supervisor.exit()
    assert supervisor.wait(DEADLINE)


def test_other_children_are_not_reached_and_what_is_unknown_is_passed_over(wires, forwarders):
    answers = []
    wires["a"].handler("b", ["ask", "another", b"\xa2hi"], answers.append)
    wires["a"].handler("b", ["shout", "child"], answers.append)
    wires["a"].handler("b", ["tell", "another", b"\xa2hi"], None)
    assert answers == [None, None]
