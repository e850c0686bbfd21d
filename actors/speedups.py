"""Which build is in use: the compiled hot path (``actors._speedups``), or the pure one.

The pure classes say what is right. Those that are compiled have the same fields and methods, do the
common case, and leave all else to the methods that both builds share (docs/adr/0017). This is the
one place that chooses: the extension where it was built, unless ``ROOST_PURE`` is 1 (or whatever
else but 0 and nothing).
"""

from __future__ import annotations

import importlib
import os
import re
from typing import Any, Final, TypeVar

T = TypeVar("T")


def load(name: str) -> Any:
    """Return the extension, or ``None`` where it was not built or is not wanted."""
    if os.environ.get("ROOST_PURE", "") not in {"", "0"}:
        return None
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


compiled: Final[Any] = load("actors._speedups")

BUILD: Final = "pure" if compiled is None else "compiled"


def hot(pure: T) -> T:
    """Return what stands for something pure: ``Turns`` for ``PureTurns``, ``f`` for ``pure_f``."""
    name: str = pure.__name__  # type: ignore[attr-defined]
    return pure if compiled is None else vars(compiled)[re.sub("^(Pure|pure_)", "", name)]
