"""The wire table as a small model, and a real connection that is driven beside it.

The model knows no actor, no mailbox and no clock: a step says what the client is told, by topic, as
nothing is promised between topics. :class:`Real` drives a :class:`ChannelSocket` whose transport
records, and lets the dispatcher run until nothing is ready.
"""

from __future__ import annotations

import json
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import gevent
from gevent.event import Event

from actors import Channel, ChannelSocket, Error, Ok, Stop, on, pubsub
from actors.channels.socket import Accepted
from actors.messages import ConnectionEnded
from actors.reasons import Closed
from actors.runtime.dispatcher import get_dispatcher
from actors.serializers.v2 import V2
from supervision.drainer import DRAINED

WAITING, JOINING, JOINED, OVER = "waiting", "joining", "joined", "over"

TOPICS = ("room:a", "room:b")


class Seat:
    """One join. ``blocked``: which of its callbacks is; ``signalled``: a later join ends it."""

    def __init__(self, topic: str, ref: str, how: str, *, lingers: bool) -> None:
        self.topic, self.ref, self.how, self.lingers = topic, ref, how, lingers
        self.state = WAITING
        self.blocked: str | None = None
        self.signalled = False
        self.queue: list[tuple[str, str]] = []
        self.earlier: Seat | None = None
        self.heir: Seat | None = None
        self.closes: list[str] = []
        self.joined = False


