"""However a supervisor ends, its children end with it; and whatever children do, it goes on."""

from __future__ import annotations

import contextlib
import threading

import gevent
import pytest
from gevent.event import Event
from greenlet import GreenletExit
from pykka import ActorDeadError

from actors.errors import SupervisionError
from actors.messages import Down
from actors.reasons import KILLED, NORMAL, SHUTDOWN, Crash, FailedToStart
from actors.runtime import Actor, ActorKilled, StartError, registry
from supervision.dynamic import DynamicSupervisor
from supervision.supervisor import Supervisor
from tests.supervision.family import (
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

BOTH = pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])


def with_children(kind, count=3, **options):
    supervisor = kind.start()
    return supervisor, [supervisor.start_child(child(n, **options)) for n in range(count)]


class TestKill:
    @BOTH
    def test_takes_the_children_before_anybody_is_told(self, kind):
        supervisor, refs = with_children(kind)
        seen = []

        class Watcher(Worker):
            def on_receive(self, message):
                seen.append([ref.exit_reason for ref in refs])

        actor_of(Watcher.start()).monitor(supervisor)
        block(refs[1])
        supervisor.kill()
        assert [ref.exit_reason for ref in refs] == [KILLED] * 3
        gevent.idle()
        assert seen == [[KILLED] * 3]

    def test_takes_whole_trees(self):
        leaf = child("leaf")
        inner = child("inner", Supervisor.start, args=([leaf],))
        supervisor = Supervisor.start([child("outer", Supervisor.start, args=([inner],))])
        kill(supervisor)
        assert registry.get_by_class(Worker) == []
        assert registry.get_by_class(Supervisor) == []

    @BOTH
    def test_by_a_child_takes_that_child_and_the_others(self, kind):
        supervisor = kind.start()

        class Patricide(Worker):
            def on_receive(self, message):
                supervisor.kill()

        refs = [supervisor.start_child(child(n, Patricide.start)) for n in range(3)]
        refs[1].tell("now")
        assert ended(supervisor) == KILLED
        assert [ended(ref) for ref in refs] == [KILLED] * 3

    @BOTH
    def test_while_a_child_starts_leaves_nothing(self, kind):
        supervisor, _ = with_children(kind)
        starter = Starter()
        starter.gated = True
        answer = queued(supervisor, "start_child", child("slow", starter))
        starter.wait_until_entered()
        kill(supervisor)
        with pytest.raises(Exception, match="ended"):
            answer.get(timeout=DEADLINE)
        starter.permits.release()
        gevent.idle()
        assert registry.get_by_class(Worker) == []

    @pytest.mark.parametrize("swallows", [True, False])
    def test_that_a_start_function_swallows_or_turns_into_an_error_ends_it_there(
        self, swallows, caplog
    ):
        entered, made, starts = Event(), [], []

        def stubborn():
            entered.set()
            try:
                Event().wait()
            except GreenletExit:
                if swallows:
                    return Worker.start()
                raise ValueError("no kill") from None

        class Root(Supervisor):
            def on_start(self):
                made.append(self.actor_ref)
                super().on_start()

        children = [child("s", stubborn), child("next", lambda: starts.append("started"))]
        starting = gevent.spawn(Root.start, children)
        assert entered.wait(DEADLINE)
        kill(made[0])
        with pytest.raises(StartError) as caught:
            starting.get(timeout=DEADLINE)
        assert caught.value.reason == KILLED
        assert starts == []
        assert registry.get_by_class(Worker) == []
        assert "start_error" not in caplog.text

    def test_of_a_starting_tree_leaves_nothing(self, caplog):
        entered, made = Event(), []

        class Slow(Worker):
            def on_start(self):
                entered.set()
                Event().wait()

        class Root(Supervisor):
            def on_start(self):
                made.append(self.actor_ref)
                super().on_start()

        inner = child("inner", Supervisor.start, args=([child("w"), child("s", Slow.start)],))
        starting = gevent.spawn(Root.start, [child("before"), inner])
        assert entered.wait(DEADLINE)
        made[0].kill()
        with pytest.raises(StartError) as caught:
            starting.get(timeout=DEADLINE)
        assert caught.value.reason == KILLED
        assert registry.get_by_class(Worker) == []
        assert registry.get_by_class(Supervisor) == []
        assert "start_error" not in caplog.text

    @BOTH
    def test_while_it_stops_its_children_takes_them(self, kind, caplog):
        supervisor, refs = with_children(kind, 2, start=Lingering.start, shutdown=None)
        supervisor.exit()
        assert actor_of(refs[-1]).entered.wait(DEADLINE)
        kill(supervisor)
        assert [ref.exit_reason for ref in refs] == [KILLED, KILLED]
        gevent.idle()
        assert registry.get_by_class(Worker) == []
        assert "shutdown_error" not in caplog.text

    @BOTH
    def test_while_it_stops_one_child_takes_all(self, kind):
        supervisor, refs = with_children(kind, 2, start=Lingering.start, shutdown=None)
        target = 0 if kind is Supervisor else refs[0]
        queued(supervisor, "terminate_child", target)
        assert actor_of(refs[0]).entered.wait(DEADLINE)
        kill(supervisor)
        assert [ref.exit_reason for ref in refs] == [KILLED, KILLED]

    def test_twice_does_nothing_more(self):
        supervisor = Supervisor.start()
        stop(supervisor)
        supervisor.kill()
        assert supervisor.exit_reason == SHUTDOWN


