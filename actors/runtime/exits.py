"""How an actor ends: by itself, by a signal, by a crash or by a kill.

An orderly end (:func:`end`) runs the actor's hooks, then answers who waits and tells who watches.
A kill (:func:`kill`) does the latter at once, wherever the actor is: idle, queued, starting,
running, blocked, or blocked in a hook of its orderly end. What blocks gets :class:`ActorKilled`
thrown in; when it has unwound, ``on_killed`` runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from greenlet import GreenletExit, getcurrent, greenlet
from pykka import ActorDeadError

from actors.errors import RoostError
from actors.reasons import KILLED, Crash, Reason
from actors.runtime import monitors, registry
from actors.runtime.crashes import CrashLog
from actors.runtime.mailbox import GONE, answer_dead

if TYPE_CHECKING:
    from actors.runtime.actor import Actor

CRASHES: Final = CrashLog(logging.getLogger("roost.runtime"))

MAX_NAME: Final = 200
"""Characters of what an actor says of itself."""


class StartError(RoostError):
    """``on_start`` did not succeed; ``reason`` is the exit reason of the actor that never was."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"the actor did not start: {reason}")
        self.reason = reason


class ActorKilled(GreenletExit):
    """Thrown into the greenlet in which a killed actor is blocked."""


class Exit(BaseException):
    """Ends the running turn and the actor with ``reason``."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def reason_of(error: BaseException) -> Reason:
    """Return the exit reason of an actor out of which ``error`` came."""
    if isinstance(error, Exit):
        return error.reason
    return KILLED if isinstance(error, ActorKilled) else Crash(error)


def end(actor: Actor, reason: Reason, *, started: bool = True) -> None:
    """Close the mailbox, run the hooks, answer who waits and tell who watches.

    Of one that has not ``started``, nothing but the failure and :meth:`Actor.on_ending` is due.
    """
    try:
        if actor.exit_reason is None:  # else killed meanwhile: that was the end
            close(actor)
            if isinstance(reason, Crash):
                run_hook(actor.on_crash, reason)
            run_hook(actor.on_ending, reason)
            if started:
                run_hook(actor.on_terminate, reason)
    finally:
        if actor.exit_reason is None:
            finish(actor, reason)
            actor.actor_inbox.owner = GONE
        else:
            unwound(actor)


def run_hook(hook: Callable[[Any], object], reason: Reason) -> None:
    """Run one step of the end; the others follow whatever it raises."""
    try:
        hook(reason)
    except (ActorKilled, Exit):
        pass  # the end is under way already
    except BaseException as error:  # noqa: BLE001 - whatever it raises
        report_failure(hook, error)


def report_failure(hook: Any, error: BaseException) -> None:
    """Log that a hook, which is a method of an actor, raised."""
    actor: Actor = hook.__self__
    name = hook.__name__.replace("on_terminate", "terminate")
    CRASHES.log(error, f"%s: {name} failed", shown(actor), owner=type(actor))


def report_crash(actor: Actor, error: BaseException) -> None:
    """Log that a callback of ``actor`` raised, and ended it."""
    CRASHES.log(error, "%s crashed", shown(actor), owner=type(actor))


def report_failed_ask(actor: Actor, error: Exception) -> None:
    """Log that a question failed; the actor lives on."""
    CRASHES.log(error, "%s failed to answer", shown(actor), owner=type(actor))


def shown(actor: Actor) -> str:
    """Return the actor's own words for itself; bounded, and whatever its ``__str__`` does."""
    try:
        return str(actor)[:MAX_NAME]
    except Exception:  # noqa: BLE001 - an application's __str__
        return f"{type(actor).__name__} ({actor.actor_urn})"


def close(actor: Actor) -> None:
    """Take no more messages, and be found no more."""
    actor.actor_inbox.closed = True
    registry.unregister(actor.actor_inbox.number)


def finish(actor: Actor, reason: Reason) -> None:
    """Answer whoever waits for ``actor``, and tell its watchers."""
    inbox = actor.actor_inbox
    inbox.reason = reason
    inbox.interrupt()
    inbox.batch = inbox.signals = None
    items, inbox.items = inbox.items, []
    refuse_asker(actor, None)
    for item in items:
        answer_dead(actor, item)
    if inbox.stop_reply is not None:
        inbox.stop_reply.set(None)
    if inbox.stopped is not None:
        inbox.stopped.set()
    monitors.ended(actor, reason)


def refuse_asker(actor: Actor, cause: BaseException | None) -> None:
    """Answer the question that is being handled, if there is one, with ``ActorDeadError``."""
    inbox = actor.actor_inbox
    if inbox.asker is not None:
        asker, inbox.asker = inbox.asker, None
        refusal = ActorDeadError(f"{shown(actor)} ended before it answered")
        refusal.__cause__ = cause
        asker.set_exception((ActorDeadError, refusal, None))


def kill(actor: Actor) -> None:
    """End ``actor`` at once: everybody is told before the greenlet, if any, has unwound.

    Raises :class:`ActorKilled` where that greenlet is the caller's.
    """
    if actor.exit_reason is not None:
        return
    close(actor)
    finish(actor, KILLED)
    carrier = actor.actor_inbox.owner
    if not isinstance(carrier, greenlet):
        unwound(actor)
    elif carrier is getcurrent():
        raise ActorKilled
    else:
        actor.actor_inbox.dispatcher.hub.loop.run_callback(_throw, actor, carrier)


def _throw(actor: Actor, carrier: greenlet) -> None:
    if actor.actor_inbox.owner is carrier:  # else it has got to its end by itself meanwhile
        carrier.throw(ActorKilled)


def unwound(actor: Actor) -> None:
    """No greenlet runs a killed actor any more."""
    actor.actor_inbox.owner = GONE
    try:
        actor.on_killed()
    except Exception as error:  # noqa: BLE001 - it is not the killer's affair
        report_failure(actor.on_killed, error)
