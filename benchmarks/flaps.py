"""What a link to Redis costs clients of the machine itself, and what an outage of Redis does.

    python benchmarks/flaps.py [--rounds 5] [--duration 3]

One server without Redis, one that is linked, and one whose Redis is killed and started anew four
times a second take turns. A push and its reply go to and fro with one message in flight on each of
16 connections. Printed are medians of the rounds: the server's CPU time per message, and the 50th
and 99th percentile of the round trip; and their ratios to those without Redis.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from served import served

HOME = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache/roost-bench"))
CORES = sorted(os.sched_getaffinity(0))
EVERY = 0.25


@contextmanager
def redis(path):
    """Run a redis-server at the socket ``path``."""
    command = ["redis-server", "--port", "0", "--unixsocket", path, "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not path.is_socket():
            time.sleep(0.001)
        yield process
    finally:
        process.kill()
        process.wait()
        path.unlink(missing_ok=True)


def flap(path, stopping):
    """Have a Redis there for half of each ``EVERY`` seconds."""
    while not stopping.wait(EVERY / 2):
        with redis(path):
            stopping.wait(EVERY / 2)


def measure(duration, *options):
    """Return CPU us per message, and the round trip's p50 and p99 in us."""
    with served("chat:endpoint", *options, cores=CORES[:1]) as (port, pid):
        load = ["chanecho", "-n", "16", "-d", str(duration), "-w", "1"]
        command = [HOME / "wsload", *load, "--port", str(port), "--pid", str(pid)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
        result = json.loads(done.stdout)
        latency = result["latency_us"]
        return result["server"]["cpu_us_per_op"], latency["p50"], latency["p99"]


def main():
    """Run the rounds, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=3.0)
    given = parser.parse_args()
    os.sched_setaffinity(0, CORES[1:])
    found = {"without": [], "linked": [], "flapping": []}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "r")
        url = f"unix://{path}"
        for _ in range(given.rounds):
            found["without"].append(measure(given.duration))
            with redis(path):
                found["linked"].append(measure(given.duration, "--redis", url))
            stopping = threading.Event()
            flapping = threading.Thread(target=flap, args=(path, stopping))
            flapping.start()
            found["flapping"].append(measure(given.duration, "--redis", url))
            stopping.set()
            flapping.join()
    base = [statistics.median(each) for each in zip(*found["without"], strict=True)]
    print(f"{'redis':10}{'CPU us':>8}{'p50 us':>9}{'p99 us':>9}   to without")
    for name, rounds in found.items():
        medians = [statistics.median(each) for each in zip(*rounds, strict=True)]
        ratios = "  ".join(f"{a / b:.2f}" for a, b in zip(medians, base, strict=True))
        cpu, p50, p99 = medians
        print(f"{name:10}{cpu:8.2f}{p50:9.0f}{p99:9.0f}   {ratios}")


if __name__ == "__main__":
    main()
