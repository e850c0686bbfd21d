"""Events as log lines: those of the catalogue that nobody else logs, and the access log.

A handler is attached to an event only where its line would be written. So an event at debug level
costs nothing while the level is info, and without ``--access-log`` no request is timed for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from actors import telemetry
from actors.capped_log import CappedLog
from actors.crash_log import later
from actors.crash_text import described
from actors.errors import ProtocolError
from actors.events import CATALOGUE, Event
from actors.logs.formatter import CONTEXT, FIELDS
from actors.logs.traceparent import only
from actors.reasons import Crash, Failure, Reason, Shutdown

LOGGERS: Final[Mapping[str, logging.Logger]] = {
    "actor": logging.getLogger("roost.runtime"),
    "carriers": logging.getLogger("roost.runtime"),
    "channel": logging.getLogger("roost.channels"),
    "connection": logging.getLogger("roost.transports"),
    "drain": logging.getLogger("roost.supervision"),
    "http": logging.getLogger("roost.transports"),
    "longpoll": logging.getLogger("roost.transports"),
    "mailbox": logging.getLogger("roost.runtime"),
    "message": logging.getLogger("roost.channels"),
    "presence": logging.getLogger("roost.presence"),
    "pubsub": logging.getLogger("roost.pubsub"),
    "reload": logging.getLogger("roost.master"),
    "socket": logging.getLogger("roost.transports"),
    "supervisor": logging.getLogger("roost.supervision"),
    "worker": logging.getLogger("roost.master"),
}
"""Whose logger an event's line has, by the first word of its name; else ``roost.endpoint``."""

access: Final = logging.getLogger("roost.access")

MAX_SHOWN: Final = 200
"""Characters of a value in the text of a line."""

SWITCHED: Final = 101
"""The status of an upgrade."""

MAX_ITEMS: Final = 10
"""Of a list."""

MAX_AGENT: Final = 200
"""Characters of a user agent."""

_CONTEXT: Final = {
    "id": "connection", "mount": "mount", "transport": "transport", "topic": "topic",
}  # fmt: skip
"""Metadata that are fields of ours, and what they are called there."""

_SHORT: Final = {"seconds": " s", "bytes": " bytes"}


class EventLine:
    """The handler that writes the line of one event, so many in a period as the event says."""

    def __init__(self, event: Event, logger: logging.Logger) -> None:
        self._event = event
        self._lines = CappedLog(logger, burst=event.burst, period=event.period, later=later)

    def __call__(
        self, name: str, measurements: Mapping[str, float], metadata: Mapping[str, Any]
    ) -> None:
        about = {key: shown(value) for key, value in metadata.items()}
        words = [name, *self._measured(measurements), *_pairs(about)]
        extra: dict[str, Any] = {"event": name, **measurements}
        context: dict[str, str] = {}
        for key, value in about.items():
            if key in _CONTEXT and isinstance(value, str):
                context[_CONTEXT[key]] = value
            else:
                extra.setdefault(key, value)
        self._lines.log(
            self._event.level, name, "%s", " ".join(words), extra={FIELDS: extra, CONTEXT: context}
        )

    def _measured(self, measurements: Mapping[str, float]) -> Iterator[str]:
        for name, value in measurements.items():
            unit = _SHORT.get(self._event.measurements.get(name, ""), "")
            text = f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
            yield f"{name}={text}{unit}"


def shown(value: object) -> Any:
    """Return what a line says of metadata: no object of an application's is asked for its words."""
    if isinstance(value, Reason):
        return _reason(value)
    if isinstance(value, BaseException):
        return described(value)
    if isinstance(value, type):
        return value.__qualname__
    if isinstance(value, tuple | list):
        return ", ".join(str(shown(each)) for each in value[:MAX_ITEMS])
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else type(value).__name__


def _reason(reason: Reason) -> str:
    name = type(reason).__name__
    if isinstance(reason, Crash):  # whose text is in the line of the crash
        return f"{name}: {type(reason.exception).__name__}"
    detail = reason.detail if isinstance(reason, Shutdown | Failure) else None
    if isinstance(detail, ProtocolError):  # ours, in words without what the client has sent
        detail = str(detail)
    return f"{name}: {detail}" if isinstance(detail, str) else name


def _pairs(about: Mapping[str, Any]) -> Iterator[str]:
    for name, value in about.items():
        text = str(value)[:MAX_SHOWN]
        yield f"{name}={text!r}" if " " in text or "=" in text else f"{name}={text}"


def tell_events(*, master: bool = False) -> None:
    """Have the events of this process logged that would be, at the levels that loggers have now.

    To be called again where these have changed. ``master``: those that happen in a master, else
    those of a process that serves.
    """
    for event in CATALOGUE.values():
        if event.told or event.master is not master:
            continue
        logger = LOGGERS.get(event.name.partition(".")[0], logging.getLogger("roost.endpoint"))
        attached = telemetry.attached.get(event.name, ())
        known = [each for each in attached if isinstance(each, EventLine)]
        if not logger.isEnabledFor(event.level):
            for each in known:
                telemetry.detach(event.name, each)
        elif not known:
            telemetry.attach(event.name, EventLine(event, logger))


# -- the access log


def tell_requests() -> None:
    """Write a line for each request, and for each connection at its end; see docs/logging.md."""
    if access.isEnabledFor(logging.INFO):
        telemetry.attach("http.request", _request)
        telemetry.attach("connection.closed", _connection)


def _request(_name: str, measurements: Mapping[str, float], metadata: Mapping[str, Any]) -> None:
    status = metadata["status"]
    if status == SWITCHED:
        return  # the connection has a line of its own
    request = metadata["request"]
    agent = None if request is None else request.header("user-agent")
    fields = {
        "client": metadata["peer"],
        "method": metadata["method"],
        "path": metadata["path"],
        "route": metadata["route"],
        "status": status,
        "bytes": measurements["bytes"],
        "duration": round(measurements["duration"], 6),
        "user_agent": None if agent is None else agent[:MAX_AGENT],
    }
    access.info(
        '%s "%s %s" %s %d bytes %.3f s "%s"',
        _or_dash(fields["client"]),
        _or_dash(fields["method"]),
        _or_dash(fields["path"]),
        _or_dash(status),
        fields["bytes"],
        fields["duration"],
        _or_dash(fields["user_agent"]),
        extra={FIELDS: fields, CONTEXT: {} if request is None else _trace(request)},
    )


def _trace(request: Any) -> dict[str, str]:
    if request.header("traceparent") is None:
        return {}
    parent = only(request.headers_named("traceparent"))
    return {} if parent is None else parent._asdict()


def _connection(_name: str, measurements: Mapping[str, float], metadata: Mapping[str, Any]) -> None:
    about = {_CONTEXT[key]: metadata[key] for key in ("id", "mount", "transport")}
    measured = dict(measurements)
    measured["duration"] = round(measured["duration"], 6)
    fields: dict[str, Any] = {
        "client": metadata["peer"],
        **measured,
        "code": metadata["code"],
        "reason": shown(metadata["reason"]),
        "by": metadata["by"],
    }
    rest = {name: value for name, value in measured.items() if name != "duration"}
    access.info(
        "%s %s %s closed %s by the %s (%s) after %.3f s%s",
        _or_dash(fields["client"]),
        about["transport"],
        about["mount"],
        _or_dash(fields["code"]),
        fields["by"],
        fields["reason"],
        fields["duration"],
        "".join(f", {name} {value}" for name, value in rest.items()),
        extra={FIELDS: fields, CONTEXT: about},
    )


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
