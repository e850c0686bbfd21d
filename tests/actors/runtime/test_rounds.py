"""Rounds of turns."""

from __future__ import annotations

from typing import Any

from actors.runtime import Dispatcher
from tests.support.recorder import Recorder, actor_of
from tests.support.waiting import eventually


def test_round_ends_when_who_was_ready_has_had_a_turn(dispatcher: Dispatcher) -> None:
    refs = [Recorder.start() for _ in range(50)]
    heard: list[Any] = []
    for ref in refs:
        ref.tell("before")
    dispatcher.rounds.at_end(lambda: heard.extend(actor_of(ref).seen[:] for ref in refs))
    refs[0].tell("after, in the same turn")
    eventually(lambda: heard)
    assert heard == [["before", "after, in the same turn"], *[["before"]] * 49]


def test_round_is_counted_once_for_all_who_watch(dispatcher: Dispatcher) -> None:
    rounds, before, ends = dispatcher.rounds, dispatcher.rounds.number, []
    rounds.watch()
    rounds.watch()
    rounds.at_end(lambda: ends.append(rounds.number))
    assert list(dispatcher.late).count(rounds) == 1
    eventually(lambda: ends)
    assert ends == [before + 1] == [rounds.number]
    assert rounds not in dispatcher.ready


def test_round_waits_for_nobody_who_blocks(dispatcher: Dispatcher) -> None:
    ref = Recorder.start()
    ref.tell("block")
    ends: list[str] = []
    dispatcher.rounds.at_end(lambda: ends.append("over"))
    eventually(lambda: ends)
    assert actor_of(ref).entered.is_set()
    actor_of(ref).release.set()
