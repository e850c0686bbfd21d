"""Clients that number what they say in a room, and hear all that is said there.

Each says ``NAME NUMBER``, from 0 on, when it is its turn. A client hears everybody's numbers, its
own as well: of each without a gap, none twice, in order. It may have missed what was said before it
came. After its worker has told it to come back (1012) another takes its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Final

from supervision.drills.clients import WebSocket
from supervision.drills.connection import HTTP, Connection, pump
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Stage
from supervision.drills.wire import Answer, Polling, request
from tests.support.previous import NEW, OLD

TICK: Final = 0.004
"""Seconds between two that speak."""

LARGE: Final = 5_000_000
"""Bytes of what no frame between two workers holds."""

CODES: Final = frozenset({OLD, NEW})

WEBSOCKET, LONGPOLL = "/room/websocket", "/room/longpoll"


class Member:
    """A WebSocket client; ``code`` is that of its worker."""

    def __init__(self, name: str, client: WebSocket) -> None:
        self.name, self.client, self.said = name, client, 0
        client.opened()
        client.text("code")
        pump([client], PATIENCE, lambda: not CODES.isdisjoint(client.texts))
        self.code = next((each for each in client.texts if each in CODES), client.saw)

    @property
    def lines(self) -> Sequence[Connection]:
        """Its connections."""
        return [self.client]

    @property
    def texts(self) -> list[str]:
        """What it has heard."""
        return self.client.texts

    @property
    def over(self) -> bool:
        """Whether its worker has told it to come back, or is gone."""
        return self.client.code is not None or self.client.end is not None

    def go_on(self) -> None:
        """Do what there is to do between two that speak."""

    def say(self) -> None:
        """Say the next number."""
        if self.client.text(f"say {self.name} {self.said}"):
            self.said += 1


class _Asking:
    """One request at a time, by one of ``lines`` after the other."""

    def __init__(self, lines: Sequence[HTTP]) -> None:
        self._next, self._line, self._before = cycle(lines), lines[0], 0
        self.waits = False

    def ask(self, data: bytes) -> None:
        self._line = next(self._next)
        self._before, self.waits = len(self._line.answers), True
        self._line.send(data)

    def take(self) -> Answer | None:
        """Return the answer, once, as soon as it is there."""
        if not self.waits or len(self._line.answers) == self._before:
            return None
        self.waits = False
        return self._line.answers[-1]


class Visitor:
    """A long-poll client, whose polls and posts go to one worker after the other.

    The first of ``polling`` opens its session. ``strange`` has the statuses that are not to be.
    """

    over = False

    def __init__(self, name: str, polling: Sequence[HTTP], posting: Sequence[HTTP]) -> None:
        self.name, self.said = name, 0
        self.texts: list[str] = []
        self.strange: list[object] = []
        self.lines: Sequence[Connection] = [*polling, *posting]
        self._session = Polling(LONGPOLL)
        self._polls, self._posts = _Asking(polling), _Asking(posting)
        self._polls.ask(self._session.poll())
        self._opening = True

    def go_on(self) -> None:
        """Take what was answered, and poll again."""
        if (answer := self._polls.take()) is not None:
            body = self._session.adopt(answer)
            if body.get("status") not in ({410} if self._opening else {200, 204}):
                self.strange.append(body.get("status", answer.status))
            self._opening = False
            self.texts += body.get("messages", ())
            self._polls.ask(self._session.poll())
        if (answer := self._posts.take()) is not None and answer.json.get("status") != 200:
            self.strange.append(answer.json.get("status", answer.status))

    def may_post(self) -> bool:
        """Whether there is a session, and no answer to a POST is due."""
        return bool(self._session.token) and not self._posts.waits

    def say(self) -> None:
        """Say the next number."""
        if self.may_post():
            self._posts.ask(self._session.post(f"say {self.name} {self.said}"))
            self.said += 1

    def post_much(self) -> None:
        """Post what is answered by its length."""
        self._posts.ask(self._session.post(b"x" * LARGE))


class Company:
    """All who are ``present``, and before them; those who are told to come back are replaced."""

    def __init__(self, stage: Stage, server: DrillServer) -> None:
        self._stage, self._server = stage, server
        self.everybody: list[Member | Visitor] = []
        self.present: list[Member | Visitor] = []
        self._turn = 0

    @property
    def members(self) -> list[Member]:
        """Those who are present by a WebSocket."""
        return [each for each in self.present if isinstance(each, Member)]

    def _add(self, one: Member | Visitor) -> None:
        self.everybody.append(one)
        self.present.append(one)

    def come(self) -> None:
        """Let one more come, to whatever worker accepts it."""
        self._add(self._arrive())

    def _arrive(self) -> Member:
        client = self._stage.websocket(self._server, WEBSOCKET, label="member")
        return Member(f"m{len(self.everybody)}", client)

    def come_to_all(self) -> None:
        """Let some come until every worker has one; who comes to another goes again."""
        until = time.monotonic() + PATIENCE
        while wanting := set(self._server.workers) - set(self._served()):
            if time.monotonic() > until:
                raise TimeoutError("one of the workers accepts nobody")
            one = self._arrive()
            if self._server.owner(one.client) in wanting:
                self._add(one)
            else:
                one.client.leave()

    def _served(self) -> dict[int, str]:
        """Return the code of each worker that has a member."""
        owners = self._server.owners([each.client for each in self.members])
        return {owners[each.client.port]: each.code for each in self.members}

    def visit(self, home: str) -> Visitor:
        """Open a session at a worker of this code, which goes on through all workers in turn."""
        workers = self._served()
        order = sorted(workers, key=lambda pid: workers[pid] != home)
        polling, posting = ([self._line(pid) for pid in order] for _ in range(2))
        visitor = Visitor(f"v{len(self.everybody)}", polling, posting[::-1])
        self._add(visitor)
        return visitor

    def _line(self, worker: int) -> HTTP:
        """Return a connection to this worker."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            line = HTTP(self._server.address)
            line.ask(request(), PATIENCE)
            if line.end is None and self._server.owner(line) == worker:
                return line
            line.close()
        raise TimeoutError(f"worker {worker} accepts nobody")

    def bid_farewell(self, visitors: Sequence[Visitor]) -> None:
        """Let these go; what they were told was as it has to be."""
        for each in visitors:
            self.present.remove(each)
            for line in each.lines:
                line.close()
            told = f"session {each.name} is served by all workers: {each.strange or 'always'}"
            self._stage.expect(not each.strange, told)

    # -- what is said

    def talk(self, done: Callable[[], bool], what: str, *, silent: bool = False) -> None:
        """Let one after the other speak until it is ``done``, and who is sent away come back."""
        until = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > until:
                raise TimeoutError(f"{what} does not come about")
            if not silent:
                self._turn += 1
                self.present[self._turn % len(self.present)].say()
            pump([line for each in self.present for line in each.lines], TICK, lambda: False)
            for each in [*self.present]:
                each.go_on()
                if each.over:
                    self.present.remove(each)
                    self.come()

    def talk_for(self, count: int) -> None:
        """Let so many numbers be said."""
        wanted = self._said() + count
        self.talk(lambda: self._said() >= wanted, f"{count} more numbers")

    def _said(self) -> int:
        return sum(each.said for each in self.everybody)

    def judge(self, when: str) -> None:
        """Wait until all has been heard by those who are present; check what everybody heard.

        Each must have spoken since the last one came.
        """
        count = len(self.everybody)
        try:
            self.talk(lambda: not list(self._unheard()), "that all is heard", silent=True)
        except TimeoutError:
            pass  # which is told below
        wrong = [*self._unheard(), *self._wrong()]
        told = f": {'; '.join(wrong[:3])}" if wrong else ""
        what = f"{count} clients heard {self._said()} numbers whole and in order"
        self._stage.expect(not wrong, f"{when}: {what}{told}")

    def _unheard(self) -> Iterator[str]:
        """Say what somebody who is present has not heard of another, or of one who was."""
        for listener in self.present:
            heard = numbers(listener.texts)
            place = self.everybody.index(listener)
            for speaker in self.everybody:
                if speaker in self.present:
                    last = speaker.said - 1
                elif self.everybody.index(speaker) > place:
                    # What it heard itself was said; what it did not may be lost with its worker.
                    last = max(numbers(speaker.texts).get(speaker.name, [-1]))
                else:
                    continue
                got = heard.get(speaker.name, [-1])[-1]
                if got < last:
                    yield f"{listener.name} heard {speaker.name} up to {got} of {last}"

    def _wrong(self) -> Iterator[str]:
        """Say what somebody has heard that is not one number after the other."""
        for place, listener in enumerate(self.everybody):
            for name, got in numbers(listener.texts).items():
                earlier = {each.name for each in self.everybody[:place]}
                first = got[0] if name in earlier else 0
                if got != list(range(first, first + len(got))):
                    yield f"{listener.name} heard {name}: {broken(got, first)}"


def numbers(texts: list[str]) -> dict[str, list[int]]:
    """Return the numbers that were heard of each name, in the order in which they came."""
    found: dict[str, list[int]] = {}
    for text in texts:
        name, _, number = text.partition(" ")
        if number:
            found.setdefault(name, []).append(int(number))
    return found


def broken(got: list[int], first: int) -> str:
    """Say where numbers do not follow each other."""
    wanted = first
    for number in got:
        if number != wanted:
            return f"{number} where {wanted} comes"
        wanted += 1
    return "whole"
