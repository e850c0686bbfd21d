"""``Channel``: one topic that one client has joined, as an actor (``Phoenix.Channel``)."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NoReturn, Protocol

from actors import contract, telemetry
from actors.channels import answers, broadcasting, telling
from actors.channels.events import (
    Handler,
    check_event,
    check_name,
    handlers,
    interceptors,
    payload_converter,
)
from actors.channels.hot import UNKNOWN
from actors.channels.items import Drain, Join, Leave
from actors.channels.payloads import InvalidPayload
from actors.channels.refs import SocketRef
from actors.channels.seat import DRAINING, LEFT, Seat, State
from actors.crash_text import blame
from actors.errors import ConfigError
from actors.options import positive
from actors.pubsub import server as pubsub
from actors.pubsub.table import Intercepted
from actors.reasons import KILLED, NORMAL, Reason, as_reason
from actors.results import Error, Ok, Reply, Stop
from actors.runtime.actor import Actor, Exit
from actors.runtime.carrier import Job
from actors.runtime.exits import run_hook
from actors.serializers.message import Incoming

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # its default: in typing from Python 3.13 on

    from actors.channels.lane import ChannelLane
    from actors.runtime.mailbox import Mailbox

    A = TypeVar("A", default=dict[str, Any])
else:
    from typing import TypeVar

    A = TypeVar("A")

Answer = Ok | Error | Reply | Stop | None
"""What handles an event may return. ``None`` sends no reply."""


class Host(Protocol):
    """What a channel knows of its connection."""

    @property
    def endpoint(self) -> Any:
        """The endpoint that serves it."""

    @property
    def socket_id(self) -> str | None:
        """Its name, if it has one."""

    @property
    def transport_name(self) -> str:
        """The name of its transport."""

    @property
    def vsn(self) -> str:
        """The version that its client speaks."""

    def lane(self, inbox: Mailbox, intercepts: frozenset[str]) -> ChannelLane:
        """Return a lane to its client."""

    def on_log_context(self) -> Mapping[str, str]:
        """Return what log lines say of it."""


class Channel(Actor, Generic[A]):
    """One topic of one client. Subclass it and define the callbacks that you need.

    ::

        callback                          runs                                    returns
        join(self, topic, payload)        when a client joins; may block          Ok or Error
        joined(self)                      right after the client was told so      nothing
        methods marked @on(event)         for an event of the client              an Answer
        handle_in(self, event, payload)   for an event that no method is for      an Answer
        methods marked @intercept(event)  for a broadcast, before the client      what to push
        handle_out(self, event, payload)  for one that ``intercepts`` names       the same
        handle_info(self, message)        for what the actor is told              Stop or None
        handle_call(self, request)        for what it is asked                    the answer
        handle_drain(self)                before it ends for a drain              nothing
        terminate(self, reason)           once, however a joined channel ends     nothing

    An *Answer* is ``None`` (no reply), ``Ok(response)``, ``Error(response)``,
    ``Reply(response, status="...")`` or ``Stop(reason, reply=...)``. A response is JSON (as a rule
    an object: a mapping, a dataclass, a ``msgspec.Struct``, a pydantic model) or ``bytes``; nothing
    is ``{}``, and ``Error("text")`` is ``{"reason": "text"}``.

    Callbacks are plain functions, and may block: the client's other topics go on meanwhile. Two
    callbacks of one channel never run at the same time. Whatever one raises ends this channel
    alone: the client is told ``phx_error``, and joins again.

    A callback may use

    * ``self.push(event, payload)``: send to this client;
    * ``self.broadcast(event, payload)``, ``self.broadcast_from``: send to all who have joined;
    * ``self.socket_ref()``: to reply to the event at hand later, from anywhere;
    * ``self.topic``, ``self.subtopic`` (what ``*`` stands for) and ``self.assigns``: what
      ``connect`` accepted with (a mapping is this channel's own copy), and of the route;
    * ``self.actor_ref``, ``self.send_after``, ``self.monitor``, ``self.exit_self``, as any actor.

    ``join_timeout``: seconds that ``join`` may take (15, after the 10 of phoenix.js). What is told
    is bounded by ``mailbox_messages``, ``mailbox_bytes`` and ``mailbox_policy``. ``log_join``
    (``"debug"``) and ``log_handle_in`` (``False``) are the levels at which joins and events are
    logged, with how long they took.

    A callback in a wrong shape is a ``ConfigError`` when the class is made; so is an ``__init__``:
    what a channel begins with is for ``join``.
    """

    mailbox_messages = 1000
    mailbox_bytes = 1024 * 1024
    mailbox_policy = "stop"
    crash_on_ask = True

    join_timeout: ClassVar[float] = 15.0

    intercepts: ClassVar[Sequence[str]] = ()

    log_join: ClassVar[str | bool] = "debug"
    log_handle_in: ClassVar[str | bool] = False

    __on: ClassVar[Mapping[str, Handler]] = {}
    __plain: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {}
    __out: ClassVar[Mapping[str, Handler | None]] = {}
    __seen: ClassVar[frozenset[str]] = frozenset()
    __log_join: ClassVar[int] = logging.DEBUG
    __log_in: ClassVar[int] = 0
    __joins_with: Any = None
    __joins: ClassVar[Handler] = Handler("join", lambda *_: Ok(), None)  # of Channel itself

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        wanted = positive(cls.join_timeout)
        if wanted:
            raise ConfigError(
                f"{cls.__name__}.join_timeout = {cls.join_timeout!r}: must be {wanted}"
            )
        cls.__log_join = telling.level(cls.log_join, f"{cls.__name__}.log_join")
        cls.__log_in = telling.level(cls.log_handle_in, f"{cls.__name__}.log_handle_in")
        join = inspect.getattr_static(cls, "join")
        cls.__on = handlers(cls)
        cls.__plain = {
            event: each.function for event, each in cls.__on.items() if each.convert is None
        }
        if isinstance(cls.intercepts, str):
            raise ConfigError(
                f"{cls.__name__}.intercepts = {cls.intercepts!r:.80}: must be a tuple of events"
            )
        for event in cls.intercepts:
            check_event(event, f"{cls.__name__}.intercepts")
        cls.__out = {**dict.fromkeys(cls.intercepts), **interceptors(cls)}
        cls.__seen = frozenset(cls.__out)
        convert = payload_converter(join, f"{cls.__name__}.join", ("self", "topic", "payload"))
        cls.__joins = Handler("join", join, convert)

    def __init__(self, seat: Seat, socket: Host) -> None:
        super().__init__()
        self.__seat = seat
        self.__socket = socket
        self.__lane: ChannelLane | None = None
        self.__joined = self.__terminates = False
        self.__since = 0.0
        self.assigns: A = seat.assigns

    # -- what a channel may use

    @property
    def topic(self) -> str:
        """The topic, such as ``"room:1"``."""
        return self.__seat.topic

    @property
    def subtopic(self) -> str:
        """What ``*`` stands for in the pattern of the route: ``"1"`` for ``"room:*"``."""
        return self.__seat.subtopic

    @property
    def join_ref(self) -> Any:
        """The client's name for this join; ``None`` where it gave none (version 1.0.0)."""
        return self.__seat.join_ref

    @property
    def endpoint(self) -> Any:
        """The endpoint that serves the socket."""
        return self.__socket.endpoint

    @property
    def id(self) -> str | None:
        """The id of the socket: what its ``id`` returned."""
        return self.__socket.socket_id

    @property
    def transport(self) -> str:
        """The name of the transport: ``"websocket"``, ``"longpoll"`` or an application's own."""
        return self.__socket.transport_name

    @property
    def vsn(self) -> str:
        """The version that the client speaks, as it named it."""
        return self.__socket.vsn

    def push(self, event: str, payload: object = None) -> None:
        """Send ``event`` to this client: an object of JSON or bytes; nothing is ``{}``.

        ``RuntimeError`` before the client has been told of its join: push from :meth:`joined`.
        ``TypeError`` for another payload, and one that this client's version cannot carry.
        """
        seat = self.__seat
        self.__must_have_joined("push")
        check_name(event)
        checked = answers.payload({} if payload is None else payload)
        seat.connection.push(seat.join_ref, None, seat.topic, event, checked)

    def broadcast(self, event: str, payload: object = None) -> None:
        """Send ``event`` to every client that has joined the topic, in all processes.

        As :meth:`push` otherwise. ``ValueError`` for an event that begins with ``phx_``.
        """
        self.__broadcast(event, payload, None)

    def broadcast_from(self, event: str, payload: object = None) -> None:
        """Send ``event`` to all of them but this one."""
        self.__broadcast(event, payload, self.actor_inbox.number)

    def __broadcast(self, event: str, payload: object, excluded: int | None) -> None:
        self.__must_have_joined("broadcast")
        broadcasting.broadcast(self.topic, event, payload, excluded=excluded)

    def socket_ref(self) -> SocketRef:
        """Return what replies to the event at hand, once, from any actor or thread.

        ``RuntimeError`` outside of a callback for an event of the client.
        """
        message = self.__seat.at_hand
        if message is None:
            raise RuntimeError("socket_ref() is for callbacks of a client's events")
        return SocketRef(self.__seat, message.ref, self.dispatcher)

    def __must_have_joined(self, what: str) -> None:
        if not self.__joined:
            raise RuntimeError(
                f"{what} before the join has been answered: the client could not take it."
                " Use joined(), which runs right after that"
            )

    # -- callbacks

    def join(self, topic: str, payload: Any) -> Ok | Error:  # noqa: ARG002
        """Let a client in, or not.

        Must return one of:

        * ``Ok()`` or ``Ok(response)``: it has joined;
        * ``Error(response)``: it has not; this actor ends, and :meth:`terminate` does not run.

        It may block up to ``join_timeout``. The annotation of ``payload`` says what it has to be.
        """
        return Ok()

    def joined(self) -> None:
        """Run right after the client was told that it has joined: push and broadcast from here."""

    def handle_in(self, event: str, payload: Any) -> Answer:  # noqa: ARG002
        """Handle an event that no ``@on`` is for; the default replies ``unknown event``."""
        telling.refused(type(self), self.topic, "unknown event")
        return Error("unknown event")

    def handle_out(self, event: str, payload: Any) -> object:  # noqa: ARG002
        """Return what the client gets of a broadcast that is named in ``intercepts``.

        ``None``: nothing. Do not change what ``payload`` holds: others have it too.
        """
        return payload

    def handle_info(self, message: Any) -> Stop | None:  # noqa: ARG002
        """Handle what the actor was told: a message, a ``Down``, a ``Broadcast``."""
        return None

    def handle_call(self, request: Any) -> Any:
        """Answer a question (``ask``). Raising ends the channel; the asker gets it too."""
        raise NotImplementedError(f"{type(self).__name__}.handle_call({request!r:.80})")

    def handle_drain(self) -> None:
        """Say farewell: the server goes away. What is pushed leaves before the Close frame."""

    def terminate(self, reason: Reason) -> None:
        """Run once, however a channel that was joined ends, after the client was told. It may push.

        ``Shutdown("left")``, ``Shutdown("duplicate")``, ``Shutdown("draining")``, ``Closed`` where
        the client is gone, ``Crash``, ``Killed``, or what ``Stop`` said.
        """

    # -- how it runs

    def on_batch(self, batch: Iterator[Any]) -> None:
        """Handle a turn's items; the transport sends when the ready ones have had their turns."""
        seat = self.__seat
        plain = UNKNOWN if telling.HANDLED_IN in telemetry.attached else seat.handlers
        for item in batch:
            if type(item) is not Incoming:
                self.on_odd(item)
                continue
            function = plain.get(item.event)
            if function is None:
                self.on_odd(item)
            else:
                seat.at_hand = item
                answer = function(self, item.payload)
                seat.at_hand = None
                if answer is not None:
                    self.__answer(item, answer)
            seat.waiting -= 1
            if not seat.waiting:
                seat.weight = 0
                if seat.held:
                    seat.caught_up()

    def on_odd(self, item: Any) -> None:
        """Handle what a compiled build leaves to this one: what is not counted, or judged first."""
        seat, kind = self.__seat, type(item)
        if kind is Incoming:
            timed = self.__log_in or telemetry.listens(telling.HANDLED_IN)
            (self.__timed if timed else self.__handle)(item)
        elif kind is Join:
            self.__join(item)
            if seat.held and not seat.waiting:
                seat.caught_up()
        elif kind is Leave:
            seat.connection.reply(seat.join_ref, item.ref, seat.topic, "ok", {})
            raise Exit(LEFT)
        elif kind is Drain:
            self.handle_drain()
            raise Exit(DRAINING)
        else:
            self.on_envelope(item)

    def __timed(self, message: Incoming) -> None:
        began = telling.begin(telling.HANDLED_IN, self.__log_in)
        try:
            self.__handle(message)
        finally:
            telling.handled(began, self, message.event, self.__log_in)

    def __handle(self, message: Incoming) -> None:
        payload = message.payload
        handler = self.__on.get(message.event)
        self.__seat.at_hand = message
        if handler is None:
            answer = self.handle_in(message.event, payload)
        else:
            if handler.convert is not None:
                try:
                    payload = handler.convert(payload)
                except InvalidPayload as error:
                    self.__seat.at_hand = None
                    telling.refused(type(self), self.topic, "invalid payload")
                    self.__reply(message, answers.invalid(error))
                    return
            answer = handler.function(self, payload)
        self.__seat.at_hand = None
        if answer is not None:
            self.__answer(message, answer)

    def __answer(self, message: Incoming, answer: Any) -> None:
        seat = self.__seat
        if not seat.joined:  # killed, which it caught
            return
        if type(answer) is not Ok or type(answer.value) is not dict:
            self.on_answer(message, answer)
        elif (ref := message.ref) is not None:  # as nearly all are
            try:
                seat.send(seat.encode(seat.join_ref, ref, seat.topic, "ok", answer.value))
            except (TypeError, ValueError) as error:
                self.on_wrong_answer(message, error)

    def on_answer(self, message: Incoming, answer: Any) -> None:
        """Reply what is not simply ``Ok`` with a ``dict``."""
        try:
            self.__reply(message, answer)
        except (TypeError, ValueError) as error:
            self.on_wrong_answer(message, error)

    def on_wrong_answer(self, message: Incoming, error: Exception) -> NoReturn:
        """Say whose answer has a form that is none, or is no JSON."""
        handler = self.__on.get(message.event)
        function: Any = self.handle_in if handler is None else handler.function
        name = "handle_in" if handler is None else handler.method
        where = f"{type(self).__name__}.{name}, to {message.event!r:.80}"
        wrong = TypeError(f"{where}: {error}")
        blame(wrong, function)
        raise wrong from error

    def __reply(self, message: Incoming, answer: Any) -> None:
        if type(answer) is Stop:
            if answer.reply is not None:
                self.__reply(message, answer.reply)
            self.__stop(answer)
        status, response = answers.reply(answer)
        seat = self.__seat
        seat.connection.reply(seat.join_ref, message.ref, seat.topic, status, response)

    def __join(self, item: Join) -> None:
        seat, payload = self.__seat, item.payload
        seat.begun = True
        if seat.state is not State.JOINING:
            raise Exit(NORMAL)
        if self.__joins.convert is not None:
            try:
                payload = self.__joins.convert(payload)
            except InvalidPayload as error:
                self.__refuse(answers.invalid(error).reason)
        began = telling.begin(telling.JOINED, self.__log_join)
        self.__joins_with = payload
        answer: Any = self.join(seat.topic, payload)
        self.__joins_with = None
        if type(answer) is Error:
            self.__refuse(answers.reply(answer)[1])
        if type(answer) is not Ok:
            wrong = f"{type(self).__name__}.join answered {answer!r:.100}"
            raise TypeError(f"{wrong}; accepted: Ok(...), Error(...)")
        if seat.state is not State.JOINING:  # left, replaced or late meanwhile
            raise Exit(NORMAL)
        response = answers.reply(answer)[1]
        # Subscribed first, so that no event is missed; nothing is written between the two.
        self.__lane = self.__socket.lane(self.actor_inbox, self.__seen)
        pubsub.enter(seat.topic, self.__lane)
        if not self.__log_in:
            seat.handlers = self.__plain
        self.actor_inbox.serve(seat)
        seat.accepted(response)
        self.__joined = self.__terminates = True
        self.__since = self.dispatcher.now
        telling.joined(began, self, self.__log_join)
        self.joined()

    def __refuse(self, response: object) -> NoReturn:
        self.__seat.refuse(response)
        raise Exit(NORMAL)

    def on_receive(self, message: Any) -> Any:
        """Give a question to :meth:`handle_call`, and anything else to :meth:`handle_info`."""
        if self.actor_inbox.asked is not None:
            return self.handle_call(message)
        if type(message) is Intercepted:
            self.__show(message)
            return None
        answer: Any = self.handle_info(message)
        if answer is not None:
            if type(answer) is not Stop:
                raise TypeError(f"handle_info answered {answer!r:.100}; accepted: None, Stop(...)")
            self.__stop(answer)
        return None

    def __stop(self, answer: Stop) -> NoReturn:
        reason = as_reason(answer.reason)
        telling.stopped(self, reason)
        raise Exit(reason)

    def __show(self, message: Intercepted) -> None:
        handler, payload = self.__out[message.event], message.payload
        if isinstance(payload, dict):
            payload = dict(payload)
        if handler is None:
            shown = self.handle_out(message.event, payload)
        else:
            if handler.convert is not None:
                try:
                    payload = handler.convert(payload)
                except InvalidPayload as error:  # the publisher's mistake, not this client's
                    telling.misfit(self, handler.method, message.event, error.errors[0])
                    return
            shown = handler.function(self, payload)
        if shown is not None:
            self.push(message.event, shown)

    def on_log_context(self) -> Mapping[str, str]:
        """Return what is known of the connection, and the topic."""
        return {**self.__socket.on_log_context(), "topic": self.topic}

    def on_log_secrets(self) -> tuple[object, ...]:
        at_hand = self.__seat.at_hand
        payload = self.__joins_with if at_hand is None else at_hand.payload
        return (self.assigns, self.__seat.assigns, payload)

    def on_blocked(self) -> None:
        """A callback blocks: the turn ends when it is done."""
        self.actor_inbox.leave_turn()
        self.__seat.join_blocks()

    # -- the end

    def on_ending(self, reason: Reason) -> None:
        """Tell the client before ``terminate`` runs, which may take its time."""
        self.__leave_lane()
        self.actor_inbox.leave_turn()
        self.__seat.end(reason, self.actor_inbox.items)

    def on_terminate(self, reason: Reason) -> None:
        """Call :meth:`terminate`, once, and only of a channel that was joined."""
        if self.__terminates:
            self.__terminates = False
            super().on_terminate(reason)

    def on_ended(self, reason: Reason, left: list[Any]) -> None:
        """Tell the client of a kill, and give the seat up."""
        self.__leave_lane()
        try:
            self.__seat.end(reason, left)
        finally:  # whatever an application's serializer does
            if self.__terminates:
                self.__seat.killed()
            else:
                self.__seat.gone()
        if self.__joined:
            telling.closed(self, reason)
            if reason == LEFT:
                telling.left(self, self.__since)

    def __leave_lane(self) -> None:
        lane, self.__lane = self.__lane, None
        if lane is not None:
            pubsub.leave(self.__seat.topic, lane)

    def on_killed(self) -> None:
        """Run ``terminate`` when nothing runs this actor any more."""
        if self.__terminates:
            self.actor_inbox.dispatcher.ends.schedule(Job(self.__terminate_killed))

    def __terminate_killed(self) -> None:
        try:
            run_hook(self.on_terminate, KILLED)
        finally:
            self.__seat.gone()


_RESERVED: Final = (
    "__init__", "broadcast", "broadcast_from", "endpoint", "id", "join_ref", "on_answer",
    "on_blocked", "on_ended", "on_ending", "on_failure", "on_killed", "on_odd", "on_receive",
    "on_start", "on_stop", "on_wrong_answer", "push", "socket_ref", "subtopic", "topic",
    "transport", "vsn",
)  # fmt: skip

contract.declare(
    Channel,
    callbacks=(
        "handle_call",
        "handle_drain",
        "handle_in",
        "handle_info",
        "handle_out",
        "join",
        "joined",
        "terminate",
    ),
    reserved=_RESERVED,
    values=("assigns",),
    settings=("intercepts", "join_timeout", "log_handle_in", "log_join"),
)
