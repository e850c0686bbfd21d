"""What reloads cost clients: requests lost on kept-alive connections, and disconnected sockets.

    python -m benchmarks.reloads requests [--through direct nginx haproxy] [--reloads 20]
    python -m benchmarks.reloads sockets [--workers 8] [--reloads 3]
    python -m benchmarks.reloads phoenix

``requests``: keep-alive clients send GET and POST all the time, with short and long pauses, while
the master gets SIGHUP after SIGHUP. A request has failed that had no answer, or none with status
200. A client notices before it sends that its connection was closed, as pools of connections do.
``sockets``: WebSocket clients that come back at once wherever they are told to leave. How often is
each of them disconnected by one reload? ``phoenix``: the real phoenix.js, two versions, asks for a
long-poll session on a connection that it keeps to a worker that ends: it must have one on another
connection at once (``benchmarks/install.sh phoenix`` first). Exit status 1 where a request failed,
the mean was above 1.05, or phoenix.js did not come back.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from actors import Endpoint, Socket
from transports.http.response import Response

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0
MEAN = 1.05

NGINX = """\
daemon off; worker_processes 1; pid nginx.pid; error_log nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream workers {{ server 127.0.0.1:{upstream}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://workers; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
}}
"""
HAPROXY = """\
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend clients
  bind 127.0.0.1:{port}
  default_backend workers
backend workers
  server one 127.0.0.1:{upstream}
