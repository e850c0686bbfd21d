"""Names of children: one holder at a time, from the start's return to the end, whatever the end."""

from __future__ import annotations

import threading

import gevent
import pytest
from gevent.event import Event
from greenlet import GreenletExit

from actors import whereis
from actors.errors import SupervisionError
from actors.messages import Down
from actors.reasons import KILLED, NORMAL, Crash, FailedToStart
from actors.runtime import StartError, names
from supervision.dynamic import DynamicSupervisor
from supervision.pool import Pool, start_child
from supervision.specs import IGNORE
from supervision.supervisor import Supervisor
from tests.supervision.family import (
    ABNORMAL,
    DEADLINE,
    Lingering,
    Starter,
    Worker,
    actor_of,
    block,
    child,
    end,
    ended,
    kill,
    queued,
    ref_of,
    refs_of,
    stop,
)
from tests.supervision.test_parent import Process

BOTH = pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
ENDS = pytest.mark.parametrize("how", [end, kill, stop])
temporary = {"restart": "temporary", "name": "n"}


@pytest.fixture(autouse=True)
def _no_name_is_left():
    yield
    for holder in list(names._holders.values()):
        if isinstance(holder.ref, Process):
            holder.ref.end(KILLED)
    assert [name for name in names._holders if names.holder_of(name)] == []
    names.forget()


def refused(supervisor, spec):
    """The ref that a child's name belongs to already."""
    with pytest.raises(SupervisionError) as caught:
        supervisor.start_child(spec)
    assert caught.value.reason == "already_started"
    return caught.value.detail


class TestWhereis:
    @BOTH
    def test_answers_the_ref_of_who_has_the_name(self, kind):
        supervisor = kind.start()
        ref = supervisor.start_child(child("c", name="n"))
        assert whereis("n") is ref
        assert whereis("c") is None
        stop(supervisor)

    def test_answers_the_ref_alone_where_the_start_gives_more(self):
        supervisor = Supervisor.start()
        answer = supervisor.start_child(child("c", Starter(info="more"), name="n"))
        assert answer == (whereis("n"), "more")
        assert supervisor.get_childspec("c").name == "n"
        stop(supervisor)

    def test_answers_a_supervisor_that_can_be_called(self):
        supervisor = Supervisor.start([child("c", DynamicSupervisor.start, name="rooms")])
        ref = whereis("rooms").start_child(Worker)
        assert refs_of(ref_of(supervisor, "c")) == [ref]
        stop(supervisor)

    @pytest.mark.parametrize("name", [None, "", b"n", 7, Worker, [], ("a", 1)])
    def test_refuses_what_cannot_be_a_name(self, name):
        with pytest.raises(TypeError, match=r"^whereis\(.*: must be a str that is not empty$"):
            whereis(name)

    def test_may_be_asked_from_any_thread(self):
        supervisor, seen = Supervisor.start([child("c", name="n")]), []
        thread = threading.Thread(target=lambda: seen.append((whereis("n"), whereis("m"))))
        thread.start()
        thread.join(DEADLINE)
        assert seen == [(ref_of(supervisor, "c"), None)]
        stop(supervisor)

    def test_finds_children_of_a_pool(self):
        class Owner:
            """Has a pool."""

        pool = Pool.start(Owner, partitions=2)
        ref = start_child(Owner, child("c", name="n"), key=1)
        assert whereis("n") is ref
        with pytest.raises(SupervisionError) as caught:
            start_child(Owner, child("d", name="n"), key=0)
        assert caught.value.detail is ref
        stop(pool)
        assert whereis("n") is None


