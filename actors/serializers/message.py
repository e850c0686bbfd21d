"""What a client sends in a channel message, what a server sends, and who turns one into bytes.

Names are those of Phoenix (``Phoenix.Socket.Message``, ``Reply`` and ``Broadcast``).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from actors.errors import InvalidMessage
from actors.messages import Opcode
from actors.serializers import strict_json

Ref = str | int | float | None
"""A client's name for one of its messages. phoenix.js sends decimal strings; numbers go back as
such."""

Frame = tuple[Opcode, bytes]
"""``Opcode.TEXT`` with UTF-8, or ``Opcode.BINARY``."""

MAX_NAME = 255
"""Bytes of a topic, an event or a ref, in UTF-8: binary frames have one byte for a length."""


class Incoming(NamedTuple):
    """One message of a client. ``payload`` is ``bytes`` where it came in a binary frame.

    ``join_ref`` is the ref of the join that the client means, ``None`` where it does not say.
    Without a ``ref`` the client wants no reply.
    """

    join_ref: Ref
    ref: Ref
    topic: str
    event: str
    payload: Any


_BYTES: Final = (bytes, bytearray, memoryview)  # a union would be made anew for each


class Body:
    """The payload of a broadcast, encoded once for all who get it.

    Either ``json`` is the text of an object (UTF-8), or ``binary`` has the bytes.
    """

    __slots__ = ("_value", "binary", "json")

    def __init__(self, *, json: bytes | None = None, binary: bytes | None = None) -> None:
        self.json = json
        self.binary = binary
        self._value: Any = None

    @classmethod
    def of(cls, payload: object) -> Body:
        """Return the body of ``payload``: an object of JSON, or what is bytes.

        Raises ``TypeError`` for anything else, and for what JSON cannot say.
        """
        if isinstance(payload, _BYTES):
            return cls(binary=bytes(payload))
        return cls(json=strict_json.encode_object(payload))

    @property
    def value(self) -> Any:
        """The payload as a plain value: a ``dict``, or ``bytes``. Decoded when first asked for."""
        if self.json is None:
            return self.binary
        if self._value is None:
            self._value = strict_json.decode(self.json)
        return self._value


@runtime_checkable
class Serializer(Protocol):
    """One protocol version. Its methods are pure, and may be called from any thread.

    Those that encode raise ``TypeError`` or ``ValueError`` for what this version cannot say: the
    caller made that mistake.
    """

    def decode(self, frame: str | bytes, /) -> Incoming:
        """Return the message in a text frame or a binary one.

        Raises :class:`~actors.errors.InvalidMessage`, which closes the connection with 1007.
        """

    def reply(self, join_ref: Ref, ref: Ref, topic: str, status: str, response: object, /) -> Frame:
        """Encode the reply to the message ``ref``; ``response`` is JSON or bytes."""

    def push(self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: object, /) -> Frame:
        """Encode a message to one client; ``ref`` is ``None`` but for the end of a channel."""

    def broadcast(self, topic: str, event: str, body: Body, /) -> Frame | None:
        """Encode what every subscriber gets; ``None`` where this version cannot carry it."""


# Each look at a member of an Enum costs as much as a call.
TEXT, BINARY = Opcode.TEXT, Opcode.BINARY

SHORT_NAME: Final = MAX_NAME // 4
"""Characters that cannot be too many bytes: none takes more than four."""


def is_too_long(name: str) -> bool:
    """Whether a topic, an event or a ref has more than :data:`MAX_NAME` bytes."""
    return len(name) > SHORT_NAME and len(name.encode()) > MAX_NAME


def check_names(join_ref: object, ref: object, topic: object, event: object) -> None:
    """Raise :class:`InvalidMessage` unless the names of a message have their types.

    Topic and event are strings, refs are strings, numbers or ``None``. A ref that no reply could
    carry is refused. How long a topic or an event may be is for the socket to say, which replies.
    """
    if type(topic) is not str or type(event) is not str:
        raise InvalidMessage("topic and event must be strings")
    check_ref(ref)
    check_ref(join_ref)


def check_ref(ref: object) -> None:
    """Raise :class:`InvalidMessage` for a ref that no reply could carry."""
    if type(ref) is str:
        if is_too_long(ref):
            raise InvalidMessage(f"a ref of over {MAX_NAME} bytes")
    elif ref is not None and type(ref) is not int and type(ref) is not float:
        raise InvalidMessage("a ref must be a string, a number or null")


def check_lengths(**names: str) -> None:
    """Raise ``ValueError`` for a name that no binary frame can carry."""
    for what, name in names.items():
        if is_too_long(name):
            raise ValueError(f"{what} of {len(name)} characters: a binary frame takes {MAX_NAME}")
