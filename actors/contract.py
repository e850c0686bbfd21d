"""What a class of actors may define, and in which shape: judged when the class is made.

Our own classes declare their *callbacks*, which an application defines, and the names that are
*reserved*, as replacing those would stop an actor without a word. A class of the application's that
gets one of them wrong is a :class:`~actors.errors.ConfigError` that names it, at import instead of
at the first client. Judged is what an instance would find: what a mixin defines counts where it
comes before ours in the order of bases. Whatever may work passes: a shape that cannot be known is
not guessed. Our own packages may override anything.
"""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType, MethodType
from typing import Any, Final

from actors.errors import ConfigError

OURS: Final = frozenset({"actors", "transports", "supervision", "pykka"})
"""The packages whose classes declare, and are not judged."""

WORDS: Final = frozenset({"on_stop"})
"""Callbacks that are an edit away from what an application may well mean: ``on_step``."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What one of our classes declares.

    ``callbacks`` are called on an instance with so many positional arguments, whose names these
    are; ``class_callbacks`` on the class. ``reserved`` may not be defined at all, ``values`` not
    as functions, since instances have a value of that name. ``settings`` are attributes of the
    class that an application may set.
    """

    callbacks: Mapping[str, tuple[str, ...]]
    class_callbacks: Mapping[str, tuple[str, ...]]
    reserved: frozenset[str]
    values: frozenset[str]
    settings: frozenset[str]


_contracts: dict[type, Contract] = {}


def declare(
    cls: type,
    *,
    callbacks: Iterable[str],
    reserved: Iterable[str],
    values: Iterable[str] = (),
    settings: Iterable[str] = (),
) -> None:
    """Declare the contract of ``cls``, beside those of its bases.

    How ``cls`` itself defines a callback says what the callback takes.
    """
    on_instances: dict[str, tuple[str, ...]] = {}
    on_class: dict[str, tuple[str, ...]] = {}
    for name in callbacks:
        raw = inspect.getattr_static(cls, name)
        of_class = isinstance(raw, classmethod)
        function = raw.__func__ if of_class else raw
        taken = tuple(inspect.signature(function).parameters)[1:]
        (on_class if of_class else on_instances)[name] = taken
    _contracts[cls] = Contract(
        on_instances, on_class, frozenset(reserved), frozenset(values), frozenset(settings)
    )


def judge(cls: type, *, hints: bool = True) -> None:
    """Raise :class:`ConfigError` for what ``cls`` must not define, or not like that.

    With ``hints`` a name that is nearly that of a callback or of a setting is a ``UserWarning``
    with the one that was probably meant.
    """
    if is_ours(cls):
        return
    for contract in _of(cls):
        for name in sorted(contract.reserved):
            _refuse_reserved(cls, name)
        for name in sorted(contract.values):
            _refuse_function(cls, name)
        for name, taken in contract.callbacks.items():
            _judge_callback(cls, name, taken, of_class=False)
        for name, taken in contract.class_callbacks.items():
            _judge_callback(cls, name, taken, of_class=True)
    if hints:
        for hint, code in _hints(cls):
            file, line = _statement() if code is None else (code.co_filename, code.co_firstlineno)
            warnings.warn_explicit(hint, UserWarning, file, line)


def hints(cls: type) -> list[str]:
    """Return which names ``cls`` defines that are probably misspelt ones of its bases."""
    return [] if is_ours(cls) else [hint for hint, _ in _hints(cls)]


def judge_complete(cls: type, taken: tuple[str, ...]) -> None:
    """Judge a class that instances are to be made of, by ``cls(*taken)``.

    What decorators of the class did to it since it was made counts too.
    """
    judge(cls, hints=False)
    wrong = unmakeable(cls, taken)
    if wrong is not None:
        raise ConfigError(wrong)


