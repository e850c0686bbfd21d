"""``ChannelSocket``: the connection of a client that joins topics (``Phoenix.Socket``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple

from actors import contract
from actors.channels.channel import Channel
from actors.channels.lane import ChannelLane
from actors.channels.routes import Route, Routes
from actors.channels.topics import Topics
from actors.crash_text import blame
from actors.errors import ConfigError
from actors.messages import Broadcast, ConnectInfo, ConnectionEnded, Control, Receipt
from actors.options import positive, positive_int
from actors.pubsub import server as pubsub
from actors.pubsub.front import checked
from actors.reasons import Reason, Shutdown
from actors.results import Error, Ok
from actors.runtime.actor import Exit
from actors.runtime.exits import CRASHES
from actors.serializers.default import DEFAULT
from actors.serializers.negotiation import DEFAULT_VERSION, NotServed, negotiate
from actors.socket import ChannelTransport, Socket
from supervision.drainer import DRAINED

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from actors.channels.seat import Seat
    from actors.runtime.mailbox import Mailbox
    from actors.runtime.timers import Timer
    from actors.serializers.message import Serializer

    A = TypeVar("A", default=dict[str, Any])
else:
    from typing import TypeVar

    A = TypeVar("A")


DISCONNECTED: Final = Shutdown("disconnected")


class Accepted(NamedTuple):
    """What a connection begins with: the answer of ``connect``, and what was agreed on."""

    assigns: Any
    serializer: Serializer
    socket_id: str | None
    endpoint: Any
    transport: str
    vsn: str


class ChannelSocket(Socket[A], Generic[A]):
    """One connection, whose client joins topics.

    Subclass it, and say which::

        class UserSocket(ChannelSocket):
            channels = {"room:*": RoomChannel}

            @classmethod
            def connect(cls, info):
                user = info.params.get("user")
                return Ok({"user": user}) if user else Error("user required")

    ``channels`` maps a topic, or a prefix with ``*`` behind, to a :class:`Channel` or a
    :class:`Route`; the first one that matches wins. ``connect`` accepts with the ``assigns`` of the
    channels. ``id`` names connections, so that the endpoint's ``disconnect`` can end them. No other
    callback runs here.

    Limits: ``max_channels`` (100) at once; ``max_join_rate`` (20 in a second, ``max_channels`` at
    once) and ``max_message_rate`` (none) answer with an error, and twice of either for 5 s ends the
    connection (1008). ``channel_shutdown`` (5 s) is how long channels may take to end when the
    client joins again or is gone.
    """

    channels: ClassVar[Mapping[str, type[Channel[Any]] | Route[Channel[Any]]]] = {}
    max_channels: ClassVar[int] = 100
    max_join_rate: ClassVar[float] = 20.0
    max_message_rate: ClassVar[float | None] = None
    channel_shutdown: ClassVar[float] = 5.0

    __routes: ClassVar[Routes] = Routes({})
    __topics: Topics
    __last: Timer | None = None
    __begun = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, check in _DECLARED.items():
            wanted = check(getattr(cls, name))
            if wanted and not (name == "max_message_rate" and cls.max_message_rate is None):
                raise ConfigError(f"{cls.__name__}.{name}: must be {wanted}")
        cls.__routes = Routes(_checked(cls))

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:  # noqa: ARG003
        """Accept or refuse a client; ``Ok(assigns)`` are what its channels begin with.

        ``Ok()`` is ``Ok({})``.
        Assigns that are a mapping are copied for each channel; any other object they share.
        """
        return Ok({})

    @classmethod
    def id(cls, assigns: Any) -> str | None:  # noqa: ARG003
        """Return a name for connections such as this, or ``None``.

        It is asked before the upgrade: what it raises, or a name that is no str, refuses the client
        with 403.
        """
        return None

    # -- how a client is let in

    @classmethod
    def accept(cls, info: ConnectInfo) -> Ok | Error:
        """Agree on a version, ask :meth:`connect`, and name the connection."""
        served = info.options.serializer or DEFAULT
        vsn = info.params.get("vsn", DEFAULT_VERSION)
        serializer = negotiate(served, vsn)
        if serializer is None:
            return Error(NotServed(vsn, served))
        answer = super().accept(info)
        if type(answer) is not Ok:
            return answer
        assigns = {} if answer.value is None else answer.value
        asked: Any = cls.connect
        try:
            if cls.__routes.assigns and not isinstance(assigns, Mapping):
                raise TypeError(  # noqa: TRY301
                    f"connect accepted with {assigns!r:.80}: a route has assigns, which go over a"
                    " mapping alone"
                )
            asked = cls.id
            name = cls.id(assigns)
            if name is not None:
                if not isinstance(name, str) or not name:
                    raise TypeError(  # noqa: TRY301
                        f"id answered {name!r:.80}; accepted: a str, None"
                    )
                checked(name)  # it becomes a topic
        except BaseException as error:  # noqa: BLE001 - an application's, whatever it is
            blame(error, asked)
            words = "%s.%s failed: a client was refused"
            CRASHES.log(error, words, cls.__name__, asked.__name__, owner=cls)
            return Error()
        agreed = (serializer, name, info.endpoint, info.transport, vsn)
        return Ok(Accepted(assigns, *agreed))

    def init(self, state: Any) -> Ok:
        """Begin without a topic."""
        accepted: Accepted = state
        transport: Any = self.transport
        if not isinstance(transport, ChannelTransport):
            name = type(transport).__name__
            raise TypeError(f"{name} has no prepare, post, hold and release: it takes no channels")
        self.__accepted = accepted
        self.__leaving: Reason | None = None
        self.__topics = Topics(self, transport, accepted.serializer)
        self.__begun = True
        self.actor_inbox.serve(self.__topics)
        if accepted.socket_id is not None:
            pubsub.subscribe(self, accepted.socket_id)
        return Ok(accepted.assigns)

    @property
    def assigns(self) -> A:
        """What ``connect`` accepted with."""
        return self.state

    @property
    def routes(self) -> Routes:
        """Which topic belongs to which channel."""
        return self.__routes

    @property
    def socket_id(self) -> str | None:
        """What ``id`` returned."""
        return self.__accepted.socket_id

    @property
    def endpoint(self) -> Any:
        """The endpoint that serves this socket."""
        return self.__accepted.endpoint

    @property
    def transport_name(self) -> str:
        """The name of the transport."""
        return self.__accepted.transport

    @property
    def vsn(self) -> str:
        """The version that the client named."""
        return self.__accepted.vsn

    def lane(self, inbox: Mailbox, intercepts: frozenset[str]) -> ChannelLane:
        """Return the way by which broadcasts reach the client of a channel."""
        transport: Any = self.transport
        return ChannelLane(inbox, transport, self.__accepted.serializer, intercepts)

    @classmethod
    def channel_classes(cls) -> list[type[Channel[Any]]]:
        """Return the classes of its routes, each once."""
        return cls.__routes.channel_classes()

    def seat(self, topic: str) -> Seat | None:
        """Return the seat of a topic that its client has joined, or joins."""
        return self.__topics.seat(topic)

    # -- how it runs

    def on_batch(self, batch: Iterator[Any]) -> None:
        """Route what the client sent; answer what concerns no channel."""
        topics = self.__topics
        try:
            for item in batch:
                kind = type(item)
                if kind is str or kind is bytes:
                    if not topics.leaving:
                        topics.take(item)
                else:
                    self.on_odd(item)
        except Exit as end:
            self.on_exit(end)

    def on_odd(self, item: Any) -> None:
        """Handle what is no message of the client."""
        kind = type(item)
        if kind is Receipt:
            item.handled(not self.__topics.leaving)
        elif kind is ConnectionEnded:
            self.handle_exit(item.reason)
        elif kind is not Control:
            self.on_envelope(item)

    def on_exit(self, end: BaseException) -> None:
        """End the channels for what came out of a turn; raise what is no :class:`Exit`."""
        if type(end) is not Exit:
            raise end
        self.actor_inbox.leave_turn()
        self.handle_exit(end.reason)

    def on_receive(self, message: Any) -> None:
        """End for a broadcast of ``disconnect`` to the id; nothing else is told to a connection."""
        if type(message) is Broadcast and message.event == "disconnect":
            raise Exit(DISCONNECTED)

    def handle_exit(self, reason: Reason) -> None:
        """End the channels first; :class:`Exit` when none is left.

        For a drain the client is told last, else at once.
        """
        drain = reason == DRAINED
        if self.__leaving is None or (self.__leaving == DRAINED and not drain):
            self.__leaving = reason
            if not drain:
                self.transport.on_ended(reason)
            if self.__topics.close(reason, drain=drain):
                # A drainer has a time of its own for what channels are at; joins do not wait.
                late = self.__topics.cancel_joins if drain else self.__topics.kill_late
                if self.__last is not None:
                    self.__last.cancel()
                self.__last = self.dispatcher.timers.call_later(self.channel_shutdown, late)
                return
        if not len(self.__topics):
            raise Exit(self.__leaving)

    def on_ended(self, reason: Reason, left: list[Any]) -> None:  # noqa: ARG002 - whatever it was
        """Leave no channel behind."""
        if self.__last is not None:
            self.__last.cancel()
        if self.__begun:
            self.__topics.kill()


def _checked(cls: type[ChannelSocket[Any]]) -> dict[str, Route[Channel[Any]]]:
    routes: dict[str, Route[Channel[Any]]] = {}
    if not isinstance(cls.channels, Mapping):
        raise ConfigError(
            f"{cls.__name__}.channels = {cls.channels!r:.80}: must map topics to Channel classes"
        )
    for pattern, given in cls.channels.items():
        route = given if isinstance(given, Route) else Route(given)
        if not isinstance(route.channel, type) or not issubclass(route.channel, Channel):
            raise ConfigError(
                f"{cls.__name__}.channels[{pattern!r}] = {given!r:.100}: must be a Channel class,"
                " or Route(a Channel class, assigns={...})"
            )
        contract.judge(route.channel)
        _judge_handle_out(route.channel)
        routes[pattern] = route
    return routes


def _judge_handle_out(channel: type[Channel[Any]]) -> None:
    """Raise :class:`ConfigError` where ``handle_out`` is not there or is never called."""
    own = channel.handle_out is not Channel.handle_out
    if channel.intercepts and not own:
        raise ConfigError(
            f"{channel.__name__}.intercepts names events, and there is no handle_out for them"
        )
    if own and not channel.intercepts:
        raise ConfigError(
            f"{channel.__name__}.handle_out is never called: name the broadcasts that it is for,"
            ' intercepts = ("event",)'
        )


_DECLARED = {
    "max_channels": positive_int,
    "max_join_rate": positive,
    "max_message_rate": positive,
    "channel_shutdown": positive,
}

contract.declare(
    ChannelSocket,
    callbacks=("connect", "id"),
    reserved=(
        "__init__",
        "accept",
        "assigns",
        "channel_classes",
        "endpoint",
        "handle_control",
        "handle_drain",
        "handle_in",
        "handle_info",
        "init",
        "lane",
        "on_ended",
        "on_exit",
        "on_receive",
        "routes",
        "seat",
        "socket_id",
        "terminate",
        "transport_name",
        "vsn",
    ),
    settings=("channels", *_DECLARED),
)