class TestOtherEnds:
    @BOTH
    def test_pykkas_stop_stops_the_children(self, kind):
        supervisor, refs = with_children(kind)
        assert supervisor.stop(timeout=DEADLINE) is True
        assert supervisor.exit_reason == NORMAL
        assert [ref.exit_reason for ref in refs] == [SHUTDOWN] * 3

    @BOTH
    def test_crash_of_its_own_stops_the_children(self, kind):
        class Fragile(kind):
            failed = None

            def on_receive(self, message):
                if message == "crash":
                    raise ZeroDivisionError
                return super().on_receive(message)

            def on_failure(self, exception_type, exception_value, traceback):
                Fragile.failed = exception_type

        supervisor, refs = with_children(Fragile)
        supervisor.tell("crash")
        assert isinstance(ended(supervisor), Crash)
        assert Fragile.failed is ZeroDivisionError
        assert [ref.exit_reason for ref in refs] == [SHUTDOWN] * 3

    def test_failure_after_its_children_started_leaves_nothing(self):
        class Late(Supervisor):
            def on_start(self):
                super().on_start()
                raise ZeroDivisionError

        with pytest.raises(StartError):
            Late.start([child("c")])
        assert registry.get_by_class(Worker) == []

    def test_failure_to_stop_a_child_leaves_nobody_behind(self):
        class Clumsy(Supervisor):
            def stop_children(self):
                raise ZeroDivisionError

        supervisor = Clumsy.start([child("c")])
        ref = ref_of(supervisor, "c")
        stop(supervisor)
        assert ref.exit_reason == KILLED


class TestEndsThatCrossACall:
    @BOTH
    def test_child_that_ended_before_it_was_terminated_stays_ended(self, kind):
        supervisor, starter = kind.start(), Starter()
        ref = supervisor.start_child(child("c", starter))
        starter.gated = True
        queued(supervisor, "start_child", child("slow", starter))
        starter.wait_until_entered()
        target = "c" if kind is Supervisor else ref
        terminated = queued(supervisor, "terminate_child", target)
        kill(ref)  # its supervisor learns of it only after the call
        starter.permits.release()
        assert terminated.get(timeout=DEADLINE) is None
        assert [each.ref for each in supervisor.which_children() if each.ref] == [starter.ref]
        assert len(starter.refs) == 2


class TestStartFunctions:
    @BOTH
    @pytest.mark.parametrize("escape", [SystemExit(3), gevent.Timeout(1), GreenletExit()])
    def test_what_escapes_one_is_the_childs_failure(self, kind, escape):
        def start():
            raise escape

        supervisor = kind.start()
        with pytest.raises(SupervisionError) as caught:
            supervisor.start_child(child("c", start))
        assert caught.value.detail == Crash(escape)
        assert supervisor.start_child(Worker).exit_reason is None

    def test_one_that_answers_a_child_that_runs_already_is_refused(self):
        shared = Worker.start()
        supervisor = Supervisor.start([child("c", lambda: shared)])
        with pytest.raises(SupervisionError) as caught:
            supervisor.start_child(child("d", lambda: shared))
        assert caught.value.reason == "already_started"
        assert refs_of(supervisor) == [shared]

    @BOTH
    def test_one_that_calls_its_own_supervisor_is_refused_and_hangs_nothing(self, kind):
        supervisor = kind.start()
        refusals = []

        def start():
            try:
                supervisor.which_children()
            except SupervisionError as error:
                refusals.append(error.reason)
            return Worker.start()

        supervisor.start_child(child("c", start))
        assert refusals == ["calling_self"]

    def test_child_that_has_ended_when_its_start_returns_is_noticed(self):
        starter = Starter()

        def start():
            ref = starter()
            if len(starter.refs) == 1:
                end(ref, NORMAL)
            return ref

        supervisor = Supervisor.start([child("c", start)])
        assert ref_of(supervisor, "c") is starter.ref
        assert starter.refs[0].exit_reason == NORMAL
        assert len(starter.refs) == 2

    def test_children_may_be_started_from_a_native_thread(self):
        supervisor, made = Supervisor.start(), []

        def elsewhere():
            inner = supervisor.start_child(Supervisor)
            made.append(inner.start_child(Worker))
            made.append(inner.which_children())

        thread = threading.Thread(target=elsewhere)
        thread.start()
        with gevent.Timeout(DEADLINE):
            while thread.is_alive():
                gevent.idle()
        assert made[1][0].ref is made[0]

    def test_an_id_that_cannot_be_one_is_the_callers_error(self):
        supervisor = Supervisor.start()
        with pytest.raises(TypeError):
            supervisor.which_child([])
        assert supervisor.which_children() == []


