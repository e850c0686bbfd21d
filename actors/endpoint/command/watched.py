"""Which files are an application's code, for ``--reload``; without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

SUFFIX: Final = ".py"

LEFT_OUT: Final = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "env"})
"""Directories whose files are not the application's; those that begin with a dot are not, too."""

TEMPORARY: Final = (".", "#", "~", "flycheck_")
"""What the names begin with of files that editors and their checkers write beside a file."""


def below(path: str, roots: Sequence[str]) -> PurePath | None:
    """Return ``path`` as seen from the innermost of ``roots`` that it is in, if it is in one."""
    found = [root for root in roots if path.startswith(root.rstrip("/") + "/")]
    return PurePath(path).relative_to(max(found, key=len)) if found else None


def is_left_out(directory: str) -> bool:
    """Whether nothing in a directory of that name is the application's."""
    return directory in LEFT_OUT or directory.startswith(".")


def is_code(relative: PurePath) -> bool:
    """Whether a file is the application's code; its path is as seen from the root."""
    if any(is_left_out(part) for part in relative.parts[:-1]):
        return False
    return relative.suffix == SUFFIX and not relative.name.startswith(TEMPORARY)
