"""The sockets of the drills' application. Parameters of the connection say what they do."""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import time
from typing import Any, ClassVar

import gevent
import greenlet

import actors
from actors import ConnectInfo, Ok, Opcode, Push, Reason, Reply, Socket, pubsub, telemetry
from actors.runtime import registry
from tests.drills.ledger import ENDED, HANDLED, LedgerFile
from tests.drills.point import point

ledger = LedgerFile.of_environment()


def _down(_event: str, measurements: Any, metadata: Any) -> None:
    if not measurements["up"]:
        ledger.enter("link", f"{os.getpid()} lost {metadata['peer']}")


telemetry.attach("pubsub.link", _down)


class Plain(Socket):
    """Keeps its parameters as state; ``id`` is the client's name."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        return Ok(dict(info.params))


class Ledgered(Plain):
    """Enters each message in the ledger, and then answers it.

    ``at``: the point at which it stops, ``before_101`` or ``before_ack``.
    """

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        if info.params.get("at") == "before_101":
            point("before_101", client=info.params.get("id", ""))
        return Ok(dict(info.params))

    def handle_in(self, payload: Any, opcode: Opcode) -> Reply:
        if self.state.get("at") == "before_ack":
            point("before_ack", text=payload)
        ledger.enter(HANDLED, payload)
        return Reply(payload, opcode=opcode)

    def terminate(self, reason: Reason) -> None:
        ledger.enter(ENDED, f"{self.state.get('id', '')} {reason}")


class Asked(Plain):
    """Tells about its process: ``state`` or ``version``."""

    version: ClassVar[str] = ""

    def handle_in(self, payload: Any, opcode: Opcode) -> Reply:
        del opcode
        return Reply(json.dumps(state() if payload == "state" else {"version": self.version}))


def state() -> dict[str, float]:
    """Count what a process should not keep."""
    gc.collect()
    kinds = [isinstance(thing, greenlet.greenlet) for thing in gc.get_objects()]
    return {
        "pid": os.getpid(),
        "wall": time.time(),
        "actors": len(registry.get_all()),
        "greenlets": sum(kinds),
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - names are all it takes
    }


class Burst(Plain):
    """Hears a topic, and broadcasts to it: ``burst COUNT`` numbers, ``fill BYTES`` to itself.

    In the middle of a burst it stops at ``mid_burst``. ``flood COUNT`` broadcasts so many numbers
    without a pause, ``say NUMBER`` this one; neither is answered.
    """

    def init(self, state: Any) -> Ok:
        pubsub.subscribe(self, "drill")
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Opcode) -> Reply | None:
        del opcode
        what, _, number = payload.partition(" ")
        if what == "say":
            pubsub.broadcast("drill", f"{number:>10}")
            return None
        if what == "flood":
            for count in range(int(number)):
                pubsub.broadcast("drill", f"{count:10}")
            return None
        if what == "fill":
            self.push("x" * int(number))
            point("filled")
            return Reply("filled")
        name, total = self.state.get("id", ""), int(number)
        for count in range(total):
            if count == total // 2:
                point("mid_burst", client=name)
            pubsub.broadcast("drill", f"{name} {count}")
            if count % 20 == 0:
                gevent.sleep(0)  # the subscribers of this process have their turns
        return Reply("done")

    def handle_info(self, message: Any) -> Push:
        return Push(message)


ERRORS: dict[str, type[BaseException]] = {
    each.__name__: each
    for each in (
        ValueError, StopIteration, RecursionError, MemoryError, SystemExit, KeyboardInterrupt,
        GeneratorExit, gevent.GreenletExit, gevent.Timeout, BaseException,
    )
}  # fmt: skip
"""What an application's callback may raise, by name."""


class Faulty(Plain):
    """Raises ``error`` in the callback ``at``."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        cls._fail("connect", info.params)
        return Ok(dict(info.params))

    @staticmethod
    def _fail(here: str, params: Any) -> None:
        if params.get("at") == here:
            raise ERRORS[params["error"]]

    def init(self, state: Any) -> Ok:
        self._fail("init", state)
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Opcode) -> Reply | None:
        del opcode
        self._fail("handle_in", self.state)
        if self.state.get("at") == "handle_info":
            self.actor_ref.tell("go on")
            return None
        return Reply(payload)

    def handle_control(self, payload: bytes | None, opcode: Opcode) -> None:
        del payload, opcode
        self._fail("handle_control", self.state)

    def handle_info(self, message: Any) -> None:
        del message
        self._fail("handle_info", self.state)

    def terminate(self, reason: Reason) -> None:
        del reason
        self._fail("terminate", self.state)


class Storing(Plain):
    """Writes what it is told to the table ``said`` of the sqlite database ``db``, on a thread."""

    def handle_in(self, payload: Any, opcode: Opcode) -> Reply:
        del opcode
        point("storing", client=self.state.get("id", ""))
        actors.in_thread(_store, self.state["db"], payload)
        return Reply(f"stored {payload}")


def _store(path: str, text: str) -> None:
    """Wait for the database's lock, which others may hold, in C."""
    database = sqlite3.connect(path, timeout=60.0)
    try:
        with database:
            database.execute("insert into said values (?)", (text,))
    finally:
        database.close()


class Spinning(Plain):
    """Takes the whole process when it is told anything."""

    def handle_in(self, payload: Any, opcode: Opcode) -> None:
        del payload, opcode
        point("spinning")
        while True:
            pass


class Stubborn(Plain):
    """Does not end when it is told to."""

    def terminate(self, reason: Reason) -> None:
        del reason
        point("terminating")
        gevent.sleep(60.0)