def unmakeable(cls: type, taken: tuple[str, ...]) -> str | None:
    """Return why ``cls(*taken)`` cannot work, or ``None``."""
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        return f"{cls.__name__} is abstract: it does not define {', '.join(missing)}"
    made = inspect.getattr_static(cls, "__init__")
    if not isinstance(made, FunctionType):
        return None
    if _is_of_dataclass(cls, made) and not hasattr(cls, "__post_init__"):
        return f"{cls.__name__}: the dataclass must be made by dataclass(init=False)"
    if not _takes(made, len(taken) + 1):
        wanted = ", ".join(("self", *taken))
        return f"{cls.__name__}.__init__{_signature(made)}: must take ({wanted})"
    return None


def _is_of_dataclass(cls: type, made: FunctionType) -> bool:
    """Whether ``dataclass`` wrote that ``__init__``, which calls no other one."""
    return "__dataclass_fields__" in vars(cls) and made.__code__.co_filename == "<string>"


def misfit(function: Any, taken: tuple[str, ...]) -> str | None:
    """Return what is wrong with a function that is called with ``taken``, or ``None``.

    It is one that an option was given: bound, if it is a method.
    """
    kind = _wrong_kind(_innermost(function))
    if kind is not None:
        return kind
    if not _takes(function, len(taken)):
        return f"takes {_signature(function)}: must take ({', '.join(taken)})"
    return None


def _of(cls: type) -> Iterator[Contract]:
    return (_contracts[base] for base in cls.__mro__ if base in _contracts)


def is_ours(cls: type) -> bool:
    """Whether a class is of our own packages, or of Pykka."""
    return cls.__module__.partition(".")[0] in OURS


def _defined(cls: type, name: str) -> tuple[type, Any] | None:
    """Return which class of the application's defines ``name`` for ``cls``, and what it defines."""
    for base in cls.__mro__:
        if name in vars(base):
            return None if is_ours(base) else (base, vars(base)[name])
    return None


def _where(cls: type, base: type, name: str) -> str:
    return f"{cls.__name__}.{name}" + ("" if base is cls else f" (of {base.__name__})")


def _refuse_reserved(cls: type, name: str) -> None:
    found = _defined(cls, name)
    if found is not None:
        where = _where(cls, found[0], name)
        raise ConfigError(f"{where} would replace what the runtime needs: use another name")


def _refuse_function(cls: type, name: str) -> None:
    base, raw = _defined(cls, name) or (cls, None)
    read_only = isinstance(raw, property) and raw.fset is None
    if read_only or isinstance(raw, FunctionType | classmethod | staticmethod):
        where = _where(cls, base, name)
        raise ConfigError(f"{where}: each instance has a value of that name: use another one")


def _judge_callback(cls: type, name: str, taken: tuple[str, ...], *, of_class: bool) -> None:
    found = _defined(cls, name)
    if found is None:
        return
    base, raw = found
    where = _where(cls, base, name)
    kind = _wrong_kind(_innermost(raw))
    if kind is not None:
        raise ConfigError(f"{where} {kind}")
    if of_class and isinstance(raw, FunctionType) and not _stands_alone(raw, len(taken)):
        raise ConfigError(f"{where} must be a class method: put @classmethod above it")
    called = _called(cls, name, raw, of_class=of_class)
    if called is None:
        return
    function, bound = called
    if not callable(function):
        raise ConfigError(f"{where} = {raw!r:.100}: must be a function")
    if not _takes(function, len(taken) + bound):
        first = ("cls" if of_class else "self",) if bound else ()
        wanted = ", ".join((*first, *taken))
        raise ConfigError(f"{where}{_signature(function)}: must take ({wanted})")


def _innermost(raw: Any) -> Any:
    """Return the function that a callback calls first, without the wrappings of the language."""
    while True:
        if isinstance(raw, classmethod | staticmethod):
            raw = raw.__func__
        elif isinstance(raw, functools.partial | functools.partialmethod):
            raw = raw.func
        else:
            return raw


def _wrong_kind(function: Any) -> str | None:
    # A callable object is what its __call__ is.
    if not isinstance(function, FunctionType | MethodType | type):
        function = inspect.getattr_static(type(function), "__call__", None)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return (
            "is 'async def', and nothing would await it: write 'def'. It may block, other"
            " connections go on meanwhile"
        )
    if inspect.isgeneratorfunction(function):
        return "has a 'yield', and would never run: return a list instead"
    return None


