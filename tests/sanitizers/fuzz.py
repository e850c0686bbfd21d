"""Feeds the compiled parser with mutated frames, and compares it with the pure one.

    python tests/sanitizers/fuzz.py [--inputs 10000000] [--seed 1]

Every input goes through the compiled parser, every hundredth through the pure one as well: what
they find must be the same. Ends with status 1 at the first that differs, and prints it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from actors.speedups import compiled
from tests.support.raw import BINARY, PING, TEXT, frame
from transports.websocket.options import WebSocketOptions
from transports.websocket.protocol import Protocol

LIMIT = 300
SEEDS = [
    frame(TEXT, "hello"),
    frame(TEXT, "ü" * 60),
    frame(TEXT, "x" * 126),
    frame(TEXT, "x" * 300),
    frame(BINARY, bytes(range(256))),
    frame(TEXT, "a") + frame(BINARY, b"b") + frame(TEXT, ""),
    frame(TEXT, "one", fin=False) + frame(0, "two"),
    frame(PING, b"?") + frame(TEXT, "after"),
    b"\x81\xff" + (70_000).to_bytes(8, "big") + bytes(4) + bytes(40),
]


def mutated(chance: random.Random) -> bytes:
    """Return one or two seeds with some bytes changed, cut off or added."""
    data = bytearray(chance.choice(SEEDS))
    if chance.random() < 0.3:
        data += chance.choice(SEEDS)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data))
        data[at] = chance.randrange(256)
    if chance.random() < 0.3:
        del data[chance.randrange(len(data)) :]
    return bytes(data)


def differs(data: bytes) -> str | None:
    """Return how the two builds differ, if they do."""
    options = WebSocketOptions(max_frame_size=LIMIT, max_message_size=LIMIT)
    whole, rest = (Protocol(options, lambda: 0.0) for _ in range(2))
    wanted = whole.receive_data(data)
    found, used = compiled.parse(data, LIMIT)
    got = found + (rest.receive_data(data[used:]) if used < len(data) else [])
    if str(got) != str(wanted) or (whole.state, whole.buffer) != (rest.state, rest.buffer):
        return f"{data!r}: {got!r:.500} and not {wanted!r:.500}"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance, began = random.Random(given.seed), time.monotonic()
    if compiled is None:
        sys.stderr.write("there is no compiled build here\n")
        return 2
    for number in range(given.inputs):
        data = mutated(chance)
        compiled.parse(data, LIMIT)
        if number % 100 == 0:
            wrong = differs(data)
            if wrong:
                sys.stdout.write(f"{wrong}\n")
                return 1
    sys.stdout.write(f"{given.inputs} inputs in {time.monotonic() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
