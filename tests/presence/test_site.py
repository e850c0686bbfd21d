"""The front of presence in one process: own entries, what it says when, and what it answers."""

from __future__ import annotations

import itertools
import math

import pytest

from actors.presence import members
from actors.presence.entries import JOIN, LEFT, LOST
from actors.presence.site import Periods, Site
from tests.presence.test_members import delta, raw, read, run
from tests.presence.test_replica import make

PERIODS = Periods()
THERE = "n-7"


def begin(
    worker: str = "m-1", start: int = 0, periods: Periods = PERIODS, now: float = 0.0
) -> Site:
    return Site(worker, start, periods, lambda: 0.5, now)


@pytest.fixture
def site() -> Site:
    return begin()


def exchange(*sites: Site, now: float = 0.0) -> int:
    """Deliver all that each says, until nobody says more; return how many messages there were."""
    count = 0
    workers = {site.name.rpartition(".")[0]: site for site in sites}
    while any(site.outbox for site in sites):
        for site in sites:
            outbox = [*site.outbox]
            site.outbox.clear()
            for to, message in outbox:
                for worker, other in workers.items():
                    if other is not site and to in {None, worker}:
                        assert other.heard(message, now), message
                        count += 1
    return count


# -- own entries


def test_what_is_tracked_is_seen_at_once(site):
    entry = site.add(1, "t", "k", make)
    assert site.index.by_key("t", "k") == (entry,)
    assert site.entry(1, "t", "k") == entry
    assert read(site) == ([], [JOIN], [])


@pytest.mark.parametrize("again", [Site.add, Site.update])
def test_an_update_is_a_leave_and_a_join(site, again):
    one = site.add(1, "t", "k", make)
    two = again(site, 1, "t", "k", make)
    assert site.changes == [(JOIN, one), (LEFT, one), (JOIN, two)]
    assert one.ref != two.ref


def test_an_update_of_nothing_raises(site):
    with pytest.raises(KeyError):
        site.update(1, "t", "k", make)


@pytest.mark.parametrize("kind", [LEFT, LOST])
def test_what_is_untracked_is_gone_at_once(site, kind):
    site.add(1, "t", "k", make)
    assert site.remove(1, "t", "k", kind)
    assert not site.remove(1, "t", "k", kind)
    assert read(site)[1] == [JOIN, kind]
    assert site.entry(1, "t", "k") is None


def test_untracked_is_left_where_nothing_else_is_said(site):
    site.add(1, "t", "k", make)
    site.remove(1, "t", "k")
    assert read(site)[1] == [JOIN, LEFT]


def test_an_owner_ends_with_all_it_has(site):
    for owner, topic in itertools.product((1, 2), "tu"):
        site.add(owner, topic, "k", make)
    site.ended(1, LOST)
    site.ended(9, LOST)
    assert read(site)[1] == [JOIN, JOIN, JOIN, JOIN, LOST, LOST]
    assert [len(site.index.by_key(topic, "k")) for topic in "tu"] == [1, 1]


# -- what it says, and when


def test_the_first_beat_is_spread_and_the_next_follow_silence():
    site = Site("m-1", 0, PERIODS, lambda: 0.25, 10.0)
    run(site, 10.4)
    assert site.outbox == []
    run(site, 14.4)
    assert read(site)[0] == [(None, ["beat", "m-1.0", 0])] * 2
    assert site.due() <= 14.5


def test_changes_are_told_at_most_every_so_often(site):
    site.tick(0.5)
    site.add(1, "t", "k", make)
    assert site.due() <= 0.5
    site.tick(0.5)
    site.add(2, "t", "k", make)
    site.add(3, "t", "k", make)
    assert site.due() == 0.55
    site.tick(0.54)
    site.tick(0.55)
    assert [message[2:4] for _, message in site.outbox] == [[0, 1], [1, 3]]


def test_who_tells_changes_need_not_beat(site):
    site.add(1, "t", "k", make)
    site.tick(0.9)
    read(site)
    run(site, 2.89)
    assert site.outbox == []
    run(site, 2.9)
    assert read(site)[0] == [(None, ["beat", "m-1.0", 1])]


@pytest.mark.parametrize(("count", "told"), [(4, 0), (5, 5), (6, 5)])
def test_what_the_log_could_not_tell_later_is_told_at_once(count, told):
    site = begin(periods=Periods(log=5))
    for owner in range(count):
        site.add(owner, "t", "k", make)
    assert [message[3] for _, message in site.outbox] == ([told] if told else [])


def test_removals_are_told_in_time_too():
    site = begin(periods=Periods(log=5))
    for topic in "abcd":
        site.add(1, topic, "k", make)
    site.ended(1, LEFT)
    assert [message[2:4] for _, message in site.outbox] == [[0, 5]]


