"""The dynamic supervisor: children that come and go (Elixir's DynamicSupervisor)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from actors import contract
from actors.errors import SupervisionError
from actors.reasons import NORMAL
from actors.runtime.actor import StartError
from supervision.intensity import Intensity
from supervision.parent import Parent
from supervision.plan import Child, ChildInfo, Counts, count, kept, restarts, which
from supervision.reports import report, restarting, text
from supervision.specs import IGNORE, ChildSpec, DynamicFlags, Ignored, check_significant, flags


class DynamicSupervisor(Parent):
    """``DynamicSupervisor.start(max_children=1000)``, or a subclass with its own ``init``.

    It starts with no children. They are known by their refs: the ids of their specs mean nothing.
    One that has ended for good is forgotten. When the supervisor ends, all are stopped at the same
    time. The arguments are the fields of :class:`~supervision.specs.DynamicFlags`.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self._given = given
        self.flags = DynamicFlags()
        self.intensity = Intensity(self.flags.intensity, self.flags.period)
        self._retried: dict[Any, Child] = {}
        """Those whose restart failed, by the ref that they had."""

    def init(self) -> DynamicFlags | Mapping[str, Any] | Ignored:
        """Return the flags, or ``IGNORE``; the default returns what was given."""
        return DynamicFlags(**self._given)

    def on_start(self) -> None:
        answer = self.init()
        if answer is IGNORE:
            self.exit_self(NORMAL)
        if not isinstance(answer, DynamicFlags | Mapping):
            wanted = "DynamicFlags, a mapping or IGNORE"
            raise SupervisionError("bad_return", f"init answered {text(answer)}: must be {wanted}")
        self.flags = flags(DynamicFlags, answer)
        self.intensity = Intensity(self.flags.intensity, self.flags.period)

    # -- what happens to children

    def stop_children(self) -> None:
        """Stop all children at the same time."""
        self.shutdown_together(reversed(self.by_ref.values()))

    def child_ended(self, child: Child, ref: Any) -> None:
        if restarts(child.spec, ref.exit_reason):
            child.ref = None
            self._restart(child, ref)

    def try_again(self, subject: Any) -> None:
        child = self._retried.pop(subject, None)
        if child is not None:
            self._restart(child, subject)

    def _restart(self, child: Child, old: Any) -> None:
        if not self.intensity.allows(self.clock()):
            self.give_up(child, self.intensity.count)
        restarting(self, self.intensity.count, child)
        try:
            self.launch(child)
        except StartError as error:
            report(self, "start_error", error.reason, child)
            child.failed(error.reason)
            self._retried[old] = child
            self.queue_try_again(old)

    # -- administration

    def start_child(self, spec: ChildSpec) -> Any:
        check_significant(spec, self.flags.auto_shutdown)
        most = self.flags.max_children
        if most is not None and len(self.by_ref) + len(self._retried) >= most:
            raise SupervisionError("max_children", most)
        if self.flags.extra_arguments:
            spec = replace(spec, args=self.flags.extra_arguments + spec.args)
        child = Child(spec)
        answer = self.launch_asked(child)
        child.spec = kept(spec)
        return answer

    def restart_child(self, child: Hashable) -> None:
        """Refuse: a child that is stopped is forgotten."""
        raise SupervisionError("simple_one_for_one", text(child))

    delete_child = restart_child

    def terminate_child(self, ref: Any) -> None:
        """Stop a child, or drop the attempt that is due; nothing if ``ref`` has ended."""
        if not hasattr(ref, "exit_reason"):
            raise SupervisionError("simple_one_for_one", f"{text(ref)} is not a ref")
        if ref in self.by_ref:
            self.shutdown_child(self.by_ref[ref])
        elif self._retried.pop(ref, None) is None and ref.exit_reason is None:
            raise SupervisionError("not_found", text(ref))

    def which_children(self) -> list[ChildInfo]:
        """List the children, the newest first, those that are restarted before them."""
        return which(self._children(), ids=False)

    def which_child(self, ref: Hashable) -> ChildInfo:
        return which([self._find(ref)], ids=False)[0]

    def count_children(self) -> Counts:
        return count(self._children())

    def get_childspec(self, ref: Hashable) -> ChildSpec:
        return self._find(ref).spec

    def _children(self) -> Iterable[Child]:
        return [*reversed(self._retried.values()), *reversed(self.by_ref.values())]

    def _find(self, ref: Hashable) -> Child:
        child = self.by_ref.get(ref) or self._retried.get(ref)
        if child is None:
            raise SupervisionError("not_found", text(ref))
        return child


contract.declare(DynamicSupervisor, callbacks=("init",), reserved=(), values=("flags", "intensity"))
