"""SIGTERM under long-poll clients: can each fetch the replies to all that was answered 200?

    python -m benchmarks.last_polls                      # 50 rounds of 100 sessions, one process
    python -m benchmarks.last_polls --workers 2          # so that half of all requests are relayed

Each client posts and polls as fast as it is answered, over a pool of connections as browsers have
one, and goes on polling after the signal until it is told that its session is over or nothing takes
a connection. Ends with status 1 where a reply was lost.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time

import gevent
from gevent import socket

from actors import Endpoint, Opcode, Reply, Socket

PATIENCE = 10.0


class EchoSocket(Socket):
    def handle_in(self, payload: str, opcode: Opcode) -> Reply:  # noqa: ARG002 - the hook's
        return Reply(payload)


endpoint = Endpoint(secret_key_base=("benchmark " * 4,), grace=10.0)
endpoint.socket("/echo", EchoSocket, websocket=False, longpoll=True)


class Client:
    """One session, and the connections that are idle."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pool: list[socket.socket] = []
        self.token = ""
        self.answered: set[str] = set()
        self.received: set[str] = set()
        self.how = "?"

    def ask(self, method: str, body: bytes = b"") -> dict | None:
        """Return the JSON of an answer; ``None`` where nothing takes a connection, or it broke."""
        query = f"?token={self.token}" if self.token else ""
        head = f"{method} /echo/longpoll{query} HTTP/1.1\r\nHost: x\r\n"
        data = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        while True:
            kept = bool(self.pool)
            try:
                sock = (
                    self.pool.pop() if kept else socket.create_connection(("127.0.0.1", self.port))
                )
            except OSError:
                return None
            found = exchange(sock, data)
            if found is not None:
                closes, text = found
                if closes:
                    sock.close()
                else:
                    self.pool.append(sock)
                return json.loads(text) if text else {"status": 503}
            sock.close()
            if not kept or method == "POST":
                return None  # else the server had closed it meanwhile

    def run(self) -> None:
        self.token = (self.ask("GET") or {}).get("token", "")
        posting = gevent.spawn(self.post)
        while (answer := self.ask("GET")) is not None and answer["status"] in {200, 204}:
            self.token = answer["token"]
            self.received.update(answer["messages"])
        self.how = "refused" if answer is None else str(answer["status"])
        posting.join()
        for sock in self.pool:
            sock.close()

    def post(self) -> None:
        for number in range(1_000_000):
            text = str(number)
            answer = self.ask("POST", text.encode())
            if answer is None or answer["status"] != 200:
                return
            self.answered.add(text)
            gevent.sleep(0.005)


def exchange(sock: socket.socket, data: bytes) -> tuple[bool, bytes] | None:
    """Return whether the connection closes, and the body; ``None`` where no answer came."""
    answer = b""
    try:
        sock.sendall(data)
        while b"\r\n\r\n" not in answer:
            part = sock.recv(65536)
            if not part:
                return None
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        size = int(re.search(rb"content-length: (\d+)", head)[1])
        while len(body) < size:
            body += sock.recv(65536)
    except OSError:
        return None
    return b"connection: close" in head, body


def round_of(workers: int, sessions: int) -> tuple[int, int, dict[str, int], float]:
    command = ["-m", "actors.endpoint", "benchmarks.last_polls:endpoint"]
    options = ["--bind", "127.0.0.1:0", "--workers", str(workers)]
    with (
        tempfile.NamedTemporaryFile("r", suffix=".log") as log,
        subprocess.Popen([sys.executable, *command, *options], stdout=log, stderr=log) as server,
    ):
        while not (found := re.search(r"serving http://[^ ]+:(\d+),", log.read())):
            log.seek(0)
            time.sleep(0.05)
        gevent.sleep(0.3)
        clients = [Client(int(found[1])) for _ in range(sessions)]
        running = [gevent.spawn(client.run) for client in clients]
        gevent.sleep(1.0)
        server.send_signal(signal.SIGTERM)
        began = time.monotonic()
        while server.poll() is None and time.monotonic() < began + 20:
            gevent.sleep(0.02)
        took = time.monotonic() - began
        gevent.joinall(running, PATIENCE)
    lost = sum(len(client.answered - client.received) for client in clients)
    ends: dict[str, int] = {}
    for client in clients:
        ends[client.how] = ends.get(client.how, 0) + 1
    return lost, sum(len(client.answered) for client in clients), ends, took


def main() -> int:
    made = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    made.add_argument("--rounds", type=int, default=50)
    made.add_argument("--sessions", type=int, default=100)
    made.add_argument("--workers", type=int, default=0)
    given = made.parse_args()
    total = 0
    for number in range(given.rounds):
        lost, answered, ends, took = round_of(given.workers, given.sessions)
        total += lost
        print(f"round {number}: {lost} of {answered} lost, polls ended {ends}, {took:.2f} s")
    print(f"{total} lost in {given.rounds} rounds")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
