"""Child specifications and supervisors' flags as data (supervisor(3), Elixir's Supervisor).

Whatever is wrong raises :class:`~actors.errors.SupervisionError`: ``reason`` is OTP's word for it,
``detail`` names the field, the value and the accepted form. Mappings are taken too, and there, as
in OTP, keys that mean nothing are ignored.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, TypeVar, get_args

from actors.errors import SupervisionError

Restart = Literal["permanent", "transient", "temporary"]
Kind = Literal["worker", "supervisor"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]

WORKER_SHUTDOWN = 5.0
"""Seconds that a worker has to end when its spec does not say."""


class Ignored(enum.Enum):
    """The type of :data:`IGNORE`."""

    IGNORE = "ignore"


IGNORE: Final = Ignored.IGNORE
"""What ``init`` or a start function answers to say: nothing to run, and nothing wrong."""

F = TypeVar("F", "Flags", "DynamicFlags")

_BY_TYPE: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How a supervisor starts, restarts and stops one child.

    * ``start(*args)`` makes the child. It must return its ref, or ``(ref, info)``, or
      :data:`IGNORE`; what it raises is why the child did not start.
    * ``restart``: ``"permanent"`` always, ``"transient"`` after an abnormal end (see
      :attr:`~actors.reasons.Reason.clean`), ``"temporary"`` never.
    * ``shutdown``: seconds from the request to end to the kill; ``0`` kills at once (OTP:
      ``brutal_kill``), ``None`` waits for ever (``infinity``). The default is 5 for a worker and
      ``None`` for a supervisor, which needs its time to stop a tree.
    * ``significant``: its end may end the supervisor (see ``auto_shutdown``).
    * ``name``: a str by which :func:`actors.whereis` finds it in this process; ``None`` for none.
      The supervisor keeps the name while the child starts, gives it to the ref, and frees it when
      the child has ended. Where another has it the child does not start: ``already_started``.
    """

    id: Hashable
    start: Callable[..., Any]
    args: tuple[Any, ...] = ()
    restart: Restart = "permanent"
    shutdown: float | None = _BY_TYPE
    type: Kind = "worker"
    significant: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        if self.shutdown is _BY_TYPE:
            default = None if self.type == "supervisor" else WORKER_SHUTDOWN
            object.__setattr__(self, "shutdown", default)
        _check_id(self.id)
        if not callable(self.start):
            raise _refusal("invalid_mfa", "start", self.start, "a callable")
        if not isinstance(self.args, tuple):
            raise _refusal("invalid_mfa", "args", self.args, "a tuple")
        _one_of("invalid_restart_type", "restart", self.restart, Restart)
        _one_of("invalid_child_type", "type", self.type, Kind)
        if self.shutdown is not None and not _seconds(self.shutdown):
            raise _refusal("invalid_shutdown", "shutdown", self.shutdown, "seconds >= 0 or None")
        if not isinstance(self.significant, bool):
            raise _refusal("invalid_significant", "significant", self.significant, "True or False")
        if self.name is not None and (not isinstance(self.name, str) or not self.name):
            raise _refusal("invalid_name", "name", self.name, "a str that is not empty, or None")
        if self.significant and self.restart == "permanent":
            raise SupervisionError(
                "bad_combination", "significant=True with restart='permanent': it never ends"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What a supervisor does about the end of a child.

    * ``strategy``: ``"one_for_one"`` restarts the one that ended; ``"one_for_all"`` stops and
      starts all; ``"rest_for_one"`` that one and those that were started after it.
    * More than ``intensity`` restarts within ``period`` seconds, and the supervisor gives up:
      3 in 5 seconds, as in Elixir (OTP: 1).
    * ``auto_shutdown``: ``"any_significant"`` ends the supervisor when a significant child has
      ended by itself, ``"all_significant"`` when the last of them has.
    """

    strategy: Strategy = "one_for_one"
    intensity: int = 3
    period: float = 5.0
    auto_shutdown: AutoShutdown = "never"

    def __post_init__(self) -> None:
        _one_of("invalid_strategy", "strategy", self.strategy, Strategy)
        _check_intensity(self.intensity, self.period)
        _one_of("invalid_auto_shutdown", "auto_shutdown", self.auto_shutdown, AutoShutdown)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicFlags:
    """What a dynamic supervisor does; it knows no strategy but ``"one_for_one"``.

    At most ``max_children`` children, ``None`` for no bound. ``extra_arguments`` come before the
    arguments of each child. ``intensity`` and ``period`` as in :class:`Flags`.
    """

    strategy: Literal["one_for_one"] = "one_for_one"
    intensity: int = 3
    period: float = 5.0
    max_children: int | None = None
    extra_arguments: tuple[Any, ...] = ()
    auto_shutdown: Literal["never"] = "never"

    def __post_init__(self) -> None:
        if self.strategy != "one_for_one":
            raise _refusal("invalid_strategy", "strategy", self.strategy, "'one_for_one'")
        _check_intensity(self.intensity, self.period)
        if self.max_children is not None and not _whole(self.max_children):
            wanted = "a whole number >= 0 or None"
            raise _refusal("invalid_max_children", "max_children", self.max_children, wanted)
        if not isinstance(self.extra_arguments, tuple):
            raise _refusal(
                "invalid_extra_arguments", "extra_arguments", self.extra_arguments, "a tuple"
            )
        if self.auto_shutdown != "never":
            wanted = "'never': a dynamic supervisor has no significant children"
            raise _refusal("bad_combination", "auto_shutdown", self.auto_shutdown, wanted)


def child_spec(given: object, *args: Any) -> ChildSpec:
    """Return the spec of a child, with ``args`` after its own.

    ``given`` must be one of: a :class:`ChildSpec`; a mapping with its fields; an actor class,
    whose id is the class itself; a function without arguments that returns one of the former.
    """
    if callable(given) and not isinstance(given, type):
        given = given()
    if isinstance(given, Mapping):
        given = _of_mapping(given)
    elif isinstance(given, type):
        given = _of_class(given)
    if not isinstance(given, ChildSpec):
        wanted = "a ChildSpec, a mapping, an actor class, or a function that answers one"
        raise _refusal("invalid_child_spec", "child", given, wanted)
    return replace(given, args=given.args + args) if args else given


def child_specs(given: object, auto_shutdown: str | None = None) -> list[ChildSpec]:
    """Return the specs of several children, in order; ids must differ.

    With ``auto_shutdown`` they are checked against that flag as well. OTP: ``check_childspecs``.
    """
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
        raise _refusal("badarg", "children", given, "a list of children")
    if auto_shutdown is not None:
        _one_of("badarg", "auto_shutdown", auto_shutdown, AutoShutdown)
    specs: dict[Hashable, ChildSpec] = {}
    for each in given:
        spec = child_spec(each)
        if auto_shutdown is not None:
            check_significant(spec, auto_shutdown)
        if spec.id in specs:
            raise SupervisionError("duplicate_child_name", f"{spec.id!r:.200}")
        specs[spec.id] = spec
    return list(specs.values())


def check_significant(spec: ChildSpec, auto_shutdown: str) -> None:
    """Refuse a significant child under a supervisor that would not heed it."""
    if spec.significant and auto_shutdown == "never":
        raise SupervisionError("bad_combination", "significant=True with auto_shutdown='never'")


def flags(cls: type[F], given: object) -> F:
    """Return the flags of a supervisor: ``cls`` itself, or a mapping with its fields."""
    if isinstance(given, cls):
        return given
    if not isinstance(given, Mapping):
        raise _refusal("invalid_type", "flags", given, f"{cls.__name__} or a mapping")
    return cls(**_known(cls, given))


def _of_mapping(given: Mapping[Any, Any]) -> ChildSpec:
    for key in ("id", "start"):
        if key not in given:
            raise SupervisionError(f"missing_{key}", f"a child spec must have {key!r}")
    return ChildSpec(**_known(ChildSpec, given))


def _of_class(given: type) -> ChildSpec:
    start = getattr(given, "start", None)
    if not callable(start):
        wanted = "a class with a start method"
        raise _refusal("invalid_child_spec", "child", given, wanted)
    return ChildSpec(id=given, start=start, type=getattr(given, "child_type", "worker"))


def _known(cls: type[Any], given: Mapping[Any, Any]) -> dict[str, Any]:
    return {field.name: given[field.name] for field in fields(cls) if field.name in given}


def _refusal(reason: str, field: str, value: object, wanted: str) -> SupervisionError:
    return SupervisionError(reason, f"{field}={value!r:.200}: must be {wanted}")


def _one_of(reason: str, field: str, value: object, accepted: Any) -> None:
    words = get_args(accepted)
    if value not in words:
        raise _refusal(reason, field, value, " or ".join(repr(word) for word in words))


def _check_id(value: object) -> None:
    try:
        hash(value)
    except TypeError:
        raise _refusal("invalid_id", "id", value, "hashable") from None


def _check_intensity(intensity: object, period: object) -> None:
    if not _whole(intensity):
        raise _refusal("invalid_intensity", "intensity", intensity, "a whole number >= 0")
    if not _seconds(period) or period == 0:
        raise _refusal("invalid_period", "period", period, "seconds > 0")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value >= 0 and math.isfinite(value)
