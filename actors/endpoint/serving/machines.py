"""What links this process to those of other machines, if the endpoint says so."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from actors.errors import ConfigError
from actors.pubsub import server as pubsub
from actors.pubsub.joint import Joint
from actors.redis_options import RedisOptions, redis_options
from supervision.specs import ChildSpec

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts
    from actors.pubsub.cluster import Cluster
    from actors.pubsub.redis.adapter import Redis


def use(endpoint: Mounts, url: str | None) -> None:
    """Have ``endpoint`` use the Redis at ``url``, unless it is ``None``."""
    if url is not None:
        given = redis_options(endpoint.options.redis) or RedisOptions()
        endpoint.options = replace(endpoint.options, redis=replace(given, url=url))


def redis(endpoint: Mounts, bus: Cluster | None) -> Redis | None:
    """Return the adapter that ``endpoint`` asks for, under the name that the worker has on the bus.

    A process without a bus is a machine of its own. :class:`ConfigError`: the package that it needs
    is not there, or a file that it names.
    """
    options = redis_options(endpoint.options.redis)
    if options is None:
        return None
    try:
        from actors.pubsub.redis.adapter import Redis  # noqa: PLC0415 - needs what few install
    except ModuleNotFoundError as error:
        if error.name != "hiredis":
            raise
        raise ConfigError("redis: needs the package hiredis: pip install 'roost[redis]'") from None
    return Redis(options, pubsub, new_worker() if bus is None else bus.worker)


def new_worker() -> str:
    """Return a name for a process that is a machine of its own."""
    return f"{os.urandom(8).hex()}-1"


def joined(bus: Cluster | None, redis: Redis) -> Cluster:
    """Return both as one."""
    return Joint([redis] if bus is None else [bus, redis])


def child(redis: Redis) -> ChildSpec:
    """Return the adapter's place in the tree, behind that of the bus."""
    from actors.pubsub.redis.adapter import Linked  # noqa: PLC0415 - as above

    return ChildSpec(id="redis", start=Linked.start, args=(pubsub, redis))
