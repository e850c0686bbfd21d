"""The server of a drill: ``python -m actors.endpoint`` in a process group of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from supervision.drills import processes
from supervision.drills.connection import Connection
from supervision.drills.logs import errors, readable

PATIENCE: Final = 20.0
"""Seconds that anything is waited for; whether it took too long is a bound's to say."""

BEYOND_GRACE: Final = 5.0
"""Seconds that the end of a server is waited for beyond the budget that it has printed."""

LEFT_OPEN: Final = 2.0
"""Seconds until all that was printed must have been read. A process that the application has
started in a group of its own may hold the pipe open for ever."""

OPS: Final = "actors.endpoint.ops"
"""The module that the ops process runs."""

ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class DrillServer:
    """A running server. ``lines`` is what it has printed, ``notes`` what it told a manager.

    Lines are as on a console, also where it writes JSON.

    ``note(who, what)`` gets each line. ``address`` is where it will serve, ``None`` where it says
    that itself; ``output`` takes what it would print.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        directory: Path,
        note: Callable[[str, str], object],
        *,
        address: tuple[str, int] | None = None,
        environ: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        output: Path | None = None,
        pass_fds: Iterable[int] = (),
    ) -> None:
        self.directory = directory
        self.pid_file = directory / "pid"
        self.lines: list[str] = []
        self.notes: list[str] = []
        self._note = note
        self._news = threading.Condition()
        self._marker = str(directory / "notify")
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(self._marker)
        temporary = directory / "tmp"
        temporary.mkdir()
        given = {
            "TMPDIR": str(temporary),
            "NOTIFY_SOCKET": self._marker,
            **(environ or {}),
        }
        stream: Any = subprocess.PIPE if output is None else output.open("w")
        self.process = subprocess.Popen(  # noqa: S603 - what the drill says
            [*prefix, sys.executable, "-m", "actors.endpoint", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **given},
            process_group=0,
            pass_fds=tuple(pass_fds),
        )  # fmt: skip
        self.ended_at = 0.0
        self.told_to_end = False
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        threading.Thread(target=self._hear, daemon=True).start()
        self.master = self.process.pid
        self._address = address

    def _read(self, stream: IO[bytes] | None) -> None:
        for line in stream or ():
            found = readable(line.decode("utf-8", "replace").rstrip("\n"))
            with self._news:
                self.lines += found
                self._news.notify_all()
            for text in found:
                self._note("log", text)

    def _hear(self) -> None:
        while True:
            try:
                data = self._notified.recv(4096)
            except OSError:
                return
            if not data:
                return
            for line in data.decode().splitlines():
                with self._news:
                    self.notes.append(line)
                    self._news.notify_all()
                if not line.startswith("WATCHDOG"):
                    self._note("master", f"notifies {line}")

    # -- what it says

    @property
    def log(self) -> str:
        """All that it has printed."""
        return "\n".join(self.lines)

    @property
    def address(self) -> tuple[str, int]:
        """Where it serves; it is printed."""
        if self._address is None:
            found = self.wait_line(r"serving https?://(\S+):(\d+),")
            self._address = (found[1].strip("[]"), int(found[2]))
        return self._address

    @property
    def errors(self) -> list[str]:
        """The lines at error level, without time and process."""
        return errors(self.lines)

    @property
    def patience(self) -> float:
        """Seconds to wait for its end: what it has printed that it may take, and a little more."""
        found = self.find(r"serving .*, ([0-9.e+]+) s to stop")
        return max(PATIENCE, float(found[1]) + BEYOND_GRACE) if found else PATIENCE

    @property
    def serves(self) -> bool:
        """Whether it has ever served."""
        return self._address is not None or self.find(r"serving https?://") is not None

    def wait_line(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        """Wait for a line in which ``pattern`` is found; ``TimeoutError`` where none comes."""
        otherwise = f"no line {pattern!r} was printed"
        found: re.Match[str] = self._wait(lambda: self.find(pattern), otherwise, seconds)
        return found

    def find(self, pattern: str) -> re.Match[str] | None:
        """Return where ``pattern`` is found in a line that was printed."""
        return next((found for line in self.lines if (found := re.search(pattern, line))), None)

    def wait_note(self, assignment: str, count: int = 1) -> None:
        """Wait for what a service manager would be told ``count`` times, such as ``READY=1``."""
        otherwise = f"{assignment} was not notified"
        self._wait(lambda: self.notes.count(assignment) >= count, otherwise, PATIENCE)

    def _wait(self, found: Callable[[], Any], otherwise: str, seconds: float) -> Any:
        until = time.monotonic() + seconds
        with self._news:
            while not (answer := found()):
                left = until - time.monotonic()
                self._news.wait(max(0.0, min(left, 0.2)))  # the end of the process is no news
                if left <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    if answer := found():
                        break
                    raise TimeoutError(f"{otherwise} (exit status {self.process.poll()})")
        return answer

    # -- its processes

    @property
    def group(self) -> list[int]:
        """The processes of its group that run."""
        return processes.in_group(self.process.pid)

    @property
    def strays(self) -> list[int]:
        """The processes that run in another group, and were started by it or its workers."""
        return [
            pid
            for pid in processes.with_variable("NOTIFY_SOCKET", self._marker)
            if pid not in self.group
        ]

    @property
    def workers(self) -> list[int]:
        """The master's children, oldest first, but the ops process."""
        return [pid for pid in processes.children(self.master) if OPS not in processes.command(pid)]

    def wait_workers(self, wanted: Callable[[list[int]], bool], what: str) -> list[int]:
        """Wait until the workers' pids are as wanted; there is no event for that, so it looks."""
        until = time.monotonic() + PATIENCE
        while not wanted(found := self.workers):
            if time.monotonic() > until:
                raise TimeoutError(f"{what}: the workers are {found}")
            time.sleep(0.005)
        return found

    def owners(self, clients: Iterable[Connection]) -> dict[int, int]:
        """Return which process serves each client, by the client's port."""
        ports = [client.port for client in clients]
        return processes.owners(self.address[1], ports, self.group)

    def owner(self, client: Connection) -> int:
        """Return which process serves a client."""
        return self.owners([client])[client.port]

    def signal(self, number: signal.Signals, pid: int | None = None) -> None:
        """Send a signal to the master, or to ``pid``; one that has ended does not matter."""
        self.told_to_end |= pid is None and number in ENDING
        try:
            os.kill(self.master if pid is None else pid, number)
        except ProcessLookupError:
            pass

    def interrupt_group(self) -> None:
        """Do what a terminal does on ^C."""
        os.killpg(self.process.pid, signal.SIGINT)

    # -- its end

    def ended(self, seconds: float | None = None) -> int | None:
        """Wait for the end; return the exit status, ``None`` if it has not ended in time.

        ``seconds`` is :attr:`patience` by default.
        """
        try:
            status = self.process.wait(self.patience if seconds is None else seconds)
        except subprocess.TimeoutExpired:
            return None
        self.ended_at = self.ended_at or time.monotonic()
        self._note("master", f"has ended with status {status}")
        return status

    def wait_gone(self, seconds: float) -> bool:
        """Wait until no process of the group runs; there is no event for that, so it looks."""
        until = time.monotonic() + seconds
        while self.group:
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    @staticmethod
    def reap() -> None:
        """Take note of the ends of processes that became our children, as orphans."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def close(self) -> None:
        """End whatever is left of it, and read the rest of what it has printed."""
        for pid in [*self.group, *self.strays]:
            self.signal(signal.SIGKILL, pid)
        self.process.wait(PATIENCE)
        self.wait_gone(PATIENCE)
        self._reader.join(LEFT_OPEN)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()  # while somebody reads, it would wait for the reader
        self._notified.shutdown(socket.SHUT_RDWR)
        self._notified.close()
