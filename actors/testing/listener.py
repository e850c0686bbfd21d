"""Who hears the broadcasts to a topic in a test, whoever sent them."""

from __future__ import annotations

from typing import Any

from actors import pubsub
from actors.messages import Broadcast
from actors.runtime.actor import Actor
from actors.testing.matching import difference, missing
from actors.testing.stage import DEADLINE, PATIENCE, Stage


class _Ear(Actor):
    """Keeps the broadcasts that it is told."""

    def __init__(self, heard: list[Broadcast]) -> None:
        super().__init__()
        self._heard = heard

    def on_receive(self, message: Any) -> None:
        """Keep what channels were sent; the rest is not for them."""
        if isinstance(message, Broadcast):
            self._heard.append(message)


class Listener:
    """A subscription of the test's own to ``topic``."""

    def __init__(self, stage: Stage, topic: str) -> None:
        self.topic = topic
        self._stage = stage
        self._heard: list[Broadcast] = []
        pubsub.subscribe(_Ear.start(self._heard), topic)

    def assert_broadcast(
        self, event: str, payload: Any = ..., *, within: float | None = None
    ) -> Any:
        """Assert that this was broadcast to the topic; return the payload."""
        __tracebackhide__ = True
        found = self._stage.wait_for(lambda: self._match(event, payload), within, DEADLINE)
        if found is None:
            near = (each.payload for each in self._heard if each.event == event)
            text = f"broadcast {event!r} on {self.topic!r}"
            raise self._failure(missing(text, payload, near))
        self._heard.remove(found)
        return found.payload

    def refute_broadcast(
        self, event: str, payload: Any = ..., *, within: float | None = None
    ) -> None:
        """Assert that there is no such broadcast that the test has not taken."""
        __tracebackhide__ = True
        found = self._stage.wait_for(lambda: self._match(event, payload), within, PATIENCE)
        if found is not None:
            raise self._failure(f"there is a {_shown(found)}")

    def _match(self, event: str, payload: Any) -> Broadcast | None:
        for each in self._heard:
            if each.event == event and difference(payload, each.payload) is None:
                return each
        return None

    def _failure(self, headline: str) -> AssertionError:
        return self._stage.explain(headline, list(map(_shown, self._heard)), self._stage.crashes)


def _shown(heard: Broadcast) -> str:
    return f"broadcast {heard.event!r} on {heard.topic!r}: {heard.payload!r:.400}"
