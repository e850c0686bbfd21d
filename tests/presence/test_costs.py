"""What 35,000 entries of another worker cost, in memory and in time.

Times are of the least of some rounds, and bounds are several times what an idle machine takes: they
find what is no longer linear.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections.abc import Iterator

import msgpack
import pytest

from actors.presence.site import Periods, Site

COUNT = 35_000
SLOW = 4.0
"""By which a busy machine may be slower."""

timed = pytest.mark.skipif(sys.gettrace() is not None, reason="coverage takes longer than the code")


def make(ref: str) -> bytes:
    return b'{"online_at":1732752000,"phx_ref":"%s"}' % ref.encode()


def begin(worker: str) -> Site:
    return Site(worker, 0, Periods(), lambda: 0.5, 0.0)


def crowd(count: int = COUNT) -> Site:
    """A site with so many of its own, which others have been told."""
    site = begin("m-1")
    for owner in range(count):
        site.add(owner, "room:lobby", f"user:{owner}", make)
    site.tick(0.0)
    for results in (site.outbox, site.changes):
        results.clear()
    return site


def pages(owner: Site) -> Iterator[object]:
    """Ask for each page, as one does who has nothing; yield them as they come over a wire."""
    clock = after = 0
    more = True
    while more:
        now = owner.due() + clock
        owner.heard(["want", "n-7.0", owner.name, clock, after], now)
        packed = msgpack.packb(owner.outbox[-1][1])
        owner.outbox.clear()
        page = msgpack.unpackb(packed)
        yield page
        clock, after, more = page[2], page[4][-1][0], page[5]


@pytest.fixture
def collected() -> Iterator[None]:
    """Without the collector's own time, which depends on what else there is."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def best(rounds: int, work) -> float:
    """Seconds of CPU that the quickest of ``rounds`` took."""
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)


@pytest.mark.slow
def test_a_foreign_entry_takes_600_bytes_at_most():
    owner, viewer = crowd(), begin("n-7")
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for page in pages(owner):
        viewer.heard(page, 0.0)
    viewer.changes.clear()
    viewer.outbox.clear()
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert viewer.index.keys("room:lobby") == COUNT
    assert used / COUNT <= 600


def test_no_page_is_longer_than_256_kib():
    sizes = [len(msgpack.packb(page)) for page in pages(crowd())]
    assert max(sizes) <= 262_144 + 100
    assert len(sizes) >= 10


@pytest.mark.slow
@timed
@pytest.mark.usefixtures("collected")
def test_a_transfer_of_35000_is_quick():
    owner = crowd()
    own = owner._own
    found = [*pages(owner)]
    making = best(3, lambda: [own.page(own.clock, page[3], 262_144) for page in found])
    merging = best(3, lambda: [site.heard(page, 0.0) for site in [begin("n-7")] for page in found])
    assert making + merging <= 0.1 * SLOW


@pytest.mark.slow
@timed
@pytest.mark.usefixtures("collected")
def test_an_add_is_quick():
    each = best(3, lambda: crowd(10_000)) / 10_000
    assert each <= 7e-6 * SLOW


@pytest.mark.slow
@timed
@pytest.mark.usefixtures("collected")
def test_a_delta_costs_what_is_in_it():
    """Ten times the entries, and ten times the size of the set: ten times the time, and no more."""
    owner, viewer = crowd(), begin("n-7")
    for page in pages(owner):
        viewer.heard(page, 0.0)
    numbers = iter(range(10**6))

    def change(count: int) -> None:
        for _ in range(count):
            owner.add(10**6, "room:lobby", f"new:{next(numbers)}", make)
        owner.tell()
        for _, message in owner.outbox:
            viewer.heard(message, 0.0)
        owner.outbox.clear()

    few, many = best(5, lambda: change(100)), best(5, lambda: change(1000))
    assert many <= 10 * few * SLOW
    assert viewer.index.keys("room:lobby") == owner.index.keys("room:lobby")
