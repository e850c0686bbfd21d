"""Real workers, whose master's sums are what clients have counted: over reloads and kills.

``ROOST_REPLACED`` and ``ROOST_KILLED`` say how many workers are replaced and killed under load;
``make metrics`` has twenty and five.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.command import Command
from tests.support.longpoll import Poller
from tests.support.raw import CLOSE, TEXT, Client, close_frame, frame
from tests.support.waiting import eventually

APP = "tests.actors.endpoint.counted_app:endpoint"
REPLACED = int(os.environ.get("ROOST_REPLACED", "2"))
KILLED = int(os.environ.get("ROOST_KILLED", "1"))
BEAT = 1.0
SLACK = 2.0
"""Seconds that a busy machine may be late with a beat."""


class Counted(Command):
    """A server with an ops process."""

    def __enter__(self) -> Self:
        found = super().__enter__()
        self.ops = self.wait_for(r"health and metrics at (http://\S+)")[1]
        return found

    def scrape(self) -> dict[tuple[str, ...], float]:
        """Return each sample by its name and the values of its labels."""
        with urllib.request.urlopen(f"{self.ops}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def traffic(self) -> tuple[float, float, float, float]:
        """Return bytes in, bytes out, messages in, messages out."""
        found = self.scrape()
        names = [("bytes", "in"), ("bytes", "out"), ("messages", "in"), ("messages", "out")]
        return tuple(found.get((f"roost_{what}_total", way), 0.0) for what, way in names)


@pytest.fixture(params=["compiled", "pure"])
def server(request: pytest.FixtureRequest) -> Iterator[Counted]:
    environ = {**os.environ, **({"ROOST_PURE": "1"} if request.param == "pure" else {})}
    with Counted(APP, "--ops", "127.0.0.1:0", workers=2, env=environ) as server:
        server.wait_for("2 workers are ready")
        yield server


class Talker(Client):
    """A WebSocket that counts what it sends and gets; ``sent`` and ``got`` are bytes."""

    def __init__(self, address: Any) -> None:
        super().__init__(address)
        self.sent = self.got = self.said = self.heard = 0
        assert self.upgrade("/echo/websocket").status == 101
        assert not self._buffer
        self.got = 0

    def _fill(self) -> None:
        before = len(self._buffer)
        super()._fill()
        self.got += len(self._buffer) - before

    def say(self, text: str) -> bool:
        """Say something; return whether that was answered, and not by a Close frame."""
        data = frame(TEXT, text)
        self.send(data)
        self.sent += len(data)
        self.said += 1
        return self.hear()

    def hear(self) -> bool:
        """Read an echo, or a Close frame, which is answered."""
        if self.frame().opcode == CLOSE:
            self.bye()
            return False
        self.heard += 1
        return True

    def bye(self) -> None:
        data = close_frame(1000)
        self.send(data)
        self.sent += len(data)


def test_both_transports_are_counted_to_the_last_byte_over_a_reload(server):
    talker = Talker(server.address)
    poller = Poller(server, "/echo/longpoll")
    poller.open()
    texts = ["hello", "x" * 300, "é" * 40, "y" * 70_000]
    for text in texts:
        assert talker.say(text)
    posted = "a message of a poll"
    assert poller.post(posted)["status"] == 200
    polled = poller.poll()
    assert polled["messages"] == [posted]
    server.signal(signal.SIGHUP)
    assert not talker.hear()  # 1012
    assert talker.read_to_end() == b""
    talker.close()
    poller.close()
    mine = talker.sent + len(posted)
    theirs = talker.got

    def all_there() -> bool:
        size_in, size_out, messages_in, messages_out = server.traffic()
        assert size_in <= mine
        assert messages_in <= 5
        assert messages_out <= 5
        body = size_out - theirs  # of the poll's answer, whose token is not always as long
        return size_in == mine and messages_in == messages_out == 5 and 20 < body < 1000

    eventually(all_there)
    found = server.scrape()
    assert found["app_echoes_total", "short"] + found["app_echoes_total", "long"] == 5
    assert found["roost_worker_beats_missed_total",] == 0
    assert found["roost_connections_opened_total", "/echo/websocket", "websocket"] == 1
    assert found["roost_connections_closed_total", "1012", "restart"] == 1


class Load:
    """Clients that talk until they are told to stop, over as many connections as that takes."""

    def __init__(self, server: Counted, clients: int) -> None:
        self.server = server
        self.ended: list[Talker] = []
        self.cut: list[Talker] = []
        self.times: list[float] = []
        self.low = 0.0
        self.fell: list[tuple[float, float]] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._talk) for _ in range(clients)]
        self.threads.append(threading.Thread(target=self._watch))

    def _talk(self) -> None:
        while not self.over.is_set():
            talker = None
            try:
                talker = Talker(self.server.address)
                while not self.over.is_set():
                    if not talker.say("some words"):
                        break
                    self.times.append(time.monotonic())
                else:
                    talker.bye()
                    assert not talker.hear()
                talker.read_to_end()
                self.ended.append(talker)
            except (OSError, EOFError):
                if talker is not None:
                    self.cut.append(talker)
            finally:
                if talker is not None:
                    talker.close()

    def _watch(self) -> None:
        while not self.over.wait(0.1):
            now = self.server.traffic()[3]
            if now < self.low:
                self.fell.append((self.low, now))
            self.low = now


@contextmanager
def load(server: Counted, clients: int = 4) -> Iterator[Load]:
    made = Load(server, clients)
    for thread in made.threads:
        thread.start()
    try:
        yield made
    finally:
        made.over.set()
        for thread in made.threads:
            thread.join(60)


def worker_pids(server: Counted) -> set[int]:
    """Return the processes below the master that are workers."""
    return {pid for pid in server.children() if "actors.endpoint.worker" in _command(pid)}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8")
    except OSError:
        return ""


def test_sums_are_exact_over_reloads_and_short_by_a_beat_for_a_kill(server):
    with load(server) as made:
        for _ in range((REPLACED + 1) // 2):  # a reload replaces two
            before = worker_pids(server)
            server.signal(signal.SIGHUP)
            eventually(lambda old=before: not worker_pids(server) & old)
            eventually(lambda: len(worker_pids(server)) == 2)
    assert made.fell == []
    assert made.cut == []
    heard = sum(each.heard for each in made.ended)
    got = sum(each.got for each in made.ended)
    said = sum(each.said for each in made.ended)
    assert heard > 100

    def exact() -> bool:
        _, size_out, messages_in, messages_out = server.traffic()
        assert size_out <= got
        assert messages_in <= said
        return (size_out, messages_out) == (got, heard) and heard <= messages_in

    eventually(exact)
    assert server.scrape()["roost_worker_beats_missed_total",] == 0
    killed_at = []
    with load(server) as after:
        for number in range(KILLED):
            eventually(lambda: server.scrape()["roost_workers", "ready"] == 2)
            many = len(after.times) + 200
            eventually(lambda wanted=many: len(after.times) > wanted)
            killed_at.append(time.monotonic())
            os.kill(min(worker_pids(server)), signal.SIGKILL)
            missed = number + 1
            eventually(
                lambda wanted=missed: server.scrape()["roost_worker_beats_missed_total",] == wanted
            )
    assert after.fell == []
    total = heard + sum(each.heard for each in after.ended + after.cut)
    at_risk = sum(
        any(kill - BEAT - SLACK <= at <= kill + SLACK for kill in killed_at) for at in after.times
    )
    eventually(lambda: total - at_risk - 4 * KILLED <= server.traffic()[3] <= total + 4 * KILLED)
