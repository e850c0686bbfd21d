"""``python -m actors.endpoint.command.watch``: tells a master which files have changed.

Arguments: the channel's descriptor, the time since which nobody has watched (nanoseconds, by the
clock that files have), and the directories. It says ``["watching", polls, why]``, ``["changed",
path, others]``, ``["failed", why]`` before it ends, and twice a second ``["beat", time]``: what has
changed before that time was told.

It is a process of its own as ``watchfiles`` waits in a thread of its own, and the master has none;
and so that nothing that it does, or dies of, concerns those who serve. It ends with the master.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from actors.endpoint.command.watched import below, is_code, is_left_out
from supervision.processes.channel import Channel

DEBOUNCE: Final = 50
"""Milliseconds without a further change until those before are told."""

AT_MOST: Final = 1600
"""Milliseconds after which they are told, even if there is no end to them."""

BEAT: Final = 500
"""Milliseconds between two signs of life, and two looks whether the directories are the same."""

MISSING: Final = 0.2
"""Seconds between two looks for directories of which none is there."""

MARGIN: Final = 20_000_000
"""Nanoseconds by which the clock of a file system may be late."""

ADDED: Final = 1
DELETED: Final = 3
"""What ``watchfiles`` calls a file that has come, and one that has gone."""

Change = tuple[int, str]
Tell = Callable[..., object]
Look = Callable[[Sequence[str], bool], Iterator[Iterable[Change]]]
"""Yields the changes in directories, and nothing now and then; by polling where it is to."""


def changes(directories: Sequence[str], polls: bool) -> Iterator[Iterable[Change]]:  # noqa: FBT001
    """Yield as :data:`Look`; ``Exception``: it cannot, for want of what the kernel has for it."""
    from watchfiles import watch  # noqa: PLC0415 - of the extra, and the tests of this do without

    return watch(
        *directories,
        watch_filter=None,
        debounce=AT_MOST,
        step=DEBOUNCE,
        rust_timeout=BEAT,
        yield_on_timeout=True,
        force_polling=polls or None,
        ignore_permission_denied=True,
    )


class Watcher:
    """Watches ``roots`` and says by ``tell`` what there is to say, until it is stopped."""

    def __init__(self, roots: Sequence[str], since: int, tell: Tell, look: Look = changes) -> None:
        self._roots = list(roots)
        self._names = [*self._roots, *(os.path.realpath(root) for root in self._roots)]
        self._since = since
        self._tell = tell
        self._look = look
        self._polls = False
        self._seen: dict[str, tuple[int, int] | None] = {}
        self._gone: set[str] = set()

    def run(self) -> None:
        """Watch for ever; what makes that impossible is raised."""
        why = ""
        while True:
            try:
                self._watch(why)
            except Exception as error:
                if self._polls:
                    raise
                self._polls, why = True, str(error)

    def _watch(self, why: str) -> None:
        """Watch until the directories are others than they were."""
        there = self._wait_for_one()
        made = self._made_anew(there)
        first = True
        for found in self._look(there, self._polls):
            now = time.time_ns()
            changed = [path for kind, path in found if self._concerns(kind, path)]
            if first:  # from here on nothing is missed
                first = False
                changed = changed or made or list(self._changed_since(there))
                # Behind that, as what is saved from the word on would be found twice.
                self._tell("watching", self._polls, why)
            if changed:
                self._say(changed)
            if self._are_others(there, found):
                return
            self._since = now
            self._tell("beat", now)

    def _wait_for_one(self) -> list[str]:
        while not (there := [root for root in self._roots if Path(root).is_dir()]):
            self._tell("beat", self._since)
            time.sleep(MISSING)
        return there

    def _made_anew(self, there: Sequence[str]) -> list[str]:
        """Return which directories are others than when they were last watched, and have code.

        One may have been deleted and made again, or a link leads elsewhere.
        """
        seen = {root: _identity(root) for root in there}
        others = [root for root in there if self._seen.get(root, seen[root]) != seen[root]]
        others += [root for root in there if root in self._gone and root not in others]
        self._seen.update(seen)
        self._gone.difference_update(there)
        return [root for root in others if any(True for _ in self._files(root))]

    def _are_others(self, there: Sequence[str], found: Iterable[Change]) -> bool:
        """Whether one has gone or come, or is not the one that is watched."""
        now = {root: _identity(root) for root in self._roots}
        gone = {path for kind, path in found if kind == DELETED and path in self._roots}
        gone |= {root for root in there if now[root] is None}
        self._gone |= gone
        come = any(now[root] is not None and root not in there for root in self._roots)
        return bool(gone) or come or any(now[root] != self._seen[root] for root in there)

    def _say(self, paths: Sequence[str]) -> None:
        shown = min(paths)
        relative = below(shown, self._names)
        self._tell("changed", str(relative or shown), len(paths) - 1)

    def _concerns(self, kind: int, path: str) -> bool:
        """Whether that is a change of code; a directory that comes may bring some."""
        if kind == ADDED and Path(path).is_dir():
            relative = below(path, self._names)
            if relative is None or any(map(is_left_out, relative.parts)):
                return False
            return any(True for _ in self._files(path))
        return self._is_code(path)

    def _is_code(self, path: str) -> bool:
        relative = below(path, self._names)
        if relative is None or not is_code(relative):
            return False
        inside = Path(path).parents[: len(relative.parts) - 1]
        return not any(_is_environment(str(parent)) for parent in inside)

    def _changed_since(self, directories: Sequence[str]) -> Iterator[str]:
        """Yield the code that has changed while nobody watched."""
        for directory in directories:
            for path in self._files(directory):
                try:
                    changed = Path(path).stat().st_ctime_ns  # a rename sets it, too
                except OSError:
                    continue
                if changed >= self._since - MARGIN:
                    yield path

    def _files(self, directory: str) -> Iterator[str]:
        for place, names, files in os.walk(directory):
            names[:] = [
                name
                for name in names
                if not is_left_out(name) and not _is_environment(f"{place}/{name}")
            ]
            yield from filter(self._is_code, (f"{place}/{file}" for file in files))


def _identity(root: str) -> tuple[int, int] | None:
    try:
        found = Path(root).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@lru_cache(maxsize=4096)
def _is_environment(directory: str) -> bool:
    """Whether a directory is a virtual environment, whatever its name (PEP 405)."""
    return Path(directory, "pyvenv.cfg").is_file()


def _end_with(fd: int) -> None:
    """Wait for the other end of the channel to be closed, then end this process."""
    poll = select.poll()
    poll.register(fd, 0)  # a hang-up is told unasked
    poll.poll()
    os._exit(0)


def main(arguments: Sequence[str]) -> int:
    """Watch until the master is gone, or kills us; 1 where that is not possible."""
    sock = socket.socket(fileno=int(arguments[0]))
    sock.setblocking(False)
    os.set_inheritable(sock.fileno(), False)
    channel = Channel(sock)
    threading.Thread(target=_end_with, args=(sock.fileno(),), daemon=True).start()
    try:
        Watcher(arguments[2:], int(arguments[1]), channel.send).run()
    except Exception as error:  # noqa: BLE001 - whoever started us says it, once
        channel.send("failed", f"{type(error).__name__}: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
