"""``Presence``: who is in a channel, for both clients (``Presence`` of phoenix.js)."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from actors.client.channel_surface import Call, ChannelSurface
from actors.client.inbox import Inbox
from actors.client.messages import Message
from actors.client.presences import JOIN, Change, Presences

F = TypeVar("F", bound=Callable[..., object])
Shown = dict[str, Any]


class Presence:
    """Who is present in ``channel``, kept up to date by what its server pushes.

    Make it before the channel is joined. A presence is an object with ``metas``, a list of one
    object for each place where its key is present; do not change it. After a further join diffs
    wait for the new state, as in phoenix.js.
    """

    def __init__(
        self,
        channel: ChannelSurface,
        *,
        state_event: str = "presence_state",
        diff_event: str = "presence_diff",
    ) -> None:
        options = channel.options
        pending: Inbox[object] = Inbox(options.max_queue, options.max_queue_bytes)
        self._channel = channel
        self._presences = Presences(options.max_presences, pending)
        self._on_join: list[Callable[[str, Any, Any], object]] = []
        self._on_leave: list[Callable[[str, Any, Any], object]] = []
        self._on_sync: list[Callable[[], object]] = []
        channel.watch(state_event, self._state)
        channel.watch(diff_event, self._diff)

    @property
    def state(self) -> dict[str, Shown]:
        """The present ones by key, as far as the server has told."""
        return dict(self._presences.entries)

    def list(self, choose: Callable[[str, Shown], Any] | None = None) -> builtins.list[Any]:
        """Return the presences, or what ``choose(key, presence)`` makes of each."""
        self._channel.owner.check_owner()
        entries = self._presences.entries
        if choose is None:
            return [*entries.values()]
        return [choose(key, presence) for key, presence in [*entries.items()]]

    @property
    def is_syncing(self) -> bool:
        """Whether the state of the present join has not come yet."""
        return self._presences.is_pending(self._channel.join_ref)

    def on_join(self, callback: F) -> F:
        """Have ``callback(key, current, new)`` called for what has joined; return it.

        ``current`` is the presence before, ``None`` where the key was not present; ``new`` has the
        metas that have joined.
        """
        self._channel.check_callback(callback)
        self._on_join.append(callback)
        return callback

    def on_leave(self, callback: F) -> F:
        """Have ``callback(key, current, left)`` called for what has left.

        ``current`` is what remains, without metas where that is nothing; ``left`` has the metas
        that have left.
        """
        self._channel.check_callback(callback)
        self._on_leave.append(callback)
        return callback

    def on_sync(self, callback: F) -> F:
        """Have ``callback()`` called after each state and each diff."""
        self._channel.check_callback(callback)
        self._on_sync.append(callback)
        return callback

    def _state(self, message: Message, _size: int) -> None:
        try:
            changes = self._presences.state(self._channel.join_ref, message.payload)
        except ValueError as error:
            self._refuse(message, error)
        else:
            self._tell(changes)

    def _diff(self, message: Message, size: int) -> None:
        try:
            changes = self._presences.diff(self._channel.join_ref, message.payload, size)
        except ValueError as error:
            self._refuse(message, error)
        else:
            if changes is not None:
                self._tell(changes)

    def _refuse(self, message: Message, error: ValueError) -> None:
        self._channel.owner.malformed(f"{message.event} of {message.topic}", error)

    def _tell(self, changes: Sequence[Change]) -> None:
        call = self._channel.owner.call
        topic = self._channel.topic
        for change in changes:
            kind = "on_join" if change.kind == JOIN else "on_leave"
            callbacks = self._on_join if change.kind == JOIN else self._on_leave
            arguments = (change.key, change.current, change.presence)
            call(Call(f"{kind} of {topic}", tuple(callbacks), arguments))
        call(Call(f"on_sync of {topic}", tuple(self._on_sync), ()))
