"""What 35,000 entries of another worker cost in memory; benchmarks/presence.py measures time."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import msgpack
import pytest

from actors.presence.site import Periods, Site

COUNT = 35_000


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
