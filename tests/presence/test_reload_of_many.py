"""A rolling reload under a thousand tracked clients that come back: nobody sees one leave."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from gevent.pool import Pool

from actors.client import Client, Presence
from tests.support.command import Command
from tests.support.waiting import eventually

CLIENTS = int(os.environ.get("ROOST_PRESENCES", "1000"))
DELAY = os.environ.get("ROOST_LEAVE_DELAY", "30")  # all clients share one process with the test
VIEWERS = 10
"""Of them, who follow what they are told: in this process that is dear."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Member:
    """One client; ``joined`` counts its joins, ``left`` who left its view."""

    def __init__(self, server: Command, name: str, *, follows: bool) -> None:
        self.name = name
        self.joined = 0
        self.left: list[str] = []
        self.pids: list[int] = []
        url = f"{server.url}/socket".replace("http", "ws")
        self.client = Client(url, timeout=60.0, max_queue=100 * CLIENTS, max_queue_bytes=2**28)
        self.channel = self.client.channel("room:1", {"name": name})
        self.channel.on_join(self._joined)
        self.presence = Presence(self.channel) if follows else None
        if self.presence is not None:
            self.presence.on_leave(self._left)

    def _joined(self, response: Any) -> None:
        self.joined += 1
        self.pids.append(response["pid"])

    def _left(self, key: str, current: Any, _: Any) -> None:
        if not current["metas"]:
            self.left.append(key)

    def come(self) -> None:
        self.client.connect()
        self.channel.join(timeout=60.0)


@contextmanager
def crowd(server: Command) -> Iterator[list[Member]]:
    members = [Member(server, f"n{number}", follows=number < VIEWERS) for number in range(CLIENTS)]
    pool = Pool(50)
    try:
        pool.map(Member.come, members)
        yield members
    finally:
        gevent.joinall([gevent.spawn(each.client.close) for each in members], timeout=60)


def test_nobody_is_seen_to_leave_at_a_reload() -> None:
    environ = {**os.environ, "LEAVE_DELAY": DELAY, "STATES": "some"}
    with Command("tests.presence.app:endpoint", workers=2, env=environ) as server:
        server.wait_for("workers are ready")
        with crowd(server) as members:
            viewers = members[:VIEWERS]

            def all_see_all() -> bool:
                return all(len(each.presence.state) == CLIENTS for each in viewers)

            eventually(all_see_all, 60, pause=0.05)
            old = {pid for each in members for pid in each.pids}
            server.signal(signal.SIGHUP)
            eventually(lambda: all(each.pids[-1] not in old for each in members), 120, pause=0.05)
            eventually(all_see_all, 60, pause=0.05)
            assert [each.left for each in viewers if each.left] == []