class TestHeldName:
    @BOTH
    def test_is_already_started_with_the_ref_under_one_supervisor_or_two(self, kind):
        first, second = kind.start(), Supervisor.start()
        ref = first.start_child(child("a", name="n"))
        starts = []
        again = child("b", lambda: starts.append(1), name="n")
        assert refused(first, again) is ref
        assert refused(second, again) is ref
        assert starts == []
        assert (refs_of(first), refs_of(second)) == ([ref], [])
        assert whereis("n") is ref
        stop(first)
        stop(second)

    def test_says_whose_the_name_is(self):
        supervisor = Supervisor.start([child("a", name="n")])
        with pytest.raises(SupervisionError) as caught:
            supervisor.start_child(child("b", name="n"))
        assert str(caught.value) == f"already_started: {whereis('n')!r} has the name 'n'"
        stop(supervisor)

    def test_refuses_the_start_of_a_tree_and_leaves_the_holder_alone(self, caplog):
        outer = Supervisor.start([child("a", name="n")])
        with pytest.raises(StartError) as caught:
            Supervisor.start([child("first"), child("b", name="n")])
        reason = caught.value.reason
        assert (type(reason), reason.child) == (FailedToStart, "b")
        assert isinstance(reason.reason, Crash)
        assert reason.reason.exception.detail is whereis("n")
        assert "has the name 'n' (child 'b'" in caplog.text
        assert ref_of(outer, "a").exit_reason is None
        stop(outer)

    def test_of_two_children_of_one_tree_refuses_that_tree(self):
        with pytest.raises(StartError) as caught:
            Supervisor.start([child("a", name="n"), child("b", name="n")])
        assert caught.value.reason.child == "b"
        assert whereis("n") is None

    def test_is_held_while_its_holder_starts(self):
        first, second, starter = DynamicSupervisor.start(), DynamicSupervisor.start(), Starter()
        starter.gated = True
        answer = queued(first, "start_child", child("a", starter, name="n"))
        starter.wait_until_entered()
        assert whereis("n") is None
        assert refused(second, child("b", name="n")) is None
        starter.permits.release()
        assert answer.get(timeout=DEADLINE) is whereis("n") is starter.ref
        assert refused(second, child("b", name="n")) is starter.ref
        stop(first)
        stop(second)

    def test_is_held_until_its_holder_has_terminated(self):
        supervisor, other = Supervisor.start(), Supervisor.start()
        ref = supervisor.start_child(child("c", Lingering.start, shutdown=None, **temporary))
        supervisor.exit()
        assert actor_of(ref).entered.wait(DEADLINE)
        assert refused(other, child("d", name="n")) is ref
        actor_of(ref).release.set()
        ended(supervisor)
        assert other.start_child(child("d", name="n")) is whereis("n")
        stop(other)

    def test_stopped_child_is_not_started_while_another_has_its_name(self):
        supervisor = Supervisor.start([child("a", name="n")])
        supervisor.terminate_child("a")
        other = supervisor.start_child(child("b", name="n"))
        with pytest.raises(SupervisionError) as caught:
            supervisor.restart_child("a")
        assert (caught.value.reason, caught.value.detail) == ("already_started", other)
        supervisor.terminate_child("b")
        assert supervisor.restart_child("a") is whereis("n")
        stop(supervisor)


