"""``Socket``: one connection's state and callbacks, as an actor (Phoenix.Socket.Transport).

A socket knows nothing of bytes. Its transport accepts the client, asks :meth:`Socket.connect`,
starts the actor, puts what the client sends into its mailbox and turns results into frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from actors.messages import ConnectInfo, Control, Gone, Opcode, Receipt
from actors.reasons import KILLED, Reason
from actors.results import Error, Ok, Push, Reply, Stop
from actors.runtime.actor import Actor, Exit
from actors.runtime.exits import run_hook
from supervision.drainer import drainer_spec
from supervision.draining import DrainOptions
from supervision.pool import pool_spec

if TYPE_CHECKING:
    from supervision.specs import ChildSpec

TEXT, BINARY = Opcode.TEXT, Opcode.BINARY

Result = None | Reply | Push | Stop | list[Reply | Push]
"""What ``handle_in``, ``handle_control`` and ``handle_info`` may answer."""


class Transport(Protocol):
    """What a socket needs of its transport; every call runs on the loop's thread."""

    def deliver(self, result: Any) -> None:
        """Send what a callback answered; end the actor for a ``Stop``. ``TypeError`` otherwise."""

    def flush(self) -> None:
        """Send what was delivered in this turn."""

    def on_blocked(self) -> None:
        """The turn blocked: send what was delivered in it so far."""

    def on_ended(self, reason: Reason) -> None:
        """The actor ends: tell the client and let go of it. Only the first call counts."""


