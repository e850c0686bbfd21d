"""``python -m actors.endpoint broadcast``: publish to a server that runs, from a shell or cron.

Exit status: 0, it was taken; 1, it was not, as the server is not there, does not answer or fails:
to try again may help; 2, what was given is not acceptable, here or to the server.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from actors.endpoint.command import output
from actors.endpoint.command.arguments import PROGRAM, Parser, as_type
from actors.endpoint.command.setting import seconds
from actors.errors import ConfigError, PublishError
from actors.logs.escaping import escaped
from actors.options import did_you_mean
from actors.publish import Publisher

NAME: Final = "broadcast"
"""The verb."""

KEY_VARIABLE: Final = "ROOST_PUBLISH_KEY"
"""Of the environment: arguments can be read by every user of the machine."""


DESCRIPTION: Final = """\
Publish to a server that runs, from a shell or cron: EVENT with the object JSON
goes to every client that has joined TOPIC.
"""

EPILOG: Final = f"""\
examples:
  {PROGRAM} broadcast --to unix:/run/chat.sock room:1 new_msg '{{"body": "hi"}}'
      to a server of this machine that has --publish /run/chat.sock
  echo '{{}}' | {PROGRAM} broadcast --to https://example.com/api/send room:1 tick -
      to an endpoint that has publishing('/api/send', keys=...)
  {PROGRAM} broadcast --to unix:/run/chat.sock users:7 disconnect
      end the connections whose id is users:7

exit status:
  0  it was taken; what the server says of it is printed as JSON
  1  it was not: the server is not there, does not answer, or fails; try again
  2  what was given is not acceptable, here or to the server

environment:
  {KEY_VARIABLE}  the key of a URL; arguments could be read by every user of the machine
"""


class _Parser(Parser):
    def parse_args(self, arguments: Sequence[str]) -> argparse.Namespace:  # type: ignore[override]
        """Parse; first say what an unknown option may have meant, or else one would be missing."""
        known = [o for action in self._actions for o in action.option_strings if o[:2] == "--"]
        for argument in itertools.takewhile(lambda each: each != "--", arguments):
            name = argument.partition("=")[0]
            if name.startswith("--") and " " not in argument and name not in known:
                raise ConfigError(f"{NAME}: unknown option {name!r}{did_you_mean(name, known)}")
        return super().parse_args(arguments)

    def too_many(self, argument: str) -> str:
        """Return what is said of an argument for which there is no place."""
        return f"unrecognized arguments: {argument:.100}; JSON is one argument, in quotes"


def parser() -> Parser:
    """Return the options."""
    made = _Parser(verb=NAME, description=DESCRIPTION, epilog=EPILOG)
    made.add_argument(
        "--to", required=True, metavar="unix:PATH|URL", help="where the server lets others publish"
    )
    made.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=as_type(seconds),
        default=5.0,
        help="for each step (default: %(default)g)",
    )
    made.add_argument("topic", metavar="TOPIC")
    made.add_argument("event", metavar="EVENT", help="'disconnect' ends who has the id TOPIC")
    made.add_argument(
        "payload",
        metavar="JSON",
        nargs="?",
        default="{}",
        help="an object (default: %(default)s); '-' reads standard input; none with 'disconnect'",
    )
    return made


def run(arguments: Sequence[str]) -> int:
    """Publish; return the exit status. ``ConfigError``: what was given is not acceptable."""
    given = parser().parse_args(arguments)
    for name, text in (("TOPIC", given.topic), ("EVENT", given.event)):
        _check_utf8(name, text)
    payload = _payload(given.payload)
    if payload and given.event == "disconnect":
        raise ConfigError(f"{NAME}: JSON: 'disconnect' takes no payload, and nobody would get it")
    key = os.environ.get(KEY_VARIABLE) or None
    with Publisher(given.to, key=key, timeout=given.timeout) as publisher:
        try:
            receipt = publisher.broadcast(given.topic, given.event, payload)
        except PublishError as error:
            output.write(sys.stderr, f"roost: {escaped(str(error))}")
            return 2 if error.status is not None and 400 <= error.status < 500 else 1
        except ValueError as error:  # a lone surrogate, a topic that is reserved
            raise ConfigError(f"{NAME}: {error}") from None
    output.write(sys.stdout, json.dumps(receipt._asdict()))
    return 0


def _payload(text: str) -> dict[str, Any]:
    given = _standard_input() if text == "-" else text
    try:
        payload = json.loads(given, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{NAME}: JSON: {error}") from None
    if not isinstance(payload, dict):
        raise ConfigError(f'{NAME}: JSON: must be an object, such as \'{{"body": "hi"}}\'')
    return payload


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise ConfigError(f"{NAME}: JSON: standard input is closed")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise ConfigError(f"{NAME}: JSON: standard input: {error.strerror}") from None


def _check_utf8(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # what of an argument is no UTF-8 has become surrogates
        raise ConfigError(f"{NAME}: {name}: must be UTF-8") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
