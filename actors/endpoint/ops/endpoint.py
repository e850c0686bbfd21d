"""The endpoint of the ops port: a description, as any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from actors.endpoint.definition import Endpoint
from actors.endpoint.ops.access import Access
from actors.endpoint.ops.answers import Answers
from actors.endpoint.ops.bounds import MAX_BODY, MAX_CONNECTIONS, MAX_HEAD, PER_ADDRESS
from actors.endpoint.ops.source import Snapshot, Source
from actors.endpoint.serving.publish_requests import Keys
from actors.schedule import OPS_ENDS
from supervision.processes.usage import used
from transports.http.options import HTTPOptions

PART: Final = 0.8
"""The part of :data:`~actors.schedule.OPS_ENDS` in which it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsSettings:
    """What ``--ops`` and its options say: see docs/health.md."""

    min_ready: int = 1
    token: str | None = None
    deeds: bool = False
    hosts: tuple[str, ...] = ()

    @classmethod
    def said(cls, options: Mapping[str, Any]) -> OpsSettings:
        """Return those of a message of the master's."""
        return cls(
            min_ready=options.get("min_ready", 1),
            token=options.get("token"),
            deeds=options.get("deeds", False),
            hosts=tuple(options.get("hosts", ())),
        )


def has_client() -> bool:
    """Whether ``prometheus_client`` is there; it is imported at the first scrape."""
    return find_spec("prometheus_client") is not None


def made(source: Source, settings: OpsSettings) -> Endpoint:
    """Return the endpoint, which serves what ``source`` knows."""
    endpoint = Endpoint(
        http=HTTPOptions(max_body=MAX_BODY, max_head=MAX_HEAD, max_bodies=64 * MAX_BODY),
        max_connections=MAX_CONNECTIONS,
        max_connections_per_address=PER_ADDRESS,
        grace=PART * OPS_ENDS,
        last_poll=0.01,
    )
    tokens = None if settings.token is None else Keys(settings.token)
    access = Access(tokens, settings.hosts, deeds=settings.deeds)
    answers = Answers(source, access, settings.min_ready, _render if has_client() else None)
    for path, handler in answers.routes.items():
        endpoint.page(path, handler)
    return endpoint


def _render(found: Snapshot, accept: str) -> tuple[bytes, str]:
    from actors.endpoint.ops.exposition import rendered  # noqa: PLC0415 - prometheus_client

    return rendered(found.whole, found.age, used(), accept)
