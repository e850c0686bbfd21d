"""Waiting until workers have ended, and showing how many clients are left."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from actors.endpoint.command import output
from actors.endpoint.command.ops_client import OpsClient, Unreachable

EVERY: Final = 0.5
"""Seconds between two looks."""

GONE: Final = 3
"""Looks in a row at which nobody answers, until the server has ended; one may come between two ops
processes."""


MAX_TEXT: Final = 500
MAX_NAMES: Final = 100
"""Of a server's words on its reload: characters of each, and settings that need a restart."""


def workers(view: Mapping[str, Any]) -> dict[Any, Any]:
    """Return the process id in each slot."""
    return {each.get("slot"): each.get("pid") for each in view["workers"]}


def pids(view: Mapping[str, Any]) -> set[Any]:
    """Return the process ids of all workers, those included that leave a slot to another."""
    return {each.get("pid") for each in view["workers"]}


class Reload(NamedTuple):
    """What a server says of its last reload."""

    number: int
    outcome: str
    why: str
    refused: str
    restart: tuple[str, ...]

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Reload | None:
        """Return it; ``None``: the server is of an earlier release, or has heard nothing yet."""
        said = view.get("reload")
        if not isinstance(said, dict) or not isinstance(said.get("number"), int):
            return None
        names = said.get("restart")
        return cls(
            number=said["number"],
            outcome=_text(said.get("outcome")),
            why=_text(said.get("why")),
            refused=_text(said.get("refused")),
            restart=tuple(map(_text, names[:MAX_NAMES])) if isinstance(names, list) else (),
        )


def _text(given: object) -> str:
    return given[:MAX_TEXT] if isinstance(given, str) else ""


def over(view: Mapping[str, Any], gone: Collection[Any], before: Reload | None) -> bool:
    """Return whether it is: the processes ``gone`` are, or the reload is off.

    ``before`` is what was said of the reload before ours; ``None``: only processes count.
    """
    ended = not pids(view) & set(gone)
    if before is None:
        return ended
    now = Reload.of(view)
    if now is None:  # the ops process is new, and has heard nothing yet
        return False
    if now.number == before.number:  # so does a master that has followed, by SIGUSR2
        return ended
    return now.outcome == "off" or (ended and now.outcome != "going on")


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
    before: Reload | None = None,
) -> Mapping[str, Any] | None:
    """Wait until it is :func:`over`; return what is seen then, ``None``: it was not in time.

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
                    return {}
                raise
        else:
            unanswered = 0
            if over(view, gone, before):
                return view
            line.show(words(view, gone))
        if time.monotonic() >= until:
            return None
        time.sleep(EVERY)
