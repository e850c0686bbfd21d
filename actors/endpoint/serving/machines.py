"""What links this process to those of other machines, if the endpoint says so."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from actors.endpoint.serving.lease import RENEW_EVERY, SECONDS
from actors.errors import ConfigError
from actors.pubsub import server as topics
from actors.pubsub.joint import Joint
from actors.pubsub.redis.lease import RedisLease
from actors.redis_options import RedisOptions, redis_options
from actors.schedule import BUS_FLUSH
from supervision.specs import ChildSpec

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts
    from actors.pubsub.cluster import Cluster
    from actors.pubsub.redis.adapter import Redis


SHUTDOWN: Final = 2 * BUS_FLUSH
"""Seconds that the adapter has to end: most of them to send what is queued."""


def use(endpoint: Mounts, url: str | None) -> None:
    """Have ``endpoint`` use the Redis at ``url``, unless it is ``None``."""
    if url is not None:
        given = redis_options(endpoint.options.redis) or RedisOptions()
        endpoint.options = replace(endpoint.options, redis=replace(given, url=url))


class Links(NamedTuple):
    """What links this process to others: ``pubsub`` are the children that do, in their order."""

    cluster: Cluster | None
    pubsub: tuple[ChildSpec, ...]
    redis: Redis | None

    def lease(self) -> RedisLease | None:
        """Return the lease that all machines share; ``None`` where there is one machine."""
        if self.redis is None:
            return None
        redis = self.redis
        namespace = redis.options.namespace
        return RedisLease(
            redis.ask, lambda: redis.worker, namespace, seconds=SECONDS, renew_every=RENEW_EVERY
        )


def linked(
    endpoint: Mounts, bus: Cluster | None = None, *pubsub: ChildSpec, later: bool = False
) -> Links:
    """Return ``bus``, whose child is ``pubsub``, and what links other machines if one is to.

    ``later``: this process joins a machine that serves already. A process without a bus is a
    machine of its own. :class:`ConfigError`: the package that it needs is not there, or a file that
    it names.
    """
    options = redis_options(endpoint.options.redis)
    if options is None:
        return Links(bus, pubsub, None)
    try:
        from actors.pubsub.redis.adapter import Linked, Redis  # noqa: PLC0415 - few install it
    except ModuleNotFoundError as error:
        if error.name != "hiredis":
            raise
        raise ConfigError("redis: needs the package hiredis: pip install 'roost[redis]'") from None
    redis = Redis(options, topics, new_worker() if bus is None else bus.worker)
    child = ChildSpec(
        id="redis", start=Linked.start, args=(topics, redis, later), shutdown=SHUTDOWN
    )
    return Links(Joint([redis] if bus is None else [bus, redis]), (*pubsub, child), redis)


def new_worker() -> str:
    """Return a name for a process that is a machine of its own."""
    return f"{os.urandom(8).hex()}-1"
