"""``drain``: have a server, or one of its workers, send its clients away and end."""

from __future__ import annotations

import os
import sys
from typing import Final

from actors.endpoint.command import output, progress
from actors.endpoint.command.arguments import PROGRAM, Given, Parser, as_type, given
from actors.endpoint.command.ops_client import Failed, OpsClient, Unreachable
from actors.endpoint.command.setting import seconds
from actors.endpoint.command.settings import BY_NAME
from actors.errors import ConfigError
from actors.logs.escaping import escaped

SETTINGS: Final = (BY_NAME["ops"], BY_NAME["ops_token_file"])

FAILED: Final = 1
LATE: Final = 3
UNREACHABLE: Final = 4
OFF: Final = 5
AS_BEFORE: Final = 6

DESCRIPTION: Final = """\
Have a server end orderly, as SIGTERM does: it says 'not ready', sends its
clients away within its grace, and ends. With WORKER, the number of a slot, that
worker alone; another takes its place. Meanwhile it is shown how many clients are
left: on a terminal one line counts down.
"""

STATUSES: Final = """\
exit status:
  0  it is done; with --no-wait, the server has begun
  1  the server cannot do it, and says why
  2  what was given is not acceptable, here or to the server: the token too
  3  --timeout is over, and the server still at it
  4  the ops port could not be reached
"""

REACHED: Final = """\
The server must have been started with --ops and --ops-deeds. --ops, or ROOST_OPS,
or 'ops' in the table [ops] of the file of --config, says where it is.

environment:
  ROOST_OPS_TOKEN  the token, unless --ops-token-file has it
  ROOST_CONFIG     the file, where there is no --config
"""

EPILOG: Final = f"""\
examples:
  {PROGRAM} drain --ops 127.0.0.1:4001
      the whole server; a service manager may start it again
  {PROGRAM} drain 2 --config roost.toml
      the worker in slot 2, which a new one replaces

{STATUSES.rstrip()}
  5  the new worker does not serve, and WORKER goes on

{REACHED}"""


def parser() -> Parser:
    """Return the options."""
    made = Parser(
        SETTINGS, "drain", usage=f"{PROGRAM} drain [WORKER] [options]",
        description=DESCRIPTION, epilog=EPILOG,
    )  # fmt: skip
    made.add_argument(
        "worker", metavar="WORKER", nargs="?", type=as_type(_slot), help="the slot of one worker"
    )
    add_waiting(made)
    return made


def add_waiting(parser: Parser) -> None:
    """Add the options that say how long to wait."""
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=as_type(seconds),
        default=600.0,
        help="wait for so long (default: %(default)g)",
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it is done")


def _slot(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
        raise ValueError(f"{text!r:.100}: must be the number of a slot, such as 1")
    return int(text)


def run(arguments: list[str]) -> int:
    """Drain; return the exit status."""
    found = given(parser(), arguments, os.environ)
    return ask(found, "drain", {} if found.worker is None else {"worker": found.worker})


def ask(given: Given, deed: str, about: dict[str, int]) -> int:
    """Have the server do it, and wait for its end; return the exit status."""
    client = OpsClient.of(given, deed)
    try:
        before = client.drain()
        ends = progress.pids(before)
        if about:
            slots = progress.workers(before)
            if about["worker"] not in slots:
                known = ", ".join(map(str, slots))
                raise ConfigError(f"{deed}: there is no worker {about['worker']} (slots: {known})")
            ends = {slots[about["worker"]]}
        client.do(deed, about)
        if given.no_wait:
            return output.say(f"{deed}: begun")
        line = progress.Line(terminal=sys.stdout.isatty())
        whole = deed == "drain" and not about
        last = None if whole else progress.Reload.of(before)
        after = progress.wait(client, ends, given.timeout, line, whole=whole, before=last)
        line.end()
    except Unreachable as error:
        return _refused(str(error), UNREACHABLE)
    except Failed as error:
        return _refused(str(error), FAILED)
    if after is None:
        return _refused(f"{deed}: not done after {given.timeout:g} s; it goes on", LATE)
    told = progress.Reload.of(after)
    if last is None or told is None or told.number == last.number:
        return output.say(f"{deed}: done")
    return _reloaded(told) if deed == "reload" else _replaced(told)


def _replaced(told: progress.Reload) -> int:
    """Say how it went to replace one worker, which the server tells as it tells of a reload.

    What it says there of settings is of the reload before.
    """
    if told.outcome == "off":
        return _refused(
            f"drain: off: {told.why}; the old worker serves on, and the server's log says more", OFF
        )
    return output.say("drain: done")


def _reloaded(told: progress.Reload) -> int:
    """Say how a reload went; return the exit status."""
    for name in told.restart:
        output.say(escaped(f"reload: {name} has changed, which needs a restart"))
    refused = f"the settings are as before: {told.refused}"
    if told.outcome == "off":
        if told.refused:
            _refused(f"reload: {refused}", OFF)
        return _refused(
            f"reload: off: {told.why}; the old workers serve on, and its log says more", OFF
        )
    if told.refused:
        return _refused(f"reload: done, but {refused}", AS_BEFORE)
    return output.say("reload: done")


def _refused(words: str, status: int) -> int:
    output.write(sys.stderr, f"roost: {escaped(words)}")
    return status
