"""Events with measurements, to be counted or logged (after ``:telemetry``).

``attach`` a handler to an event by name; ``execute`` calls the handlers in the order they came. A
handler runs where the event happens and must not block; one that raises is logged and detached.

=========================== ============================================ ==========================
event                       measurements                                 metadata
=========================== ============================================ ==========================
``pubsub.gap``              ``missing`` (messages)                       ``publisher`` (worker)
``pubsub.dropped``          ``count`` (messages not queued for a peer)   ``peer`` (worker)
``pubsub.link``             ``up`` (1 or 0)                              ``peer`` (worker, or
                                                                         ``"redis"``)
``pubsub.malformed``        ``count`` (messages that are not ours)       ``peer``
``pubsub.renumbered``       ``count`` (wrong numbers that were believed) ``publisher``
``pubsub.refused``          ``count`` (mailboxes that were full)         ``topic``
``pubsub.unknown``          ``count`` (of a newer worker: passed over)   ``kind``
``socket.connected``        ``duration`` (seconds of ``connect``)        ``socket`` (a class),
                                                                         ``info``, ``accepted``
``carriers.many``,          ``blocked``, ``limit`` (turns)               ``where`` (most of them
``carriers.full``                                                        block, of the oldest)
``carriers.free``           the same, when they are few again
``channel.joined``          ``duration`` (seconds of ``join``)           ``channel`` (a class),
                                                                         ``topic``
``channel.handled_in``      ``duration`` (seconds of the callback for a  ``channel``, ``topic``,
                            client's event)                              ``event``
``channel.refused``         ``count`` (error replies that are ours, and  ``owner`` (a channel's or
                            joins that the application refused)          a socket's class),
                                                                         ``topic``, ``reason``
``channel.closed``          ``count`` (channels that were joined)        ``channel``, ``topic``,
                                                                         ``reason``
``presence.diff``           ``joins``, ``leaves`` (metas), ``size``      ``presence`` (a class),
                            (bytes of its payload): told here            ``topic``
``presence.replica``        ``count`` (another worker's set)             ``presence`` (a name),
                                                                         ``replica``, ``status``
                                                                         (``"up"``, ``"down"`` or
                                                                         ``"gone"``)
``presence.malformed``      ``count`` (messages that are not presence's) ``peer`` (worker)
``publish.request``         ``status``, ``count`` (messages that were    ``path``, ``peer`` (an
                            accepted), ``size`` (bytes of the body)      address, or ``unix``)
``drain.batch``             ``index``, ``count`` (connections), ``left``  ``drainer``
``once.appointed``          ``number`` (once_number): it runs here       ``names``
``once.lost``               ``number``, ``held`` (seconds): no more      ``names``, ``reason``
``once.dropped``            ``count`` (told to nobody, or unsent)        ``name``, ``reason``
``supervisor.restart``      ``count`` (restarts in the period)           ``supervisor``, ``child``
=========================== ============================================ ==========================
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
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
    """Tell the handlers of ``event``; with none this costs one look-up."""
    for handler in attached.get(event, ()):
        try:
            handler(event, measurements, metadata or {})
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are told
            CRASHES.log(error, "a handler of %r failed and is detached", event)
            detach(event, handler)
