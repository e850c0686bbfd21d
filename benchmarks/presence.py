"""What presence costs: to track, to know, to transfer, and to tell a large room who comes and goes.

    python -m benchmarks.presence [--entries 35000] [--viewers 15000] [--seconds 20]

* CPU time of ``track`` for each of the entries, which are actors without a client, in one topic;
* memory of an entry in another worker, which has nothing else of it;
* how long a worker that begins takes to know all of them;
* CPU time of diffs for the viewers, raw clients in one worker, where so many come and go a second:
  what the server uses with as many idle clients is measured first and taken off.
"""

import argparse
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.channels import CORES, cpu_seconds, resident
from supervision.drills.processes import children
from tests.support.channels import ChannelClient
from tests.support.raw import TEXT, frame, upgrade

HERE = Path(__file__).resolve().parent
PATH = "/socket/websocket?vsn=2.0.0"


class Served:
    """The application as a process, whose lines on standard error can be waited for."""

    def __init__(self, workers):
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "actors.endpoint", "present:endpoint",
                "--bind", "127.0.0.1:0", "--workers", str(workers),
            ],
            cwd=HERE, env={**os.environ, "PYTHONPATH": str(HERE.parent)},
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.pid = self.process.pid
        self.port = int(self.wait(r"serving http://127\.0\.0\.1:(\d+)")[1])
        if workers:
            self.wait("workers? (is|are) ready")

    def wait(self, pattern):
        for line in self.process.stderr:
            if found := re.search(pattern, line):
                return found
        raise SystemExit("the server has ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.process.stderr.close()


def entries(count):
    """Print what it costs to track, to know and to transfer."""
    with Served(2) as server:
        client = ChannelClient(("127.0.0.1", server.port), "/socket/websocket")
        client.join("room:control")
        pids = children(server.pid)
        before = {pid: resident(pid) for pid in pids}
        cpu = {pid: cpu_seconds(pid) for pid in pids}
        _, answer = client.ask("room:control", "invite", {"count": count})
        time.sleep(2)  # what was tracked arrives, and is kept
        other = min(pids, key=lambda pid: cpu_seconds(pid) - cpu[pid])  # it has not tracked them
        each = (resident(other) - before[other]) / count
        merged = 1e6 * (cpu_seconds(other) - cpu[other]) / count
        print(f"track {answer['median']:.1f} us, {answer['mean']:.1f} with full collections")
        print(f"an entry elsewhere: {each:.0f} bytes, {merged:.1f} us")
        os.kill(other, signal.SIGKILL)
        found = server.wait(r"knows (\d+) in (\d+) ms")
        print(f"a worker that begins knows {found[1]} in {found[2]} ms")
        client.client.close()


def viewers(port, count):
    """Return so many sockets that have joined the room."""
    found = []
    join = frame(TEXT, json.dumps(["1", "1", "room:1", "phx_join", {}]))
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(upgrade(PATH))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += sock.recv(4096)
        sock.sendall(join)
        sock.recv(4096)
        sock.setblocking(False)
        found.append(sock)
    return found


def drain(poll, seconds):
    """Read what comes for so long; return the bytes."""
    until, total = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        for fd, _ in poll.poll(left, 1000):
            total += len(os.read(fd, 1 << 16))
    return total


def diffs(count, guests, seconds, rates):
    """Print which part of a core the diffs take."""
    with Served(0) as server:
        os.sched_setaffinity(server.pid, CORES[:1])
        os.sched_setaffinity(0, CORES[-1:])
        control = ChannelClient(("127.0.0.1", server.port), "/socket/websocket")
        control.join("room:control")
        control.ask("room:control", "invite", {"count": guests})
        sockets = viewers(server.port, count)
        poll = select.epoll()
        for sock in sockets:
            poll.register(sock, select.EPOLLIN)
        idle = None
        for rate in [0, *rates]:
            control.ask("room:control", "churn", {"rate": rate})
            drain(poll, 3)
            before = cpu_seconds(server.pid)
            size = drain(poll, seconds)
            part = (cpu_seconds(server.pid) - before) / seconds
            idle = part if idle is None else idle
            told = f"{100 * (part - idle):.1f} % of a core, {size / seconds / 1e6:.0f} MB/s"
            print(f"{count} viewers of {guests}, {rate} joins and leaves a second: {told}")
        for sock in sockets:
            sock.close()
        control.client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=35_000)
    parser.add_argument("--viewers", type=int, default=15_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rates", type=float, nargs="+", default=[50.0, 100.0])
    given = parser.parse_args()
    entries(given.entries)
    diffs(given.viewers, given.entries, given.seconds, given.rates)


if __name__ == "__main__":
    main()