def test_many_changes_are_several_messages():
    site = begin(periods=Periods(page_bytes=100))
    for owner in range(4):
        site.add(owner, "t", "k", make)
    site.tick(0.1)
    spans = [message[2:4] for _, message in site.outbox]
    assert len(spans) > 1
    assert [span[0] for span in spans] == [0, *(span[1] for span in spans[:-1])]


def test_bye_is_the_last_word(site):
    site.add(1, "t", "k", make)
    site.bye()
    assert read(site)[0] == [(None, ["bye", "m-1.0", 1])]
    assert site.due() == math.inf
    site.tick(100.0)
    assert site.outbox == []


# -- who is new, and who wants what


def test_who_is_new_is_told_where_we_stand(site):
    site.add(1, "t", "k", make)
    site.heard(["beat", "n-7.0", 0], 0.0)
    site.heard(["beat", "n-7.0", 0], 0.0)
    assert read(site) == ([(THERE, ["beat", "m-1.0", 1])], [JOIN], [("n-7.0", "up")])


def test_two_that_meet_know_all_in_one_round(site):
    other = begin("n-7")
    site.add(1, "t", "k", make)
    other.add(1, "t", "l", make)
    other.outbox.append((None, ["beat", other.name, 1]))
    exchange(site, other)
    assert site.index.metas("t") == other.index.metas("t")
    assert site.index.keys("t") == 2


def want(clock: int, after: int = 0, of: str = "m-1.0") -> list:
    return ["want", "n-7.0", of, clock, after]


@pytest.fixture
def asked() -> Site:
    """At clock 8, with a log of 5 and pages of two entries; it has been asked before."""
    site = begin(periods=Periods(log=5, page_bytes=150))
    for owner in range(8):
        site.add(owner, "t", "k", make)
    site.heard(["beat", "n-7.0", 0], 0.0)
    read(site)
    return site


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (want(8), ["beat", "m-1.0", 8]),
        (want(7), ["delta", "m-1.0", 7, 8]),
        (want(6), ["delta", "m-1.0", 6, 8]),
        (want(3), ["delta", "m-1.0", 3, 5]),  # as long as a page
        (want(2), ["page", "m-1.0", 8, 0]),  # the log does not reach back
        (want(0), ["page", "m-1.0", 8, 0]),
        (want(8, of="m-1.9"), ["page", "m-1.0", 8, 0]),  # of an earlier set, or of any
        (want(8, 2), ["page", "m-1.0", 8, 2]),
        (want(4, 2), ["page", "m-1.0", 4, 2]),
        (want(2, 2), ["page", "m-1.0", 8, 0]),  # of a clock that nobody can tell any more
    ],
)
def test_an_answer(asked, message, answer):
    assert asked.heard(message, 0.0)
    (to, said), *more = read(asked)[0]
    assert (to, said[: len(answer)]) == (THERE, answer)
    assert more == ([(THERE, ["beat", "m-1.0", 8])] if answer[3:] == [5] else [])


def test_nobody_can_be_ahead_of_us(asked):
    assert not asked.heard(want(9), 0.0)
    assert asked.outbox == []


@pytest.mark.parametrize("past", [-1, 0, 1])
def test_a_flood_of_wants_is_not_answered(asked, past):
    taken = [asked.heard(want(0), 0.0) for _ in range(members.MAX_ANSWERS + past)]
    assert taken.count(True) == len(asked.outbox) == members.MAX_ANSWERS + min(past, 0)
    assert asked.heard(want(0), 1.0)


def test_who_is_behind_asks_at_most_once_a_second(site):
    for number in range(5):
        site.heard(["beat", "n-7.0", 1 + number], number / 10)
    assert [to for to, _ in read(site)[0]] == [THERE, THERE]  # a beat and a want
    run(site, 0.99)
    assert read(site)[0] == []
    run(site, 1.0)
    assert (THERE, ["want", "m-1.0", "n-7.0", 0, 0]) in read(site)[0]


def test_a_set_comes_in_pages_of_which_each_is_asked_for():
    periods = Periods(log=5, page_bytes=150)
    one, two = begin(periods=periods), begin("n-7", periods=periods)
    for owner in range(20):
        one.add(owner, "t", f"k{owner}", make)
    one.outbox.clear()
    one.tick(0.1)
    one.outbox[:] = [(None, ["beat", one.name, 20])]
    assert exchange(one, two) >= 20
    assert two.index.metas("t") == one.index.metas("t")


