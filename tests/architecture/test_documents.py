"""Documents say what is there: links lead somewhere, code and commands are those that exist."""

from __future__ import annotations

import re
from enum import Enum

import pytest

from actors.endpoint.command import verbs
from actors.endpoint.command.settings import SETTINGS, TABLES
from actors.endpoint.limits import listed
from actors.events import CATALOGUE
from tests.architecture import event_tables
from tests.architecture.documents import (
    EVENTS,
    HELP,
    INCLUDE,
    LIFECYCLE,
    LIMITS,
    SCHEDULE,
    SETTINGS_TABLE,
    SHOWN,
    diagram,
    documents,
    refreshed,
)
from tests.architecture.sources import ROOT

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
# Where a document was written, and by which numbers work was counted, is nobody's business.
PRIVATE = re.compile(
    r"(?<![\w.])/(?:home|root|work|tmp|mnt)/|\bissues? #?\d|shared/", re.IGNORECASE
)
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|npmjs\.(?:com|org)|debian\.org", re.IGNORECASE)
ADR_PARTS = ("**Context.**", "**Decision.**", "**Consequence.**")


def prose(text):
    return FENCE.sub("", text)


def anchors(text):
    """The fragments that lead into a document, as GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path, text):
    for target in LINK.findall(prose(text)):
        if re.match(r"https?://", target):
            continue
        file, _, fragment = target.partition("#")
        found = (ROOT / path).parent.joinpath(file).resolve() if file else ROOT / path
        if not found.is_relative_to(ROOT) or not found.exists():
            yield f"{path}: {target} leads nowhere"
        elif fragment and fragment not in anchors(found.read_text(encoding="utf-8")):
            yield f"{path}: {target} names no heading"


def stale_parts(path, text):
    if refreshed(text) != text:
        yield f"{path}: what is made of code is stale; run `make docs`"
    if text.count("<!-- include:") != len(INCLUDE.findall(text)):
        yield f"{path}: an include is not followed by a block of Python"


def make_targets():
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def unknown_targets(path, text):
    named = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text, re.MULTILINE)
    for name in sorted(set(named) - make_targets()):
        yield f"{path}: there is no target {name!r}"


def command_options():
    """The options of the command, and of what it does instead of serving."""
    actions = [action for name in verbs.VERBS for action in verbs.load(name).parser()._actions]
    return {option for action in actions for option in action.option_strings}


def unknown_options(path, text):
    known = command_options()
    for line in re.findall(r"python -m actors\.endpoint([^`'\n]*)", text):
        for option in re.findall(r"(?<=\s)--[a-z-]+", line):
            if option not in known:
                yield f"{path}: the command has no option {option}"


def private_words(path, text):
    for found in [*PRIVATE.findall(text), *REGISTRY.findall(text)]:
        yield f"{path}: {found!r}"


RULES = [broken_links, stale_parts, unknown_targets, unknown_options, private_words]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_documents_have_no(rule):
    assert [line for path, text in documents().items() for line in rule(path, text)] == []


def test_every_limit_is_documented():
    text = documents()["docs/operations.md"]
    assert LIMITS.search(text)[0].count("\n| `") == len(list(listed(SHOWN)))


def test_the_times_of_a_shutdown_are_documented():
    assert len(SCHEDULE.findall(documents()["docs/architecture.md"])) == 1


def test_every_event_is_documented():
    text = EVENTS.search(documents()["docs/events.md"])[0]
    assert text.count("\n| `") == len(CATALOGUE)
    assert event_tables.PATH.read_text("utf-8").count("\n* ``") == len(CATALOGUE)


def test_the_docstring_of_telemetry_is_fresh():
    assert event_tables.rendered() == event_tables.PATH.read_text("utf-8")


def test_every_lifecycle_is_drawn():
    drawn = {found[2] for found in LIFECYCLE.finditer(documents()["docs/architecture.md"])}
    tables = [path.relative_to(ROOT) for path in ROOT.glob("[ast]*/**/lifecycle.py")]
    tables = [path for path in tables if "\nTRANSITIONS" in (ROOT / path).read_text("utf-8")]
    assert drawn == {".".join(path.with_suffix("").parts) for path in tables}


def test_a_diagram_has_each_step_and_both_ends():
    state, event = Enum("State", "ON OFF GONE"), Enum("Event", "PRESS PULL KICK")
    table = {
        (state.ON, event.PRESS): state.OFF,
        (state.ON, event.KICK): state.OFF,
        (state.ON, event.PULL): state.ON,
        (state.OFF, event.PULL): state.GONE,
    }
    assert diagram(table).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> ON",
        "    ON --> OFF: PRESS, KICK",
        "    OFF --> GONE: PULL",
        "    GONE --> [*]",
    ]


def test_every_option_of_the_command_is_documented():
    text = documents()["docs/configuration.md"]
    pages = documents()["docs/command.md"]
    known = {option for option in command_options() if option[:2] == "--"}
    opposites = {f"--no-{option[2:]}" for option in known}  # of options without a value
    wanted = known - opposites - {"--help"}
    unknown = {o for o in wanted if f"`{o}" not in text and f"  {o}" not in pages}
    assert unknown == set()


def test_every_verb_has_its_page():
    text = documents()["docs/command.md"]
    assert [found[2] for found in HELP.finditer(text)] == list(verbs.VERBS)


def test_every_setting_is_documented():
    text = documents()["docs/configuration.md"]
    assert [found[2] for found in SETTINGS_TABLE.finditer(text)] == list(TABLES)
    assert {each.table for each in SETTINGS} == set(TABLES)


def test_readme_shows_the_chat_and_the_echo():
    shown = [found[2] for found in INCLUDE.finditer(documents()["README.md"])]
    assert shown == ["examples/chat.py", "examples/echo.py"]


def test_changelog_has_the_form_of_keep_a_changelog():
    text = documents()["CHANGELOG.md"]
    assert text.startswith("# Changelog\n")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    dated = re.compile(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d")
    assert [version for version in versions[1:] if not dated.fullmatch(version)] == []
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_decisions_are_numbered_and_have_their_three_parts():
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        number, text = int(record.name[:4]), record.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. ")
        assert [part for part in ADR_PARTS if text.count(part) != 1] == []


def test_documents_named_in_the_code_are_there():
    named = set()
    for package in ("actors", "transports", "supervision"):
        for path in (ROOT / package).rglob("*.py"):
            named.update(re.findall(r"docs/[a-z0-9/-]+(?:\.md)?", path.read_text("utf-8")))
    known = [str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")]
    assert {name for name in named if not any(path.startswith(name) for path in known)} == set()


def test_license_is_the_one_that_the_metadata_names():
    license_text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n" in license_text
    assert "Version 2.0, January 2004" in license_text
    assert 'license="Apache-2.0"' in (ROOT / "setup.py").read_text(encoding="utf-8")


# What follows checks the checks: each finds what it is there to find.


@pytest.mark.parametrize(
    ("rule", "text", "found"),
    [
        (broken_links, "[a](setup.py)", 0),
        (broken_links, "[a](nothing.md)", 1),
        (broken_links, "[a](../elsewhere.md)", 1),
        (broken_links, "[a](https://example.com/nothing.md)", 0),
        (broken_links, "# A heading\n[a](#a-heading)", 1),  # judged by the README there is
        (broken_links, "[a](docs/architecture.md#four-paths)", 0),
        (broken_links, "[a](docs/architecture.md#five-paths)", 1),
        (stale_parts, "<!-- include: examples/echo.py -->\n```python\nx = 1\n```\n", 1),
        (stale_parts, "<!-- include: examples/echo.py -->\nnothing", 1),
        (stale_parts, "<!-- schedule -->\n| worker | 24 |\n<!-- end of schedule -->\n", 1),
        (stale_parts, "<!-- events -->\n<!-- end of events -->\n", 1),
        (
            stale_parts,
            "<!-- lifecycle: transports.http.lifecycle -->\n<!-- end of lifecycle -->\n",
            1,
        ),
        (unknown_targets, "`make run` and\n\n    make nothing\n", 1),
        (unknown_options, "    python -m actors.endpoint --bind x --nothing\n", 1),
        (unknown_options, "`python -m actors.endpoint a:b --check` and --other", 0),
        (private_words, "see ../" + "shared/x and issue" + " 7", 2),
        (private_words, "it works/runs at home", 0),
    ],
)
def test_rule_finds_what_it_is_for(rule, text, found):
    assert len(list(rule("README.md", text))) == found