class Process:
    """Something else than an actor: what a start function may answer as well."""

    def __init__(self, *, obeys=True):
        self.obeys = obeys
        self.exit_reason = None
        self.stopped = Event()
        self.watchers = {}

    def exit(self, reason):
        if self.obeys:
            self.end(reason)

    def kill(self):
        self.end(KILLED)

    def wait(self, timeout=None):
        return self.stopped.wait(timeout)

    def monitor(self, watcher):
        self.watchers[len(self.watchers)] = watcher
        return len(self.watchers) - 1

    def demonitor(self, number):
        del self.watchers[number]

    def end(self, reason):
        if self.exit_reason is None:
            self.exit_reason = reason
            self.stopped.set()
            for number, watcher in self.watchers.items():
                with contextlib.suppress(ActorDeadError):
                    watcher.tell(Down(number, self, reason))


class TestOtherKindsOfChildren:
    @BOTH
    def test_are_restarted(self, kind):
        supervisor = kind.start()
        first = supervisor.start_child(child("p", Process))
        first.end(KILLED)
        (again,) = refs_of(supervisor)
        assert isinstance(again, Process)
        assert again is not first

    @BOTH
    @pytest.mark.parametrize(("obeys", "reason"), [(True, SHUTDOWN), (False, KILLED)])
    def test_are_asked_and_killed(self, kind, obeys, reason):
        supervisor = kind.start()
        spec = child("p", lambda: Process(obeys=obeys), shutdown=0.01)
        first = supervisor.start_child(spec)
        supervisor.terminate_child("p" if kind is Supervisor else first)
        assert (first.exit_reason, first.watchers) == (reason, {})
        second = supervisor.restart_child("p") if kind is Supervisor else None
        second = second or supervisor.start_child(spec)
        stop(supervisor)
        assert second.exit_reason == reason

    def test_that_cannot_be_killed_keep_no_other_alive(self, caplog):
        class Immortal(Process):
            def kill(self):
                raise PermissionError("not me")

        supervisor = Supervisor.start([child("w"), child("p", Immortal)])
        worker, _ = refs_of(supervisor)
        kill(supervisor)
        assert worker.exit_reason == KILLED
        assert "not me" in caplog.text


class TestPykka:
    def test_supervisor_is_an_actor(self):
        supervisor = Supervisor.start()
        assert supervisor.actor_class is Supervisor
        assert isinstance(actor_of(supervisor), Actor)
        assert actor_of(supervisor).actor_ref is supervisor

    def test_it_may_start_children_from_its_own_handlers(self):
        class Busy(Supervisor):
            def on_receive(self, message):
                if message == "more":
                    return self.start_child(child("extra"))
                return super().on_receive(message)

        supervisor = Busy.start()
        ref = supervisor.ask("more", timeout=DEADLINE)
        assert ref_of(supervisor, "extra") is ref

    def test_failed_start_keeps_the_chain_of_causes(self):
        starter = Starter()
        starter.always = OSError("root")
        with pytest.raises(StartError) as caught:
            Supervisor.start([child("c", starter)])
        assert isinstance(caught.value.reason, FailedToStart)
        causes, error = [], caught.value
        while error is not None:
            causes.append(error)
            error = error.__cause__
        assert causes[-1] is starter.always
        assert not any(isinstance(cause, ActorKilled) for cause in causes)
