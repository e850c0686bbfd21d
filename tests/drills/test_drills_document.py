"""docs/drills.md says of each drill what the drill says of itself."""

from __future__ import annotations

import re

from supervision.drills.__main__ import parser
from supervision.drills.catalogue import load
from tests.architecture.sources import ROOT

TEXT = (ROOT / "docs/drills.md").read_text(encoding="utf-8")

GENERIC = load()
EVERY = load("tests.drills.themes").all()


def row(drill):
    generic = "yes" if drill.number in GENERIC.drills else ""
    return f"| {drill.number} | `{drill.name}` | {drill.outcome} | {drill.bound:g} | {generic} |"


def test_every_drill_has_its_row():
    rows = [line for line in TEXT.splitlines() if re.match(r"\| G\d\d ", line)]
    assert rows == [row(drill) for drill in EVERY if not drill.loop]


def test_loops_are_named():
    named = [f"`{drill.name}`" for drill in EVERY if drill.loop]
    assert [name for name in named if name not in TEXT] == []


def test_every_option_is_explained():
    (commands,) = [action for action in parser()._actions if action.dest == "command"]
    options = {o for action in commands.choices["run"]._actions for o in action.option_strings}
    options -= {"-h", "--help"}
    assert {option for option in options if f"`{option}" not in TEXT} == set()


def test_the_example_is_the_drill_that_it_shows():
    example = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]
    assert example in (ROOT / "supervision/drills/themes/signals.py").read_text(encoding="utf-8")
