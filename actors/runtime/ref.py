"""References to actors: Pykka's, with OTP's signals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pykka
from greenlet import getcurrent
from pykka import ActorDeadError, ActorRef, Timeout

from actors.reasons import SHUTDOWN, Reason, as_reason
from actors.runtime.cell import Cell
from actors.runtime.future import Future
from actors.runtime.mailbox import Envelope, Mailbox

A = TypeVar("A", bound=pykka.Actor)


class Stopped:
    """Pykka's ``actor_stopped`` over the mailbox's flag; what to wait on is made on demand."""

    __slots__ = ("_inbox", "_waiting")

    def __init__(self, inbox: Cell) -> None:
        self._inbox = inbox
        self._waiting: list[Future[None]] = []

    def is_set(self) -> bool:
        """Whether the actor takes no more messages."""
        return self._inbox.closed

    def set(self) -> None:
        """Wake all who wait; the runtime calls it when the actor has ended."""
        while self._waiting:
            self._waiting.pop().set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the actor has ended; return whether it has. Callable from any thread."""
        inbox = self._inbox
        if inbox.reason is None:
            future: Future[None] = Future()
            self._waiting.append(future)
            if inbox.reason is None:  # else it ended before the future could be seen
                try:
                    future.get(timeout=timeout)
                except Timeout:
                    pass
            if future in self._waiting:
                self._waiting.remove(future)
        return inbox.reason is not None


class Ref(ActorRef[A]):
    """What ``start`` answers and ``actor_ref`` holds; may be passed to any thread."""

    actor_inbox: Mailbox

    def tell(self, message: Any) -> None:
        """Pykka's, in one step; callable from any thread.

        Raises ``pykka.ActorDeadError``, and :class:`~actors.errors.MailboxFull` where the actor's
        policy is ``"reject"``.
        """
        inbox = self.actor_inbox
        if inbox.closed:
            raise ActorDeadError(f"{self} not found")
        inbox.put(Envelope(message))

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Pykka's, but for an actor that asks itself and waits for the answer.

        Raises ``RuntimeError`` then: it would wait for ever. ``timeout`` is in seconds.
        """
        if block and self.actor_inbox.owner is getcurrent():
            raise RuntimeError(f"{self} would wait for its own answer")
        return super().ask(message, block=block, timeout=timeout)

    def exit(self, reason: object = SHUTDOWN) -> None:
        """Ask for an orderly end, ahead of every queued message (OTP: ``exit(Pid, Reason)``)."""
        self._on_loop(lambda: self.actor_inbox.signal(as_reason(reason)))

    def kill(self) -> None:
        """End the actor at once, whatever it does (OTP: ``exit(Pid, kill)``)."""
        self._on_loop(self.actor_inbox.actor.kill_now)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the actor has ended; return whether it has."""
        return self.actor_stopped.wait(timeout)

    @property
    def exit_reason(self) -> Reason | None:
        """Why the actor ended; ``None`` while it lives."""
        return self.actor_inbox.reason

    def _on_loop(self, function: Callable[[], object]) -> None:
        dispatcher = self.actor_inbox.dispatcher
        if dispatcher.on_this_thread():
            function()
        else:
            dispatcher.call_from_thread(function)
