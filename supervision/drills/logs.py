"""A server's log as people read it, whichever format it was told to write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any


def readable(line: str) -> list[str]:
    """Return a line of the log as the console has it: an object of JSON becomes one or several.

    A line that is no such object stays: what Python prints by itself is in no format.
    """
    found = _object(line)
    if found is None:
        return [line]
    date, _, time = str(found["ts"]).rstrip("Z").partition("T")
    head = f"{date} {time.replace('.', ',')} [{found.get('pid')}] {str(found['level']).upper()}"
    lines = [f"{head} {found['logger']}: {found['message']}"]
    error = found.get("error")
    if isinstance(error, dict):
        told = error.get("stack") or f"{error.get('type')}: {error.get('message')}"
        lines += [f"  {line}" for line in str(told).splitlines()]
    return lines


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return None
    wanted = ("ts", "level", "logger", "message")
    return found if found is not None and all(name in found for name in wanted) else None


def errors(lines: Iterable[str]) -> list[str]:
    """Return the lines at error level, from the level on."""
    found = (re.match(r"[-0-9]+ [:,0-9]+ \[\d+\] ((?:ERROR|CRITICAL) .*)", line) for line in lines)
    return [line[1] for line in found if line is not None]
