"""References to supervisors: an actor's, with OTP's administration calls."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from greenlet import getcurrent
from pykka import ActorDeadError

from actors.errors import SupervisionError
from actors.reasons import Reason
from actors.runtime.actor import Actor
from actors.runtime.ref import Ref
from supervision.plan import ChildInfo, Counts
from supervision.specs import ChildSpec, child_spec

P = TypeVar("P", bound=Actor)


@dataclass(frozen=True, slots=True)
class Call:
    """An administration call: a method of the supervisor, and its arguments."""

    method: str
    args: tuple[Any, ...] = ()


class ChildRef(Protocol):
    """What a start function may answer beside the ref of an actor."""

    @property
    def exit_reason(self) -> Reason | None:
        """Why it ended; ``None`` while it runs."""

    def exit(self, reason: Reason) -> None:
        """Ask it to end; must not block."""

    def kill(self) -> None:
        """End it without asking; must not block."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, up to ``timeout`` seconds; return whether it has."""

    def monitor(self, watcher: Ref[Any]) -> int:
        """Tell ``watcher`` :class:`~actors.messages.Down`, with this very ref, when it has ended.

        At once where it has already; ``ActorDeadError`` says that the watcher has ended first.
        Return a number for :meth:`demonitor`.
        """

    def demonitor(self, number: int) -> None:
        """Do not tell any more."""


class SupervisorRef(Ref[P]):
    """What a supervisor's ``start`` answers; may be passed to any thread.

    Each call waits until the supervisor has served it: while a child starts or stops, that takes
    as long as the child takes. All raise :class:`~actors.errors.SupervisionError`; beside the
    reasons that each names there is ``"noproc"``: the supervisor has ended, or did meanwhile, and
    ``"calling_self"``: the caller is what the supervisor waits for, such as a starting child.
    """

    def start_child(self, child: object, *args: Any) -> Any:
        """Start and keep a child; return its ref, or ``(ref, info)``, or ``None`` if it ignored.

        ``child``: see :func:`~supervision.specs.child_spec`; ``args`` come after its own.
        ``"already_started"`` (``detail``: the ref that has the id or the name; ``None`` while
        another supervisor starts the one that has the name), ``"already_present"``,
        ``"max_children"``, ``"failed_to_start_child"`` (``detail``: the reason), or what is wrong
        with the spec.
        """
        return self._call("start_child", child_spec(child, *args))

    def restart_child(self, child: Hashable) -> Any:
        """Start a stopped child; return as :meth:`start_child`.

        ``"running"``, ``"restarting"``, ``"not_found"``, ``"failed_to_start_child"``.
        """
        return self._call_of("restart_child", child)

    def terminate_child(self, child: Hashable) -> None:
        """Stop a child and keep its spec, unless it is temporary; nothing if it is stopped.

        ``child`` is its id, or its ref where the supervisor is dynamic. ``"not_found"``.
        """
        self._call_of("terminate_child", child)

    def delete_child(self, child: Hashable) -> None:
        """Forget a stopped child. ``"running"``, ``"restarting"``, ``"not_found"``."""
        self._call_of("delete_child", child)

    def which_children(self) -> list[ChildInfo]:
        """List the children, the newest first."""
        found: list[ChildInfo] = self._call("which_children")
        return found

    def which_child(self, child: Hashable) -> ChildInfo:
        """Return what the list says of one child. ``"not_found"``."""
        found: ChildInfo = self._call_of("which_child", child)
        return found

    def count_children(self) -> Counts:
        """Count the children."""
        found: Counts = self._call("count_children")
        return found

    def get_childspec(self, child: Hashable) -> ChildSpec:
        """Return the spec of a child, defaults filled in. ``"not_found"``."""
        found: ChildSpec = self._call_of("get_childspec", child)
        return found

    def _call_of(self, method: str, child: Hashable) -> Any:
        hash(child)  # a TypeError is the caller's, and not the end of the supervisor
        return self._call(method, child)

    def _call(self, method: str, *args: Any) -> Any:
        if self.actor_inbox.owner is getcurrent():
            raise SupervisionError("calling_self", f"{method} within a call of {self}")
        try:
            answer = self.ask(Call(method, args))
        except ActorDeadError:
            raise SupervisionError("noproc", f"{self} has ended") from None
        if isinstance(answer, SupervisionError):
            raise answer
        return answer
