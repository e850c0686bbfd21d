"""An endpoint that does not start without its Redis, and has no secret of its own."""

from __future__ import annotations

from actors import Endpoint, RedisOptions
from tests.machines.app import RoomSocket

endpoint = Endpoint(redis=RedisOptions(required=True))
endpoint.socket("/socket", RoomSocket, longpoll=True)
