"""What an annotation says about a payload, as a function that checks and converts it.

==================================================  ====================================
annotation of the payload                           the payload
==================================================  ====================================
none, ``Any``, ``object``                           as it came
``dict``, ``Mapping``, ``dict[str, Any]``           a JSON object
``bytes``                                           binary
a class with ``model_validate`` (pydantic)          what that makes of it
``msgspec.Struct``, a dataclass, a ``TypedDict``,   what ``msgspec.convert`` makes of it
and what else msgspec converts                      (the extra ``schemas``)
==================================================  ====================================

Further kinds: :func:`register`.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from actors.errors import ConfigError, RoostError

Converter = Callable[[Any], Any]
"""Return the converted payload, or raise :class:`InvalidPayload`."""

_AS_IT_CAME = (inspect.Parameter.empty, Any, object)
_OBJECTS = (dict, Mapping, dict[str, Any], Mapping[str, Any], dict[str, object])


class InvalidPayload(RoostError):
    """A payload that does not fit; ``errors`` says where and how, without the client's values."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("invalid payload")
        self.errors = errors


@runtime_checkable
class _Validates(Protocol):
    """The class of a pydantic model."""

    def model_validate(self, obj: Any, /) -> Any: ...


_registered: list[tuple[Callable[[Any], bool], Callable[[Any], Converter]]] = []


def register(predicate: Callable[[Any], bool], factory: Callable[[Any], Converter]) -> None:
    """Have ``factory(annotation)`` make the converter of annotations that ``predicate`` accepts.

    The predicate that was registered last is asked first, before what is built in.
    """
    _registered.insert(0, (predicate, factory))


def converter(annotation: Any, where: str) -> Converter | None:
    """Return what checks and converts a payload, ``None`` where it is taken as it came.

    ``ConfigError`` for an annotation that cannot be checked; ``where`` names the method.
    """
    for predicate, factory in _registered:
        if predicate(annotation):
            return factory(annotation)
    if annotation in _AS_IT_CAME:
        return None
    if annotation is bytes:
        return _bytes
    if annotation in _OBJECTS:
        return _object
    if isinstance(annotation, type) and isinstance(annotation, _Validates):
        return _pydantic(annotation)
    return _msgspec(annotation, where)


def _bytes(payload: Any) -> bytes:
    if type(payload) is bytes:
        return payload
    raise InvalidPayload([{"at": "$", "message": "Expected binary"}])


def _object(payload: Any) -> Any:
    if type(payload) is dict:
        return payload
    raise InvalidPayload([{"at": "$", "message": "Expected `object`"}])


def _pydantic(model: _Validates) -> Converter:
    import pydantic  # noqa: PLC0415 - whoever has a model has it

    def convert(payload: Any) -> Any:
        try:
            return model.model_validate(payload)
        except pydantic.ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            raise InvalidPayload(
                [{"at": _path(each["loc"]), "message": each["msg"]} for each in found]
            ) from None

    return convert


def _path(steps: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _msgspec(annotation: Any, where: str) -> Converter:
    if importlib.util.find_spec("msgspec") is None:
        raise ConfigError(f"{where}: {_shown(annotation)} needs the extra 'schemas' (msgspec)")
    import msgspec  # noqa: PLC0415 - an extra

    try:
        foreign = isinstance(msgspec.inspect.type_info(annotation), msgspec.inspect.CustomType)
        wrong = "msgspec does not know it" if foreign else None
        msgspec.json.Decoder(annotation)  # says what else is wrong with it
    except (TypeError, NameError) as error:
        wrong = str(error)
    if wrong is not None:
        raise ConfigError(
            f"{where}: a payload cannot be checked against {_shown(annotation)}: {wrong}"
            " (accepted: Any, dict, bytes, msgspec.Struct, a dataclass, a TypedDict,"
            " a pydantic model)"
        )
    convert_to, invalid = msgspec.convert, msgspec.ValidationError

    def convert(payload: Any) -> Any:
        try:
            return convert_to(payload, annotation)
        except invalid as error:
            message, _, at = str(error).partition(" - at `")
            found = {"at": at.rstrip("`") or "$", "message": _without_values(message)}
            raise InvalidPayload([found]) from None

    return convert


def _without_values(message: str) -> str:
    """Return msgspec's words, unless they quote what the client sent."""
    if message.startswith(("Expected ", "Object missing required field ")):
        return message
    return "Invalid value"


def _shown(annotation: Any) -> str:
    return inspect.formatannotation(annotation)
