"""The catalogue of events is one: names, units and levels are of closed sets."""

from __future__ import annotations

import logging
import re

import pytest

from actors.events import CATALOGUE, CAUSES, SECTIONS, UNITS, Event

EVENTS = tuple(CATALOGUE.values())
LEVELS = {logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR}


def test_no_event_is_there_twice() -> None:
    listed = [event.name for events in SECTIONS.values() for event in events]
    assert sorted(listed) == sorted(set(listed)) == sorted(CATALOGUE)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_an_event_says_what_it_is(event: Event) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", event.name)
    assert event.means
    assert event.measurements
    assert set(event.measurements.values()) <= UNITS
    assert not event.measurements.keys() & event.metadata.keys()
    assert all(event.metadata.values())
    assert event.level in LEVELS
    assert event.burst >= 1
    assert event.period > 0


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_a_duration_is_in_seconds_and_a_size_in_bytes(event: Event) -> None:
    for name, unit in event.measurements.items():
        assert (unit == "seconds") == (name in {"duration", "boot", "held"})
        if name in {"bytes", "size", "queued"}:
            assert unit == "bytes"


def test_a_clients_hot_events_are_no_lines_of_their_own_above_debug() -> None:
    loud = {each.name for each in EVENTS if each.hot and not each.told and each.level > 10}
    assert loud == set()


def test_every_unit_is_used() -> None:
    assert {unit for each in EVENTS for unit in each.measurements.values()} == UNITS


def test_causes_are_words() -> None:
    assert all(re.fullmatch(r"[a-z_]+", cause) for cause in CAUSES)
