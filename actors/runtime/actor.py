"""The event-driven actor: Pykka's, without a thread or a greenlet of its own.

It is a real ``pykka.Actor``: ``tell``, ``ask``, proxies, ``stop`` and the hooks work, and a
``pykka.ThreadingActor`` can talk to it. The runtime replaces the inbox, the future, the loop and
the registry (docs/adr/0003). What Pykka leaves open is settled as in OTP:

* ``start`` answers when ``on_start`` has run; if that raised, the starter gets :class:`StartError`.
* Whatever escapes a handler, ``SystemExit`` and ``GreenletExit`` included, ends that actor alone.
* An ``Exception`` that escapes the handler of an ``ask`` is the answer, as in Pykka: the asker gets
  it, one line is logged, and the actor lives. With ``crash_on_ask = True`` it ends the actor too.
  What is no ``Exception`` always does; the asker then gets ``ActorDeadError`` from it, as raised
  again it would end the asker as well.
* ``ref.exit(reason)`` is served ahead of queued messages; ``ref.kill()`` needs no cooperation.
* A watcher of an actor is told :class:`~actors.messages.Down` exactly once, with the reason.
* A synchronous ``ask`` of an actor to itself, which nobody could answer, is a ``RuntimeError``.
  Asks that go round in a circle end by their timeouts, which have no default, as in Pykka.

Handlers may block in whatever gevent knows of. A ``pykka.ThreadingActor`` in a process that is not
monkey-patched is not: ``tell`` it, and let it tell the answer. Use ``gevent.Timeout`` by ``with``:
one that is left open expires in whatever its greenlet, which many actors share, blocks in by then.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import pykka
from greenlet import getcurrent
from pykka import ActorDeadError
from pykka.messages import _ActorStop

from actors import contract
from actors.errors import ConfigError, MailboxFull
from actors.options import boolean, one_of, positive_int
from actors.reasons import NORMAL, Crash, Failure, Reason, as_reason
from actors.runtime import exits, monitors, registry
from actors.runtime.cell import UNBEGUN
from actors.runtime.dispatcher import TURN_MESSAGES, Dispatcher, get_dispatcher
from actors.runtime.exits import ActorKilled, Exit, StartError, reason_of
from actors.runtime.future import Future, run_on_carrier
from actors.runtime.mailbox import LINES, Mailbox
from actors.runtime.ref import Ref, Stopped
from actors.runtime.timers import Timer

__all__ = ["TURN_MESSAGES", "Actor", "ActorKilled", "Exit", "StartError"]


_DECLARED: Final = {
    "mailbox_messages": positive_int,
    "mailbox_bytes": positive_int,
    "mailbox_policy": one_of("reject", "drop", "stop"),
    "crash_on_ask": boolean,
}


class Actor(pykka.Actor):
    """Subclass it as any Pykka actor; handlers may block.

    ``mailbox_messages`` and ``mailbox_bytes`` bound what is told and not yet handled.
    ``mailbox_policy`` says what happens beyond: ``"reject"`` raises
    :class:`~actors.errors.MailboxFull` in the teller, ``"drop"`` forgets the message,
    ``"stop"`` ends the actor with ``Shutdown("overflow")`` and a line in the log. Whoever asked
    beyond gets :class:`~actors.errors.MailboxFull` under any policy.

    The bytes are judged at once. So are the messages where that raises in the teller; else, and for
    broadcasts, those alone count that have waited for a whole round of turns while this actor
    blocked in a callback: a burst ends nobody who handles messages as fast as there is time to.

    ``crash_on_ask`` says whether an ``Exception`` that the handler of an ``ask`` raises ends the
    actor, as one of a ``tell`` does. By default its asker gets it and the actor lives; supervisors
    and sockets end.

    A class that declares something else is a :class:`~actors.errors.ConfigError`.
    """

    mailbox_messages = 10_000
    mailbox_bytes = 16 * 1024 * 1024
    mailbox_policy = "reject"
    crash_on_ask = False

    ends_others = False
    """Whether its turns come first, and run on the reserve kept for those that end others."""

    actor_inbox: Mailbox

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        contract.judge(cls)
        for name, check in _DECLARED.items():
            value = getattr(cls, name)
            wanted = check(value)
            if wanted:
                raise ConfigError(f"{cls.__name__}.{name} = {value!r}: must be {wanted}")

    def __init__(self) -> None:
        self.actor_inbox = Mailbox(self, get_dispatcher())

    # -- Pykka's seam

    @staticmethod
    def _create_actor_inbox() -> NoReturn:
        raise NotImplementedError("the mailbox is made with its actor")

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    def _start_actor_loop(self) -> None:
        """Nothing runs until something arrives."""

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """A URN that is unique among processes and boots."""
        return registry.urn(self.actor_inbox.number)

    @property
    def actor_ref(self) -> Ref[Self]:
        """The reference to hand out; made when it is first asked for."""
        inbox = self.actor_inbox
        ref: Ref[Self] = inbox.ref or inbox.keep_ref(Ref(self))
        return ref

    @property
    def actor_stopped(self) -> Stopped:  # type: ignore[override]
        """What ``ActorRef.is_alive`` asks."""
        inbox = self.actor_inbox
        stopped: Stopped = inbox.stopped or inbox.keep_stopped(Stopped(inbox))
        return stopped

    @property
    def dispatcher(self) -> Dispatcher:
        """The process's dispatcher: its clock and timers."""
        return self.actor_inbox.dispatcher

    @property
    def exit_reason(self) -> Reason | None:
        """Why the actor ended; ``None`` while it lives."""
        return self.actor_inbox.reason

    # -- the start

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Ref[Self]:
        """Make the actor, run ``on_start`` and answer its ref (OTP: a synchronous start_link).

        Raises :class:`StartError` when ``on_start`` raised or the actor was killed meanwhile.
        """
        dispatcher = get_dispatcher()
        if dispatcher.on_this_thread():
            return cls(*args, **kwargs).on_begin().actor_ref
        return run_on_carrier(dispatcher, lambda: cls(*args, **kwargs).on_begin().actor_ref)

    def on_begin(self) -> Self:
        """Register the actor and run ``on_start`` in the greenlet of the caller.

        What is told before and meanwhile waits. Call it once; the errors are those of
        :meth:`start`, and :class:`ActorKilled` where the caller is what was killed.
        """
        inbox = self.actor_inbox
        if inbox.owner is not UNBEGUN:
            raise StartError(inbox.reason or Failure("begun already"))
        registry.register(inbox)
        inbox.begin(getcurrent())
        try:
            self.on_start()
            if self.actor_inbox is not inbox:
                _refuse_name()
        except BaseException as error:
            self.actor_inbox = inbox
            reason = reason_of(error)
            with_caller = isinstance(error, ActorKilled) and inbox.reason is None
            exits.end(inbox, reason, started=False)
            if with_caller:
                raise
            raise StartError(inbox.reason or reason) from error
        inbox.started()
        if inbox.reason is not None:  # killed while it started, and on_start swallowed it
            raise StartError(inbox.reason)
        return self

    # -- a turn

    def on_blocked(self) -> None:
        """Learn, on the loop, that the turn blocked; must not block."""

    def handle_exit(self, reason: Reason) -> None:
        """Serve an exit signal; the default ends the actor with it."""
        raise Exit(reason)

    def on_batch(self, batch: Iterator[Any]) -> None:
        """Handle the messages of a turn; whatever is raised ends the actor."""
        for envelope in batch:
            self.on_envelope(envelope)

    def on_envelope(self, envelope: Any) -> None:
        """Handle one message and answer it, as Pykka's loop does."""
        self.actor_inbox.taken(envelope)
        message = envelope.message
        if isinstance(message, _ActorStop):
            raise Exit(NORMAL)  # whoever asked for it is answered at the end
        if envelope.reply_to is None:
            self._handle_receive(message)
        else:
            self.__answer(message)

    def __answer(self, message: Any) -> None:
        inbox = self.actor_inbox
        try:
            response = self._handle_receive(message)
        except Exception as error:
            if inbox.asked is not None:  # else a kill has answered
                if not self.crash_on_ask:
                    # Before the asker has it, and its stack.
                    exits.report(inbox, error, "%s failed to answer")
                inbox.answered().reply_to.set_exception()
            if self.crash_on_ask:
                raise
            return
        except BaseException as error:
            exits.refuse_asked(inbox, error)
            raise
        if inbox.asked is not None:
            inbox.answered().reply_to.set(response)

    def exit_self(self, reason: object = NORMAL) -> NoReturn:
        """End this actor from within its own handler with ``reason``; does not return."""
        raise Exit(as_reason(reason))

    if not TYPE_CHECKING:  # the name of 0.1, of which an application may make its own

        def leave(self, reason: object = NORMAL) -> None:
            """Call ``exit_self``, as it is called now."""
            message = "Actor.leave is called exit_self now; the old name goes with the next release"
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            self.exit_self(reason)

    # -- the log

    def log_context(self) -> Mapping[str, Any]:
        """Return fields of the lines that are logged in a turn of this actor, beside ours.

        They are in lines of JSON (docs/logging.md), and in no other. It must not block.
        """
        return {}

    def on_log_context(self) -> Mapping[str, str]:
        """Return our own fields of such lines."""
        return {}

    def on_log_secrets(self) -> tuple[object, ...]:
        """Return where values are that such lines must not show, behind names of secrets."""
        return ()

    # -- the end

    def kill_now(self) -> None:
        """End at once: everybody is told before the greenlet, if any, has unwound."""
        exits.kill(self.actor_inbox)

    def on_unwound(self, error: BaseException | None) -> None:
        """End, as ``error`` came out of a turn; ``None``: it was killed there, and nothing came."""
        if error is None:
            exits.unwound(self.actor_inbox)
        else:
            exits.end(self.actor_inbox, reason_of(error))

    def on_ending(self, reason: Reason) -> None:
        """Learn, before :meth:`terminate`, that the actor ends; must not block."""

    def on_terminate(self, reason: Reason) -> None:
        """Call :meth:`terminate`; the end goes on whatever it raises."""
        self.terminate(reason)

    def on_ended(self, reason: Reason, left: list[Any]) -> None:
        """Learn that the actor has ended, whatever the cause; must not block.

        ``left``: what was in its mailbox, which nobody will handle.
        """

    def on_killed(self) -> None:
        """Clean up after a kill, when no greenlet runs this actor any more; must not block."""

    def terminate(self, reason: Reason) -> None:
        """Run once when the actor ends, unless it was killed; the default calls Pykka's hooks."""
        if isinstance(reason, Crash):
            error = reason.exception
            self.on_failure(type(error), error, error.__traceback__)
        else:
            self.on_stop()

    def on_crash(self, reason: Crash) -> None:
        """Log a crash: one line that says where, and the stack (:mod:`actors.crash_log`)."""
        exits.report(self.actor_inbox, reason.exception, "%s crashed")

    # -- watching and time

    def monitor(self, ref: Ref[Any]) -> int:
        """Be told :class:`Down` when the actor of ``ref`` ends; at once if it has ended already."""
        return monitors.watch(self.actor_inbox, ref.actor_inbox)

    def demonitor(self, number: int) -> None:
        """Stop watching; a :class:`Down` that is queued already still comes."""
        monitors.unwatch(self.actor_inbox, number)

    def send_after(self, delay: float, message: Any) -> Timer:
        """Tell this actor ``message`` in ``delay`` seconds; nothing happens if it has ended.

        ``ValueError`` for a delay below 0, or none at all (NaN, a ``str``).
        """
        if not isinstance(delay, int | float) or not delay >= 0:
            raise ValueError(f"send_after({delay!r}, ...): must be 0 seconds or more")
        timers = self.actor_inbox.dispatcher.timers
        return timers.call_later(delay, lambda: self.__tell_self(message))

    def __tell_self(self, message: Any) -> None:
        try:
            self.actor_ref.tell(message)
        except ActorDeadError:
            pass
        except MailboxFull as error:
            words = "a timer's message was dropped: %s"
            LINES.log(logging.WARNING, type(self), words, error)


def _refuse_name() -> NoReturn:
    raise TypeError("self.actor_inbox is the runtime's mailbox: choose another name")


contract.declare(
    Actor,
    callbacks=(
        "on_start", "on_receive", "on_stop", "on_failure", "handle_exit", "terminate",
        "log_context",
    ),
    reserved=(
        "_create_actor_inbox", "_create_future", "_handle_receive", "_start_actor_loop",
        "actor_inbox", "actor_ref", "actor_stopped", "actor_urn", "dispatcher", "ends_others",
        "exit_reason", "kill_now", "on_batch", "on_begin", "on_ended", "on_envelope",
        "on_log_context", "on_log_secrets", "on_terminate", "on_unwound",
    ),
    settings=("crash_on_ask", "mailbox_bytes", "mailbox_messages", "mailbox_policy"),
)  # fmt: skip
