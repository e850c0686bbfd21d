"""Methods for events: ``@on`` for what clients send, ``@intercept`` for what is broadcast."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, TypeVar

from actors.channels.payloads import Converter, converter
from actors.errors import ConfigError
from actors.publish_message import RESERVED
from actors.serializers.message import MAX_NAME

F = TypeVar("F", bound=Callable[..., Any])

_ON: Final = "_roost_on"
_INTERCEPT: Final = "_roost_intercept"


@dataclass(frozen=True, slots=True)
class Handler:
    """A method for an event, and what its payload has to be."""

    method: str
    function: Callable[[Any, Any], Any]
    convert: Converter | None


def on(*events: str) -> Callable[[F], F]:
    """Have a channel's method ``(self, payload)`` handle these events of clients.

    The annotation of ``payload`` says what it has to be (:mod:`actors.channels.payloads`). What it
    returns: ``None``, ``Ok``, ``Error``, ``Reply`` or ``Stop``. ``ConfigError`` for a name that is
    no event; for a method of another shape when its class is made.
    """
    return _marker(_ON, events)


def intercept(*events: str) -> Callable[[F], F]:
    """Have a channel's method ``(self, payload)`` say what its client gets of these broadcasts.

    It returns the payload to push, or ``None`` for nothing (``handle_out`` of Phoenix).
    """
    return _marker(_INTERCEPT, events)


def _marker(kind: str, events: tuple[Any, ...]) -> Callable[[F], F]:
    if not events:
        raise ConfigError(f"{_word(kind)}(): names no event")
    for event in events:
        check_event(event, _word(kind))

    def mark(function: F) -> F:
        _refuse_second(function, inspect.currentframe())
        setattr(function, kind, (*vars(function).get(kind, ()), *events))
        return function

    return mark


def _refuse_second(function: Any, mark: FrameType | None) -> None:
    """Raise :class:`ConfigError` where the body of a class has a marked method of that name.

    The later of the two would take the place of the other, whose events nobody would handle.
    ``mark`` is the frame that the class's body has called.
    """
    body = mark.f_back.f_locals if mark is not None and mark.f_back is not None else {}
    if "__qualname__" not in body or not inspect.isfunction(function):
        return
    earlier = body.get(function.__name__)
    if inspect.isfunction(earlier):
        for kind in (_ON, _INTERCEPT):
            for event in vars(earlier).get(kind, ()):
                raise ConfigError(
                    f"{function.__qualname__} is defined twice: the first one, which is"
                    f" {_word(kind)}({event!r}), would be lost"
                )


def _word(kind: str) -> str:
    return f"@{kind.removeprefix('_roost_')}"


def check_event(event: object, what: str) -> None:
    """Raise :class:`ConfigError` unless ``event`` is a name that an application may use."""
    if not isinstance(event, str) or not 0 < len(event.encode()) <= MAX_NAME:
        raise ConfigError(f"{what}: {event!r:.80} is no event: a str of 1 to {MAX_NAME} bytes")
    if event.startswith(RESERVED):
        raise ConfigError(f"{what}: {event!r} is reserved, as all that begins with {RESERVED!r}")


def check_name(event: object) -> None:
    """Raise ``TypeError`` where the name of what is sent is no ``str``."""
    if not isinstance(event, str):
        raise TypeError(f"the event {event!r:.80} must be a str")


def checked_event(event: str) -> str:
    """Return ``event``; ``ValueError`` for one that only the protocol may send.

    ``TypeError`` for what is no ``str``.
    """
    check_name(event)
    if event.startswith(RESERVED):
        raise ValueError(
            f"the event {event!r:.80} is reserved, as all that begins with {RESERVED!r}"
        )
    return event


def handlers(cls: type) -> Mapping[str, Handler]:
    """Return the methods that ``cls`` has for events of clients."""
    return _table(cls, _ON)


def interceptors(cls: type) -> Mapping[str, Handler]:
    """Return the methods that ``cls`` has for broadcasts."""
    return _table(cls, _INTERCEPT)


def _table(cls: type, kind: str) -> dict[str, Handler]:
    """Return a handler for each event; ``ConfigError`` where two methods have one event.

    A method that a subclass defines anew keeps the events of the one that it replaces, unless it
    names others.
    """
    found: dict[str, Handler] = {}
    for name, events in _marked(cls, kind):
        function = inspect.getattr_static(cls, name)
        where = f"{cls.__name__}.{name}"
        convert = payload_converter(function, where, ("self", "payload"))
        handler = Handler(name, function, convert)
        for event in events:
            if event in found:
                other = f"{cls.__name__}.{found[event].method}"
                raise ConfigError(f"{where}: {_word(kind)}({event!r}) is on {other} already")
            found[event] = handler
    return found


def _marked(cls: type, kind: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    names: dict[str, tuple[str, ...]] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if inspect.isfunction(value):
                events = vars(value).get(kind)
                if events is not None:
                    names[name] = events
            elif name in names:
                del names[name]  # a subclass has put something else in its place
    yield from names.items()


def payload_converter(function: Any, where: str, taken: tuple[str, ...]) -> Converter | None:
    """Return the converter for the last parameter of a method that takes so many.

    ``ConfigError`` where it takes others, is ``async`` or a generator, or its annotation cannot be
    resolved or checked.
    """
    plain = inspect.unwrap(function)
    if inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain):
        raise ConfigError(f"{where} is async: callbacks are plain functions, which may block")
    if inspect.isgeneratorfunction(plain):
        raise ConfigError(f"{where} is a generator: callbacks are plain functions")
    signature = inspect.signature(function)
    try:
        bound = signature.bind(*taken)
    except TypeError:
        raise ConfigError(f"{where}{signature}: must take ({', '.join(taken)})") from None
    last = list(bound.arguments)[-1]
    parameter = signature.parameters[last]
    if parameter.kind is parameter.VAR_POSITIONAL or parameter.annotation is parameter.empty:
        return None
    try:
        annotation = typing.get_type_hints(plain)[last]
    except Exception as error:  # noqa: BLE001 - whatever evaluating it raises
        raise ConfigError(
            f"{where}: the annotation {parameter.annotation!r} of {last} is not known: {error}"
        ) from None
    return converter(annotation, where)
