"""``routes``: list what an endpoint answers where."""

from __future__ import annotations

import json
import os
from typing import Final

from actors.endpoint.command import output
from actors.endpoint.command.arguments import PROGRAM, Parser, given
from actors.endpoint.command.settings import SETTINGS
from actors.endpoint.command.verbs.serve import patch
from supervision.processes.writer import take_standard_error

DESCRIPTION: Final = """\
List what an endpoint answers where: each path, what is there (a transport, a page,
publishing, health, or the fallback for all others), and the class or function that
handles it. Nothing is bound.
"""

EPILOG: Final = f"""\
examples:
  {PROGRAM} routes chat:endpoint
      a table, in the order in which paths were declared
  {PROGRAM} routes chat:endpoint --json
      a list of objects with "path", "kind" and "handler"

A :name in a path is a variable. Where a path is declared twice, the later counts,
and alone is listed; 'check' says so.

exit status:
  0  they were listed
  2  the application cannot be loaded, what was given is not acceptable, or there
     is no room for them where they were to be printed
"""


def parser() -> Parser:
    """Return the options."""
    made = Parser(
        SETTINGS, "routes", usage=f"{PROGRAM} routes [module:endpoint] [options]",
        description=DESCRIPTION, epilog=EPILOG,
    )  # fmt: skip
    made.add_argument("--json", action="store_true", help="list them as JSON")
    return made


def run(arguments: list[str]) -> int:
    """List them; return the exit status."""
    found = given(parser(), arguments, os.environ)
    take_standard_error()
    patch()
    from actors.endpoint.command.route_table import rows, table  # noqa: PLC0415 - after the patch
    from actors.endpoint.command.single import loaded  # noqa: PLC0415

    listed = rows(loaded(found))
    if found.json:
        return output.say(json.dumps([row._asdict() for row in listed], indent=2))
    return output.say("\n".join(table(listed)))
