"""A host of its own for a process: a network namespace (ip-netns(8)), linked to this one."""

from __future__ import annotations

import itertools
import os
import subprocess
from typing import Final, Self

import pytest

_numbers: Final = itertools.count()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Host:
    """As a context manager it exists. ``ours`` is this side's address, as it sees us.

    Skips the test where namespaces may not be made.
    """

    def __init__(self) -> None:
        number = next(_numbers)
        self.name = f"roost-{os.getpid()}-{number}"
        self._link = f"r{os.getpid()}n{number}"[-15:]
        net = f"10.{200 + number % 50}.{os.getpid() % 250}"
        self.ours, self.theirs = f"{net}.1", f"{net}.2"

    def __enter__(self) -> Self:
        try:
            _ip("netns", "add", self.name)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces: {error}")
        try:
            there = ["netns", "exec", self.name, "ip"]
            _ip(
                "link", "add", self._link, "type", "veth", "peer", "name", "up0", "netns", self.name
            )
            _ip("addr", "add", f"{self.ours}/24", "dev", self._link)
            _ip("link", "set", self._link, "up")
            _ip(*there, "addr", "add", f"{self.theirs}/24", "dev", "up0")
            _ip(*there, "link", "set", "up0", "up")
            _ip(*there, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["ip", "link", "del", self._link], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)

    @property
    def prefix(self) -> list[str]:
        """What a command begins with that runs there."""
        return ["ip", "netns", "exec", self.name]

    def cut(self) -> None:
        """Let nothing through any more, without a word."""
        _ip("link", "set", self._link, "down")

    def mend(self) -> None:
        _ip("link", "set", self._link, "up")
