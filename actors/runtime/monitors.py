"""Who watches whom. Both sides keep the pair, so that neither outlives the other in a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.messages import Down
from actors.reasons import NOPROC, Reason
from actors.runtime import registry

if TYPE_CHECKING:
    from actors.runtime.actor import Actor


class Monitors:
    """The two tables of one actor, by monitor number; and what else is called at its end."""

    __slots__ = ("callbacks", "watched", "watchers")

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Actor], object]] = []
        self.watchers: dict[int, Actor] = {}
        self.watched: dict[int, Actor] = {}


class Notice:
    """An envelope whose message the runtime itself sends."""

    __slots__ = ("message",)
    reply_to = None
    weight = 0

    def __init__(self, message: Any) -> None:
        self.message = message


def of(actor: Actor) -> Monitors:
    """Return the tables of ``actor``, made on demand: few actors are watched."""
    inbox = actor.actor_inbox
    if inbox.monitors is None:
        inbox.monitors = Monitors()
    return inbox.monitors


def watch(watcher: Actor, watched: Actor) -> int:
    """Have ``watcher`` told when ``watched`` ends; at once where it has ended already."""
    number = registry.number()
    if watched.exit_reason is not None:
        deliver(watcher, Down(number, watched.actor_ref, NOPROC))
    elif watcher.exit_reason is None:
        of(watched).watchers[number] = watcher
        of(watcher).watched[number] = watched
    return number


def unwatch(watcher: Actor, number: int) -> None:
    """Stop watching; a notice that is queued already still comes."""
    watched = of(watcher).watched.pop(number, None)
    if watched is not None:
        of(watched).watchers.pop(number, None)


def at_end(actor: Actor, callback: Callable[[Actor], object]) -> bool:
    """Call ``callback(actor)``, which must not block or raise, when ``actor`` ends.

    ``False``, and no call, where it has ended already.
    """
    if actor.exit_reason is not None:
        return False
    of(actor).callbacks.append(callback)
    return True


def ended(actor: Actor, reason: Reason) -> None:
    """Tell the watchers of ``actor``, and end its own watching."""
    inbox = actor.actor_inbox
    monitors, inbox.monitors = inbox.monitors, None
    if monitors is None:
        return
    for number, watched in monitors.watched.items():
        of(watched).watchers.pop(number, None)
    for number, watcher in monitors.watchers.items():
        of(watcher).watched.pop(number, None)
        deliver(watcher, Down(number, actor.actor_ref, reason))
    for callback in monitors.callbacks:
        callback(actor)


def deliver(actor: Actor, message: object) -> None:
    """Queue a notice, past the mailbox's bounds: the runtime sees to it that they are few.

    There is at most one :class:`Down` per monitor.
    """
    inbox = actor.actor_inbox
    if not inbox.closed:
        inbox.items.append(Notice(message))
        inbox.told += 1
        inbox.wake()
