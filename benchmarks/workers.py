"""What a second worker brings, and what a broadcast to it costs.

    python benchmarks/workers.py [--rounds 5] [--members 1000]

A server of one worker and one of two take turns. `echo` is 128 connections with one message in
flight, and `echo 16` with 16, which the generator can do at twice the rate; `fanout` is broadcasts
to all members, two in flight. Medians of the rounds are printed: rates, the server's CPU time per
message or delivery (master and workers), and the ratios.

The generator has one core and the server has the others. Only with two of those do the rates of
`echo 16` say what a second worker brings; with one, the CPU times can be compared.
"""

import argparse
import json
import os
import statistics
import subprocess
from pathlib import Path

from served import served

HOME = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache/roost-bench"))
COUNTS = (1, 2)
CORES = sorted(os.sched_getaffinity(0))
SERVER, GENERATOR = CORES[:-1], CORES[-1:]


def wsload(port, pid, *arguments):
    """Answer the result of one load; an error in it ends the program."""
    command = [HOME / "wsload", *arguments, "--port", str(port), "--pid", str(pid)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


def loads(members, duration):
    """Answer each load's arguments, and the name of its rate."""
    common = ["-d", str(duration), "-w", "1"]
    path = ["--path", "/echo/websocket"]
    return {
        "echo": (["echo", "-n", "128", *path, *common], "msgs_per_s"),
        "echo 16": (["echo", "-n", "128", "-p", "16", *path, *common], "msgs_per_s"),
        "fanout": (["fanout", "-n", str(members), "--window", "2", *common], "deliveries_per_s"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--duration", type=float, default=4, help="seconds of each load")
    given = parser.parse_args()
    os.sched_setaffinity(0, GENERATOR)
    every = loads(given.members, given.duration)
    found = {(name, count): [] for name in every for count in COUNTS}
    for _ in range(given.rounds):
        for count in COUNTS:
            with served("room:endpoint", workers=count, cores=SERVER) as (port, pid):
                for name, (arguments, rate) in every.items():
                    result = wsload(port, pid, *arguments)
                    cost = result["server"]["cpu_us_per_op"]
                    found[name, count].append((result[rate], cost))
    print(f"server on {len(SERVER)} of {len(CORES)} cores, {given.rounds} rounds")
    print(f"{'load':8}{'workers':>8}{'per second':>12}{'CPU us each':>13}")
    for name in every:
        medians = []
        for count in COUNTS:
            rate, cost = (statistics.median(each) for each in zip(*found[name, count], strict=True))
            medians.append((rate, cost))
            print(f"{name:8}{count:8}{rate:12,.0f}{cost:13.2f}")
        (rate, cost), (rate_2, cost_2) = medians
        print(f"{'':8}two to one: rate {rate_2 / rate:.2f}, CPU time each {cost_2 / cost:.2f}")


if __name__ == "__main__":
    main()
