"""What a channel is to the application, but for waiting: its callbacks, and what waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from actors.client.arguments import check_callback
from actors.client.channels.lifecycle import State
from actors.client.channels.membership import Membership
from actors.client.inbox import Inbox
from actors.client.messages import Message, body_of, check_name
from actors.client.options import ClientOptions

F = TypeVar("F", bound=Callable[..., object])

Receiver = Callable[[Message, int], None]


class Call(NamedTuple):
    """Callbacks that are to run, and what they are for."""

    what: str
    callbacks: tuple[Callable[..., object], ...]
    arguments: tuple[object, ...]


class Owner(Protocol):
    """What a channel needs of its client."""

    @property
    def options(self) -> ClientOptions:
        """The client's options."""

    def call(self, call: Call, size: int = 0) -> None:
        """Have callbacks run, later and in order."""

    def check_owner(self) -> None:
        """``RuntimeError`` where this is not the thread (or loop) that connected it."""

    def malformed(self, what: str, error: ValueError) -> None:
        """Count a message that its channel cannot use, and drop it."""


class ChannelSurface:
    """A topic of a client."""

    def __init__(self, client: Owner, membership: Membership, payload: object) -> None:
        if not callable(payload):
            body_of(payload)  # what cannot be sent is found out here
        options = client.options
        self.payload = payload
        self.inbox: Inbox[Message] = Inbox(options.max_queue, options.max_queue_bytes)
        self.options = options
        self.membership = membership
        self.owner = client
        self._callbacks: dict[str, list[Callable[[Any], object]]] = {}
        self._receivers: dict[str, list[Receiver]] = {}
        self._on_join: list[Callable[[Any], object]] = []
        self._on_error: list[Callable[[str], object]] = []
        self._on_close: list[Callable[[str], object]] = []

    def __repr__(self) -> str:
        return f"<channel {self.topic!r}, {self.state}>"

    @property
    def topic(self) -> str:
        """Its topic."""
        return self.membership.topic

    @property
    def state(self) -> str:
        """``"closed"``, ``"errored"``, ``"joining"``, ``"joined"`` or ``"leaving"``."""
        return self.membership.state.name.lower()

    @property
    def join_ref(self) -> str | None:
        """The ref of the join that it is joined by; another one after each further join."""
        return self.membership.join_ref

    @property
    def dropped(self) -> int:
        """How many messages were dropped because nobody took them in time."""
        return self.inbox.dropped

    def on(self, event: str, callback: F) -> F:
        """Have ``callback(payload)`` called for each ``event``; return it.

        A message with callbacks does not come by iteration.
        """
        self.check_callback(callback)
        check_name("event", event)
        self._callbacks.setdefault(event, []).append(callback)
        return callback

    def off(self, event: str, callback: Callable[..., object] | None = None) -> None:
        """Call ``callback`` no more for ``event``, or none of them."""
        self.owner.check_owner()
        callbacks = self._callbacks.get(event, [])
        left = [each for each in callbacks if callback is not None and each is not callback]
        self._callbacks[event] = left
        if not left:
            del self._callbacks[event]

    def on_join(self, callback: F) -> F:
        """Have ``callback(response)`` called whenever it has been joined, the first time too.

        It comes before the callbacks of messages that the server sent after that; return it.
        """
        self.check_callback(callback)
        self._on_join.append(callback)
        return callback

    def on_error(self, callback: F) -> F:
        """Have ``callback(reason)`` called when it has failed, and is going to be joined again."""
        self.check_callback(callback)
        self._on_error.append(callback)
        return callback

    def on_close(self, callback: F) -> F:
        """Have ``callback(reason)`` called when it is closed, by whomever."""
        self.check_callback(callback)
        self._on_close.append(callback)
        return callback

    # -- for our own

    def check_callback(self, callback: object) -> None:
        """Judge what a method was given that takes a callback."""
        self.owner.check_owner()
        check_callback(callback)

    def watch(self, event: str, receiver: Receiver) -> None:
        """Have a function of ours called with each ``event`` as it comes; it must not block."""
        self.owner.check_owner()
        check_name("event", event)
        self._receivers.setdefault(event, []).append(receiver)

    def take(self, message: Message, size: int) -> None:
        """Pass a message on, to whom it is for."""
        receivers = self._receivers.get(message.event, ())
        for receiver in receivers:
            receiver(message, size)
        callbacks = self._callbacks.get(message.event)
        if callbacks:
            what = f"{message.event} of {self.topic}"
            self.owner.call(Call(what, tuple(callbacks), (message.payload,)), size)
        elif not receivers:
            self.inbox.put(message, size)
            self.wake()

    def joined(self, response: object) -> None:
        """Tell of a join."""
        self.owner.call(Call(f"on_join of {self.topic}", tuple(self._on_join), (response,)))

    def errored(self, reason: str) -> None:
        """Tell of a failure."""
        call = Call(f"on_error of {self.topic}", tuple(self._on_error), (reason,))
        self.owner.call(call)

    def ended(self, reason: str) -> None:
        """Tell of the end."""
        call = Call(f"on_close of {self.topic}", tuple(self._on_close), (reason,))
        self.owner.call(call)
        self.wake()

    @property
    def is_over(self) -> bool:
        """Whether no further message comes, unless it is joined anew."""
        return self.membership.state in {State.CLOSED, State.LEAVING}

    def wake(self) -> None:
        """Have who iterates look again."""
