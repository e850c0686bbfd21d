"""What clients of raw sockets and of channels have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.messages import ConnectInfo
from actors.results import Error, Ok
from actors.runtime.future import run_on_carrier
from actors.serializers.negotiation import NotServed
from actors.socket import Socket
from actors.testing.matching import difference, shown
from actors.testing.stage import DEADLINE, PATIENCE, Crashed, Stage
from actors.testing.wire import Closing, Wire
from supervision.drainer import DRAINED


class Refused(AssertionError):
    """A connection or a join was refused; ``reason`` is what ``Error`` was given, or the reply."""

    def __init__(self, what: str, reason: Any) -> None:
        super().__init__(f"{what}: {reason!r:.400}")
        self.reason = reason


class Connection:
    """What clients of both kinds have: the connection's actor, its end and its crashes."""

    def __init__(self, stage: Stage, actor: Socket[Any], wire: Wire) -> None:
        self._stage = stage
        self._wire = wire
        self._actor = actor
        self._crashes: list[Crashed] = []
        wire.attach(actor)
        stage.at_crash.append(self._note)
        stage.at_end.append(self.close)

    @property
    def actor(self) -> Any:
        """The actor of the connection, to look at; at rest."""
        self._stage.settle()
        return self._actor

    def tell(self, message: Any) -> None:
        """Tell the actor ``message``."""
        self._actor.actor_ref.tell(message)

    def ask(self, request: Any, timeout: float = DEADLINE) -> Any:
        """Ask the actor, and return what it answers; raise what it raises."""
        return self._actor.actor_ref.ask(request, timeout=timeout)

    def close(self, code: int | None = 1001) -> None:
        """Have the client go away with this close code; ``None``: without a Close frame."""
        self._wire.hang_up(code)

    def drain(self) -> None:
        """Have the server go away, as a drainer tells it."""
        self._actor.actor_inbox.signal(DRAINED)

    @property
    def closed(self) -> Closing | None:
        """How the connection has ended, ``None`` while it has not."""
        self._stage.settle()
        return self._wire.closing

    def assert_closed(self, code: Any = ..., within: float | None = None) -> Closing:
        """Assert that the connection has ended, with this close code, and return how.

        ``code``: an int, ``None`` where no Close frame was sent, or ``...`` for any.
        """
        __tracebackhide__ = True
        found = self._stage.wait_for(lambda: self._wire.closing, within, DEADLINE)
        if found is None:
            raise self._failure("the connection is open")
        if difference(code, found.code) is not None:
            raise self._failure(f"closed with {found.code}, not {shown(code)}: {found.reason}")
        return found

    def refute_closed(self, within: float | None = None) -> None:
        """Assert that the connection has not ended."""
        __tracebackhide__ = True
        found = self._stage.wait_for(lambda: self._wire.closing, within, PATIENCE)
        if found is not None:
            raise self._failure(f"closed with {found.code}: {found.reason}")

    @property
    def crashed(self) -> list[BaseException]:
        """What callbacks of this connection raised, oldest first; the test expects it thereby."""
        self._stage.settle()
        return [each.expect() for each in self._crashes]

    def assert_crashed(
        self, error: type[BaseException] = BaseException, within: float | None = None
    ) -> BaseException:
        """Assert that a callback of this connection raised such an error, and return it."""
        __tracebackhide__ = True
        return self._assert_crashed(lambda crash: isinstance(crash.error, error), error, within)

    def _assert_crashed(
        self, wanted: Callable[[Crashed], bool], error: type[BaseException], within: float | None
    ) -> BaseException:
        __tracebackhide__ = True
        found = self._stage.wait_for(
            lambda: next(filter(wanted, self._crashes), None), within, DEADLINE
        )
        if found is None:
            raise self._failure(f"no callback raised {error.__name__}")
        return found.expect()

    def _owns(self, actor: Any) -> bool:
        return actor is self._actor

    def _note(self, crash: Crashed) -> None:
        if self._owns(crash.actor):
            self._crashes.append(crash)

    def _failure(self, headline: str) -> AssertionError:
        came = [str(each) for each in self._wire.sent]
        return self._stage.explain(headline, came, self._crashes)


def accepted(stage: Stage, socket_class: type[Socket[Any]], info: ConnectInfo) -> Any:
    """Return the state with which a class accepts a client; :class:`Refused` where it does not."""
    answer: object = run_on_carrier(stage.dispatcher, lambda: socket_class.accept(info))
    if isinstance(answer, Error):
        reason = str(answer.reason) if isinstance(answer.reason, NotServed) else answer.reason
        raise Refused(f"{socket_class.__name__} refused the connection", reason)
    if not isinstance(answer, Ok):
        raise TypeError(f"connect answered {answer!r:.80}; accepted: Ok(state), Error(reason)")
    return answer.value


def begin(stage: Stage, socket_class: type[Socket[Any]], wire: Wire, state: Any) -> Socket[Any]:
    """Start the actor of an accepted client; what its ``init`` raises is raised here."""
    actor = socket_class(wire, state)
    try:
        run_on_carrier(stage.dispatcher, actor.on_begin)
    except Exception:
        for each in stage.crashes:
            if each.actor is actor:
                each.expected = True  # as it is raised here
        raise
    return actor
