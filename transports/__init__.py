"""Operate sockets: bytes from a client into messages of an actor, and back.

What a transport of your own needs is here by name and imported when it is first asked for (see
docs/writing-a-transport.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.lazy import lazy

if TYPE_CHECKING:
    from actors.options import option as option
    from transports.closing import close_frame as close_frame
    from transports.closing import stop_frame as stop_frame
    from transports.delivering import deliver_rest as deliver_rest
    from transports.http.request import Request as Request
    from transports.http.responder import HTTPConnection as HTTPConnection
    from transports.http.responder import Responder as Responder
    from transports.http.response import Response as Response
    from transports.opening.mount import CustomTransport as CustomTransport
    from transports.opening.mount import Mount as Mount
    from transports.opening.mount import TransportMount as TransportMount
    from transports.opening.opened import Opened as Opened
    from transports.opening.opened import Refusal as Refusal
    from transports.opening.options import TransportOptions as TransportOptions
    from transports.tcp.protocol import StreamProtocol as StreamProtocol
    from transports.tcp.stream import Stream as Stream

if not TYPE_CHECKING:  # else a misspelt import would be Any to type checkers
    __all__, __getattr__, __dir__ = lazy(
        globals(),
        {
            "actors.options": "option",
            "transports.closing": "close_frame stop_frame",
            "transports.delivering": "deliver_rest",
            "transports.http.request": "Request",
            "transports.http.responder": "HTTPConnection Responder",
            "transports.http.response": "Response",
            "transports.opening.mount": "CustomTransport Mount TransportMount",
            "transports.opening.opened": "Opened Refusal",
            "transports.opening.options": "TransportOptions",
            "transports.tcp.protocol": "StreamProtocol",
            "transports.tcp.stream": "Stream",
        },
    )
