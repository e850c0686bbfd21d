"""The code of before, and a link by which a server's code is exchanged while it runs.

The code of before is that of ``ROOST_PREVIOUS`` (a revision for git), else of the last tag, else of
the last commit.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

OLD, NEW = "old", "new"
"""Names of the two codes; that of before is in a directory of this name."""


class NoEarlierCodeError(Exception):
    """There is no git, or no earlier revision; the text says which."""


def fetch(place: Path) -> Path:
    """Put the code of before into ``place / "old"``, and return that.

    ``NoEarlierCodeError``, or ``CalledProcessError`` where ``ROOST_PREVIOUS`` is no revision.
    """
    path = place / OLD
    with tarfile.open(fileobj=io.BytesIO(_git("archive", _revision()))) as archive:
        archive.extractall(path, filter="data")
    return path


def _revision() -> str:
    named = os.environ.get("ROOST_PREVIOUS")
    if named:
        return named
    why = ""
    for command in (("describe", "--tags", "--abbrev=0", "HEAD~1"), ("rev-parse", "HEAD~1")):
        try:
            return _git(*command).decode().strip()
        except subprocess.CalledProcessError as error:
            why = error.stderr.decode().strip()
    raise NoEarlierCodeError(f"there is no earlier revision: {why}")


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True)
    except FileNotFoundError:
        raise NoEarlierCodeError("git is not installed") from None
    return done.stdout


class Exchange:
    """A directory in which ``code`` is a link to one of the two trees."""

    def __init__(self, place: Path, old: Path, first: str) -> None:
        self.trees = {OLD: old, NEW: ROOT}
        self.link = place / "code"
        self.to(first)

    def to(self, code: str) -> None:
        """Have processes that start from now on run this code."""
        new = self.link.with_name("next")
        new.symlink_to(self.trees[code], target_is_directory=True)
        new.replace(self.link)
