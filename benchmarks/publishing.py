"""What a publish costs the servers, in CPU time: of all processes, the bus between them included.

    python benchmarks/publishing.py [--rate 1000] [--seconds 10] [--workers 2] [--rounds 3]

A client in this process publishes at that rate to a topic that nobody has joined. The ways: over
the Unix socket and over HTTP with a key, by ``actors.publish.Publisher``, which keeps its
connection; over the socket by a new connection for each message; and a list of ten in each request.
What the servers use without any of it is measured first and taken off. A request for what is not
there says what the machine takes for a request that does nothing.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from served import served

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from actors.publish import Publisher

KEY = "good-for-a-benchmark-alone"
TICK = 1 / os.sysconf("SC_CLK_TCK")
PAYLOAD = {"body": "x" * 64}


def __getattr__(name):
    """Return ``endpoint`` where the server asks for it: a client needs nothing of it."""
    if name != "endpoint":
        raise AttributeError(name)
    from actors import ChannelSocket, Endpoint  # noqa: PLC0415

    endpoint = Endpoint()
    endpoint.socket("/socket", ChannelSocket)
    endpoint.publishing("/publish", keys=KEY)
    return endpoint


def family(pid):
    """Return the process and those that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def used(pids):
    """Return the seconds of CPU time that each of the processes has used."""
    fields = [Path(f"/proc/{pid}/schedstat").read_text().split() for pid in pids]
    return [int(field[0]) / 1e9 for field in fields]


def new_connection(path, data):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(data)
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")


def request(body, *lines):
    head = ["POST / HTTP/1.1", "Host: localhost", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def keeps(path):
    """Return a function that publishes a list of ten by a connection that is kept."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    message = {"topic": "room:1", "event": "new_msg", "payload": PAYLOAD}
    data = request(json.dumps([message] * 10).encode())

    def publish():
        sock.sendall(data)
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")

    return publish


def nothing(path):
    """Return a function that asks for what is not there, by a connection that is kept."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)

    def ask():
        sock.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 404 ")

    return ask


def paced(publish, rate, seconds):
    """Call ``publish`` at ``rate``; return how often, and the calls' median in microseconds."""
    began = time.monotonic()
    count, took = 0, []
    while (now := time.monotonic()) < began + seconds:
        due = began + count / rate
        if due > now:
            time.sleep(due - now)
        before = time.perf_counter()
        publish()
        took.append(time.perf_counter() - before)
        count += 1
    return count, statistics.median(took) * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = f"{place}/publish.sock"
        os.sched_setaffinity(0, {1})  # and the servers on the other core: their caches stay theirs
        options = ["--publish", path]
        with served("publishing:endpoint", *options, workers=given.workers, cores={0}) as found:
            port, pid = found
            message = {"topic": "room:1", "event": "new_msg", "payload": PAYLOAD}
            one = request(json.dumps(message).encode(), "Connection: close")
            unix = Publisher(f"unix:{path}")
            http = Publisher(f"http://127.0.0.1:{port}/publish", key=KEY)
            ways = {
                "404, nothing done": nothing(path),
                "unix socket": lambda: unix.broadcast("room:1", "new_msg", PAYLOAD),
                "http with a key": lambda: http.broadcast("room:1", "new_msg", PAYLOAD),
                "unix, new connection": lambda: new_connection(path, one),
                "unix, list of ten": keeps(path),
            }
            measure(ways, pid, given)


def measure(ways, pid, given):
    pids = family(pid)

    def cost(run):
        """Return what ``run`` returns, and the seconds that each process has used meanwhile."""
        before = used(pids)
        found = run()
        return found, [now - then for now, then in zip(used(pids), before, strict=True)]

    _, idle = cost(lambda: time.sleep(given.seconds))
    print(f"{given.workers} workers, {given.rate:g} requests a second; microseconds of CPU time:")
    print(
        f"{'way':<22}{'per second':>12}{'who answers':>14}{'all':>8}{'each round':>26}{'client':>9}"
    )
    found = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, publish in ways.items():
            (count, median), took = cost(lambda p=publish: paced(p, given.rate, given.seconds))
            each = [(now - then) / count * 1e6 for now, then in zip(took, idle, strict=True)]
            found[name].append((sum(each), max(each), count / given.seconds, median))
    for name, rounds in found.items():
        every, most, rate, seen = (
            statistics.median(column) for column in zip(*rounds, strict=True)
        )
        each = " ".join(f"{total:.0f}" for total, *_ in rounds)
        print(f"{name:<22}{rate:>12.0f}{most:>14.1f}{every:>8.1f}{each:>26}{seen:>9.0f}")


if __name__ == "__main__":
    main()
