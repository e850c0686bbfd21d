"""The static supervisor: children with ids, started in order (supervisor(3))."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from greenlet import getcurrent

from actors import contract
from actors.errors import SupervisionError
from actors.reasons import NORMAL, SHUTDOWN, FailedToStart
from actors.runtime.actor import Exit, StartError
from supervision.parent import Parent, cancelled
from supervision.plan import Child, ChildInfo, Counts, Move, Plan, count, which
from supervision.reports import report, restarting, text
from supervision.specs import (
    IGNORE,
    ChildSpec,
    Flags,
    Ignored,
    check_significant,
    child_specs,
    flags,
)


class Supervisor(Parent):
    """``Supervisor.start(children, strategy="one_for_all")``, or a subclass with its own ``init``.

    ``children``: see :func:`~supervision.specs.child_spec`; the rest are the fields of
    :class:`~supervision.specs.Flags`. ``start`` answers when every child has. If one does not,
    those before it are stopped, the newest first, and ``start`` raises ``StartError`` with
    :class:`~actors.reasons.FailedToStart`; it is ``StartError(NORMAL)`` for an ``init`` that
    answers ``IGNORE``.

    A supervisor that gives up ends with ``SHUTDOWN``, which is clean: its own supervisor starts it
    again if it is permanent, and not if it is transient.
    """

    def __init__(self, children: Iterable[Any] = (), **given: Any) -> None:
        super().__init__()
        self._given: tuple[dict[str, Any], Iterable[Any]] = (given, children)
        self.plan = Plan(Flags())

    def init(self) -> tuple[Flags | Mapping[str, Any], Iterable[Any]] | Ignored:
        """Return the flags and the children, or ``IGNORE``; the default returns what was given."""
        given, children = self._given
        return Flags(**given), children

    def on_start(self) -> None:
        """Run :meth:`init` and start the children, oldest first."""
        answer = self.init()
        if answer is IGNORE:
            self.exit_self(NORMAL)
        if not isinstance(answer, tuple) or len(answer) != 2:
            wanted = "(flags, children) or IGNORE"
            raise SupervisionError("bad_return", f"init answered {text(answer)}: must be {wanted}")
        checked = flags(Flags, answer[0])
        self.plan = Plan(checked, child_specs(answer[1], checked.auto_shutdown))
        for child in list(self.plan.children.values()):
            try:
                self.launch(child)
            except StartError as error:
                if getcurrent() not in cancelled:
                    report(self, "start_error", error.reason, child)
                self.stop_children()
                reason = FailedToStart(child=child.spec.id, reason=error.reason)
                raise Exit(reason) from error
            self._settle(child)

    # -- what happens to children

    def stop_children(self) -> None:
        """Stop the children one after the other, newest first."""
        for child in self.plan.stop_order():
            self.shutdown_child(child)

    def child_ended(self, child: Child, ref: Any) -> None:
        self._move(child, self.plan.ended(child, ref.exit_reason, self.clock()))

    def try_again(self, subject: Child) -> None:
        if subject.restarting:
            self._move(subject, self.plan.retried(subject, self.clock()))

    def _move(self, child: Child, move: Move) -> None:
        if move is Move.RESTART:
            restarting(self, self.plan.intensity.count, child)
            self._restart(child)
        elif move is Move.SHUTDOWN:
            self.exit_self(SHUTDOWN)
        elif move is Move.GIVE_UP:
            self.give_up(child, self.plan.intensity.count)

    def _restart(self, child: Child) -> None:
        stop, start = self.plan.casualties(child)
        for each in stop:
            self.shutdown_child(each)
            self.plan.drop(each)
        for each in start:
            try:
                self.launch(each)
            except StartError as error:
                report(self, "start_error", error.reason, each)
                each.failed(error.reason)
                self.queue_try_again(each)
                return
            self._settle(each)

    def _settle(self, child: Child) -> None:
        """Keep a child that was launched, unless it is a temporary one that ignored."""
        self.plan.add(child)
        if child.ref is None:
            self.plan.drop(child)

    # -- administration

    def start_child(self, spec: ChildSpec) -> Any:
        check_significant(spec, self.plan.flags.auto_shutdown)
        present = self.plan.children.get(spec.id)
        if present is not None and present.ref is not None:
            raise SupervisionError("already_started", present.ref)
        if present is not None:
            raise SupervisionError("already_present", text(spec.id))
        child = Child(spec)
        answer = self.launch_asked(child)
        self._settle(child)
        return answer

    def restart_child(self, child_id: Hashable) -> Any:
        child = self._find_stopped(child_id)
        answer = self.launch_asked(child)
        self._settle(child)
        return answer

    def terminate_child(self, child_id: Hashable) -> None:
        child = self._find(child_id)
        if child.ref is not None:
            self.shutdown_child(child)
        self.plan.drop(child)

    def delete_child(self, child_id: Hashable) -> None:
        del self.plan.children[self._find_stopped(child_id).spec.id]

    def which_children(self) -> list[ChildInfo]:
        return which(reversed(self.plan.children.values()))

    def which_child(self, child_id: Hashable) -> ChildInfo:
        return which([self._find(child_id)])[0]

    def count_children(self) -> Counts:
        return count(self.plan.children.values())

    def get_childspec(self, child_id: Hashable) -> ChildSpec:
        return self._find(child_id).spec

    def _find(self, child_id: Hashable) -> Child:
        child = self.plan.children.get(child_id)
        if child is None:
            raise SupervisionError("not_found", text(child_id))
        return child

    def _find_stopped(self, child_id: Hashable) -> Child:
        child = self._find(child_id)
        if not child.stopped:
            raise SupervisionError("restarting" if child.restarting else "running", child.ref)
        return child


contract.declare(Supervisor, callbacks=("init",), reserved=(), values=("plan",))
