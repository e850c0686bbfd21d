"""Whether callbacks that block delay others: an echo's latency beside 1,000 that sleep 50 ms.

    python benchmarks/isolation.py [--connections 1000] [--echoes 2000]

Three processes: the server (``python -m actors.endpoint isolation:endpoint``), the sleepers, each
of which sends its next message when the last is answered, and this one, which sends an echo about
every 5 ms and takes its time. It prints the latency without the sleepers and beside them.
"""

import argparse
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import time

from served import served

SLEEP = 0.05
TEXT = bytes((0x81, 0x81)) + bytes(4) + b"x"  # "x", masked with zeros
ANSWER = bytes((0x81, 0x01)) + b"x"


def __getattr__(name):
    """Return ``endpoint`` where the server asks for it: a client needs nothing of it."""
    if name != "endpoint":
        raise AttributeError(name)
    import gevent  # noqa: PLC0415

    from actors import Endpoint, Reply, Socket  # noqa: PLC0415

    class Echo(Socket):
        def handle_in(self, payload, opcode):
            return Reply(payload, opcode=opcode)

    class Sleeper(Socket):
        def handle_in(self, payload, opcode):
            gevent.sleep(SLEEP)
            return Reply(payload, opcode=opcode)

    endpoint = Endpoint(check_origin=False)
    endpoint.socket("/echo", Echo)
    endpoint.socket("/sleep", Sleeper)
    return endpoint


def connect(port, mount, *, deflate=False):
    extensions = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(
        f"GET /{mount}/websocket HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{extensions}"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = sock.recv(4096)
        if not data:
            raise SystemExit(f"refused: {head!r}")
        head += data
    return sock


def sleepers(port, count):
    """Keep ``count`` callbacks asleep until standard input ends; print how many woke a second."""
    selector = selectors.EpollSelector()
    socks = [connect(port, "sleep") for _ in range(count)]
    for sock in socks:
        selector.register(sock, selectors.EVENT_READ)
        sock.sendall(TEXT)
    selector.register(0, selectors.EVENT_READ)
    print("ready", flush=True)
    began, woken = time.monotonic(), 0
    while True:
        for key, _ in selector.select():
            if key.fd == 0:
                print(f"{woken / (time.monotonic() - began):.0f}", flush=True)
                return
            key.fileobj.recv(4096)
            key.fileobj.sendall(TEXT)
            woken += 1


def echoes(port, count):
    """Return the latencies of ``count`` echoes, in milliseconds, sorted."""
    sock = connect(port, "echo")
    times = []
    for _ in range(count):
        time.sleep(0.005)
        began = time.perf_counter()
        sock.sendall(TEXT)
        answer = sock.recv(100)
        times.append(1000 * (time.perf_counter() - began))
        assert answer == ANSWER, answer
    sock.close()
    return sorted(times)


def line(name, times):
    at = [times[min(len(times) - 1, int(len(times) * share))] for share in (0.9, 0.99)]
    figures = [statistics.median(times), *at, times[-1]]
    return f"{name:<34}" + "".join(f"{figure:>10.2f}" for figure in figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--echoes", type=int, default=2000)
    parser.add_argument("--sleepers", type=int, help=argparse.SUPPRESS)  # the port, in the child
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if given.sleepers:
        sleepers(given.sleepers, given.connections)
        return
    with served("isolation:endpoint") as (port, _):
        echoes(port, 100)
        alone = echoes(port, given.echoes)
        with subprocess.Popen(
            [
                *(sys.executable, __file__, "--sleepers", str(port)),
                *("--connections", str(given.connections)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as load:
            load.stdout.readline()
            beside = echoes(port, given.echoes)
            load.stdin.close()
            rate = load.stdout.readline().strip()
        print(f"{'latency of an echo, ms':<34}{'median':>10}{'p90':>10}{'p99':>10}{'max':>10}")
        print(line("alone", alone))
        print(line(f"beside {given.connections} sleeping {1000 * SLEEP:.0f} ms", beside))
        print(f"the sleepers woke {rate} times a second")


if __name__ == "__main__":
    main()
