"""What sets of presence tell each other, checked (pure).

Each message is a list of plain values. A *name* is ``<worker>.<start>``, the number of times that
the worker has begun its set.

* ``["delta", name, from, to, [[tag, topic, key, ref, meta], ...], [tag, ...], [tag, ...]]``: what
  leads from one clock to a later one. Adds are those that still stand at ``to``, by ascending tags;
  then the tags of what left, and of what was lost.
* ``["beat", name, clock]``: where the set stands.
* ``["want", name, of, clock, after]``, to the worker of ``of`` alone: ``name`` has all of ``of`` up
  to ``clock``; or, where ``after`` is not 0, the pages of a transfer up to that tag, of the set as
  it was at ``clock``. The answer is a delta, and a beat where that is not all; a page, where the
  log does not reach back so far; or a beat.
* ``["page", name, clock, after, [[tag, ...], ...], more]``: a part of the set as it was at
  ``clock``, from the first tag beyond ``after`` on; whether there are more.
* ``["bye", name, clock]``: the set ends in good order.
* ``["gone", worker]``: the machine's own list no longer has that worker, whatever it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeGuard

from actors.errors import InvalidMessage
from actors.presence.entries import MAX_NAME_BYTES, Entry, fits, sound
from actors.serializers.strict_json import decode

MAX_CLOCK: Final = 2**53
"""No set comes so far: a million operations a second for 285 years."""

MAX_START: Final = 10**9
"""How often a worker may begin its set."""

START_DIGITS: Final = len(str(MAX_START))


class Delta(NamedTuple):
    """What leads from the clock ``since`` to ``to``."""

    since: int
    to: int
    adds: list[Entry]
    left: list[int]
    lost: list[int]


class Beat(NamedTuple):
    """Where its sender stands."""

    clock: int


class Want(NamedTuple):
    """Where its sender stands in our set, and in a transfer of it."""

    of: str
    clock: int
    after: int


class Page(NamedTuple):
    """A part of the sender's set as it was at ``clock``."""

    clock: int
    after: int
    adds: list[Entry]
    more: bool


class Bye(NamedTuple):
    """The end of its sender."""

    clock: int


Message = Delta | Beat | Want | Page | Bye


class Sender(NamedTuple):
    """The two parts of a set's name."""

    worker: str
    start: int


def sender(message: object) -> Sender | None:
    """Return whose message this is; None where it does not say so."""
    if type(message) is not list or len(message) < 2 or type(message[1]) is not str:
        return None
    worker, _, start = message[1].rpartition(".")
    if not (is_worker(worker) and len(start) <= START_DIGITS and is_number(start)):
        return None
    return Sender(worker, int(start)) if int(start) <= MAX_START else None


def is_number(text: str) -> bool:
    """Whether ``text`` is a number of at least 0 as we write it: nobody has two names."""
    return text.isascii() and text.isdigit() and str(int(text)) == text


def is_worker(name: object) -> bool:
    """Whether it can be a worker's name."""
    return type(name) is str and name != "" and fits(name, MAX_NAME_BYTES)


def goner(message: object) -> str | None:
    """Return the worker that a ``gone`` is about; None for anything else."""
    match message:
        case ["gone", worker] if is_worker(worker):
            return str(worker)
    return None


def parse(message: object, names: Mapping[str, str]) -> Message | None:
    """Return what a message of a known form says; None for anything else.

    ``names`` has topics that are there under themselves: entries share these.
    """
    try:
        return _parse(message, names)
    except InvalidMessage:
        return None


def _parse(message: object, names: Mapping[str, str]) -> Message:
    match message:
        case ["beat", _, clock] if is_clock(clock):
            return Beat(clock)
        case ["bye", _, clock] if is_clock(clock):
            return Bye(clock)
        case ["want", _, str(of), clock, after] if is_clock(clock) and is_clock(after):
            if after <= clock:
                return Want(of, clock, after)
        case ["delta", _, since, to, adds, left, lost] if is_clock(since) and is_clock(to):
            return _delta(since, to, _entries(adds, since, to, names), [left, lost])
        case ["page", _, clock, after, adds, bool(more)] if is_clock(clock) and is_clock(after):
            found = _entries(adds, after, clock, names)
            if after <= clock and (found or not more):  # else it would be asked for for ever
                return Page(clock, after, found, more)
    raise InvalidMessage("not a message of presence")


def is_clock(value: object) -> TypeGuard[int]:
    """Whether it is a number that a clock can show."""
    return type(value) is int and 0 <= value <= MAX_CLOCK


def _delta(since: int, to: int, adds: list[Entry], gone: list[Any]) -> Delta:
    for tags in gone:
        if type(tags) is not list or not all(type(tag) is int and 0 < tag < to for tag in tags):
            raise InvalidMessage("not the tags of what was removed")
    left, lost = gone
    removed = {*left, *lost}
    if len(removed) < len(left) + len(lost) or any(entry.tag in removed for entry in adds):
        raise InvalidMessage("a tag comes twice")
    # One operation adds and removes one each.
    if since >= to or max(len(adds), len(removed)) > to - since:
        raise InvalidMessage("more than its operations can have done")
    return Delta(since, to, adds, left, lost)


def check_entry(entry: Entry) -> None:
    """Raise :class:`InvalidMessage` for names or a meta that no entry can have."""
    value = decode(entry.meta) if sound(entry) else None
    if type(value) is not dict or value.get("phx_ref") != entry.ref:
        raise InvalidMessage("not the names or the meta of an entry")


def _entries(raw: object, low: int, high: int, names: Mapping[str, str]) -> list[Entry]:
    """Return entries whose tags ascend beyond ``low``, up to ``high``.

    This is most of what a transfer costs: one expression, as a pattern or a loop over the fields is
    twice as dear.
    """
    if type(raw) is not list:
        raise InvalidMessage("not a list of entries")
    found: list[Entry] = []
    shared: dict[str, str] = {}
    for each in raw:
        if type(each) is not list or len(each) != 5:
            raise InvalidMessage("not an entry")
        tag, topic, key, ref, meta = each
        if not (
            type(tag) is int
            and type(topic) is str
            and type(key) is str
            and type(ref) is str
            and type(meta) is bytes
            and low < tag <= high
        ):
            raise InvalidMessage("not the fields of an entry")
        if topic not in shared:
            shared[topic] = names.get(topic, topic)
        entry = Entry._make((tag, shared[topic], key, ref, meta))  # quicker than Entry(...)
        check_entry(entry)
        found.append(entry)
        low = tag
    return found
