"""What the checks of an opening request come to: it may go on, or what it is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from transports.http.request import Request
from transports.http.response import Response


class Refusal(Response):
    """A request that may not connect, and what to answer it."""

    __slots__ = ()


@dataclass(slots=True)
class Opened:
    """A request that passed the checks. ``params`` holds the path variables over the query's."""

    request: Request
    params: dict[str, Any] = field(repr=False)
    transport: str
    subprotocol: str | None = None
    auth_token: str | None = field(default=None, repr=False)
