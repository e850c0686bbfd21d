"""The test kit: a plugin of pytest, with actors that are real and no network.

::

    pytest_plugins = ["actors.testing"]     # in the conftest.py at the top

    def test_who_says_something_is_answered(channels):
        socket = channels.connect(UserSocket, params={"user": "ada"})
        reply, room = socket.subscribe_and_join("room:1")
        ref = room.push("new_msg", {"body": "hello"})
        room.assert_reply(ref, "ok")
        room.assert_broadcast("new_msg", {"from": "ada", "body": "hello"})

Fixtures: ``channels`` (:class:`~actors.testing.accepting.Channels`), ``sockets``
(:class:`~actors.testing.raw.Sockets`) and ``clock`` (:class:`~actors.testing.virtual_time.Clock`).
Nothing is imported but pytest before one of them is used. docs/testing.md is the guide.

Who calls whom: ``stage`` runs the actors of one test, ``wire`` is their transport, ``sent`` the
serializer; ``connection`` has what clients have in common, ``raw``, ``client`` and ``listener``
what a test asks of them; ``matching`` compares, and is pure. No module has the name of a fixture,
which is an attribute of this package.

PYTEST_DONT_REWRITE: there is no assert here, so tests may import this before it is a plugin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from actors.lazy import lazy

if TYPE_CHECKING:
    from actors.testing.accepting import Channels as Channels
    from actors.testing.client import ChannelClient as ChannelClient
    from actors.testing.client import Room as Room
    from actors.testing.connection import Refused as Refused
    from actors.testing.listener import Listener as Listener
    from actors.testing.raw import SocketClient as SocketClient
    from actors.testing.raw import Sockets as Sockets
    from actors.testing.stage import Stage
    from actors.testing.stage import UnexpectedCrash as UnexpectedCrash
    from actors.testing.virtual_time import Clock as Clock

_NAMES = {
    "actors.testing.accepting": "Channels",
    "actors.testing.client": "ChannelClient Room",
    "actors.testing.connection": "Refused",
    "actors.testing.listener": "Listener",
    "actors.testing.raw": "SocketClient Sockets",
    "actors.testing.stage": "UnexpectedCrash",
    "actors.testing.virtual_time": "Clock",
}

if not TYPE_CHECKING:
    _, __getattr__, _ = lazy(globals(), _NAMES)  # pytest asks for all that __dir__ names


@pytest.fixture
def roost_stage() -> Iterator[Stage]:
    """What runs the actors of this test; all that is left is ended behind it."""
    from actors.testing.stage import Stage  # noqa: PLC0415 - imports gevent

    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture
def channels(roost_stage: Stage) -> Channels:
    """Channel sockets and their topics."""
    from actors.testing.accepting import Channels  # noqa: PLC0415 - imports gevent

    return Channels(roost_stage)


@pytest.fixture
def sockets(roost_stage: Stage) -> Sockets:
    """Raw sockets."""
    from actors.testing.raw import Sockets  # noqa: PLC0415 - imports gevent

    return Sockets(roost_stage)


@pytest.fixture
def clock(roost_stage: Stage) -> Clock:
    """The time of timers."""
    from actors.testing.virtual_time import Clock  # noqa: PLC0415 - imports gevent

    return Clock(roost_stage)
