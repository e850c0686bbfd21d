"""HAProxy as a process, with ``examples/haproxy.cfg`` in front of a server of a test."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.nginx import answers_at
from tests.support.waiting import DEADLINE, eventually

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "haproxy.cfg"


@contextmanager
def haproxy(
    directory: Path, upstream: tuple[str, int] | Path, *, speaks: str = ""
) -> Iterator[tuple[str, int]]:
    """Run HAProxy in ``directory``, in front of a server; return its address.

    ``speaks`` is said behind the server's address, such as ``send-proxy-v2``.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    server = f"unix@{upstream}" if isinstance(upstream, Path) else f"{upstream[0]}:{upstream[1]}"
    text = SAMPLE.read_text(encoding="utf-8")
    for old, new in (
        ("127.0.0.1:4000", f"{server} {speaks}"),
        ("127.0.0.1:8080", f"127.0.0.1:{address[1]}"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = directory / "haproxy.cfg"
    path.write_text(text, encoding="utf-8")
    with subprocess.Popen(
        ["haproxy", "-db", "-q", "-f", str(path)], stdin=subprocess.DEVNULL
    ) as process:
        try:
            eventually(lambda: answers_at(process, address), 4 * DEADLINE, pause=0.01)
            yield address
        finally:
            process.terminate()
