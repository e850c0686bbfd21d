"""A part of a core for a process: what a scheduler gives to a worker on a machine that is smaller.

Needs root and the `cpu` controller of control groups (version 1 or 2).
"""

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path

PERIOD = 10_000
"""us in which a process gets its part; what it has not used by then is lost."""

ROOT = Path("/sys/fs/cgroup")


@contextmanager
def shares(pids, part, cores):
    """Bind each of `pids` to its one of `cores`, of which it gets `part` (0.35: 35 %)."""
    with ExitStack() as groups:
        for pid, core in zip(pids, cores, strict=True):
            os.sched_setaffinity(pid, [core])
            groups.enter_context(_group(pid, int(part * PERIOD)))
        yield


@contextmanager
def _group(pid, quota):
    old = (ROOT / "cpu").is_dir()
    home = ROOT / "cpu" if old else ROOT
    group = home / f"roost-benchmark-{pid}"
    with ExitStack() as undo:
        try:
            group.mkdir()
            undo.callback(group.rmdir)
            if old:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (group / "cpu.max").write_text(f"{quota} {PERIOD}")
            (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise SystemExit(f"--share needs root and control groups: {error}") from None
        undo.callback(_leave, home, pid)
        yield


def _leave(home, pid):
    if Path(f"/proc/{pid}").exists():
        (home / "cgroup.procs").write_text(str(pid))
