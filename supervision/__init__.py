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

if not TYPE_CHECKING:  # else a misspelt import would be Any to type checkers
    __all__, __getattr__, __dir__ = lazy(
        globals(),
        {
            "supervision.dynamic": "DynamicSupervisor",
            "supervision.partition": "PartitionSupervisor",
            "supervision.ref": "SupervisorRef",
            "supervision.specs": "IGNORE ChildSpec DynamicFlags Flags",
            "supervision.supervisor": "Supervisor",
        },
    )
