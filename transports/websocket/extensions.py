"""The offers in ``Sec-WebSocket-Extensions`` (RFC 6455 §9.1), parsed in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from transports.http import grammar
from transports.http.grammar import TCHAR

# Every quantifier is possessive: what one has taken is never looked at again.
_PARAM: Final = re.compile(
    rf'[ \t]*+({TCHAR}++)[ \t]*+(?:=[ \t]*+(?:({TCHAR}++)|"((?:\\?+{TCHAR})++)")[ \t]*+)?+'
)


class Offer(NamedTuple):
    """One extension a client would use; a parameter without a value has ``None``."""

    name: str
    params: tuple[tuple[str, str | None], ...]


def parse_offers(values: Iterable[str]) -> list[Offer] | None:
    """Return the offers of all ``values`` of the header, in the client's order of preference.

    ``None`` where they are not what RFC 6455 allows, or are more than 32 names and parameters
    (empty elements of the list count).
    """
    # No quoted value holds a comma or a semicolon: without its quotes it must be a token.
    elements = grammar.split(values)
    if elements is None or sum(element.count(";") + 1 for element in elements) > grammar.MAX_TOKENS:
        return None
    offers = []
    for element in elements:
        name, *params = (_param(part) for part in element.split(";"))
        if name is None or name[1] is not None:  # an extension's own name has no value
            return None
        known = [param for param in params if param is not None]
        if len(known) < len(params):
            return None
        offers.append(Offer(name[0], tuple(known)))
    return offers


def _param(text: str) -> tuple[str, str | None] | None:
    """Return (name, value); ``None`` where ``text`` is neither a token nor ``token=value``."""
    match = _PARAM.fullmatch(text)
    if match is None:
        return None
    name, value, quoted = match.groups()
    return name, value if quoted is None else quoted.replace("\\", "")
