"""The pages of docs/command.md: what ``VERB --help`` says, without the settings."""

from __future__ import annotations

import os
from unittest import mock

from actors.endpoint.command import verbs

WIDTH = 100


def page(verb: str) -> str:
    """Return the help of ``verb`` as a block; settings have tables of their own."""
    with mock.patch.dict(os.environ, {"COLUMNS": str(WIDTH)}):
        text = verbs.load(verb).parser().format_help()
    parts = [part for part in text.split("\n\n") if not part.startswith("[")]
    return "```text\n" + "\n\n".join(parts).strip("\n") + "\n```\n"
