"""What a master tells its ops process, and does for it.

With SIGUSR2 there are two masters on one ops port. The newer one has it from when it
serves until it stops: see :mod:`supervision.processes.ops_relay`.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from supervision.processes.ending import Ending
from supervision.processes.fleet import NEVER, Fleet, State
from supervision.processes.ops_relay import Relay
from supervision.processes.ops_slot import OpsSlot, Reply
from supervision.processes.slots import Slots
from supervision.processes.spawn import counted

logger = logging.getLogger("roost.master")

EVERY: Final = 1.0
"""Seconds between two messages that say how the service is, also where nothing has changed."""

LATE: Final = 5.0
"""Seconds without a sign of life after which a worker does not count as ready. It may come back: it
is ended when it has been silent for ``--heartbeat-timeout``."""

STOPPING: Final = "the service is stopping already"


class Orders(NamedTuple):
    """What the desk has the master do: ``snapshot()`` returns what ``/metrics`` is made of."""

    snapshot: Callable[[], dict[str, Any]]
    reload: Callable[[], object]
    terminate: Callable[[], object]


class OpsDesk:
    """One side of a master. It begins, tells and ends as the master says."""

    def __init__(
        self,
        slot: OpsSlot,
        fleet: Fleet,
        slots: Slots,
        ending: Ending,
        orders: Orders,
    ) -> None:
        self._slot = slot
        self._fleet = fleet
        self._slots = slots
        self._ending = ending
        self._orders = orders
        self._told: dict[str, Any] | None = None
        self._next = 0.0
        self._too_few = False
        self._newer: Relay | None = None
        older = slot.older
        self._older = Relay(older, fleet.selector, self._older_says) if older else None
        self._over = False
        slot.on_message = self._heard
        slot.on_ready = self._answers

    # -- from the start to the end

    def begin(self) -> None:
        """Have an ops process, unless an earlier master still has the port."""
        if self._older is None:
            self._slot.begin()

    def serves(self) -> None:
        """Learn that the service is complete: now the port is ours in any case."""
        self._slot.begin()

    def stops(self) -> None:
        """Learn that the service stops; where an earlier master goes on, the port is its."""
        if self._older is not None:
            self._older.say("leaves")
            self._slot.end()

    def end(self) -> None:
        """End the ops process; there is nothing left to be told about."""
        self._over = True
        self._slot.end()
        for relay in (self._older, self._newer):
            if relay is not None:
                relay.close()

    def hand_over(self) -> tuple[socket.socket, socket.socket] | None:
        """Return what a master that follows us inherits; the second is to be closed here."""
        if self._slot.listener is None:
            return None
        if self._newer is not None:
            self._newer.close()
        self._newer, theirs = Relay.pair(self._fleet.selector, self._newer_says)
        return self._slot.listener, theirs

    def _answers(self) -> None:
        if self._older is not None:
            self._older.say("takes")

    def _newer_says(self, word: str) -> None:
        if word == "takes":
            self._slot.end()
        elif not self._over:  # it leaves, or has ended
            self._slot.begin()

    def _older_says(self, word: str) -> None:
        if word == "ended":
            self._older = None
            if not self._over:
                self._slot.begin()

    # -- how the service is

    @property
    def due(self) -> float:
        """When :meth:`tell_health` has something to do although nothing has happened."""
        return self._next if self._slot.running else NEVER

    def tell_health(self) -> None:
        """Say how the service is, where that is news or has not been said for a second."""
        if not self._slot.running:
            return
        now = self._fleet.clock()
        state = self._state(now)
        if state != self._told or now >= self._next:
            self._told, self._next = state, now + EVERY
            self._slot.tell_health(state)
            self._tell_too_few()

    def _tell_too_few(self) -> None:
        """Warn once where fewer workers are wanted than must be ready.

        SIGTTOU may ask for that, and a reload that keeps the number of SIGTTOU. While workers are
        replaced their number may be about to change.
        """
        if not self._slots.served or self._slots.reloading or self._ending.begun:
            return
        least = min(self._slot.min_ready, self._slots.asked)
        before, self._too_few = self._too_few, self._slots.wanted < least
        if self._too_few and not before:
            logger.warning(
                "%s wanted, and --min-ready is %d: /readyz is 503 from now on, until SIGTTIN has"
                " added workers",
                counted(self._slots.wanted), least,
            )  # fmt: skip

    def _state(self, now: float) -> dict[str, Any]:
        """Return the health; ``until`` is CLOCK_MONOTONIC."""
        ready = [each for each in self._fleet if each.state is State.READY]
        since = now - min(LATE, self._fleet.timeouts.heartbeat)
        beating = sum(1 for each in ready if each.beat >= since)
        until = self._ending.until()
        return {
            "state": self._ending.stage(served=self._slots.served),
            "served": self._slots.served,
            "ready": beating,
            "silent": len(ready) - beating,
            "wanted": self._slots.wanted,
            "asked": self._slots.asked,
            "until": None if until == NEVER else until,
        }

    def _heard(self, message: list[Any], reply: Reply) -> None:
        match message:
            case ["snapshot"]:
                try:
                    reply("snapshot", self._orders.snapshot())
                except ValueError as error:  # it is too large to be sent
                    logger.error("no snapshot for the ops process: %s", error)
            case ["do", int() as ticket, str() as name, dict() as arguments]:
                reply("done", ticket, self._do(name, arguments))
            case _:
                logger.warning("the ops process said what nobody understands: %.100r", message)

    def _do(self, name: str, arguments: dict[str, Any]) -> str | None:
        """Do what is asked for; return why not, in words."""
        logger.info("the ops port asks: %.80s", f"{name} {arguments}" if arguments else name)
        if self._ending.begun:
            return STOPPING
        match name, arguments:
            case "reload", {}:
                self._orders.reload()
                return None
            case "drain", {"worker": slot}:
                return self._slots.replace(slot)
            case "drain", {}:
                self._orders.terminate()
                return None
        return f"this master knows no deed {name:.80}"
