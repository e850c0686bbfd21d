"""``python -m actors.endpoint``, and ``roost``: what the first word says, or else ``serve``.

The master must not import gevent, and whoever serves must patch the standard library before
anything else is imported; so the options are read first, by a parser that needs next to nothing.
"""

from __future__ import annotations

import sys

from actors.endpoint.command.early import hold_signals, release_signals

if __name__ == "__main__":
    hold_signals()

from actors.endpoint.command import output, verbs
from actors.errors import ConfigError


def main(arguments: list[str]) -> int:
    """Run the command; return the exit status."""
    output.open_closed_descriptors()
    try:
        _need_linux(sys.platform)
        name, rest = verbs.split(arguments)
        if name != verbs.SERVE:
            release_signals()
        return verbs.load(name).run(rest)
    except ConfigError as error:
        return output.refuse(error)
    finally:
        output.settle()


def _need_linux(platform: str) -> None:
    if platform != "linux":
        raise ConfigError(f"Roost runs on Linux only: it needs epoll, which {platform} lacks")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
