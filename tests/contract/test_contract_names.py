"""Names of an application's own: the runtime's are not in their way, whatever they do."""

from __future__ import annotations

from typing import Any

from actors.reasons import KILLED, SHUTDOWN, Failure
from actors.results import Push, Stop
from tests.contract.stage import scripted, terminated

FREE = ["run", "begin", "ending", "ended", "receive", "parked", "killed", "leave", "after_kill"]
FREE += ["handle_batch", "handle_envelope", "run_terminate", "report_crash", "cut_short", "halt"]
FREE += ["_answer", "_ref", "_turn_over", "_terminate_ran", "_tell_self", "_transport"]


def refuse(*_: Any) -> None:
    raise AssertionError("the runtime called what is the application's")


def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
    if payload == "stop":
        return Stop("enough")
    self.actor_ref.tell(payload)
    return None


def handle_info(self: Any, message: Any) -> Any:
    return Push(message)


NAMES = {**dict.fromkeys(FREE, refuse), "handle_in": handle_in, "handle_info": handle_info}


def test_a_socket_may_have_any_plain_name(play) -> None:
    stage = play(scripted(**NAMES))
    client = stage.connect()
    client.send("one")
    assert client.recv() == "one"
    client.send("two")
    assert client.recv() == "two"
    stage.newest.actor_ref.exit()
    assert terminated(stage.newest) == SHUTDOWN


def test_a_socket_with_such_names_stops_and_is_ended_at_once(play) -> None:
    stage = play(scripted(**NAMES))
    client = stage.connect()
    client.send("one")
    assert client.recv() == "one"
    first = stage.newest
    client.send("stop")
    assert terminated(first) == Failure("enough")
    stage.connect().send("one")
    second = stage.newest
    assert second is not first
    second.actor_ref.kill()
    assert terminated(second) == KILLED


def test_attributes_of_such_names_are_the_sockets(play) -> None:
    def init(self: Any, state: Any) -> Any:
        answer = super(stage_class, self).init(state)
        for name in FREE:
            setattr(self, name, name)
        return answer

    stage_class = scripted(init=init, handle_in=handle_in, handle_info=handle_info)
    stage = play(stage_class)
    client = stage.connect()
    client.send("one")
    assert client.recv() == "one"
    assert stage.newest.run == "run"
