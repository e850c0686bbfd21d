"""A set of entries that one worker alone writes, and what it tells the others of it (pure).

Each operation moves the ``clock`` by one. What an operation adds has the clock as its *tag*, so a
tag (with the name of its set: a *dot*) is never used twice, and what somebody has seen of a set is
one number. A set that is begun anew has a new name.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from actors.presence.entries import (
    LEFT,
    MAX_ENTRIES,
    MAX_KEYS,
    MAX_METAS,
    Entry,
    Kind,
    sound,
)

DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
HASH_BYTES: Final = 7
HASH_DIGITS: Final = 11
"""What 7 bytes are in base 36."""

TAG_BYTES: Final = 9
"""Bytes of a tag in a message, at most."""

Operation = tuple[Entry | None, Entry | None, Kind]
"""What was removed, what was added, and how the first went."""


class Part:
    """Entries by their tags, and how many there are of each key."""

    __slots__ = ("entries", "keys")

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.keys: dict[str, dict[str, int]] = {}

    def put(self, entry: Entry) -> bool:
        """Take ``entry``; return False, and change nothing, where a limit is reached."""
        keys = self.keys.get(entry.topic)
        if keys is None:
            keys = {}
        metas = keys.get(entry.key, 0)
        if metas >= MAX_METAS or (metas == 0 and len(keys) >= MAX_KEYS):
            return False
        if len(self.entries) >= MAX_ENTRIES:
            return False
        self.keys[entry.topic] = keys
        keys[entry.key] = metas + 1
        self.entries[entry.tag] = entry
        return True

    def drop(self, entry: Entry) -> None:
        """Remove ``entry``, which must be there."""
        del self.entries[entry.tag]
        keys = self.keys[entry.topic]
        keys[entry.key] -= 1
        if not keys[entry.key]:
            del keys[entry.key]
            if not keys:
                del self.keys[entry.topic]


class Replica:
    """The worker's own set. ``log``: how many operations it can tell again."""

    def __init__(self, name: str, log: int) -> None:
        self.name = name
        self.clock = 0
        self.part = Part()
        self.told = 0
        """The clock up to which all others were told."""
        self._owners: dict[int, dict[tuple[str, str], Entry]] = {}
        self._log = log
        self._operations: list[Operation] = []  # the last is the clock's; up to twice the log
        digest = hashlib.blake2b(name.encode(), digest_size=HASH_BYTES).digest()
        self._prefix = base36(int.from_bytes(digest)).rjust(HASH_DIGITS, "0")

    def put(
        self, owner: int, topic: str, key: str, make: Callable[[str], bytes]
    ) -> tuple[Entry | None, Entry]:
        """Add an entry, in the place of the owner's own one of that topic and key.

        ``make(ref)`` returns its meta. Return the one that was there, and the new one. Raise
        ``ValueError``, and change nothing, where others would not take it: a limit is reached.
        """
        owned = self._owners.get(owner, {})
        before = owned.get((topic, key))
        tag = self.clock + 1
        ref = self._prefix + base36(tag)
        entry = Entry(tag, topic, key, ref, make(ref))
        if not sound(entry):
            raise ValueError(f"too long, or no key: {entry!r:.200}")
        if before is not None:
            self.part.drop(before)
        if not self.part.put(entry):  # never where one has just made room
            raise ValueError(f"no room for another meta of {key!r} in {topic!r}")
        owned[topic, key] = entry
        self._owners[owner] = owned
        self._note(before, entry, LEFT)
        return before, entry

    def entry(self, owner: int, topic: str, key: str) -> Entry | None:
        """Return the owner's entry of that topic and key, if there is one."""
        owned = self._owners.get(owner)
        return None if owned is None else owned.get((topic, key))

    def owned(self, owner: int) -> list[tuple[str, str]]:
        """Return the topics and keys of all that ``owner`` has."""
        return list(self._owners.get(owner, ()))

    def remove(self, owner: int, topic: str, key: str, kind: Kind) -> Entry | None:
        """Remove the owner's entry of that topic and key; return it, if there was one."""
        owned = self._owners.get(owner, {})
        entry = owned.pop((topic, key), None)
        if entry is not None:
            if not owned:
                del self._owners[owner]
            self.part.drop(entry)
            self._note(entry, None, kind)
        return entry

    def _note(self, removed: Entry | None, added: Entry | None, kind: Kind) -> None:
        self.clock += 1
        self._operations.append((removed, added, kind))
        if len(self._operations) > 2 * self._log:
            del self._operations[: -self._log]

    def covers(self, clock: int) -> bool:
        """Whether it can tell what has happened since ``clock``."""
        return self.clock - self._log <= clock <= self.clock

    def delta(self, since: int, limit: int) -> tuple[int, list[object]]:
        """Return where who stands at ``since`` is led by one message, and that message.

        It must be covered; the message has about ``limit`` bytes, and one operation at least. Adds
        are those that still stand where it ends, and removals are all that there were: who stands
        in between may have what came and went within it.

        What an update has removed is lost where what came instead is lost within the message: who
        has not seen the update is to wait for that key to come back, as everybody else is.
        """
        adds: dict[int, Entry] = {}
        gone: dict[int, Kind] = {}
        before: dict[int, list[int]] = {}  # by what an update added, what that came instead of
        to, size = since, 0
        for removed, added, kind in self._since(since):
            size += (TAG_BYTES if removed else 0) + (bytes_of(added) if added else 0)
            if size > limit and to > since:
                break
            to += 1
            if removed is not None:
                adds.pop(removed.tag, None)
                updated = [*before.pop(removed.tag, ()), removed.tag]
                gone.update(dict.fromkeys(updated if added is None else updated[-1:], kind))
                if added is not None:
                    before[added.tag] = updated
            if added is not None:
                adds[added.tag] = added
        listed = [[*entry] for entry in adds.values()]
        left = [tag for tag, how in gone.items() if how == LEFT]
        lost = [tag for tag, how in gone.items() if how != LEFT]
        return to, ["delta", self.name, since, to, listed, left, lost]

    def page(self, clock: int, after: int, limit: int) -> list[object]:
        """Return the set as it was at ``clock``, from the first tag beyond ``after`` on.

        What was removed since then is in the log. Where ``after`` is 0, or the log does not reach
        back that far, it is the first page of the set as it is now.
        """
        if not after or not self.covers(clock):
            clock, after = self.clock, 0
        entries = self.part.entries
        tags = list(entries)  # in the order in which they were added
        tags = tags[bisect_right(tags, after) : bisect_right(tags, clock)]
        since = {
            removed.tag: removed
            for removed, _, _ in self._since(clock)
            if removed is not None and after < removed.tag <= clock
        }
        adds: list[object] = []
        size = 0
        for tag in sorted([*tags, *since]) if since else tags:
            entry = entries[tag] if tag in entries else since[tag]
            size += bytes_of(entry)
            if size > limit and adds:
                return ["page", self.name, clock, after, adds, True]
            adds.append([*entry])
        return ["page", self.name, clock, after, adds, False]

    def _since(self, clock: int) -> list[Operation]:
        operations = self._operations
        return operations[len(operations) - (self.clock - clock) :]


def base36(number: int) -> str:
    """Return a number of at least 0 in the digits 0 to 9 and a to z."""
    digits = DIGITS[number % 36]
    while number := number // 36:
        digits = DIGITS[number % 36] + digits
    return digits


def bytes_of(entry: Entry) -> int:
    """Return how many bytes ``entry`` takes in a message, at most."""
    _, topic, key, ref, meta = entry
    size = TAG_BYTES + 16 + len(topic) + len(key) + len(ref) + len(meta)
    if topic.isascii() and key.isascii():
        return size
    return size + 3 * (len(topic) + len(key))  # four bytes a character, at most
