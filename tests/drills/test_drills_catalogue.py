"""Which drills there are: the generic ones, and those of a module that is handed in."""

from __future__ import annotations

import sys

import pytest

from supervision.drills.catalogue import UnknownDrillError, UnknownThemesError, load
from supervision.drills.stage import Stage

DRILL = """
from supervision.drills.drill import drill
from supervision.drills.themes.draining import drain_500

@drill({number!r}, bound=1.0)
def {name}(stage):
    \"\"\"It {name}s.\"\"\"
"""
STAGE = """
from supervision.drills.stage import Stage

class {name}(Stage):
    pass
"""


@pytest.fixture
def themes(tmp_path, monkeypatch):
    """Write modules by name; the package or module of that name is then imported anew."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(**modules):
        for name, text in modules.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_adds_its_own_drills_and_not_those_that_it_imports(themes):
    themes(mine=DRILL.format(number="M1", name="swim"))
    found = load("mine")
    assert found.drills.keys() - load().drills.keys() == {"M1"}
    assert (found.drills["M1"].name, found.drills["M1"].outcome) == ("swim", "It swims.")
    assert found.stage is Stage


def test_a_package_adds_the_drills_of_its_modules_and_one_number_takes_anothers_place(themes):
    one, other = DRILL.format(number="M1", name="swim"), DRILL.format(number="G01", name="sink")
    themes(ours__one=one, ours__other=other)
    found = load("ours")
    assert [drill.name for drill in found.named(["m1", "G01", "G05"])] == [
        "swim",
        "sink",
        "drain-no-channel",
    ]


def test_all_drills_play_on_the_stage_of_the_themes(themes):
    themes(mine=DRILL.format(number="M1", name="swim") + STAGE.format(name="Own"))
    assert load("mine").stage.__name__ == "Own"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot import the themes 'mine': ModuleNotFoundError"),
        ("raise ValueError('no')", "cannot import the themes 'mine': ValueError: no"),
        ("(", "cannot import the themes 'mine': SyntaxError"),
        ("", "the themes 'mine' have no drill"),
        (
            DRILL.format(number="M1", name="swim")
            + STAGE.format(name="One")
            + STAGE.format(name="Other"),
            "have more than one Stage",
        ),
    ],
)
def test_what_is_no_module_of_drills_is_refused(themes, text, told):
    if text is not None:
        themes(mine=text)
    with pytest.raises(UnknownThemesError, match=told):
        load("mine")


def test_an_unknown_name_is_told_with_what_was_meant():
    with pytest.raises(UnknownDrillError, match="did you mean 'quiet-term'"):
        load().named(["quite-term"])
