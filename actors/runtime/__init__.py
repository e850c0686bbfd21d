"""The actor runtime: mailboxes, carriers, timers, and the Pykka actor on top of them."""

from actors.runtime import fork  # noqa: F401 - settles what a forked child may do
from actors.runtime.actor import Actor, ActorKilled, StartError
from actors.runtime.dispatcher import Dispatcher, get_dispatcher
from actors.runtime.future import Future
from actors.runtime.ref import Ref
from actors.runtime.timers import Timer, Timers

__all__ = [
    "Actor",
    "ActorKilled",
    "Dispatcher",
    "Future",
    "Ref",
    "StartError",
    "Timer",
    "Timers",
    "get_dispatcher",
]
