"""Whatever comes, nothing raises, and what is visible is what is known."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.presence.entries import JOIN, Entry
from actors.presence.lifecycle import State
from actors.presence.site import Periods, Site
from tests.presence.test_replica import make

names = st.sampled_from(["m-1.0", "m-2.0", "m-3.0", "n-7.0", "n-7.1", "n-8.0", "n-7", "m-2", ""])
clocks = st.one_of(st.integers(0, 8), st.sampled_from([-1, 2**53, 2**53 + 1, 2**64 - 1, True, 1.0]))
tags = st.lists(clocks, max_size=4)
refs = st.sampled_from(["r", "s"])


@st.composite
def entries(draw: Any) -> list[Any]:
    ref = draw(refs)
    topic, key = draw(st.sampled_from("tu")), draw(st.sampled_from("kl"))
    return [draw(clocks), topic, key, ref, b'{"phx_ref":"%s"}' % ref.encode()]


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), st.binary()
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
adds = st.lists(entries(), max_size=4)
sorted_adds = adds.map(lambda found: sorted(found, key=lambda each: each[0]))
messages = st.one_of(
    anything,
    st.tuples(st.just("beat"), names, clocks),
    st.tuples(st.just("bye"), names, clocks),
    st.tuples(st.just("gone"), names),
    st.tuples(st.just("want"), names, names, clocks, clocks),
    st.tuples(st.just("delta"), names, clocks, clocks, sorted_adds, tags, tags),
    st.tuples(st.just("delta"), names, clocks, clocks, sorted_adds, st.just([]), st.just([])),
    st.tuples(st.just("page"), names, clocks, clocks, sorted_adds, st.booleans()),
    st.tuples(st.sampled_from(["delta", "page", "beat", "want"]), names, anything, anything),
)


def check(site: Site, seen: set[tuple[str, str, str]]) -> None:
    """What was told, what is visible and what is known are one; memory is that of what is known."""
    parts = [site._own.part]
    for member in site._members._known.values():
        part = member.view.part
        counted = [(e.topic, e.key) for e in part.entries.values()]
        assert {
            (topic, key): count for topic, keys in part.keys.items() for key, count in keys.items()
        } == {where: counted.count(where) for where in counted}
        if member.state is State.UP:
            parts.append(part)
    known = {entry[1:4] for part in parts for entry in part.entries.values()}
    assert seen == known
    assert known == {
        entry[1:4]
        for topic in site.index.topics()
        for metas in site.index.metas(topic).values()
        for entry in metas
    }
    hidden = sum(len(others) for others in site.index._hidden.values())
    assert hidden + len(known) == sum(len(part.entries) for part in parts)


@pytest.mark.slow
@pytest.mark.timeout(240)
@settings(max_examples=400, deadline=None, database=None)
@given(
    st.lists(st.tuples(messages, st.sampled_from([0.0, 0.0, 0.3, 1.0, 11.0, 70.0])), max_size=30)
)
def test_nothing_raises_and_what_is_shown_is_what_is_known(said: list[tuple[Any, float]]) -> None:
    site = Site("m-1", 0, Periods(), lambda: 0.5, 0.0)
    site.workers(["m-1", "m-2"], 0.0)
    site.add(1, "t", "k", make)
    now = 0.0
    seen: set[tuple[str, str, str]] = set()
    for message, passed in said:
        now += passed
        site.tick(now)
        plain = msgpack.unpackb(
            msgpack.packb(message, unicode_errors="surrogatepass"),
            unicode_errors="surrogatepass",
            strict_map_key=False,
        )
        assert site.heard(plain, now) in {True, False}
        for kind, entry in site.changes:
            assert type(entry) is Entry
            (seen.add if kind is JOIN else seen.remove)(entry[1:4])
        site.changes.clear()
        assert len(site.outbox) <= 8
        site.outbox.clear()
        check(site, seen)
