"""The endpoint: its description (:class:`Endpoint`), its server, and the command.

``python -m actors.endpoint`` imports this file before it can patch the standard library, so
nothing is imported here until somebody asks for it (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.lazy import lazy

if TYPE_CHECKING:
    from actors.endpoint.definition import Endpoint as Endpoint

if not TYPE_CHECKING:  # else a misspelt import would be Any to type checkers
    __all__, __getattr__, __dir__ = lazy(globals(), {"actors.endpoint.definition": "Endpoint"})
