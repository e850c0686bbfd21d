"""What log lines say that are logged in the turns of an HTTP connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from transports.http import logged
from transports.tcp.protocol import NOBODY, StreamProtocol

if TYPE_CHECKING:
    from transports.http.request import Request
    from transports.tcp.stream import Stream


class Logged:
    """Tells of the request; of the connection where that has become another, as in ``init``."""

    __slots__ = ()

    if TYPE_CHECKING:
        _request: Request | None
        stream: Stream

    def log_context(self) -> Mapping[str, str]:
        if self._request is not None:
            return logged.context(self._request)
        return self._follower().log_context()

    def log_fields(self) -> Mapping[str, Any]:
        return {} if self._request is not None else self._follower().log_fields()

    def log_secrets(self) -> tuple[object, ...]:
        if self._request is not None:
            return logged.secrets(self._request)
        return self._follower().log_secrets()

    def _follower(self) -> StreamProtocol:
        """Return the protocol that the stream was handed over to, if it was."""
        after = self.stream.protocol
        return NOBODY if after is None or id(after) == id(self) else after
