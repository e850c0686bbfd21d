"""Whether clients that send what is dear to read hold up the others: an echo's latency beside them.

    python benchmarks/stall.py [NAME...] [--seconds 6] [--clients 600]

Three processes: the server (``python -m actors.endpoint stall:endpoint``, one worker), the load,
and this one, which sends an echo about every 5 ms and takes its time. ``pause`` is the longest
time in which the worker's hub did not come to a timer of gevent's. ``cpu`` is the most CPU time
that its thread used in one turn of the loop: the machine's other work does not count, nor do other
threads. ``gc`` is that of one collection of garbage, which is a part of it. ``crowd`` are 600
clients that each send a body of 300 KB in chunks of one byte, once, and stay; the other loads are
four connections that send without a pause, and come back when they are closed. A worker that ended
is an error: exit status 1.
"""

import argparse
import gc
import resource
import select
import selectors
import socket
import subprocess
import sys
import time
import zlib

from isolation import ANSWER, TEXT, connect
from served import served

MASK = bytes(4)
CHUNKED = b"POST /echo/longpoll HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"1\r\nx\r\n"
TIMERS = 100_000


class Longest:
    """In the server: the longest times, in seconds, of what holds up its loop."""

    def __init__(self):
        self.wall = self.cpu = self.gc = 0.0
        self.last = self.began = time.thread_time()

    def watch(self, sleep):
        """Look how late a timer of gevent's is, again and again."""
        last = time.monotonic()
        while True:
            sleep(0.001)
            now = time.monotonic()
            self.wall = max(self.wall, now - last - 0.001)
            last = now

    def turn(self):
        """Called in each turn of the loop: how much CPU time its thread has used since the last."""
        now = time.thread_time()
        self.cpu = max(self.cpu, now - self.last)
        self.last = now

    def collection(self, phase, _info):
        """Called by the collector of garbage."""
        if phase == "start":
            self.began = time.thread_time()
        else:
            self.gc = max(self.gc, time.thread_time() - self.began)

    def take(self):
        text = "".join(f"{1000 * each:10.1f}" for each in (self.wall, self.cpu, self.gc))
        self.wall = self.cpu = self.gc = 0.0
        return text


def __getattr__(name):
    """Return ``endpoint`` where the server asks for it: a client needs nothing of it."""
    if name != "endpoint":
        raise AttributeError(name)
    import gevent  # noqa: PLC0415

    from actors import Endpoint, Reply, Socket  # noqa: PLC0415
    from actors.runtime import get_dispatcher  # noqa: PLC0415

    longest = Longest()
    gevent.get_hub().loop.prepare(ref=False).start(longest.turn)
    gevent.spawn(longest.watch, gevent.sleep)
    gc.callbacks.append(longest.collection)

    class Echo(Socket):
        def handle_in(self, payload, opcode):
            if payload != "pause":
                return Reply(payload, opcode=opcode)
            return Reply(longest.take())

    class Work(Socket):
        """Makes 100,000 of something due at once, again and again."""

        def handle_in(self, payload, opcode):
            dispatcher = get_dispatcher()
            if payload == "timers":
                at = dispatcher.clock() + 0.3
                for count in range(TIMERS):
                    dispatcher.timers.call_at(at, int)
                    if count % 100 == 0:
                        gevent.sleep(0)
            else:
                pool = gevent.get_hub().threadpool
                pool.apply(lambda: [dispatcher.call_from_thread(int) for _ in range(TIMERS)])
            return Reply(payload, opcode=opcode)

    endpoint = Endpoint(check_origin=False)
    endpoint.socket("/echo", Echo, longpoll=True)
    endpoint.socket("/work", Work)
    endpoint.socket("/deflate", Echo, websocket={"compress": True})
    return endpoint


def frame(first, payload=b""):
    return bytes((first, 0x80 | len(payload))) + MASK + payload


def head(count=100):
    lines = "".join(f"x-{number}: y\r\n" for number in range(count - 1))
    return f"GET /nowhere HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()


def deflated(text):
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


LOADS = {
    "chunks": (CHUNKED, CHUNK),
    "compressed": ("deflate", frame(0xC1, deflated(b"x"))),
    "fragments": ("echo", frame(0x01) + frame(0x80)),
    "pings": ("echo", frame(0x89)),
    "tiny": ("echo", frame(0x81, b"x")),
    "heads": (b"", head()),
    "timers": ("work", frame(0x81, b"timers")),
    "threads": ("work", frame(0x81, b"threads")),
}


