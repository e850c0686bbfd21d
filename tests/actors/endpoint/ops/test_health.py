"""What probes are told."""

from __future__ import annotations

import pytest

from actors.endpoint.ops.health import SILENCE, Health, Verdict, live, ready, started


def health(age=0.0, **changed):
    said = {"state": "serving", "served": True, "ready": 2, "silent": 0, "wanted": 2}
    return Health.said({**said, **changed}, age)


@pytest.mark.parametrize(("beyond", "ok"), [(-1, True), (0, True), (0.1, False)])
def test_master_is_alive_as_long_as_it_speaks(beyond, ok):
    assert live(health(SILENCE + beyond)).ok is ok


def test_master_that_has_said_nothing_is_not_alive():
    assert live(None) == Verdict(False, ("the master has said nothing yet",))
    assert ready(None, 1) == live(None)
    assert live(health(9.87)).reasons == ("the master has said nothing for 9.9 s",)
    assert ready(health(9.0), 1) == live(health(9.0))


@pytest.mark.parametrize(
    ("known", "ok"), [(None, False), (health(served=False), False), (health(ready=0), True)]
)
def test_started_once_a_worker_has_been_ready(known, ok):
    assert started(known).ok is ok


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        (
            {"state": "booting", "ready": 0},
            ("the service is booting", "0 workers are ready, 1 wanted at least"),
        ),
        ({"state": "stopping"}, ("the service is stopping",)),
        (
            {"ready": 0, "silent": 2},
            ("0 workers are ready, 1 wanted at least", "2 workers are silent"),
        ),
    ],
)
def test_not_ready_says_why(changed, reasons):
    assert ready(health(**changed), 1) == Verdict(False, reasons)


def test_ready_says_how_many_are_and_who_is_silent():
    assert ready(health(), 1) == Verdict(True, ("2 of 2 workers are ready",))
    assert ready(health(ready=1, silent=1), 1) == Verdict(
        True, ("1 of 2 workers are ready", "1 worker is silent")
    )


@pytest.mark.parametrize(("least", "ok"), [(1, True), (2, True), (3, False)])
def test_so_many_must_be_ready(least, ok):
    assert ready(health(), least).ok is ok


@pytest.mark.parametrize(("asked", "ok"), [(1, True), (2, True), (3, False), (None, False)])
def test_no_more_must_be_ready_than_the_settings_in_force_ask_for(asked, ok):
    assert ready(health(asked=asked), 3).ok is ok


def test_a_message_may_lack_what_we_know_and_have_more():
    assert Health.said({"news": 1}, 2.0) == Health("booting", False, 0, 0, 0, None, 2.0)
    assert health(until=5.5).until == 5.5
