"""What a burst of broadcasts costs the other worker: what arrives, and its longest pause.

    python benchmarks/bursts.py [--subscribers 4] [--megabytes 30]

Two workers (``python -m actors.endpoint bursts:endpoint``), default options. A callback in one of
them broadcasts in a loop without a pause; the subscribers are all in the other. For each size of
message it prints how many got everything, in how many seconds, and the longest time in which a
greenlet of the receiving worker that sleeps for 1 ms was not resumed; beside it the longest in CPU
time, which does not grow where other processes take the machine's cores.
"""

import argparse
import selectors
import time

from isolation import connect
from served import served

SIZES = ((10, 5_000), (10, 20_000), (1_000, None), (16_384, None), (65_536, None))


def __getattr__(name):
    """Return ``endpoint`` where the server asks for it: a client needs nothing of it."""
    if name != "endpoint":
        raise AttributeError(name)
    import os  # noqa: PLC0415

    import gevent  # noqa: PLC0415

    from actors import Endpoint, Push, Reply, Socket, pubsub  # noqa: PLC0415

    longest = [0.0, 0.0]

    def watch():
        last, used = time.monotonic(), time.thread_time()
        while True:
            gevent.sleep(0.001)
            now, using = time.monotonic(), time.thread_time()
            longest[:] = max(longest[0], now - last - 0.001), max(longest[1], using - used)
            last, used = now, using

    class Room(Socket):
        def handle_in(self, payload, opcode):
            del opcode
            what, *numbers = payload.split()
            if what == "hear":
                pubsub.subscribe(self, "room")
            elif what == "flood":
                size, count = map(int, numbers)
                for _ in range(count):
                    pubsub.broadcast("room", "x" * size)
            elif what == "longest":
                found, longest[:] = " ".join(map(str, longest)), (0.0, 0.0)
                return Reply(found)
            return Reply(str(os.getpid()))

        def handle_info(self, message):
            return Push(message)

    gevent.spawn(watch)
    endpoint = Endpoint(check_origin=False)
    endpoint.socket("/room", Room)
    return endpoint


def ask(sock, text):
    data = text.encode()
    sock.sendall(bytes((0x81, 0x80 | len(data))) + bytes(4) + data)
    head = sock.recv(2)
    answer = b""
    while len(answer) < head[1]:
        answer += sock.recv(head[1] - len(answer))
    return answer.decode()


def framed(size):
    """Return the bytes of a message as a client gets it."""
    return size + (2 if size < 126 else 4 if size < 65_536 else 10)


def read(socks, size, seconds=60.0):
    """Read until each has got ``size`` bytes or is closed; return how many got them."""
    left = dict.fromkeys(socks, size)
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            selector.register(sock, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(1.0):
                data = key.fileobj.recv(1 << 20)
                left[key.fileobj] -= len(data)
                if not data or left[key.fileobj] <= 0:
                    selector.unregister(key.fileobj)
    return sum(each == 0 for each in left.values())


def room(port, subscribers):
    """Return the publisher's connection, and those of as many subscribers in the other worker."""
    publisher = connect(port, "room")
    here = ask(publisher, "who")
    found = []
    until = time.monotonic() + 20
    while time.monotonic() < until:
        sock = connect(port, "room")
        if ask(sock, "who") == here:
            time.sleep(0.01)  # the other one may still be starting
            continue
        found.append(sock)
        ask(sock, "hear")
        if len(found) == subscribers:
            return publisher, found
    raise SystemExit("the other worker accepts nobody")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=4)
    parser.add_argument("--megabytes", type=int, default=30)
    given = parser.parse_args()
    names = f"{'bytes':>8}{'messages':>10}{'got all':>10}{'seconds':>10}"
    print(f"{names}{'longest pause, ms':>20}{'its CPU, ms':>12}")
    for size, count in SIZES:
        messages = count or given.megabytes * 1_000_000 // size
        with served("bursts:endpoint", workers=2) as (port, _):
            publisher, subscribers = room(port, given.subscribers)
            other = connect(port, "room")
            while ask(other, "who") == ask(publisher, "who"):
                other = connect(port, "room")
            ask(other, "longest")
            began = time.monotonic()
            text = f"flood {size} {messages}".encode()
            publisher.sendall(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)
            whole = read(subscribers, messages * framed(size))
            took = time.monotonic() - began
            pause, used = (1000 * float(each) for each in ask(other, "longest").split())
        got = f"{whole} of {given.subscribers}"
        print(
            f"{size:>8}{messages:>10}{got:>10}{took:>10.2f}{pause:>20.1f}{used:>12.1f}", flush=True
        )


if __name__ == "__main__":
    main()
