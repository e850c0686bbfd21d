"""What a second worker brings, and what a broadcast to it costs.

    python benchmarks/workers.py [--rounds 5] [--members 1000] [--share 0.35]

A server of one worker and one of two take turns. `echo` is 64 connections for each worker with one
message in flight, and `echo 16` with 16, which the generator can do at twice the rate; `fanout` is
broadcasts to all members of a channel's topic, one after the other. Medians of the rounds are
printed: rates, the server's CPU time per message or delivery (master and workers), and the ratios.

The generator has one core and the server has the others. Where that is one, two workers take turns
on it, and rates say nothing. With `--share` each worker has that part of a core of its own instead,
and the generator has the rest of all: that is how two cores can tell what a worker brings. It needs
root (see shares.py).
"""

import argparse
import json
import os
import statistics
import subprocess
from contextlib import ExitStack
from pathlib import Path

from served import served
from shares import shares

from supervision.drills.processes import children

HOME = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache/roost-bench"))
COUNTS = (1, 2)
CORES = sorted(os.sched_getaffinity(0))
SERVER, GENERATOR = CORES[:-1], CORES[-1:]


def wsload(port, pid, *arguments):
    """Return the result of one load; an error in it ends the program."""
    command = [HOME / "wsload", *arguments, "--port", str(port), "--pid", str(pid)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


def loads(members, duration, count):
    """Return each load's arguments for `count` workers, and the name of its rate."""
    common = ["-d", str(duration), "-w", "1"]
    echo = ["echo", "-n", str(64 * count), "--path", "/echo/websocket", *common]
    return {
        "echo": (echo, "msgs_per_s"),
        "echo 16": ([*echo, "-p", "16"], "msgs_per_s"),
        "fanout": (["fanout", "-n", str(members), *common], "deliveries_per_s"),
    }


def measure(given, count):
    """Return the rate, and the CPU us each, of every load on a server of `count` workers."""
    with ExitStack() as stack:
        port, pid = stack.enter_context(served("chat:endpoint", workers=count, cores=SERVER))
        if given.share is not None:
            stack.enter_context(shares(children(pid), given.share, CORES[:count]))
        found = {}
        for name, (arguments, rate) in loads(given.members, given.duration, count).items():
            result = wsload(port, pid, *arguments)
            found[name] = result[rate], result["server"]["cpu_us_per_op"]
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--duration", type=float, default=4, help="seconds of each load")
    parser.add_argument("--share", type=float, help="of a core for each worker, such as 0.35")
    given = parser.parse_args()
    if given.share is None:
        os.sched_setaffinity(0, GENERATOR)
    runs = {count: [] for count in COUNTS}
    for _ in range(given.rounds):
        for count in COUNTS:
            runs[count].append(measure(given, count))
    shared = given.share is not None
    where = f"{given.share} of a core for each worker" if shared else f"{len(SERVER)} cores"
    print(f"{where}, of {len(CORES)} cores; {given.rounds} rounds")
    print(f"{'load':8}{'workers':>8}{'per second':>12}{'CPU us each':>13}")
    for name in runs[1][0]:
        medians = []
        for count in COUNTS:
            results = zip(*(run[name] for run in runs[count]), strict=True)
            rate, cost = (statistics.median(each) for each in results)
            medians.append((rate, cost))
            print(f"{name:8}{count:8}{rate:12,.0f}{cost:13.2f}")
        (rate, cost), (rate_2, cost_2) = medians
        print(f"{'':8}two to one: rate {rate_2 / rate:.2f}, CPU time each {cost_2 / cost:.2f}")


if __name__ == "__main__":
    main()
