"""Who watches whom. Both sides keep the pair, so that neither outlives the other in a table."""

from __future__ import annotations

from collections.abc import Callable

from actors.messages import Down
from actors.reasons import NOPROC, Reason
from actors.runtime.cell import Cell, next_number
from actors.runtime.mailbox import SystemEnvelope


def watch(watcher: Cell, watched: Cell) -> int:
    """Have ``watcher`` told when ``watched`` ends; at once where it has ended already."""
    number = next_number()
    if watched.reason is not None:
        deliver(watcher, Down(number, watched.actor.actor_ref, NOPROC))
    elif watcher.reason is None:
        watched.tables().watchers[number] = watcher
        watcher.tables().watched[number] = watched
    return number


def unwatch(watcher: Cell, number: int) -> None:
    """Stop watching; a notice that is queued already still comes."""
    watched = watcher.tables().watched.pop(number, None)
    if watched is not None:
        watched.tables().watchers.pop(number, None)


def at_end(cell: Cell, callback: Callable[[Cell], object]) -> bool:
    """Call ``callback(cell)``, which must not block or raise, when its actor ends.

    ``False``, and no call, where it has ended already.
    """
    if cell.reason is not None:
        return False
    cell.tables().callbacks.append(callback)
    return True


def ended(cell: Cell, reason: Reason) -> None:
    """Tell the watchers of an actor, and end its own watching."""
    monitors = cell.unwatched()
    for number, watched in monitors.watched.items():
        watched.tables().watchers.pop(number, None)
    for number, watcher in monitors.watchers.items():
        watcher.tables().watched.pop(number, None)
        deliver(watcher, Down(number, cell.actor.actor_ref, reason))
    for callback in monitors.callbacks:
        callback(cell)


def deliver(cell: Cell, message: object) -> None:
    """Queue what the runtime itself sends, past the mailbox's bounds."""
    cell.accept(SystemEnvelope(message))
