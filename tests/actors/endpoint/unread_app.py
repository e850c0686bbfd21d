"""A socket that says a lot where nobody reads it."""

from __future__ import annotations

import logging
import os
import sys

from actors import Endpoint, Reply, Socket

logger = logging.getLogger("loud")


class Loud(Socket):
    """Logs more than any pipe holds; its worker's id goes to standard output."""

    def handle_in(self, payload, opcode):
        print(os.getpid(), flush=True)  # noqa: T201 - the test reads it
        if payload == "spin":
            while True:
                pass
        if payload == "print":
            sys.stderr.write("y" * 200_000 + "\n")
            return Reply("printed")
        for number in range(2000):
            logger.info("%d %s", number, "x" * 1000)
        return Reply("logged")


endpoint = Endpoint(grace=2.0)
endpoint.socket("/loud", Loud)
