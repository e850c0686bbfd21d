#!/usr/bin/env python3
"""Compares WebSocket echo servers, one process each, on one core.

    ./compare.py --servers picows-uvloop,climit,ours --baseline picows-uvloop \\
        --add 'ours=python -m actors.endpoint --bind 127.0.0.1:{port}' \\
        --args 'ours=--path /echo/websocket'
    ./compare.py --report results.jsonl        # the tables again

The servers take turns (A B C A B C ...), so that a slow spell of the machine falls on all of
them. The server runs on CPU 0, wsload on CPU 1. In each turn a server is started twice: once for
the connect test, which wants a fresh heap, once for the echo tests. Each result is appended to a
file; the tables show medians over the rounds.
"""

import argparse
import collections
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time

from tables import TESTS, Report, rate

HERE = pathlib.Path(__file__).resolve().parent
HOME = pathlib.Path(os.environ.get("BENCH_HOME") or pathlib.Path.home() / ".cache/roost-bench")
EXTRA = {"engineio-gevent": "--path /engine.io/?EIO=4&transport=websocket --prefix 4 --greeting"}
PHASES = (("conn",), ("e64", "e64p16", "e16k"))


def tree(pid):
    """A process and its descendants."""
    children = collections.defaultdict(list)
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                children[int(stat.read().rpartition(")")[2].split()[1])].append(int(entry))
        except (OSError, IndexError):
            continue  # ended meanwhile
    pids = [pid]
    for one in pids:
        pids += children[one]
    return pids


class Server:
    """One server process; ``command`` listens on ``port``."""

    def __init__(self, name, command, port, log):
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        self.port = port
        for _ in range(200):
            if self.process.poll() is not None:
                raise RuntimeError(f"{name} ended with status {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"{name} did not listen within 20 s")

    def stop(self):
        """Ends just what was started: the server and its own children, by pid."""
        pids = tree(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in pids[1:]:
            for _ in range(30):
                if not os.path.exists(f"/proc/{pid}"):
                    break
                time.sleep(0.1)
            else:
                os.kill(pid, signal.SIGKILL)

    def load(self, arguments):
        """Run wsload against it; return its result."""
        target = ["--port", str(self.port), "--pid", str(self.process.pid)]
        command = ["taskset", "-c", "1", str(HOME / "wsload"), *shlex.split(arguments), *target]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise RuntimeError(f"wsload: {done.stderr.strip()[-300:]}") from None


def busy_cores():
    """Cores' worth of work that the machine does at present, by a look of 0.3 s."""

    def ticks():
        with open("/proc/stat") as stat:
            values = [int(value) for value in stat.readline().split()[1:9]]
        return sum(values), values[3] + values[4]

    total, idle = ticks()
    time.sleep(0.3)
    total_now, idle_now = ticks()
    return (1 - (idle_now - idle) / max(1, total_now - total)) * os.cpu_count()


def wait_quiet(budget):
    """Waits while other processes use more than 30 % of a core; return the seconds waited."""
    began = time.monotonic()
    while time.monotonic() - began < budget and busy_cores() > 0.3:
        pass
    return time.monotonic() - began


class Comparison:
    def __init__(self, options, commands, extra):
        self.options = options
        self.commands = commands
        self.extra = extra
        self.port = options.port
        self.quiet = options.wait_quiet
        self.failed = collections.Counter()

    def run(self, names):
        ends = time.monotonic() + (self.options.limit or float("inf"))
        raw = self.options.raw
        with open(raw, "a") as results, open(f"{raw}.log", "a") as log:
            for turn in range(1, self.options.rounds + 1):
                for name in names:
                    if self.failed[name] < 2 and time.monotonic() < ends:
                        self.turn(turn, name, results, log)

    def turn(self, turn, name, results, log):
        if self.quiet > 0:
            self.quiet -= wait_quiet(min(self.quiet, 20))
        for phase in PHASES:
            tests = [test for test in phase if test in self.options.tests]
            if not tests:
                continue
            self.port += 1
            command = [word.replace("{port}", str(self.port)) for word in self.commands[name]]
            server = None
            try:
                server = Server(name, command, self.port, log)
                for result in self.measure(server, name, tests):
                    result.update(server_name=name, round=turn, time=round(time.time()))
                    results.write(json.dumps(result) + "\n")
                    results.flush()
                    show(result)
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                self.failed[name] += 1
                print(f"{turn} {name}: {error}", flush=True)
            finally:
                if server:
                    server.stop()

    def measure(self, server, name, tests):
        more = " " + self.extra.get(name, "")
        # Imports, caches and specialised bytecode come first.
        server.load("echo -n 8 -d 0.4 -w 0.1" + more)
        for test in tests:
            arguments = TESTS[test][1] + more
            if test != "conn":
                arguments += f" -d {self.options.duration} -w {self.options.warmup}"
            yield {**server.load(arguments), "test": test}


def show(result):
    errors = f"  ERRORS {result['errors']}" if result["errors"] else ""
    print(
        f"{result['round']} {result['server_name']:26} {result['test']:7}"
        f" {rate(result) or 0:>11,.0f}/s  server {result['server']['cpu_pct']:5.1f} %"
        f"  client {result['client_cpu_pct']:5.1f} %{errors}",
        flush=True,
    )


def parser():
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("--servers", help="names, by commas; left out: all of ./start --list")
    add(
        "--add",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="a further server; {port} stands for its port",
    )
    add(
        "--args",
        action="append",
        default=[],
        metavar="NAME=ARGS",
        help="further arguments of wsload for that server",
    )
    add("--baseline", default="picows-uvloop")
    add("--tests", default=",".join(TESTS), type=lambda text: text.split(","))
    add("--rounds", type=int, default=5)
    add("--duration", type=float, default=2, help="seconds of an echo test")
    add("--warmup", type=float, default=0.5, help="seconds before each")
    add("--limit", type=float, default=0, help="begin no turn after so many seconds")
    add("--wait-quiet", type=float, default=0, help="seconds in all to wait for a quieter machine")
    add("--port", type=int, default=20000, help="ports from here on are used")
    add("--raw", help="the file of results, which is appended to; left out: a new one")
    add("--report", metavar="RAW", help="run nothing, show the tables of this file")
    return made  # fmt: skip


def main():
    options = parser().parse_args()
    names = options.servers.split(",") if options.servers else None
    if options.report:
        print(Report(options.report, options.baseline, names))
        return
    start = str(HERE / "start")
    known = subprocess.check_output([start, "--list"], text=True).split()
    commands = {name: [start, name, "{port}"] for name in known}
    for text in options.add:
        name, _, command = text.partition("=")
        commands[name] = shlex.split(command)
    extra = dict(EXTRA)
    for text in options.args:
        name, _, arguments = text.partition("=")
        extra[name] = f"{extra.get(name, '')} {arguments}".strip()
    names = names or list(commands)
    unknown = [name for name in names if name not in commands]
    if unknown:
        sys.exit(f"compare: no such server: {', '.join(unknown)}")
    if options.raw is None:
        options.raw = str(HOME / time.strftime("compare-%Y%m%d-%H%M%S.jsonl"))
    print(f"results: {options.raw}", flush=True)
    Comparison(options, commands, extra).run(names)
    print()
    print(Report(options.raw, options.baseline, names))


if __name__ == "__main__":
    main()