class Socket(Actor):
    """Subclass it; override what you need.

    ``state`` is what ``connect`` accepted with, as ``init`` answered it. Callbacks of one socket
    never run at the same time, and may block: other connections do not notice. Whatever a callback
    raises ends this connection alone, with close code 1011.
    """

    mailbox_messages = 1000
    mailbox_bytes = 1024 * 1024
    mailbox_policy = "stop"

    state: Any
    __terminate_ran = False

    def __init__(self, transport: Transport, state: Any = None) -> None:
        super().__init__()
        self.__transport = transport
        self.state = state

    @property
    def transport(self) -> Transport:
        """What operates this socket, see docs/writing-a-transport.md."""
        return self.__transport

    # -- the contract

    @classmethod
    def child_spec(cls, options: Mapping[str, Any]) -> ChildSpec | None:  # noqa: ARG003
        """Answer what to start under the endpoint for this class; by default a pool.

        Called once per class, however often it is mounted. ``options`` are those of the mount that
        was declared last, and beside them ``"endpoint"``, ``"grace"`` (seconds that a shutdown may
        take) and ``"drainer"`` (:class:`~supervision.draining.DrainOptions`, or ``None``).

        Must answer one of: a child's spec (:func:`supervision.specs.child_spec`); ``None`` for
        nothing. What the default pool is for: :mod:`supervision.pool`.
        """
        return pool_spec(cls)

    @classmethod
    def drainer_spec(cls, options: Mapping[str, Any]) -> ChildSpec | None:
        """Answer what to start late in the endpoint's tree, so that its end drains.

        Called and answered as :meth:`child_spec`. The default is a
        :class:`~supervision.drainer.Drainer`, or nothing where the mount says ``drainer=False``.
        """
        drain: DrainOptions | None = options.get("drainer", DrainOptions())
        return None if drain is None else drainer_spec(cls, drain)

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:  # noqa: ARG003
        """Accept or refuse a client, before its actor exists; for authorisation.

        Must answer one of:

        * ``Ok(state)``: accepted;
        * ``Error()`` or ``Error(reason)``: refused, with 403 or what ``error_handler`` makes of it.
        """
        return Ok(None)

    def init(self, state: Any) -> Ok:
        """Run once inside the actor, before any message. Must answer ``Ok(state)``."""
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Opcode) -> Result:  # noqa: ARG002
        """Handle a message of the client: ``str`` with ``TEXT``, ``bytes`` with ``BINARY``.

        Must answer one of: ``None``; ``Reply(payload)`` or ``Push(payload)`` or a list of those;
        ``Stop(reason)``.
        """
        return None

    def handle_control(self, payload: bytes | None, opcode: Opcode) -> Result:  # noqa: ARG002
        """Handle a ``PING`` (answered already) or ``PONG``; answers as :meth:`handle_in`.

        ``payload`` is ``None`` when the frame had none. Only WebSocket has control frames.
        """
        return None

    def handle_info(self, message: Any) -> Result:  # noqa: ARG002
        """Handle any other message told to the actor; answers as :meth:`handle_in`."""
        return None

    def terminate(self, reason: Reason) -> None:
        """Run exactly once after ``init``, however the connection ends; the answer is ignored.

        ``Closed`` says that the client went away. After a kill it runs when the actor is gone
        already, with ``Killed``.
        """

    # -- what a socket may call

    def push(self, payload: str | bytes, opcode: Opcode | None = None) -> None:
        """Send something from within a callback, at the latest when the callback blocks or ends."""
        self.__transport.deliver(Push(payload, opcode))
        if self.actor_inbox.batch is None:  # not within a turn that ends by a flush
            self.__transport.flush()

    # -- what a transport calls

    def on_events(self, events: list[Any]) -> None:
        """Queue what the client sent: ``str``, ``bytes``, ``Control``, ``Receipt`` or ``Gone``.

        Call it on the dispatcher's thread; it never blocks. Nothing bounds the queue but the
        transport's own care: see ``backlog`` (how many wait) and ``Receipt``.
        """
        inbox = self.actor_inbox
        inbox.items += events
        inbox.wake()

    # -- how it runs

    def on_start(self) -> None:
        """Run :meth:`init`."""
        self.__terminate_ran = True  # what has not begun is not terminated, not even by a kill
        answer: object = self.init(self.state)
        if type(answer) is not Ok:
            raise TypeError(f"init must answer Ok(state), not {answer!r:.100}")
        self.state = answer.value
        self.__terminate_ran = False

    def on_receive(self, message: Any) -> None:
        """Give a told message to :meth:`handle_info`."""
        result = self.handle_info(message)
        if result is not None:
            self.__transport.deliver(result)

    def on_batch(self, batch: Iterator[Any]) -> None:
        """Run the callbacks for one turn's events; everything is sent once, at its end."""
        handle_in, transport = self.handle_in, self.__transport
        for item in batch:
            kind = type(item)
            if kind is str:
                result = handle_in(item, TEXT)
            elif kind is bytes:
                result = handle_in(item, BINARY)
            elif kind is Control:
                result = self.handle_control(item.payload, item.opcode)
            elif kind is Receipt:
                item.handled(True)
                continue
            elif kind is Gone:
                raise Exit(item.reason)
            else:
                self.on_envelope(item)
                continue
            if result is not None:
                transport.deliver(result)
        transport.flush()

    def on_blocked(self) -> None:
        """A callback blocks: send what was delivered, and end the turn when it is done."""
        inbox = self.actor_inbox
        inbox.interrupt()
        inbox.batch = None
        self.__transport.on_blocked()

    def on_ending(self, reason: Reason) -> None:
        """Tell the client before ``terminate`` runs, which may take its time."""
        self.__transport.on_ended(reason)

    def on_terminate(self, reason: Reason) -> None:
        """Call :meth:`terminate`, once."""
        if not self.__terminate_ran:
            self.__terminate_ran = True
            super().on_terminate(reason)

    def end_now(self, reason: Reason) -> None:
        """Tell the client ``reason`` although a callback may run, and end at once.

        Call it on the dispatcher's thread. ``terminate`` runs afterwards, with ``Killed``.
        """
        run_hook(self.on_ending, reason)
        self.kill_now()

    def on_killed(self) -> None:
        """Let go of the client, then run ``terminate``: nobody waits for it any more."""
        self.__transport.on_ended(KILLED)
        if not self.__terminate_ran:
            self.actor_inbox.dispatcher.submit(lambda: run_hook(self.on_terminate, KILLED))
