"""A lease that all machines share: the right to run what exists once, kept in Redis.

Two keys: ``<namespace>:once`` is held by one process for a while, and ``<namespace>:once:number``
is the last number that was granted. A number is greater than each before, also where
Redis has forgotten: it is no smaller than the milliseconds of the clocks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from actors.capped_log import CappedLog
from actors.pubsub.redis.frames import machine_of

logger = logging.getLogger("roost.pubsub")

TELL_EVERY: Final = 10.0
"""Seconds between two lines about the same trouble."""

RETRY: Final = 0.5
"""Seconds until it is asked for again."""

# KEYS: the lease, the number. ARGV: the holder, its machine, milliseconds, the least number.
# A holder of the same machine has ended: its master appoints another only then. A Redis that has
# just begun may have forgotten a lease that still lasts, and so has one that knows no number: there
# nobody gets it before that is over.
_ACQUIRE: Final = """\
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^%d+ (.*)-[^-]*$') ~= ARGV[2] then return 0 end
local number = redis.call('GET', KEYS[2])
if not number then
  redis.call('SET', KEYS[2], ARGV[4])
  redis.call('SET', KEYS[1], '0 nobody-', 'PX', ARGV[3])
  return 0
end
if not held then
  local up = string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)')
  if tonumber(up) * 1000 < tonumber(ARGV[3]) then return 0 end
end
number = string.format('%.0f', math.max(tonumber(number) + 1, tonumber(ARGV[4])))
redis.call('SET', KEYS[2], number)
redis.call('SET', KEYS[1], number .. ' ' .. ARGV[1], 'PX', ARGV[3])
return tonumber(number)
"""

# KEYS: the lease. ARGV: what it must hold, milliseconds.
_RENEW: Final = """\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

# KEYS: the lease. ARGV: what it must hold.
_RELEASE: Final = """\
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

Ask = Callable[..., bool]
"""``ask(*command, done=reply)``: :meth:`actors.pubsub.redis.adapter.Redis.ask`."""


class RedisLease:
    """One process's end of it. ``ask`` and ``worker`` are the adapter's.

    Without a renewal it lasts ``seconds``; it is to be renewed after ``renew_every``. Where Redis
    cannot be asked it is not granted, and nobody knows whether it is renewed.
    """

    def __init__(
        self,
        ask: Ask,
        worker: Callable[[], str],
        namespace: str,
        *,
        seconds: float,
        renew_every: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ask = ask
        self._worker = worker
        self._key = f"{namespace}:once"
        self._clock = clock
        self._last = 0
        self._lines = CappedLog(logger, period=TELL_EVERY)
        self._seconds = seconds
        self._renew_every = renew_every

    @property
    def seconds(self) -> float:
        return self._seconds

    @property
    def renew_every(self) -> float:
        return self._renew_every

    @property
    def retry(self) -> float:
        return RETRY

    @property
    def _milliseconds(self) -> str:
        return str(int(self._seconds * 1000))

    def acquire(self, reply: Callable[[int | None], object]) -> None:
        worker = self._worker()
        least = max(self._last + 1, int(self._clock() * 1000))

        def answered(answer: Any) -> None:
            self._tell(answer)
            number = answer if type(answer) is int and answer > 0 else None
            self._last = number or self._last
            reply(number)

        sent = self._ask(
            "EVAL", _ACQUIRE, "2", self._key, f"{self._key}:number",
            worker, machine_of(worker), self._milliseconds, str(least), done=answered,
        )  # fmt: skip
        if not sent:
            reply(None)

    def renew(self, number: int, reply: Callable[[bool | None], object]) -> None:
        def answered(answer: Any) -> None:
            self._tell(answer)
            reply(answer == 1 if type(answer) is int else None)

        held = self._held(number)
        if not self._ask("EVAL", _RENEW, "1", self._key, held, self._milliseconds, done=answered):
            reply(None)

    def release(self, number: int) -> None:
        self._ask("EVAL", _RELEASE, "1", self._key, self._held(number))

    def _tell(self, answer: Any) -> None:
        if isinstance(answer, Exception):
            text = "what exists once does not run here: Redis says %s"
            self._lines.log(logging.ERROR, "lease", text, answer)

    def _held(self, number: int) -> str:
        return f"{number} {self._worker()}"
