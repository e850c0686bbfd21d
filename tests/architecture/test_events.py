"""Every event that the code tells is in the catalogue as it is told, and the other way round."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from actors.events import CATALOGUE, CAUSES
from tests.architecture.event_calls import Told, asked, calls
from tests.architecture.sources import ROOT, Source, sources

TELEMETRY = "actors/telemetry.py"


@cache
def found() -> list[Told | str]:
    return [each for source in sources() if source.path != TELEMETRY for each in calls(source)]


def told() -> list[Told]:
    return [each for each in found() if isinstance(each, Told)]


def test_every_call_can_be_read() -> None:
    assert [each for each in found() if isinstance(each, str)] == []


def test_every_event_that_is_told_is_in_the_catalogue() -> None:
    assert [each for each in told() if each.name not in CATALOGUE] == []


def test_every_event_is_told_with_its_measurements_and_metadata() -> None:
    wrong = [
        (each, set(entry.measurements), set(entry.metadata))
        for each in told()
        if (entry := CATALOGUE.get(each.name)) is not None
        if each.measurements != entry.measurements.keys() or each.metadata != entry.metadata.keys()
    ]
    assert wrong == []


def test_every_event_of_the_catalogue_is_told() -> None:
    assert set(CATALOGUE) - {each.name for each in told()} == set()


def test_events_that_are_asked_about_are_in_the_catalogue() -> None:
    names = {name for source in sources() for name in asked(source)}
    assert names - set(CATALOGUE) == set()
    compiled = (ROOT / "actors/_speedups.pyx").read_text("utf-8")
    for constant in re.findall(r"\b([A-Z_]+) in attached", compiled):
        name = re.search(rf'^cdef object {constant} = "([a-z._]+)"', compiled, re.MULTILINE)
        assert name is not None
        assert name[1] in CATALOGUE


def test_telemetry_is_called_by_its_name_alone() -> None:
    """Else the calls would not be found here."""
    for source in sources():
        imports = [node for node in ast.walk(ast.parse(source.text)) if is_import(node)]
        for node in imports:
            assert node.module != "actors.telemetry", source.path
            for alias in node.names:
                assert (node.module, alias.name, alias.asname is None) != (
                    "actors",
                    "telemetry",
                    False,
                ) or source.path == "actors/__init__.py"


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom)


def test_hot_events_are_told_to_who_listens_alone() -> None:
    """What nobody hears is not made: the function asks before it makes it."""
    unguarded = []
    for each in told():
        if (entry := CATALOGUE.get(each.name)) is not None and entry.hot:
            path, _, line = each.where.rpartition(":")
            lines = (ROOT / path).read_text("utf-8").splitlines()
            above = "\n".join(lines[max(0, int(line) - 25) : int(line)])
            if "telemetry.listens(" not in above:
                unguarded.append(each.where)
    assert unguarded == []


def test_causes_of_a_refusal_are_of_the_closed_set() -> None:
    words = set()
    for source in sources():
        for call in source.calls:
            name = ast.unparse(call.func)
            if name == "turned_away" or name.endswith("._refuse"):
                words |= {
                    node.value
                    for node in ast.walk(call.args[1 if name == "turned_away" else 0])
                    if isinstance(node, ast.Constant) and isinstance(node.value, str)
                    if re.fullmatch("[a-z_]+", node.value)
                }
    assert words == CAUSES


# What follows checks the checks: each finds what it is there to find.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('telemetry.execute("a.b", {"count": 1}, {"who": me})', [("a.b", "count", "who")]),
        ('A: Final = "a.b"\ntelemetry.execute(A, {"count": 1})', [("a.b", "count", "")]),
        (
            'def f():\n    about = {"who": 1}\n    telemetry.execute("a.b", {"n": 1}, about)',
            [("a.b", "n", "who")],
        ),
        (
            'def f():\n    x, about = 1, {"who": 1}\n    telemetry.execute("a.b", {"n": 1}, about)',
            [("a.b", "n", "who")],
        ),
        (
            'with telemetry.span("a.b", {"who": 1}):\n    pass',
            [
                ("a.b.start", "time", "who"),
                ("a.b.stop", "duration", "who"),
                ("a.b.exception", "duration", "error who"),
            ],
        ),
    ],
)
def test_a_call_is_read(text: str, expected: list[tuple[str, str, str]]) -> None:
    found = list(calls(Source("x.py", text)))
    assert [
        (each.name, " ".join(sorted(each.measurements)), " ".join(sorted(each.metadata)))
        for each in found
        if isinstance(each, Told)
    ] == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    "text",
    [
        'telemetry.execute(name, {"count": 1})',
        'telemetry.execute("a.b", counts)',
        'telemetry.execute("a.b", {**counts})',
        'telemetry.execute("a.b", {"n": 1}, metadata={})',
        'telemetry.execute("a.b", {"n": 1}, {name: 1})',
        'telemetry.execute("a.b")',
        'def f():\n    x = {"a": 1}\n    x = {"b": 1}\n    telemetry.execute("a.b", x)',
        'def f():\n    x = {"a": 1}\ndef g():\n    telemetry.execute("a.b", x)',
        'telemetry.execute(f"a.{b}", {"n": 1})',
    ],
)
def test_a_call_that_cannot_be_read_is_reported(text: str) -> None:
    assert [type(each) for each in calls(Source("x.py", text))] == [str]
