"""The application that is made for drills.

What it does otherwise than usual is said in the environment (``options.VARIABLE``), by names:

* ``drainer``: that of the mounts; ``"function"`` and ``"raises"`` are functions;
* ``endpoint``, ``longpoll``, ``websocket``: options of the endpoint and of its transports;
* ``boot``: ``"exit"`` ends a worker while it imports this, a path does where there is such a file;
* ``carriers``: how many turns may be blocked at once;
* ``crashing``: there is a pool at ``/crashing`` whose child can be told to crash;
* ``once``: a directory, in which what exists once notes its acts;
* ``trace``: parts of the tree say when they start and stop;
* ``version``: a file whose text says which version of the application this is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from actors import Endpoint
from actors.runtime import get_dispatcher
from tests.drills import app_channels as channels
from tests.drills import app_once, app_tree, options
from tests.drills import app_sockets as sockets

given = options.of_environment()

boot = given.get("boot", "")
if boot == "exit" or (boot and Path(boot).exists()):
    os._exit(1)


def answering() -> Any:
    """Return the drainer's options, as a function may."""
    return {"batch_size": 5, "batch_interval": 0.4}


def raising() -> Any:
    """Fail, as a function may."""
    raise RuntimeError("no drainer today")


drainer = given.get("drainer", True)
functions = {"function": answering, "raises": raising}
mount: dict[str, Any] = {
    "drainer": functions[drainer] if isinstance(drainer, str) else drainer,
    "websocket": {"close_timeout": 1.0, **given.get("websocket", {})},
    "longpoll": {"window": 30.0, **given.get("longpoll", {})},
}
traced = given.get("trace", False)
if "carriers" in given:
    get_dispatcher().blocked.limit = given["carriers"]
if "version" in given:
    sockets.Asked.version = Path(given["version"]).read_text(encoding="utf-8")

endpoint = Endpoint(
    children=[
        channels.Here,
        *([app_tree.announced("child")] if traced else []),
        *([app_once.acting(given["once"])] if "once" in given else []),
    ],
    watchers=[app_tree.announced("watcher")] if traced else [],
    **given.get("endpoint", {}),
)
endpoint.socket("/ledger", sockets.Ledgered, **mount)
endpoint.socket("/asked", sockets.Asked, **mount)
endpoint.socket("/burst", sockets.Burst, **mount)
endpoint.socket("/channels", channels.Members, **mount)
endpoint.socket("/faulty", sockets.Faulty, **mount)
endpoint.socket("/storing", sockets.Storing, **mount)
endpoint.socket("/spinning", sockets.Spinning, **mount)
endpoint.socket("/stubborn", sockets.Stubborn, **mount)
if given.get("crashing"):
    endpoint.socket("/crashing", app_tree.Crashing, **mount)
if traced:
    endpoint.socket("/traced", app_tree.Traced, **mount)
