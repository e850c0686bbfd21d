#!/usr/bin/env python3
"""Memory of parked long polls: opens sessions, parks a poll on each, reads the server's RSS.

    .venv/bin/python benchmarks/parked.py [COUNT]        # default 10,000

It starts the server itself, on a free port of 127.0.0.1, and ends it.
"""

import json
import re
import resource
import selectors
import socket
import sys
import time

from served import served

PATH = "/socket/longpoll"


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def request(sock, target):
    sock.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def answer(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(4096)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])
    while len(body) < length:
        body += sock.recv(4096)
    return json.loads(body)


def park(address, count):
    """Return the sockets of ``count`` sessions, each with a poll that the server holds."""
    parked = []
    for _ in range(count):
        sock = socket.create_connection(address, 20)
        request(sock, PATH)
        opened = answer(sock)
        request(sock, f"{PATH}?token={opened['token']}")
        parked.append(sock)
    return parked


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with served("room:endpoint") as (port, pid):
        address = ("127.0.0.1", port)
        for sock in park(address, 200):  # imports, caches, arenas
            sock.close()
        time.sleep(1)
        before = rss_kib(pid)
        began = time.monotonic()
        parked = park(address, count)
        took = time.monotonic() - began
        after = rss_kib(pid)
        print(json.dumps({
            "parked": count, "rss_kib_before": before, "rss_kib_after": after,
            "kib_each": round((after - before) / count, 2), "seconds": round(took, 1),
        }))  # fmt: skip
        with selectors.DefaultSelector() as selector:
            for sock in parked:
                selector.register(sock, selectors.EVENT_READ)
            early = len(selector.select(0))
        print(f"{early} of them were answered meanwhile")


if __name__ == "__main__":
    main()
