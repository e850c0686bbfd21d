"""Every limit there is, as ``--print-limits`` lists it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from actors import crash_log, publish_message, schedule, signing
from actors import packets as frames
from actors.channels import hot
from actors.channels.channel import Channel
from actors.channels.socket import ChannelSocket
from actors.endpoint.command import config_file, sources, stacks
from actors.endpoint.mounts import Mounts
from actors.endpoint.ops import access, health
from actors.endpoint.ops import bounds as ops
from actors.endpoint.serving import lease, publish_requests
from actors.logs import line as log_line
from actors.metrics import catalogue as counted
from actors.metrics import registry as own_metrics
from actors.options import Options, build, limits
from actors.presence import entries, held, members, periods, presence, tracker, windows
from actors.pubsub import bus, link, numbers, pace, wire
from actors.pubsub.redis import outbox
from actors.pubsub.redis import schedule as redis
from actors.runtime import actor, blocked, dear, descriptors, dispatcher, reserve
from actors.serializers import message, strict_json
from actors.socket import Socket
from supervision.draining import DrainOptions
from supervision.processes import channel, fleet, ops_desk, ops_slot, sockets, totals
from supervision.processes import writer as log_writer
from supervision.processes.bounds import MAX_WORKERS
from transports.http import chunked, forwarded, grammar, query, shared, writer
from transports.longpoll import claims, relay
from transports.longpoll import transport as longpoll
from transports.tcp import listener, patience, proxy_protocol, stream
from transports.websocket import connection, deflate, protocol, read_rate

PERIODS = periods.Periods()

FIXED: tuple[tuple[str, Any, str, str], ...] = (
    ("actor.mailbox_messages", actor.Actor.mailbox_messages, "messages", "told, not yet handled"),
    ("actor.mailbox_bytes", actor.Actor.mailbox_bytes, "bytes", "the same"),
    ("socket.mailbox_messages", Socket.mailbox_messages, "messages", "the same, of a socket"),
    ("socket.mailbox_bytes", Socket.mailbox_bytes, "bytes", "the same, of a socket"),
    ("channel.mailbox_messages", Channel.mailbox_messages, "messages", "the same, of a channel"),
    ("channel.mailbox_bytes", Channel.mailbox_bytes, "bytes", "the same, of a channel"),
    ("channel.join_timeout", Channel.join_timeout, "seconds", "for join, then join timeout"),
    (
        "channel.waiting",
        hot.MAX_WAITING,
        "messages",
        "of the client for one channel, then it is not read from",
    ),
    ("channel.waiting_bytes", hot.MAX_WAITING_BYTES, "bytes", "the same, in bytes of frames"),
    ("channel.name", message.MAX_NAME, "bytes", "of a topic, an event or a ref, else refused"),
    ("channel.json_depth", strict_json.MAX_DEPTH, "levels", "of JSON in a message, else 1007"),
    ("actor.turn", actor.TURN_MESSAGES, "messages", "handled before others get their turn"),
    ("dispatcher.slice", dispatcher.SLICE, "seconds", "before the loop gets its turn"),
    ("dispatcher.carriers", blocked.MAX_CARRIERS, "turns", "blocked in user code at once"),
    ("dispatcher.ends", reserve.FOR_ENDS, "turns", "the same, beside, while they serve their exit"),
    ("dispatcher.keepers", reserve.FOR_KEEPERS, "turns", "the same, beside, of what ends others"),
    ("listener.backlog", sockets.BACKLOG, "connections", "waiting to be accepted"),
    ("listener.patience", patience.PATIENCE, "seconds", "a client waits for workers that stay"),
    ("listener.accepts", listener.ACCEPTS_PER_TURN, "clients", "accepted before others are served"),
    ("dispatcher.events", descriptors.POLL_EVENTS, "descriptors", "served per poll"),
    ("dispatcher.dear", dear.DEAR, "seconds", "of a read, else it waits for others"),
    ("dispatcher.dear_patience", dear.PATIENCE, "seconds", "until one that waits is read"),
    ("stream.read", stream.READ_SIZE, "bytes", "read from one connection at a time, at most"),
    ("stream.dear_read", stream.DEAR_READ, "seconds", "of a read, else the next is half as large"),
    ("http.read", stream.REQUEST_READ_SIZE, "bytes", "the same, while HTTP is spoken"),
    ("http.write_ahead", writer.WRITE_AHEAD, "bytes", "written for a client that does not read"),
    ("http.quiet", schedule.QUIET, "seconds", "without a byte, when its server ends"),
    ("http.small_body", shared.SMALL_BODY, "bytes", "of a body that max_bodies never refuses"),
    (
        "http.chunk_framing_share",
        chunked.FRAMING_SHARE,
        "bytes",
        "of a body that allow one more of max_chunk_framing",
    ),
    ("stream.write", stream.WRITE_SIZE, "bytes", "offered to the kernel at a time"),
    ("stream.linger", stream.LINGER, "seconds", "a closed stream waits for its peer"),
    (
        "websocket.waiting_bytes",
        connection.MAX_WAITING_BYTES,
        "bytes",
        "read for a socket that is busy, before its client has to wait",
    ),
    ("websocket.waiting_events", connection.MAX_WAITING_EVENTS, "events", "the same"),
    (
        "websocket.max_read_pause",
        read_rate.MAX_PAUSE,
        "seconds",
        "over max_read_rate without a break, then 1008",
    ),
    ("websocket.failure_linger", connection.LINGER_AFTER_FAILURE, "seconds", "after 1002 and such"),
    ("websocket.inflate_free", deflate.RATIO_ABOVE, "bytes", "inflated before the ratio counts"),
    ("websocket.control_burst", protocol.CONTROL_BURST, "seconds", "of max_control_rate at once"),
    ("longpoll.claims", claims.MANY, "sessions", "of a connection; it is a proxy's that has more"),
    (
        "longpoll.sessions_per_address",
        longpoll.SESSIONS_PER_ADDRESS,
        "sessions",
        "of a client in a worker, where `forwarded` says it and `max_sessions_per_address` is None",
    ),
    ("proxy_protocol.line", proxy_protocol.MAX_LINE, "bytes", "of version 1, else it is closed"),
    ("proxy_protocol.size", proxy_protocol.MAX_SIZE, "bytes", "of version 2, else it is closed"),
    ("forwarded.hops", forwarded.MAX_HOPS, "proxies", "that a request came through, else 400"),
    ("header.tokens", grammar.MAX_TOKENS, "tokens", "in a list such as Sec-WebSocket-Protocol"),
    ("query.params", query.MAX_PARAMS, "parameters", "in a query, else 400"),
    ("query.depth", query.MAX_DEPTH, "levels", "of nesting in a query, else 400"),
    ("pubsub.message", frames.MAX_FRAME, "bytes", "of a broadcast, packed"),
    (
        "bus.post",
        wire.MAX_WHOLE - relay.ALONG,
        "bytes",
        "of a POST for a session of another worker, else 413",
    ),
    ("publish.list", publish_requests.MAX_LIST, "messages", "in one request, else 400"),
    (
        "publish.connections",
        publish_requests.MAX_CONNECTIONS,
        "connections",
        "to the socket of --publish in one process, else 503",
    ),
    ("publish.body", publish_message.MAX_BODY, "bytes", "of a request that publishes, else 413"),
    ("bus.message", wire.MAX_WHOLE, "bytes", "to another worker, in parts"),
    ("bus.queue", link.MAX_QUEUED, "bytes", "for a worker that does not read, then gaps"),
    ("bus.reserve", wire.RESERVE, "bytes", "beyond that, for what has 4096 or fewer"),
    ("bus.requests", relay.MAX_IN_FLIGHT, "bytes", "of POSTs to another worker, more are 503"),
    ("bus.greeting", bus.GREETING_TIMEOUT, "seconds", "until another worker must have greeted"),
    ("bus.held", relay.SAY_HELD, "seconds", "until a POST or poll from there is said to be held"),
    ("bus.step", pace.STEP_MESSAGES, "messages", "of other workers between two rounds of turns"),
    ("bus.step_bytes", pace.STEP_BYTES, "bytes", "the same"),
    ("redis.message", frames.MAX_FRAME, "bytes", "to other machines"),
    ("redis.queue", outbox.MAX_WAITING, "bytes", "that Redis has not taken yet, then gaps"),
    ("redis.reserve", wire.RESERVE, "bytes", "beyond that, for what has 4096 or fewer"),
    ("redis.kept", outbox.KEEP_TIME, "seconds", "of broadcasts kept while Redis is away"),
    ("redis.kept_bytes", outbox.KEEP_BYTES, "bytes", "the same"),
    (
        "redis.silence",
        redis.SILENCE,
        "seconds",
        "until Redis is asked, and as long until it is dead",
    ),
    ("redis.wait", redis.LONGEST_WAIT, "seconds", "between attempts to reach Redis, at most"),
    ("once.lease", lease.SECONDS, "seconds", "between machines, where it is not renewed"),
    (
        "redis.patience",
        relay.PATIENCE,
        "seconds",
        "for polls of machines out of reach",
    ),
    ("redis.publishers", numbers.MAX_PUBLISHERS, "workers", "whose numbers are known, for gaps"),
    ("presence.metas", entries.MAX_METAS, "metas", "under one key of a topic, else PresenceLimit"),
    ("presence.keys", entries.MAX_KEYS, "keys", "in one topic, else PresenceLimit"),
    ("presence.meta", entries.MAX_META_BYTES, "bytes", "of a meta as JSON, else PresenceLimit"),
    ("presence.name", entries.MAX_NAME_BYTES, "bytes", "of a key or a topic, else PresenceLimit"),
    ("presence.entries", entries.MAX_ENTRIES, "metas", "that one worker may track, else refused"),
    (
        "presence.leave_delay",
        presence.Presence.leave_delay,
        "seconds",
        "that a lost leave waits for its key to come back",
    ),
    (
        "presence.per_viewer",
        round(windows.PER_VIEWER * 1e6),
        "microseconds",
        "between two diffs of a topic, for each viewer",
    ),
    ("presence.window", windows.LONGEST, "seconds", "between two diffs of a topic, at most"),
    ("presence.states", tracker.MAX_CACHED, "bytes", "of states kept encoded, then made anew"),
    ("presence.delta", PERIODS.delta_every, "seconds", "between two messages to other workers"),
    ("presence.beat", PERIODS.beat_every, "seconds", "of silence, then a worker says its clock"),
    ("presence.want", PERIODS.want_every, "seconds", "between two questions for what is missing"),
    ("presence.page", PERIODS.page_bytes, "bytes", "of entries in one message, about"),
    ("presence.log", PERIODS.log, "changes", "told again to who missed them, else all"),
    ("presence.stall", PERIODS.stall, "seconds", "of our own lateness, then nobody is silent"),
    ("presence.down", PERIODS.down, "seconds", "of a machine's silence, then it is hidden"),
    ("presence.forget", PERIODS.forget, "seconds", "the same, then it is forgotten"),
    ("presence.members", members.MAX_MEMBERS, "workers", "that are known, more are not heard"),
    ("presence.graves", members.MAX_GRAVES, "workers", "that have ended and are remembered"),
    ("presence.answers", members.MAX_ANSWERS, "answers", "to one worker in a second"),
    ("presence.catch_up", presence.CATCH_UP, "seconds", "to learn who is there, before it serves"),
    ("presence.held", held.MAX_HELD, "leaves", "that wait, told to a worker that begins"),
    ("master.workers", MAX_WORKERS, "processes", "of one master"),
    ("metrics.rows", counted.MAX_ROWS, "rows", "of one metric of ours, then `other`"),
    ("metrics.zeros", counted.MAX_ZEROS, "rows", "of one that are there before the first event"),
    ("metrics.bytes", own_metrics.MAX_BYTES, "bytes", "of all an application's own, then dropped"),
    ("metrics.value", own_metrics.MAX_VALUE, "characters", "of a label's value, then it is cut"),
    ("metrics.labels", own_metrics.MAX_LABELS, "labels", "of a metric of the application"),
    ("metrics.buckets", own_metrics.MAX_BUCKETS, "buckets", "of its histogram"),
    ("metrics.kept", totals.MAX_ROWS, "series", "of ended workers, each metric, then `other`"),
    ("master.unsent", channel.MAX_UNSENT, "bytes", "for a worker that does not read"),
    ("log.waiting", log_writer.MAX_WAITING, "bytes", "of the log that wait to be written"),
    ("ops.message", channel.LARGE, "bytes", "of what the master sends to the ops process"),
    ("master.boot", fleet.BOOT, "seconds", "until a worker must be ready"),
    ("ops.connections", ops.MAX_CONNECTIONS, "connections", "to the ops port, else 503"),
    ("ops.per_address", ops.PER_ADDRESS, "connections", "of one address to it, else 503"),
    ("ops.body", ops.MAX_BODY, "bytes", "of a request to the ops port, else 413"),
    ("ops.head", ops.MAX_HEAD, "bytes", "of its request line and all headers, else 431"),
    ("ops.failures", access.FAILURES, "tokens", "wrong from one address in a minute, else 429"),
    ("ops.addresses", access.ADDRESSES, "addresses", "whose wrong tokens are counted"),
    ("ops.snapshot", ops.FRESH, "seconds", "that a scrape waits, then it gets older figures"),
    ("ops.deed", ops.PATIENCE, "seconds", "until the master has done it, else 504"),
    ("ops.boot", ops_slot.BOOT, "seconds", "until the ops process must be ready"),
    ("ops.silence", ops_slot.SILENCE, "seconds", "of its silence, then it is killed"),
    ("ops.late", ops_desk.LATE, "seconds", "of a worker's silence, then it is not ready"),
    ("ops.master", health.SILENCE, "seconds", "of the master's silence, then /livez is 503"),
    ("log.line", log_line.MAX_LINE, "characters", "of a line, or of a stack"),
    (
        "log.stacks",
        stacks.MAX_TEXT,
        "characters",
        "of what SIGUSR1 prints of a process, then a count",
    ),
    ("log.crashes", crash_log.LINES, "lines", "in 10 s of crashes at one place, then a count"),
    ("log.refusals", 1, "lines", "in 1 s of one kind that clients can cause, then a count"),
    ("config.file", config_file.MAX_SIZE, "bytes", "of the file of settings, else refused"),
    ("config.key", sources.DEEPEST, "names", "in a key of that file, else refused"),
    (
        "config.problems",
        sources.MOST,
        "lines",
        'on wrong settings, then "and more"',
    ),
    ("token.size", signing.MAX_TOKEN, "bytes", "of a signed token"),
)


CHANNELS: tuple[tuple[str, str, str], ...] = (
    ("max_channels", "channels", "of one connection, more are answered with an error"),
    (
        "max_join_rate",
        "joins/second",
        "max_channels at once; more get an error, twice of it for 5 s 1008",
    ),
    ("max_message_rate", "messages/second", "the same, of messages to channels"),
    ("channel_shutdown", "seconds", "for channels to end, then they are killed"),
)
"""Attributes of a :class:`~actors.channels.socket.ChannelSocket`, listed for each mount of one."""


def listed(endpoint: Mounts) -> Iterator[str]:
    """Yield one line per limit: name, value in force, unit, meaning."""
    yield from map(_line, FIXED)
    yield from _of("endpoint", endpoint.options)
    yield from _of("http", endpoint.options.http)
    for mounted in endpoint.mounts:
        if issubclass(mounted.socket_class, ChannelSocket):
            for name, unit, doc in CHANNELS:
                value = getattr(mounted.socket_class, name)
                yield _line((f"{mounted.path} channels.{name}", value, unit, doc))
        for name, options in mounted.transports.items():
            yield from _of(f"{mounted.path} {name}", options)
        if isinstance(mounted.drainer, Mapping):
            yield from _of(f"{mounted.path} drainer", build(DrainOptions, mounted.drainer, ""))
        elif mounted.drainer is True:
            yield from _of(f"{mounted.path} drainer", DrainOptions())


def _of(prefix: str, options: Options) -> Iterator[str]:
    values = {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}
    for name, _, unit, doc in limits(type(options)):
        yield _line((f"{prefix}.{name}", values[name], unit, doc))


def _line(row: tuple[str, Any, str, str]) -> str:
    name, value, unit, doc = row
    return f"{name:<48} {'none' if value is None else value:>12} {unit:<16} {doc}"
