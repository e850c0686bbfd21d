"""The drill's side of named points: it hears who is where, and may keep them there."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Fact = dict[str, Any]


class Points:
    """Listens at ``path``; ``note(who, what)`` gets a line for each point that is reached.

    A process goes on at once unless its point is among ``held``.
    """

    def __init__(self, path: Path, note: Callable[[str, str], object]) -> None:
        self.held: set[str] = set()
        self.reached: list[Fact] = []
        self._note = note
        self._news = threading.Condition()
        self._waiting: list[tuple[str, socket.socket]] = []
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.bind(str(path))
        self._sock.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._sock.accept()
            except OSError:
                return
            threading.Thread(target=self._hear, args=(connection,), daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        with connection.makefile("r", encoding="utf-8") as lines:
            line = lines.readline()
        if not line:
            connection.close()
            return
        fact: Fact = json.loads(line)
        name = str(fact["point"])
        others = {key: value for key, value in fact.items() if key not in ("point", "pid")}
        told = "".join(f" {key}={value}" for key, value in others.items())
        self._note(f"pid {fact['pid']}", f"is at {name}{told}")
        with self._news:
            self.reached.append(fact)
            held = name in self.held
            if held:
                self._waiting.append((name, connection))
            self._news.notify_all()
        if not held:
            connection.close()

    def wait(self, name: str, count: int = 1, seconds: float = 15.0) -> list[Fact]:
        """Wait until ``name`` was reached ``count`` times; ``TimeoutError`` after ``seconds``."""
        until = time.monotonic() + seconds
        with self._news:
            while len(found := self.at(name)) < count:
                left = until - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise TimeoutError(f"{name} was reached {len(found)} times, not {count}")
        return found

    def at(self, name: str) -> list[Fact]:
        """Return who has reached ``name``, in order."""
        return [fact for fact in self.reached if fact["point"] == name]

    def release(self, name: str) -> None:
        """Let everybody go on who is at ``name``, and hold nobody there any more."""
        with self._news:
            self.held.discard(name)
            going = [sock for held, sock in self._waiting if held == name]
            self._waiting = [pair for pair in self._waiting if pair[0] != name]
        for sock in going:
            sock.close()

    def release_one(self, name: str) -> None:
        """Let the one go on who has been longest at ``name``."""
        with self._news:
            place = next(place for place, pair in enumerate(self._waiting) if pair[0] == name)
            _, sock = self._waiting.pop(place)
        sock.close()

    def close(self) -> None:
        """Let everybody go."""
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        for name in {name for name, _ in self._waiting}:
            self.release(name)
