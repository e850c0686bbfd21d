"""Callbacks that block delay nobody: many sleep, and a neighbour's echo waits for none of them.

How quick it is, ``benchmarks/isolation.py`` measures.
"""

from __future__ import annotations

import resource
import statistics
import time
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.results import Push, Reply
from tests.contract.stage import scripted
from tests.support.waiting import eventually

PARKED = 1000
ECHOES = 40
SLEEP = 2.0
"""Seconds. Were callbacks served one after the other, an echo would take a thousand of these."""


def echo_time(neighbour: Any) -> float:
    """Return the median of the seconds that an echo takes."""
    times = []
    for number in range(ECHOES):
        began = time.perf_counter()
        neighbour.send(str(number))
        assert neighbour.recv() == str(number)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_thousand_sleeping_callbacks_do_not_delay_an_echo(play: Any, transport: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 5 * PARKED)), hard))
    over = Event()

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        while not over.is_set():
            parked[0] += 1
            gevent.sleep(SLEEP)
            parked[0] -= 1
        return Reply("woken")

    parked = [0]
    stage = play(scripted(handle_in=handle_in), **transport.crowd)
    neighbour = stage.neighbour()
    clients = [stage.connect() for _ in range(PARKED)]
    alone = echo_time(neighbour)
    for client in clients:
        client.send("sleep")
    eventually(lambda: parked[0] == PARKED, timeout=120.0, pause=0.01)
    beside = echo_time(neighbour)
    over.set()
    assert [client.recv() for client in clients] == ["woken"] * PARKED
    assert beside < alone + SLEEP / 4, "an echo waits for the sleep of another"


def test_told_messages_reach_sockets_beside_parked_ones(play: Any) -> None:
    release = Event()

    def handle_in(self: Any, payload: Any, opcode: Any) -> Any:
        self.push("parked")
        release.wait()

    stage = play(scripted(handle_in=handle_in, handle_info=lambda self, told: Push(told)))
    clients = [stage.connect() for _ in range(30)]
    for client in clients[:-1]:
        client.send("park")
        assert client.recv() == "parked"
    stage.newest.actor_ref.tell("told")
    assert clients[-1].recv() == "told"
    release.set()
