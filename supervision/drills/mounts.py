"""``python -m supervision.drills.mounts module:endpoint``: where its sockets are, as JSON.

The first path of each transport. The drills ask a process of its own, as an application may do
anything when it is imported.
"""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn


def first_mounts(application: str) -> dict[str, str]:
    """Return the path of the first mount of each transport."""
    from actors.endpoint.command.loading import load  # noqa: PLC0415 - once the library is patched

    found: dict[str, str] = {}
    for mounted in load(application).mounts:
        for name, options in mounted.transports.items():
            found.setdefault(name, mounted.path.rstrip("/") + options.path)
    return found


def main(arguments: list[str]) -> int:
    """Print them; return the exit status."""
    from gevent import monkey  # noqa: PLC0415 - importing this module patches nothing

    monkey.patch_all()
    from actors.errors import ConfigError  # noqa: PLC0415

    try:
        sys.stdout.write(json.dumps(first_mounts(arguments[0])) + "\n")
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def leave(status: int) -> NoReturn:
    """End at once: threads that the application has started are not waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
