"""The long-poll sessions of one worker, and the tokens that name them."""

from __future__ import annotations

import hmac
import itertools
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from gevent.event import Event

from actors import signing
from actors.results import Error
from actors.runtime.crashes import capped
from actors.token import report_ahead
from transports.longpoll import token as tokens
from transports.longpoll.token import SessionToken
from transports.tcp.admission import PER_ADDRESS, TOTAL, Admission

if TYPE_CHECKING:
    from transports.longpoll.options import LongPollOptions
    from transports.longpoll.relay import Relay
    from transports.longpoll.session import LongPollSession

logger = logging.getLogger("roost.transports")

SALT = "roost.longpoll"


class _Issued(NamedTuple):
    """The token that was sent last for one session."""

    text: str
    place: SessionToken
    signed: float

    def matches(self, text: str, max_age: float, now: float) -> bool:
        return (
            text.isascii() and hmac.compare_digest(text, self.text) and now - self.signed <= max_age
        )


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
        self.relay: Relay | None = None
        self._secrets = secrets
        self._refusals = capped(logger)
        self._clock = clock
        self._skew = clock_skew
        self._numbers = itertools.count(1)
        self._sessions: dict[str, LongPollSession] = {}
        self._issued: dict[str, _Issued] = {}
        self._admission = Admission()
        self._unfetched: set[LongPollSession] = set()
        self._fetched = Event()

    def __len__(self) -> int:
        return len(self._sessions)

    def reserve(self, options: LongPollOptions, address: str) -> bool:
        """Take a place for a session of ``address``, unless that would exceed a limit."""
        most, most_each = options.max_sessions, options.max_sessions_per_address
        reached = self._admission.reached(address, most, most_each)
        if reached is TOTAL:
            self._refusals.log(
                logging.WARNING,
                "max_sessions",
                "refused a session: max_sessions=%d are open",
                most,
            )
            return False
        if reached is PER_ADDRESS:
            self._refusals.log(
                logging.WARNING,
                "max_sessions_per_address",
                "refused a session of %s: max_sessions_per_address=%d are open",
                address,
                most_each,
            )
            return False
        self._admission.enter(address)
        return True

    def release(self, address: str) -> None:
        """Give a place back."""
        self._admission.leave(address)

    def add(self, session: LongPollSession) -> SessionToken:
        """Register ``session``, for which there is a place; return what its tokens say."""
        number = str(next(self._numbers))
        self._sessions[number] = session
        return SessionToken(self.worker, number, f"lp:{os.urandom(12).hex()}")

    def remove(self, session: LongPollSession) -> None:
        """Forget a session and give its place back; a second time does nothing."""
        if self._sessions.pop(session.place.session, None) is not None:
            self._issued.pop(session.issued, None)
            self.release(session.address)
            self.fetched(session)

    def find(self, place: SessionToken) -> LongPollSession | None:
        """Return the session that a token names, where it lives here."""
        if place.worker != self.worker:
            return None
        session = self._sessions.get(place.session)
        return session if session is not None and session.place.topic == place.topic else None

    @property
    def pending(self) -> bool:
        """Whether any session, here or known here, has or may get something for its client."""
        if any(session.pending for session in self._sessions.values()):
            return True
        return self.relay is not None and self.relay.pending

    def drain(self) -> None:
        """End every session as a restart does: what waits for a poll can still be fetched."""
        for session in list(self._sessions.values()):
            session.drain()

    def wait_fetched(self, timeout: float) -> bool:
        """Wait until polls were given all that sessions hold now; return whether they were.

        Up to ``timeout`` seconds: for the end of a drain.
        """
        self._unfetched = {each for each in self._sessions.values() if each.unfetched}
        self._fetched.clear()
        return not self._unfetched or self._fetched.wait(max(0.0, timeout))

    def fetched(self, session: LongPollSession) -> None:
        """Note that a poll was given all that ``session`` holds."""
        if session in self._unfetched:
            self._unfetched.remove(session)
            if not self._unfetched:
                self._fetched.set()

    # -- tokens

    def sign(self, session: LongPollSession, cursor: int) -> str:
        """Return the token to send with an answer: it proves what its holder has received."""
        now, place = self._clock(), session.place
        signed = SessionToken(place.worker, place.session, place.topic, cursor)
        text = tokens.encode(self._secrets, SALT, signed, now=now)
        self._issued.pop(session.issued, None)
        if place.session in self._sessions:
            session.issued = text.partition(".")[0]
            self._issued[session.issued] = _Issued(text, signed, now)
        return text

    def verify(self, text: object, max_age: float) -> SessionToken | Error:
        """Read what a client sent as its token."""
        now = self._clock()
        if type(text) is str:
            # Nearly every token is the one sent last: then it need not be taken apart. What is
            # looked up is the readable part; the secret one is compared in constant time.
            issued = self._issued.get(text.partition(".")[0])
            if issued is not None and issued.matches(text, max_age, now):
                return issued.place
        return tokens.decode(
            self._secrets,
            SALT,
            text,
            max_age=max_age,
            now=now,
            skew=self._skew,
            on_ahead=report_ahead,
        )
