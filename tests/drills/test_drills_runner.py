"""The runner tells a good server from a bad one: a drill that must fail does."""

from __future__ import annotations

import dataclasses

import pytest

from supervision.drills.__main__ import summary
from supervision.drills.aftermath import bindable
from supervision.drills.catalogue import load
from supervision.drills.drill import Drill, Skipped
from supervision.drills.report import as_json, timeline, verdict, written
from supervision.drills.runner import Settings, run
from supervision.drills.stage import Event
from supervision.drills.target import Target
from tests.drills.ledger import HANDLED
from tests.drills.stage import OURS, AppStage

APPS = "tests.drills.broken_apps"


def against(name, number="G01", grace=2.0):
    """Run a drill against one of the broken applications."""
    target = Target(f"{APPS}:{name}", "/echo/websocket", "/echo/longpoll")
    (found,) = load().named([number])
    return run(found, Settings(target=target, workers=1, slack=4.0, grace=grace))


def made(function, **facts):
    facts = {"number": "X1", "name": "made", "outcome": "It is made.", "bound": 5.0, **facts}
    return Drill(run=function, **facts)


def failures(function, **facts):
    return run(
        made(function, **facts), Settings(target=OURS, stage=AppStage, workers=1, slack=1.0)
    ).failures


@pytest.mark.drill
@pytest.mark.parametrize(
    ("application", "drill", "reason"),
    [
        ("undrained", "G05", "see close 1012: 50x close 1001"),
        ("closed", "G05", "50 WebSockets are accepted"),
        ("slow", "G05", "everything ended in its time: ended 50 connections of Slow"),
        ("leaves_a_thread", "G01", "held up at its end by threads of the application: left"),
        ("leaves_a_process", "G01", "no process is left of its group: ["),
        ("leaves_a_daemon", "G01", "no process is left that left its group: ["),
        ("leaves_a_file", "G01", "no file or socket is left: ["),
        ("shows_a_traceback", "G01", "no traceback is in the log"),
        ("nothing", "G01", "READY=1 was not notified"),
    ],
)
def test_what_is_wrong_with_an_application_is_told(application, drill, reason):
    outcome = against(application, drill)
    assert not outcome.passed
    assert reason in "\n".join(outcome.failures)


@pytest.mark.drill
@pytest.mark.parametrize(
    ("application", "drill"),
    [("sound", "G05"), ("greeting", "G12"), ("greeting", "G15"), ("ticking", "G15")],
)
def test_a_sound_application_passes(application, drill):
    outcome = against(application, drill)
    assert outcome.passed, "\n".join(written(outcome))


@pytest.mark.drill
@pytest.mark.parametrize(("given", "seconds"), [(None, 25), (3.0, 3)])
def test_the_budget_is_the_applications_unless_one_is_given(given, seconds):
    outcome = against("sound", grace=given)
    assert any(f", {seconds} s to stop" in event.what for event in outcome.events)


@pytest.mark.drill
def test_a_secret_of_the_callers_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY_BASE", "too short")
    outcome = against("greeting")
    assert not outcome.passed
    assert any("SECRET_KEY_BASE: each secret must have" in event.what for event in outcome.events)


@pytest.mark.drill
def test_another_exit_status_than_the_drills_fails():
    def orderly(stage):
        stage.stop(stage.serve())

    assert failures(orderly, status=3) == ["exit status 3: it is 0"]


@pytest.mark.drill
def test_a_server_that_the_drill_forgets_is_ended():
    def forgetful(stage):
        stage.serve()
        stage.fault("none")

    assert failures(forgetful) == []


def test_a_drill_without_a_fault_fails():
    assert failures(lambda stage: None) == ["a fault was injected"]


def test_a_drill_that_cannot_be_run_here_is_skipped_and_has_neither_passed_nor_failed():
    def skipped(stage):
        raise Skipped("git is not installed")

    def passing(stage):
        stage.fault("none")

    settings = Settings(target=OURS, stage=AppStage, slack=1.0)
    one, other = run(made(skipped), settings), run(made(passing), settings)
    assert (one.passed, one.failures) == (False, [])
    assert (other.passed, other.skipped) == (True, None)
    assert verdict(one) == "SKIP X1 made: git is not installed"
    assert as_json(one)["skipped"] == "git is not installed"
    assert list(summary([one, other], [])) == [verdict(one), "1 passed, 0 failed, 1 skipped"]


def test_a_drill_that_takes_longer_than_its_bound_fails():
    def slow(stage):
        stage.fault("none")

    (failure,) = failures(slow, bound=-1.0)
    assert failure.startswith("within -1 s x 1: took 0.00 s")


def test_a_drill_that_stumbles_fails_and_says_where():
    def stumbling(stage):
        stage.fault("none")
        raise ValueError("a stone")

    (failure,) = failures(stumbling)
    assert failure.startswith("the drill could not go on: ValueError: a stone (stumbling, line ")


def test_a_drill_that_waits_in_vain_fails():
    def waiting(stage):
        stage.fault("none")
        stage.points.wait("never", seconds=0.01)

    assert failures(waiting) == ["never was reached 0 times, not 1"]


class Answered:
    """A client that has sent and got these."""

    def __init__(self, sent, texts):
        self.sent, self.texts = sent, texts

    def close(self):
        pass


@pytest.mark.parametrize(
    ("handled", "texts", "passed"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a"], True),
        (["a", "b"], ["a", "b", "greeting"], True),
        (["a"], ["a", "b"], False),
        (["a", "a"], ["a"], False),
        (["a"], ["a", "a"], False),
    ],
)
def test_what_is_answered_must_be_handled_exactly_once(tmp_path, handled, texts, passed):
    stage = AppStage(OURS, tmp_path)
    try:
        for text in handled:
            stage.ledger.enter(HANDLED, text)
        stage.clients = [Answered(["a", "b"], texts)]
        (check,) = stage.accounted(stage.clients)
        assert check.passed == passed
    finally:
        stage.close()


def test_a_port_that_somebody_listens_at_is_not_bindable(listening):
    address = listening.getsockname()
    assert not bindable(address)
    listening.close()
    assert bindable(address)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, "FAIL X1 made: it stands"),
        ("ERROR app: no room", "FAIL X1 made: it stands; the log: ERROR app: no room"),
    ],
)
def test_the_verdict_has_the_first_error_of_the_log(error, told):
    def failing(stage):
        stage.fault("a push")
        stage.expect(False, "it stands")

    outcome = run(made(failing), Settings(target=OURS, stage=AppStage, slack=1.0))
    assert verdict(dataclasses.replace(outcome, error=error)) == told


def test_the_middle_of_a_long_timeline_is_left_out():
    events = [Event(number / 100, "log", f"line {number}") for number in range(100)]
    lines = timeline(events)
    assert len(lines) == 61
    assert "40 lines" in lines[30]
    assert lines[0].endswith("line 0")
    assert lines[-1].endswith("line 99")


def test_the_report_has_timeline_clients_checks_and_verdict(tmp_path):
    def failing(stage):
        stage.fault("a push")
        stage.measure("weight", 3.0)
        stage.expect(False, "it stands")
        stage.expect(True, "it lies")

    outcome = run(made(failing), Settings(target=OURS, stage=AppStage, slack=1.0))
    text = "\n".join(written(outcome))
    assert "FAULT      a push" in text
    assert "weight: 3" in text
    assert "FAIL it stands" in text
    assert "ok   it lies" in text
    assert verdict(outcome) == "FAIL X1 made: it stands"
    assert as_json(outcome)["failures"] == ["it stands"]
