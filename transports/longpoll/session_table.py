"""The long-poll sessions of one worker, and the tokens that name them."""

from __future__ import annotations

import hmac
import itertools
import logging
import os
import time
from collections.abc import Callable

from gevent.event import Event

from actors import signing
from actors.crash_log import capped
from actors.results import Error
from actors.token import report_ahead
from transports.longpoll import token as tokens
from transports.longpoll.options import LongPollOptions
from transports.longpoll.session import LongPollSession
from transports.longpoll.token import SessionToken
from transports.tcp.admission import TOTAL, Admission
from transports.turned_away import turned_away

logger = logging.getLogger("roost.transports")

SALT = "roost.longpoll"


class _Place:
    """One session's place in the table, and the token that was sent last for it."""

    __slots__ = ("_issued", "_readable", "_signed", "_table", "_text", "session", "token")

    def __init__(self, table: SessionTable, session: LongPollSession, token: SessionToken) -> None:
        self._table = table
        self.session = session
        self.token = token
        self._readable = self._text = ""
        self._issued = token
        self._signed = 0.0

    @property
    def taken(self) -> bool:
        return self._table.places.get(self.token.session) is self

    def sign(self, cursor: int) -> str:
        worker, session, nonce, _ = self.token
        signed = SessionToken(worker, session, nonce, cursor)
        text, now = self._table.encode(signed)
        issued = self._table.issued
        issued.pop(self._readable, None)
        if self._table.places.get(session) is self:
            self._readable = text.partition(".")[0]
            self._text, self._issued, self._signed = text, signed, now
            issued[self._readable] = self
        return text

    def verify(self, text: str, max_age: float, now: float) -> SessionToken | None:
        """Return what the token says that was sent last, if ``text`` is that one."""
        matches = text.isascii() and hmac.compare_digest(text, self._text)
        return self._issued if matches and now - self._signed <= max_age else None

    def fetched(self) -> None:
        unfetched = self._table.unfetched
        if self in unfetched:
            unfetched.remove(self)
            if not unfetched:
                self._table.all_fetched.set()

    def leave(self) -> None:
        if self.taken:
            del self._table.places[self.token.session]
            self._table.issued.pop(self._readable, None)
            self._table.release(self.session.address)
            self.fetched()


class SessionTable:
    """The sessions that live here, by number.

    ``worker`` names this process among all that share the secrets, and is new at each boot.
    ``secrets`` sign the tokens: the first signs, all verify. ``clock`` is seconds since the epoch,
    and ``clock_skew`` how far those of other machines may be ahead.
    """

    def __init__(
        self,
        secrets: signing.Secrets,
        *,
        worker: str | None = None,
        clock: Callable[[], float] = time.time,
        clock_skew: float = signing.CLOCK_SKEW,
    ) -> None:
        self.worker = worker or os.urandom(8).hex()
        self._secrets = secrets
        self._refusals = capped(logger)
        self._clock = clock
        self._skew = clock_skew
        self._numbers = itertools.count(1)
        self.places: dict[str, _Place] = {}
        self.issued: dict[str, _Place] = {}
        """By the readable part of the token that was sent last."""
        self._admission = Admission()
        self.unfetched: set[_Place] = set()
        """While it ends: those whose sessions hold what no poll was given yet."""
        self.all_fetched = Event()

    def __len__(self) -> int:
        return len(self.places)

    def reserve(self, options: LongPollOptions, address: str, mount: str | None = None) -> bool:
        """Take a place for a session of ``address``, unless that would exceed a limit.

        ``mount``: the path that it is for, to be told where it is refused.
        """
        most, most_each = options.max_sessions, options.max_sessions_per_address
        reached = self._admission.reached(address, most, most_each)
        if reached is None:
            self._admission.enter(address)
            return True
        bound, words = "max_sessions", f"refused a session: max_sessions={most} are open"
        if reached is not TOTAL:
            bound = "max_sessions_per_address"
            words = f"refused a session of {address}: {bound}={most_each} are open"
        self._refusals.log(logging.WARNING, bound, "%s", words)
        turned_away(mount, "limit" if reached is TOTAL else "address_limit", 503)
        return False

    def release(self, address: str) -> None:
        """Give a place back."""
        self._admission.leave(address)

    def add(self, session: LongPollSession) -> _Place:
        """Register ``session``, for which there is a place; return that."""
        number = str(next(self._numbers))
        token = SessionToken(self.worker, number, f"lp:{os.urandom(12).hex()}")
        place = self.places[number] = _Place(self, session, token)
        return place

    def find(self, token: SessionToken) -> LongPollSession | None:
        """Return the session that a token names, where it lives here."""
        if token.worker != self.worker:
            return None
        place = self.places.get(token.session)
        return place.session if place is not None and place.token.nonce == token.nonce else None

    @property
    def pending(self) -> bool:
        """Whether any session here has, or may get, something for its client."""
        return any(place.session.pending for place in self.places.values())

    def drain(self) -> None:
        """End every session as a restart does: what waits for a poll can still be fetched."""
        for place in list(self.places.values()):
            place.session.drain()

    def wait_fetched(self, timeout: float) -> bool:
        """Wait until polls were given all that sessions hold now; return whether they were.

        Up to ``timeout`` seconds: for the end of a drain.
        """
        self.unfetched = {each for each in self.places.values() if each.session.unfetched}
        self.all_fetched.clear()
        return not self.unfetched or self.all_fetched.wait(max(0.0, timeout))

    # -- tokens

    def encode(self, token: SessionToken) -> tuple[str, float]:
        """Return a signed token, and when it was signed."""
        now = self._clock()
        return tokens.encode(self._secrets, SALT, token, now=now), now

    def verify(self, text: object, max_age: float) -> SessionToken | Error:
        """Read what a client sent as its token."""
        now = self._clock()
        if type(text) is str:
            # Nearly every token is the one sent last: then it need not be taken apart. What is
            # looked up is the readable part; the secret one is compared in constant time.
            place = self.issued.get(text.partition(".")[0])
            found = None if place is None else place.verify(text, max_age, now)
            if found is not None:
                return found
        return tokens.decode(
            self._secrets,
            SALT,
            text,
            max_age=max_age,
            now=now,
            skew=self._skew,
            on_ahead=report_ahead,
        )
