"""What the command does before it imports more: what follows takes a tenth of a second."""

import signal

MASTERS = frozenset({signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU})
"""Signals that a master serves, and of which any other process dies or stops."""


def hold_signals() -> None:
    """Keep the master's signals until it is known who is to have them.

    Ctrl-C ends the process without a traceback while there is nothing to end orderly.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, MASTERS)


def release_signals() -> None:
    """Have them as any other process has them: this one is no master."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, MASTERS)
