"""The documents, and the parts of them that are made of something else.

    python -m tests.architecture.documents

writes those parts anew: code that is included from ``examples/``, the tables of limits, settings,
events and a shutdown's times, and the diagrams of lifecycles; and the types of options, and the
docstring of :mod:`actors.telemetry`, which are no documents.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from importlib import import_module

from actors import ChannelSocket, Endpoint
from actors.endpoint.limits import FIXED, listed
from tests.architecture import (
    event_tables,
    help_pages,
    metric_table,
    setting_tables,
    spans,
    typed_options,
)
from tests.architecture.sources import ROOT

INCLUDE = re.compile(r"(<!-- include: (\S+) -->\n```[a-z]+\n).*?(```\n)", re.DOTALL)
LIMITS = re.compile(r"(<!-- limits -->\n).*?(<!-- end of limits -->\n)", re.DOTALL)
SCHEDULE = re.compile(r"(<!-- schedule -->\n).*?(<!-- end of schedule -->\n)", re.DOTALL)
EVENTS = re.compile(r"(<!-- events -->\n).*?(<!-- end of events -->\n)", re.DOTALL)
SETTINGS_TABLE = re.compile(
    r"(<!-- settings: (\w+) -->\n).*?(<!-- end of settings -->\n)", re.DOTALL
)
HELP = re.compile(r"(<!-- help: (\w+) -->\n).*?(<!-- end of help -->\n)", re.DOTALL)
LIFECYCLE = re.compile(r"(<!-- lifecycle: (\S+) -->\n).*?(<!-- end of lifecycle -->\n)", re.DOTALL)
METRICS = re.compile(r"(<!-- metrics -->\n).*?(<!-- end of metrics -->\n)", re.DOTALL)
SHOWN = Endpoint()
"""An endpoint that has every limit: channels over both transports."""
SHOWN.socket("/echo", ChannelSocket, longpoll=True)

CLASS = re.compile(r"\.mailbox_|\bchannels\.|\.join_timeout$|\.leave_delay$")
"""Limits that are attributes of a class."""

HEAD = "| limit | default | unit | meaning |\n| --- | --- | --- | --- |\n"


def documents() -> dict[str, str]:
    """Return every document of the repository: its path from there, and its text."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def refreshed(text: str) -> str:
    """Return a document's text with its parts made anew."""
    text = INCLUDE.sub(lambda found: found[1] + code_of(found[2]) + found[3], text)
    text = SETTINGS_TABLE.sub(
        lambda found: found[1] + setting_tables.rows(found[2]) + found[3], text
    )
    text = HELP.sub(lambda found: found[1] + help_pages.page(found[2]) + found[3], text)
    text = SCHEDULE.sub(lambda found: found[1] + spans.table() + found[2], text)
    text = EVENTS.sub(lambda found: found[1] + event_tables.tables() + found[2], text)
    text = LIFECYCLE.sub(lambda found: found[1] + diagram_of(found[2]) + found[3], text)
    text = METRICS.sub(lambda found: found[1] + metric_table.table() + found[2], text)
    return LIMITS.sub(lambda found: found[1] + HEAD + limit_rows() + found[2], text)


def code_of(name: str) -> str:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.is_file() else f"# there is no {name}\n"


def limit_rows() -> str:
    """Return one row for each limit."""
    fixed = {row[0] for row in FIXED}
    rows = []
    for line in listed(SHOWN):
        name, value, unit = line[:48].strip(), line[49:61].strip(), line[62:78].strip()
        if CLASS.search(name):
            value += " (class)"
        elif name in fixed:
            value += " (fixed)"
        rows.append(f"| `{name.removeprefix('/echo ')}` | {value} | {unit} | {line[79:]} |\n")
    return "".join(rows)


def diagram_of(module: str) -> str:
    """Return the lifecycle that ``module`` has as its ``TRANSITIONS``, in a block of Mermaid."""
    return f"```mermaid\n{diagram(import_module(module).TRANSITIONS)}```\n"


def diagram(table: Mapping[tuple[enum.Enum, enum.Enum], enum.Enum]) -> str:
    """Return a Mermaid state diagram of ``table``: (state, event) to the next state.

    The first state is the one that is declared first. What leads back to its own state is ignored
    there, and not drawn.
    """
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), after in table.items():
        if after is not state:
            arrows.setdefault((state.name, after.name), []).append(event.name)
    first, _ = next(iter(table))
    names = [state.name for state in type(first)]
    lines = [f"[*] --> {names[0]}"]
    lines += [f"{begin} --> {end}: {', '.join(events)}" for (begin, end), events in arrows.items()]
    left = {begin for begin, _ in arrows}
    lines += [f"{name} --> [*]" for name in names if name not in left]
    return "stateDiagram-v2\n" + "".join(f"    {line}\n" for line in lines)


if __name__ == "__main__":
    for path, text in documents().items():
        (ROOT / path).write_text(refreshed(text), encoding="utf-8")
    typed_options.PATH.write_text(typed_options.rendered(), encoding="utf-8")
    event_tables.PATH.write_text(event_tables.rendered(), encoding="utf-8")
