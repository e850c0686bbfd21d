"""``reload``: have a server replace its workers, one by one."""

from __future__ import annotations

import os
from typing import Final

from actors.endpoint.command.arguments import PROGRAM, Parser, given
from actors.endpoint.command.verbs.drain import REACHED, SETTINGS, STATUSES, add_waiting, ask

DESCRIPTION: Final = """\
Have a server replace its workers, one by one, as SIGHUP does: with new code, a new
certificate, and the file of settings as it is now. No client is refused. Where the
new code does not serve, the workers of before stay, and the log says why: then
this waits until --timeout is over.
"""

EPILOG: Final = f"""\
examples:
  {PROGRAM} reload --ops 127.0.0.1:4001
      after a deployment; ends when all workers are new
  {PROGRAM} reload --ops 127.0.0.1:4001 --no-wait

{STATUSES}
{REACHED}"""


def parser() -> Parser:
    """Return the options."""
    made = Parser(
        SETTINGS, "reload", usage=f"{PROGRAM} reload [options]",
        description=DESCRIPTION, epilog=EPILOG,
    )  # fmt: skip
    add_waiting(made)
    return made


def run(arguments: list[str]) -> int:
    """Reload; return the exit status."""
    return ask(given(parser(), arguments, os.environ), "reload", {})
