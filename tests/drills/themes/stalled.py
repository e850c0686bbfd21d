"""Drills: something does not end when it should: a callback, a whole process, a peer."""

from __future__ import annotations

import time

from supervision.drills.clients import LongPoll, WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import lines
from supervision.drills.themes import stalled
from supervision.drills.workers import split
from tests.drills.stage import AppStage

CARRIERS = 20

IN_THEM = rf"{CARRIERS} of {CARRIERS} carriers are blocked, .*Ledgered.handle_in at .*\.py:\d+"


@drill("G08", bound=3.0, late=True)
def stuck_actor(stage: AppStage) -> None:
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
def stuck_hub(stage: AppStage) -> None:
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
def slow_reader_drain(stage: AppStage) -> None:
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


@drill("G19", bound=3.0, needs=("websocket",))
def close_ignored(stage: AppStage) -> None:
    """A peer ignores the Close frame: the server closes its connection in time."""
    stalled.close_ignored.run(stage)  # this application's close_timeout is 1 s


@drill("G51", bound=4.0, late=True)
def carriers_gone(stage: AppStage) -> None:
    """Handlers block every carrier: the log says where, newcomers get 503, SIGTERM tells 1012."""
    options = {"carriers": CARRIERS, "drainer": {"shutdown": 2.0}}
    server = stage.serve(workers=1, options=options)
    idle = stage.websockets(server, 20)
    polling = stage.longpoll(server)
    polling.poll()
    freed = _block_all(stage, server)
    late = [stage.websocket(server, label="late") for _ in range(3)]
    stage.wait_over(late)
    stage.expect_saw(late, "HTTP 503")
    session = LongPoll(server.address, "/ledger/longpoll")
    stage.clients.append(session)
    session.open()
    answer = session.line.answers[-1]
    stage.expect((answer.status, answer.body) == (503, b""), "a new long-poll session gets 503")
    stage.points.release("before_ack")
    server.wait_line(r"again below 70 %: \d+ of 20 carriers are blocked")
    stage.expect(all(client.echo("message-again") for client in idle[:1]), "it serves again")
    stuck = _block_all(stage, server)
    stage.fault("SIGTERM to the master, every carrier is blocked")
    server.signal(stage.TERM)
    began = time.monotonic()
    stage.wait_over([*idle, *freed])
    stage.within(time.monotonic() - began, 1.0, "who is not blocked is told")
    stage.wait_over(stuck)
    stage.expect(pump(lines([polling]), PATIENCE), "the poll is answered")
    server.ended()
    stage.expect_saw([*idle, *freed, *stuck], "close 1012")
    stage.expect_saw([polling], "status 204, eof", "status 410, eof")


def _block_all(stage: AppStage, server: DrillServer) -> list[WebSocket]:
    """Have a handler block on each carrier; return their clients when the log says so."""
    stage.points.held.add("before_ack")
    before = len(stage.points.at("before_ack"))
    clients = stage.websockets(server, CARRIERS, at="before_ack", label="blocked")
    for number, client in enumerate(clients):
        client.text(f"message-{before + number}")
    stage.points.wait("before_ack", before + CARRIERS)
    server.wait_line(IN_THEM)
    return clients
