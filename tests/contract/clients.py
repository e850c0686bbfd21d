"""A client for each transport, which the tests need not tell apart.

Every wait has a deadline. What a client learns of the end is a transport's own: a close code over
WebSocket, :class:`Gone` over long polling.
"""

from __future__ import annotations

import base64
from collections import deque
from typing import Any, NamedTuple, Protocol

import gevent
import orjson

from actors.messages import Opcode
from tests.support import raw
from tests.support.recorder import eventually

LOST = None
"""The code of a connection that ended without one; the status of what was not answered."""

NDJSON = "Content-Type: application/x-ndjson"


class Sent(NamedTuple):
    """A control frame that the server sent."""

    opcode: Opcode
    payload: bytes


class Gone(NamedTuple):
    """How a long-poll session was lost: what the next poll and the last POST were answered.

    ``poll`` is the status in its body, :data:`LOST` where no server was there any more. ``post`` is
    ``None`` where there was none.
    """

    poll: int | None
    post: int | None


Message = str | bytes | Sent


class Client(Protocol):
    """One connection."""

    status: int

    def send(self, payload: str | bytes) -> None:
        """Send a message: ``str`` as text, ``bytes`` as binary."""

    def together(self, *texts: str) -> None:
        """Send messages that the server reads at once; each must begin with ``[``."""

    def recv(self) -> Message:
        """Return the next message; ``EOFError`` where the connection ends before."""

    def listen(self, socket: Any) -> None:
        """See to it that ``socket`` has a way to send at once."""

    def closed(self) -> Any:
        """Return how the connection was ended, and see that nothing comes after."""

    def leave(self) -> None:
        """End the connection as a client does that has time."""

    def end(self) -> None:
        """Send FIN."""

    def lose(self) -> None:
        """Be gone without a word."""

    def close(self) -> None:
        """Give back the descriptors."""


class WebSocketClient:
    """Reads frame by frame. ``glued`` are bytes that are sent together with the request."""

    def __init__(self, address: tuple[str, int], target: str, glued: bytes = b"") -> None:
        self.raw = raw.Client(address)
        self.raw.send(raw.upgrade(target) + glued)
        self.answer = self.raw.answer()
        self.status = self.answer.status

    def send(self, payload: str | bytes) -> None:
        self.raw.send(_frame(payload))

    def together(self, *texts: str) -> None:
        self.raw.send(b"".join(_frame(text) for text in texts))

    def control(self, opcode: int, payload: bytes = b"") -> None:
        self.raw.send(raw.frame(opcode, payload))

    def recv(self) -> Message:
        frame = self.raw.frame()
        if frame.opcode == raw.TEXT:
            return frame.payload.decode()
        if frame.opcode == raw.BINARY:
            return frame.payload
        assert frame.opcode != raw.CLOSE, f"closed with {frame.code}"
        return Sent(Opcode(frame.opcode), frame.payload)

    def listen(self, socket: Any) -> None:
        """It always does."""

    def closed(self) -> int | None:
        try:
            frame = self.raw.frame()
        except (EOFError, ConnectionError):
            return LOST
        assert frame.opcode == raw.CLOSE, frame
        try:
            self.raw.send(raw.frame(raw.CLOSE, frame.payload))
        except OSError:
            pass  # the server had ours already, and is gone
        assert self.raw.read_to_end() == b""
        return frame.code

    def leave(self, code: int | None = 1000, text: str = "") -> None:
        self.raw.send(raw.close_frame(code, text))

    def end(self) -> None:
        self.raw.end()

    def lose(self) -> None:
        self.raw.reset()

    def close(self) -> None:
        self.raw.close()


def _frame(payload: str | bytes) -> bytes:
    return raw.frame(raw.TEXT if isinstance(payload, str) else raw.BINARY, payload)


class LongPollClient:
    """Polls on one connection and posts on another, as phoenix.js does.

    ``status`` of the first GET, and all others, are those of the bodies, except where HTTP's own
    status is not 200. A POST is not waited for, so that a handler may block: its answer is read
    when the session is gone.
    """

    def __init__(self, address: tuple[str, int], target: str) -> None:
        self._address = address
        self._target = target
        self._token = ""
        self._messages: deque[str] = deque()
        self._gets = raw.Client(address)
        self._posts = raw.Client(address)
        self._polling = False
        self._unread = 0
        self._last_post: int | None = None
        self.status = self._poll()

    # -- polls

    def listen(self, socket: Any) -> None:
        """Have the server hold a poll."""
        self._begin_poll()
        eventually(lambda: socket.transport._http)

    def _begin_poll(self) -> None:
        if not self._polling:
            self._gets.send(raw.request(self._with_token()))
            self._polling = True

    def _poll(self) -> int | None:
        """Return the status of one poll, whose messages are kept."""
        try:
            self._begin_poll()
            answer = self._gets.answer()
        except (EOFError, ConnectionError):
            return LOST
        self._polling = False
        if answer.status != 200:
            return answer.status
        body = orjson.loads(answer.body)
        self._token = body.get("token", self._token)
        self._messages.extend(body.get("messages", ()))
        return body["status"]

    def _with_token(self) -> str:
        sign = "&" if "?" in self._target else "?"
        return f"{self._target}{sign}token={self._token}" if self._token else self._target

    def recv(self) -> str:
        with gevent.Timeout(raw.DEADLINE, TimeoutError("no message came")):
            while not self._messages:
                status = self._poll()
                if status not in (200, 204):
                    raise EOFError(f"the session is gone: {status}")
        return self._messages.popleft()

    def closed(self) -> Gone:
        with gevent.Timeout(raw.DEADLINE, TimeoutError("the session goes on")):
            while (status := self._poll()) == 204:
                pass
        assert not self._messages, self._messages
        return Gone(status, self._posted())

    # -- posts

    def send(self, payload: str | bytes) -> None:
        if isinstance(payload, str):
            self._post(payload.encode())
        else:
            self._post(base64.b64encode(payload), NDJSON)

    def together(self, *texts: str) -> None:
        assert all(text.startswith("[") for text in texts)
        self._post("\n".join(texts).encode(), NDJSON)

    def _post(self, body: bytes, *lines: str) -> None:
        self._posts.send(raw.request(self._with_token(), *lines, method="POST", body=body))
        self._unread += 1

    def _posted(self) -> int | None:
        """Read the answers to all POSTs; return the status of the last."""
        while self._unread:
            self._unread -= 1
            answer = self._posts.answer()
            assert answer.status == 200
            self._last_post = orjson.loads(answer.body)["status"]
        return self._last_post

    # -- the end, of which long polling has no word

    def leave(self) -> None:
        self._posted()
        self.close()

    def end(self) -> None:
        self._gets.end()
        self._posts.end()

    def lose(self) -> None:
        self._gets.reset()
        self._posts.reset()

    def close(self) -> None:
        self._gets.close()
        self._posts.close()
