"""A reply that is given later (``Phoenix.Channel.socket_ref/1``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.channels import answers
from actors.channels.seat import Seat, State
from actors.results import Error, Ok, Reply

if TYPE_CHECKING:
    from actors.runtime.dispatcher import Dispatcher
    from actors.serializers.message import Ref


class SocketRef:
    """Replies to one message of a client, once, from any actor or thread."""

    __slots__ = ("_dispatcher", "_ref", "_seat")

    def __init__(self, seat: Seat, ref: Ref, dispatcher: Dispatcher) -> None:
        self._seat: Seat | None = seat if ref is not None else None
        self._ref = ref
        self._dispatcher = dispatcher

    @property
    def ref(self) -> Ref:
        """The client's name for its message."""
        return self._ref

    def reply(self, answer: Ok | Error | Reply) -> bool:
        """Send the reply; return whether there is still somebody to get it.

        ``False``, and nothing is sent: it was given already, the client wanted none, or the channel
        has ended. ``TypeError`` for what is no answer; then it may be tried again.
        """
        status, response = answers.reply(answer)
        seat = self._seat
        if seat is None or seat.state is not State.JOINED:
            return False
        if self._dispatcher.on_this_thread():
            self._send(seat, status, response)
        else:
            self._seat = None
            self._dispatcher.call_from_thread(lambda: self._send(seat, status, response))
        return True

    def _send(self, seat: Seat, status: str, response: object) -> None:
        if seat.state is State.JOINED:
            seat.connection.reply(seat.join_ref, self._ref, seat.topic, status, response)
        self._seat = None
