"""Says, when it is imported, what the command had patched by then."""

from __future__ import annotations

import threading
import time

from gevent import monkey, spawn

from actors import Endpoint

MODULES = ("os", "queue", "select", "signal", "socket", "ssl", "subprocess", "threading", "time")
UNPATCHED = [name for name in MODULES if not monkey.is_module_patched(name)]
MAIN = threading.main_thread() is threading.current_thread()


def _work():
    time.sleep(0)
    return threading.current_thread().name


# A thread is a greenlet now: it runs while this one waits in join().
seen = []
worker = threading.Thread(target=lambda: seen.append(_work()), name="worker")
worker.start()
worker.join(5)
other = spawn(threading.main_thread).get(timeout=5)
print("unpatched", UNPATCHED, flush=True)  # noqa: T201 - the test reads it
print("main thread", MAIN, other.name, seen, flush=True)  # noqa: T201

endpoint = Endpoint()
