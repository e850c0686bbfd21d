"""Connections to the ops port that are left open: how many it bears, of whom, and who gets in."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from actors.endpoint.ops.bounds import MAX_CONNECTIONS, PER_ADDRESS
from tests.support.descriptors import many_descriptors
from tests.support.ops import OpsServer
from tests.support.raw import Client
from tests.support.waiting import eventually

ALONE = [("127.0.0.2", PER_ADDRESS)]
TOGETHER = [(f"127.0.0.{last}", MAX_CONNECTIONS // 4) for last in (2, 3, 4, 5)]


@pytest.fixture(scope="module")
def server():
    with many_descriptors(), OpsServer() as server:
        server.ops_pid()
        server.wait_until("/readyz", 200)
        yield server


def open_there(server):
    """Return how many connections the ops process has not closed: established, or in CLOSE_WAIT."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f":{server.port:04X}"
    return sum(row[1].endswith(port) and row[3] in {"01", "08"} for row in rows)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("sources", [ALONE, TOGETHER], ids=["one", "several"])
def test_who_comes_beyond_the_bound_is_503_and_the_prober_is_served(server, sources, more):
    with ExitStack() as stack:
        for source, number in sources:
            most = number + (more if source == sources[-1][0] else 0)
            for _ in range(most):
                client = stack.enter_context(Client(("127.0.0.1", server.port), source=source))
        assert client.ask("/livez").status == (503 if more > 0 else 200)
        if sources is ALONE:
            assert server.ask("/readyz").status == 200
    eventually(lambda: open_there(server) == 0, pause=0.05)  # none is left to the next test
    assert server.ask("/readyz").status == 200
