"""``gen``: secrets and tokens, of the kernel's randomness."""

from __future__ import annotations

import secrets
from typing import Final

from actors.endpoint.command import output
from actors.endpoint.command.arguments import PROGRAM, Parser, as_type
from actors.endpoint.command.setting import one_of
from actors.errors import ConfigError

DESCRIPTION: Final = """\
Generate what nobody can guess, of the kernel's randomness, and print it.

  secret [LENGTH]  characters that sign tokens and sessions: SECRET_KEY_BASE
  token            256 bits that let an operator in: ROOST_OPS_TOKEN
"""

EPILOG: Final = f"""\
examples:
  {PROGRAM} gen secret
      64 characters, as 'mix phx.gen.secret' does
  SECRET_KEY_BASE="$({PROGRAM} gen secret 48) $OLD" {PROGRAM} chat:endpoint
      a new secret; what was signed with the old one stays valid
  (umask 077; {PROGRAM} gen token > /etc/roost/ops-token)
      for --ops-token-file, which nobody else may read

exit status:
  0  it was printed
  2  the length is none, or there is no room for it where it was to be printed
"""

WHAT: Final = ("secret", "token")

SHORTEST: Final = 32
"""Characters of a secret; shorter ones are refused where they are to sign something."""

LONGEST: Final = 4096

DEFAULT: Final = 64

TOKEN_BYTES: Final = 32


def parser() -> Parser:
    """Return the options."""
    made = Parser(
        verb="gen", usage=f"{PROGRAM} gen secret [LENGTH] | token",
        description=DESCRIPTION, epilog=EPILOG,
    )  # fmt: skip
    made.add_argument("what", metavar="secret|token", type=as_type(one_of("none of the two", WHAT)))
    made.add_argument(
        "length",
        metavar="LENGTH",
        nargs="?",
        type=as_type(_length),
        help=f"characters of a secret, from {SHORTEST} to {LONGEST} (default: {DEFAULT})",
    )
    return made


def _length(text: str) -> int:
    ok = text.isascii() and text.isdecimal() and len(text) < 10
    if not ok or not SHORTEST <= int(text) <= LONGEST:
        raise ValueError(f"{text!r:.100}: must be a number from {SHORTEST} to {LONGEST}")
    return int(text)


def run(arguments: list[str]) -> int:
    """Print one; return the exit status."""
    given = parser().parse_args(arguments)
    if given.what == "token":
        if given.length is not None:
            raise ConfigError("gen: a token has no length: it has 256 bits")
        return output.say(secrets.token_urlsafe(TOKEN_BYTES))
    length = DEFAULT if given.length is None else given.length
    return output.say(secrets.token_urlsafe(length)[:length])
