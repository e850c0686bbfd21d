"""Who may use a client: what connected it, and nobody else while it is connected."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Hashable


class Owned(ABC):
    """What belongs to a thread, or to a thread and its loop, and to their process."""

    _not_yours = "a client belongs to the thread that connected it"

    def __init__(self) -> None:
        self._owner: Hashable = None
        self._process = os.getpid()

    @abstractmethod
    def _here(self) -> Hashable:
        """Return where this runs: the thread, or the thread and the loop."""

    @property
    @abstractmethod
    def _is_closed(self) -> bool:
        """Whether it belongs to nobody now."""

    @property
    def _is_forked(self) -> bool:
        """Whether this process is a child of the one that connected it."""
        return os.getpid() != self._process

    def _own(self) -> None:
        """Belong to who calls this."""
        self._owner, self._process = self._here(), os.getpid()

    def check_owner(self) -> None:
        """``RuntimeError`` where this is not the thread (or loop) that connected it."""
        if self._is_closed:
            return
        if self._is_forked:
            raise RuntimeError("a client belongs to the process that connected it: make a new one")
        if self._here() != self._owner:
            raise RuntimeError(self._not_yours)