class Model:
    """What the client is told: ``told[topic]``; ``ends``: how many channels terminated, by ref."""

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}
        self.told: dict[str, list[Any]] = defaultdict(list)
        self.late: dict[str, Seat] = {}
        self.terminated: dict[str, int] = defaultdict(int)
        self.leaving = self.deaf = False

    # -- what is told

    def _tell(self, *message: Any) -> None:
        if not self.deaf:
            self.told[message[2]].append(list(message))

    def _reply(
        self, join_ref: Any, ref: Any, topic: str, status: str = "ok", **response: Any
    ) -> None:
        if ref is not None:
            self._tell(join_ref, ref, topic, "phx_reply", {"response": response, "status": status})

    def _refuse(self, seat: Seat, reason: str) -> None:
        if seat.state in (WAITING, JOINING):
            seat.state = OVER
            self._reply(seat.ref, seat.ref, seat.topic, "error", reason=reason)
            self._tell_closes(seat)

    def _tell_closes(self, seat: Seat) -> None:
        for ref in seat.closes:
            self._tell(ref, ref, seat.topic, "phx_close", {})
        seat.closes = []

    def _answer(self, seat: Seat) -> None:
        for kind, ref in seat.queue:
            if kind == "leave":
                self._reply(seat.ref, ref, seat.topic)
            elif kind != "drain":
                self._reply(None, ref, seat.topic, "error", reason="unmatched topic")
        seat.queue = []

    # -- the client

    def join(self, topic: str, ref: str, how: str, *, lingers: bool) -> None:
        seat, earlier = Seat(topic, ref, how, lingers=lingers), self.seats.get(topic)
        self.seats[topic] = seat
        if earlier is None:
            self._begin(seat)
        elif earlier.state == WAITING:
            seat.earlier, earlier.earlier = earlier.earlier, None
            seat.earlier.heir = seat
            self._refuse(earlier, "join replaced")
            self._answer(earlier)
        else:
            seat.earlier, earlier.heir = earlier, seat
            self._refuse(earlier, "join replaced")
            earlier.signalled = True
            if earlier.blocked is None:
                self._end(earlier, "close")

    def leave(self, topic: str, join_ref: Any, ref: str) -> None:
        seat = self.seats.get(topic)
        if seat is not None and join_ref not in (None, seat.ref):
            return
        if seat is not None and seat.state == JOINED:
            seat.queue.append(("leave", ref))
            self._work(seat)
            return
        self._reply(join_ref, ref, topic)
        if seat is None or seat.state == OVER:
            return
        before = seat.state
        self._refuse(seat, "join cancelled")
        self._answer(seat)
        if before == WAITING:
            self._stand_back(seat)
        else:
            self._gone(seat)

    def _stand_back(self, seat: Seat) -> None:
        self.seats[seat.topic] = seat.earlier
        seat.earlier.heir = None

    def push(self, topic: str, join_ref: Any, ref: str, kind: str) -> None:
        seat = self.seats.get(topic)
        if seat is None or seat.state == OVER:
            self._reply(None, ref, topic, "error", reason="unmatched topic")
        elif join_ref in (None, seat.ref):
            seat.queue.append((kind, ref))
            self._work(seat)

    # -- the channel

    def _begin(self, seat: Seat) -> None:
        seat.state, seat.earlier = JOINING, None
        if seat.how == "block":
            seat.blocked = "join"
        else:
            self._joins(seat)

    def _joins(self, seat: Seat) -> None:
        if seat.how in ("error", "crash"):
            self._refuse(seat, "no" if seat.how == "error" else "join crashed")
            self._answer(seat)
            self._gone(seat)
            return
        self._reply(seat.ref, seat.ref, seat.topic)
        seat.state, seat.joined = JOINED, True
        self._tell_closes(seat)
        self._work(seat)

    def _work(self, seat: Seat) -> None:
        while seat.queue and seat.blocked is None and seat.state == JOINED:
            kind, ref = seat.queue.pop(0)
            if kind == "block":
                seat.blocked = ref
            elif kind == "late":
                self.late[ref] = seat
            elif kind == "drain":
                self._tell(seat.ref, None, seat.topic, "farewell", {})
            elif kind != "crash":
                self._reply(seat.ref, ref, seat.topic)
            if kind in ("crash", "stop", "leave", "drain"):
                self._end(seat, "error" if kind == "crash" else "close")

    def _end(self, seat: Seat, how: str) -> None:
        if seat.state == JOINED:
            seat.state = OVER
            self._tell_end(seat, how)
        self._answer(seat)
        if seat.joined:
            self.terminated[seat.ref] += 1
            if seat.lingers:
                seat.blocked = "terminate"
                return
        self._gone(seat)

    def _tell_end(self, seat: Seat, how: str) -> None:
        if self.leaving:
            return
        if seat.heir is not None:
            seat.heir.closes.append(seat.ref)
        else:
            payload = {"reason": "channel_crash"} if how == "error" else {}
            self._tell(seat.ref, seat.ref, seat.topic, f"phx_{how}", payload)

    def _gone(self, seat: Seat) -> None:
        seat.state, seat.blocked = OVER, None
        if self.seats.get(seat.topic) is seat:
            del self.seats[seat.topic]
        if seat.heir is not None and not self.leaving:
            self._begin(seat.heir)

    # -- what else happens

    def running(self, topic: str) -> Seat | None:
        """Return the seat of the topic that has a channel."""
        seat = self.seats.get(topic)
        return seat if seat is None or seat.state != WAITING else seat.earlier

    def open(self, topic: str) -> None:
        seat = self.running(topic)
        what, seat.blocked = seat.blocked, None
        if what == "terminate":
            self._gone(seat)
        elif what != "join":
            self._reply(seat.ref, what, topic)
            if seat.signalled:
                self._end(seat, "close")
            else:
                self._work(seat)
        elif seat.state == JOINING:
            seat.how = "ok"
            self._joins(seat)
        else:
            self._end(seat, "close")

    def kill(self, topic: str) -> None:
        seat = self.running(topic)
        if seat.state == JOINED:
            seat.state = OVER
            self._tell_end(seat, "error")
            self.terminated[seat.ref] += 1
        self._refuse(seat, "join crashed")
        self._answer(seat)
        self._gone(seat)

    def timeout(self, topic: str) -> None:
        seat = self.seats[topic]
        self._refuse(seat, "join timeout")
        self._answer(seat)
        self._gone(seat)

    def reply_late(self, ref: str) -> bool:
        seat = self.late.pop(ref)
        if seat.state != JOINED:
            return False
        self._reply(seat.ref, ref, seat.topic)
        return True

    def broadcast(self, topic: str) -> None:
        seat = self.running(topic)
        if seat is not None and seat.state == JOINED:
            self._tell(None, None, topic, "news", {})

    def drain(self) -> None:
        self.leaving = True
        for seat in list(self.seats.values()):
            if seat.state == WAITING:
                self._refuse(seat, "join cancelled")
                self._answer(seat)
                self._stand_back(seat)
            else:
                seat.queue.append(("drain", None))
                self._work(seat)

    def close(self) -> None:
        self.leaving = self.deaf = True
        for latest in list(self.seats.values()):
            seat = latest
            if latest.state == WAITING:
                seat = latest.earlier
                self._refuse(latest, "join cancelled")
                self._stand_back(latest)
            self._refuse(seat, "join cancelled")
            seat.signalled = True
            if seat.blocked is None:
                self._end(seat, "close")


