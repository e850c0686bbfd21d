"""The recorded application in Python: every mount with its options, and the debug routes.

``python -m actors.endpoint tests.golden.fixture:endpoint --bind 127.0.0.1:4000`` serves it.
"""

from __future__ import annotations

from typing import Any

from actors import Endpoint
from tests.golden.channels import LobbyPresence, UserSocket
from tests.golden.debug import DebugRoutes
from tests.golden.sockets import (
    ControlSocket,
    EchoSocket,
    JournalledEchoSocket,
    ParamsSocket,
    StrictSocket,
    on_error,
)

SECRET = "golden fixture, golden fixture, golden fixture"

PHOENIX = {
    "lost_session_status": 410,
    "max_buffer_bytes": 16_777_216,
    "max_body": 8_000_000,
}
"""What our long polling does otherwise by default: Phoenix says 410, and bounds only bodies."""

LONGPOLL = {**PHOENIX, "window": 0.5}

STRICT = {
    "check_origin": ["//example.com", "//*.sub.example.com"],
    "connect_info": ["peer_data", "x_headers", "uri", "user_agent", "trace_context_headers"],
}

debug = DebugRoutes(SECRET)
endpoint = Endpoint(
    url_host="localhost",
    check_origin=False,
    secret_key_base=(SECRET,),
    fallback=debug,
    children=[LobbyPresence],
)
debug.endpoint = endpoint


def _url_check(uri: Any, host: str) -> bool:
    return bool(uri.host == host)


class SharedSocket(JournalledEchoSocket):
    """Mounted twice, with two settings of ``check_origin``."""


endpoint.socket("/echo", EchoSocket, longpoll=PHOENIX)
endpoint.socket(
    "/strict",
    StrictSocket,
    websocket={**STRICT, "subprotocols": ["json.v1"], "error_handler": on_error},
    longpoll={**STRICT, **LONGPOLL},
)
endpoint.socket(
    "/short",
    JournalledEchoSocket,
    websocket={"timeout": 1.5},
    longpoll={**LONGPOLL, "pubsub_timeout": 1.0},
)
endpoint.socket(
    "/ctl",
    ControlSocket,
    websocket={"timeout": 20.0},
    longpoll={**PHOENIX, "window": 1.0, "pubsub_timeout": 0.5},
)
endpoint.socket("/socket", UserSocket, longpoll=PHOENIX)
endpoint.socket(
    "/chanshort",
    UserSocket,
    websocket={"timeout": 1.5},
    longpoll={**LONGPOLL, "pubsub_timeout": 1.0},
)
endpoint.socket("/compress", JournalledEchoSocket, websocket={"compress": True})
endpoint.socket("/maxframe", JournalledEchoSocket, websocket={"max_frame_size": 1024})
endpoint.socket("/noutf8", JournalledEchoSocket)  # ours validates UTF-8 always
endpoint.socket(
    "/origin_conn",
    JournalledEchoSocket,
    websocket={"check_origin": "conn"},
    longpoll={**PHOENIX, "check_origin": "conn"},
)
endpoint.socket(
    "/origin_true",
    JournalledEchoSocket,
    websocket={"check_origin": True},
    longpoll={**PHOENIX, "check_origin": True},
)
endpoint.socket(
    "/origin_mfa",
    JournalledEchoSocket,
    websocket={"check_origin": (_url_check, "mfa.example")},
)
endpoint.socket(
    "/origin_list",
    JournalledEchoSocket,
    websocket={
        "check_origin": [
            "https://secure.example",
            "http://port.example:8080",
            "//any.example:81",
            "//*.wild.example",
        ]
    },
)
endpoint.socket("/origin_shared_a", SharedSocket, websocket={"check_origin": ["//a.example"]})
endpoint.socket("/origin_shared_b", SharedSocket, websocket={"check_origin": ["//b.example"]})
endpoint.socket("/badsubproto", JournalledEchoSocket, websocket={"subprotocols": "json.v1"})
endpoint.socket(
    "/multisubproto", JournalledEchoSocket, websocket={"subprotocols": ["b.v1", "a.v1"]}
)
endpoint.socket("/wsonly", JournalledEchoSocket)
endpoint.socket("/lponly", JournalledEchoSocket, websocket=False, longpoll=PHOENIX)
endpoint.socket(
    "/lpexp",
    JournalledEchoSocket,
    websocket=False,
    longpoll={**PHOENIX, "window": 4.0, "max_age": 1.0},
)
endpoint.socket(
    "/params/:room",
    ParamsSocket,
    websocket={"path": "/project/:project_id"},
    longpoll={**LONGPOLL, "path": "/lp/:project_id"},
)
endpoint.socket("/root", ParamsSocket, websocket={"path": "/"})
