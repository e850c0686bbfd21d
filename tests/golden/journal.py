"""What the fixture's sockets were called with, by key, as the recording's Elixir terms."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})

entries: defaultdict[str, list[str]] = defaultdict(list)


class Atom(str):
    """Written without quotes, as ``:name``."""

    __slots__ = ()


def put(key: str | None, *term: Any) -> None:
    """Note a tuple (or, of one thing, that thing) under ``key``; nothing for ``None``."""
    if key is None:
        return
    shown = ", ".join(map(inspect, term))
    entries[key].append(shown if len(term) == 1 else f"{{{shown}}}")


def inspect(term: Any) -> str:
    """Return ``term`` as Elixir's ``inspect/1`` writes it; what Elixir lacks, as its ``repr``."""
    if term is None:
        return "nil"
    if isinstance(term, Atom):
        return str(term) if term[:1].isupper() else f":{term}"
    if isinstance(term, bytes):
        try:
            term = term.decode()
        except UnicodeDecodeError:
            return f"<<{', '.join(map(str, term))}>>"
    if isinstance(term, str):
        return f'"{term.translate(_ESCAPES)}"'
    if isinstance(term, list):
        return f"[{', '.join(map(inspect, term))}]"
    return repr(term)


def opcode_option(name: str) -> Any:
    """Return ``[opcode: :name]``."""
    return _Literal(f"[opcode: :{name}]")


class _Literal:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text
