"""The kernel ends a process that what exists once must not outlive its lease in."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time

import pytest

from actors.endpoint.serving.last_resort import LastResort
from tests.support.waiting import DEADLINE

HANGS = """
import signal, sys, time
from actors.endpoint.serving.last_resort import LastResort
{before}
last = LastResort()
last.end_within({seconds})
{then}
sys.stdout.write("set\\n"); sys.stdout.flush()
while True:
    pass
"""


def start(seconds: str, *, before: str = "", then: str = "") -> subprocess.Popen[str]:
    code = HANGS.format(seconds=seconds, before=before, then=then)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "set\n"
    return process


def ended(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    process.stdout.close()
    return process.wait(DEADLINE)


def test_a_process_that_hangs_is_aborted():
    began = time.monotonic()
    assert ended(start("1.0")) == -signal.SIGABRT
    assert time.monotonic() - began > 0.5


def test_one_that_takes_that_for_something_else_is_killed():
    process = start("1.0", before="signal.signal(signal.SIGABRT, signal.SIG_IGN)")
    assert ended(process) == -signal.SIGKILL


def test_one_that_is_stopped_is_killed():
    process = start("1.0")
    process.send_signal(signal.SIGSTOP)
    assert ended(process) == -signal.SIGKILL


@pytest.mark.parametrize("then", ["last.end_within(float('inf'))", "last.end_within(1000.0)"])
def test_it_is_put_off(then):
    process = start("0.5", then=f"{then}\nimport threading, os\n"
                    "threading.Timer(1.5, lambda: os._exit(7)).start()")  # fmt: skip
    assert ended(process) == 7


def test_what_never_runs_has_no_timer():
    last = LastResort()
    last.end_within(math.inf)
    assert last._timers == []
