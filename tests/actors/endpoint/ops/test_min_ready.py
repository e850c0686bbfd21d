"""``--min-ready`` and the number of workers, when one of them changes."""

from __future__ import annotations

import signal

import pytest

from tests.support.ops import OpsServer
from tests.support.waiting import eventually

REFUSED = "ERROR roost.master: --min-ready {}: is more than there are workers, {}$"
GOOD = "from tests.actors.endpoint.workers_app import endpoint as endpoint\n"
TOO_FEW = "worker is wanted, and --min-ready is 2: /readyz is 503 from now on, until SIGTTIN"


class FileServer(OpsServer):
    """Serves what the file at ``path`` says."""

    def __init__(self, place, workers, min_ready, **rest):
        self.file = place / "roost.toml"
        self.say(workers, min_ready)
        super().__init__("--config", str(self.file), workers=None, **rest)

    def say(self, workers, min_ready):
        text = f"[serve]\nworkers = {workers}\n[ops]\nmin_ready = {min_ready}\n"
        self.file.write_text(text)

    def reload(self, count=1):
        """Reload; wait until the ops process is new too."""
        self.signal(signal.SIGHUP)
        self.ops_pid(count + 1)


@pytest.mark.parametrize(
    ("before", "after"), [((1, 1), (1, 5)), ((2, 2), (1, 2)), ((2, 1), (1, 2))]
)
def test_a_reload_refuses_more_than_there_are_workers(tmp_path, before, after):
    workers, min_ready = after
    with FileServer(tmp_path, *before) as server:
        server.wait_for("workers? (is|are) ready")
        server.ops_pid()
        server.say(*after)
        server.reload()
        server.wait_for(REFUSED.format(min_ready, workers))
        server.wait_for("ERROR roost.master: so all settings are as before")
        assert not any("has changed" in line for line in server.lines)
        ready = server.wait_until("/readyz", 200).json["reasons"]
        assert ready[0].split(" of ")[1].startswith(str(before[0]))


def test_a_reload_takes_both_at_once(tmp_path):
    with FileServer(tmp_path, 2, 2) as server:
        server.wait_for("2 workers are ready")
        server.ops_pid()
        server.say(1, 1)
        server.reload()
        server.wait_until("/readyz", 200)
        assert not any("/readyz is 503" in line for line in server.lines)


def test_more_that_must_be_ready_wait_for_more_workers_where_the_reload_is_off(tmp_path):
    (tmp_path / "app.py").write_text(GOOD)
    with FileServer(tmp_path, 1, 1, app="app:endpoint", path=tmp_path) as server:
        server.wait_for("1 worker is ready")
        server.ops_pid()
        (tmp_path / "app.py").write_text("import nothing_of_the_kind\n")
        server.say(3, 3)
        server.reload()
        server.wait_for("1 worker is wanted as before, not 3")
        assert server.wait_until("/readyz", 200).json["reasons"] == ["1 of 1 worker is ready"]
        (tmp_path / "app.py").write_text(GOOD)
        server.reload(2)
        server.wait_for("3 workers are wanted now; so far it was 1")
        eventually(lambda: "3 of 3" in server.wait_until("/readyz", 200).json["reasons"][0])
        assert not any("/readyz is 503" in line for line in server.lines)


def test_one_less_by_hand_than_must_be_ready_is_one_warning(tmp_path):
    with FileServer(tmp_path, 2, 2) as server:
        server.wait_for("2 workers are ready")
        server.ops_pid()
        server.wait_until("/readyz", 200)
        server.signal(signal.SIGTTOU)
        server.wait_for(TOO_FEW)
        server.wait_until("/readyz", 503)
        server.reload()  # which keeps the number
        server.wait_until("/readyz", 503)
        server.signal(signal.SIGTTIN)
        server.wait_until("/readyz", 200)
        assert len([line for line in server.lines if "/readyz is 503" in line]) == 1
        server.signal(signal.SIGTTOU)
        server.wait_for(TOO_FEW, 2)
        server.say(3, 2)
        server.reload(2)
        server.wait_until("/readyz", 200)