class Recording:
    """A transport that keeps what it is to send, as :class:`Model` has it."""

    lane_key = "recording"

    def __init__(self) -> None:
        self.told: dict[str, list[Any]] = defaultdict(list)
        self.holds = 0
        self.ended: Any = None

    def prepare(self, frame: Any) -> Any:
        return frame

    def send(self, frame: Any) -> None:
        if self.ended is None:
            message = json.loads(frame[1])
            self.told[message[2]].append(message)

    post = send

    def hold(self) -> None:
        self.holds += 1

    def release(self) -> None:
        self.holds -= 1

    def flush(self) -> None: ...

    on_blocked = flush

    def on_ended(self, reason: Any) -> None:
        self.ended = self.ended or reason


class Scripted(Channel):
    """Does what its join and its events say."""

    join_timeout = 1e6

    def wait(self) -> None:
        gate = Event()
        self.endpoint.gates[self.topic].append(gate)
        gate.wait()

    def join(self, topic: str, payload: Any) -> Any:
        self.lingers, self.over = payload["lingers"], False
        match payload["how"]:
            case "error":
                return Error("no")
            case "crash":
                raise ZeroDivisionError
            case "block":
                self.wait()
        return Ok()

    @on("echo")
    def echo(self, payload: Any) -> Ok:
        return Ok()

    @on("late")
    def late(self, payload: Any) -> None:
        ref = self.socket_ref()
        self.endpoint.late[ref.ref] = ref

    @on("crash")
    def crash(self, payload: Any) -> None:
        raise ZeroDivisionError

    @on("stop")
    def stop(self, payload: Any) -> Stop:
        return Stop(reply=Ok())

    @on("block")
    def block(self, payload: Any) -> Ok:
        self.wait()
        return Ok()

    def handle_drain(self) -> None:
        self.push("farewell")

    def terminate(self, reason: Any) -> None:
        self.endpoint.terminated[self.join_ref] += 1
        if self.lingers and type(reason).__name__ != "Killed":
            self.wait()


class ScriptedSocket(ChannelSocket):
    channels = {"room:*": Scripted}
    max_join_rate = 1e9
    channel_shutdown = 1e6


class Real:
    """A real connection of :class:`ScriptedSocket`; each call ends when nothing is ready."""

    def __init__(self) -> None:
        self.endpoint = SimpleNamespace(
            gates=defaultdict(list), late={}, terminated=defaultdict(int)
        )
        self.transport = Recording()
        accepted = Accepted({}, V2, "users:model", self.endpoint, "recording", "2.0.0")
        self.socket = ScriptedSocket(self.transport, accepted)
        self.socket.on_begin()
        self.topics = self.socket._ChannelSocket__topics

    def send(self, *message: Any) -> None:
        self.socket.on_events([json.dumps(message)])
        settle()

    def running(self, topic: str) -> Any:
        seat = self.topics.seats[topic]
        return seat.earlier or seat

    def open(self, topic: str) -> None:
        gates, self.endpoint.gates[topic] = self.endpoint.gates[topic], []
        for gate in gates:
            gate.set()
        settle()

    def kill(self, topic: str) -> None:
        """Kill the channel, and forget that it was blocked."""
        self.endpoint.gates[topic] = []
        self.running(topic).channel.actor_ref.kill()
        settle()

    def expire(self, topic: str) -> None:
        """Have the time be over that the topic's join, or its earlier channel, may take."""
        self.endpoint.gates[topic] = []
        self.running(topic).timer.callback()
        settle()

    def reply_late(self, ref: str) -> bool:
        sent = self.endpoint.late.pop(ref).reply(Ok())
        settle()
        return sent

    def broadcast(self, topic: str) -> None:
        pubsub.broadcast_event(topic, "news", {})
        settle()

    def drain(self) -> None:
        self.socket.actor_ref.exit(DRAINED)
        settle()

    def close(self) -> None:
        self.socket.on_events([ConnectionEnded(Closed())])
        settle()

    def disconnect(self) -> None:
        pubsub.broadcast_event("users:model", "disconnect", {})
        settle()

    @property
    def over(self) -> bool:
        return self.socket.exit_reason is not None


def settle() -> None:
    """Let the dispatcher run until nothing is ready, nor about to be."""
    dispatcher, idle = get_dispatcher(), 0
    while idle < 3:
        gevent.sleep(0)
        busy = dispatcher.wake_pending or dispatcher._is_work_left()
        idle = 0 if busy else idle + 1


__all__ = ["JOINED", "JOINING", "OVER", "TOPICS", "WAITING", "Model", "Real", "settle"]
