"""Settings of the process's memory that only a program of its own should make."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

# malloc.h of glibc
M_TRIM_THRESHOLD: Final = -1
M_TOP_PAD: Final = -2
M_MMAP_THRESHOLD: Final = -3

KEEP: Final = 16 * 1024 * 1024
"""Bytes of free heap that are not given back to the kernel."""


def tune() -> None:
    """Keep freed memory at hand, and leave what was imported out of garbage collections.

    A read allocates 64 KiB and frees it a moment later. Left alone, glibc gives the top of the heap
    back each time and takes it again: a system call and a page fault for each larger message.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        pass  # another libc has other rules
    else:
        mallopt(M_TRIM_THRESHOLD, KEEP)
        mallopt(M_TOP_PAD, 1024 * 1024)
        mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024)
    gc.collect()
    gc.freeze()
