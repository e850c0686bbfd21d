"""A short selection of the Autobahn cases; ``make autobahn`` runs them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Of each section what has been got wrong most often: each length's form, chopped writes, control
# frames inside fragments, reserved bits and opcodes, UTF-8 cut anywhere, every kind of close.
PLAIN = {
    "1.1.*", "1.2.1", "1.2.8", "2.*", "3.*", "4.1.*", "4.2.1", "5.1", "5.3", "5.6", "5.9", "5.15",
    "5.18", "5.19", "6.1.*", "6.2.4", "6.3.1", "6.4.1", "6.4.3", "6.10.2", "6.12.*", "7.*",
    "9.1.3", "9.1.6", "9.3.1", "9.5.1", "9.7.6", "10.*",
}  # fmt: skip
# Both kinds of payload, then each set of parameters once.
DEFLATE = {
    "12.1.3", "12.2.5", "12.3.11", "13.1.1", "13.2.1", "13.3.1", "13.4.1", "13.5.1", "13.6.1",
    "13.7.1",
}  # fmt: skip


@pytest.mark.autobahn
@pytest.mark.parametrize("under", ["ours", "pywsgi"])
@pytest.mark.parametrize(
    ("suite", "cases"), [("plain", PLAIN), ("deflate", DEFLATE)], ids=["plain", "deflate"]
)
def test_every_chosen_case_of_the_suite_is_ok(suite, cases, under):
    # A process of its own: kosoku changes sys.path and binascii for all that run beside it.
    command = [sys.executable, "-m", "tests.conformance.run", suite, "--cases", ",".join(cases)]
    command += ["--under", under]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
