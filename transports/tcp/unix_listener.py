"""Accepting on a Unix socket: its peers are processes of this machine, known by their user."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Any, Final

from actors.crash_log import capped
from actors.runtime.unix import peer_user
from transports.tcp.listener import Listener
from transports.tcp.trust import UNIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.dispatcher import Dispatcher
    from transports.tcp.protocol import StreamProtocol
    from transports.tcp.stream import Stream

PEER: Final = (UNIX, 0)
"""The address of every peer: a Unix socket has none."""

STRANGERS: Final = capped(logging.getLogger("roost.transports"))


class UnixListener(Listener):
    """A :class:`~transports.tcp.listener.Listener` that closes the connections of other users.

    Its ``options`` are the same. ``any_user``: the mode of the socket's file says who may connect,
    and the kernel keeps to it.
    """

    def __init__(
        self,
        sock: socket.socket,
        dispatcher: Dispatcher,
        open_connection: Callable[[Stream], StreamProtocol],
        *,
        any_user: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(sock, dispatcher, open_connection, **options)
        self._any_user = any_user

    @property
    def address(self) -> tuple[str, int]:
        """The path, and 0."""
        return str(self._sock.getsockname()), 0

    def _accepted(self, sock: Any, address: Any) -> None:  # noqa: ARG002 - what accept says of it
        uid = os.geteuid() if self._any_user else peer_user(sock)
        if uid == os.geteuid():
            super()._accepted(sock, PEER)
        else:
            sock.close()
            STRANGERS.log(
                logging.WARNING, self, "closed a connection of user %d to %s", uid, self.address[0]
            )
