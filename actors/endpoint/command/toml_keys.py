"""In which line of a TOML file each of its keys stands, which :mod:`tomllib` does not tell; pure.

What this reads is the structure alone: where keys, strings, comments and brackets begin and end.
So it takes all that is TOML, and some that is not, which ``tomllib`` refuses. It is never
surprised: where the text cannot be read on it stops, and the keys before that are known.
``tomllib`` fails there or before.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final, NamedTuple

Path = tuple[str, ...]

_TOKEN: Final = re.compile(
    r'''
      (?P<space>[ \t\r]+|\#[^\n]*)
    | (?P<newline>\n)
    | (?P<multi>"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2}))
    | (?P<quoted>(?!"""|\'\'\')(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'))
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<mark>[=,.])
    | (?P<bare>[^\s\[\]{}=,."'\#]+)
    ''',
    re.DOTALL | re.VERBOSE,
)


class Key(NamedTuple):
    """``path``: the names that lead to it, those of its tables first. ``line`` counts from 1."""

    path: Path
    line: int


def keys(text: str, deepest: int = 16) -> list[Key]:
    """Return each key that ``text`` sets, and each table that it heads, in their order.

    A key of an array's tables has the names alone, no numbers. Lines end with a newline. The first
    key of more than ``deepest`` names is the last that is returned.
    """
    reader = _Reader(deepest)
    position, line = 0, 1
    while (found := _TOKEN.match(text, position)) is not None:
        if reader.found and len(reader.found[-1].path) > deepest:
            break
        kind, token = str(found.lastgroup), found[0]
        if kind != "space" and not reader.takes(kind, token, line):
            break
        line += token.count("\n")
        position = found.end()
    return reader.found


class _Reader:
    """What has been read of a statement: a table's head, or a key and its value.

    ``_reads`` says what comes next: ``"key"``, ``"head"``, ``"value"``, or ``"end"``, of the line.
    ``_open`` has each bracket that is open, and the path of the key whose value it is in.
    """

    def __init__(self, deepest: int) -> None:
        self.found: list[Key] = []
        self._deepest = deepest
        self._reads = "key"
        self._table: Path = ()
        self._parts: list[str] = []
        self._behind_dot = True
        self._path: Path = ()
        self._open: list[tuple[str, Path]] = []

    def takes(self, kind: str, token: str, line: int) -> bool:
        """Take the next token; return whether it may come here."""
        if kind == "newline":
            return self._newline()
        match self._reads:
            case "key":
                return self._key(kind, token, line)
            case "head":
                return self._head(kind, token, line)
            case "value":
                return self._value(kind, token)
        return token == "]"  # the second one of an array's head

    def _newline(self) -> bool:
        if self._open:
            return True
        ended = self._reads in {"value", "end"}
        fresh = self._reads == "key" and not self._parts
        self._reads = "key"
        return ended or fresh

    def _name(self, kind: str, token: str, line: int) -> bool:
        """Take a part of a dotted name, or a dot; a name that is too long is not read on."""
        if kind in {"bare", "quoted"} and self._behind_dot:
            self._parts.append(_plain(token))
            if len(self._parts) > self._deepest:
                self.found.append(Key((*self._table, *self._parts), line))
                return False
        elif token != "." or self._behind_dot:
            return False
        self._behind_dot = token == "." and kind == "mark"
        return True

    def _named(self) -> Path:
        """Return the dotted name that has been read."""
        path = tuple(self._parts)
        self._parts.clear()
        self._behind_dot = True
        return path

    def _key(self, kind: str, token: str, line: int) -> bool:
        if token == "=" and not self._behind_dot:
            above = self._open[-1][1] if self._open else self._table
            self._path = (*above, *self._named())
            self.found.append(Key(self._path, line))
            self._reads = "value"
            return True
        if not self._parts and not self._open and token == "[":
            self._reads = "head"
            return True
        if not self._parts and self._open and token in {"}", ","}:
            return self._value(kind, token)  # an inline table that is empty, or ends with a comma
        return self._name(kind, token, line)

    def _head(self, kind: str, token: str, line: int) -> bool:
        if token == "]" and not self._behind_dot:
            self._table = self._named()
            self.found.append(Key(self._table, line))
            self._reads = "end"
            return True
        return (token == "[" and not self._parts) or self._name(kind, token, line)

    def _value(self, kind: str, token: str) -> bool:
        if kind == "open":
            self._open.append((token, self._path))
        elif kind == "close":
            if not self._open or self._open[-1][0] + token not in {"[]", "{}"}:
                return False
            self._path = self._open.pop()[1]
        if kind in {"open", "close"} or token == ",":
            inside = self._open[-1][0] if self._open else ""
            self._reads = "key" if inside == "{" and kind != "close" else "value"
            if inside and token == ",":
                self._path = self._open[-1][1]
        return True


def _plain(token: str) -> str:
    """Return a part of a key without its quotes, and what its escapes stand for."""
    if token[0] == "'":
        return token[1:-1]
    if token[0] != '"':
        return token
    try:
        return str(tomllib.loads(f"key = {token}")["key"])
    except tomllib.TOMLDecodeError:
        return token  # which is no TOML: nobody looks it up
