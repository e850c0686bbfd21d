"""Supervision trees with the semantics of Erlang/OTP.

The names are imported when they are first asked for, so that ``import supervision`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.lazy import lazy

if TYPE_CHECKING:
    from supervision.dynamic import DynamicSupervisor as DynamicSupervisor
    from supervision.partition import PartitionSupervisor as PartitionSupervisor
    from supervision.ref import SupervisorRef as SupervisorRef
    from supervision.specs import IGNORE as IGNORE
    from supervision.specs import ChildSpec as ChildSpec
    from supervision.specs import DynamicFlags as DynamicFlags
    from supervision.specs import Flags as Flags
    from supervision.supervisor import Supervisor as Supervisor

_HOME = {
    "IGNORE": "supervision.specs",
    "ChildSpec": "supervision.specs",
    "DynamicFlags": "supervision.specs",
    "DynamicSupervisor": "supervision.dynamic",
    "Flags": "supervision.specs",
    "PartitionSupervisor": "supervision.partition",
    "Supervisor": "supervision.supervisor",
    "SupervisorRef": "supervision.ref",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the names above, stated once


if not TYPE_CHECKING:  # else a misspelt import would be Any to type checkers
    __getattr__, __dir__ = lazy(globals(), _HOME)
