"""``reload``: have a server replace its workers, one by one."""

from __future__ import annotations

import os
from typing import Final

from actors.endpoint.command.arguments import PROGRAM, Parser, given
from actors.endpoint.command.verbs.drain import REACHED, SETTINGS, STATUSES, add_waiting, ask

DESCRIPTION: Final = """\
Have a server replace its workers, one by one, as SIGHUP does: with new code, a new
certificate, and the file of settings as it is now. No client is refused. Where the
new code does not serve, the workers of before stay, and this ends at once; where
something in the file is wrong, the workers are new and the settings as before.
The server's log says why. A setting that needs a restart is a line.
"""

EPILOG: Final = f"""\
examples:
  {PROGRAM} reload --ops 127.0.0.1:4001
      after a deployment; ends when all workers are new
  {PROGRAM} reload --ops 127.0.0.1:4001 --no-wait

{STATUSES.rstrip()}
  5  the reload is off: the old workers serve on
  6  it is done, but the settings are as before: something in the file is wrong

A server of an earlier release does not say how it went: 0 says that its workers are
new, and one whose reload is off is waited for until --timeout is over.

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
