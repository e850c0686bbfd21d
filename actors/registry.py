"""The live actors of this process: ``from actors import registry``.

Every actor is here from its start to its end. A ref may end between the look and its use:
``ref.tell`` raises ``pykka.ActorDeadError`` then.
"""

from __future__ import annotations

from actors.runtime.registry import count, get_all, get_by_class, get_by_urn, stop_all

__all__ = ["count", "get_all", "get_by_class", "get_by_urn", "stop_all"]