class TestFreedName:
    @BOTH
    @ENDS
    def test_is_free_however_its_holder_ends(self, kind, how):
        supervisor = kind.start()
        how(supervisor.start_child(child("a", **temporary)))
        assert whereis("n") is None
        ref = supervisor.start_child(child("b", **temporary))
        assert whereis("n") is ref
        stop(supervisor)

    @ENDS
    def test_is_free_before_anybody_is_told(self, how):
        supervisor, seen = Supervisor.start(), []

        class Watcher(Worker):
            def on_receive(self, message):
                assert isinstance(message, Down)
                seen.append(whereis("n"))

        ref = supervisor.start_child(child("c", **temporary))
        watcher = Watcher.start()
        actor_of(watcher).monitor(ref)
        asked = ref.ask("x", block=False)
        how(ref)
        asked.get(timeout=DEADLINE) if how is end else None
        assert whereis("n") is None
        watcher.stop(timeout=DEADLINE)
        assert seen == [None]
        stop(supervisor)

    @BOTH
    def test_of_a_blocked_child_that_is_killed_is_free_at_once(self, kind):
        supervisor = kind.start()
        ref = supervisor.start_child(child("c", **temporary))
        block(ref)
        ref.kill()
        assert whereis("n") is None
        assert supervisor.start_child(child("d", **temporary)) is whereis("n")
        stop(supervisor)

    @BOTH
    def test_is_not_kept_where_nothing_has_it_any_more(self, kind):
        supervisor = kind.start()
        for number in range(3):
            ref = supervisor.start_child(child(number, name=f"room {number}", restart="temporary"))
            end(ref)
        assert supervisor.count_children().active == 0  # asked behind the ends
        assert names._holders == {}
        stop(supervisor)

    @BOTH
    @pytest.mark.parametrize("how", [stop, kill])
    def test_is_free_when_its_supervisor_has_ended(self, kind, how):
        supervisor = kind.start()
        supervisor.start_child(child("c", name="n"))
        how(supervisor)
        assert whereis("n") is None
        assert names._holders == {}

    def test_of_a_child_terminated_by_its_supervisor_is_free(self):
        supervisor = Supervisor.start([child("c", name="n")])
        supervisor.terminate_child("c")
        assert whereis("n") is None
        assert names._holders == {}
        stop(supervisor)


class TestChildThatDoesNotStart:
    @BOTH
    @pytest.mark.parametrize("failure", [OSError("no"), StartError(ABNORMAL), "no ref"])
    def test_leaves_the_name_free(self, kind, failure):
        supervisor, starter = kind.start(), Starter()
        starter.failures = [failure]
        with pytest.raises(SupervisionError, match="failed_to_start_child"):
            supervisor.start_child(child("c", starter, **temporary))
        assert names._holders == {}
        assert supervisor.start_child(child("d", starter, name="n")) is whereis("n")
        stop(supervisor)

    @BOTH
    @pytest.mark.parametrize("ignores", [StartError(NORMAL), IGNORE])
    def test_and_says_that_nothing_is_wrong_leaves_the_name_free(self, kind, ignores):
        supervisor, starter = kind.start(), Starter()
        starter.failures = [ignores]
        assert supervisor.start_child(child("c", starter, **temporary)) is None
        assert names._holders == {}
        assert supervisor.start_child(child("d", starter, name="n")) is whereis("n")
        stop(supervisor)

    def test_but_ends_while_it_does_leaves_the_name_free(self):
        entered, made = Event(), []

        class Slow(Worker):
            def on_start(self):
                made.append(self.actor_ref)
                entered.set()
                Event().wait()

        supervisor = Supervisor.start()
        answer = queued(supervisor, "start_child", child("c", Slow.start, name="n"))
        assert entered.wait(DEADLINE)
        assert whereis("n") is None
        kill(made[0])
        refusal = answer.get(timeout=DEADLINE)
        assert (refusal.reason, refusal.detail) == ("failed_to_start_child", KILLED)
        assert names._holders == {}
        stop(supervisor)

    def test_and_had_ended_when_its_start_returned_has_no_name(self):
        def start():
            ref = Worker.start()
            kill(ref)
            return ref

        supervisor = DynamicSupervisor.start()
        supervisor.start_child(child("c", start, **temporary))
        assert whereis("n") is None
        assert supervisor.count_children().active == 0
        assert names._holders == {}
        stop(supervisor)

    def test_as_its_supervisor_was_killed_leaves_the_name_free_at_once(self):
        """Whoever restarts that supervisor meets nothing of its former life."""
        supervisor, starter = Supervisor.start(), Starter()
        starter.gated = True
        queued(supervisor, "start_child", child("c", starter, name="n"))
        starter.wait_until_entered()
        supervisor.kill()  # what it was at has not unwound yet
        other = Supervisor.start([child("d", name="n")])
        starter.permits.release()
        gevent.idle()
        assert whereis("n") is ref_of(other, "d")
        stop(other)

    @pytest.mark.parametrize("swallows", [True, False])
    def test_and_outlived_the_kill_of_its_supervisor_takes_no_name_from_another(self, swallows):
        entered = Event()

        def stubborn():
            entered.set()
            try:
                Event().wait()
            except GreenletExit:
                if swallows:
                    return Worker.start()
                raise ValueError("no kill") from None

        supervisor = Supervisor.start()
        queued(supervisor, "start_child", child("c", stubborn, name="n"))
        assert entered.wait(DEADLINE)
        supervisor.kill()
        other = Supervisor.start([child("d", name="n")])
        gevent.idle()
        assert whereis("n") is ref_of(other, "d")
        stop(other)


