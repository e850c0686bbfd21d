"""Waiting until workers have ended, and showing how many clients are left."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping
from typing import Any, Final

from actors.endpoint.command import output
from actors.endpoint.command.ops_client import OpsClient, Unreachable

EVERY: Final = 0.5
"""Seconds between two looks."""

GONE: Final = 3
"""Looks in a row at which nobody answers, until the server has ended; one may come between two ops
processes."""


def workers(view: Mapping[str, Any]) -> dict[Any, Any]:
    """Return the process id in each slot."""
    return {each.get("slot"): each.get("pid") for each in view["workers"]}


def pids(view: Mapping[str, Any]) -> set[Any]:
    """Return the process ids of all workers, those included that leave a slot to another."""
    return {each.get("pid") for each in view["workers"]}


def words(view: Mapping[str, Any], gone: Collection[Any]) -> str:
    """Return one line on how far it is; ``gone`` are the processes that are to end."""
    left = len(pids(view) & set(gone))
    parts = [f"{left} worker{'' if left == 1 else 's'} to end"]
    for name, unit in (("left", "connections left"), ("seconds", "s at most")):
        value = view.get(name)
        if isinstance(value, int | float):
            parts.append(f"{value:.0f} {unit}")
    return ", ".join(parts)


class Line:
    """Shows one line that changes; on a terminal in its place, else each change on a new one."""

    def __init__(self, *, terminal: bool) -> None:
        self._terminal = terminal
        self._shown = ""

    def show(self, text: str) -> None:
        """Show ``text`` instead of what is shown."""
        if text == self._shown:
            return
        if self._terminal:
            output.write(sys.stdout, f"\r{text:<{len(self._shown)}}", end="")
        else:
            output.write(sys.stdout, text)
        self._shown = text

    def end(self) -> None:
        """Go on below it."""
        if self._terminal and self._shown:
            output.write(sys.stdout, "")


def wait(
    client: OpsClient,
    gone: Collection[Any],
    seconds: float,
    line: Line,
    *,
    whole: bool,
) -> bool:
    """Wait until none of the processes ``gone`` is there; return whether it was in time.

    ``whole``: the server ends with them, so that nobody answers any more; else that is
    :class:`Unreachable`.
    """
    until, unanswered = time.monotonic() + seconds, 0
    while True:
        try:
            view = client.drain()
        except Unreachable:
            unanswered += 1
            if unanswered >= GONE:
                if whole:
                    return True
                raise
        else:
            unanswered = 0
            if not pids(view) & set(gone):
                return True
            line.show(words(view, gone))
        if time.monotonic() >= until:
            return False
        time.sleep(EVERY)