def test_changes_beyond_a_page_are_asked_for_one_after_the_other():
    periods = Periods(log=50, page_bytes=150)
    one, two = begin(periods=periods), begin("n-7", periods=periods)
    for owner in range(20):
        one.add(owner, "t", f"k{owner}", make)
    one.outbox[:] = [(None, ["beat", one.name, 20])]
    assert exchange(one, two) >= 20
    assert two.index.metas("t") == one.index.metas("t")


def test_a_page_that_is_lost_is_asked_for_again():
    periods = Periods(log=5, page_bytes=150)
    one, two = begin(periods=periods), begin("n-7", periods=periods)
    for owner in range(20):
        one.add(owner, "t", f"k{owner}", make)
    one.outbox.clear()
    two.heard(["beat", one.name, 20], 0.0)
    one.heard(two.outbox[-1][1], 0.0)
    two.heard(one.outbox[-1][1], 0.0)
    ((to, asked),) = two.outbox[2:]
    assert (to, asked[:4]) == ("m-1", ["want", "n-7.0", "m-1.0", 20])
    assert asked[4] > 0
    for site in (one, two):
        read(site)
    run(two, 1.0)
    assert (to, asked) in two.outbox
    one.update(3, "t", "k3", make)  # meanwhile
    exchange(one, two, now=1.0)
    one.outbox.append((None, ["beat", one.name, 21]))
    exchange(one, two, now=2.0)
    assert {key: set(metas) for key, metas in two.index.metas("t").items()} == {
        key: set(metas) for key, metas in one.index.metas("t").items()
    }


def test_the_owner_may_end_amid_a_transfer(site):
    site.heard(["page", "n-7.0", 9, 0, [raw()], True], 0.0)
    read(site)
    site.heard(["bye", "n-7.0", 9], 0.1)
    site.heard(["page", "n-7.0", 9, 1, [raw(2)], False], 0.1)
    run(site, 1.9)
    assert [message for to, message in read(site)[0] if to == THERE] == []
    assert site.index.keys("t") == 0


# -- what no worker should say


@pytest.mark.parametrize(
    "junk",
    [
        None, 7, b"x", "delta", [], ["delta"], {}, ["gone", 7], ["beat", "nobody", 1],
        ["delta", "n-7.0", 0, 1, [raw(2)], [], []],
        ["delta", "n-7.0", 0, 1, [[1, "t", "k", "r", b"no JSON"]], [], []],
        ["beat", "n-7.0", -1], ["beat", "n-7.0", True], ["beat", "n-7.0", 2**60],
        ["hello", "n-7.0"],
        ["beat", "m-1.0", 1], ["want", "m-1.0", "m-1.0", 0, 0],
    ],
)  # fmt: skip
def test_junk_is_dropped(site, junk):
    assert not site.heard(junk, 0.0)
    assert read(site) == ([], [], [])
    assert site._members._known == {}


def test_who_says_junk_is_asked_anew_at_most_once_a_second(site):
    site.heard(delta("n-7.0"), 0.0)
    read(site)
    asked = (THERE, ["want", "m-1.0", "n-7.0", 1, 0])
    for now, wants in ((0.0, [asked]), (0.5, []), (0.99, []), (1.0, [asked])):
        assert not site.heard(["beat", "n-7.0", -1], now)
        assert read(site)[0] == wants


def test_who_has_too_much_is_refused_and_asked_anew(site, monkeypatch):
    monkeypatch.setattr("actors.presence.replica.MAX_METAS", 2)
    assert site.heard(delta("n-7.0"), 0.0)
    read(site)
    assert not site.heard(delta("n-7.0", 1, 3, [raw(2), raw(3)]), 0.0)
    assert not site.heard(["page", "n-7.0", 9, 0, [raw(1), raw(2), raw(3)], False], 0.5)
    assert read(site) == ([(THERE, ["want", "m-1.0", "n-7.0", 1, 0])], [], [])
    assert len(site.index.by_key("t", "k")) == 1


@pytest.mark.parametrize("past", [-1, 0, 1])
def test_who_lies_about_its_clock_is_asked_so_often_and_no_more(site, past):
    site.heard(["beat", "n-7.0", 2**53], 0.0)
    read(site)
    for number in range(members.MAX_ANSWERS + past):  # each of which leads on
        site.heard(delta("n-7.0", number, number + 1, []), 0.5)
        site.heard(["beat", "n-7.0", 0], 0.5)
    wants = [message for _, message in read(site)[0] if message[0] == "want"]
    assert len(wants) == members.MAX_ANSWERS + min(past, 0)


def test_the_periods_where_nobody_says_others():
    periods = Periods()
    assert (periods.delta_every, periods.beat_every, periods.want_every) == (0.05, 2.0, 1.0)
    assert (periods.down, periods.forget, periods.stall) == (10.0, 60.0, 1.0)
    assert (periods.log, periods.page_bytes) == (10_000, 262_144)
