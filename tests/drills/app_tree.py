"""What the drills' application has in the endpoint's tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from actors import Actor, Opcode, Reason
from supervision import ChildSpec, Supervisor
from tests.drills.app_sockets import Plain
from tests.drills.point import point


class Announced(Actor):
    """Says when it starts and when it stops."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def on_start(self) -> None:
        """Say so."""
        point("start", part=self._part)

    def terminate(self, reason: Reason) -> None:
        """Say so."""
        point("stop", part=self._part)
        super().terminate(reason)


def announced(part: str) -> ChildSpec:
    """Return the spec of one; it fits into a drill's grace."""
    return ChildSpec(id=part, start=Announced.start, args=(part,), shutdown=4.0)


class Traced(Plain):
    """A class whose pool and drainer say when they start and stop."""

    @classmethod
    def child_spec(cls, options: Mapping[str, Any]) -> ChildSpec:
        del options
        return announced("pool")

    @classmethod
    def drainer_spec(cls, options: Mapping[str, Any]) -> ChildSpec:
        del options
        return announced("drainer")


class Mortal(Actor):
    """Crashes when it is told to, and from then on whenever it starts."""

    doomed: ClassVar[bool] = False

    def on_start(self) -> None:
        """Crash soon."""
        if self.doomed:
            self.actor_ref.tell("crash")

    def on_receive(self, message: Any) -> None:
        del message
        raise RuntimeError("a child of the pool crashed")


class Family(Supervisor):
    """The pool of one such child."""

    child: ClassVar[Any] = None

    def init(self) -> Any:
        return {}, [ChildSpec(id="mortal", start=self._start_mortal)]

    @staticmethod
    def _start_mortal() -> Any:
        Family.child = Mortal.start()
        return Family.child


class Crashing(Plain):
    """Has its pool's child crash when it is told anything."""

    @classmethod
    def child_spec(cls, options: Mapping[str, Any]) -> ChildSpec:
        del options
        return ChildSpec(id="family", start=Family.start, type="supervisor")

    def handle_in(self, payload: Any, opcode: Opcode) -> None:
        del payload, opcode
        Mortal.doomed = True
        Family.child.tell("crash")
