"""What has to be otherwise where coverage is measured."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping


class WeakKeys(weakref.WeakKeyDictionary):
    """Forgets a key that has died without entering a function of Python.

    Coverage keeps its notes of greenlets by such keys. The main greenlet of a thread dies amid a
    pending call of CPython, which 3.11 never leaves if a function is traced there while another
    thread ends: the test, and what should end it, hang for ever.
    """

    def __init__(self, given: Mapping | None = None) -> None:
        super().__init__(given)
        self._remove = self.data.pop  # what weak references call


def let_threads_end() -> None:
    """Have coverage forget threads so, if it is measured."""
    if sys.gettrace() is not None and sys.version_info < (3, 12):
        weakref.WeakKeyDictionary = WeakKeys
