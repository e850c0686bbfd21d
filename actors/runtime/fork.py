"""What a forked child has of the runtime: nothing.

``os.fork`` copies actors, the epoll set and gevent's loop, so that a child that went on with them
would answer its parent's clients. In the child, therefore, before ``os.fork`` returns there:

* the registry is empty, as are names, and a ref of the parent's actor is dead: ``tell`` raises
  ``pykka.ActorDeadError``; no hook runs and no monitor is told;
* the child's copy of the epoll set is closed, so that nothing it does reaches the parent's;
* ``get_dispatcher``, and so the start of an actor, raises ``RuntimeError``.

A handler that was blocked is copied too, and goes on if the child runs gevent's loop. So a child of
a process that has a dispatcher must exec or leave; start processes with ``subprocess``. A process
that forks before it has one loses nothing: each child makes its own.
"""

from __future__ import annotations

import os

from actors import crash_log
from actors.reasons import NOPROC
from actors.runtime import dispatcher, names, registry


def _in_child() -> None:
    for cell in registry.forget():
        cell.abandon(NOPROC)
    names.forget()
    dispatcher.abandon()
    crash_log.forget()


os.register_at_fork(after_in_child=_in_child)
