"""Every exception that Roost raises on purpose.

::

    RoostError
    ├── ConfigError                 an option, a mount or a child spec is wrong; found at start
    │   └── ConfigErrors            several are
    ├── SupervisionError            a supervisor refuses a call (``reason`` says which way)
    ├── MailboxFull                 a bounded mailbox with policy "reject" took no more
    ├── PublishError                a server did not take what a process elsewhere publishes
    ├── AskFailed                   what exists once raised when it was asked
    ├── ClientError                 a client of channels cannot do what it was asked to
    │   ├── ConnectFailed           there is no connection, and why
    │   ├── MessageTimeout          no message in time; a TimeoutError too
    │   ├── NotJoined               the channel is not joined, or is not any more
    │   ├── ReplyTimeout            no reply in time; a TimeoutError too
    │   ├── ReplyLost               the channel or the connection ended before the reply
    │   └── BufferFull              more waits to be sent, or answered, than may
    ├── NotTracked                  an update of a presence that is not there
    ├── PresenceLimit               a presence beyond a limit
    └── TransportError
        ├── ProtocolError           the peer broke RFC 6455; ``close_code`` says how to end (1002)
        │   ├── InvalidUTF8         text that is not UTF-8 (1007)
        │   ├── InvalidDeflate      a compressed message that does not inflate (1007)
        │   ├── InvalidMessage      what is no message of a channel (1007)
        │   ├── PayloadTooBig       a frame or a message over its limit (1009)
        │   └── PolicyViolation     a peer that floods (1008)
        ├── HTTPError               a request that is refused; ``status`` is what to answer
        │   ├── ForwardedError      a trusted proxy's header that is nonsense
        │   └── HandshakeError      a WebSocket upgrade that is refused
        └── ConnectionLost          the socket under a transport is gone

The error itself carries what the peer is to be told, so that no caller maps exceptions to codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RoostError(Exception):
    """The root: catch this to catch whatever Roost raises on purpose."""


class ConfigError(RoostError):
    """A value given by the application or the command line is not acceptable."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, a line for each."""
        return (" ".join(str(self).split()),)


class ConfigErrors(ConfigError):
    """Several values are not acceptable; ``problems`` has a line for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self._problems = tuple(" ".join(problem.split()) for problem in problems)
        super().__init__("; ".join(self._problems))

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, a line for each."""
        return self._problems


class SupervisionError(RoostError):
    """A supervisor refused a call.

    ``reason`` is one of OTP's words, such as ``"already_started"`` or ``"not_found"``.
    ``words`` say ``detail`` to a reader, where its own do not.
    """

    def __init__(self, reason: str, detail: object = None, words: str | None = None) -> None:
        said = detail if words is None else words
        super().__init__(reason if said is None else f"{reason}: {said}")
        self.reason = reason
        self.detail = detail


class MailboxFull(RoostError):
    """The mailbox of the actor that was told something is at its limit."""


class PublishError(RoostError):
    """What was to be published was refused, or there was no answer.

    ``status`` is the answer's: 400 and 413 (the message), 401 (the key), 5xx (the server); ``None``
    where there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AskFailed(RoostError):
    """What exists once, maybe in another worker, raised when it was asked; the text says what.

    Or too much waits to be sent between the two workers, so that the answer was dropped.
    """


class ClientError(RoostError):
    """A client of channels (:mod:`actors.client`) cannot do what it was asked to."""


class ConnectFailed(ClientError):
    """There is no connection.

    ``status`` is that of the HTTP answer which refused it, ``None`` where there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class MessageTimeout(ClientError, TimeoutError):
    """No message came in the time that ``next_message`` was given."""


class NotJoined(ClientError):
    """The channel is not joined, or is not any more: nothing was sent."""


class ReplyTimeout(ClientError, TimeoutError):
    """No reply came in time: what was sent may have been handled or not."""


class ReplyLost(ClientError):
    """The channel or the connection ended before the reply: it may have been handled or not."""


class BufferFull(ClientError):
    """More waits to be sent, or to be answered, than the options of the client allow."""


class NotTracked(RoostError, LookupError):
    """An actor is not tracked under that topic and key (Phoenix: ``{:error, :nopresence}``)."""


class PresenceLimit(RoostError, ValueError):
    """What was to be tracked is beyond a limit of presence; nothing is tracked."""


class TransportError(RoostError):
    """Something went wrong between the peer and us."""


class ProtocolError(TransportError):
    """The peer broke RFC 6455 (or RFC 7692)."""

    close_code = 1002


class InvalidUTF8(ProtocolError):
    """A text message or a close reason is not UTF-8 (RFC 6455 §8.1)."""

    close_code = 1007


class InvalidDeflate(ProtocolError):
    """A compressed message does not inflate: data that is not of its type (RFC 6455 §7.4.1)."""

    close_code = 1007


class InvalidMessage(ProtocolError):
    """A message that no channel can read: data that is not of its type (RFC 6455 §7.4.1)."""

    close_code = 1007


class PayloadTooBig(ProtocolError):
    """A frame or a message is larger than its limit (RFC 6455 §7.4.1)."""

    close_code = 1009


class PolicyViolation(ProtocolError):
    """The peer floods us: too many fragments or control frames (RFC 6455 §7.4.1)."""

    close_code = 1008


class HTTPError(TransportError):
    """A request that is answered with ``status`` and closed.

    ``headers`` are added to the answer; the message is its body, so it must hold nothing secret.
    """

    def __init__(
        self, status: int, message: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class ForwardedError(HTTPError):
    """A trusted proxy said in ``header`` who its client is, and that is nonsense: 400."""

    def __init__(self, header: str, message: str) -> None:
        super().__init__(400, message)
        self.header = header


class HandshakeError(HTTPError):
    """A WebSocket upgrade that is refused (RFC 6455 §4.2.2)."""


class ConnectionLost(TransportError):
    """The peer is gone, or the socket failed under us."""
