"""Who is up, hidden, gone and forgotten: the master's list here, silence elsewhere."""

from __future__ import annotations

import pytest

from actors.presence import members as module
from actors.presence.entries import JOIN, LOST, Entry
from actors.presence.lifecycle import TRANSITIONS, Event, State
from actors.presence.site import Periods, Site

PERIODS = Periods()
HERE, THERE = "m-2", "n-7"
"""A sibling of ours, and a worker of another machine."""


@pytest.fixture
def site() -> Site:
    site = Site("m-1", 0, PERIODS, lambda: 0.5, 0.0)
    site.workers(["m-1", "m-2"], 0.0)
    site.outbox.clear()
    return site


def raw(tag: int = 1, key: str = "k") -> list:
    return [tag, "t", key, f"r{tag}", b'{"phx_ref":"r%d"}' % tag]


def delta(name: str, since: int = 0, to: int = 1, adds: list | None = None) -> list:
    return ["delta", name, since, to, [raw()] if adds is None else adds, [], []]


def tell(site: Site, name: str, now: float = 0.0) -> None:
    """It is up, at clock 1, with one entry; what that makes is read."""
    assert site.heard(delta(name), now)
    assert list(site.index.metas("t")) == ["k"]
    read(site)


def read(site: Site) -> tuple[list, list, list]:
    """Return what there is for others, the kinds of changes, and the news."""
    found = [*site.outbox], [kind for kind, _ in site.changes], [*site.news]
    for each in (site.outbox, site.changes, site.news):
        each.clear()
    return found


def run(site: Site, until: float) -> None:
    """Tick as one does who is never late."""
    while site.due() <= until:
        site.tick(site.due())


def state(site: Site, worker: str) -> State | None:
    member = site._members._known.get(worker) or site._members._graves.get(worker)
    return member.state if member else None


# -- the table


def test_every_state_but_the_last_has_a_way_out():
    assert {before for before, _ in TRANSITIONS} == set(State) - {State.FORGOTTEN}


@pytest.mark.parametrize(
    ("before", "event"),
    [
        (State.NEW, Event.SILENT),
        (State.UP, Event.EXPIRED),
        (State.GONE, Event.HEARD),
        (State.FORGOTTEN, Event.HEARD),
    ],
)
def test_what_cannot_happen_raises(before, event):
    with pytest.raises(RuntimeError, match="cannot happen"):
        TRANSITIONS[before, event]


# -- one's own machine


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("m-2.0", True),
        ("m-1.0", False),  # ourselves
        ("m-1.9", False),
        ("n-1.0", True),
        ("m-2-3.0", True),  # of a machine m-2
        ("other.0", True),
    ],
)
def test_who_may_speak(site, name, taken):
    for message in (delta(name), ["beat", name, 0], ["want", name, "m-1.0", 0, 0]):
        assert site.heard(message, 0.0) is taken
    assert bool(site.news) is taken


def test_a_sibling_may_speak_when_the_list_has_it(site):
    for message in (delta("m-3.0"), ["beat", "m-3.0", 0], ["want", "m-3.0", "m-1.0", 0, 0]):
        assert site.heard(message, 0.0)  # it is early, which is nobody's fault
    assert not site.news
    assert state(site, "m-3") is None
    assert site.outbox == []
    site.workers(["m-1", "m-2", "m-3"], 1.0)
    assert site.outbox == [
        ("m-3", ["want", "m-1.0", "", 0, 0]),
        ("m-3", ["beat", "m-1.0", 0]),
    ]
    assert site.heard(delta("m-3.0"), 1.0)


def test_who_is_told_of_is_asked_once(site):
    site.workers(["m-2", "m-1"], 1.0)
    run(site, 1.5)
    assert [to for to, _ in site.outbox if to is not None] == []


def test_names_of_other_machines_in_the_list_mean_nothing(site):
    tell(site, f"{THERE}.0")
    site.workers(["m-2", "n-9"], 1.0)
    site.workers(["m-2"], 1.0)
    assert read(site) == ([], [], [])


