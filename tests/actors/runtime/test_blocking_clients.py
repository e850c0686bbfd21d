"""What docs/asyncio.md says of blocking clients and of asyncio, in a process that is patched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import certificate

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What :mod:`patched_clients` has printed, which ran beside the servers of asyncio."""
    pem = certificate.make(tmp_path_factory.mktemp("tls"))
    key = pem.with_suffix(".key")
    with subprocess.Popen(
        [sys.executable, HERE / "asyncio_peers.py", pem, key], stdout=subprocess.PIPE, text=True
    ) as peers:
        assert peers.stdout is not None
        try:
            ports = peers.stdout.readline().split()
            done = subprocess.run(
                [sys.executable, HERE / "patched_clients.py", pem, *ports],
                capture_output=True, text=True, timeout=50, check=False,
                env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
            )  # fmt: skip
        finally:
            peers.kill()
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("client", ["talk", "get", "look_up"])
def test_a_hundred_callbacks_at_once_use_a_blocking_client(
    found: dict[str, object], client: str
) -> None:
    """A socket to a process of asyncio's, httpx, and redis; the latter two over TLS."""
    assert found[client] == 100


def test_asyncio_run_in_two_callbacks_at_once_fails(found: dict[str, object]) -> None:
    assert found["asyncio.run"] == [
        None,
        "asyncio.run() cannot be called from a running event loop",
    ]


@pytest.mark.parametrize("how", ["by a loop in a thread", "in_thread"])
def test_a_process_cannot_be_started_beside_the_main_thread(
    found: dict[str, object], how: str
) -> None:
    """Which is why no loop in a thread is offered: when gevent can, think it over."""
    assert found[f"a process, {how}"] == "child watchers are only available on the default loop"
