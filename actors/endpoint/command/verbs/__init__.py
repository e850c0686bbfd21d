"""What the command can do, by its first word. Each verb is a module, which has its parser.

Modules are imported when their verb is wanted: ``serve`` may import next to nothing.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, Protocol

from actors.errors import ConfigError

SERVE: Final = "serve"

VERBS: Final[Mapping[str, str]] = {
    SERVE: "serve an endpoint; the word may be left out",
    "check": "find what is wrong with an endpoint, and serve nothing",
    "routes": "list what an endpoint answers where",
    "gen": "generate a secret or a token",
    "reload": "have a server replace its workers, one by one",
    "drain": "have a server, or one of its workers, send its clients away and end",
    "broadcast": "publish to a server that runs",
}
"""Each verb, and what it does."""


class Verb(Protocol):
    """The module of a verb."""

    def parser(self) -> argparse.ArgumentParser:
        """Return its options."""

    def run(self, arguments: list[str]) -> int:
        """Do it; return the exit status. ``ConfigError``: what was given is not acceptable."""


def load(name: str) -> Verb:
    """Return the verb that is called so."""
    module: Any = import_module(f"{__name__}.{name}")
    return module  # type: ignore[no-any-return]


def split(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Return the verb, and its arguments; ``ConfigError`` for a word that is nearly one.

    An application has a colon, ``module:endpoint``, so a module may be called as a verb is.
    """
    word = arguments[0] if arguments else ""
    if word in VERBS:
        return word, list(arguments[1:])
    if word.isalpha():
        near = difflib.get_close_matches(word, VERBS, n=1)
        if near:
            raise ConfigError(
                f"{word!r}: must be a verb (did you mean {near[0]!r}?), or module:endpoint"
            )
    return SERVE, list(arguments)
