"""Two clients that speak version 1.0.0 and know nothing of us."""

from __future__ import annotations

import sys

import pytest

from tests.phoenixjs.server import Server, script

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
CASES = ["join", "error", "push", "broadcast"]
CLIENTS = {
    "phoenix-channels": ("node", "v1.js"),
    "phxsocket": (sys.executable, "v1_phxsocket.py"),
}


@pytest.fixture(scope="module")
def server():
    with Server() as served:
        yield served


@pytest.mark.parametrize("client", CLIENTS)
def test_client_of_version_1_joins_is_refused_pushes_and_hears_broadcasts(server, client):
    results = {said["case"]: said["error"] for said in script(server, *CLIENTS[client])}
    assert results == dict.fromkeys(CASES)
