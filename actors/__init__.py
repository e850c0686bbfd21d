"""Roost: Phoenix's socket layer for Python.

What applications use is here by name and imported when it is first asked for, so that
``import actors`` costs nothing and patches nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.lazy import lazy

__version__ = "0.1.0"

if TYPE_CHECKING:
    from actors import pubsub as pubsub
    from actors import registry as registry
    from actors import telemetry as telemetry
    from actors import token as token
    from actors.channels.channel import Channel as Channel
    from actors.channels.events import intercept as intercept
    from actors.channels.events import on as on
    from actors.channels.refs import SocketRef as SocketRef
    from actors.channels.routes import Route as Route
    from actors.channels.socket import ChannelSocket as ChannelSocket
    from actors.endpoint.definition import Endpoint as Endpoint
    from actors.errors import AskFailed as AskFailed
    from actors.errors import ConfigError as ConfigError
    from actors.errors import MailboxFull as MailboxFull
    from actors.errors import NotTracked as NotTracked
    from actors.errors import PresenceLimit as PresenceLimit
    from actors.messages import Broadcast as Broadcast
    from actors.messages import ConnectInfo as ConnectInfo
    from actors.messages import ConnectionEnded as ConnectionEnded
    from actors.messages import Control as Control
    from actors.messages import Down as Down
    from actors.messages import Gone as Gone
    from actors.messages import Opcode as Opcode
    from actors.messages import Receipt as Receipt
    from actors.once_child import once as once
    from actors.once_child import once_number as once_number
    from actors.presence.presence import Presence as Presence
    from actors.reasons import CLOSED as CLOSED
    from actors.reasons import NORMAL as NORMAL
    from actors.reasons import Closed as Closed
    from actors.reasons import Crash as Crash
    from actors.reasons import Reason as Reason
    from actors.reasons import Shutdown as Shutdown
    from actors.reasons import as_reason as as_reason
    from actors.redis_options import RedisOptions as RedisOptions
    from actors.results import Error as Error
    from actors.results import Ok as Ok
    from actors.results import Push as Push
    from actors.results import Reply as Reply
    from actors.results import Stop as Stop
    from actors.runtime.actor import Actor as Actor
    from actors.runtime.actor import Exit as Exit
    from actors.runtime.actor import StartError as StartError
    from actors.runtime.names import whereis as whereis
    from actors.runtime.threads import in_thread as in_thread
    from actors.socket import Result as Result
    from actors.socket import Socket as Socket
    from supervision.drainer import Drainer as Drainer
    from transports.http.options import HTTPOptions as HTTPOptions
    from transports.opening.cookie_session import SessionOptions as SessionOptions
    from transports.opening.host_session import DjangoSession as DjangoSession
    from transports.opening.host_session import FlaskSession as FlaskSession

if not TYPE_CHECKING:  # else a misspelt import would be Any to type checkers
    __all__, __getattr__, __dir__ = lazy(
        globals(),
        {
            "actors.channels.channel": "Channel",
            "actors.channels.events": "intercept on",
            "actors.channels.refs": "SocketRef",
            "actors.channels.routes": "Route",
            "actors.channels.socket": "ChannelSocket",
            "actors.endpoint.definition": "Endpoint",
            "actors.errors": "AskFailed ConfigError MailboxFull NotTracked PresenceLimit",
            "actors.messages": (
                "Broadcast ConnectInfo ConnectionEnded Control Down Gone Opcode Receipt"
            ),
            "actors.once_child": "once once_number",
            "actors.presence.presence": "Presence",
            "actors.pubsub": "pubsub",
            "actors.reasons": "CLOSED NORMAL Closed Crash Reason Shutdown as_reason",
            "actors.redis_options": "RedisOptions",
            "actors.registry": "registry",
            "actors.results": "Error Ok Push Reply Stop",
            "actors.runtime.actor": "Actor Exit StartError",
            "actors.runtime.names": "whereis",
            "actors.runtime.threads": "in_thread",
            "actors.socket": "Result Socket",
            "actors.telemetry": "telemetry",
            "actors.token": "token",
            "supervision.drainer": "Drainer",
            "transports.http.options": "HTTPOptions",
            "transports.opening.cookie_session": "SessionOptions",
            "transports.opening.host_session": "DjangoSession FlaskSession",
        },
    )
