"""Does memory stay flat under many messages, and many connections that come and go?

    python -m benchmarks.soak [--messages 1000000] [--connections 100000]

A server of `chat.py` gets a fifth of all first, to be warm, then the rest. What
its resident memory has grown by is printed, for raw echoes, for pushes with their replies and for
connections. Ends with status 1 where one of them grew by more than 4 MiB.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.served import served

HOME = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache/roost-bench"))
MOST = 4096
"""KiB: what an allocator may keep."""


def wsload(port, *arguments):
    command = [HOME / "wsload", *arguments, "--port", str(port)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    return json.loads(done.stdout)


def resident(pid):
    """Return the resident memory of a process in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def push(port, mode, count):
    """Have so many messages answered, or more."""
    done = 0
    while done < count:
        path = ["--path", "/echo/websocket"] if mode == "echo" else []
        result = wsload(port, mode, "-p", "16", "-d", "2", "-w", "0", *path)
        done += int(result["msgs_per_s"] * result["seconds"])
    return done


def connect(port, _, count):
    """Have so many connections come, say one thing, and go."""
    for _ in range(0, count, 5000):
        wsload(
            port, "connect", "-n", "5000", "--hold", "0", "--echo-once", "--path", "/echo/websocket"
        )
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=100_000)
    given = parser.parse_args()
    grew = []
    with served("chat:endpoint") as (port, pid):
        for name, mode, load, count in (
            ("echoes", "echo", push, given.messages),
            ("pushes and replies", "chanecho", push, given.messages),
            ("connections", "", connect, given.connections),
        ):
            load(port, mode, count // 5)
            before = resident(pid)
            done = load(port, mode, count)
            grew.append(resident(pid) - before)
            print(f"{done:,} {name}: {grew[-1]:+,} KiB")
    return int(max(grew) > MOST)


if __name__ == "__main__":
    sys.exit(main())
