"""What type checkers say of applications: nothing of right ones, and of each planted mistake."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")  # of the extra "test"; it need not be there for every Python

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def said_of(name: str) -> dict[int, list[str]]:
    """Run mypy as for our own packages; return its messages by line."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(HERE / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stderr == ""
    found: dict[int, list[str]] = {}
    for line in done.stdout.splitlines():
        match = re.fullmatch(r"(\S+?):(\d+): error: (.*)", line)
        if match is not None:
            assert match[1].endswith(name), line
            found.setdefault(int(match[2]), []).append(match[3])
    return found


@pytest.mark.parametrize("name", ["right.py", "right_channels.py"])
def test_right_programs_are_right(name: str) -> None:
    assert said_of(name) == {}


@pytest.mark.parametrize("name", ["wrong.py", "wrong_channels.py"])
def test_each_planted_mistake_is_found_and_nothing_else(name: str) -> None:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    planted = {
        number: line.partition("# error: ")[2]
        for number, line in enumerate(lines, 1)
        if "# error: " in line
    }
    said = said_of(name)
    assert sorted(said) == sorted(planted)
    for number, wanted in planted.items():
        assert any(wanted in message for message in said[number]), (number, said[number])