def _stands_alone(function: FunctionType, taken: int) -> bool:
    """Whether a plain function can be called on the class, as ``connect = lambda info: ...``."""
    first = next(iter(inspect.signature(function, follow_wrapped=False).parameters), "")
    return first not in {"self", "cls"} and _takes(function, taken)


def _called(cls: type, name: str, raw: Any, *, of_class: bool) -> tuple[Any, bool] | None:
    """Return what is called for ``raw``, and whether ``self`` or ``cls`` comes before the rest.

    ``None`` where that is up to a descriptor that we do not know.
    """
    if isinstance(raw, FunctionType):
        return raw, not of_class
    if isinstance(raw, staticmethod):
        return raw.__func__, False
    if isinstance(raw, classmethod):
        return raw.__func__, True
    if isinstance(raw, functools.partialmethod):
        # Of a function, it is a function; of a class method, a partial that is bound already.
        function = getattr(cls, name)
        return function, not of_class and isinstance(function, FunctionType)
    if isinstance(raw, functools.partial):  # from Python 3.14 on it binds, as a function does
        return raw, not of_class and sys.version_info >= (3, 14)
    return None if hasattr(type(raw), "__get__") else (raw, False)


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether it can be called with ``count`` positional arguments, as far as can be known."""
    if hasattr(function, "__signature__"):
        return True  # of what it wraps, which may be called with something else
    try:
        inspect.signature(function, follow_wrapped=False).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # of a function in C that does not say
        return True
    return True


def _signature(function: Callable[..., Any]) -> str:
    names = inspect.signature(function, follow_wrapped=False).parameters.values()
    shown = [each.replace(annotation=each.empty) for each in names]
    return str(inspect.Signature(shown))


def _hints(cls: type) -> Iterator[tuple[str, CodeType | None]]:
    """Yield what to say of a name, and the code of the function that has it, if it is one."""
    contracts = list(_of(cls))
    callbacks = {
        name
        for contract in contracts
        for name in (*contract.callbacks, *contract.class_callbacks)
        if name not in WORDS
    }
    settings = {name for contract in contracts for name in contract.settings}
    for name, raw in vars(cls).items():
        if name.startswith("_") or any(name in vars(base) for base in cls.__mro__[1:]):
            continue  # its own affair, or somebody else's name, which is known there
        function = _innermost(raw)
        if isinstance(function, FunctionType):
            known, code, kind = callbacks, function.__code__, "no callback, nothing calls it"
        elif isinstance(raw, type) or hasattr(type(raw), "__get__"):
            continue
        else:
            known, code, kind = settings, None, "no setting, nothing reads it"
        close = [each for each in sorted(known) if _is_near(name, each)]
        if close and not any(_defined(cls, each) for each in close):
            meant = " or ".join(repr(each) for each in close)
            yield f"{cls.__name__}.{name} is {kind}: did you mean {meant}?", code


def _is_near(name: str, known: str) -> bool:
    """Whether they differ by one edit, or by capitals and underscores alone: ``handleIn``."""
    return one_edit(name, known) or _letters(name) == _letters(known)


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def _statement() -> tuple[str, int]:
    """Return the file and the line that are being run outside of our own packages."""
    frame = inspect.currentframe()
    while frame is not None and _package(frame) in {*OURS, "abc"}:  # which makes our classes
        frame = frame.f_back
    return ("<unknown>", 1) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def one_edit(one: str, other: str) -> bool:
    """Whether one letter too many, too few, wrong, or two swapped make ``other`` of ``one``."""
    if one == other:
        return False
    start = 0
    while one[start : start + 1] == other[start : start + 1] and start < len(one):
        start += 1
    mine, wanted = one[start:], other[start:]
    swapped = len(mine) > 1 and mine[1::-1] + mine[2:] == wanted
    return swapped or mine[1:] == wanted[1:] or mine[1:] == wanted or mine == wanted[1:]