def test_who_leaves_the_list_is_gone_at_once_and_others_are_told(site):
    tell(site, "m-2.0")
    site.workers(["m-1"], 5.0)
    assert read(site) == ([(None, ["gone", "m-2"])], ["lost"], [("m-2.0", "gone")])
    assert state(site, HERE) is State.GONE
    assert site.index.keys("t") == 0


def test_the_name_stays_gone(site):
    tell(site, "m-2.0")
    site.workers(["m-1"], 5.0)
    read(site)
    assert site.heard(delta("m-2.0"), 5.0)  # it is late, which is nobody's fault
    assert read(site) == ([], [], [])
    site.workers(["m-1", "m-2"], 6.0)  # a list that is late, say
    assert site.heard(delta("m-2.0"), 6.0)
    assert site.heard(delta("m-2.9"), 6.0)
    assert read(site) == ([], [], [])


def test_one_that_was_never_heard_is_gone_too(site):
    site.workers(["m-1"], 5.0)
    assert read(site) == ([(None, ["gone", "m-2"])], [], [])
    site.workers(["m-1", "m-2"], 6.0)
    assert site.heard(delta("m-2.0"), 6.0)
    assert read(site) == ([], [], [])


def test_silence_of_a_sibling_means_nothing(site):
    tell(site, "m-2.0")
    run(site, 500.0)
    assert state(site, HERE) is State.UP
    assert read(site)[1:] == ([], [])


def test_others_cannot_say_that_a_sibling_or_we_are_gone(site):
    tell(site, "m-2.0")
    for worker in ("m-1", "m-2"):
        assert site.heard(["gone", worker], 1.0)
    assert state(site, HERE) is State.UP
    assert state(site, "m-1") is None


def test_a_process_that_is_alone_has_no_siblings():
    site = Site("", 0, PERIODS, lambda: 0.5, 0.0)
    assert site.name == ".0"
    site.workers(["x", ""], 1.0)
    assert site.outbox == []
    assert not site.heard(["beat", ".0", 1], 1.0)


# -- other machines


@pytest.mark.parametrize(
    ("now", "after"), [(9.9, State.UP), (10.0, State.DOWN), (10.1, State.DOWN)]
)
def test_who_is_silent_for_long_is_hidden(site, now, after):
    tell(site, "n-7.0")
    run(site, now)
    assert state(site, THERE) is after
    hidden = after is State.DOWN
    assert read(site)[1:] == ((["lost"], [("n-7.0", "down")]) if hidden else ([], []))
    assert site.index.keys("t") == (0 if hidden else 1)


@pytest.mark.parametrize(
    "message",
    [
        ["beat", "n-7.0", 1],
        ["want", "n-7.0", "m-1.0", 0, 0],
        delta("n-7.0"),
        delta("n-7.0", 1, 2, []),
    ],
)
def test_any_message_is_a_sign_of_life(site, message):
    tell(site, "n-7.0")
    run(site, 9.0)
    assert site.heard(message, 9.0)
    run(site, 18.9)
    assert state(site, THERE) is State.UP
    run(site, 19.0)
    assert state(site, THERE) is State.DOWN


@pytest.mark.parametrize(("now", "after"), [(59.9, State.DOWN), (60.0, None), (60.1, None)])
def test_who_is_silent_for_very_long_is_forgotten(site, now, after):
    tell(site, "n-7.0")
    run(site, now)
    assert state(site, THERE) is after
    news = [("n-7.0", "down")] + ([] if after else [("n-7.0", "gone")])
    assert read(site)[1:] == (["lost"], news)


def test_who_comes_back_is_shown_after_one_exchange_of_clocks(site):
    tell(site, "n-7.0")
    run(site, 20.0)
    read(site)
    assert site.heard(["beat", "n-7.0", 3], 20.0)
    assert read(site) == ([(THERE, ["want", "m-1.0", "n-7.0", 1, 0])], [], [])
    assert site.heard(delta("n-7.0", 1, 3, [raw(3, "l")]), 20.1)
    assert read(site) == ([], [JOIN, JOIN], [("n-7.0", "up")])
    assert list(site.index.metas("t")) == ["k", "l"]


