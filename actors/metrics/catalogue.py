"""Every metric of Roost's own, as data; docs/metrics.md has the same table.

Names are those that a scrape shows behind :data:`PREFIX`; counters end in ``_total``. Units are
base units (seconds, bytes). A label has few values, which no client chooses: never a topic, an id,
an address or an event's name. Where an application causes more than :data:`MAX_ROWS` of one metric,
the rest is counted under ``"other"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from actors.events import CAUSES

Kind = Literal["counter", "gauge", "histogram"]
Merge = Literal["sum", "max"]

PREFIX: Final = "roost_"

OTHER: Final = "other"
"""The value of each label of what found no room."""

MAX_ROWS: Final = 100
"""Rows (series) of one metric of ours in a worker; what comes then is counted under ``other``."""

MAX_ZEROS: Final = 50
"""Rows of one metric that are there before anything was counted: the others are for what comes."""

LIFETIMES: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds; those of OpenTelemetry's ``signalr.server.connection.duration``."""

WAITS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds of what asks others: ``connect`` and ``join`` look into databases."""

TURNS: Final = tuple(1e-6 * 2**power for power in range(24))
"""Seconds, each twice the one before: 1 us to 8.4 s. An index is the length of a number in bits."""

LAGS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

DIRECTIONS: Final = ("in", "out")
TRANSPORTS: Final = ("websocket", "longpoll")
STATES: Final = ("starting", "ready", "stopping")
"""Of a worker."""

REASONS: Final = (
    "normal", "client", "lost", "restart", "shutdown", "timeout", "inactive", "slow_consumer",
    "overflow", "flood", "message_timeout", "protocol_error", "crash", "killed", "failure",
)  # fmt: skip
"""Why a connection ended: the exit reason of its socket, see ``transports/closing.py``."""

ENDS: Final = (
    ("1000", "normal"), ("1000", "client"), ("1001", "client"), ("none", "lost"),
    ("1012", "restart"), ("1001", "shutdown"), ("1001", "timeout"), ("none", "inactive"),
    ("1008", "slow_consumer"), ("1008", "overflow"), ("1008", "flood"),
    ("1008", "message_timeout"), ("1002", "protocol_error"), ("1007", "protocol_error"),
    ("1009", "protocol_error"), ("1011", "crash"), ("none", "killed"), ("1011", "failure"),
    ("none", "normal"), ("none", "restart"), ("none", "shutdown"), ("none", "overflow"),
    ("none", "crash"), ("none", "failure"),
)  # fmt: skip
"""Codes and reasons of the ends that are to be expected; those of long-poll sessions have no code.
An application may close with codes of its own beside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """``merge``: how the gauges of workers become one. ``buckets``: upper bounds of a histogram.

    ``values``: what a label may say, where that is known beforehand. ``source``: who counts it; the
    master's are made of its snapshot, those of the ops process by that itself.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    merge: Merge = "sum"
    buckets: tuple[float, ...] = ()
    values: Mapping[str, tuple[str, ...]] | None = None
    source: Literal["worker", "master", "ops"] = "worker"


def _counter(name: str, text: str, *labels: str, **more: tuple[str, ...]) -> Metric:
    return Metric(name=name, kind="counter", help=text, labels=labels, values=more or None)


def _gauge(name: str, text: str, *labels: str, merge: Merge = "sum") -> Metric:
    return Metric(name=name, kind="gauge", help=text, labels=labels, merge=merge)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name=name, kind="histogram", help=text, labels=labels, buckets=buckets)


def _master(kind: Kind, name: str, text: str, *labels: str, **more: tuple[str, ...]) -> Metric:
    return Metric(
        name=name, kind=kind, help=text, labels=labels, values=more or None, source="master"
    )


def _ops(kind: Kind, name: str, text: str, *labels: str) -> Metric:
    return Metric(name=name, kind=kind, help=text, labels=labels, source="ops")


_METRICS: Final = (
    # -- connections
    _gauge("connections", "WebSockets and long-poll sessions.", "mount", "transport", "worker"),
    _counter(
        "connections_opened_total", "Connections whose socket was connected.",
        "mount", "transport", transport=TRANSPORTS,
    ),
    _counter(
        "connections_closed_total", "Connections that ended, by close code and reason.",
        "code", "reason", reason=REASONS,
    ),
    _counter(
        "connections_refused_total", "Clients that got no connection.",
        "cause", cause=tuple(sorted(CAUSES)),
    ),
    _histogram("connection_duration_seconds", "How long connections lasted.", LIFETIMES),
    _histogram("connect_duration_seconds", "How long connect took, refused or not.", WAITS),
    _counter(
        "messages_total", "Messages of clients (in) and to clients (out).",
        "direction", direction=DIRECTIONS,
    ),
    _counter(
        "bytes_total", "Bytes of frames and bodies read of clients (in) and written to them (out).",
        "direction", direction=DIRECTIONS,
    ),
    _gauge("longpoll_sessions", "Open long-poll sessions.", "worker"),
    _counter("clients_accepted_total", "TCP and Unix connections accepted, of HTTP too."),
    _gauge("clients", "Open TCP and Unix connections, of HTTP too.", "worker"),
    # -- actors
    _gauge("actors", "Actors alive.", "worker"),
    _gauge("channels", "Channels that are joined.", "worker"),
    _gauge("presences", "Presences tracked by this worker.", "worker"),
    _gauge("mailbox_messages", "Messages that wait in mailboxes.", "worker"),
    _gauge("mailbox_max", "Messages in the longest mailbox.", merge="max"),
    _counter("crashes_total", "Actors that a callback's exception ended.", "actor"),
    _counter("restarts_total", "Restarts by supervisors in workers."),
    _histogram(
        "channel_join_duration_seconds", "How long a join took that let its client in.", WAITS,
        "channel",
    ),
    _histogram(
        "channel_in_duration_seconds", "Turns of a client's event in a channel, one in 64.", TURNS,
        "channel",
    ),
    # -- publishing
    _counter("broadcasts_total", "Broadcasts made in this process."),
    _counter("deliveries_total", "Subscribers that broadcasts were delivered to."),
    _counter("pubsub_gaps_total", "Broadcasts of other workers that were missed."),
    _counter("pubsub_dropped_total", "Broadcasts that a peer's queue had no room for."),
    # -- the process
    _histogram("turn_duration_seconds", "Turns of actors, one in 64.", TURNS),
    _histogram("hub_lag_seconds", "How late the loop was, ten times a second.", LAGS),
    _gauge("hub_lag_max_seconds", "The worst of the last second.", merge="max"),
    _counter("hub_stalls_total", "Times that the loop stood still for 0.2 s or longer."),
    _gauge("carriers_parked", "Turns that are blocked in user code.", "worker"),
    _gauge("ready_actors", "Actors that wait for a turn.", "worker"),
    _gauge("drain_left", "Connections that are left while a drain ends them.", "worker"),
    _counter("metrics_series_dropped_total", "Updates of users' metrics that found no room."),
    _counter("process_cpu_seconds_total", "CPU time of the worker's process.", "worker"),
    _gauge("process_resident_memory_bytes", "Memory of the worker's process.", "worker"),
    _gauge("process_open_fds", "Open descriptors of the worker's process.", "worker"),
    # -- the master's own
    _master("gauge", "workers", "Worker processes.", "state", state=STATES),
    _master("gauge", "workers_wanted", "Worker processes that there should be."),
    _master("counter", "worker_restarts_total", "Workers that ended unasked and were replaced."),
    _master(
        "counter", "worker_beats_missed_total",
        "Workers that ended without a last beat, and lost what they counted since the one before.",
    ),
    _master("gauge", "worker_beat_age_seconds", "Since a worker's last sign of life.", "worker"),
    _master("gauge", "master_resident_memory_bytes", "Memory of the master."),
    _master("counter", "master_cpu_seconds_total", "CPU time of the master."),
    _master("gauge", "master_open_fds", "Open descriptors of the master."),
    _master("gauge", "snapshot_age_seconds", "How old the figures of this page are."),
    _ops("gauge", "ops_resident_memory_bytes", "Memory of the ops process."),
    _ops("counter", "ops_cpu_seconds_total", "CPU time of the ops process."),
    _ops("gauge", "ops_open_fds", "Open descriptors of the ops process."),
    _ops("gauge", "build_info", "Always 1.", "version", "python", "build"),
)  # fmt: skip

CATALOGUE: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _METRICS}
