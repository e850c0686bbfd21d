"""What all supervisors have in common: starting a child, stopping it, and not outliving it.

A supervisor is an actor and its children are what start functions answer: refs of actors, or
anything else that can do the same (:class:`~supervision.ref.ChildRef`). It monitors each. It runs
one thing at a time, as in OTP: while a child starts or stops, calls wait, and so does an exit
signal; a kill does not.

However a supervisor ends, its children end with it. In an orderly end, and in a crash of its own,
it stops them first. When it is killed, they are killed before anybody is told, as by OTP's links.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from greenlet import getcurrent, greenlet

from actors import contract
from actors.errors import SupervisionError
from actors.messages import Down
from actors.reasons import NORMAL, SHUTDOWN, Crash, Reason
from actors.runtime import monitors, names
from actors.runtime.actor import Actor, ActorKilled, StartError
from actors.runtime.exits import reason_of
from actors.runtime.lifecycle import Event
from actors.runtime.ref import Ref
from supervision.plan import Child, ended_as_asked, remarkable
from supervision.ref import Call, SupervisorRef
from supervision.reports import gave_up, report, text, trouble
from supervision.specs import IGNORE

logger = logging.getLogger("roost.supervision")


cancelled: set[greenlet] = set()
"""The greenlets in which a tree starts that is no longer wanted: no further child is started there,
whatever the one does that is starting."""


class TryAgain:
    """A supervisor's message to itself: restart ``subject``, once more."""

    __slots__ = ("subject",)

    def __init__(self, subject: Any) -> None:
        self.subject = subject


class Parent(Actor):
    """An actor with children; what :class:`Supervisor` and :class:`DynamicSupervisor` build on.

    ``by_ref`` holds the children that run, the oldest first.
    """

    child_type: ClassVar[str] = "supervisor"
    crash_on_ask = True
    ref_class: ClassVar[type[SupervisorRef[Any]]] = SupervisorRef

    trouble: str | None = None
    """In words: the child that ended last although it should not have, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.by_ref: dict[Any, Child] = {}

    if TYPE_CHECKING:

        @classmethod
        def start(cls, *args: Any, **kwargs: Any) -> SupervisorRef[Self]:
            """Start it and its children, and answer its ref when all of them run."""

    @property
    def actor_ref(self) -> SupervisorRef[Self]:
        inbox = self.actor_inbox
        ref: SupervisorRef[Self] = inbox.ref or inbox.keep_ref(self.ref_class(self))
        return ref

    # -- what a kind of supervisor says

    def stop_children(self) -> None:
        """Stop all of them, as their specs say; may block."""
        raise NotImplementedError

    def child_ended(self, child: Child, ref: Any) -> None:
        """Decide about ``child``, which ended by itself; it was ``ref``."""
        raise NotImplementedError

    def try_again(self, subject: Any) -> None:
        """Restart what :meth:`queue_try_again` was given, unless that has become pointless."""
        raise NotImplementedError

    # -- messages

    def on_receive(self, message: Any) -> Any:
        """Serve a call, the end of a child, or an attempt that is due; log anything else."""
        kind = type(message)
        if kind is Call:
            try:
                return getattr(self, message.method)(*message.args)
            except SupervisionError as refusal:
                return refusal  # an answer: raised here it would end the supervisor
        if kind is Down:
            self._down(message.actor)
        elif kind is TryAgain:
            self.try_again(message.subject)
        else:
            logger.error("%s received an unexpected message: %s", self, text(message))
        return None

    def _down(self, ref: Any) -> None:
        child = self.by_ref.pop(ref, None)
        if child is None:
            return  # stopped by us meanwhile
        release(child)
        child.reason = reason = ref.exit_reason
        if remarkable(child.spec, reason):
            report(self, "child_terminated", reason, child)
            self.trouble = trouble(child, ref)
        self.child_ended(child, ref)

    def queue_try_again(self, subject: Any) -> None:
        """Have :meth:`try_again` called when what is queued by now has been served."""
        monitors.deliver(self.actor_inbox, TryAgain(subject))

    def give_up(self, child: Child, count: int) -> None:
        """End, since ``child`` was one restart too many; with ``SHUTDOWN``, which is clean.

        ``count``: how many there were within the period, this one included.
        """
        gave_up(self, count, child)
        self.exit_self(SHUTDOWN)

    def clock(self) -> float:
        """Return monotonic seconds; restarts are counted by it."""
        return self.dispatcher.clock()

    # -- starting a child

    def launch(self, child: Child) -> None:
        """Start ``child`` and watch it; ``child.ref`` stays ``None`` where it ignored.

        Raises :class:`StartError` with the reason that it did not start for.
        """
        if getcurrent() in cancelled:
            raise StartError(SHUTDOWN)
        child.holder = reserved(child.spec.name, self)
        try:
            self._launch(child)
        finally:
            if child.holder is not None:
                child.holder.ref = child.ref
                if child.ref is None:
                    release(child)

    def _launch(self, child: Child) -> None:
        try:
            ref, info = unpack(child.spec.start(*child.spec.args), self.by_ref)
        except ActorKilled:
            raise  # this supervisor, or the one that starts it, was killed
        except BaseException as error:  # a start function is the application's
            self.check_alive()
            reason = error.reason if isinstance(error, StartError) else reason_of(error)
            if reason != NORMAL:
                raise StartError(reason) from error
            ref = info = None
        if ref is not None:
            self.by_ref[ref] = child
        self.check_alive()  # killed, and the start function swallowed it: by_ref goes with us
        child.runs(ref, info)
        if ref is not None:
            self.watch(child)
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug("%s started %s", self, text(child.spec.id))

    def check_alive(self) -> None:
        """Go no further in a supervisor that was killed while it waited."""
        if self.exit_reason is not None:
            raise ActorKilled

    def launch_asked(self, child: Child) -> Any:
        """Start ``child`` for a caller; return what its start function did, or ``None``."""
        try:
            self.launch(child)
        except StartError as error:
            raise refused(error) from error
        return child.ref if child.info is None else (child.ref, child.info)

    def watch(self, child: Child) -> None:
        """Be told when it ends."""
        ours = isinstance(child.ref, Ref)
        child.monitor = self.monitor(child.ref) if ours else child.ref.monitor(self.actor_ref)

    # -- stopping children

    def unwatch(self, child: Child) -> None:
        """Do not be told of its end any more; a notice that is queued already finds no child."""
        if isinstance(child.ref, Ref):
            self.demonitor(child.monitor)
        else:
            child.ref.demonitor(child.monitor)

    def shutdown_child(self, child: Child) -> None:
        """Stop a running child: ask, wait as long as its spec says, kill. Blocks until it ended."""
        self.unwatch(child)
        ask_to_end(child)
        if not child.ref.wait(child.spec.shutdown):
            child.ref.kill()
        self.await_down(child)

    def shutdown_together(self, children: Iterable[Child]) -> None:
        """Stop children at the same time: one deadline for all that have the same ``shutdown``."""
        asked = self.clock()
        pending = list(children)
        for child in pending:
            ask_to_end(child)
        for child in sorted(pending, key=shutdown_of):
            if child.ref.exit_reason is None:
                left = asked + shutdown_of(child) - self.clock()
                if not child.ref.wait(None if left == math.inf else max(0.0, left)):
                    child.ref.kill()
        for child in pending:
            self.await_down(child)

    def await_down(self, child: Child) -> None:
        """Wait until a child that was asked or killed has ended; report an end that is odd."""
        child.ref.wait()
        self.check_alive()
        reason = child.ref.exit_reason
        if not ended_as_asked(child.spec, reason):
            report(self, "shutdown_error", reason, child)
        self.by_ref.pop(child.ref, None)
        release(child)
        child.ref = None

    def kill_children(self) -> None:
        """Kill all of them; does not block."""
        itself: ActorKilled | None = None
        while self.by_ref:
            ref, child = self.by_ref.popitem()
            try:
                ref.kill()
            except ActorKilled as error:
                itself = error  # the child that runs this: the others must go as well
            except Exception as error:  # noqa: BLE001 - of another kind than an actor
                logger.error("%s could not kill %s: %s", self, text(ref), text(error))
            release(child)
        if itself is not None:
            raise itself

    # -- how it ends

    def on_begin(self) -> Self:
        """Start; where that fails, nothing is left behind."""
        try:
            return super().on_begin()
        except BaseException:
            self.kill_children()
            raise

    def terminate(self, reason: Reason) -> None:
        """Stop the children, then call Pykka's hooks."""
        try:
            self.stop_children()
        finally:
            self.kill_children()  # whatever went wrong, nobody is left behind
        super().terminate(reason)

    def kill_now(self) -> None:
        """Kill the children, then end: a watcher of this end may rely on theirs."""
        if self.exit_reason is not None:
            return
        self.actor_inbox.move(Event.ENDING)  # their ends are no news
        try:
            self.kill_children()
        finally:
            super().kill_now()

    def on_killed(self) -> None:
        """Kill what was started after the kill, before its greenlet had unwound."""
        self.kill_children()


