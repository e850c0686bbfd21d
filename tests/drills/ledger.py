"""The ledger: what the drills' application has handled, one line for each message and each end.

A line is one ``write`` to a file that is opened to append (open(2)), before the message is
answered: so it is there whatever becomes of the process, and lines of several workers do not mix.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final

VARIABLE: Final = "ROOST_DRILL_LEDGER"
"""The environment's variable with the file's path."""

HANDLED: Final = "handled"
ENDED: Final = "ended"


class LedgerFile:
    """The file at ``path``, which is made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @classmethod
    def of_environment(cls) -> LedgerFile:
        """Return the one that the drill reads."""
        return cls(Path(os.environ.get(VARIABLE, os.devnull)))

    def enter(self, kind: str, text: str) -> None:
        """Add a line."""
        os.write(self._fd, f"{kind} {text}\n".encode())

    def close(self) -> None:
        """Enter no more."""
        os.close(self._fd)

    def entries(self, kind: str) -> Counter[str]:
        """Return how often each text was entered."""
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return Counter(line[len(kind) + 1 :] for line in lines if line.startswith(f"{kind} "))
