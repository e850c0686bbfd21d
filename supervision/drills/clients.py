"""The clients of drills: WebSocket, and long polling as phoenix.js does it.

They are written for drills alone: they send what they are told, notice everything, and repair
nothing. A client's ``saw`` is how its connection ended, in one word or two.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from supervision.drills.connection import HTTP, pump
from supervision.drills.wire import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Frame,
    Polling,
    close_frame,
    frame,
    take_answer,
    take_frame,
    upgrade,
)


class WebSocket(HTTP):
    """A WebSocket client. The handshake is sent; :meth:`opened` waits for its answer.

    ``texts`` are the messages that came, ``sent`` those that were sent; ``code`` is that of the
    server's Close frame, which is answered unless ``answers_close`` is false, and ``late`` counts
    what came after it. Of the handshake only the ``first`` bytes may be sent; ``rest`` is then
    left. It has ``lines`` more, and may be sent from the address ``source``.
    """

    def __init__(
        self,
        address: tuple[str, int],
        target: str,
        label: str = "WebSocket",
        first: int | None = None,
        *,
        lines: Sequence[str] = (),
        source: str = "",
    ) -> None:
        self._began = time.monotonic()
        super().__init__(address, source)
        self.label = label
        self.answers_close = True
        self.sent: list[str] = []
        self.texts: list[str] = []
        self.pongs = 0
        self.code: int | None = None  # 1005: a Close frame without one
        self.reason = ""
        self.opened_in = 0.0
        self.closed_at = 0.0
        self.accepted = False
        self.leaving = False
        self.late = 0
        handshake = upgrade(target, *lines)
        self.rest = b"" if first is None else handshake[first:]
        self.send(handshake[:first])

    @property
    def saw(self) -> str:
        """How it ended.

        ``close 1012``, ``HTTP 503``, ``eof``, ``reset``, ``refused``, ``left`` by itself, ``open``.
        """
        if self.leaving and self.code == 1000:
            return "left"
        if self.code is not None:
            return f"close {self.code}" + (f" {self.reason!r}" if self.reason else "")
        if self.answers and not self.accepted:
            return f"HTTP {self.answers[0].status}"
        return self.end or "open"

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self.end is not None

    def opened(self, seconds: float = 10.0) -> bool:
        """Wait for the answer to the handshake; return whether it was 101."""
        pump([self], seconds, lambda: bool(self.answers))
        return self.accepted

    def text(self, text: str) -> bool:
        """Send a message."""
        self.sent.append(text)
        return self.send(frame(TEXT, text.encode()))

    def echo(self, text: str, seconds: float = 10.0) -> bool:
        """Send a message and wait until the same has come back."""
        count = len(self.texts)
        self.text(text)
        return pump([self], seconds, lambda: text in self.texts[count:])

    def alive(self, seconds: float = 10.0) -> bool:
        """Whether the server answers a ping."""
        count = self.pongs
        return self.send(frame(PING, b"?")) and pump(
            [self], seconds, lambda: self.pongs > count or self.code is not None
        ) and self.code is None  # fmt: skip

    def received(self) -> None:
        if not self.accepted:
            answer = take_answer(self.buffer) if not self.answers else None
            if answer is not None:
                self.answers.append(answer)
                self.accepted = answer.status == 101
                self.opened_in = time.monotonic() - self._began
        if self.accepted:
            while (found := take_frame(self.buffer)) is not None:
                self._handle(found)

    def leave(self, seconds: float = 5.0) -> None:
        """Close as a browser does: by a Close frame, and wait for the end."""
        self.leaving = True
        self.send(close_frame())
        pump([self], seconds)
        self.close()

    def _handle(self, found: Frame) -> None:
        self.late += self.code is not None
        if found.opcode == TEXT:
            self.texts.append(found.payload.decode())
        elif found.opcode == PONG:
            self.pongs += 1
        elif found.opcode == PING:
            self.send(frame(PONG, found.payload))
        elif found.opcode == CLOSE:
            self.code = found.code or 1005
            self.reason = found.payload[2:].decode()
            self.closed_at = time.monotonic()
            if self.answers_close and not self.leaving:
                self.send(frame(CLOSE, found.payload[:2]))


class LongPoll:
    """A long-poll client: one connection for polls, one for what it posts.

    ``statuses`` are those of the polls' bodies in order, ``texts`` the messages that came.
    """

    def __init__(self, address: tuple[str, int], target: str, label: str = "long poll") -> None:
        self.label = label
        self.sent: list[str] = []
        self.texts: list[str] = []
        self.statuses: list[int] = []
        self.session = Polling(target)
        self._address = address
        self.line = HTTP(address)
        self._posting: HTTP | None = None
        self._taken = 0

    @property
    def saw(self) -> str:
        """The last poll's status, and how the connection ended."""
        last = f"status {self.statuses[-1]}" if self.statuses else "no answer"
        return last if self.line.end is None else f"{last}, {self.line.end}"

    @property
    def over(self) -> bool:
        """Whether the polls' connection has ended."""
        return self.line.end is not None

    @property
    def posting(self) -> HTTP:
        """The connection for POSTs, opened when it is first needed."""
        if self._posting is None:
            self._posting = HTTP(self._address)
        return self._posting

    def close(self) -> None:
        """Hang up."""
        self.line.close()
        if self._posting is not None:
            self._posting.close()

    def open(self, seconds: float = 10.0) -> bool:
        """Open a session; return whether there is one."""
        self.poll()
        return self.answered(seconds) == 410 and bool(self.session.token)

    def poll(self) -> None:
        """Send a GET; its answer is taken by :meth:`answered`."""
        if self.line.end is not None:
            self.line, self._taken = HTTP(self._address), 0
        self.line.send(self.session.poll())

    def answered(self, seconds: float = 10.0) -> int | None:
        """Wait for the poll's answer and take it; return the status in its body."""
        pump([self.line], seconds, lambda: len(self.line.answers) > self._taken)
        return self.take()

    @property
    def answered_yet(self) -> bool:
        """Whether the poll's answer is there to be taken."""
        return len(self.line.answers) > self._taken

    def take(self) -> int | None:
        """Take an answer that has come; ``None`` where there is none."""
        if len(self.line.answers) <= self._taken:
            return None
        found = self.session.adopt(self.line.answers[self._taken])
        self._taken += 1
        self.texts += found.get("messages", ())
        status = int(found.get("status", 0))
        self.statuses.append(status)
        return status

    def post(self, text: str) -> None:
        """Send a message; :meth:`posted` takes the answer."""
        self.sent.append(text)
        self.posting.send(self.session.post(text))

    def posted(self, seconds: float = 10.0) -> int | None:
        """Wait for the answer to the only POST that was sent; return the status in its body."""
        pump([self.posting], seconds, lambda: bool(self.posting.answers))
        answers = self.posting.answers
        return int(answers.pop(0).json.get("status", 0)) if answers else None


Client = WebSocket | LongPoll