contract.declare(
    Parent,
    callbacks=(),
    reserved=(
        "await_down", "check_alive", "give_up", "kill_children", "launch", "launch_asked",
        "on_killed", "queue_try_again", "shutdown_child", "shutdown_together", "unwatch", "watch",
    ),
    values=("by_ref", "trouble"),
)  # fmt: skip


def unpack(answer: Any, taken: Container[Any]) -> tuple[Any, Any]:
    """Take apart what a start function answered; a ref that is a child already is refused."""
    if answer is IGNORE:
        return None, None
    ref, info = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, None)
    if not (hasattr(ref, "exit") and hasattr(ref, "kill") and hasattr(ref, "exit_reason")):
        wanted = "a ref, (ref, info) or IGNORE"
        raise SupervisionError("bad_return", f"start answered {text(answer)}: must be {wanted}")
    if ref in taken:
        raise SupervisionError("already_started", ref)
    return ref, info


def reserved(name: str | None, starter: Actor) -> names.Holder | None:
    """Keep the name of a child that is about to start; :class:`StartError` where it is held."""
    if name is None:
        return None
    held = names.holder_of(name)
    if held is None:
        return names.reserve(name, starter)
    whose = "a child that is being started" if held.ref is None else text(held.ref)
    error = SupervisionError("already_started", held.ref, f"{whose} has the name {text(name)}")
    raise StartError(Crash(error)) from error


def release(child: Child) -> None:
    """Free the name of a child that has ended, or did not start."""
    if child.holder is not None:
        names.release(child.holder)
        child.holder = None


def refused(error: StartError) -> SupervisionError:
    """Return what the caller of an administration call gets for a child that did not start."""
    cause = error.reason.exception if isinstance(error.reason, Crash) else None
    if isinstance(cause, SupervisionError) and cause.reason == "already_started":
        return cause
    return SupervisionError("failed_to_start_child", error.reason)


def ask_to_end(child: Child) -> None:
    """Begin to stop a child; does not block."""
    if child.spec.shutdown == 0:
        child.ref.kill()
    else:
        child.ref.exit(SHUTDOWN)


def shutdown_of(child: Child) -> float:
    """Return how many seconds a child has to end."""
    return math.inf if child.spec.shutdown is None else child.spec.shutdown
