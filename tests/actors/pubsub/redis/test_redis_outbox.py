"""What waits for Redis: bounds, what is sent again, and who is told of a loss."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.pubsub.redis import outbox as outboxes
from actors.pubsub.redis.outbox import KEEP_BYTES, KEEP_TIME, MAX_WAITING, Command, Outbox
from actors.pubsub.redis.schedule import FIRST_WAIT, LONGEST_WAIT, wait_for


def outbox(*, up: bool = True) -> Outbox:
    made = Outbox()
    made.up = up
    return made


def broadcast(number: int, size: int = 10, when: float = 0.0) -> Command:
    return Command(bytes([number % 256]) * size, when, number)


def test_what_is_queued_is_written_in_order_and_answered_once():
    box, answers = outbox(), []
    for number in (1, 2, 3):
        assert box.put(Command(b"%d" % number, 0.0, number, answers.append))
    assert box.waits
    assert box.since is None
    assert box.take(2) == b"12"
    assert box.take(100) == b"3"
    assert box.take(100) == b""
    assert (box.since, box.waits, len(box)) == (0.0, False, 3)
    for reply in ("a", "b", "c"):
        box.answered(reply)
    assert (answers, len(box), box.bytes) == (["a", "b", "c"], 0, 0)
    with pytest.raises(LookupError):
        box.answered("d")


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_so_many_bytes_may_wait(extra, taken):
    box = outbox()
    assert box.put(broadcast(1, 100))
    assert box.put(broadcast(2, MAX_WAITING - 100 + extra)) is taken


@pytest.mark.parametrize("what", ["SMALL", "RESERVE"])
@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_small_ones_that_are_no_broadcasts_have_room_beyond_them(monkeypatch, what, extra, taken):
    monkeypatch.setattr(outboxes, what, 100)
    box = outbox()
    assert box.put(broadcast(1, MAX_WAITING))
    assert not box.put(broadcast(2, 1))
    assert box.put(Command(b"x" * (100 + extra), 0.0)) is taken


def test_one_passes_whatever_its_size():
    assert outbox().put(broadcast(1, MAX_WAITING + 1))


def test_nothing_but_broadcasts_waits_for_redis():
    box = outbox(up=False)
    assert not box.put(Command(b"x", 0.0))
    assert box.put(broadcast(1))
    assert len(box) == 1


def test_broadcasts_that_were_not_answered_are_sent_again_and_all_else_is_lost():
    box, told = outbox(), []
    for number in range(1, 5):
        box.put(broadcast(number, 1))
        box.put(Command(b"-", 0.0, 0, told.append))
    box.put(Command(b"+", 0.0))
    box.take(5)
    box.answered("ok")
    box.answered(1)
    assert box.lost(0.5) == 0
    assert not box.up
    assert told == [1, None, None, None]
    box.up = True
    assert box.take(100) == b"\x02\x03\x04"
    assert box.bytes == 3


@pytest.mark.parametrize(("late", "dropped"), [(-0.01, 0), (0.0, 0), (0.01, 1)])
def test_so_old_a_broadcast_is_kept(late, dropped):
    box = outbox(up=False)
    box.put(broadcast(1, when=5.0))
    assert box.trim(5.0 + KEEP_TIME + late) == dropped
    assert len(box) == 1 - dropped


@pytest.mark.parametrize(("extra", "dropped"), [(-1, 0), (0, 0), (1, 1)])
def test_so_many_bytes_are_kept(extra, dropped):
    box = outbox(up=False)
    box.put(broadcast(1, 100))
    box.put(broadcast(2, KEEP_BYTES - 100 + extra))
    assert box.trim(0.0) == dropped
    assert len(box) == 2 - dropped


def test_the_newest_is_kept_whatever_its_size():
    box = outbox(up=False)
    box.put(broadcast(1, 100))
    box.put(broadcast(2, KEEP_BYTES + 1))
    assert box.trim(0.0) == 1
    assert len(box) == 1


@given(
    st.lists(st.sampled_from(["put", "tell", "take", "answer", "lost", "up", "later"]), max_size=60)
)
def test_every_command_ends_once_and_numbers_stay_in_order(steps):
    box, now, number = outbox(), 0.0, 0
    ends: dict[int, list[Any]] = {}
    written: list[int] = []
    dropped = 0
    for step in steps:
        match step:
            case "put":
                number += 1
                ends[number] = []
                taken = box.put(Command(b"%d " % number, now, number, ends[number].append))
                dropped += (not taken) + (0 if box.up else box.trim(now))
                if not taken:
                    ends[number].append("refused")
            case "tell":
                box.put(Command(b"", now))
            case "take" if box.up:
                written += [int(each) for each in box.take(6).split()]
            case "answer" if box.since is not None:
                box.answered("ok")
            case "lost":
                dropped += box.lost(now)
                written.clear()
            case "up":
                dropped += box.trim(now)
                box.up = True
            case "later":
                now += 0.7
    assert written == sorted(written)
    assert all(len(each) <= 1 for each in ends.values())
    lost = [each for each in ends.values() if each in ([None], ["refused"])]
    assert len(lost) == dropped
    waiting = sum(1 for each in ends.values() if not each)
    assert waiting <= len(box)
    assert box.bytes >= 0


@pytest.mark.parametrize(("down", "longest"), [(0.0, FIRST_WAIT), (1.0, 0.6), (60.0, LONGEST_WAIT)])
def test_waits_grow_with_the_outage_and_are_left_to_chance(down, longest):
    assert wait_for(down, 0.0) == 0.0
    assert wait_for(down, 0.5) == longest / 2
    assert wait_for(down, 0.999) < longest
