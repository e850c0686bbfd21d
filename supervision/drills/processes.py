"""What ``/proc`` says of processes (proc(5)): groups, children, and who holds which socket."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)


def in_group(group: int) -> list[int]:
    """Return the processes of a process group that run; a zombie does not."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and _running_in(entry, group)
    ]


def _running_in(entry: Path, group: int) -> bool:
    fields = _stat(entry)
    return len(fields) > 2 and fields[0] not in "ZX" and int(fields[2]) == group


def _stat(entry: Path) -> list[str]:
    """Return the fields after the name, which alone may hold blanks: state, ppid, pgrp, ..."""
    try:
        return (entry / "stat").read_text(errors="replace").rpartition(") ")[2].split()
    except OSError:
        return []


def with_variable(name: str, value: str) -> list[int]:
    """Return the processes of ours that run and began with this in their environment."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and state(int(entry.name)) not in ("", "Z", "X"):
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue  # another user's, or gone meanwhile
            if wanted in variables:
                found.append(int(entry.name))
    return found


def state(pid: int) -> str:
    """Return the letter of a process's state, ``""`` where there is no such process."""
    return "".join(_stat(Path(f"/proc/{pid}"))[:1])


def every_child(pid: int) -> list[int]:
    """Return the children of a process, oldest first, with those that wait to be reaped."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def children(pid: int) -> list[int]:
    """Return the children of a process that run, oldest first."""
    return [child for child in every_child(pid) if state(child) not in ("", "Z", "X")]


def command(pid: int) -> list[str]:
    """Return the arguments of a process, none where there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = _stat(Path(f"/proc/{pid}"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def owners(server_port: int, client_ports: Iterable[int], pids: Iterable[int]) -> dict[int, int]:
    """Answer, by client port, which of ``pids`` holds the server's end of that connection."""
    inodes = {}
    wanted = set(client_ports)
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        local, remote = (int(fields[column].rpartition(":")[2], 16) for column in (1, 2))
        if local == server_port and remote in wanted:
            inodes[f"socket:[{fields[9]}]"] = remote
    found = {}
    for pid in pids:
        for link in _links(pid):
            if link in inodes:
                found[inodes[link]] = pid
    return found


def _links(pid: int) -> Iterator[str]:
    try:
        entries = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            yield str(entry.readlink())
        except OSError:
            continue  # closed meanwhile


@contextmanager
def adopting() -> Iterator[None]:
    """Be given the orphans among our descendants, to wait for them as for children."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
