"""What a callback answered beside a single message, taken apart: a list, or a ``Stop``.

A ``Reply`` or a ``Push`` is each transport's own to send, and inline there: it is what nearly every
callback answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors import results
from actors.reasons import as_reason
from actors.results import Push, Reply, Stop
from actors.runtime.exits import Exit
from transports import closing

Deliver = Callable[[Reply | Push], object]


def deliver_all(several: Iterable[object], deliver: Deliver) -> None:
    """Call ``deliver`` for each; ``TypeError`` at what is neither ``Reply`` nor ``Push``."""
    for one in several:
        if not isinstance(one, Reply | Push):
            raise TypeError(f"a list with {one!r:.80}; accepted: {results.type_names}")
        deliver(one)


def deliver_rest(result: object, deliver: Deliver) -> None:
    """Do as a transport must with what a callback answered, unless it is a ``Reply`` or a ``Push``.

    The parts of a list go to ``deliver``, and so does what a ``Stop`` pushes: then :class:`Exit`
    ends the actor, for the reason that it says. Its close code is checked, also where none is sent.
    ``TypeError``: it is no result.
    """
    if isinstance(result, list):
        deliver_all(result, deliver)
    elif isinstance(result, Stop):
        closing.stop_frame(result)
        deliver_all(result.push, deliver)
        raise Exit(as_reason(result.reason))
    else:
        raise TypeError(f"a callback answered {result!r:.80}; accepted: {results.type_names}")
