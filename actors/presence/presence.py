"""``Presence``: who is there, in every process (``Phoenix.Presence``)."""

from __future__ import annotations

import builtins
import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, overload

from actors import contract, pubsub, telemetry
from actors.channels.channel import Channel
from actors.crash_log import CrashLog
from actors.errors import ConfigError, NotTracked
from actors.options import not_negative
from actors.presence import encoding
from actors.presence.encoding import Presences
from actors.presence.entries import Entry
from actors.presence.tracker import Tracker
from actors.presence.tracker import trackers as _trackers
from actors.presence.windows import Diff
from actors.reasons import Crash, Killed, Reason, Shutdown
from actors.runtime import monitors
from actors.runtime.actor import Actor, ActorKilled, Exit
from actors.runtime.cell import Cell
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.ref import Ref
from actors.serializers.message import Body
from actors.serializers.strict_json import Encoded

DIFF: Final = "presence_diff"
STATE: Final = "presence_state"

TOLD: Final = "presence.diff"

CATCH_UP: Final = 1.0
"""Seconds that a worker waits, before it serves, to know who is there in its siblings."""

CRASHES: Final = CrashLog(logging.getLogger("roost.presence"))

Metas = dict[str, list[dict[str, Any]]]
Who = Actor | Ref[Any]
_DUE: Final = object()


