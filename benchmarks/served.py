"""The command as a process, for the benchmarks that start it themselves."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent


@contextmanager
def served(application, *options, workers=0, cores=None):
    """Serve ``application``, which may be a module of this directory; yields (port, pid).

    All workers are ready by then. ``cores`` are those that the processes may use; ``options`` are
    further ones of the command.
    """
    arguments = [application, "--bind", "127.0.0.1:0", "--workers", str(workers), *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "actors.endpoint", *arguments],
        cwd=HERE, env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        if cores is not None:
            os.sched_setaffinity(process.pid, cores)
        port = int(_wait_for(process, r"serving http://127\.0\.0\.1:(\d+)")[1])
        if workers:
            _wait_for(process, rf"{workers} workers? (is|are) ready")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()


def _wait_for(process, pattern):
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found
    raise SystemExit("the server did not start")
