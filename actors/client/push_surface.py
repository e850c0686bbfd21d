"""What an event that was pushed is to the application, but for waiting."""

from __future__ import annotations

from actors.client.arguments import check_seconds
from actors.client.channel_surface import Owner
from actors.client.channels.request import Answer, Request
from actors.client.wire import Flag
from actors.errors import ClientError, ReplyTimeout


class PushSurface:
    """An event that was pushed; ``settled`` is set when its outcome is known."""

    def __init__(self, client: Owner, request: Request, settled: Flag) -> None:
        self._client = client
        self._request = request
        request.woken = settled.set
        if request.outcome is not None:
            settled.set()

    @property
    def done(self) -> bool:
        """Whether the outcome is known: :meth:`get` does not wait."""
        return self._request.outcome is not None

    def _begin_waiting(self, timeout: float | None) -> None:
        self._client.check_owner()
        check_seconds("timeout", timeout)

    def _late(self, timeout: float | None) -> ReplyTimeout:
        return ReplyTimeout(f"{self._request.topic}: no reply in {timeout:g} s")

    def _outcome(self) -> Answer:
        """Return the answer to a request that is settled; raise where there is none."""
        outcome = self._request.outcome
        if outcome is None or isinstance(outcome, ClientError):
            request = self._request
            raise outcome or ClientError(f"{request.topic}: {request.event} is not settled")
        return outcome