class Sender:
    """One connection that sends ``part`` for ever, or ``limit`` bytes of it, and reads."""

    def __init__(self, port, opening, part, limit=None):
        self.port, self.opening, self.part, self.limit = port, opening, part, limit
        self.block = part if len(part) > 20 and limit is None else part * (65536 // len(part))
        self.open()

    def open(self):
        if isinstance(self.opening, str):
            self.sock = connect(self.port, self.opening, deflate=self.opening == "deflate")
            self.rest = b""
        else:
            self.sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self.rest = self.opening
        self.sock.setblocking(False)
        self.left = self.limit

    def ready(self, events):
        """Do what is possible; return whether the connection is open."""
        try:
            if events & selectors.EVENT_READ and not self.sock.recv(1 << 18):
                return False
            if events & selectors.EVENT_WRITE:
                if not self.rest and self.left != 0:
                    self.rest = self.block[: self.left]
                sent = self.sock.send(self.rest)
                self.rest = self.rest[sent:]
                if self.left is not None:
                    self.left = max(0, self.left - sent)
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    @property
    def done(self):
        return self.left == 0 and not self.rest


def load(name, port, clients, seconds):
    """Send until the time is over; ``crowd``: once for each client."""
    selector = selectors.DefaultSelector()
    both = selectors.EVENT_READ | selectors.EVENT_WRITE
    crowd = name == "crowd"
    opening, part = LOADS["chunks" if crowd else name]
    senders = [
        Sender(port, opening, part, 300_000 if crowd else None)
        for _ in range(clients if crowd else 4)
    ]
    print("ready", flush=True)
    paced = name in ("timers", "threads")
    for sender in senders:
        selector.register(sender.sock, both, sender)
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        for key, events in selector.select(left):
            sender = key.data
            if not sender.ready(events):
                selector.unregister(sender.sock)
                sender.sock.close()
                if not crowd:
                    sender.open()
                    selector.register(sender.sock, both, sender)
            elif sender.done or paced:
                selector.modify(sender.sock, selectors.EVENT_READ, sender)
                if paced and events & selectors.EVENT_READ:
                    selector.modify(sender.sock, both, sender)


def echoes(sock, seconds):
    """Latencies in ms, one echo about every 5 ms; one that takes a minute is an error."""
    taken = []
    ends = time.monotonic() + seconds
    while (began := time.monotonic()) < ends:
        sock.sendall(TEXT)
        if sock.recv(100) != ANSWER:
            raise SystemExit("the neighbour was not answered")
        taken.append(1000 * (time.monotonic() - began))
        time.sleep(max(0.0, 0.005 - taken[-1] / 1000))
    return sorted(taken)


def pause(sock):
    sock.sendall(frame(0x81, b"pause"))
    return sock.recv(100)[2:].decode()


def workers(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return children.read().split()


def measure(name, options):
    with served("stall:endpoint", workers=1) as (port, pid):
        before = workers(pid)
        sock = connect(port, "echo")
        sock.settimeout(60)
        echoes(sock, 0.5)
        pause(sock)
        taken = []
        if name != "alone":
            arguments = [name, "--load", str(port), "--clients", str(options.clients)]
            process = subprocess.Popen(
                [sys.executable, __file__, *arguments, "--seconds", str(options.seconds)],
                stdout=subprocess.PIPE,
            )
            ready = process.stdout
            while not select.select([ready], [], [], 0)[0]:  # connecting is part of the load
                taken += echoes(sock, 0.1)
        taken = sorted(taken + echoes(sock, options.seconds))
        print(
            f"{name:<12}{len(taken):8}{taken[len(taken) // 2]:10.2f}"
            f"{taken[int(len(taken) * 0.99)]:10.2f}{taken[-1]:10.2f}{pause(sock)}",
            flush=True,
        )
        if name != "alone":
            process.wait(options.seconds + 60)
        if workers(pid) != before:
            raise SystemExit(f"{name}: the worker was ended")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = ["alone", "crowd", *LOADS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--clients", type=int, default=600)
    parser.add_argument("--load", type=int, help=argparse.SUPPRESS)  # the port, in the child
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"no such load: {', '.join(unknown)}; there are {', '.join(known)}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.load:
        load(options.names[0], options.load, options.clients, options.seconds)
        return
    print(
        f"{'ms':<12}{'echoes':>8}{'median':>10}{'p99':>10}{'longest':>10}"
        f"{'pause':>10}{'cpu':>10}{'gc':>10}"
    )
    for name in options.names or known:
        measure(name, options)


if __name__ == "__main__":
    main()
