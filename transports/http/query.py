"""Query strings as Phoenix shows them: nested maps and lists (``Plug.Conn.Query``)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import unquote_to_bytes

from actors.errors import HTTPError
from actors.speedups import hot

MAX_PARAMS = 1000
MAX_DEPTH = 32

_JSON = (("content-type", "application/json; charset=utf-8"),)


def pure_parse_query(query: str) -> dict[str, Any]:
    """Parse ``query``; the answer's values are ``str``, lists and further maps.

    ``a=1`` is a value, ``a`` alone the empty one, ``a[b]=1`` a map, ``a[]=1`` a list, and they
    nest; a name that is given twice keeps the last value. ``+`` is a space, a bad percent escape
    stays as it is. :class:`HTTPError` 400: not UTF-8, more than 1000 parameters, or brackets
    nested deeper than 32.
    """
    params: dict[str, Any] = {}
    if not query:
        return params
    pairs = query.split("&")
    if len(pairs) > MAX_PARAMS and sum(map(bool, pairs)) > MAX_PARAMS:
        raise HTTPError(400, f"the query must hold at most {MAX_PARAMS} parameters")
    odd = "%" in query or "+" in query or "[" in query or not query.isascii()
    for pair in pairs:
        if pair:
            name, _, value = pair.partition("=")
            if odd:
                _assign(params, _path(_decode(name)), _decode(value))
            else:
                params[name] = value  # what most clients send at each poll
    return params


parse_query = hot(pure_parse_query)


def _decode(text: str) -> str:
    text = text.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        raise HTTPError(400, '{"errors":{"detail":"Bad Request"}}', _JSON) from None


def _path(name: str) -> list[str]:
    """Split ``a[b][]`` into ``["a", "b", ""]``; a name whose brackets do not close stays whole."""
    first, bracket, rest = name.partition("[")
    if not bracket or not rest.endswith("]"):
        return [name]
    path = [first, *rest[:-1].split("][")]
    if len(path) > MAX_DEPTH:
        raise HTTPError(400, f"a query parameter must nest at most {MAX_DEPTH} levels deep")
    return path


def _assign(params: dict[str, Any], path: list[str], value: str) -> None:
    """Store ``value``, replacing what has another shape: the last one wins."""
    parent: Any = params
    for key, below in pairwise(path):
        parent = _child(parent, key, dict if below else list)
    if type(parent) is list:
        parent.append(value)
    else:
        parent[path[-1]] = value


def _child(parent: Any, key: str, kind: type) -> Any:
    """Return the container below ``parent``; each item of a list is a new one."""
    if type(parent) is list:
        parent.append(kind())
        return parent[-1]
    if type(parent.get(key)) is not kind:
        parent[key] = kind()
    return parent[key]
