"""What a drill's function uses: a server, clients, the fault, and what it expects of them."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from supervision.drills.clients import Client, LongPoll, WebSocket
from supervision.drills.connection import Connection, pump
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.target import Target

SPARE: Final = 100
"""Descriptors that a drill needs for anything but clients."""

SECRET: Final = "drills-protect-nothing-drills-protect-nothing"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline; ``at`` is seconds since the drill began."""

    at: float
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be so, and whether it was."""

    text: str
    passed: bool


class Stage:
    """One run of one drill. ``workers`` is how many a drill starts that does not care.

    ``grace`` is the server's where the drill does not say; ``None``: that of the application.
    ``arguments`` are options that every server is given; those of a drill come behind them.

    Themes about one application may have a stage of their own, a subclass: it names that
    ``application``, and the ``budget`` of its shutdown where no other is given, knows more of what
    is served (:meth:`is_served`, :meth:`accounted`), and tells the server more (:meth:`serve`).
    """

    TERM: Final = signal.SIGTERM
    application: ClassVar[str | None] = None
    budget: ClassVar[float | None] = None

    def __init__(
        self,
        target: Target,
        directory: Path,
        *,
        workers: int = 2,
        slack: float = 1.0,
        grace: float | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self.target = target
        self.arguments = arguments
        self.grace = self.budget if grace is None else grace
        self.slack = slack
        self.directory = directory
        self.workers = workers
        self.events: list[Event] = []
        self.checks: list[Check] = []
        self.clients: list[Client] = []
        self.servers: list[DrillServer] = []
        self.measured: dict[str, float] = {}
        self._began = time.monotonic()
        self._fault: float | None = None
        self._settled: float | None = None

    # -- what happens

    def note(self, who: str, what: str) -> None:
        """Add a line to the timeline."""
        self.events.append(Event(time.monotonic() - self._began, who, what))

    def fault(self, what: str) -> None:
        """Say what is done to the server now; the first one starts the clock of the bound."""
        if self._fault is None:
            self._fault = time.monotonic()
        self.note("FAULT", what)

    def settled(self) -> None:
        """Stop the clock of the bound; without it that is when the drill's function returns."""
        self._settled = time.monotonic()

    @property
    def settled_yet(self) -> bool:
        """Whether the clock was stopped."""
        return self._settled is not None

    def judge(self, bound: float) -> None:
        """Check that a fault was injected, and that what came of it was there in time."""
        if self.expect(self._fault is not None, "a fault was injected"):
            limit = f"{bound:g} s x {self.slack:g}"
            passed = self.took <= bound * self.slack
            self.expect(passed, f"within {limit}: took {self.took:.2f} s")

    @property
    def took(self) -> float:
        """Seconds from the fault until it was settled; 0 where there was none."""
        if self._fault is None:
            return 0.0
        return (self._settled or time.monotonic()) - self._fault

    def expect(self, passed: object, text: str) -> bool:
        """Check that something is so; the drill goes on where it is not, and has failed."""
        self.checks.append(Check(text, bool(passed)))
        if not passed:
            self.note("CHECK", f"FAILED: {text}")
        return bool(passed)

    def within(self, seconds: float, bound: float, what: str) -> bool:
        """Check a duration against its bound, which slack stretches; the drill reports it."""
        self.measure(what, seconds)
        limit = f"{bound:g} s x {self.slack:g}"
        return self.expect(seconds <= bound * self.slack, f"{what}: {seconds:.3f} s of {limit}")

    def measure(self, name: str, value: float) -> None:
        """Report a number."""
        self.measured[name] = round(value, 4)

    # -- the server

    def serve(
        self,
        *arguments: str,
        application: str | None = None,
        workers: int | None = None,
        grace: float | None = None,
        bind: str = "127.0.0.1:0",
        environ: Mapping[str, str] | None = None,
        wait: bool = True,
        **rest: Any,
    ) -> DrillServer:
        """Start the server, and wait until every worker serves.

        ``rest`` goes to :class:`DrillServer`. A ``SECRET_KEY_BASE`` of the caller's stays.
        """
        grace = self.grace if grace is None else grace
        place = self.directory / f"server-{len(self.servers) + 1}"
        place.mkdir()
        given = [
            application or self.target.application, "--bind", bind,
            *(["--grace", str(grace)] if grace is not None else []),
            "--workers", str(self.workers if workers is None else workers),
            "--pid-file", str(place / "pid"), *self.arguments, *arguments,
        ]  # fmt: skip
        variables = {
            "SECRET_KEY_BASE": os.environ.get("SECRET_KEY_BASE") or SECRET,
            **(environ or {}),
        }
        host, _, port = bind.rpartition(":")
        address = (host, int(port)) if port != "0" else None
        server = DrillServer(given, place, self.note, address=address, environ=variables, **rest)
        self.servers.append(server)
        if wait:
            server.wait_note("READY=1")
        return server

    def stop(self, server: DrillServer, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Make a signal to the master the fault, and wait for its end."""
        self.fault(f"{number.name} to the master")
        server.signal(number)
        return server.ended()

    # -- clients

    def websocket(
        self,
        server: DrillServer,
        path: str = "",
        *,
        label: str = "WebSocket",
        first: int | None = None,
        **params: str,
    ) -> WebSocket:
        """Connect a WebSocket client, and send its handshake, or its ``first`` bytes."""
        target = _with(path or self.target.websocket or "", params)
        client = WebSocket(server.address, target, label, first)
        self.clients.append(client)
        return client

    def websockets(self, server: DrillServer, count: int, **given: Any) -> list[WebSocket]:
        """Connect ``count`` clients at once, and wait until each was accepted."""
        found = [self.websocket(server, **given) for _ in range(count)]
        pump(found, PATIENCE, lambda: all(each.answers or each.end for each in found))
        accepted = sum(each.accepted for each in found)
        self.note("clients", f"{accepted} of {count} WebSockets are open")
        self.expect(accepted == count, f"{count} WebSockets are accepted")
        return found

    def many(self, count: int, each: int = 1) -> int:
        """Return ``count``, or as many clients of ``each`` descriptors as we may have."""
        allowed = (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE) // each
        if allowed < count:
            self.note("drill", f"{allowed} clients instead of {count}: no more descriptors")
        return min(count, allowed)

    def longpoll(self, server: DrillServer, path: str = "", **params: str) -> LongPoll:
        """Open a long-poll session."""
        client = LongPoll(server.address, _with(path or self.target.longpoll or "", params))
        self.clients.append(client)
        self.expect(client.open(), "a long-poll session is opened")
        return client

    def is_served(self, client: WebSocket, text: str) -> bool:  # noqa: ARG002 - for subclasses
        """Whether the server serves this client: it answers a ping, as any application does.

        A subclass whose application answers messages may send ``text`` instead.
        """
        return client.alive()

    def wait_over(self, clients: Iterable[WebSocket], seconds: float = PATIENCE) -> bool:
        """Wait until the connections of these clients have ended."""
        found = list(clients)
        over = pump(found, seconds)
        if over:
            self.note("clients", f"all of {len(found)} connections have ended")
        return self.expect(over, "no client hangs")

    def expect_saw(self, clients: Sequence[Client], *words: str) -> bool:
        """Check how connections ended (:attr:`WebSocket.saw`)."""
        found = Counter(each.saw for each in clients)
        told = ", ".join(f"{count}x {saw}" for saw, count in found.most_common())
        return self.expect(
            set(found) <= set(words), f"{len(clients)} clients see {' or '.join(words)}: {told}"
        )

    # -- the end

    def accounted(self, clients: Iterable[Client]) -> Iterator[Check]:  # noqa: ARG002
        """Check what an application has noted of its clients: any application notes nothing."""
        return iter(())

    def close(self) -> None:
        """End servers and clients; nothing of this run is left."""
        for client in self.clients:
            client.close()
        for server in self.servers:
            server.close()


def free_address() -> str:
    """Return an address that nobody listens at, for a server that cannot tell its own."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return "{}:{}".format(*sock.getsockname())


def lines(clients: Iterable[LongPoll]) -> list[Connection]:
    """Return the connections that carry the polls."""
    return [client.line for client in clients]


def _with(target: str, params: Mapping[str, str]) -> str:
    return f"{target}{'&' if '?' in target else '?'}{urlencode(params)}" if params else target
