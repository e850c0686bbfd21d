"""The application of ``presence.py``: a room with guests that come and go by themselves."""

import itertools
import statistics
import sys
import time
from typing import ClassVar

from actors import Actor, Channel, ChannelSocket, Endpoint, Ok, Presence, on

TOPIC = "room:1"
META = {"online_at": 1732752000}
BATCH = 500
KEPT = 1000
"""Guests of the churn."""


class RoomPresence(Presence):
    pass


class Guest(Actor):
    """One that is tracked; it has no client."""


class Before(Actor):
    """Started right before presence: notes when."""

    at = 0.0

    def on_start(self):
        Before.at = time.monotonic()


class After(Actor):
    """Started right behind it: says how long a worker took to know who is there."""

    def on_start(self):
        took = 1e3 * (time.monotonic() - Before.at)
        print(f"knows {RoomPresence.count(TOPIC)} in {took:.0f} ms", file=sys.stderr, flush=True)


class Churn(Actor):
    """So many times a second, one comes and one of before goes, in turns."""

    running = None

    def on_start(self):
        Churn.running = self.actor_ref
        self.rate, self.numbers = 0.0, itertools.count()
        self.guests = []

    def on_receive(self, rate):
        if rate is not None:  # else the timer's
            idle, self.rate = not self.rate, rate
            if idle and rate:
                while len(self.guests) < KEPT:  # so that none comes and goes in one diff
                    self.come()
                self.send_after(0, None)
        elif self.rate:
            self.send_after(1 / self.rate, None)
            if len(self.guests) > KEPT:
                self.guests.pop(0).stop(block=False)
            else:
                self.come()

    def come(self):
        self.guests.append(Guest.start())
        RoomPresence.track(self.guests[-1], TOPIC, f"churn-{next(self.numbers)}", META)


class Room(Channel):
    def joined(self):
        if self.topic != TOPIC:  # whose state is megabytes: its viewers get diffs alone
            RoomPresence.push_state(self)

    @on("invite")
    def invite(self, payload):
        """Track so many guests; return the CPU time of one track, in microseconds.

        ``median`` is that of batches, few of which have a collection of all garbage in them, which
        the growing heap is due for; ``mean`` has them all.
        """
        guests = [Guest.start() for _ in range(payload["count"])]
        took, began = [], time.process_time()
        for number, guest in enumerate(guests, 1):
            RoomPresence.track(guest, TOPIC, f"guest-{number}", META)
            if number % BATCH == 0:
                took.append(time.process_time())
        each = [1e6 * (b - a) / BATCH for a, b in itertools.pairwise([began, *took])]
        return Ok({"median": statistics.median(each), "mean": statistics.fmean(each)})

    @on("churn")
    def churn(self, payload):
        Churn.running.tell(payload["rate"])
        return Ok()

    @on("count")
    def count(self, payload):  # noqa: ARG002 - there is none
        return Ok({"count": RoomPresence.count(TOPIC)})


class UserSocket(ChannelSocket):
    channels: ClassVar = {"room:*": Room}
    max_join_rate = 100_000.0


endpoint = Endpoint(children=[Before, RoomPresence, After, Churn])
endpoint.socket("/socket", UserSocket)
