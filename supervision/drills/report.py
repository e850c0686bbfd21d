"""What a person reads of a drill, and what a program does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from supervision.drills.drill import Drill
from supervision.drills.runner import Outcome, Row
from supervision.drills.stage import Event

LONGEST: Final = 60
"""Lines of a timeline that are shown: the first and the last half of these."""

WIDEST: Final = 160

LONGEST_VERDICT: Final = 500
"""Characters of a verdict."""


def listed(drills: Sequence[Drill]) -> Iterator[str]:
    """Return the catalogue, a few lines for each drill."""
    for drill in drills:
        facts = [f"within {drill.bound:g} s"]
        if drill.loop:
            facts.append("by its name alone")
        yield f"{drill.number:4} {drill.name} ({', '.join(facts)})"
        yield f"     {drill.outcome}"


def written(outcome: Outcome) -> Iterator[str]:
    """Return the report of one drill."""
    drill = outcome.drill
    yield f"{drill.number} {drill.name}: {drill.outcome}"
    yield "  timeline"
    yield from (f"    {line}" for line in timeline(outcome.events))
    if outcome.rows:
        yield "  clients"
        yield from (f"    {line}" for line in table(outcome.rows))
    for name, value in outcome.measured.items():
        yield f"  {name}: {value:g}"
    yield "  checks"
    for check in outcome.checks:
        yield f"    {'ok  ' if check.passed else 'FAIL'} {check.text}"
    yield verdict(outcome)


def verdict(outcome: Outcome) -> str:
    """Return the last line: PASS, SKIP, or FAIL with the first reason and the log's first error."""
    name = f"{outcome.drill.number} {outcome.drill.name}"
    if outcome.skipped is not None:
        return f"SKIP {name}: {outcome.skipped}"[:LONGEST_VERDICT]
    if outcome.passed:
        return f"PASS {name} ({outcome.took:.2f} s, bound {outcome.drill.bound:g} s)"
    more = len(outcome.failures) - 1
    also = f" (and {more} more)" if more else ""
    logged = "" if outcome.error is None else f"; the log: {outcome.error}"
    return f"FAIL {name}: {outcome.failures[0]}{also}{logged}"[:LONGEST_VERDICT]


def timeline(events: Sequence[Event]) -> list[str]:
    """Return seconds, who and what; of a long one the middle is left out."""
    ordered = sorted(events, key=lambda event: event.at)
    lines = [f"{event.at:8.3f}  {event.who:10} {event.what}"[:WIDEST] for event in ordered]
    if len(lines) <= LONGEST:
        return lines
    half = LONGEST // 2
    return [*lines[:half], f"          ... {len(lines) - 2 * half} lines ...", *lines[-half:]]


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Return how many clients saw what."""
    yield f"{'clients':>7}  {'sent':>7}  {'received':>8}  {'of':12} saw"
    for row in rows:
        yield f"{row.count:>7}  {row.sent:>7}  {row.received:>8}  {row.label:12} {row.saw}"


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return all of it as plain values."""
    return {
        "number": outcome.drill.number,
        "name": outcome.drill.name,
        "outcome": outcome.drill.outcome,
        "passed": outcome.passed,
        "skipped": outcome.skipped,
        "failures": outcome.failures,
        "bound": outcome.drill.bound,
        "slack": outcome.slack,
        "took": round(outcome.took, 3),
        "seconds": round(outcome.seconds, 3),
        "error": outcome.error,
        "measured": outcome.measured,
        "clients": [asdict(row) for row in outcome.rows],
        "checks": [asdict(check) for check in outcome.checks],
        "timeline": [asdict(event) for event in outcome.events],
    }
