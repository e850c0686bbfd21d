"""Who is present in a topic, made of the server's states and diffs (``Presence`` of phoenix.js).

A presence is an object with ``metas``, one for each place where its key is present, and whatever
else the server's ``fetch`` has added. Each meta has a ``phx_ref`` of its own. An update is a leave
of the old meta and a join of the new one in one diff.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from actors.client.inbox import Inbox

Presence = Mapping[str, Any]
Entries = dict[str, dict[str, Any]]

JOIN: Final = "join"
LEAVE: Final = "leave"


class Change(NamedTuple):
    """What happened to a key.

    ``current`` is what was there before a join (``None``: nothing), and what is left after a leave
    (with empty ``metas``: nothing). ``presence`` has the metas that joined or left.
    """

    kind: str
    key: str
    current: Presence | None
    presence: Presence


class Presences:
    """The present ones of a topic. A presence that it has shown is never changed.

    ``limit`` is how many metas it keeps: those beyond are passed over, and counted in
    ``passed_over``. ``pending`` bounds the diffs that come before the state of a join: the state
    was taken later than the oldest of them, so those go first.
    """

    def __init__(self, limit: int, pending: Inbox[object]) -> None:
        self.entries: Entries = {}
        self.passed_over = 0
        self._limit = limit
        self._count = 0
        self._pending = pending
        self._join_ref: str | None = None

    def state(self, join_ref: str | None, payload: object) -> list[Change]:
        """Take a ``presence_state`` of the join ``join_ref``: all that there is.

        ``ValueError`` for what is none; nothing has changed then.
        """
        new = _entries(payload)
        self._join_ref = join_ref
        changes = self._apply(*_difference(self.entries, new))
        while len(self._pending):
            changes += self._apply(*_parts(self._pending.take()))
        return changes

    def diff(self, join_ref: str | None, payload: object, size: int) -> list[Change] | None:
        """Take a ``presence_diff``; ``None`` where it waits for the state of its join.

        ``ValueError`` for what is none; nothing has changed then.
        """
        joins, leaves = _parts(payload)
        if self.is_pending(join_ref):
            self._pending.put(payload, size)
            return None
        return self._apply(joins, leaves)

    def is_pending(self, join_ref: str | None) -> bool:
        """Whether the state of that join has not come yet."""
        return self._join_ref is None or join_ref != self._join_ref

    def _apply(self, joins: Entries, leaves: Entries) -> list[Change]:
        changes = []
        for key, presence in joins.items():
            current = self.entries.get(key)
            if self._join(key, current, presence):
                changes.append(Change(JOIN, key, current, presence))
        for key, presence in leaves.items():
            current = self.entries.get(key)
            if current is not None:
                changes.append(Change(LEAVE, key, self._leave(key, current, presence), presence))
        return changes

    def _join(self, key: str, current: Presence | None, presence: dict[str, Any]) -> bool:
        new = {meta["phx_ref"] for meta in presence["metas"]}
        before = [] if current is None else current["metas"]
        kept = [meta for meta in before if meta["phx_ref"] not in new]
        metas = [*kept, *presence["metas"]]
        count = self._count + len(metas) - len(before)
        if count > self._limit or not metas:
            self.passed_over += 1
            return False
        self._count = count
        self.entries[key] = {**presence, "metas": metas}
        return True

    def _leave(self, key: str, current: dict[str, Any], presence: Presence) -> Presence:
        gone = {meta["phx_ref"] for meta in presence["metas"]}
        kept = [meta for meta in current["metas"] if meta["phx_ref"] not in gone]
        self._count -= len(current["metas"]) - len(kept)
        left = {**current, "metas": kept}
        if kept:
            self.entries[key] = left
        else:
            del self.entries[key]
        return left


def _difference(old: Entries, new: Entries) -> tuple[Entries, Entries]:
    """Return what joined and what left between two states, meta by meta."""
    leaves = {key: presence for key, presence in old.items() if key not in new}
    joins: Entries = {}
    for key, presence in new.items():
        current = old.get(key)
        if current is None:
            joins[key] = presence
            continue
        joined = _without(presence, current)
        left = _without(current, presence)
        if joined["metas"]:
            joins[key] = joined
        if left["metas"]:
            leaves[key] = left
    return joins, leaves


def _without(presence: Presence, other: Presence) -> dict[str, Any]:
    refs = {meta["phx_ref"] for meta in other["metas"]}
    metas = [meta for meta in presence["metas"] if meta["phx_ref"] not in refs]
    return {**presence, "metas": metas}


def _parts(payload: object) -> tuple[Entries, Entries]:
    if not isinstance(payload, dict):
        raise ValueError("a presence_diff is an object with joins and leaves")  # noqa: TRY004
    return _entries(payload.get("joins", {})), _entries(payload.get("leaves", {}))


def _entries(payload: object) -> Entries:
    if not isinstance(payload, dict) or not all(map(_is_presence, payload.values())):
        raise ValueError("presences are an object of objects with metas, each with a phx_ref")
    return payload


def _is_presence(value: object) -> bool:
    metas = value.get("metas") if isinstance(value, dict) else None
    return isinstance(metas, list) and all(
        isinstance(meta, dict) and isinstance(meta.get("phx_ref"), str) for meta in metas
    )
