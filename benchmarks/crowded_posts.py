"""What a long-poll client that posts more than its socket takes costs in memory.

    python -m benchmarks.crowded_posts                 # one process
    python -m benchmarks.crowded_posts --workers 2     # so that half of them are relayed

40 POSTs of 7 MB at once, to one session whose socket takes half a second for each message. A server
is started for it. Ends with status 1 where a process grew by more than the mailbox's bound and five
bodies: the one that may wait beside it, and what is copied on the way of another.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gevent
from gevent import socket

from actors import Endpoint, Opcode, Socket

POSTS = 40
SIZE = 7_000_000
BOUND = 1_048_576
MOST = BOUND + 5 * SIZE


class SlowSocket(Socket):
    def handle_in(self, payload: str, opcode: Opcode) -> None:  # noqa: ARG002 - the hook's
        gevent.sleep(0.5)


endpoint = Endpoint(secret_key_base=("benchmark " * 4,), grace=2.0)
endpoint.socket("/slow", SlowSocket, websocket=False, longpoll={"max_body": 8_000_000})


def main() -> int:
    made = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    made.add_argument("--workers", type=int, default=0)
    given = made.parse_args()
    command = ["-m", "actors.endpoint", "benchmarks.crowded_posts:endpoint"]
    options = ["--bind", "127.0.0.1:0", "--workers", str(given.workers)]
    with (
        tempfile.NamedTemporaryFile("r", suffix=".log") as log,
        subprocess.Popen([sys.executable, *command, *options], stdout=log, stderr=log) as server,
    ):
        try:
            while not (found := re.search(r"serving http://[^ ]+:(\d+),", log.read())):
                log.seek(0)
                time.sleep(0.1)
            return report(server.pid, int(found[1]))
        finally:
            server.terminate()


def report(pid: int, port: int) -> int:
    gevent.sleep(1.0)
    pids = [pid, *children(pid)]
    before = {each: resident(each) for each in pids}
    token = json.loads(ask(port, "GET", "/slow/longpoll"))["token"]
    target = f"/slow/longpoll?token={token}"
    posting = [gevent.spawn(ask, port, "POST", target, b"x" * SIZE) for _ in range(POSTS)]
    most = dict.fromkeys(pids, 0)
    while not all(each.dead for each in posting):
        for each in pids:
            most[each] = max(most[each], resident(each) - before[each])
        gevent.sleep(0.005)
    print(dict(collections.Counter(each.value for each in posting)))
    for each in pids:
        print(f"process {each}: +{most[each] / 2**20:.0f} MiB at most")
    return int(max(most.values()) > MOST)


def ask(port: int, method: str, target: str, body: bytes = b"") -> str:
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", port)) as sock:
        try:
            sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except OSError:
            pass  # it was answered before
        answer = b""
        try:
            while data := sock.recv(65536):
                answer += data
        except OSError:
            pass
    head, _, rest = answer.partition(b"\r\n\r\n")
    return rest.decode() or head.decode().partition("\r\n")[0] or "nothing"


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in path.read_text().split()]


def resident(pid: int) -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())
