"""How an actor ends: by itself, by a signal, by a crash or by a kill.

An orderly end (:func:`end`) runs the actor's hooks, then answers waiting askers and tells the
watchers. A kill (:func:`kill`) does the latter at once, wherever the actor is: idle, queued,
starting, running, blocked, or blocked in a hook of its orderly end. What blocks gets
:class:`ActorKilled` thrown in; when it has unwound, ``on_killed`` runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from greenlet import GreenletExit, getcurrent, greenlet

from actors import telemetry
from actors.crash_log import CrashLog
from actors.crash_text import place
from actors.errors import RoostError
from actors.reasons import KILLED, Crash, Reason
from actors.runtime import monitors, registry
from actors.runtime.cell import Cell
from actors.runtime.lifecycle import Event, State
from actors.runtime.mailbox import answer_dead

# Bound here: a look-up of an enum's member costs as much as a call.
_CLOSING, _GONE = State.CLOSING, State.GONE
_ENDING, _ENDED, _KILLED = Event.ENDING, Event.ENDED, Event.KILLED

CRASHES: Final = CrashLog(logging.getLogger("roost.runtime"))


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


def end(cell: Cell, reason: Reason, *, started: bool = True) -> None:
    """Close the mailbox, run the hooks, answer waiting askers and tell the watchers.

    Of one that has not ``started``, nothing but the failure and :meth:`Actor.on_ending` is due.
    """
    actor = cell.actor
    try:
        if cell.move(_ENDING) is _CLOSING:  # else killed meanwhile: that was the end
            registry.unregister(cell)
            if isinstance(reason, Crash):
                run_hook(actor.on_crash, reason)
                _tell_crash(cell, reason.exception)
            run_hook(actor.on_ending, reason)
            if started:
                run_hook(actor.on_terminate, reason)
    finally:
        if cell.state is _GONE:
            unwound(cell)
        else:
            finish(cell, _ENDED, reason)
            cell.unwound()


def _tell_crash(cell: Cell, error: BaseException) -> None:
    if telemetry.listens("actor.crashed"):
        about = {
            "actor": type(cell.actor),
            "callback": place(error),
            "error": error,
            "id": cell.actor.actor_urn,
        }
        try:
            telemetry.execute("actor.crashed", {"count": 1}, about)
        except ActorKilled:
            pass  # while a handler blocked, as in any hook of the end


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
    name = hook.__name__.replace("on_terminate", "terminate")
    report(hook.__self__.actor_inbox, error, f"%s: {name} failed")


def report(cell: Cell, error: BaseException, words: str) -> None:
    """Log ``words``, with the actor for their ``%s``, and what was raised there."""
    CRASHES.log(error, words, cell, owner=type(cell.actor))


def finish(cell: Cell, event: Event, reason: Reason) -> None:
    """End the actor: answer whoever waits for it, and tell its watchers."""
    left = cell.end(event, reason)
    try:
        cell.actor.on_ended(reason, left)
    except Exception as error:  # noqa: BLE001 - the others are told all the same
        report_failure(cell.actor.on_ended, error)
    if cell.asked is not None:
        refuse_asked(cell, None)
    for item in left:
        answer_dead(cell, item)
    if cell.stopped is not None:
        cell.stopped.set()
    if cell.monitors is not None:
        monitors.ended(cell, reason)


def refuse_asked(cell: Cell, cause: BaseException | None) -> None:
    """Answer the question that is being handled, if there is one, with ``ActorDeadError``."""
    asked = cell.answered()
    if asked is not None:
        answer_dead(cell, asked, cause)


def kill(cell: Cell) -> None:
    """End an actor at once: everybody is told before the greenlet, if any, has unwound.

    Raises :class:`ActorKilled` where that greenlet is the caller's.
    """
    if cell.state is _GONE:
        return
    registry.unregister(cell)
    finish(cell, _KILLED, KILLED)
    carrier = cell.owner
    if not isinstance(carrier, greenlet):
        unwound(cell)
    elif carrier is getcurrent():
        raise ActorKilled
    else:
        cell.dispatcher.hub.loop.run_callback(_throw, cell, carrier)


def _throw(cell: Cell, carrier: greenlet) -> None:
    if cell.owner is carrier:  # else it has got to its end by itself meanwhile
        carrier.throw(ActorKilled)


def unwound(cell: Cell) -> None:
    """No greenlet runs a killed actor any more."""
    cell.unwound()
    try:
        cell.actor.on_killed()
    except Exception as error:  # noqa: BLE001 - it is not the killer's affair
        report_failure(cell.actor.on_killed, error)
