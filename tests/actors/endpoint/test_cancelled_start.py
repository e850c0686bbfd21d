"""A signal that comes while the endpoint's children start."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.command import Program, run

APP = """
import time
from actors import Endpoint, Socket
from supervision import ChildSpec, Supervisor
from actors.runtime import Actor

class First(Actor):
    def on_start(self):
        print("first started", flush=True)

    def on_stop(self):
        print("first stopped", flush=True)

class Blocks(Actor):
    def on_start(self):
        print("blocks", flush=True)
        try:
            time.sleep(3600)
        finally:
            print("interrupted", flush=True)

class GoesOn(Actor):
    def on_start(self):
        print("blocks", flush=True)
        try:
            time.sleep(3600)
        except BaseException:
            print("interrupted", flush=True)

def plain():
    print("blocks", flush=True)
    time.sleep(3600)

def endpoint(*starts):
    children = [ChildSpec(id=number, start=start) for number, start in enumerate(starts)]
    made = Endpoint(grace=600.0, children=[First, *children])
    made.socket("/socket", Socket)
    return made

class Nested(Supervisor):
    def init(self):
        return {}, [ChildSpec(id="goes on", start=GoesOn.start), ChildSpec(id="p", start=plain)]

actor, function, stubborn = endpoint(Blocks.start), endpoint(plain), endpoint(GoesOn.start)
then_another, nested = endpoint(GoesOn.start, plain), endpoint(Nested.start)
"""


@pytest.fixture
def apps(tmp_path: Path) -> Path:
    (tmp_path / "starts.py").write_text(APP)
    return tmp_path


def booting(apps: Path, name: str, workers: int) -> Program:
    options = ["--bind", "127.0.0.1:0", "--workers", str(workers)]
    return Program("-m", "actors.endpoint", f"starts:{name}", *options, cwd=apps)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_child_that_blocks_is_interrupted_and_those_before_it_are_stopped(
    apps: Path, number: int, workers: int
) -> None:
    with booting(apps, "actor", workers) as served:
        served.wait_for("^blocks")
        served.signal(number)
        assert served.ended() == 0  # with 600 s to do so
        told = [line for line in served.lines if line in ("interrupted", "first stopped")]
        assert told == ["interrupted", "first stopped"]
        assert not [line for line in served.lines if "did not start" in line or " ERROR " in line]
        if not workers:
            served.wait_for("stopping what has started, within 600 s")


@pytest.mark.parametrize("workers", [0, 1])
def test_start_function_that_is_no_actor_is_interrupted_too(apps: Path, workers: int) -> None:
    with booting(apps, "function", workers) as served:
        served.wait_for("^blocks")
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
        assert "first stopped" in served.lines


@pytest.mark.parametrize("workers", [0, 1])
def test_child_that_goes_on_all_the_same_is_stopped_as_any(apps: Path, workers: int) -> None:
    with booting(apps, "stubborn", workers) as served:
        served.wait_for("^blocks")
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
        assert [line for line in served.lines if line in ("interrupted", "first stopped")] == [
            "interrupted",
            "first stopped",
        ]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("name", ["then_another", "nested"])
def test_after_one_that_went_on_no_other_is_started(apps: Path, name: str, workers: int) -> None:
    with booting(apps, name, workers) as served:
        served.wait_for("^blocks")
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
        assert served.lines.count("blocks") == 1
        assert "first stopped" in served.lines
        assert not [line for line in served.lines if "serving http" in line]


def test_start_that_is_not_cancelled_says_what_did_not_start(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(
        "from actors import Endpoint, Socket\nfrom supervision import ChildSpec\n"
        "def no():\n    raise OSError('no database')\n"
        "endpoint = Endpoint(children=[ChildSpec(id='db', start=no)])\n"
        "endpoint.socket('/socket', Socket)\n"
    )
    done = run("fails:endpoint", "--workers", "0", "--bind", "127.0.0.1:0", cwd=tmp_path)
    assert done.returncode == 2
    assert "no database" in done.stderr
