"""What channels cost, beside a raw echo in the same run.

    python -m benchmarks.channels [--rounds 5] [--duration 3] [--members 1000]

Each round measures a raw echo and a push with its reply (one in flight and eight, 64 connections),
a broadcast to the members, a round trip over long polling, and a client that joins and leaves again
and again. Medians are printed, in microseconds of the server's CPU time each. At the end it joins
one topic on each of many connections, and many topics on one, and prints the memory of either.

`wsload` (`install.sh wsload`) makes the load. The server has the first core, the generator the
last.
"""

import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path

from benchmarks.served import served
from supervision.drills.processes import children
from tests.support.raw import TEXT, Client, frame, upgrade

HOME = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache/roost-bench"))
CORES = sorted(os.sched_getaffinity(0))
PATH = "/socket/websocket?vsn=2.0.0"
CYCLES = 5_000
AT_ONCE = 50
"""Joins, and leaves, that are sent in one write."""


def loads(members, duration):
    common = ["-d", str(duration), "-w", "1", "-s", "64"]
    echo = ["echo", "--path", "/echo/websocket", *common]
    return {
        "echo, 1 in flight": echo,
        "push and reply, 1 in flight": ["chanecho", *common],
        "echo, 8 in flight": [*echo, "-p", "8"],
        "push and reply, 8 in flight": ["chanecho", "-p", "8", *common],
        "delivery, broadcasts one by one": ["fanout", "-n", str(members), *common],
        "delivery, two in flight": ["fanout", "-n", str(members), "--window", "2", *common],
        "long-poll push and reply": ["longpoll", *common],
    }


def wsload(port, pid, *arguments):
    """Return the server's CPU us for each operation of a load; an error ends the program."""
    command = [HOME / "wsload", *arguments, "--port", str(port), "--pid", str(pid)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    return json.loads(done.stdout)["server"]["cpu_us_per_op"]


def cpu_seconds(pid):
    """Return the CPU time of a process and of its children, in seconds."""
    ticks = 0
    for each in [pid, *children(pid)]:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(pid):
    """Return the private memory of a process, in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = [line.split()[1] for line in lines if line.startswith("Private_")]
    return 1024 * sum(map(int, sizes))


def text(*message):
    return frame(TEXT, json.dumps(message))


def connected(port):
    client = Client(("127.0.0.1", port))
    client.send(upgrade(PATH))
    client.answer()
    return client


def join_and_leave(port, pid):
    """Return the CPU us of a join and its leave, on one connection."""
    client = connected(port)
    before = cpu_seconds(pid)
    for start in range(0, CYCLES, AT_ONCE):
        names = [(str(n), f"room:{n}") for n in range(start, start + AT_ONCE)]
        joins = b"".join(text(ref, ref, topic, "phx_join", {}) for ref, topic in names)
        leaves = b"".join(text(ref, f"{ref}l", topic, "phx_leave", {}) for ref, topic in names)
        client.send(joins)
        for _ in names:
            client.frame()
        client.send(leaves)
        for _ in range(2 * len(names)):  # a reply and a phx_close each
            client.frame()
    took = cpu_seconds(pid) - before
    client.close()
    return 1e6 * took / CYCLES


def memory(port, pid, count):
    """Return the bytes of a connection with one joined channel, and of a further channel."""
    first = connected(port)  # what is loaded at the first use does not count
    first.send(text("0", "0", "room:first", "phx_join", {}))
    first.frame()
    before, clients = resident(pid), []
    for number in range(count):
        client = connected(port)
        client.send(text("1", "1", f"room:{number}", "phx_join", {}))
        client.frame()
        clients.append(client)
    each = (resident(pid) - before) / count
    before = resident(pid)
    for number in range(count):
        first.send(text("1", "1", f"room:more-{number}", "phx_join", {}))
        first.frame()
    further = (resident(pid) - before) / count
    for client in [first, *clients]:
        client.close()
    return each, further


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=3.0)
    parser.add_argument("--members", type=int, default=1000)
    given = parser.parse_args()
    found = {}
    with served("chat:endpoint", cores=CORES[:1]) as (port, pid):
        os.sched_setaffinity(0, CORES[-1:])
        for _ in range(given.rounds):
            for name, arguments in loads(given.members, given.duration).items():
                found.setdefault(name, []).append(wsload(port, pid, *arguments))
            found.setdefault("join and leave", []).append(join_and_leave(port, pid))
    with served("chat:endpoint", cores=CORES[:1]) as (port, pid):
        each, further = memory(port, pid, 1000)
    for name, values in found.items():
        print(
            f"{name:30} {statistics.median(values):7.1f} us  {sorted(round(v, 1) for v in values)}"
        )
    for depth in (1, 8):
        pairs = zip(
            found[f"push and reply, {depth} in flight"],
            found[f"echo, {depth} in flight"],
            strict=True,
        )
        ratio = statistics.median(push / echo for push, echo in pairs)
        print(f"push and reply beside an echo, {depth} in flight: {ratio:.2f} x")
    print(
        f"a connection with one channel {each / 1024:.1f} KiB, a further one {further / 1024:.1f}"
    )


if __name__ == "__main__":
    main()
