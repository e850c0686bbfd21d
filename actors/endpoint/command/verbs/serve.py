"""``serve``: a master with workers, or one process that serves by itself."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Final

from actors.endpoint.command import output, printing
from actors.endpoint.command.arguments import PROGRAM, Parser, Version, given
from actors.endpoint.command.early import release_signals
from actors.endpoint.command.settings import SETTINGS
from actors.endpoint.command.verbs import SERVE, VERBS
from actors.logs.escaping import escaped
from supervision.processes.writer import take_standard_error

DESCRIPTION: Final = """\
Serve an endpoint: a master with worker processes, or with --workers 0 one process.

Other verbs come as the first word, and have pages of their own ('broadcast --help'):

""" + "".join(f"  {name:<10} {does}\n" for name, does in VERBS.items())

EPILOG: Final = f"""\
examples:
  {PROGRAM}
      serve a demo at http://127.0.0.1:4000
  {PROGRAM} chat:endpoint --bind 0.0.0.0:8000 --workers 4
      serve 'endpoint' of the module chat, which is in the working directory
  {PROGRAM} serve --config roost.toml
      serve what the file says; --print-config shows what that comes to

settings:
  Each option may also be a variable (--log-level: ROOST_LOG_LEVEL; a list has
  commas between), or a key of the file (log_level in its table [logs]). What
  is said first counts: option, variable, file. An empty variable says nothing.

signals, to the master:
  SIGTERM, Ctrl-C  end orderly; a second Ctrl-C at once
  SIGHUP           read the file again and replace the workers, one by one
  SIGUSR1          open the log file anew, and print stacks
  SIGUSR2          start a new master beside this one

exit status:
  0  an orderly end
  1  a worker, or a connection without a master, had to be ended
  2  what was given is not acceptable, or the application cannot be loaded
  3  workers ended too often, or none has served for --boot-patience

environment:
  SECRET_KEY_BASE  what tokens are signed with, see 'gen secret --help'
  ROOST_CONFIG     the file, where there is no --config
"""


def parser() -> Parser:
    """Return the options."""
    made = Parser(
        SETTINGS, usage=f"{PROGRAM} [{SERVE}] [module:endpoint] [options]",
        description=DESCRIPTION, epilog=EPILOG,
    )  # fmt: skip
    made.add_argument("--version", action=Version, nargs=0, help="say which versions run, and end")
    made.add_argument("--check", action="store_true", help="do as the verb 'check'")
    made.add_argument("--print-limits", action="store_true", help="list every limit, and end")
    made.add_argument(
        "--print-config",
        action="store_true",
        help="list every setting and where its value comes from, as a file for --config (passwords"
        " are ***), and end",
    )
    return made


def run(arguments: list[str]) -> int:
    """Serve until a signal; return the exit status."""
    read = partial(given, parser(), arguments, dict(os.environ))
    found = read()
    if found.print_config:
        for warning in found.resolved.warnings:
            output.write(sys.stderr, f"roost: warning: {escaped(warning)}")
        return output.say("\n".join(printing.lines(found.resolved)))
    take_standard_error()
    if found.workers and not found.check and not found.print_limits:
        from actors.endpoint.command.master import serve  # noqa: PLC0415 - without gevent

        return serve(found, arguments, read)
    release_signals()
    patch()
    from actors.endpoint.command.single import run  # noqa: PLC0415 - the patch comes first

    return run(found)


def patch() -> None:
    """Patch the standard library for gevent, before the application is imported."""
    from gevent import monkey  # noqa: PLC0415 - the master never imports it

    monkey.patch_all()
