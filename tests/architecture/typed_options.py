"""The types of keywords and mappings, made of the option classes: ``actors/endpoint/typed.py``.

``python -m tests.architecture.documents`` writes it anew.
"""

from __future__ import annotations

import dataclasses
import textwrap

from actors.endpoint.options import EndpointOptions
from actors.options import Options
from supervision.draining import DrainOptions
from tests.architecture.sources import ROOT
from transports.longpoll.options import LongPollOptions
from transports.opening.options import TransportOptions
from transports.websocket.options import WebSocketOptions

PATH = ROOT / "actors/endpoint/typed.py"

HEAD = '''"""What ``Endpoint(...)`` and ``socket(...)`` take, for type checkers and editors.

Made of the option classes by ``make docs``: change those. Nothing imports this at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from actors.redis_options import RedisOptions
from transports.http.options import HTTPOptions
from transports.http.request import Request
from transports.http.response import Response
from transports.opening.origin import Setting
'''

CLASSES: list[tuple[str, type[Options], str, str]] = [
    ("EndpointKeywords", EndpointOptions, "TypedDict", "The keywords of ``Endpoint(...)``."),
    ("SharedKeywords", TransportOptions, "TypedDict", "What any transport of a mount takes."),
    ("WebSocketMapping", WebSocketOptions, "SharedKeywords", "``socket(..., websocket={...})``."),
    ("LongPollMapping", LongPollOptions, "SharedKeywords", "``socket(..., longpoll={...})``."),
    ("DrainMapping", DrainOptions, "TypedDict", "``socket(..., drainer={...})``."),
]

NOT_SHARED = frozenset({"path"})
"""Each transport of a mount has its own."""


def rendered() -> str:
    """Return the text of the module."""
    return "\n\n".join([HEAD, *(class_text(*each) for each in CLASSES)])


def class_text(name: str, options: type[Options], base: str, doc: str) -> str:
    lines = [f"class {name}({base}, total=False):", f'    """{doc}"""', ""]
    for field in own_fields(options, base):
        said = f'"""{sentence(field)}"""'
        kind = str(field.type).replace("'", '"')  # as the compiler writes it, with the other quotes
        lines.append(f"    {field.name}: {kind}")
        lines += textwrap.wrap(said, 100, initial_indent="    ", subsequent_indent="    ")
    return "\n".join([*lines, ""])


def own_fields(options: type[Options], base: str) -> list[dataclasses.Field[object]]:
    """Return the fields that the class has beside those of its base."""
    fields = dataclasses.fields(options)
    if options is TransportOptions:
        return [each for each in fields if each.name not in NOT_SHARED]
    if base == "SharedKeywords":
        shared = {each.name for each in dataclasses.fields(TransportOptions)} - NOT_SHARED
        return [each for each in fields if each.name not in shared]
    return list(fields)


def sentence(field: dataclasses.Field[object]) -> str:
    doc = str(field.metadata["doc"])
    limit = field.metadata.get("limit")
    return doc[0].upper() + doc[1:] + (f" ({limit})." if limit else ".")