def test_who_comes_back_as_it_was_is_shown_at_once(site):
    tell(site, "n-7.0")
    run(site, 20.0)
    read(site)
    assert site.heard(["beat", "n-7.0", 1], 20.0)
    assert read(site) == ([], [JOIN], [("n-7.0", "up")])


def test_a_return_of_the_forgotten_is_a_whole_transfer(site):
    tell(site, "n-7.0")
    run(site, 60.0)
    read(site)
    assert site.heard(delta("n-7.0", 1, 2, []), 60.0)
    out, changes, news = read(site)
    assert out[1:] == [(THERE, ["want", "m-1.0", "n-7.0", 0, 0])]
    assert (changes, news) == ([], [("n-7.0", "up")])


@pytest.mark.parametrize(
    ("message", "dropped"),
    [
        (["bye", "n-7.0", 1], ["n-7.0"]),
        (["gone", "n-7"], ["n-7.0", "n-7.1"]),
    ],
)
def test_an_end_beats_whatever_comes_later(site, message, dropped):
    tell(site, "n-7.0")
    assert site.heard(message, 5.0)
    assert read(site) == ([], ["lost"], [("n-7.0", "gone")])
    for name in dropped:
        for late in (
            delta(name),
            ["beat", name, 9],
            ["want", name, "m-1.0", 0, 0],
            ["bye", name, 2],
        ):
            assert site.heard(late, 64.0)
    assert read(site) == ([], [], [])


@pytest.mark.parametrize("message", [["bye", "n-7.0", 1], ["gone", "n-7"]])
def test_an_end_may_come_first(site, message):
    assert site.heard(message, 5.0)
    assert site.heard(delta("n-7.0"), 5.1)
    assert read(site) == ([], [], [])


@pytest.mark.parametrize(("now", "after"), [(64.9, State.GONE), (65.0, None), (65.1, None)])
def test_a_grave_is_kept_for_a_while(site, now, after):
    site.heard(["bye", "n-7.0", 1], 5.0)
    run(site, now)
    assert state(site, THERE) is after
    assert read(site)[2] == []


def test_graves_go_one_after_the_other(site):
    for number in range(3):
        site.heard(["gone", f"n-{number}"], 5.0 + number)
    site.heard(["gone", "n-0"], 10.0)  # which is told again
    run(site, 66.0)
    assert list(site._members._graves) == ["n-2", "n-0"]


def test_the_end_of_one_that_is_hidden(site):
    tell(site, "n-7.0")
    run(site, 20.0)
    read(site)
    site.heard(["bye", "n-7.0", 1], 20.0)
    assert read(site) == ([], [], [("n-7.0", "gone")])


# -- sets that are begun anew


def test_a_set_begun_anew_replaces_the_earlier_one(site):
    tell(site, "n-7.0")
    assert site.heard(delta("n-7.1", 0, 2, [raw(2, "l")]), 1.0)
    out, changes, news = read(site)
    assert out == [(THERE, ["beat", "m-1.0", 0])]
    assert (changes, news) == ([LOST, JOIN], [("n-7.0", "gone"), ("n-7.1", "up")])
    assert site.heard(delta("n-7.0", 1, 2, [raw(2)]), 1.0)  # late
    assert site.heard(["bye", "n-7.0", 1], 1.0)
    assert list(site.index.metas("t")) == ["l"]
    assert state(site, THERE) is State.UP


def test_a_set_may_be_begun_anew_after_its_bye(site):
    tell(site, "n-7.0")
    site.heard(["bye", "n-7.0", 1], 1.0)
    site.heard(delta("n-7.1"), 1.0)
    assert state(site, THERE) is State.UP
    assert site._members._graves == {}


# -- silence that is nobody's fault


