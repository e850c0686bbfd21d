"""The actor runtime: mailboxes, carriers, timers, and the Pykka actor on top of them.

From the ground up, each knowing what stands before it and nothing after:

* ``timers``, ``carrier``, ``descriptors``, ``dear``, ``blocked``, ``stuck``, ``rounds`` and
  ``reserve`` are the parts of the ``dispatcher``, which reads connections and runs what is ready.
  It knows runnables, and not actors. A ``future`` waits on it. What fails is logged by
  :mod:`actors.crash_log`;
* ``cell`` is the record of one actor, which its ``lifecycle`` moves: only its methods write it.
  ``turns`` is the part of it that every message passes, which a compiled build has in C.
  ``mailbox`` says what may be put into one, ``ref`` is what others hold of it;
* ``registry`` and ``monitors`` are about many cells, ``exits`` is how one ends;
* ``actor`` is the class to derive from; ``names`` and ``fork`` know all of it.

Everything runs on the dispatcher's thread but what says that it is callable from any. Applications
use what is named below, by way of ``actors``. Transports use the dispatcher, and of a cell
``offer``, ``add``, ``signal`` and ``take_first``.
"""

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
