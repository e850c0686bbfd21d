"""The record of an actor has one writer: ``actors/runtime/cell.py`` with ``turns.py``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from actors.runtime.cell import Cell
from actors.runtime.turns import PureTurns
from tests.architecture.sources import Source, sources

WRITERS = {"actors/runtime/cell.py", "actors/runtime/turns.py"}
FIELDS = {*PureTurns.__slots__, *Cell.__slots__}
CELLS = {"actor_inbox", "cell", "inbox", "_inbox", "watched", "watcher"}
"""What the code calls a cell."""
MUTATORS = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"}


def is_field(node: ast.AST, cells: set[str]) -> bool:
    """Whether ``node`` is a field of a cell, as in ``self.actor_inbox.items``."""
    if not isinstance(node, ast.Attribute) or node.attr not in FIELDS:
        return False
    holder = node.value
    name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
    return name in cells


def writes(source: Source) -> Iterator[str]:
    """Name the lines that write a cell's field; in a subclass ``self`` is a cell too."""
    tree = ast.parse(source.text)
    heirs = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef) and "Cell" in map(ast.unparse, each.bases)
    ]
    inherited = {node for each in heirs for node in ast.walk(each)}
    for node in ast.walk(tree):
        cells = CELLS | {"self"} if node in inherited else CELLS
        found: ast.AST | None = None
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found = node
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            found = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found = node.func.value if node.func.attr in MUTATORS else None
        if found is not None and is_field(found, cells):
            yield f"{source.path}:{found.lineno} writes {ast.unparse(found)}"


def test_only_the_cell_writes_its_fields() -> None:
    others = [source for source in sources() if source.path not in WRITERS]
    assert [line for source in others for line in writes(source)] == []


@pytest.mark.parametrize(
    ("path", "text", "count"),
    [
        ("actors/socket.py", "inbox.items += events", 1),
        ("actors/socket.py", "self.actor_inbox.batch = None", 1),
        ("actors/socket.py", "inbox.owner, inbox.told = None, 0", 2),
        ("actors/socket.py", "cell.items[:0] = rest", 1),
        ("actors/socket.py", "del cell.items[0]", 1),
        ("transports/x.py", "self.inbox.items.append(event)", 1),
        ("transports/x.py", "first = self.inbox.items.pop(0)", 1),
        ("transports/x.py", "if len(self.inbox.items) > 9: inbox.add(events)", 0),
        ("transports/x.py", "self.items.append(1)", 0),
        ("actors/x.py", "class Mailbox(Cell):\n    def f(self):\n        self.told += 1", 1),
        ("actors/x.py", "class Mailbox(Cell):\n    def f(self):\n        x.weight = self.told", 0),
        ("actors/x.py", "class Envelope:\n    def f(self):\n        self.weight = 1", 0),
    ],
)
def test_a_write_is_found(path: str, text: str, count: int) -> None:
    assert len(list(writes(Source(path, text)))) == count
