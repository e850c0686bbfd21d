"""Programs as processes; ``python -m actors.endpoint`` above all, alone unless workers are wanted.

Everything that one prints is kept in ``lines``, from both streams. Each wait has a deadline.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support.waiting import DEADLINE

ROOT = Path(__file__).resolve().parents[2]


def unmeasured(**variables: str) -> dict[str, str]:
    """Return the environment without what measures coverage, which imports modules of its own."""
    return {n: v for n, v in {**os.environ, **variables}.items() if "COVERAGE" not in n}


def run(*arguments: str, cwd: Path = ROOT, **rest: object) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "actors.endpoint", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        **rest,
    )


class Program:
    """A process, and what it prints; as a context manager it is killed at the end.

    ``prefix`` is a command that runs it, such as ``ip netns exec NAME``.
    """

    def __init__(
        self, *command: str, cwd: Path = ROOT, prefix: Sequence[str] = (), **rest: object
    ) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            [*prefix, sys.executable, *command],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **rest,
        )
        # Both streams are read all the time: a pipe that fills up would stop the program.
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: object) -> None:
        for line in stream:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        self.process.stdout.close()
        self.process.stderr.close()

    def wait_for(self, pattern: str, count: int = 1) -> re.Match[str]:
        """Wait for a line in which ``pattern`` is found, for the ``count``-th such line."""
        until = time.monotonic() + DEADLINE
        with self._news:
            while True:
                over = not any(reader.is_alive() for reader in self._readers)
                matches = [found for line in self.lines if (found := re.search(pattern, line))]
                if len(matches) >= count:
                    return matches[count - 1]
                if over or time.monotonic() > until:
                    text = "\n".join(self.lines)
                    ended = self.process.poll()
                    raise AssertionError(f"{pattern!r} did not come (exit {ended}):\n{text}")
                self._news.wait(0.1)

    def children(self) -> list[int]:
        """Return the processes that it has started, oldest first, with those that it has to reap.

        ``OSError`` where it has ended itself.
        """
        pid = self.process.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(each) for each in found.split()]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; return the exit status (negative: the signal that ended it)."""
        status = self.process.wait(DEADLINE)
        for reader in self._readers:
            reader.join(DEADLINE)
        return status


class Command(Program):
    """A server process; as a context manager it waits until clients are served.

    ``workers=None``: as many as a file says.
    """

    def __init__(
        self,
        *arguments: str,
        bind: str = "127.0.0.1:0",
        workers: int | None = 0,
        cwd: Path = ROOT,
        **rest: object,
    ) -> None:
        options = ["--bind", bind, *([] if workers is None else ["--workers", str(workers)])]
        super().__init__("-m", "actors.endpoint", *arguments, *options, cwd=cwd, **rest)

    def __enter__(self) -> Self:
        try:
            self.url = self.wait_for(r"serving (https?://\S+),")[1]
        except BaseException:
            self.__exit__()
            raise
        host, _, port = self.url.partition("://")[2].rpartition(":")
        self.address = host.strip("[]"), int(port)
        return self
