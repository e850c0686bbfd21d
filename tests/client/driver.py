"""A session without I/O, on a clock that the test moves, and what it wants done."""

from __future__ import annotations

import json
from typing import Any

from actors.client import effects
from actors.client.channels.membership import Membership
from actors.client.channels.request import Request
from actors.client.options import ClientOptions
from actors.client.session import Session
from actors.serializers.message import BINARY, TEXT


class Driver:
    """``told`` has what was wanted and not looked at: names of effects, and frames as lists."""

    def __init__(self, **options: Any) -> None:
        self.now = 100.0
        self.chance = 0.5
        self.options = ClientOptions(**options)
        self.session = Session(self.options, clock=lambda: self.now, chance=lambda: self.chance)
        self.told: list[Any] = []
        self.payload: Any = {}

    def run(self) -> list[Any]:
        """Do what the session wants; return what that was since the last look."""
        while todo := self.session.effects():
            for effect in todo:
                if isinstance(effect, effects.Transmit):
                    opcode, data = effect.frame
                    self.told.append(json.loads(data) if opcode is TEXT else data)
                elif isinstance(effect, effects.PayloadWanted):
                    if self.payload is not None:
                        self.session.send_join(effect.membership, effect.number, self.payload)
                    else:
                        self.told.append(effect)
                else:
                    self.told.append(effect)
        told, self.told = self.told, []
        return told

    def kinds(self) -> list[str]:
        """As :meth:`run`, but for an effect its name, and for a frame its event."""
        return [each[3] if isinstance(each, list) else type(each).__name__ for each in self.run()]

    def open(self) -> None:
        """Connect, and let the handshake be done."""
        self.session.connect()
        self.session.opened(self.session.attempt)
        self.run()

    def joined(self, topic: str = "room:1") -> Membership:
        """Join a topic, and accept that."""
        membership = self.session.membership(topic)
        self.session.join(membership)
        self.run()
        self.reply(membership.join_ref)
        self.run()
        return membership

    def get(self, *parts: Any) -> None:
        """Have a text message come."""
        self.raw(json.dumps(list(parts)).encode())

    def raw(self, data: bytes, *, binary: bool = False) -> None:
        self.session.received(self.session.attempt, (BINARY if binary else TEXT, data))

    def reply(
        self, ref: Any, status: str = "ok", response: Any = None, topic: str = "room:1"
    ) -> None:
        """Have a reply come; its join_ref is left out, as a server may."""
        payload = {"status": status, "response": response or {}}
        self.get(None, ref, topic, "phx_reply", payload)

    def event(self, membership: Membership, event: str, payload: Any = None) -> None:
        """Have a push of the server come."""
        self.get(membership.join_ref, None, membership.topic, event, payload or {})

    def pass_time(self, seconds: float) -> list[Any]:
        """Let time pass, deadline by deadline."""
        until = self.now + seconds
        told = self.run()
        while (due := self.session.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.session.tick()
            told += self.run()
        self.now = until
        return told

    def lose(self, code: int = 1006, reason: str = "gone") -> None:
        self.session.lost(self.session.attempt, code, reason)

    def push(self, membership: Membership, event: str = "e", payload: Any = None) -> Request:
        return self.session.push(membership, event, payload)
