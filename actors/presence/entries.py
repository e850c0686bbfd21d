"""What presence is made of: entries, changes, and the index of what is visible (pure).

The names are those of Phoenix.Tracker: an entry is one *meta* of a *key* in a *topic*, and its
``phx_ref`` tells it from all others. Equal (topic, key, ref) in two sets are one entry that moves
from one worker to another: it is shown once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

MAX_METAS: Final = 64
"""Metas that one set may have of one key in one topic."""

MAX_KEYS: Final = 100_000
"""Keys that one set may have in one topic."""

MAX_ENTRIES: Final = 1_000_000
"""Entries that one set may have."""

MAX_NAME_BYTES: Final = 255
"""Bytes of a topic, and of a key, in UTF-8."""

MAX_META_BYTES: Final = 1024
"""Bytes of a meta as an application gives it."""

MAX_REF_BYTES: Final = 64
"""Bytes of a ``phx_ref``."""

MAX_ENCODED_BYTES: Final = (
    MAX_META_BYTES + 2 * MAX_REF_BYTES + len(',"phx_ref":"","phx_ref_prev":""')
)
"""Bytes of a meta as it is kept and sent: with its ``phx_ref`` and ``phx_ref_prev``."""

OBJECT_PROPERTIES: Final = frozenset(
    {
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    }
)
"""No keys: in phoenix.js before 1.8.9 every object has them, so it takes them for present."""

Kind = Literal["join", "left", "lost"]
JOIN: Final = "join"
LEFT: Final = "left"
"""It was untracked, or its client has left: seen at once."""
LOST: Final = "lost"
"""Whoever had it is gone without a word: it may come back in a moment."""


class Entry(NamedTuple):
    """One meta of one key. ``tag`` is its set's clock when it was added, and never used again.

    ``meta`` is a JSON object that holds ``phx_ref``, encoded once.
    """

    tag: int
    topic: str
    key: str
    ref: str
    meta: bytes


Change = tuple[Kind, Entry]

NOTHING: Final[Mapping[str, tuple[Entry, ...]]] = MappingProxyType({})


class Index:
    """What is visible: topic, key, and entries in the order in which they arrived.

    ``names`` has each topic under itself, so that what is added need not keep a copy of its own.
    """

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._topics: dict[str, dict[str, tuple[Entry, ...]]] = {}
        self._hidden: dict[tuple[str, str, str], list[Entry]] = {}

    def add(self, entry: Entry) -> bool:
        """Return whether it became visible: not where one of equal topic, key and ref is."""
        keys = self._topics.get(entry.topic)
        if keys is None:
            keys = self._topics[entry.topic] = {}
            self.names[entry.topic] = entry.topic
        there = keys.get(entry.key)
        if there is None:
            keys[entry.key] = (entry,)
            return True
        if any(each.ref == entry.ref for each in there):
            self._hidden.setdefault(entry[1:4], []).append(entry)
            return False
        keys[entry.key] = (*there, entry)
        return True

    def remove(self, entry: Entry) -> bool:
        """Return whether it vanished: not where an equal one stays. It must have been added."""
        keys = self._topics[entry.topic]
        there = keys[entry.key]
        others = self._hidden.get(entry[1:4])
        if others is not None:
            if entry in others:
                others.remove(entry)
            else:
                heir = others.pop(0)
                keys[entry.key] = tuple(heir if each == entry else each for each in there)
            if not others:
                del self._hidden[entry[1:4]]
            return False
        rest = tuple(each for each in there if each.ref != entry.ref)
        if rest:
            keys[entry.key] = rest
            return True
        del keys[entry.key]
        if not keys:
            del self._topics[entry.topic], self.names[entry.topic]
        return True

    def metas(self, topic: str) -> Mapping[str, Sequence[Entry]]:
        """Return the entries of each key of ``topic``, each ref once. It is not to be changed."""
        return self._topics.get(topic, NOTHING)

    def by_key(self, topic: str, key: str) -> Sequence[Entry]:
        """Return the entries of ``key``; () where it is absent."""
        return self.metas(topic).get(key, ())

    def keys(self, topic: str) -> int:
        """Return how many keys are present in ``topic``."""
        return len(self.metas(topic))

    def topics(self) -> Collection[str]:
        """Return the topics in which somebody is present."""
        return self._topics.keys()


class Results:
    """What is to be told: messages, changes of what is visible, and who came or went.

    Whoever drives it empties the three lists, in place. ``outbox`` has a worker, or None for all
    others, and the message; ``news`` a replica, and ``"up"``, ``"down"`` or ``"gone"``.
    """

    def __init__(self) -> None:
        self.index = Index()
        self.outbox: list[tuple[str | None, list[object]]] = []
        self.changes: list[Change] = []
        self.news: list[tuple[str, str]] = []

    def show(self, changes: Iterable[Change]) -> None:
        """Bring ``changes`` into the index, and note what became visible or vanished."""
        add, remove, note = self.index.add, self.index.remove, self.changes.append
        for change in changes:
            kind, entry = change
            if add(entry) if kind is JOIN else remove(entry):
                note(change)


def fits(text: str, limit: int) -> bool:
    """Whether ``text`` is at most ``limit`` bytes of UTF-8; a lone surrogate is no UTF-8."""
    if text.isascii():
        return len(text) <= limit
    try:
        return len(text) <= limit and len(text.encode()) <= limit
    except UnicodeEncodeError:
        return False


def sound(entry: Entry) -> bool:
    """Whether its names and its meta are such as an entry may have; its meta is not read."""
    _, topic, key, ref, meta = entry
    if len(meta) > MAX_ENCODED_BYTES or key in OBJECT_PROPERTIES:
        return False
    if topic.isascii() and key.isascii() and ref.isascii():  # nearly all are, and this is quick
        limit = MAX_NAME_BYTES
        return len(topic) <= limit and len(key) <= limit and len(ref) <= MAX_REF_BYTES
    return fits(topic, MAX_NAME_BYTES) and fits(key, MAX_NAME_BYTES) and fits(ref, MAX_REF_BYTES)
