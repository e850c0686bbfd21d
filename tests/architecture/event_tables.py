"""What is made of the catalogue of events: the tables of the documentation, and a docstring."""

from __future__ import annotations

import logging
import re
import textwrap

from actors.events import SECTIONS, Event
from tests.architecture.sources import ROOT

PATH = ROOT / "actors/telemetry.py"
_LIST = re.compile(r"(makes both of :mod:`actors\.events`\):\n\n).*?(\"\"\"\n\nfrom )", re.DOTALL)

HEAD = "| event | told when | measurements | metadata | log |\n| --- | --- | --- | --- | --- |\n"


def tables() -> str:
    """Return a table for each section of the catalogue."""
    parts = []
    for title, events in SECTIONS.items():
        rows = "".join(map(_row, events))
        parts.append(f"\n### {title}\n\n{HEAD}{rows}")
    return "".join(parts) + "\n"


def _row(event: Event) -> str:
    measured = "<br>".join(f"`{name}`: {unit}" for name, unit in event.measurements.items())
    about = "<br>".join(f"`{name}`: {what}" for name, what in event.metadata.items())
    marks = " *hot*" * event.hot + " *master*" * event.master
    return f"| `{event.name}`{marks} | {event.means} | {measured} | {about} | {_log(event)} |\n"


def _log(event: Event) -> str:
    level = logging.getLevelName(event.level).lower()
    return f"{level}, by the code" if event.told else level


def rendered() -> str:
    """Return the text of :mod:`actors.telemetry` with its list of events made anew."""
    items = "".join(map(_item, (each for events in SECTIONS.values() for each in events)))
    return _LIST.sub(lambda found: found[1] + items + found[2], PATH.read_text(encoding="utf-8"))


def _item(event: Event) -> str:
    measured = ", ".join(f"``{name}`` ({unit})" for name, unit in event.measurements.items())
    about = ", ".join(f"``{name}``" for name in event.metadata)
    text = f"* ``{event.name}``: {measured}" + (f"; {about}" if about else "")
    return textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False) + "\n"
