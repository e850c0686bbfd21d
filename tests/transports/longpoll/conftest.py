"""An endpoint with one long-poll socket that does as it is told, and a client that polls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gevent.event import Event

from actors import Endpoint, Error, Ok, Push, Reply, Socket, Stop
from actors.pubsub import PubSub
from actors.pubsub.bus import Bus
from actors.reasons import Reason, Shutdown
from tests.support.longpoll import Poller
from tests.support.server import Served, serve
from tests.support.waiting import DEADLINE

PATH = "/lp/longpoll"


class TalkSocket(Socket):
    """Echoes; a message that is a command does what it says. Keeps what happened in ``living``."""

    living: list[Any]

    @classmethod
    def connect(cls, info: Any) -> Ok | Error:
        how = info.params.get("connect")
        if how == "error":
            return Error("no")
        if how == "raise":
            raise RuntimeError("connect raised")
        if how == "junk":
            return None
        return Ok(info)

    def __init__(self, transport: Any, state: Any) -> None:
        super().__init__(transport, state)
        if state.params.get("new") == "raise":
            raise RuntimeError("__init__ raised")

    def init(self, state: Any) -> Ok:
        self.ended: Reason | None = None
        self.ended_event = Event()
        self.entered = Event()
        self.release = Event()
        self.heard: list[Any] = []
        type(self).living.append(self)
        how = state.params.get("init", "")
        if how.startswith("push"):
            self.push("hello")
        if how.endswith("raise"):
            raise RuntimeError("init raised")
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        self.heard.append((payload, opcode))
        if isinstance(payload, bytes):
            if not payload.startswith(b"do:"):
                return Reply(payload)
            payload = payload[3:].decode()
        command, _, rest = payload.partition(":")
        return COMMANDS.get(command, lambda *_: Reply(payload))(self, rest)

    def handle_info(self, message: Any) -> Any:
        return message

    def terminate(self, reason: Reason) -> None:
        self.ended = reason
        self.ended_event.set()


def _block(socket: TalkSocket, rest: str) -> Any:
    socket.entered.set()
    assert socket.release.wait(DEADLINE)
    return Reply(f"unblocked {rest}")


def _crash(_socket: TalkSocket, _rest: str) -> Any:
    raise RuntimeError("boom")


COMMANDS: dict[str, Callable[[TalkSocket, str], Any]] = {
    "block": _block,
    "crash": _crash,
    "junk": lambda _s, _r: object(),
    "list": lambda _s, r: [Reply(f"1{r}"), Push(b"2"), Push(f"3{r}")],
    "none": lambda _s, _r: None,
    "size": lambda _s, r: Reply("x" * int(r)),
    "stop": lambda _s, r: Stop(push=(Push(r),) if r else ()),
    "restart": lambda _s, _r: Stop(Shutdown("restart")),
}


@pytest.fixture
def talk() -> type[TalkSocket]:
    """A socket class of the test's own."""
    return type("Talk", (TalkSocket,), {"living": []})


@pytest.fixture
def serving(talk: Any) -> Any:
    """Serve ``talk`` with these long-poll options; ends with the test."""
    stack = []

    def start(
        *, endpoint: dict[str, Any] | None = None, cluster: Any = None, **options: Any
    ) -> Served:
        settings = {"last_poll": 0.01, **(endpoint or {})}  # nobody polls once a test is over
        made = Endpoint(secret_key_base=("s" * 32,), **settings)
        made.socket("/lp", talk, websocket=False, longpoll={"window": 2.0, **options})
        context = serve(made, cluster=cluster)
        served = context.__enter__()
        stack.append(context)
        return served

    yield start
    for context in stack:
        context.__exit__(None, None, None)


@pytest.fixture
def poller(serving: Any) -> Any:
    """Return a client of an endpoint with these options, its session open."""
    made = []

    def start(query: str = "", served: Served | None = None, **options: Any) -> Poller:
        client = Poller(served or serving(**options), f"{PATH}?{query}" if query else PATH)
        made.append(client)
        client.open()
        return client

    yield start
    for client in made:
        client.close()


@pytest.fixture
def pair(serving: Any, tmp_path: Any) -> Any:
    """Return two clients of one session: ``here`` talks to its worker, ``there`` to the other."""
    buses: list[Bus] = []
    clients: list[Poller] = []

    def start(**options: Any) -> tuple[Poller, Poller]:
        for worker in ("here", "there"):
            buses.append(Bus(tmp_path / "bus", worker, PubSub()))
            clients.append(Poller(serving(cluster=buses[-1], **options), PATH))
        for bus in buses:
            bus.set_peers(bus.worker for bus in buses)
        for bus in buses:
            assert bus.wait_linked(DEADLINE)
        here, there = clients
        here.open()
        there.token = here.token
        return here, there

    start.buses = buses
    yield start
    for client in clients:
        client.close()
    for bus in buses:
        bus.close()


def parked(socket: Any) -> bool:
    """Whether a poll is held for ``socket``."""
    return socket.transport._http is not None
