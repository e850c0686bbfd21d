"""Who runs what exists once, and how the other workers talk to it.

Each worker tells its peers when it runs it, with its number, and when no more; the greatest number
counts. A :class:`OnceRef` looks that up each time, so it may be kept. What it sends are plain
values (:mod:`actors.packets`), and copies, wherever the child runs: an application that is right in
one process is so in many.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from greenlet import getcurrent
from pykka import ActorDeadError

from actors import telemetry
from actors.crash_log import capped
from actors.crash_text import described
from actors.errors import AskFailed, MailboxFull
from actors.packets import pack, unpack
from actors.pubsub.cluster import Cluster, Reply
from actors.runtime import names
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.future import Future
from actors.runtime.mailbox import Envelope
from actors.runtime.ref import Ref

logger = logging.getLogger("roost.endpoint")

LINES: Final = capped(logger)

KIND: Final = "once"
"""The kind of our requests and notices."""

ASK_TIMEOUT: Final = 5.0
"""Seconds that an ``ask`` waits for its answer where it does not say."""

MAX_TIMEOUT: Final = 86_400.0
"""Seconds that an ``ask`` can wait: a day."""

PATIENCE: Final = 1.0
"""Seconds that the link waits for an answer beyond that: so it is late, and not lost."""


NOBODY: Final = "nobody runs it"
FULL: Final = "too much waits to be sent"
"""Why a message is dropped."""


class OnceRef:
    """What :func:`actors.whereis` returns for what exists once; may be kept, for any thread.

    There need not be anybody: while the child moves from one worker to the next, or restarts, what
    it is told is dropped (and counted: ``once.dropped``).
    """

    def __init__(self, name: str, forwarder: Forwarder) -> None:
        self.name = name
        self._forwarder = forwarder

    def __repr__(self) -> str:
        return f"<OnceRef {self.name!r}>"

    def tell(self, message: Any) -> None:
        """Send it ``message``, a copy; nobody learns whether it arrived.

        ``TypeError``: the message holds something that is no plain value; ``ValueError``: it has
        over 4 MiB.
        """
        packed = pack(message)
        _on_loop(lambda: self._forwarder.tell(self.name, packed))

    def ask(self, message: Any, *, block: bool = True, timeout: float = ASK_TIMEOUT) -> Any:
        """Send it ``message``, a copy, and return a copy of its answer; without ``block`` a future.

        ``timeout`` is in seconds, above 0 and at most a day, 5 by default; there is no waiting for
        ever, so ``None`` is a ``TypeError``. Else it is a ``TypeError`` or a ``ValueError`` too,
        wherever the child runs. ``pykka.ActorDeadError``: nobody runs it, or it ended before it
        answered. ``pykka.Timeout``: it has not answered in time.
        :class:`~actors.errors.AskFailed`: it raised, or answered what is no plain value; or too
        much waits to be sent to its worker, or by that one to us.
        ``RuntimeError``: it asks itself. ``TypeError`` and ``ValueError``: as of :meth:`tell`.
        """
        _check_timeout(timeout)
        packed = pack(message)
        future: Future[Any] = Future()
        asker = getcurrent()

        def settle(answer: Any) -> None:
            match answer:
                case ["ok", value]:
                    future.set(value)
                case ["failed", str(why)]:
                    _refuse(future, AskFailed(f"{self.name}: {why}"))
                case _:
                    _refuse(future, ActorDeadError(f"nobody runs {self.name}"))

        def send() -> None:
            local = local_ref(self.name)
            if block and local is not None and local.actor_inbox.owner is asker:
                _refuse(future, RuntimeError(f"{self.name} would wait for its own answer"))
            else:
                self._forwarder.ask(self.name, packed, timeout, settle)

        _on_loop(send)
        return future.get(timeout=timeout) if block else future


class Forwarder:
    """One process's end. ``cluster`` links it to the others; ``None``: it is alone."""

    def __init__(self, children: Sequence[str], cluster: Cluster | None = None) -> None:
        self._names = frozenset(children)
        self._refs = [OnceRef(name, self) for name in children]
        self._cluster = cluster
        self._number: int | None = None
        self._holder: tuple[int, str] | None = None
        """The number and the name of the other worker that runs it."""
        if cluster is not None:
            cluster.serve(KIND, self._serve)
            cluster.joined(self._joined)
            cluster.gone(self._gone)

    def begin(self) -> None:
        """Have :func:`actors.whereis` find the children by us."""
        for ref in self._refs:
            names.forward(ref.name, ref)

    def end(self) -> None:
        """Undo :meth:`begin`."""
        for ref in self._refs:
            names.forward_no_more(ref.name, ref)

    # -- whereabouts

    def runs(self, number: int | None) -> None:
        """Tell the others that this worker runs the children, or no more."""
        before, self._number = self._number, number
        said = ["runs", number] if number is not None else ["ended", before]
        if number != before:
            self._tell_all(said)

    def _tell_all(self, said: list[Any]) -> None:
        if self._cluster is not None:
            self._cluster.notify_all(KIND, said)

    def renew(self) -> None:
        """Tell them again: a notice may have been lost."""
        if self._number is not None:
            self._tell_all(["runs", self._number])

    def _joined(self, worker: str) -> None:
        if self._number is not None and self._cluster is not None:
            self._cluster.notify(worker, KIND, ["runs", self._number])

    def _gone(self, worker: str) -> None:
        if self._holder is not None and self._holder[1] == worker:
            self._holder = None

    # -- what is sent

    def tell(self, name: str, packed: bytes) -> None:
        """Forward a message; on the loop."""
        if local_ref(name) is not None:
            _tell(name, unpack(packed))
        elif self._holder is None or self._cluster is None:
            _dropped(name, NOBODY)
        elif not self._cluster.notify(self._holder[1], KIND, ["tell", name, packed]):
            _dropped(name, FULL if self._cluster.reaches(self._holder[1]) else NOBODY)

    def ask(self, name: str, packed: bytes, timeout: float, reply: Reply) -> None:
        """Forward a question; on the loop."""
        if local_ref(name) is not None:
            _ask(name, unpack(packed), reply)
        elif self._holder is None or self._cluster is None:
            reply(None)
        else:
            worker, wait = self._holder[1], timeout + PATIENCE
            if not self._cluster.request(worker, KIND, ["ask", name, packed], wait, reply):
                reply(["failed", FULL] if self._cluster.reaches(worker) else None)

    # -- what others send

    def _serve(self, worker: str, body: Any, reply: Reply | None) -> None:
        match body:
            case ["tell", str(name), bytes(packed)] if name in self._names:
                _tell(name, unpack(packed))
            case ["ask", str(name), bytes(packed)] if reply is not None and name in self._names:
                _ask(name, unpack(packed), self._answering(worker, name, reply))
            case ["runs", int(number)]:
                if self._holder is None or number >= self._holder[0]:
                    self._holder = number, worker
            case ["ended", int(number)]:
                if self._holder is not None and self._holder == (number, worker):
                    self._holder = None
            case _:  # a later release says more, or has another child
                logger.debug("%s said of what exists once: %.100r", worker, body)
                if reply is not None:
                    reply(None)

    def _answering(self, worker: str, name: str, reply: Reply) -> Reply:
        """Return a ``reply`` that tells who asked where there is no room for the answer."""

        def answer(given: Any) -> None:
            cluster = self._cluster
            if reply(given) is False and cluster is not None and cluster.reaches(worker):
                _dropped(name, FULL)
                reply(["failed", f"the answer: {FULL}"])

        return answer


