"""What the ops process knows of its master."""

from __future__ import annotations

import gevent
import pytest

from actors.endpoint.ops import source as sources
from actors.endpoint.ops.source import MasterSource
from tests.support.waiting import DEADLINE

STATE = {"state": "serving", "served": True, "ready": 1, "silent": 0, "wanted": 1, "until": None}


class Master:
    """Keeps what it is told, and the clock."""

    def __init__(self):
        self.told = []
        self.now = 100.0
        self.source = MasterSource(lambda *message: self.told.append(message), lambda: self.now)


@pytest.fixture
def master():
    return Master()


def test_health_is_what_was_said_last_and_ages(master):
    assert master.source.health() is None
    assert master.source.heard(["health", STATE])
    master.now += 2
    assert master.source.health().age == 2
    assert master.source.health().ready == 1


def test_those_who_ask_at_the_same_time_share_one_snapshot(master):
    asking = [gevent.spawn(master.source.snapshot) for _ in range(3)]
    gevent.sleep(0)
    assert master.told == [("snapshot",)]
    assert master.source.heard(["snapshot", {"at": 1}])
    gevent.joinall(asking, timeout=DEADLINE)
    assert [each.value.whole for each in asking] == [{"at": 1}] * 3
    gevent.spawn(master.source.snapshot)
    gevent.sleep(0)
    assert master.told == [("snapshot",)] * 2


def test_without_an_answer_the_last_one_is_served_with_its_age(master, monkeypatch):
    monkeypatch.setattr(sources, "FRESH", 0.01)
    assert master.source.snapshot() is None
    master.source.heard(["snapshot", {"at": 1}])
    master.now += 7
    found = master.source.snapshot()
    assert (found.whole, found.age) == ({"at": 1}, 7)
    assert len(master.told) == 2  # the first may have been lost


@pytest.mark.parametrize("error", [None, "it cannot be"])
def test_a_deed_waits_for_its_own_answer(master, error):
    doing = gevent.spawn(master.source.do, "drain", {"worker": 1})
    gevent.sleep(0)
    ((name, ticket, deed, arguments),) = master.told
    assert (name, deed, arguments) == ("do", "drain", {"worker": 1})
    assert master.source.heard(["done", ticket + 1, "another's"])
    assert not doing.ready()
    assert master.source.heard(["done", ticket, error])
    assert doing.get(timeout=DEADLINE) == error


def test_a_deed_that_nobody_answers_times_out(master, monkeypatch):
    monkeypatch.setattr(sources, "PATIENCE", 0.01)
    with pytest.raises(TimeoutError, match="the master does not answer"):
        master.source.do("reload", {})
    assert master.source.heard(["done", 1, None])  # late, and nobody waits


@pytest.mark.parametrize("message", [["stop", 1], ["health"], ["health", 1], ["snapshot", None]])
def test_what_is_for_others_is_left_to_them(master, message):
    assert not master.source.heard(message)
