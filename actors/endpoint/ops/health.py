"""What probes are told, from what the master has said last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

SILENCE: Final = 5.0
"""Seconds without a word of the master after which it does not count as alive."""


class Verdict(NamedTuple):
    """Whether the answer is 200, else 503; ``reasons`` say why, a line each."""

    ok: bool
    reasons: tuple[str, ...]


class Health(NamedTuple):
    """What the master says of the service, and how many seconds ago (``age``).

    ``state`` is ``"booting"``, ``"serving"`` or ``"stopping"``, ``served`` whether a worker has
    been ready once, ``ready`` how many are that have given a sign of life in time, ``silent`` how
    many have not, ``wanted`` how many there should be. ``until``: when a stop is over at the latest
    (CLOCK_MONOTONIC); ``None`` where there is none. ``asked``: how many the settings ask for with
    which workers serve; ``None`` where nobody says.
    """

    state: str
    served: bool
    ready: int
    silent: int
    wanted: int
    until: float | None
    age: float
    asked: int | None = None

    @classmethod
    def said(cls, given: Mapping[str, Any], age: float) -> Health:
        """Return what a message of the master's says; it may lack what we know, and have more."""
        return cls(
            state=str(given.get("state", "booting")),
            served=bool(given.get("served", False)),
            ready=int(given.get("ready", 0)),
            silent=int(given.get("silent", 0)),
            wanted=int(given.get("wanted", 0)),
            until=given.get("until"),
            age=age,
            asked=given.get("asked"),
        )


def live(health: Health | None) -> Verdict:
    """Judge ``/livez``: whether the container should go on."""
    if health is None:
        return Verdict(False, ("the master has said nothing yet",))
    if health.age > SILENCE:
        return Verdict(False, (f"the master has said nothing for {health.age:.1f} s",))
    return Verdict(True, ("the master is alive",))


def started(health: Health | None) -> Verdict:
    """Judge ``/startupz``: whether a worker has been ready once."""
    if health is None or not health.served:
        return Verdict(False, ("no worker has been ready yet",))
    return Verdict(True, ("a worker has been ready",))


def ready(health: Health | None, min_ready: int) -> Verdict:
    """Judge ``/readyz``: whether clients should come here.

    ``min_ready`` may be of a reload that is off, or has not got to more workers yet.
    """
    alive = live(health)
    if health is None or not alive.ok:
        return alive
    if health.asked is not None:
        min_ready = min(min_ready, health.asked)
    reasons = []
    if health.state == "stopping":
        reasons.append("the service is stopping")
    elif health.state != "serving":
        reasons.append("the service is booting")
    if health.ready < min_ready:
        reasons.append(f"{_workers(health.ready)} ready, {min_ready} wanted at least")
    if health.silent:
        reasons.append(f"{_workers(health.silent)} silent")
    bad = health.state != "serving" or health.ready < min_ready
    if not bad:
        reasons.insert(0, f"{health.ready} of {_workers(health.wanted)} ready")
    return Verdict(not bad, tuple(reasons))


def _workers(count: int) -> str:
    return "1 worker is" if count == 1 else f"{count} workers are"
