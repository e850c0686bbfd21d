"""nginx as a process, with ``examples/nginx.conf`` in front of a server of a test."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.raw import Client
from tests.support.waiting import DEADLINE, eventually

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "nginx.conf"
MAIN = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{sample}
}}
"""


def configured(upstreams: tuple[tuple[str, int] | Path, ...], port: int) -> str:
    """Return the sample with other addresses: each must be in it once."""
    servers = "; server ".join(
        f"unix:{each}" if isinstance(each, Path) else f"{each[0]}:{each[1]}" for each in upstreams
    )
    text = SAMPLE.read_text(encoding="utf-8")
    for old, new in (
        ("127.0.0.1:4000", servers),
        ("127.0.0.1:8080", f"127.0.0.1:{port}"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return MAIN.format(sample=re.sub("^", "    ", text, flags=re.MULTILINE))


@contextmanager
def nginx(directory: Path, *upstreams: tuple[str, int] | Path) -> Iterator[tuple[str, int]]:
    """Run nginx in ``directory``, in front of servers in turn; return its address.

    It answers there already.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    path = directory / "nginx.conf"
    path.write_text(configured(upstreams, address[1]), encoding="utf-8")
    with subprocess.Popen(
        ["nginx", "-p", str(directory), "-c", str(path), "-e", "stderr"],
        stdin=subprocess.DEVNULL,
    ) as process:
        try:
            eventually(lambda: answers_at(process, address), 4 * DEADLINE, pause=0.01)
            yield address
        finally:
            process.terminate()


def answers_at(process: subprocess.Popen[bytes], address: tuple[str, int]) -> bool:
    """Whether it takes connections; it must not have ended."""
    assert process.poll() is None, "the proxy ended"
    try:
        Client(address).close()
    except ConnectionRefusedError:
        return False
    return True
