"""What the tests of failures look at."""

from __future__ import annotations

import logging
from typing import Any

import pytest


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error, and see that each is one line."""
    found = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert [line for line in found if "\n" in line] == []
    return found


def still_echoes(neighbour: Any) -> None:
    neighbour.send("alive")
    assert neighbour.recv() == "alive"
