"""What a service manager hears (sd_notify(3))."""

from __future__ import annotations

import os
import socket

import pytest

from supervision.processes.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """Return the environment of a service, and the socket that its notes come to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        if request.param == "path":
            sock.bind(str(tmp_path / "notify"))
            yield {"NOTIFY_SOCKET": str(tmp_path / "notify")}, sock
        else:
            sock.bind(f"\0roost-test-{os.getpid()}")
            yield {"NOTIFY_SOCKET": f"@roost-test-{os.getpid()}"}, sock


def heard(sock):
    return sock.recv(4096).decode().split("\n")


def test_assignments_come_as_lines_of_one_datagram(manager):
    environ, sock = manager
    Notifier(environ).send("STOPPING=1", "EXTEND_TIMEOUT_USEC=5")
    assert heard(sock) == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=5"]


def test_reload_is_told_with_its_time_and_ready_ends_it(manager):
    environ, sock = manager
    notifier = Notifier(environ)
    notifier.reloading(12.5)
    notifier.ready(13.0, "all is well")
    assert heard(sock) == ["RELOADING=1", "MONOTONIC_USEC=12500000"]
    assert heard(sock) == ["READY=1", "STATUS=all is well"]
    assert notifier.due is None


def test_watchdog_is_fed_at_half_of_its_time_from_the_first_ready_on(manager):
    environ, sock = manager
    notifier = Notifier({**environ, "WATCHDOG_USEC": "4000000"})
    notifier.feed(0.0, alive=True)
    notifier.ready(10.0, "x")
    assert heard(sock)[0] == "READY=1"
    for now in (10.0, 11.9, 12.0, 12.1):
        notifier.feed(now, alive=True)
    notifier.ready(13.0, "again")
    assert [heard(sock)[0] for _ in range(3)] == ["WATCHDOG=1", "WATCHDOG=1", "READY=1"]
    assert notifier.due == 14.0


def test_who_is_not_alive_does_not_feed_the_watchdog_nor_spin(manager):
    environ, sock = manager
    notifier = Notifier({**environ, "WATCHDOG_USEC": "4000000"})
    notifier.ready(10.0, "x")
    notifier.feed(10.0, alive=False)
    assert notifier.due == 12.0
    notifier.feed(12.0, alive=True)
    assert [heard(sock)[0] for _ in range(2)] == ["READY=1", "WATCHDOG=1"]


@pytest.mark.parametrize(
    "watchdog",
    [{"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "-4"}, {"WATCHDOG_USEC": "4", "WATCHDOG_PID": "1"}],
)
def test_watchdog_of_another_process_is_left_alone(manager, watchdog):
    notifier = Notifier({**manager[0], **watchdog})
    notifier.ready(0.0, "x")
    assert notifier.due is None


def test_watchdog_of_this_process_is_fed(manager):
    watchdog = {"WATCHDOG_USEC": "4", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier({**manager[0], **watchdog})
    notifier.ready(0.0, "x")
    assert notifier.due == 0.0


def test_without_a_manager_nothing_happens():
    notifier = Notifier({"WATCHDOG_USEC": "4000000"})
    notifier.ready(0.0, "x")
    assert notifier.due is None


def test_manager_that_is_gone_does_not_matter(tmp_path):
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nowhere")}).send("READY=1")


def test_manager_that_does_not_read_does_not_block(manager):
    environ, _ = manager
    notifier = Notifier(environ)
    for _ in range(2000):
        notifier.send("READY=1")
