"""A selection of the drills; `make drills` runs them all."""

from __future__ import annotations

import pytest

from supervision.drills.drill import catalogue, named
from supervision.drills.report import written
from supervision.drills.runner import Settings, run
from supervision.drills.target import OURS

SELECTION = ["G01", "G02", "G05", "G10", "G15", "G17", "G21", "G24", "G27", "G36", "G49", "G50"]
NUMBERED = [*range(1, 29), *range(31, 52)]
SLACK = 4.0
"""The suite shares its machine; `make drills` judges more strictly."""


@pytest.mark.drill
@pytest.mark.parametrize("number", SELECTION)
def test_drill_passes(number):
    (drill,) = named([number])
    outcome = run(drill, Settings(target=OURS, slack=SLACK))
    assert outcome.passed, "\n".join(written(outcome))


def test_there_is_a_drill_for_every_number():
    numbers = [drill.number for drill in catalogue() if not drill.loop]
    assert numbers == [f"G{number:02}" for number in NUMBERED]


def test_every_drill_says_what_must_come_of_it_and_has_a_name_of_its_own():
    drills = catalogue()
    assert [drill.number for drill in drills if not drill.outcome.endswith(".")] == []
    assert len({drill.name for drill in drills}) == len(drills)


def test_no_drill_may_take_longer_than_thirty_seconds_and_loops_are_not_among_them():
    assert [drill.number for drill in catalogue() if drill.bound > 30 and not drill.loop] == []
