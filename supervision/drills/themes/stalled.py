"""Drills: something does not end when it should: a callback, a whole process, a peer."""

from __future__ import annotations

from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE
from supervision.drills.stage import Stage
from supervision.drills.workers import split


@drill("G08", bound=3.0, late=True)
def stuck_actor(stage: Stage) -> None:
    """A terminate() takes a minute: the others get 1012, it is ended, and that is logged once."""
    server = stage.serve(workers=1, options={"drainer": {"shutdown": 1.0}})
    clients = stage.websockets(server, 10)
    stuck = stage.websockets(server, 1, path="/stubborn/websocket", label="stuck")
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.points.wait("terminating")
    stage.wait_over(clients + stuck)
    server.ended()
    stage.expect_saw(clients + stuck, "close 1012")
    logged = server.log.count("ended 1 connections of Stubborn that took too long")
    stage.expect(logged == 1, f"the log says once that it was ended: {logged}")


@drill("G09", bound=4.0, status=1)
def stuck_hub(stage: Stage) -> None:
    """A callback never returns, SIGTERM: the other worker drains, this one gets ABRT, then KILL."""
    server = stage.serve("--heartbeat-timeout", "1")
    clients = stage.websockets(server, 20)
    spinning = stage.websockets(server, 1, path="/spinning/websocket", label="spinning")[0]
    worker = server.owner(spinning)
    others = [
        client
        for pid, served in split(server, clients).items()
        for client in served
        if pid != worker
    ]
    spinning.text("go")
    stage.points.wait("spinning")
    stage.fault(f"SIGTERM to the master, pid {worker} is spinning")
    server.signal(stage.TERM)
    stage.wait_over([*clients, spinning])
    server.ended()
    stage.expect_saw(others, "close 1012")
    stage.expect_saw([spinning], "eof", "reset")
    stage.expect(server.find(rf"pid {worker}\).* SIGABRT"), "the log says that it is aborted")
    stage.expect(
        server.find(r'File ".*app_sockets.py", line \d+ in handle_in'), "its stack is shown"
    )
    stage.expect(server.find(rf"pid {worker}\) ended with signal SIG(ABRT|KILL)"), "and its end")


@drill("G18", bound=3.0, late=True)
def slow_reader_drain(stage: Stage) -> None:
    """A peer never reads, megabytes wait for it: the end is on time all the same."""
    server = stage.serve(
        workers=1,
        options={
            "drainer": {"shutdown": 1.0},
            "endpoint": {"server_shutdown": 1.0},
            "websocket": {"max_send_queue": 64_000_000},
        },
    )
    clients = stage.websockets(server, 10)
    slow = stage.websockets(server, 1, path="/burst/websocket", label="never reads")[0]
    slow.text("fill 30000000")
    stage.points.wait("filled")
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
    pump([slow], PATIENCE)
    stage.expect_saw([slow], "eof", "reset")


@drill("G19", bound=3.0, generic=True, needs=("websocket",))
def close_ignored(stage: Stage) -> None:
    """A peer ignores the Close frame: the server closes its connection in time."""
    server = stage.serve()
    clients = stage.websockets(server, 10)
    for client in clients:
        client.answers_close = False
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
