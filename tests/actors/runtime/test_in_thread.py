"""What blocks in C runs on a thread, and the loop goes on."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

import actors
from actors.runtime import Actor
from tests.support.recorder import Recorder
from tests.support.waiting import DEADLINE


def test_answers_what_the_function_does_on_another_thread() -> None:
    def on_thread(*args: int, **kwargs: int) -> Any:
        return args, kwargs, threading.current_thread()

    args, kwargs, thread = actors.in_thread(on_thread, 1, 2, three=3)
    assert (args, kwargs) == ((1, 2), {"three": 3})
    assert thread is not threading.current_thread()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_raises_what_the_function_raises_and_prints_nothing(
    error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    def failing() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        actors.in_thread(failing)
    assert caught.value is error
    assert capfd.readouterr().err == ""


def test_a_locked_sqlite_holds_up_its_own_actor_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("create table t (x)")
    holder.execute("begin immediate")

    def insert() -> str:
        with sqlite3.connect(path, timeout=60.0) as database:
            database.execute("insert into t values (1)")
        return "inserted"

    class Writing(Actor):
        def on_receive(self, message: Any) -> str:
            return actors.in_thread(insert)

    writing = Writing.start().ask("go", block=False)
    other = Recorder.start()
    for count in range(20):
        assert other.ask(count, timeout=DEADLINE) == count
    assert not writing.ready()
    holder.execute("commit")
    assert writing.get(timeout=DEADLINE) == "inserted"
    holder.close()