class Answer:
    """Pykka's future, as far as an actor that answers knows it: the answer goes to ``reply``."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def set(self, value: Any = None) -> None:
        """Answer with ``value``."""
        try:
            copy = unpack(pack(value))
        except (TypeError, ValueError) as error:
            self._reply(["failed", f"the answer: {error}"])
        else:
            self._reply(["ok", copy])

    def set_exception(self, exc_info: Any = None) -> None:
        """Answer that it raised ``exc_info[1]``, or what is being handled."""
        error: BaseException | None = sys.exc_info()[1] if exc_info is None else exc_info[1]
        if error is None or isinstance(error, ActorDeadError):
            self._reply(None)
        else:
            self._reply(["failed", described(error)])


def _check_timeout(timeout: object) -> None:
    wanted = f"must be a number of seconds above 0, and at most {MAX_TIMEOUT:g}"
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout={timeout!r:.80}: {wanted}")
    if not 0 < timeout <= MAX_TIMEOUT:
        raise ValueError(f"timeout={timeout!r:.80}: {wanted}")


def local_ref(name: str) -> Ref[Any] | None:
    """Return the ref of the actor that has the name in this process."""
    ref = names.local(name)
    return ref if isinstance(ref, Ref) else None


def _tell(name: str, message: Any) -> None:
    ref = local_ref(name)
    try:
        if ref is None:
            _dropped(name, NOBODY)
        else:
            ref.tell(message)
    except ActorDeadError:
        _dropped(name, NOBODY)
    except MailboxFull:
        _dropped(name, "its mailbox is full")


def _ask(name: str, message: Any, reply: Reply) -> None:
    ref = local_ref(name)
    if ref is None or ref.actor_inbox.closed:
        reply(None)
        return
    try:
        answer: Any = Answer(reply)
        ref.actor_inbox.put(Envelope(message, reply_to=answer))
    except MailboxFull as error:
        reply(["failed", str(error)])


def _dropped(name: str, reason: str) -> None:
    if reason is FULL:
        LINES.log(logging.WARNING, name, "%s: a message or an answer was dropped: %s", name, FULL)
    telemetry.execute("once.dropped", {"count": 1}, {"name": name, "reason": reason})


def _refuse(future: Future[Any], error: Exception) -> None:
    future.set_exception((type(error), error, None))


def _on_loop(function: Callable[[], object]) -> None:
    dispatcher = get_dispatcher()
    if dispatcher.on_this_thread():
        function()
    else:
        dispatcher.call_from_thread(function)
