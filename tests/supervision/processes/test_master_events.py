"""What a master tells as events: its workers, and the replacing of them."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from actors.events import CATALOGUE
from tests.supervision.processes.test_master import Run, few_descriptors


class Telling(Run):
    """A master that prints its events; a shell for what they say."""

    def __init__(self, *script: str, **options: Any) -> None:
        super().__init__(*script, events=True, **options)

    def told(self, event: str, count: int = 1) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Wait until ``event`` was told ``count`` times; return all of it so far."""
        self.wait_for(rf'event \["{event}"', count)
        found = []
        for line in self.lines:
            _, _, text = line.partition(" event ")
            if text.startswith(f'["{event}"'):
                _, measured, about = json.loads(text)
                assert measured.keys() == CATALOGUE[event].measurements.keys()
                assert about.keys() == CATALOGUE[event].metadata.keys()
                assert CATALOGUE[event].master
                found.append((measured, about))
        return found

    def count(self, event: str) -> int:
        return sum(f'event ["{event}"' in line for line in self.lines)


def test_a_worker_is_told_when_it_starts_is_ready_and_ends() -> None:
    with Telling("serve") as run:
        [(started, who)] = run.told("worker.started")
        [(ready, same)] = run.told("worker.ready")
        assert started == {"count": 1}
        assert who == same
        assert (who["slot"], who["pid"]) == (1, run.pid_of("serve"))
        assert ready["boot"] > 0
        os.kill(who["pid"], signal.SIGKILL)
        [(ended, how)] = run.told("worker.ended")
        assert ended["duration"] >= ready["boot"]
        assert how == {**who, "status": "signal SIGKILL"}
        [_, (_, second)] = run.told("worker.ready", 2)
        assert (second["slot"], second["name"] == who["name"]) == (1, False)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0
        assert run.told("worker.ended", 2)[1][1]["status"] == "status 0"


def test_a_reload_has_a_start_and_a_stop() -> None:
    with Telling("serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        run.signal(signal.SIGHUP)
        [(stop, about)] = run.told("reload.stop")
        assert run.told("reload.start") == [({"count": 2}, {"trigger": "signal"})]
        assert about == {"trigger": "signal"}
        assert stop["duration"] > 0
        run.signal(signal.SIGTERM)
        assert run.ended() == 0
        assert run.count("reload.failed") == 0


def test_a_reload_that_is_asked_for_again_in_the_middle_starts_once_the_first_is_off() -> None:
    with Telling("serve", "serve", "hang", "serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        run.signal(signal.SIGHUP)
        hanging = run.pid_of("hang")
        run.signal(signal.SIGHUP)
        run.wait_for("SIGHUP", 2)
        os.kill(hanging, signal.SIGKILL)
        [(_, about)] = run.told("reload.failed")
        assert about["trigger"] == "signal"
        assert "ended with signal SIGKILL" in about["error"]
        run.told("reload.stop")  # who asked again had another worker in mind: that is tried
        assert run.count("reload.start") == 2
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_a_reload_is_off_where_no_worker_can_be_started() -> None:
    with Telling("serve") as run:
        run.wait_for("serving")
        with few_descriptors(run.process.pid):
            run.signal(signal.SIGHUP)
            [(_, about)] = run.told("reload.failed")
        assert about == {"trigger": "signal", "error": "a worker could not be started"}
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_a_stop_in_the_middle_of_a_reload_calls_it_off() -> None:
    with Telling("serve", "hang") as run:
        run.wait_for("serving")
        run.signal(signal.SIGHUP)
        run.pid_of("hang")
        run.signal(signal.SIGTERM)
        [(_, about)] = run.told("reload.failed")
        assert about == {"trigger": "signal", "error": "the master stops"}
        assert run.ended() == 0
        assert run.count("reload.stop") == 0
