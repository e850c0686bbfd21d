"""``Socket``: one connection's state and callbacks, as an actor (Phoenix.Socket.Transport).

A socket knows nothing of bytes. Its transport accepts the client, asks :meth:`Socket.connect`,
starts the actor, puts what the client sends into its mailbox and turns results into frames.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, runtime_checkable

from actors import contract
from actors.crash_text import blame
from actors.ended import ENDED
from actors.logs.provenance import fields_of
from actors.messages import ConnectInfo, ConnectionEnded, Control, Opcode, Receipt
from actors.reasons import KILLED, Reason
from actors.results import Error, Ok, Push, Reply, Stop
from actors.runtime.actor import Actor, Exit
from actors.runtime.carrier import Job
from actors.runtime.exits import run_hook
from supervision.drainer import DRAINED, drainer_spec
from supervision.draining import DrainOptions
from supervision.pool import pool_spec

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # its default: in typing from Python 3.13 on

    from supervision.specs import ChildSpec

    StateT = TypeVar("StateT", default=Any)
else:
    from typing import TypeVar

    StateT = TypeVar("StateT")

TEXT, BINARY = Opcode.TEXT, Opcode.BINARY

Result = None | Reply | Push | Stop | list[Reply | Push]
"""What ``handle_in``, ``handle_control``, ``handle_info`` and ``handle_drain`` may return."""


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


@runtime_checkable
class ChannelTransport(Protocol):
    """What channels need of a transport beside :class:`Transport`."""

    @property
    def lane_key(self) -> Hashable:
        """What is equal for transports whose :meth:`prepare` makes the same of a message."""

    def prepare(self, frame: tuple[Opcode, bytes]) -> Any:
        """Return a message as it goes out: text in UTF-8, or binary. Pure."""

    def send(self, frame: tuple[Opcode, bytes]) -> None:
        """Prepare a message, and post it."""

    def post(self, prepared: Any) -> None:
        """Send what :meth:`prepare` made, at the latest when what is ready has run.

        It never raises: a client that does not read is ended with 1008.
        """

    def hold(self) -> None:
        """Take no more from the client, until as many :meth:`release` have come."""

    def release(self) -> None:
        """Take one :meth:`hold` back."""


class Socket(Actor, Generic[StateT]):
    """One connection. Subclass it and define the callbacks that you need.

    ::

        callback                              runs                              returns
        @classmethod connect(cls, info)       when a client asks to connect,    Ok or Error
                                              before there is an instance
        init(self, state)                     once, before any message          Ok
        handle_in(self, payload, opcode)      for a message of the client       a Result
        handle_control(self, payload, opcode) for a ping, answered already,     a Result
                                              and for a pong
        handle_info(self, message)            for what else the actor is told   a Result
        handle_drain(self)                    before it ends for a drain        a Result
        terminate(self, reason)               once, however the connection ends nothing

    ``Ok(state)`` accepts with a state, ``Error(reason)`` refuses. A ``Result`` is
    ``None``, ``Reply(payload)``, ``Push(payload)``, a list of those, or ``Stop(reason)``; a payload
    is ``str`` or ``bytes``. Callbacks are plain functions, not ``async``: they may block, and other
    connections go on meanwhile. Two callbacks of one socket never run at the same time. Whatever
    one raises ends this connection alone, with close code 1011.

    A callback may use

    * ``self.state``: what ``connect`` accepted with, as ``init`` returned it. Its type is ``Any``,
      or what the class says: ``class Chat(Socket[Room])``;
    * ``self.push(payload)``: send now, from within a callback;
    * ``self.actor_ref``: to give away; ``actor_ref.tell(message)`` comes to ``handle_info``;
    * ``self.send_after(seconds, message)``: the same, later;
    * ``self.monitor(ref)``: be told ``Down`` when another actor ends;
    * ``self.exit_self(reason)``: end from anywhere in a callback.

    ``child_spec`` and ``drainer_spec`` (class methods) say what the endpoint starts for the class.
    ``mailbox_messages``, ``mailbox_bytes`` and ``mailbox_policy`` bound what others tell it.

    All other names are yours, but for a few that the runtime needs (``transport``, ``dispatcher``,
    ``exit_reason``, ``kill_now``, ``end_now`` and some that begin with ``on_`` or ``actor_``). A
    class that defines one of these, or a callback in a wrong shape, is a ``ConfigError`` at once.
    """

    mailbox_messages = 1000
    mailbox_bytes = 1024 * 1024
    mailbox_policy = "stop"
    crash_on_ask = True

    state: StateT
    __terminate_ran = False

    def __init__(self, transport: Transport, state: Any = None) -> None:
        """Make the actor of an accepted client; a subclass calls this with both."""
        super().__init__()
        self.__transport = transport
        self.state = state

    @property
    def transport(self) -> Transport:
        """What operates this socket until it has ended, see docs/writing-a-transport.md."""
        return self.__transport

    # -- the contract

    @classmethod
    def child_spec(cls, options: Mapping[str, Any]) -> ChildSpec | None:  # noqa: ARG003
        """Return what to start under the endpoint for this class; by default a pool.

        Called once per class, however often it is mounted. ``options`` are those of the mount that
        was declared last, and beside them ``"endpoint"``, ``"grace"`` (seconds that a shutdown may
        take) and ``"drainer"`` (:class:`~supervision.draining.DrainOptions`, or ``None``).

        Must return one of: a child's spec (:func:`supervision.specs.child_spec`); ``None`` for
        nothing. What the default pool is for: :mod:`supervision.pool`.
        """
        return pool_spec(cls)

    @classmethod
    def drainer_spec(cls, options: Mapping[str, Any]) -> ChildSpec | None:
        """Return what to start late in the endpoint's tree, so that its end drains.

        Called as :meth:`child_spec`, and returns the same. The default is a
        :class:`~supervision.drainer.Drainer`, or nothing where the mount says ``drainer=False``.
        """
        drain: DrainOptions | None = options.get("drainer", DrainOptions())
        return None if drain is None else drainer_spec(cls, drain)

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:  # noqa: ARG003
        """Accept or refuse a client, before its actor exists; for authorisation.

        Must return one of:

        * ``Ok(state)``: accepted;
        * ``Error()`` or ``Error(reason)``: refused, with 403 or what ``error_handler`` makes of it.
        """
        return Ok(None)

    @classmethod
    def accept(cls, info: ConnectInfo) -> Ok | Error:
        """Ask :meth:`connect`, for a transport."""
        return cls.connect(info)

    def init(self, state: Any) -> Ok:
        """Run once inside the actor, before any message. Must return ``Ok(state)``."""
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Opcode) -> Result:  # noqa: ARG002
        """Handle a message of the client: ``str`` with ``TEXT``, ``bytes`` with ``BINARY``.

        Must return one of: ``None``; ``Reply(payload)`` or ``Push(payload)`` or a list of those;
        ``Stop(reason)``.
        """
        return None

    def handle_control(self, payload: bytes | None, opcode: Opcode) -> Result:  # noqa: ARG002
        """Handle a ``PING`` (answered already) or ``PONG``; return as :meth:`handle_in`.

        ``payload`` is ``None`` when the frame had none. Only WebSocket has control frames.
        """
        return None

    def handle_info(self, message: Any) -> Result:  # noqa: ARG002
        """Handle any other message told to the actor; return as :meth:`handle_in`."""
        return None

    def handle_drain(self) -> Result:
        """Say farewell: the server goes away, or is replaced, and this connection ends.

        Runs once in the actor, behind the message that it is at; those behind that are dropped.
        What it pushes and returns, as in :meth:`handle_in`, is sent before the Close frame with
        1012, or to a last poll. A ``Stop`` says otherwise: its ``code``, or that of its reason.
        It may block, as long as the drainer waits: then the client is told 1012 all the same, and
        ``terminate`` runs with ``Killed``. It does not run where nobody drains: for a mount with
        ``drainer=False``, nor at an end at once (SIGQUIT).
        """
        return None

    def terminate(self, reason: Reason) -> None:
        """Run exactly once after ``init``, however the connection ends. What it returns is ignored.

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
        """Queue what came: ``str``, ``bytes``, ``Control``, ``Receipt`` or ``ConnectionEnded``.

        Call it on the dispatcher's thread; it never blocks. Nothing bounds the queue but the
        transport's own care: see ``Receipt``.
        """
        self.actor_inbox.add(events)

    if not TYPE_CHECKING:  # the names of 0.1, of which an application may make its own

        def begin(self) -> Any:
            """Call ``on_begin``, as it is called now."""
            _renamed("Socket.begin", "on_begin")
            return self.on_begin()

        def receive(self, events: Any) -> None:
            """Call ``on_events``, as it is called now."""
            _renamed("Socket.receive", "on_events")
            self.on_events(events)

    # -- how it runs

    def on_start(self) -> None:
        self.__terminate_ran = True  # what has not begun is not terminated, not even by a kill
        answer: Any = self.init(self.state)
        if type(answer) is not Ok:
            wrong = TypeError(f"init must answer Ok(state), not {answer!r:.100}")
            blame(wrong, self.init)
            raise wrong
        accepted: Any = answer.value
        self.state = accepted
        self.__terminate_ran = False

    def handle_exit(self, reason: Reason) -> None:
        """Serve an exit signal: the actor ends with it, after :meth:`handle_drain` for a drain."""
        if reason == DRAINED:
            self.__answer(self.handle_drain(), self.handle_drain)
        super().handle_exit(reason)

    def on_receive(self, message: Any) -> None:
        result = self.handle_info(message)
        if result is not None:  # looked at here too: most messages are answered with nothing
            self.__answer(result, self.handle_info)

    def __answer(self, result: Any, callback: Callable[..., Any]) -> None:
        if result is not None:
            try:
                self.__transport.deliver(result)
            except Exception as error:
                blame(error, callback)
                raise

    def on_batch(self, batch: Iterator[Any]) -> None:
        """Run the callbacks for one turn's events; everything is sent once, at its end."""
        handle_in, transport = self.handle_in, self.__transport
        for item in batch:
            kind = type(item)
            if kind is str:
                result = handle_in(item, TEXT)
            elif kind is bytes:
                result = handle_in(item, BINARY)
            else:
                self.on_odd(item)
                continue
            if result is not None:
                try:
                    transport.deliver(result)
                except Exception as error:
                    blame(error, handle_in)
                    raise
        transport.flush()

    def on_odd(self, item: Any) -> None:
        """Handle what is no message of the client."""
        kind = type(item)
        if kind is Control:
            self.__answer(self.handle_control(item.payload, item.opcode), self.handle_control)
        elif kind is Receipt:
            item.handled(True)
        elif kind is ConnectionEnded:
            raise Exit(item.reason)
        else:
            self.on_envelope(item)

    def on_log_context(self) -> Mapping[str, str]:
        """Return the connection's id, which is the actor's URN, and where it comes from."""
        return {"connection": self.actor_urn, **fields_of(self.__transport)}

    def on_log_secrets(self) -> tuple[object, ...]:
        return (self.state,)

    def on_blocked(self) -> None:
        """A callback blocks: send what was delivered, and end the turn when it is done."""
        self.actor_inbox.leave_turn()
        self.__transport.on_blocked()

    def on_ending(self, reason: Reason) -> None:
        """Tell the client before ``terminate`` runs, which may take its time."""
        self.__transport.on_ended(reason)

    def on_terminate(self, reason: Reason) -> None:
        if not self.__terminate_ran:
            self.__terminate_ran = True
            try:
                super().on_terminate(reason)
            finally:
                self.__transport = ENDED

    def end_now(self, reason: Reason) -> None:
        """Tell the client ``reason`` although a callback may run, and end at once.

        Call it on the dispatcher's thread. ``terminate`` runs afterwards, with ``Killed``.
        """
        run_hook(self.on_ending, reason)
        self.kill_now()

    def on_killed(self) -> None:
        """Let go of the client, then run ``terminate``: nobody waits for it any more."""
        self.__transport.on_ended(KILLED)
        if self.__terminate_ran:
            self.__transport = ENDED
        else:
            last = Job(lambda: run_hook(self.on_terminate, KILLED))
            self.actor_inbox.dispatcher.ends.schedule(last)


def _renamed(old: str, new: str) -> None:
    message = f"{old} is called {new} now; the old name goes with the next release"
    warnings.warn(message, DeprecationWarning, stacklevel=3)


contract.declare(
    Socket,
    callbacks=(
        "child_spec", "connect", "drainer_spec", "handle_control", "handle_drain", "handle_in",
        "handle_info", "init", "terminate",
    ),
    reserved=(
        "accept",
        "end_now",
        "on_blocked",
        "on_ending",
        "on_events",
        "on_killed",
        "on_odd",
        "transport",
    ),
    values=("state",),
)  # fmt: skip
