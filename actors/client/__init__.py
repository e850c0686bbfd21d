"""A client of channels, after phoenix.js: on gevent here, on asyncio in :mod:`actors.client.aio`.

::

    from actors.client import Client

    with Client("ws://127.0.0.1:4000/socket", {"user": "ada"}) as client:
        room = client.channel("room:lobby")
        room.join()
        room.push("new_msg", {"body": "hello"}).get()

What is decided is decided in a :class:`~actors.client.session.Session`, which has no I/O: attempts
and heartbeats (``connection``), topics (``channels``), messages (``messages``). ``surface`` is what
both clients share; ``blocking`` and ``aio`` wait and move bytes, ``websocket`` has the frames.
Nothing is patched, and no part of the server is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.lazy import lazy

if TYPE_CHECKING:
    from actors.client.blocking import Channel as Channel
    from actors.client.blocking import Client as Client
    from actors.client.blocking import Push as Push
    from actors.client.messages import Message as Message
    from actors.client.presence import Presence as Presence
    from actors.errors import BufferFull as BufferFull
    from actors.errors import ClientError as ClientError
    from actors.errors import ConnectFailed as ConnectFailed
    from actors.errors import MessageTimeout as MessageTimeout
    from actors.errors import NotJoined as NotJoined
    from actors.errors import ReplyLost as ReplyLost
    from actors.errors import ReplyTimeout as ReplyTimeout
    from actors.results import Error as Error
    from actors.results import Ok as Ok
    from actors.results import Reply as Reply

if not TYPE_CHECKING:
    __all__, __getattr__, __dir__ = lazy(
        globals(),
        {
            "actors.client.blocking": "Channel Client Push",
            "actors.client.presence": "Presence",
            "actors.client.messages": "Message",
            "actors.errors": (
                "BufferFull ClientError ConnectFailed MessageTimeout NotJoined "
                "ReplyLost ReplyTimeout"
            ),
            "actors.results": "Error Ok Reply",
        },
    )
