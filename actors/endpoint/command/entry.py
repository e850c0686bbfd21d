"""``roost``, as it is installed: the same as ``python -m actors.endpoint``."""

import sys

from actors.endpoint.command.early import hold_signals


def main() -> int:
    """Run the command; return the exit status."""
    hold_signals()
    from actors.endpoint.__main__ import main  # noqa: PLC0415 - takes its time

    return main(sys.argv[1:])