class TestRestart:
    @BOTH
    @ENDS
    def test_gives_the_name_to_the_new_one(self, kind, how):
        supervisor = kind.start()
        before = supervisor.start_child(child("c", name="n"))
        how(before)
        (after,) = refs_of(supervisor)
        assert after is not before
        assert whereis("n") is after
        stop(supervisor)

    @BOTH
    def test_has_nobody_in_between(self, kind):
        supervisor, starter = kind.start(), Starter()
        before = supervisor.start_child(child("c", starter, name="n"))
        starter.gated = True
        end(before)
        starter.wait_until_entered()
        assert whereis("n") is None
        starter.permits.release()
        (after,) = refs_of(supervisor)
        assert whereis("n") is after is starter.ref
        stop(supervisor)

    @BOTH
    def test_that_fails_and_is_tried_again_gets_the_name_at_last(self, kind):
        supervisor, starter = kind.start(), Starter()
        before = supervisor.start_child(child("c", starter, name="n"))
        starter.failures = [OSError("not yet"), OSError("nor now")]
        end(before)
        while starter.ref is before:
            supervisor.count_children()
        assert whereis("n") is starter.ref
        stop(supervisor)

    @BOTH
    def test_gives_up_where_another_has_taken_the_name(self, kind, caplog):
        supervisor, other, starter, slow = kind.start(), Supervisor.start(), Starter(), Starter()
        before = supervisor.start_child(child("c", starter, name="n"))
        slow.gated = True
        queued(supervisor, "start_child", child("slow", slow))
        slow.wait_until_entered()
        end(before)  # its supervisor learns of it only after the other's start
        thief = other.start_child(child("d", name="n"))
        slow.permits.release()
        ended(supervisor)
        assert starter.refs == [before]
        assert whereis("n") is thief
        assert "already_started" in caplog.text
        stop(other)

    def test_of_all_gives_each_its_name_again(self):
        specs = [child(name, name=name) for name in "abc"]
        supervisor = Supervisor.start(specs, strategy="one_for_all")
        before = [whereis(name) for name in "abc"]
        end(before[1])
        after = refs_of(supervisor)
        assert [whereis(name) for name in "abc"] == after
        assert set(after).isdisjoint(before)
        stop(supervisor)


class TestOtherKindsOfChildren:
    @BOTH
    def test_have_names_too(self, kind):
        supervisor = kind.start()
        first = supervisor.start_child(child("p", Process, name="n"))
        assert whereis("n") is first
        first.end(KILLED)
        (again,) = refs_of(supervisor)
        assert whereis("n") is again is not first
        stop(supervisor)
        assert whereis("n") is None
        assert names._holders == {}

    def test_hold_the_name_until_they_have_ended_although_their_supervisor_has(self):
        class Slow(Process):
            def kill(self):
                """It takes a while."""

        supervisor, other = Supervisor.start(), Supervisor.start()
        slow = supervisor.start_child(child("p", Slow, name="n"))
        kill(supervisor)
        assert refused(other, child("d", name="n")) is slow
        slow.end(KILLED)
        assert whereis("n") is None
        assert other.start_child(child("d", name="n")) is whereis("n")
        stop(other)
