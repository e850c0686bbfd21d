"""What every thread and greenlet of this process is doing."""

from __future__ import annotations

import gc
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from itertools import chain
from types import FrameType
from typing import Final

from greenlet import getcurrent, greenlet

MAX_TEXT: Final = 256 * 1024
"""Characters of all stacks, about: the log would have no room for many more, and lose them all."""

MAX_FRAMES: Final = 100
"""Frames of a stack, the innermost ones."""


def dump_stacks(say: Callable[[str], object]) -> None:
    """Say the stacks as one text, as other workers do at the same time.

    They say where the code is, and the value of no variable: that may be a secret, and to show it
    would run a ``repr`` of the application's here. Greenlets at the same place are counted.
    What there is no room for is lost, as lines of the log are.
    """
    said, room, more = [f"stacks of process {os.getpid()}:\n"], MAX_TEXT, 0
    for part in chain(_threads(), _greenlets()):
        room -= len(part)
        if room > 0:
            said.append(part)
        else:
            more += 1
    if more:
        said.append(f"and {more} more\n")
    say("".join(said))


def _threads() -> Iterator[str]:
    """Yield the name and the stack of each thread: what it runs now, be it a greenlet."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 - there is no other way
        yield f"thread {names.get(ident, ident)}:\n{_formatted(frame)}"


def _greenlets() -> Iterator[str]:
    """Yield how many greenlets of this thread wait at a place, and their stack; the most first."""
    here = _root(getcurrent())
    found: dict[tuple[object, ...], tuple[FrameType, int]] = {}
    for each in gc.get_objects():
        # By its type: isinstance would ask a proxy of the application's what it stands for.
        if issubclass(type(each), greenlet) and _root(each) is here:
            frame = each.gr_frame
            if frame is not None:
                place = tuple(_places(frame))
                found[place] = frame, found.get(place, (frame, 0))[1] + 1
    for frame, count in sorted(found.values(), key=lambda each: -each[1]):
        yield f"{count} {'greenlet' if count == 1 else 'greenlets'}:\n{_formatted(frame)}"


def _root(each: greenlet) -> greenlet:
    """Return the greenlet that its thread began with."""
    while each.parent is not None:
        each = each.parent
    return each


def _places(frame: FrameType | None) -> Iterator[tuple[object, int | None]]:
    while frame is not None:
        yield frame.f_code, frame.f_lineno
        frame = frame.f_back


def _formatted(frame: FrameType) -> str:
    return "".join(traceback.format_stack(frame, MAX_FRAMES))
