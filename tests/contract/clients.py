"""A client for each transport, which the tests need not tell apart.

Every wait has a deadline. What a client learns of the end is a transport's own: a close code over
WebSocket, :class:`Gone` over long polling, :data:`ENDED` over server-sent events.
"""

from __future__ import annotations

import base64
from collections import deque
from typing import Any, NamedTuple, Protocol

import gevent

from actors.messages import Opcode
from supervision.drills.wire import Polling
from tests.support import raw

LOST = None
"""The code of a connection that ended without one; the status of what was not answered."""

ENDED = "event: end"
"""What server-sent events say of every end that can be told."""

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

    def listen(self) -> None:
        """Ask to be sent what comes at once; :meth:`Stage.listen` waits until that is so."""

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

    def listen(self) -> None:
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
        self._session = Polling(target)
        self._messages: deque[str] = deque()
        self._gets = raw.Client(address)
        self._posts = raw.Client(address)
        self._polling = False
        self._unread = 0
        self._last_post: int | None = None
        self.status = self._poll()

    # -- polls

    def listen(self) -> None:
        """Have the server hold a poll."""
        self._begin_poll()

    def _begin_poll(self) -> None:
        if not self._polling:
            self._gets.send(self._session.poll())
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
        body = self._session.adopt(answer)
        self._messages.extend(body.get("messages", ()))
        return body["status"]

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
            self._post(payload)
        else:
            self._post(base64.b64encode(payload), NDJSON)

    def together(self, *texts: str) -> None:
        assert all(text.startswith("[") for text in texts)
        self._post("\n".join(texts), NDJSON)

    def _post(self, body: str | bytes, *lines: str) -> None:
        self._posts.send(self._session.post(body, *lines))
        self._unread += 1

    def _posted(self) -> int | None:
        """Read the answers to all POSTs; return the status of the last."""
        while self._unread:
            self._unread -= 1
            answer = self._posts.answer()
            assert answer.status == 200
            self._last_post = answer.json["status"]
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


class EventSourceClient:
    """Reads events on one connection and posts on another: the client of ``examples/sse.py``.

    A POST is not waited for; its answer is read before the client leaves.
    """

    def __init__(self, address: tuple[str, int], target: str) -> None:
        self._target = target
        self._events = raw.Client(address)
        self._posts = raw.Client(address)
        self._unread = 0
        answer = self._events.ask(target)
        self.status = answer.status
        if self.status == 200:
            kind, self._key = self._event()
            assert kind == "id"

    def _event(self) -> tuple[str, str]:
        """Return the name and the data of the next event."""
        lines = self._events.read_until(b"\n\n").decode().removesuffix("\n\n").split("\n")
        pairs = [line.partition(":")[::2] for line in lines]
        names = [value.strip() for name, value in pairs if name == "event"]
        data = "\n".join(value.removeprefix(" ") for name, value in pairs if name == "data")
        return names[0] if names else "message", data

    def send(self, payload: str | bytes) -> None:
        assert isinstance(payload, str)
        self.together(payload)

    def together(self, *texts: str) -> None:
        mark = "&" if "?" in self._target else "?"
        target = f"{self._target}{mark}id={self._key}"
        posts = [raw.request(target, method="POST", body=text.encode()) for text in texts]
        self._posts.send(b"".join(posts))
        self._unread += len(posts)

    def recv(self) -> str:
        kind, data = self._event()
        if kind == "end":
            raise EOFError("the stream has ended")
        return data

    def listen(self) -> None:
        """It always does."""

    def closed(self) -> str | None:
        try:
            kind, _ = self._event()
        except (EOFError, ConnectionError):
            return LOST
        assert kind == "end"
        assert self._events.read_to_end() == b""
        self._events.close()
        return ENDED

    def leave(self) -> None:
        while self._unread:
            self._unread -= 1
            assert self._posts.answer().status == 204
        self.close()

    def end(self) -> None:
        self._events.end()

    def lose(self) -> None:
        self._events.reset()

    def close(self) -> None:
        self._events.close()
        self._posts.close()
