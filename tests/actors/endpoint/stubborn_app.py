"""Sockets that do not want to end. Each says on standard output where it is."""

from __future__ import annotations

import threading
import time

from actors import Endpoint, Ok, Reply, Socket

FOR_EVER = 3600.0


def say(*words):
    print(*words, flush=True)  # noqa: T201 - the test reads it


class SlowConnect(Socket):
    """Is asked for a while whether the client may connect."""

    @classmethod
    def connect(cls, info):
        say("connecting")
        time.sleep(float(info.params.get("for", FOR_EVER)))
        return Ok(None)

    def terminate(self, reason):
        say("terminated", reason)


class Blocked(Socket):
    """Blocks in the way that the message names, and never comes back from it."""

    def handle_in(self, payload, opcode):
        if payload == "sleep":
            say("blocked")
            time.sleep(FOR_EVER)
        if payload == "spin":
            say("blocked")
            while True:
                pass
        return Reply(payload, opcode=opcode)

    def terminate(self, reason):
        say("terminated", reason)


class SlowTerminate(Socket):
    """Has something to do when its client has been told."""

    def terminate(self, reason):
        say("terminating", reason)
        time.sleep(0.3)
        say("terminated", reason)


class Threaded(Socket):
    """Starts a thread that the interpreter would wait for."""

    def handle_in(self, payload, opcode):
        threading.Thread(target=time.sleep, args=(FOR_EVER,)).start()
        return Reply("started")


endpoint = Endpoint(grace=2.0)
endpoint.socket("/connect", SlowConnect)
endpoint.socket("/blocked", Blocked)
endpoint.socket("/terminate", SlowTerminate)
endpoint.socket("/threaded", Threaded)