def test_who_was_late_gives_everybody_a_new_window(site):
    tell(site, "n-7.0")
    run(site, 5.0)
    site.tick(30.0)
    assert state(site, THERE) is State.UP
    run(site, 39.9)
    assert state(site, THERE) is State.UP
    run(site, 40.0)
    assert state(site, THERE) is State.DOWN


@pytest.mark.parametrize(("late", "pardoned"), [(0.9, False), (1.0, False), (1.1, True)])
def test_late_is_more_than_a_second(site, late, pardoned):
    tell(site, "n-7.0")
    run(site, 9.5)
    assert site._members.look == 10.0
    site.tick(10.0 + late)
    assert (state(site, THERE) is State.UP) is pardoned


def test_changes_that_wait_do_not_make_us_late(site):
    tell(site, "n-7.0")
    run(site, 9.9)
    site.add(1, "t", "own", lambda ref: b"{}")
    assert site.due() < 9.0  # it may be told at once
    site.tick(9.95)
    run(site, 10.0)
    assert state(site, THERE) is State.DOWN


@pytest.mark.parametrize(("now", "after"), [(20.0, State.UP), (64.9, State.UP), (65.1, None)])
def test_silence_does_not_count_while_our_own_link_is_down(site, now, after):
    tell(site, "n-7.0")
    site.linked(False, 5.0)
    site.linked(False, 6.0)  # which is known
    run(site, now)
    assert state(site, THERE) is after


def test_a_link_that_is_up_again_gives_everybody_a_new_window(site):
    tell(site, "n-7.0")
    site.linked(False, 5.0)
    run(site, 50.0)
    site.linked(True, 50.0)
    run(site, 59.9)
    assert state(site, THERE) is State.UP
    run(site, 60.0)
    assert state(site, THERE) is State.DOWN


def test_a_link_that_was_up_changes_nothing(site):
    tell(site, "n-7.0")
    run(site, 9.0)
    site.linked(True, 9.0)
    run(site, 10.0)
    assert state(site, THERE) is State.DOWN


# -- limits


@pytest.mark.parametrize("others", [1023, 1024, 1025])
def test_so_many_are_known(site, others):
    taken = [site.heard(["beat", f"n-{number}.0", 0], 0.0) for number in range(others)]
    assert taken.count(True) == min(others, module.MAX_MEMBERS) == len(site._members._known)
    assert site.heard(["beat", "n-0.0", 0], 1.0)
    assert site.heard(["beat", "n-0.1", 0], 1.0)


@pytest.mark.parametrize("others", [4095, 4096, 4097])
def test_so_many_that_are_gone_are_remembered(site, others):
    for number in range(others):
        site.heard(["gone", f"n-{number}"], number / 1000)
    assert len(site._members._graves) == min(others, module.MAX_GRAVES)
    assert ("n-0" in site._members._graves) is (others <= module.MAX_GRAVES)


def test_the_entry_of_two_sets_is_shown_until_both_are_gone(site):
    for name in ("m-2.0", "n-7.0"):
        site.heard(delta(name), 0.0)
    assert site.index.by_key("t", "k") == (Entry(*raw()),)
    site.heard(["bye", "n-7.0", 1], 1.0)
    assert site.index.keys("t") == 1
    site.heard(["bye", "m-2.0", 1], 1.0)
    assert site.index.keys("t") == 0
    assert read(site)[1] == [JOIN, LOST]


@pytest.mark.parametrize(
    ("worker", "listed", "gone"),
    [
        ("m-1", [], []),
        ("m-3", ["m-2"], ["m-1"]),
        ("m-3", [], ["m-1", "m-2"]),
        ("m-9", [], [f"m-{number}" for number in range(1, 9)]),
        ("m-10", [], [f"m-{number}" for number in range(2, 10)]),
        ("m-x", [], []),
        ("", [], []),
    ],
)
def test_a_new_worker_tells_which_before_it_have_ended(worker, listed, gone):
    site = Site(worker, 1, Periods(), lambda: 0.5, 0.0)
    for _ in range(2):
        site.workers([worker, *listed], 0.0)
    told = [message for to, message in site.outbox if to is None]
    assert told == [["gone", each] for each in gone]
