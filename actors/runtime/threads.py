"""A call that blocks where gevent cannot know, on a thread of gevent's pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from gevent import get_hub

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return ``function(*args, **kwargs)``, called on a thread; raise what it raises.

    For what blocks in C or computes for long: sqlite3, bcrypt, pillow. The callback that calls this
    waits, other connections do not notice. The pool is that of gevent's hub: 10 threads, further
    calls wait for one (``GEVENT_THREADPOOL`` and ``gevent.get_hub().threadpool.maxsize``). Pure
    Python holds the interpreter's lock on a thread, too: give that to another process.

    ``function`` must use nothing of gevent's (so no patched ``subprocess``) and no socket's
    ``push``; what it may do is ``tell``. A caller that is killed is not waited for by the thread,
    which goes on to the end.
    """
    outcome: list[T] = []

    def call() -> BaseException | None:
        try:
            outcome.append(function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - for the caller: the pool would print it
            return error
        return None

    error: BaseException | None = get_hub().threadpool.spawn(call).get()
    if error is not None:
        raise error
    return outcome[0]
