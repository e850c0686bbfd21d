"""Where the ops port has what it tells: the master's messages, or this process itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import gevent
from gevent.event import AsyncResult, Event

from actors.endpoint.ops.bounds import FRESH, PATIENCE
from actors.endpoint.ops.health import Health


class Snapshot(NamedTuple):
    """What the master has sent, ``age`` seconds ago."""

    whole: Mapping[str, Any]
    age: float


class Source(Protocol):
    """What an ops port asks. All of it may be called at any time; some of it blocks a carrier."""

    def health(self) -> Health | None:
        """Return how the service is; ``None``: nothing is known yet. It does not block."""

    def snapshot(self) -> Snapshot | None:
        """Return what the master sent last, new if it answers at once; ``None``: nothing yet."""

    def do(self, name: str, arguments: Mapping[str, Any]) -> str | None:
        """Have something done; return why not, in words. ``TimeoutError``: nobody answers."""


class MasterSource:
    """Talks to the master: ``send(*message)``. Its messages come by :meth:`heard`."""

    def __init__(self, send: Callable[..., object], clock: Callable[[], float]) -> None:
        self._send = send
        self._clock = clock
        self._state: Mapping[str, Any] | None = None
        self._state_at = 0.0
        self._whole: Mapping[str, Any] | None = None
        self._whole_at = 0.0
        self._asked: Event | None = None
        self._tickets = itertools.count(1)
        self._deeds: dict[int, AsyncResult[str | None]] = {}

    def heard(self, message: list[Any]) -> bool:
        """Take a message; return whether it was for us. It runs on the loop and does not block."""
        match message:
            case ["health", dict(state)]:
                self._state, self._state_at = state, self._clock()
            case ["snapshot", dict(whole)]:
                self._whole, self._whole_at = whole, self._clock()
                if self._asked is not None:
                    self._asked.set()
                    self._asked = None
            case ["done", int(ticket), str() | None as error]:
                waiting = self._deeds.pop(ticket, None)
                if waiting is not None:
                    waiting.set(error)
            case _:
                return False
        return True

    def health(self) -> Health | None:
        if self._state is None:
            return None
        return Health.said(self._state, self._clock() - self._state_at)

    def snapshot(self) -> Snapshot | None:
        asked = self._asked
        if asked is None:  # else those who ask at the same time share one
            asked = self._asked = Event()
            self._send("snapshot")
        if not asked.wait(FRESH) and self._asked is asked:
            self._asked = None  # it may have been lost: who comes next asks again
        if self._whole is None:
            return None
        return Snapshot(self._whole, self._clock() - self._whole_at)

    def do(self, name: str, arguments: Mapping[str, Any]) -> str | None:
        ticket = next(self._tickets)
        waiting = self._deeds[ticket] = AsyncResult()
        self._send("do", ticket, name, dict(arguments))
        try:
            return waiting.get(timeout=PATIENCE)
        except gevent.Timeout:
            raise TimeoutError("the master does not answer") from None
        finally:
            self._deeds.pop(ticket, None)
