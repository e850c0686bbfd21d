"""Runs the Autobahn cases against a server process of ours, by way of kosoku.

    python -m tests.conformance.run plain deflate
    python -m tests.conformance.run plain --cases '6.*,7.1.1'

Exit status 0: every case is OK, or one of NON_STRICT; 1: some case is not, or is missing;
2: could not run.
"""

# ruff: noqa: T201 - a command's output
from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Self

import kosoku

START_TIMEOUT = 20
STOP_TIMEOUT = 10
PASSED = ("OK", "INFORMATIONAL")
COLUMNS = ("OK", "INFORMATIONAL", "NON-STRICT", "other")

# Cases that may be NON-STRICT, which is how RFC 6455's SHOULD is judged, and why.
_LATE = "the cut inside a frame: text is judged when its frame is whole, as other servers do"
NON_STRICT = {"6.4.3": _LATE, "6.4.4": _LATE}


@dataclass(frozen=True)
class Suite:
    """``patterns`` choose ``count`` cases, which have to end within ``budget`` seconds."""

    path: str
    patterns: tuple[str, ...]
    count: int
    concurrency: int
    budget: float


SUITES = {
    "plain": Suite(
        "/plain/websocket", ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"),
        count=301, concurrency=4, budget=120,
    ),
    "deflate": Suite(
        "/deflate/websocket", ("12.*", "13.*"), count=216, concurrency=2, budget=900,
    ),
}  # fmt: skip


class CannotRunError(Exception):
    """The cases could not be run at all."""


COMMANDS = {
    "ours": ["-m", "actors.endpoint", "tests.conformance.echo_endpoint:endpoint",
             "--bind", "127.0.0.1:0", "--workers", "0"],
    "pywsgi": ["-m", "tests.conformance.pywsgi"],
}  # fmt: skip


class Server:
    """A process that serves ``tests.conformance.echo_endpoint``; ``lines`` is what it logs."""

    def __init__(self, under: str = "ours") -> None:
        self.lines: list[str] = []
        self.port = 0
        self._serving = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, *COMMANDS[under]],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        # Its log is read all the time: a pipe that fills up would stop it.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stderr:
            self.lines.append(line)
            found = re.search(r"serving http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                self._serving.set()
        self._serving.set()

    def __enter__(self) -> Self:
        self._serving.wait(START_TIMEOUT)
        if not self.port:
            self.__exit__()
            raise CannotRunError("the server did not start:\n" + "".join(self.lines))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_TIMEOUT)
        self._process.stderr.close()


async def run_cases(url, patterns, *, concurrency, budget):
    """Return the result of each case."""
    running = kosoku.run_fuzzingclient(url, list(patterns), concurrency=concurrency)
    try:
        return await asyncio.wait_for(running, budget)
    except kosoku.FailureError as failure:
        return failure.results
    except TimeoutError:
        raise CannotRunError(f"the cases took more than {budget} s") from None


def complaint(result):
    """Return what is wrong with a result, in one line, or ``None``."""
    behavior, close = result.behavior.value, result.behavior_close.value
    if behavior == "NON-STRICT" and close in PASSED and result.case_id in NON_STRICT:
        return None
    if behavior in PASSED and close in PASSED:
        return None
    return f"{result.case_id}: {behavior} ({result.result}); close: {close} ({result.result_close})"


def verdict(result):
    """Return the column that a result counts in."""
    behavior = result.behavior.value
    known = behavior in COLUMNS and result.behavior_close.value in PASSED
    return behavior if known else "other"


def table(results):
    """Return one line for each section of the suite, and their sum."""
    counts, seconds = {}, Counter()
    for result in results:
        section = result.case_id.partition(".")[0]
        counts.setdefault(section, Counter())[verdict(result)] += 1
        seconds[section] += result.duration / 1000
    rows = [(section, counts[section], seconds[section]) for section in sorted(counts, key=int)]
    rows.append(("all", sum(counts.values(), Counter()), seconds.total()))
    head = ("section", "cases", *COLUMNS, "seconds")
    yield " ".join(f"{name:>13}" for name in head)
    for section, count, spent in rows:
        cells = (section, count.total(), *(count[name] for name in COLUMNS), f"{spent:.1f}")
        yield " ".join(f"{cell:>13}" for cell in cells)


def run_suite(name, suite, server, patterns=None):
    """Run and print one suite; return how many complaints there are."""
    began = time.monotonic()
    url = f"ws://127.0.0.1:{server.port}{suite.path}"
    chosen = patterns or suite.patterns
    results = asyncio.run(
        run_cases(url, chosen, concurrency=suite.concurrency, budget=suite.budget)
    )
    print(f"{name}: {len(results)} cases in {time.monotonic() - began:.1f} s")
    print("\n".join(table(results)))
    complaints = [text for text in map(complaint, results) if text is not None]
    if patterns is None and len(results) != suite.count:
        complaints.append(f"{suite.count} cases were expected, {len(results)} were run")
    if not results:
        complaints.append(f"no case is called {','.join(chosen)}")
    for text in complaints:
        print(f"not OK: {text}")
    for result in results:
        if result.behavior.value == "NON-STRICT" and result.case_id in NON_STRICT:
            print(f"non-strict: {result.case_id}: {NON_STRICT[result.case_id]}")
    return len(complaints)


def main(arguments):
    """Run the suites that were asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run")
    parser.add_argument("suites", nargs="+", choices=list(SUITES), metavar="|".join(SUITES))
    parser.add_argument("--cases", metavar="LIST", help="numbers or globs, instead of all")
    parser.add_argument("--under", choices=list(COMMANDS), default="ours", help="which server")
    given = parser.parse_args(arguments)
    patterns = given.cases.split(",") if given.cases else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends as well
    try:
        with Server(given.under) as server:
            found = [run_suite(name, SUITES[name], server, patterns) for name in given.suites]
    except CannotRunError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    return 1 if any(found) else 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    # kosoku's threads live on, and have been seen to abort an interpreter that was finalizing.
    os._exit(status)
