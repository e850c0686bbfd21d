"""What a broadcast costs that goes to other machines by Redis.

    python benchmarks/machines.py [--count 20000] [--rounds 5] [--size 64]

Two processes stand for two machines: one publishes, one receives, a redis-server of the benchmark's
own is between them. Printed are medians of the rounds, in microseconds of CPU time per message: the
publisher's at 1,000 messages a second one by one, and as fast as it can in turns of ten; what that
costs without Redis; and the receiver's.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gevent

from actors.pubsub import PubSub
from actors.pubsub.redis.adapter import Redis
from actors.redis_options import RedisOptions
from actors.runtime import Actor

BATCHES = {"turns of ten": (10, 0.0), "1,000 a second, one by one": (1, 0.001)}


def linked(url, worker):
    """Return a pubsub that Redis links, and the adapter."""
    pubsub = PubSub()
    redis = Redis(RedisOptions(url=url), pubsub, worker)
    redis.start()
    assert redis.wait_linked(5.0), redis.cause
    pubsub.attach(redis)
    return pubsub, redis


def publish(pubsub, payload, count, batch, pause):
    """Return the CPU time per message, in microseconds."""
    began = time.process_time()
    for _ in range(count // batch):
        for _ in range(batch):
            pubsub.broadcast_event("room:1", "said", payload)
        gevent.sleep(pause)
    return (time.process_time() - began) * 1e6 / count


def publisher(given):
    """Publish; print a line for each figure."""
    pubsub, redis = linked(given.url, "aaaa-1")
    payload = {"body": "x" * given.size}
    unlinked = PubSub()
    unlinked.serves = True
    for what, how in BATCHES.items():
        alone, found = [], []
        for _ in range(given.rounds):
            alone.append(publish(unlinked, payload, given.count, *how))
            found.append(publish(pubsub, payload, given.count, *how))
        told = f"{statistics.median(found):.1f}, without Redis {statistics.median(alone):.1f}"
        print(f"{what}: {told}", flush=True)
    print("done", flush=True)
    sys.stdin.read()
    redis.close()


class Listener(Actor):
    """Counts what comes."""

    count = 0

    def on_receive(self, message):  # noqa: ARG002 - that it comes is enough
        self.count += 1


def receiver(given):
    """Receive until standard input ends; print the CPU time per message, and how many came."""
    pubsub, redis = linked(given.url, "bbbb-1")
    listener = Listener.start()
    pubsub.subscribe(listener, "room:1")
    print("ready", flush=True)
    began = time.process_time()
    gevent.get_hub().threadpool.apply(sys.stdin.read)
    count = listener.actor_inbox.actor.count
    used = (time.process_time() - began) * 1e6 / count
    print(f"receiver: {used:.1f} over all, {count} messages", flush=True)
    redis.close()


def child(role, *arguments):
    """Start a part as a process."""
    command = [sys.executable, __file__, "--role", role, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def between(given):
    """Run both parts and the Redis between them."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "r")
        command = ["redis-server", "--port", "0", "--unixsocket", path, "--save", ""]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not path.exists():
                time.sleep(0.01)
            url = f"unix://{path}"
            listening = child("receiver", "--url", url)
            assert listening.stdout.readline() == "ready\n"
            publishing = child(
                "publisher", "--url", url, "--count", given.count, "--size", given.size,
                "--rounds", given.rounds,
            )  # fmt: skip
            while (line := publishing.stdout.readline()) not in ("done\n", ""):
                print(f"publisher, {line}", end="")
            print(listening.communicate(timeout=60)[0], end="")
            publishing.communicate(timeout=60)
        finally:
            server.kill()
            server.wait()


def main():
    """Run the benchmark, or one part of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--role", choices=["publisher", "receiver"])
    parser.add_argument("--url")
    given = parser.parse_args()
    if given.role == "publisher":
        publisher(given)
    elif given.role == "receiver":
        receiver(given)
    else:
        between(given)


if __name__ == "__main__":
    main()
