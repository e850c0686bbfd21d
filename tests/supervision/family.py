"""Children that do as they are told, for the tests of supervisors."""

from __future__ import annotations

from typing import Any

from gevent.event import Event
from gevent.lock import Semaphore

from actors.reasons import NORMAL, SHUTDOWN, Failure, Reason, Shutdown
from actors.runtime import Actor, Ref
from supervision.ref import Call
from supervision.specs import ChildSpec

DEADLINE = 20.0
ABNORMAL = Failure("abnormal")
DETAILED = Shutdown("why")
CLEAN = (NORMAL, SHUTDOWN, DETAILED)


class Worker(Actor):
    """Ends with a reason that it is told; ``"block"`` never returns."""

    def __init__(self, name: Any = None, journal: list[Any] | None = None) -> None:
        super().__init__()
        self.name = name
        self.journal = [] if journal is None else journal
        self.entered = Event()

    def on_start(self) -> None:
        self.journal.append(("start", self.name))

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Reason):
            self.exit_self(message)
        if isinstance(message, Exception):
            raise message
        if message == "block":
            self.entered.set()
            Event().wait()
        return message

    def terminate(self, reason: Reason) -> None:
        self.journal.append(("stop", self.name))


class OwnWay(Worker):
    """Ends when it is asked to, but for a reason of its own."""

    def handle_exit(self, reason: Reason) -> None:
        self.exit_self(self.name)


class Lingering(Worker):
    """Takes its time to end: until it is released."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.release = Event()

    def terminate(self, reason: Reason) -> None:
        self.entered.set()
        self.release.wait()


class Starter:
    """A start function: fine while ``failures`` is empty, else each start takes one of them.

    A failure is an exception to raise or anything else to answer. ``gated``: from then on each
    start announces itself (``entered``) and waits for a permit.
    """

    def __init__(self, actor: type[Actor] = Worker, *, info: Any = None) -> None:
        self.actor = actor
        self.info = info
        self.refs: list[Ref[Any]] = []
        self.failures: list[Any] = []
        self.always: Any = None
        self.gated = False
        self.entered = Semaphore(0)
        self.permits = Semaphore(0)

    def __call__(self, *args: Any) -> Any:
        if self.gated:
            self.entered.release()
            self.permits.acquire()
        failure = self.failures.pop(0) if self.failures else self.always
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            return failure
        self.refs.append(self.actor.start(*args))
        return self.refs[-1] if self.info is None else (self.refs[-1], self.info)

    @property
    def ref(self) -> Ref[Any]:
        return self.refs[-1]

    def hang(self) -> None:
        """From the next start on, wait for a permit and then fail, for ever."""
        self.gated = True
        self.always = OSError("not again")

    def wait_until_entered(self) -> None:
        assert self.entered.acquire(timeout=DEADLINE)


def actor_of(ref: Any) -> Any:
    return ref.actor_inbox.actor


def child(child_id: Any, start: Any = Worker.start, **options: Any) -> ChildSpec:
    return ChildSpec(id=child_id, start=start, **options)


def end(ref: Any, reason: Any = ABNORMAL) -> None:
    """Have an actor end by itself; what it tells its supervisor comes before any later call."""
    ref.tell(reason)
    assert ref.wait(DEADLINE)


def kill(ref: Any) -> None:
    ref.kill()
    assert ref.wait(DEADLINE)


def stop(ref: Any) -> Reason:
    """End a supervisor in good order, and answer its reason."""
    ref.exit()
    return ended(ref)


def ended(ref: Any) -> Reason:
    """Wait for the end of an actor, and answer its reason."""
    assert ref.wait(DEADLINE)
    return ref.exit_reason


def ref_of(supervisor: Any, child_id: Any) -> Any:
    return supervisor.which_child(child_id).ref


def refs_of(supervisor: Any) -> list[Any]:
    """The refs of all children, the oldest first."""
    return [each.ref for each in reversed(supervisor.which_children())]


def ids_of(supervisor: Any) -> list[Any]:
    """The ids of all children, the oldest first."""
    return [each.id for each in reversed(supervisor.which_children())]


def queued(supervisor: Any, method: str, *args: Any) -> Any:
    """Queue an administration call, and answer the future of what it answers."""
    return supervisor.ask(Call(method, args), block=False)


def block(ref: Any) -> None:
    """Have an actor block in its handler."""
    ref.tell("block")
    assert actor_of(ref).entered.wait(DEADLINE)
