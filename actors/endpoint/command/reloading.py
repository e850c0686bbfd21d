"""``--reload``, as far as the command is concerned: what is watched, and what that takes."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import Final

from actors.errors import ConfigError

REPLACED: Final = 1.0
"""Seconds that a replaced worker has for its clients at most: somebody waits for the new code."""


def watched_places(given: argparse.Namespace) -> list[str]:
    """Return the directories whose files are watched; without ``--reload`` there are none.

    :class:`~actors.errors.ConfigError`: there is no such directory, nothing to watch them with, or
    nobody who would reload.
    """
    if not given.reload:
        if given.reload_dir:
            raise ConfigError("--reload-dir is for --reload")
        return []
    check_master(given)
    if importlib.util.find_spec("watchfiles") is None:
        raise ConfigError("--reload needs watchfiles: pip install 'roost[reload]'")
    for place in given.reload_dir or ():
        if not Path(place).is_dir():
            raise ConfigError(f"--reload-dir {place!r}: is no directory")
    return list(dict.fromkeys(map(os.path.abspath, given.reload_dir or [os.curdir])))


def check_master(given: argparse.Namespace) -> None:
    """Raise :class:`~actors.errors.ConfigError` where ``--reload`` finds no master to do it."""
    if given.reload and not given.workers:
        raise ConfigError(
            "--reload replaces workers, and --workers 0 has none: --workers 1 has one"
        )
