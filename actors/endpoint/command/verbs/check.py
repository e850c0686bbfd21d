"""``check``: find what is wrong with an endpoint, and serve nothing."""

from __future__ import annotations

import os
from typing import Final

from actors.endpoint.command.arguments import PROGRAM, Parser, as_type, given
from actors.endpoint.command.setting import seconds
from actors.endpoint.command.settings import SETTINGS
from actors.endpoint.command.verbs.serve import patch
from supervision.processes.writer import take_standard_error

DESCRIPTION: Final = """\
Find what is wrong with an endpoint and its settings, and serve nothing: what it
imports, classes of sockets, paths, children, options, addresses, the certificate,
files that it could not write. Run it as the user and in the directory of the
service. A server that runs on the same address goes on.
"""

EPILOG: Final = f"""\
examples:
  {PROGRAM} check chat:endpoint --config roost.toml
      as a step of a deployment, with the settings that it will have
  {PROGRAM} check chat:endpoint --termination-grace 30
      whether 30 s are enough before who started us kills us

--termination-grace is terminationGracePeriodSeconds of Kubernetes (30 unless the
pod says another), TimeoutStopSec of systemd (90), or the time of 'docker stop'
(10). A stop must fit in: lame_duck + grace + 2 s. A preStop hook's time comes out
of the same, so take it off.

exit status:
  0  nothing was found
  2  something was, a line for each on standard error
"""


def parser() -> Parser:
    """Return the options."""
    made = Parser(
        SETTINGS, "check", usage=f"{PROGRAM} check [module:endpoint] [options]",
        description=DESCRIPTION, epilog=EPILOG,
    )  # fmt: skip
    made.add_argument(
        "--termination-grace",
        metavar="SECONDS",
        type=as_type(seconds),
        help="the time from SIGTERM to SIGKILL that a stop has",
    )
    return made


def run(arguments: list[str]) -> int:
    """Check; return the exit status."""
    found = given(parser(), arguments, os.environ)
    take_standard_error()
    patch()
    from actors.endpoint.command.single import check  # noqa: PLC0415 - the patch comes first

    return check(found, found.termination_grace)
