"""Which values are never shown: those whose name says that they are secret.

A name is one where it contains one of the parameters, in any case and with ``-`` for ``_``. Where
a text is all that there is, the value behind such a name is found in it: ``name=value``,
``name: value``, ``'name': 'value'``, a query's pair, a header's line, ``Bearer value``. A value
without a name before it cannot be known for one: see docs/logging.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote_plus

from actors.logs.escaping import escaped

SECRETS: Final = "roost_secrets"
"""The attribute of a record with texts to be hidden in it: a set, or not there."""

FILTERED: Final = "[FILTERED]"

DEFAULT: Final = (
    "token",
    "password",
    "secret",
    "authorization",
    "cookie",
    "api_key",
    "session",
    "csrf",
)
"""What names of secrets contain, unless the endpoint says otherwise."""

SHORTEST: Final = 4
"""Characters of the shortest value that is looked for where it has no name."""

MOST_VALUES: Final = 64
"""Values of secret names that are looked for, of one request or state."""

_PLAIN: Final = frozenset({"None", "True", "False", "null", "true", "false", "..."})
_CLOSING: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_SCHEMES: Final = frozenset({"bearer", "basic", "digest", "token", "negotiate"})
_SCHEME = re.compile(r"\b(?:bearer|basic|negotiate)[ +]+([^\s,;'\"]{4,})", re.IGNORECASE)
_PAIR = re.compile(r"([?&])([^=&?\s'\"]{1,200})=([^&\s'\"#]+)")
_REST_OF_NAME = re.compile(r"[\w.%\[\]-]{0,80}")
_SEPARATOR = re.compile(r"""(\\{0,2}["'])?(\s{0,3}[=:]{1,2}>?\s{0,3}|,\s{0,3}(?=b?\\{0,2}["']))""")
_SPACES = re.compile(r"\s{1,3}(?:(?:is|was)\s{1,3})?(?=\S)")
_OPENING = re.compile(r"""[bBfFrRuU]{0,2}(\\{0,2}["'])""")
_WORD = re.compile(r"""(?:(?!\\[nr])[^\s,;&()\[\]{}"'<>])+""")
_LINE = re.compile(r"""(?:(?!\\[nr])[^\r\n"'])+""")
_COUNT = re.compile(r"[0-9]{1,6}(?![\w.-])")
_SAYS = re.compile(r"(?:an?|is|made|must|no|none|not|too|unknown|was)\b(?= [a-z])")
_SETTING = re.compile(r"[a-z]+(?:_[a-z]+){1,8}=[0-9]{1,6}(?![\w.-])")
_OPAQUE = re.compile(r"(?=[^\s]*[0-9]|[^\s]+[A-Z])[\w+/=.~%-]{6,}")


class Parameters:
    """Names of secrets. ``words`` are those that a secret's name contains.

    ``keep``: all parameters of a mapping or a query are secret but for those of exactly these
    names; in other texts those of ``words`` are.
    """

    def __init__(self, words: Iterable[str] = DEFAULT, keep: Iterable[str] | None = None) -> None:
        self.words = tuple(dict.fromkeys(word.lower() for word in words if word))
        self.keep = None if keep is None else frozenset(keep)
        shapes = ["[-_ ]?".join(map(re.escape, re.split("[-_ ]+", word))) for word in self.words]
        self._found = re.compile("|".join(shapes) or "(?!)", re.IGNORECASE)
        self.values: tuple[str, ...] = ()
        self._names: Callable[[str], bool] = lru_cache(maxsize=1024)(self._is_secret)

    def _is_secret(self, name: str) -> bool:
        return self._found.search(name) is not None

    def hides(self, name: Any) -> bool:
        """Whether the value of ``name`` is secret, wherever it is."""
        kind: Any = type(name)
        if issubclass(kind, bytes):
            return self._names(bytes.decode(bytes.__getitem__(name, slice(200)), "latin-1"))
        return issubclass(kind, str) and self._names(str.__getitem__(name, slice(200)))

    def hides_parameter(self, name: Any) -> bool:
        """Whether the value of ``name`` in a mapping or a query is not to be shown."""
        if self.keep is None:
            return self.hides(name)
        return not issubclass(type(name), str) or str.__str__(name) not in self.keep

    def knowing(self, values: Iterable[str]) -> Parameters:
        """Return the same, which also hides these values wherever they are in a text."""
        found = copy(self)
        found.values = tuple(sorted(values, key=len, reverse=True))
        return found

    # -- texts

    def query(self, text: str) -> str:
        """Return a query with the values of secret parameters hidden."""
        return "&".join(self._pair(part) for part in text.split("&"))

    def _pair(self, part: str) -> str:
        name, equals, value = part.partition("=")
        if not equals or not value or not self.hides_parameter(unquote_plus(name)):
            return part
        return f"{name}={FILTERED}"

    def text(self, text: str) -> str:
        """Return a text with the values behind secret names hidden; in linear time."""
        for value in self.values:
            text = _replaced(text, value)
        if "%" in text and "=" in text:  # a name may be written by its percent codes
            text = _PAIR.sub(self._encoded, text)
        if "earer" in text or "asic" in text or "egotiate" in text or "EARER" in text:
            text = _SCHEME.sub(_credentials, text)
        found = self._found.search(text)
        if found is None:
            return text
        parts: list[str] = []
        done = 0
        while found is not None:
            begin, end = _value(text, found.end())
            if end > begin and text[begin:end] not in _PLAIN:
                parts += (text[done:begin], FILTERED)
                done = end
            found = self._found.search(text, max(found.end(), end))
        return "".join([*parts, text[done:]])

    def _encoded(self, found: re.Match[str]) -> str:
        name = found[2]
        hidden = "%" in name and self.hides(unquote_plus(name))
        return f"{found[1]}{name}={FILTERED}" if hidden else found[0]

    # -- values

    def secrets(self, value: object) -> set[str]:
        """Return the texts within ``value`` that have secret names, to be looked for elsewhere.

        Mappings, lists, tuples and dataclasses are looked into, three deep, and no further than
        for :data:`MOST_VALUES` values.
        """
        found: set[str] = set()
        self._collect(value, found, hidden=False, depth=4)
        return found

    def _collect(self, value: Any, found: set[str], *, hidden: bool, depth: int) -> None:
        if len(found) >= MOST_VALUES or not depth:
            return
        kind = type(value)  # isinstance would ask an object whose methods may fail
        if issubclass(kind, str | bytes):
            if hidden and len(value) >= SHORTEST:
                text = value[:4096]
                found.add(text.decode("latin-1") if isinstance(text, bytes) else str(text))
            return
        for name, inner in _parts(value):
            secret = hidden or self.hides(name)
            self._collect(inner, found, hidden=secret, depth=depth - 1)


def _parts(value: Any) -> list[tuple[object, Any]]:
    """Return what is in a value, by name where it has one; no code of an application's runs."""
    kind = type(value)
    if issubclass(kind, dict):
        return list(islice(dict.items(value), MOST_VALUES))
    if kind is list or kind is tuple:
        if len(value) == 2 and isinstance(value[0], str | bytes):
            return [(value[0], value[1])]
        return [(None, each) for each in value[:MOST_VALUES]]
    return [(name, _attribute(value, name)) for name in _names(value)]


def _names(value: object) -> list[str]:
    """Return the attributes of an object that no code of an application's is asked for."""
    if issubclass(type(value), type):
        return []
    declared = getattr(type(value), "__dataclass_fields__", None)
    if isinstance(declared, dict):
        return list(declared)[:MOST_VALUES]
    found = _attribute(value, "__dict__")
    return list(found)[:MOST_VALUES] if type(found) is dict else []


def _attribute(value: object, name: str) -> Any:
    try:
        return object.__getattribute__(value, name)
    except Exception:  # noqa: BLE001 - there is none, or it is a property that fails
        return None


def _value(text: str, at: int) -> tuple[int, int]:
    """Return where the value begins and ends whose name goes on at ``at``; both the same: none."""
    rest = _REST_OF_NAME.match(text, at)
    end_of_name = at if rest is None else rest.end()
    separator = _SEPARATOR.match(text, end_of_name)
    if separator is None:
        return _apart(text, end_of_name)
    if separator[2][0] == "," and not separator[1]:
        return end_of_name, end_of_name
    begin = separator.end()
    name = text[at:end_of_name].lower()
    if (
        ":" in separator[2]
        and not separator[1]
        and name.endswith(("error", "exception", "warning"))
    ):
        return begin, begin  # the name of a class, and what it says
    if name.startswith("s") and _COUNT.match(text, begin):
        return begin, begin  # max_sessions=5: how many there are
    lines = _is_line(text, at, separator)
    if ":" in separator[2] and (
        _SETTING.match(text, begin) or (not lines and _SAYS.match(text, begin))
    ):
        return begin, begin  # refused a session: max_sessions=5; secret_key_base: must be a str
    return begin, _end(text, begin, lines=lines)


def _apart(text: str, at: int) -> tuple[int, int]:
    """Return the value behind a name and a space, if it looks like one that a machine has made."""
    spaces = _SPACES.match(text, at)
    if spaces is None:
        return at, at
    begin = spaces.end()
    quote = _OPENING.match(text, begin)
    if quote is not None:
        return begin, _end(text, begin, lines=False)
    found = _OPAQUE.match(text, begin)
    return (begin, begin) if found is None else (begin, found.end())


def _is_line(text: str, at: int, separator: re.Match[str]) -> bool:
    """Whether all of the line is the value: that of a header with several parts."""
    if ":" not in separator[2] or separator[1]:
        return False
    name = text[max(0, at - 20) : at].lower()
    return name.endswith(("cookie", "authorization"))


def _end(text: str, begin: int, *, lines: bool) -> int:
    """Return where the value that begins there ends: its quote, its bracket, its line, its word."""
    quote = _OPENING.match(text, begin)
    if text.startswith(FILTERED, begin):
        end = begin + len(FILTERED)
    elif quote is not None:
        end = _quoted(text, quote.end(), quote[1])
    elif text[begin : begin + 1] in _CLOSING:
        end = _bracketed(text, begin)
    elif lines:
        line = _LINE.match(text, begin)
        end = begin if line is None else line.end()
    else:
        end = _end_of_word(text, begin)
    return end


def _end_of_word(text: str, begin: int) -> int:
    word = _WORD.match(text, begin)
    if word is None:
        return begin
    end = word.end()
    if word[0].lower() in _SCHEMES:
        end = max(end, _end(text, end + 1, lines=False))
    if text[end : end + 1] in {"(", "[", "{"}:  # UUID('...'), say
        end = _bracketed(text, end)
    return end


def _quoted(text: str, at: int, quote: str) -> int:
    while True:
        found = text.find(quote, at)
        if found < 0:
            return len(text)
        behind = found
        while behind > at and text[behind - 1] == "\\":
            behind -= 1
        if (found - behind) % 2 == 0:
            return found + len(quote)
        at = found + len(quote)


def _bracketed(text: str, begin: int) -> int:
    depth, opens = 0, text[begin]
    closes = _CLOSING[opens]
    for at in range(begin, len(text)):
        if text[at] == opens:
            depth += 1
        elif text[at] == closes:
            depth -= 1
            if not depth:
                return at + 1
    return len(text)


def _credentials(found: re.Match[str]) -> str:
    value = found[1]
    if value.islower() and value.isalpha() and len(value) < 16:
        return found[0]  # a word of a sentence
    return found[0][: -len(value)] + FILTERED


def _replaced(text: str, value: str) -> str:
    """Hide a value, as it is or as ``repr`` and :func:`escaped` have it."""
    for form in {value, repr(value)[1:-1], escaped(value)}:
        text = text.replace(form, FILTERED)
    return text


def parameters(given: Sequence[str] | Mapping[str, Sequence[str]]) -> Parameters:
    """Return what an endpoint's option ``filter_parameters`` says."""
    if not isinstance(given, Mapping):
        return Parameters((*DEFAULT, *given))
    if "only" in given:
        return Parameters(given["only"])
    return Parameters(keep=given["keep"])


_used = Parameters()


def use(parameters: Parameters) -> Parameters:
    """Hide these from now on, in this process; return those before."""
    global _used
    before, _used = _used, parameters
    return before


def used() -> Parameters:
    """Return the parameters that are hidden in this process."""
    return _used


_at_hand: Callable[[], set[str]] = set


def ask(at_hand: Callable[[], set[str]]) -> None:
    """Learn of ``at_hand()`` from now on which values are secret where it is called."""
    global _at_hand  # noqa: PLW0603 - one per process, as what it asks about
    _at_hand = at_hand


def secrets_at_hand() -> set[str]:
    """Return what is secret of what runs now: for a line that is written later, elsewhere."""
    return _at_hand()


def hidden(text: str) -> str:
    """Return a text without secrets, as this process hides them."""
    return _used.text(text)
