"""The partition supervisor: one child several times over (Elixir's PartitionSupervisor)."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from actors.errors import SupervisionError
from supervision.ref import SupervisorRef
from supervision.specs import ChildSpec, Flags, child_spec
from supervision.supervisor import Supervisor


class PartitionRef(SupervisorRef["PartitionSupervisor"]):
    """What ``PartitionSupervisor.start`` answers."""

    def partition(self, key: Hashable) -> Any:
        """Return the ref that serves ``key``, without asking the supervisor.

        ``SupervisionError("noproc")`` while that one does not run.
        """
        supervisor = self.actor_inbox.actor
        assert isinstance(supervisor, PartitionSupervisor)  # noqa: S101 - a ref of its own class
        children = supervisor.plan.children
        ref = children[route(key, len(children))].ref if children else None
        if ref is None or ref.exit_reason is not None:
            raise SupervisionError("noproc", f"no partition of {self} runs for the key")
        return ref


class PartitionSupervisor(Supervisor):
    """``PartitionSupervisor.start(DynamicSupervisor, partitions=8)``: eight of one child.

    Their ids are 0 and up; there is one per core unless ``partitions`` says otherwise.
    ``with_arguments(args, partition)`` returns what to start each with; by default that is what
    the spec says. The rest are the fields of :class:`~supervision.specs.Flags`.
    """

    ref_class = PartitionRef

    if TYPE_CHECKING:

        @classmethod
        def start(cls, *args: Any, **kwargs: Any) -> PartitionRef:
            """Start all partitions, and return the ref when they run."""

    def __init__(
        self,
        child: object,
        *,
        partitions: int | None = None,
        with_arguments: Callable[[tuple[Any, ...], int], tuple[Any, ...]] | None = None,
        **given: Any,
    ) -> None:
        super().__init__((), **given)
        self._partitions = (os.cpu_count() or 1) if partitions is None else partitions
        self._child = child
        self._with_arguments = with_arguments

    def init(self) -> tuple[Flags | Mapping[str, Any], list[ChildSpec]]:
        """Make the spec of each partition."""
        wanted = self._partitions
        if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
            raise SupervisionError(
                "invalid_partitions", f"partitions={wanted!r:.200}: must be a whole number >= 1"
            )
        spec, with_arguments = child_spec(self._child), self._with_arguments
        if spec.name is not None:
            raise SupervisionError(
                "bad_combination",
                f"name={spec.name!r:.200} of a partition: must be None, there are several of it",
            )
        return Flags(**self._given[0]), [
            replace(
                spec,
                id=number,
                args=with_arguments(spec.args, number) if with_arguments else spec.args,
            )
            for number in range(wanted)
        ]


def route(key: Hashable, partitions: int) -> int:
    """Return the partition of ``key``: a whole number by its remainder, else by its hash.

    The same for one key as long as the process lives, and no longer.
    """
    return (abs(key) if isinstance(key, int) else hash(key)) % partitions
