"""Events with measurements, to be counted or logged (after ``:telemetry``).

``attach`` a handler to an event by name; ``execute`` calls the handlers in the order they came, and
``span`` tells the begin and the end of a block. A handler runs where the event happens and must not
block; one that raises is logged and detached.

Each event, its measurements with their units, and its metadata; docs/events.md says when it is told
(``make docs`` makes both of :mod:`actors.events`):

* ``endpoint.start``: ``duration`` (seconds); ``addresses``, ``workers``
* ``endpoint.stop``: ``duration`` (seconds), ``orderly`` (0 or 1); ``addresses``, ``workers``,
  ``reason``
* ``endpoint.failed``: ``duration`` (seconds); ``addresses``, ``workers``, ``reason``
* ``worker.started``: ``count`` (times); ``slot``, ``name``, ``pid``
* ``worker.ready``: ``boot`` (seconds); ``slot``, ``name``, ``pid``
* ``worker.ended``: ``duration`` (seconds); ``slot``, ``name``, ``pid``, ``status``
* ``reload.start``: ``count`` (workers); ``trigger``
* ``reload.stop``: ``duration`` (seconds); ``trigger``
* ``reload.failed``: ``duration`` (seconds); ``trigger``, ``error``
* ``ops.deed``: ``count`` (times); ``deed``, ``target``, ``address``
* ``supervisor.restart``: ``count`` (restarts); ``supervisor``, ``child``, ``reason``
* ``supervisor.gave_up``: ``count`` (restarts); ``supervisor``, ``child``, ``reason``
* ``drain.start``: ``total`` (connections); ``drainer``
* ``drain.batch``: ``index`` (a number), ``count`` (connections), ``left`` (connections);
  ``drainer``
* ``drain.stop``: ``duration`` (seconds), ``total`` (connections), ``late`` (connections);
  ``drainer``
* ``connection.opened``: ``open`` (connections); ``id``, ``mount``, ``transport``, ``peer``
* ``connection.closed``: ``duration`` (seconds), ``bytes_in`` (bytes), ``bytes_out`` (bytes),
  ``messages_in`` (messages), ``messages_out`` (messages); ``id``, ``mount``, ``transport``,
  ``peer``, ``reason``, ``code``, ``by``
* ``connection.refused``: ``count`` (times); ``mount``, ``cause``, ``status``
* ``connection.slow_consumer``: ``queued`` (bytes); ``id``, ``mount``, ``transport``
* ``socket.connected``: ``duration`` (seconds); ``socket``, ``info``, ``accepted``
* ``longpoll.opened``: ``open`` (sessions); ``id``, ``mount``
* ``longpoll.closed``: ``duration`` (seconds), ``messages`` (messages); ``id``, ``mount``,
  ``reason``
* ``http.request``: ``duration`` (seconds), ``bytes`` (bytes); ``route``, ``method``, ``path``,
  ``status``, ``peer``, ``request``
* ``actor.crashed``: ``count`` (times); ``actor``, ``callback``, ``error``, ``id``
* ``mailbox.overflow``: ``messages`` (messages), ``bytes`` (bytes); ``actor``, ``policy``
* ``carriers.many``: ``blocked`` (turns), ``limit`` (turns); ``where``
* ``carriers.full``: ``blocked`` (turns), ``limit`` (turns); ``where``
* ``carriers.free``: ``blocked`` (turns), ``limit`` (turns)
* ``channel.joined``: ``duration`` (seconds); ``channel``, ``topic``
* ``channel.left``: ``duration`` (seconds); ``channel``, ``topic``
* ``channel.closed``: ``count`` (times); ``channel``, ``topic``, ``reason``
* ``channel.handled_in``: ``duration`` (seconds); ``channel``, ``topic``, ``event``
* ``channel.refused``: ``count`` (times); ``owner``, ``topic``, ``reason``
* ``message.undecodable``: ``bytes`` (bytes); ``socket``, ``serializer``, ``cause``
* ``message.undeliverable``: ``bytes`` (bytes); ``topic``, ``event``, ``serializer``, ``cause``
* ``presence.diff``: ``joins`` (metas), ``leaves`` (metas), ``size`` (bytes); ``presence``,
  ``topic``
* ``presence.replica``: ``count`` (times); ``presence``, ``replica``, ``status``
* ``presence.malformed``: ``count`` (times); ``peer``
* ``pubsub.gap``: ``missing`` (messages); ``publisher``
* ``pubsub.dropped``: ``count`` (messages); ``peer``
* ``pubsub.link``: ``up`` (0 or 1); ``peer``
* ``pubsub.malformed``: ``count`` (times); ``peer``
* ``pubsub.renumbered``: ``count`` (times); ``publisher``
* ``pubsub.refused``: ``count`` (messages); ``topic``
* ``pubsub.unknown``: ``count`` (times); ``kind``
* ``publish.request``: ``status`` (an HTTP status), ``count`` (messages), ``size`` (bytes);
  ``path``, ``peer``
* ``once.appointed``: ``number`` (a number); ``names``
* ``once.lost``: ``number`` (a number), ``held`` (seconds); ``names``, ``reason``
* ``once.dropped``: ``count`` (messages); ``name``, ``reason``
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from actors.crash_log import CrashLog

Handler = Callable[[str, Mapping[str, float], Mapping[str, Any]], object]

CRASHES: Final = CrashLog(logging.getLogger("roost.telemetry"))

attached: Final[dict[str, tuple[Handler, ...]]] = {}
"""The handlers of each event that has some: to be looked at, not to be changed."""


def attach(event: str, handler: Handler) -> None:
    """Call ``handler(event, measurements, metadata)`` for each ``event``; twice is once."""
    known = attached.get(event, ())
    if handler not in known:
        attached[event] = (*known, handler)


def detach(event: str, handler: Handler) -> None:
    """Stop calling ``handler``; nothing happens where it is not attached."""
    rest = tuple(known for known in attached.get(event, ()) if known != handler)
    if rest:
        attached[event] = rest
    else:
        attached.pop(event, None)


def listens(event: str) -> bool:
    """Whether a handler is attached to ``event``: else what it would be told need not be made."""
    return event in attached


def execute(
    event: str, measurements: Mapping[str, float], metadata: Mapping[str, Any] | None = None
) -> None:
    """Tell the handlers of ``event``; with none this costs one look-up.

    Whatever a handler raises is logged, and that handler is detached. Only what was thrown in from
    outside, while a handler blocked, is raised here: a kill, or a timeout around all of it.
    """
    for handler in attached.get(event, ()):
        try:
            handler(event, measurements, metadata or {})
        except BaseException as error:  # whatever it is, the others are told
            if _is_from_outside(error):
                raise
            CRASHES.log(error, "a handler of %r failed and is detached", event)
            detach(event, handler)


@contextmanager
def span(event: str, metadata: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Tell ``event`` with ``.start`` before a block, and with ``.stop`` behind it.

    The start has the ``time`` in seconds since the epoch. Where the block raises, ``.exception``
    takes the place of the stop: its metadata have the exception as ``error``, which goes on. Both
    have the ``duration`` of the block in seconds. What they tell beside is the mapping that
    ``with`` gives, which begins as ``metadata`` and may be added to.
    """
    about = dict(metadata or {})
    execute(f"{event}.start", {"time": time.time()}, dict(about))
    began = time.perf_counter()
    try:
        yield about
    except BaseException as error:
        duration = time.perf_counter() - began
        execute(f"{event}.exception", {"duration": duration}, {**about, "error": error})
        raise
    duration = time.perf_counter() - began
    execute(f"{event}.stop", {"duration": duration}, about)


def _is_from_outside(error: BaseException) -> bool:
    """Whether ``error`` is not the handler's own: somebody's interrupt, or thrown in by gevent.

    Then it came out of a switch of greenlets, and its last frame is gevent's. An ``Exception`` is
    the handler's in any case: that is how what it called failed.
    """
    if isinstance(error, Exception):
        return False
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = "" if frame is None else str(frame.tb_frame.f_globals.get("__name__"))
    return isinstance(error, KeyboardInterrupt) or where.partition(".")[0] == "gevent"
