"""The ``Cookie`` header (RFC 6265 §4.2)."""

from __future__ import annotations

from collections.abc import Iterable


class Cookies(dict[str, str]):
    """Values by name; its text names the cookies alone, as their values are secrets."""

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, "[FILTERED]"))


def parse_cookies(values: Iterable[str]) -> Cookies:
    """Return the cookies in the ``values`` of the header.

    Of several with one name the first counts: browsers send the one with the longest path first
    (RFC 6265 §5.4). Quotes around a value are taken off. What has no name or no ``=`` is left out.
    """
    found = Cookies()
    for pair in ";".join(values).split(";"):
        name, equals, value = pair.strip(" \t").partition("=")
        if equals and name and name not in found:
            quoted = len(value) > 1 and value[0] == value[-1] == '"'
            found[name] = value[1:-1] if quoted else value
    return found
