"""The endpoint: its description (:class:`Endpoint`), its server, and the command.

``python -m actors.endpoint`` imports this file before it can patch the standard library, so
nothing is imported here until somebody asks for it (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.endpoint.definition import Endpoint

__all__ = ["Endpoint"]


if not TYPE_CHECKING:  # else a misspelt import would be Any to type checkers

    def __getattr__(name: str) -> Any:
        if name == "Endpoint":
            from actors.endpoint.definition import Endpoint  # noqa: PLC0415 - lazily, see above

            return Endpoint
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