class Presence(Actor):
    """Who is there: subclass it, and start the subclass as a child of the endpoint.

    ::

        class RoomPresence(Presence):
            pass

        endpoint = Endpoint(children=[RoomPresence])

        class Room(Channel):
            def joined(self):
                RoomPresence.track(self, self.assigns["user"], {"typing": False})
                RoomPresence.push_state(self)

    An actor is tracked under a *topic* and a *key* with a *meta*: a mapping that JSON can say, of
    at most 1 KiB. One key may be there several times (a user with two tabs): at most 64 times. A
    channel is tracked under its own topic. Whoever has joined the topic, in any process and on any
    machine, is told ``presence_diff`` when somebody comes, goes or changes; ``push_state`` sends
    ``presence_state``, who is there already. What phoenix.js's ``Presence`` makes of the two::

        {"joins": {key: {"metas": [{..., "phx_ref": ref}]}}, "leaves": {...}}     # a diff
        {key: {"metas": [{..., "phx_ref": ref}, ...]}, ...}                       # a state

    Keys are strings; an ``int`` becomes its digits. ``phx_ref`` names a meta; after an update
    ``phx_ref_prev`` names the one before.

    The methods of the class are for the loop's thread, that is for callbacks of actors, and do not
    block, except where ``fetch`` does. Tracking ends with the actor. ``RuntimeError``: the class
    has not been started in this process; or another thread calls.

    An application may override

    * ``leave_delay``: seconds (2) that a leave waits for its key to come back, where its client was
      cut off: a lost connection, a crash, a reload, a worker that died. 0 tells every leave at
      once, as Phoenix does. ``list`` and ``count`` never wait;
    * :meth:`fetch`, to add to what is told, for instance names from a database;
    * :meth:`init` and :meth:`handle_metas`, to act upon who comes and goes, in every process.

    What these raise is logged, and ends nothing.
    """

    leave_delay: ClassVar[float] = 2.0

    __fetches: ClassVar[bool] = False
    __watches: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        wanted = not_negative(cls.leave_delay)
        if wanted:
            raise ConfigError(f"{cls.__name__}.leave_delay = {cls.leave_delay!r}: must be {wanted}")
        cls.__fetches = _overrides(cls, "fetch")
        cls.__watches = _overrides(cls, "handle_metas")
        if cls.__watches and not _overrides(cls, "init"):
            raise ConfigError(
                f"{cls.__name__}.handle_metas: missing the callback init, whose state it gets"
            )

    def __init__(self) -> None:
        super().__init__()
        self.__tracker: Tracker | None = None
        self.__state: Any = None

    # -- who is there

    @overload
    @classmethod
    def track(cls, channel: Channel[Any], key: str | int, meta: Mapping[str, Any], /) -> str: ...
    @overload
    @classmethod
    def track(cls, actor: Who, topic: str, key: str | int, meta: Mapping[str, Any], /) -> str: ...
    @classmethod
    def track(cls, who: Any, *where: Any) -> str:
        """Say that an actor is there until it ends; return the ``phx_ref``.

        ``track(channel, key, meta)`` or ``track(actor, topic, key, meta)``. Where it is tracked
        already this is an :meth:`update`. ``TypeError`` or ``ValueError`` for what cannot be
        tracked; :class:`~actors.errors.PresenceLimit` beyond a limit. Nothing has changed then.
        """
        owner, topic, key, meta = _place(who, where, 2)
        tracker = cls.__running("track")
        if tracker.site.entry(owner.number, topic, key) is not None:
            return cls.__update(tracker, owner, topic, key, meta)
        return tracker.add(owner, topic, key, lambda ref: encoding.encoded(meta, ref)).ref

    @overload
    @classmethod
    def untrack(cls, channel: Channel[Any], key: str | int, /) -> None: ...
    @overload
    @classmethod
    def untrack(cls, actor: Who, topic: str, key: str | int, /) -> None: ...
    @overload
    @classmethod
    def untrack(cls, actor: Who, /) -> None: ...
    @classmethod
    def untrack(cls, who: Any, *where: Any) -> None:
        """Say that an actor is there no more; nothing happens where it was not.

        ``untrack(channel, key)``, ``untrack(actor, topic, key)``, or ``untrack(actor)`` for all
        that it has.
        """
        tracker = cls.__running("untrack")
        if where:
            owner, topic, key = _place(who, where, 1)
            tracker.remove(owner, topic, key)
        else:
            tracker.remove_all(pubsub.cell_of(who))

    @overload
    @classmethod
    def update(cls, channel: Channel[Any], key: str | int, meta: Change, /) -> str: ...
    @overload
    @classmethod
    def update(cls, actor: Who, topic: str, key: str | int, meta: Change, /) -> str: ...
    @classmethod
    def update(cls, who: Any, *where: Any) -> str:
        """Put another meta in the place of one; return its ``phx_ref``.

        As :meth:`track`. A function instead of a mapping gets the present meta, and returns the
        other one. :class:`~actors.errors.NotTracked` where there is none.
        """
        owner, topic, key, meta = _place(who, where, 2)
        return cls.__update(cls.__running("update"), owner, topic, key, meta)

    @classmethod
    def __update(cls, tracker: Tracker, owner: Cell, topic: str, key: str, meta: Any) -> str:
        entry = tracker.site.entry(owner.number, topic, key)
        if entry is None:
            raise NotTracked(f"{owner} is not tracked under {topic!r:.100} and {key!r:.100}")
        if callable(meta):
            meta = meta(encoding.decoded(entry))
            if tracker.site.entry(owner.number, topic, key) is not entry:
                raise NotTracked(f"{key!r:.100} of {topic!r:.100} was changed by what changes it")
        make: Callable[[str], bytes] = lambda ref: encoding.encoded(meta, ref, entry.ref)  # noqa: E731
        return tracker.update(owner, topic, key, make).ref

    @classmethod
    def list(cls, where: str | Channel[Any]) -> Presences:
        """Return who is there now under a topic, or the topic of a channel.

        ``{key: {"metas": [...]}}`` after :meth:`fetch`; ``{}`` where nobody is.
        """
        topic = _topic(where)
        found = encoding.presences(cls.__running("list").site.index.metas(topic))
        return cls.__fetched(topic, found)

    @classmethod
    def get_by_key(cls, where: str | Channel[Any], key: str | int) -> Any:
        """Return what :meth:`list` has for one key; ``[]`` where nobody is there under it."""
        topic, name = _topic(where), encoding.checked_key(key)
        entries = cls.__running("get_by_key").site.index.by_key(topic, name)
        if not entries:
            return []
        return cls.__fetched(topic, encoding.presences({name: entries})).get(name, [])

    @classmethod
    def count(cls, where: str | Channel[Any]) -> int:
        """Return how many keys are there now."""
        return cls.__running("count").site.index.keys(_topic(where))

    @classmethod
    def push_state(cls, channel: Channel[Any]) -> None:
        """Send ``presence_state`` to a channel's client, which can make sense of diffs then.

        Call it in ``joined``, after ``track``. In rooms of many thousands each state is some
        megabytes: use :meth:`count` there.
        """
        if not isinstance(channel, Channel):
            raise TypeError(f"push_state({channel!r:.80}): must be a channel, which has a client")
        tracker, topic = cls.__running("push_state"), channel.topic
        if cls.__fetches:
            shown = encoding.presences(tracker.shown(topic))
            channel.push(STATE, cls.__fetched(topic, shown))
            return
        if not cls.__watches:
            diff = tracker.take_of(topic)
            if diff is not None:
                _tell(cls, tracker, diff, encoding.as_json)
        channel.push(STATE, Encoded(tracker.state(topic)))

    # -- callbacks

    @classmethod
    def fetch(cls, topic: str, presences: Presences) -> Presences:  # noqa: ARG003
        """Return ``presences`` with more in the value of each key; keep its ``metas``.

        It runs for all of a topic (:meth:`list`, :meth:`push_state`), for one key, and for the
        joins and the leaves of each diff, once for each process. It may block: diffs wait and merge
        meanwhile. Where it raises, a diff is told without what it would have added.
        """
        return presences

    def init(self) -> Any:
        """Return the first state for :meth:`handle_metas`."""
        return None

    def handle_metas(self, topic: str, diff: dict[str, Metas], presences: Metas, state: Any) -> Any:  # noqa: ARG002
        """Act upon a diff, after it was told; return the next state. It may block.

        ``diff``: ``{"joins": {key: [meta, ...]}, "leaves": {...}}``. ``presences``: who is there
        after it, ``{key: [meta, ...]}``.
        """
        return state

    # -- how it runs

    def on_start(self) -> None:
        cls = type(self)
        tracker = _trackers.get(cls)
        if tracker is None:
            name = f"{cls.__module__}.{cls.__qualname__}"
            tracker = _trackers[cls] = Tracker(name, cls.leave_delay, watches=cls.__watches)
        if any(each.served and each.name == tracker.name for each in _trackers.values()):
            raise ConfigError(f"{tracker.name} has been started in this process already")
        if cls.__watches:
            self.__state = self.init()
        inbox = self.actor_inbox
        self.__tracker = tracker
        tracker.begin(lambda: monitors.deliver(inbox, _DUE))
        tracker.catch_up(CATCH_UP)

    def on_receive(self, message: Any) -> None:
        """Tell a diff that is due, and come back for the next: others have their turns between."""
        tracker = self.__tracker
        if message is not _DUE or tracker is None:
            return
        diff = tracker.take()
        if diff is not None:
            self.__show(tracker, diff)
            monitors.deliver(self.actor_inbox, _DUE)

    def __show(self, tracker: Tracker, diff: Diff) -> None:
        cls = type(self)
        decorated = functools.partial(cls.__decorated, diff.topic)
        _tell(cls, tracker, diff, decorated if cls.__fetches else encoding.as_json)
        if cls.__watches:
            present = encoding.metas(tracker.shown(diff.topic))
            came, went = map(encoding.metas, map(encoding.by_key, (diff.joins, diff.leaves)))
            try:
                self.__state = self.handle_metas(
                    diff.topic, {"joins": came, "leaves": went}, present, self.__state
                )
            except BaseException as error:  # noqa: BLE001 - an application's
                _failed(cls, "handle_metas", error)

    @classmethod
    def __decorated(cls, topic: str, entries: Mapping[str, Sequence[Entry]]) -> bytes:
        """Return the text of what is told; undecorated where :meth:`fetch` raises."""
        if not entries:
            return b"{}"
        try:
            return encoding.value_json(cls.__fetched(topic, encoding.presences(entries)))
        except BaseException as error:  # noqa: BLE001 - an application's
            _failed(cls, "fetch", error)
            return encoding.as_json(entries)

    @classmethod
    def __fetched(cls, topic: str, presences: Presences) -> Presences:
        if not cls.__fetches:
            return presences
        found = cls.fetch(topic, presences)
        kept = isinstance(found, dict) and all(
            isinstance(value, dict) and isinstance(value.get("metas"), builtins.list)
            for value in found.values()
        )
        if not kept:
            wanted = '{key: {"metas": [...], ...}}'
            raise TypeError(f"{cls.__name__}.fetch returned {found!r:.80}: must be {wanted}")
        return found

    def on_ended(self, reason: Reason, left: Sequence[Any]) -> None:  # noqa: ARG002
        """Keep the set for the next start after a crash or a kill; else say goodbye.

        A supervisor that ends it may start it again, while those live whom it tracks.
        """
        tracker, self.__tracker = self.__tracker, None
        if tracker is None:
            return
        if isinstance(reason, Crash | Killed):
            tracker.paused()
        else:
            tracker.close(forget=not isinstance(reason, Shutdown))

    @classmethod
    def __running(cls, what: str) -> Tracker:
        tracker = _trackers.get(cls)
        if not get_dispatcher().on_this_thread():
            raise RuntimeError(f"{cls.__name__}.{what} is for callbacks of actors: another thread")
        if tracker is None or not tracker.open:
            raise RuntimeError(
                f"{cls.__name__}.{what}: not started here: Endpoint(children=[{cls.__name__}])"
            )
        return tracker