"""


class Guest(Socket):
    """Says nothing."""


def _page(request, http):  # noqa: ARG001 - a page's shape
    return Response(200, request.body or str(os.getpid()).encode())


endpoint = Endpoint()
endpoint.socket("/guest", Guest, longpoll=True, check_origin=False)
endpoint.page("/page", _page)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("requests", "sockets", "phoenix"))
    parser.add_argument("--through", nargs="+", default=["direct", "nginx", "haproxy"])
    parser.add_argument("--reloads", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--clients", type=int)
    options = parser.parse_args()
    return {"requests": requests, "sockets": sockets, "phoenix": phoenix}[options.what](options)


# -- the server and what stands in front of it


@contextmanager
def master(directory, workers):
    """Serve with so many workers; yields (process, port)."""
    log = Path(directory, "log")
    arguments = ["reloads:endpoint", "--bind", "127.0.0.1:0", "--workers", str(workers)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "actors.endpoint", *arguments],
            cwd=HERE, env={**os.environ, "PYTHONPATH": str(HERE.parent)}, stderr=file,
        )  # fmt: skip
    try:
        wait(lambda: re.search(rf"\b{workers} workers? (is|are) ready", log.read_text()))
        yield process, int(re.search(r"serving http://127\.0\.0\.1:(\d+)", log.read_text())[1])
    finally:
        process.terminate()
        process.wait(PATIENCE)
        lines = [line for line in log.read_text().splitlines() if "WARN" in line or "ERR" in line]
        print(*lines[:10], sep="\n", end="\n" if lines else "", file=sys.stderr)


@contextmanager
def proxy(directory, name, upstream):
    """Put a proxy in front; yields its port, or the server's own for ``direct``."""
    if name == "direct":
        yield upstream
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = Path(directory, f"{name}.conf")
    path.write_text((NGINX if name == "nginx" else HAPROXY).format(port=port, upstream=upstream))
    arguments = {
        "nginx": ["nginx", "-p", str(directory), "-c", str(path), "-e", "nginx.log"],
        "haproxy": ["haproxy", "-db", "-f", str(path)],
    }[name]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait(lambda: accepts(port))
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def wait(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise SystemExit("waited in vain")
        gevent.sleep(0.02)


def children(pid):
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def reload(process, workers):
    """Send SIGHUP; come back when all workers are new."""
    old = children(process.pid)
    process.send_signal(signal.SIGHUP)
    wait(lambda: not old & (now := children(process.pid)) and len(now) == workers)


# -- requests


class Client:
    """One keep-alive connection at a time."""

    def __init__(self, port, seen):
        self.port, self.seen = port, seen
        self.sock = None
        self.over = False

    def run(self):
        while not self.over:
            self.seen[self.ask(random.choice(("GET", "POST")))] += 1
            gevent.sleep(random.uniform(0.2, 1.5) if random.random() < 0.01 else 0.005)

    def ask(self, method):
        """Return what came of one request: ``ok``, or how it failed."""
        if self.sock is not None and gevent.select.select([self.sock], [], [], 0)[0]:
            self.hang_up()
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        body = b"x" * 100 if method == "POST" else b""
        head = f"{method} /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            self.sock.sendall(head.encode() + body)
            status, headers = self.answer()
        except (OSError, EOFError) as error:
            self.hang_up()
            return f"{method}: {type(error).__name__}"
        if b"connection: close" in headers:
            self.hang_up()
        return "ok" if status == 200 else f"{method}: {status}"

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more()
        head, _, body = data.partition(b"\r\n\r\n")
        head = head.lower()
        size = int(re.search(rb"content-length: (\d+)", head)[1])
        while len(body) < size:
            body += self.more()
        return int(head.split()[1]), head

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        return data

    def hang_up(self):
        self.sock.close()
        self.sock = None


def requests(options):
    failed = 0
    workers = options.workers or 2
    for name in options.through:
        if name != "direct" and shutil.which(name) is None:
            raise SystemExit(f"{name} is not installed")
        with (
            tempfile.TemporaryDirectory() as directory,
            master(directory, workers) as (process, at),
            proxy(directory, name, at) as port,
        ):
            seen = Counter()
            clients = [Client(port, seen) for _ in range(options.clients or 16)]
            greenlets = [gevent.spawn(client.run) for client in clients]
            for _ in range(options.reloads or 20):
                reload(process, workers)
            for client in clients:
                client.over = True
            gevent.joinall(greenlets, timeout=PATIENCE, raise_error=True)
        bad = {what: count for what, count in seen.items() if what != "ok"}
        failed += sum(bad.values())
        print(f"{name}: {sum(seen.values())} requests, {sum(bad.values())} failed {bad or ''}")
    return 1 if failed else 0


# -- sockets

UPGRADE = (
    b"GET /guest/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
COMES_BACK = 0.01
"""Seconds until a client comes back, as phoenix.js does."""


class Visitor:
    """A WebSocket client that comes back."""

    def __init__(self, port, refused):
        self.port, self.refused = port, refused
        self.disconnects = 0
        self.there = False
        self.sock = None

    def run(self):
        while True:
            try:
                self.visit()
            except OSError as error:
                self.refused[type(error).__name__] += 1
            gevent.sleep(COMES_BACK)

    def visit(self):
        self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        with self.sock:
            self.sock.sendall(UPGRADE)
            if b" 101 " not in self.sock.recv(4096):
                self.refused["no 101"] += 1
                return
            self.there = True
            self.sock.settimeout(None)
            while self.sock.recv(4096)[:1] != b"\x88":  # a Close frame
                pass
            self.there = False
            self.disconnects += 1
            self.sock.sendall(b"\x88\x82\0\0\0\0\x03\xf4")


def sockets(options):
    workers, means = options.workers or 8, []
    with tempfile.TemporaryDirectory() as directory, master(directory, workers) as (process, port):
        refused = Counter()
        visitors = [Visitor(port, refused) for _ in range(options.clients or 200)]
        greenlets = [gevent.spawn(visitor.run) for visitor in visitors]
        for _ in range(options.reloads or 3):
            wait(lambda: all(visitor.there for visitor in visitors))
            for visitor in visitors:
                visitor.disconnects = 0
            reload(process, workers)
            wait(lambda: all(visitor.there for visitor in visitors))
            counts = Counter(visitor.disconnects for visitor in visitors)
            means.append(sum(k * n for k, n in counts.items()) / len(visitors))
            print(f"disconnects of a client: mean {means[-1]:.3f}, {dict(sorted(counts.items()))}")
        gevent.killall(greenlets)
    print(f"mean {sum(means) / len(means):.3f}, refused: {dict(refused) or 0}")
    return 1 if refused or max(means) > MEAN else 0


# -- phoenix.js

PACKAGES = ("phoenix-1.7.19", "phoenix-1.8.16")


def phoenix(options):  # noqa: ARG001 - as the others
    home = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache/roost-bench"), "phoenix")
    failed = 0
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as directory, master(directory, 1) as (process, port):
            client = subprocess.Popen(
                ["node", str(HERE / "returns.cjs"), package, str(port)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env={**os.environ, "NODE_PATH": str(home / "node_modules")},
            )  # fmt: skip
            old = client.stdout.readline().split()[1]
            process.send_signal(signal.SIGHUP)
            wait(lambda old=old, port=port: page(port) != old)  # the old one is told to end
            said, _ = client.communicate("go\n", timeout=PATIENCE)
            failed += client.returncode != 0
            print(f"{package}: {'; '.join(said.splitlines())}")
    return 1 if failed else 0


def page(port):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        data = b""
        while more := sock.recv(4096):
            data += more
    return data.rpartition(b"\r\n")[2].decode()


if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()
    import gevent
    import gevent.select
    from gevent import socket

    sys.exit(main())
