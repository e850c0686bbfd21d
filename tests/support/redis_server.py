"""A real ``redis-server`` of a test's own, on a Unix socket or on a port with TLS."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import redis

from tests.support.waiting import DEADLINE


class RedisServer:
    """As a context manager it runs, and is killed at the end. ``options`` are its own."""

    def __init__(self, *options: str, url: str | None = None, name: str = "r") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="redis"))
        self.path = self.directory / f"{name}.sock"
        self.url = url or f"unix://{self.path}"
        self._options = options
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.directory)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            "redis-server", "--port", "0", "--unixsocket", str(self.path), "--save", "",
            "--appendonly", "no", "--dir", str(self.directory), *self._options,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + DEADLINE
        while not self._answers():
            assert self.process is not None
            assert self.process.poll() is None, "redis-server has ended by itself"
            assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            self.ask("PING")
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        except redis.ResponseError:
            pass  # it answers, though not to us
        return True

    def start_if_ended(self) -> None:
        """Start it where it does not run, and have it run where it is stopped."""
        if self.process is None:
            self.start()
        else:
            self.go_on()

    def kill(self) -> None:
        """End it as a machine ends it, whether it runs or is stopped."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE)
            self.process = None

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def ask(self, *command: Any) -> Any:
        """Say something to it as its operator, on a connection of its own."""
        with redis.Redis(unix_socket_path=str(self.path), protocol=2) as client:
            return client.execute_command(*command)

    def clients(self) -> list[dict[str, str]]:
        """Return the connections of ours that it has."""
        with redis.Redis(unix_socket_path=str(self.path), protocol=2) as client:
            return [each for each in client.client_list() if each["name"].startswith("roost-")]