Encode = Callable[[Mapping[str, Sequence[Entry]]], bytes]
Change = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]


def _tell(cls: type[Presence], tracker: Tracker, diff: Diff, encode: Encode) -> None:
    """Tell a diff to the viewers of this process, unless others come while it is encoded."""
    joins, leaves = (encode(encoding.by_key(each)) for each in (diff.joins, diff.leaves))
    if not tracker.windows.counts(diff):
        return
    payload = encoding.diff_json(joins, leaves)
    pubsub.server.local_event(diff.topic, DIFF, Body(json=payload))
    tracker.told(diff)
    if telemetry.listens(TOLD):
        counts = {"joins": len(diff.joins), "leaves": len(diff.leaves), "size": len(payload)}
        telemetry.execute(TOLD, counts, {"presence": cls, "topic": diff.topic})


def _failed(cls: type[Presence], what: str, error: BaseException) -> None:
    """Log what a callback raised; an end of this actor goes on."""
    if isinstance(error, Exit | ActorKilled):
        raise error
    CRASHES.log(error, "%s.%s failed", cls.__name__, what, owner=cls)


def _overrides(cls: type, name: str) -> bool:
    return inspect.getattr_static(cls, name) is not inspect.getattr_static(Presence, name)


def _place(who: Any, where: tuple[Any, ...], behind: int) -> tuple[Any, ...]:
    """Return the cell of ``who``, a topic, a key and what comes behind."""
    if isinstance(who, Channel) and len(where) == behind:
        topic, key, *rest = who.topic, *where
    elif len(where) == behind + 1:
        topic, key, *rest = where
    else:
        names = ("key", "meta")[:behind]
        forms = f"(channel, {', '.join(names)}) or (actor, topic, {', '.join(names)})"
        raise TypeError(f"it takes {forms}")
    return pubsub.cell_of(who), encoding.checked_topic(topic), encoding.checked_key(key), *rest


def _topic(where: str | Channel[Any]) -> str:
    return where.topic if isinstance(where, Channel) else encoding.checked_topic(where)


contract.declare(
    Presence,
    callbacks=("fetch", "handle_metas", "init"),
    reserved=(
        "count", "get_by_key", "list", "on_ended", "on_receive", "on_start", "push_state", "track",
        "untrack", "update",
    ),
    settings=("leave_delay",),
)  # fmt: skip
