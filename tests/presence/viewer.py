"""A client that sees who is there, as phoenix.js does: a state, then diffs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from tests.support.channels import ChannelClient
from tests.support.command import Command
from tests.support.waiting import DEADLINE

TOPIC = "room:1"


class Viewer:
    """One client in :data:`TOPIC`; ``name``: as whom it is tracked.

    A worker of another pid than ``not_by`` serves it. ``view``: the refs of each key. ``left`` has
    each time at which a key was gone from it.
    """

    def __init__(
        self, server: Command, name: str | None = None, *, not_by: int = 0, topic: str = TOPIC
    ) -> None:
        self.topic = topic
        self.pid = not_by
        while self.pid == not_by:
            self.client = ChannelClient(server.address, "/socket/websocket")
            self.pid = self.client.join("room:probe")[1]["pid"]
            if self.pid == not_by:
                self.client.client.close()
        self.client.send("room:probe", "phx_leave")
        status, response = self.client.join(topic, {} if name is None else {"name": name})
        assert status == "ok", response
        self.view: dict[str, set[str]] | None = None
        self.early: list[Any] = []
        self.came: list[tuple[str, float]] = []
        self.left: list[tuple[str, float]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.client.close()

    def take(self) -> None:
        """Take the next state or diff."""
        kept = self.client.kept
        message = kept.pop(0) if kept else self.client.next()
        if message.topic != self.topic:
            return
        if message.event == "presence_state":
            self.view = {key: refs(value) for key, value in message.payload.items()}
            for diff in self.early:
                self._apply(diff)
            self.early.clear()
        elif message.event == "presence_diff":
            if self.view is None:
                self.early.append(message.payload)
            else:
                self._apply(message.payload)

    def _apply(self, diff: Any) -> None:
        assert self.view is not None
        now = time.monotonic()
        for key, value in diff["joins"].items():
            if key not in self.view:
                self.came.append((key, now))
            self.view[key] = self.view.get(key, set()) | refs(value)
        for key, value in diff["leaves"].items():
            if key in self.view:
                self.view[key] -= refs(value)
                if not self.view[key]:
                    del self.view[key]
                    self.left.append((key, now))

    def wait(self, seen: Callable[[dict[str, set[str]]], Any]) -> Any:
        """Take what comes until the view is so."""
        until = time.monotonic() + DEADLINE
        while self.view is None or not (found := seen(self.view)):
            assert time.monotonic() < until, f"the view is {self.view}"
            self.take()
        return found

    def wait_keys(self, *keys: str) -> None:
        self.wait(lambda view: view.keys() == set(keys))

    def wait_close(self, code: int) -> None:
        """Take what comes until the server closes."""
        try:
            while True:
                self.take()
        except EOFError as end:
            assert str(end) == f"closed with {code}"  # noqa: PT017 - there is no other way out

    def list(self) -> dict[str, set[str]]:
        """Return what ``Presence.list`` says in the worker that serves this client."""
        _, response = self.client.ask(self.topic, "list")
        return {key: refs(value) for key, value in response.items()}

    def ask(self, event: str, payload: Any = None) -> None:
        assert self.client.ask(self.topic, event, payload)[0] == "ok"


def refs(value: Any) -> set[str]:
    return {meta["phx_ref"] for meta in value["metas"]}
