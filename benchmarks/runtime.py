"""What an actor costs: start, stop, tell and ask, in microseconds of CPU time.

    python -m benchmarks.runtime

Start and stop are measured on top of a population of live actors, whose size must not matter.
Each figure is the best of several rounds: what else the machine does only adds.
"""

import gc
import time

from actors.runtime import registry
from actors.runtime.actor import Actor

POPULATIONS = (100, 1_000, 10_000, 20_000)
ACTORS = 2_000
MESSAGES = 20_000
ROUNDS = 5


class Counter(Actor):
    count = 0

    def on_receive(self, message):  # noqa: ARG002 - the hook's shape
        self.count += 1
        return self.count


def best(measure, count):
    """The least CPU time of one of ``count`` operations; ``measure`` runs them and answers it."""
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        times.append(measure())
    return 1e6 * min(times) / count


def start_and_stop():
    """Return (start, stop) with the present population: ``stop`` asks and waits for the answer."""
    stops = []

    def measure():
        began = time.process_time()
        refs = [Counter.start() for _ in range(ACTORS)]
        started = time.process_time()
        for ref in refs:
            ref.stop()
        stops.append(time.process_time() - started)
        return started - began

    start = best(measure, ACTORS)
    return start, 1e6 * min(stops) / ACTORS


def tell(ref):
    """Messages into a mailbox, and through the actor; the last is asked, to see the end."""
    began = time.process_time()
    for _ in range(MESSAGES // 1000):  # a mailbox is bounded
        for _ in range(999):
            ref.tell(1)
        ref.ask(1)
    return time.process_time() - began


def ask(ref):
    """One at a time: to the actor and back, with two switches between greenlets."""
    began = time.process_time()
    for _ in range(MESSAGES):
        ref.ask(1)
    return time.process_time() - began


def main():
    print(f"{'live actors':>12} {'start, us':>10} {'stop, us':>10}")
    population = []
    for size in POPULATIONS:
        population += [Counter.start() for _ in range(size - len(population))]
        start, stop = start_and_stop()
        print(f"{registry.count():>12,} {start:>10.1f} {stop:>10.1f}", flush=True)
    ref = population[0]
    print(f"tell {best(lambda: tell(ref), MESSAGES):.2f} us, handled")
    print(f"ask  {best(lambda: ask(ref), MESSAGES):.2f} us, answered")
    registry.stop_all()


if __name__ == "__main__":
    main()
