"""A selection of the drills; `make drills` runs them all."""

from __future__ import annotations

import pytest

from supervision.drills.catalogue import load
from supervision.drills.report import written
from supervision.drills.runner import Settings, run
from tests.drills.stage import OURS, AppStage

CATALOGUE = load("tests.drills.themes")

SELECTION = [
    "G01",
    "G02",
    "G05",
    "G10",
    "G15",
    "G17",
    "G21",
    "G24",
    "G27",
    "G29",
    "G36",
    "G49",
    "G50",
    "G52",
    "G53",
    "G54",
    "G55",
    "G59",
    "G60",
    "G61",
    "G62",
    "G63",
    pytest.param("G58", marks=pytest.mark.timeout(180)),
]
NUMBERED = range(1, 64)
SLACK = 4.0
"""The suite shares its machine; `make drills` judges more strictly."""


@pytest.mark.drill
@pytest.mark.parametrize("number", SELECTION)
def test_drill_passes(number):
    (drill,) = CATALOGUE.named([number])
    outcome = run(drill, Settings(target=OURS, stage=AppStage, slack=SLACK))
    if outcome.skipped is not None:
        pytest.skip(outcome.skipped)
    assert outcome.passed, "\n".join(written(outcome))


def test_there_is_a_drill_for_every_number():
    numbers = [drill.number for drill in CATALOGUE.all() if not drill.loop]
    assert numbers == [f"G{number:02}" for number in NUMBERED]


def test_a_drill_that_takes_the_place_of_another_says_the_same_of_itself_and_may_add_to_it():
    for drill in load().all():
        here = CATALOGUE.drills[drill.number]
        assert here.outcome.startswith(drill.outcome.removesuffix("."))
        assert here.bound <= drill.bound
        facts = ("name", "status", "needs", "leaves", "loop")
        assert [getattr(here, fact) for fact in facts] == [getattr(drill, fact) for fact in facts]


def test_every_drill_says_what_must_come_of_it_and_has_a_name_of_its_own():
    drills = CATALOGUE.all()
    assert [drill.number for drill in drills if not drill.outcome.endswith(".")] == []
    assert len({drill.name for drill in drills}) == len(drills)


def test_no_drill_may_take_longer_than_thirty_seconds_and_loops_are_not_among_them():
    assert [drill.number for drill in CATALOGUE.all() if drill.bound > 30 and not drill.loop] == []
