"""What workers count, added up: over restarts, kills, losses, and workers of other releases."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from actors.metrics.catalogue import CATALOGUE, MAX_ROWS, OTHER
from actors.packets import pack, unpack
from supervision.processes import snapshot, totals
from supervision.processes.totals import Totals, merge, read

MAILS = {"kind": "counter", "help": "Mails.", "labels": ["kind"], "merge": "sum", "buckets": []}
TEMPERATURE = {**MAILS, "kind": "gauge", "labels": [], "merge": "max"}
SIZES = {**MAILS, "kind": "histogram", "labels": [], "buckets": [1.0, 10.0]}


def said(messages: float = 0, *, final: bool = False, **more: Any) -> dict[str, Any]:
    series = {"messages_total": [[["in"], messages]], **more.pop("series", {})}
    return {"series": series, "declared": more.pop("declared", {}), "final": final, **more}


def of(merged: dict[str, Any], name: str) -> dict[tuple[str, ...], Any]:
    return {tuple(labels): value for labels, value in merged["series"].get(name, [])}


def messages(book: Totals) -> float:
    return of(book.merged(), "messages_total").get(("in",), 0)


# -- live and retired


def test_a_worker_that_never_said_what_it_counted_is_missed_once_where_it_served():
    book = Totals()
    book.retire("never ready", served=False)
    assert book.missed == 0
    book.retire("never heard", served=True)
    book.retire("never heard", served=True)
    assert book.missed == 1


def test_counters_of_live_and_ended_workers_are_added():
    book = Totals()
    book.heard("a", said(3))
    book.heard("b", said(4))
    assert messages(book) == 7
    book.heard("a", said(5, final=True))
    book.retire("a", served=True)
    assert messages(book) == 9
    assert book.of("a") is None
    assert book.of("b")["series"] == {"messages_total": [[["in"], 4]]}
    assert book.retired()["series"] == {"messages_total": [[["in"], 5]]}
    assert book.missed == 0


def test_a_worker_that_ends_without_a_last_beat_is_missed_once():
    book = Totals()
    book.heard("a", said(3))
    book.retire("a", served=True)
    book.retire("a", served=True)
    assert book.missed == 1
    assert messages(book) == 3


def test_a_worker_that_has_ended_is_not_counted_again():
    book = Totals()
    book.heard("a", said(3))
    book.retire("a", served=True)
    assert book.heard("a", said(3)) == ["a counts although it has ended"]
    assert book.heard("a", said(3)) == []
    assert messages(book) == 3


def test_gauges_are_those_of_live_workers_alone():
    book = Totals()
    gauges = {"actors": [[["1"], 4]], "mailbox_max": [[[], 9]]}
    book.heard("a", said(series=gauges))
    book.heard("b", said(series={"actors": [[["1"], 5]], "mailbox_max": [[[], 2]]}))
    assert of(book.merged(), "actors") == {("1",): 9}
    assert of(book.merged(), "mailbox_max") == {(): 9}
    book.retire("a", served=True)
    assert of(book.merged(), "actors") == {("1",): 5}
    assert of(book.merged(), "mailbox_max") == {(): 2}


def test_histograms_are_added_bucket_by_bucket():
    book = Totals()
    for name in "ab":
        book.heard(name, said(declared={"sizes": SIZES}, series={"sizes": [[[], [1, 2, 3, 9.5]]]}))
    book.retire("a", served=True)
    assert of(book.merged(), "sizes") == {(): [2, 4, 6, 19.0]}


def test_a_counter_that_fell_is_told_once_and_the_larger_value_kept():
    book = Totals()
    book.heard("a", said(5))
    assert book.heard("a", said(4)) == ["messages_total of a fell: the larger value is kept"]
    assert book.heard("a", said(3)) == []
    assert messages(book) == 5


def test_a_histogram_that_fell_is_kept_but_its_sum_may_fall():
    book = Totals()
    declared = {"sizes": SIZES}
    book.heard("a", said(declared=declared, series={"sizes": [[[], [1, 2, 3, 9.0]]]}))
    fell = book.heard("a", said(declared=declared, series={"sizes": [[[], [1, 1, 4, 9.0]]]}))
    assert fell == ["sizes of a fell: the larger value is kept"]
    book.heard("a", said(declared=declared, series={"sizes": [[[], [1, 3, 3, 4.0]]]}))
    assert of(book.merged(), "sizes") == {(): [1, 3, 3, 4.0]}


def test_what_a_worker_says_no_more_is_kept_unless_it_is_a_gauge():
    book = Totals()
    declared = {"mails_total": MAILS, "warmth": TEMPERATURE}
    series = {"mails_total": [[["x"], 2]], "warmth": [[[], 20.5]]}
    book.heard("a", said(1, declared=declared, series=series))
    assert book.heard("a", {}) == []
    assert messages(book) == 1
    assert of(book.merged(), "mails_total") == {("x",): 2}
    assert of(book.merged(), "warmth") == {}


def test_complaints_are_bounded(monkeypatch):
    monkeypatch.setattr(totals, "MAX_NAMES", 0)
    book = Totals()
    book.heard("a", said(5))
    assert book.heard("a", said(4)) == []


# -- metrics of the application


def test_declarations_that_differ_are_those_of_the_worker_that_came_last():
    book = Totals()
    by_kind = said(declared={"mails_total": MAILS}, series={"mails_total": [[["x"], 1]]})
    plain = {**MAILS, "labels": []}
    without = said(declared={"mails_total": plain}, series={"mails_total": [[[], 5]]})
    book.heard("old", by_kind)
    book.heard("new", without)
    assert of(book.merged(), "mails_total") == {(): 5}
    assert book.merged()["declared"]["mails_total"]["labels"] == []
    book.retire("new", served=True)
    book.retire("old", served=True)
    assert of(book.merged(), "mails_total") == {(): 5}
    book.heard("newest", by_kind)
    book.retire("newest", served=True)
    assert of(book.merged(), "mails_total") == {("x",): 1}


def test_a_worker_that_declares_anew_is_believed():
    book = Totals()
    book.heard("a", said(declared={"m": TEMPERATURE}, series={"m": [[[], 5]]}))
    book.heard("a", said(declared={"m": MAILS}, series={"m": [[["x"], 5]]}))
    assert of(book.merged(), "m") == {("x",): 5}
    book.heard("a", said(declared={"m": SIZES}, series={"m": [[[], [0, 0, 1, 20]]]}))
    assert of(book.merged(), "m") == {(): [0, 0, 1, 20]}


def test_series_of_ended_workers_are_bounded_and_the_sum_stays(monkeypatch):
    monkeypatch.setattr(totals, "MAX_ROWS", 3)
    book = Totals()
    for number in range(10):
        rows = {"mails_total": [[[f"kind {number}"], 1]]}
        book.heard(str(number), said(declared={"mails_total": MAILS}, series=rows))
        book.retire(str(number), served=True)
    kept = of(book.merged(), "mails_total")
    assert len(kept) == 4
    assert kept[OTHER,] == 7
    assert sum(kept.values()) == 10


def test_rows_of_a_live_worker_are_bounded(monkeypatch):
    monkeypatch.setattr(totals, "MAX_ROWS", 3)
    book = Totals()
    for number in range(5):
        rows = {"mails_total": [[[str(place)], 1] for place in range(number, number + 9)]}
        book.heard("a", said(declared={"mails_total": MAILS}, series=rows))
    assert len(of(book.merged(), "mails_total")) == 3


def test_names_of_applications_are_bounded(monkeypatch):
    monkeypatch.setattr(totals, "MAX_NAMES", 2)
    book = Totals()
    for number in range(5):
        declared = {f"m{number}_{place}": TEMPERATURE | {"kind": "counter"} for place in range(3)}
        series = {name: [[[], 1]] for name in declared}
        book.heard(str(number), said(declared=declared, series=series))
        book.heard(str(number), said(declared={"else": TEMPERATURE, "more": TEMPERATURE}))
        assert len(book.of(str(number))["declared"]) == 2
        book.heard(str(number), said(declared=declared, series=series))
        book.retire(str(number), served=True)
    assert len(book.retired()["declared"]) == 2


# -- other releases, and nonsense


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {"series": 1, "declared": 1},
        {"series": {"messages_total": 7}},
        {"series": {"messages_total": [7, [["in"]], [["in"], 1, 2], [7, 1], [[7], 1]]}},
        {"series": {"messages_total": [[["in"], "1"], [["in"], True], [["in"], -1]]}},
        {"series": {"messages_total": [[["in"], math.nan], [["in"], math.inf], [["in"], 2**63]]}},
        {"series": {"messages_total": [[["in", "out"], 1], [[], 1], [["x" * 2000], 1]]}},
        {"series": {"of_the_next_release": [[[], 1]]}},
        {"series": {"workers": [[["ready"], 1]]}},  # the master's own
        {"series": {"turn_duration_seconds": [[[], 1], [[], [1, 2]], [[], [-1] * 26]]}},
        {"series": {b"bytes": [[[], 1]], "x" * 2000: []}},
    ],
)
def test_what_is_ill_formed_or_unknown_is_passed_over(given):
    assert sum(map(len, read(given).series.values())) == 0


@pytest.mark.parametrize(
    "declared",
    [
        None,
        {**MAILS, "kind": "summary"},
        {**MAILS, "kind": []},
        {**MAILS, "merge": "last"},
        {**MAILS, "help": None},
        {**MAILS, "help": "x" * 2000},
        {**MAILS, "labels": "kind"},
        {**MAILS, "labels": [1]},
        {**MAILS, "labels": ["x"] * 17},
        {**MAILS, "buckets": 1},
        {**MAILS, "buckets": [1.0]},
        {**SIZES, "buckets": []},
        {**SIZES, "buckets": [2.0, 1.0]},
        {**SIZES, "buckets": [1.0, 1.0]},
        {**SIZES, "buckets": ["1"]},
        {**SIZES, "buckets": list(range(201))},
    ],
)
def test_a_declaration_that_is_not_understood_is_passed_over(declared):
    counts = read({"declared": {"m": declared}, "series": {"m": [[["x"], 1], [[], 1]]}})
    assert counts.declared == {}
    assert counts.series == {}


def test_a_metric_of_ours_is_not_declared_anew():
    counts = read(said(5, declared={"messages_total": TEMPERATURE}))
    assert counts.declared == {}
    assert counts.series == {"messages_total": {("in",): 5}}


def test_merging_what_travelled_is_merging():
    book = Totals()
    declared = {"mails_total": MAILS, "sizes": SIZES, "warmth": TEMPERATURE}
    series = {
        "mails_total": [[["x"], 2]],
        "sizes": [[[], [1, 2, 3, 9.5]]],
        "warmth": [[[], -3.5]],
        "turn_duration_seconds": [[[], [1] * 26]],
    }
    for name in "abc":
        book.heard(name, said(4, declared=declared, series=series))
    book.retire("a", served=True)
    shipped = unpack(pack([book.retired(), book.of("b"), book.of("c")]))
    assert merge(shipped[0], shipped[1:]) == book.merged()
    assert unpack(pack(book.merged())) == book.merged()


def test_sums_that_no_integer_of_64_bits_holds_still_travel():
    book = Totals()
    for number in range(9):
        book.heard(str(number), said(2**62 - 1))
        book.retire(str(number), served=True)
    shipped = unpack(pack(book.retired()))
    assert of(merge(shipped, []), "messages_total")["in",] == pytest.approx(9 * 2**62)


# -- a model: the sum over all that happens


@st.composite
def histories(draw):
    """Yield what happens to workers: they count, say so, lose beats, end orderly or are killed."""
    deed = st.sampled_from(["count", "beat", "lose", "end", "kill", "start"])
    amount = st.integers(0, 2**40)
    return draw(st.lists(st.tuples(deed, st.integers(0, 3), amount), max_size=60))


@given(histories())
@settings(max_examples=300, deadline=None)
def test_sums_never_fall_and_lose_at_most_what_was_not_said(history):
    book = Totals()
    live: dict[str, list[int]] = {}  # what each has counted, and has said of it
    counted = lost = shown = names = 0
    for deed, place, amount in history:
        if deed == "start" or not live:
            names += 1
            live[f"w{names}"] = [0, 0]
            continue
        name = sorted(live)[place % len(live)]
        counts = live[name]
        if deed == "count":
            counts[0] += amount
            counted += amount
        elif deed == "beat":
            counts[1] = counts[0]
            assert book.heard(name, said(counts[0])) == []
        elif deed in {"end", "kill"}:
            if deed == "end":
                counts[1] = counts[0]
                book.heard(name, said(counts[0], final=True))
            book.retire(name, served=True)
            lost += counts[0] - counts[1]
            del live[name]
        assert messages(book) >= shown
        shown = messages(book)
    unsaid = sum(counts - told for counts, told in live.values())
    assert shown == counted - lost - unsaid


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["series", "declared", "m", "messages_total",
                                               "kind", "labels", "help", "buckets", "merge"]),
                              inner, max_size=5)
        ),
        max_leaves=30,
    )
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_nothing_that_a_worker_says_raises(given):
    book = Totals()
    book.heard("a", said(1))
    book.heard("a", given)
    book.retire("a", served=True)
    pack(book.merged())
    assert messages(book) >= 1


# -- the snapshot


def shot(**changed: Any) -> dict[str, Any]:
    used = {
        "process_cpu_seconds_total": [[["1"], 1.5]],
        "process_resident_memory_bytes": [[["1"], 2**20]],
    }
    rows = [
        snapshot.worker(slot=1, name="a-1", pid=7, state="ready", age=9.0, beat_age=0.5,
                        totals=said(3, series=used)),
        snapshot.worker(slot=1, name="a-2", pid=8, state="stopping", age=9.0, beat_age=0.75,
                        totals=None),
        snapshot.worker(slot=2, name="a-3", pid=9, state="starting", age=0.1, beat_age=None,
                        totals=None),
    ]  # fmt: skip
    return snapshot.snapshot(**{
        "at": 1.0, "state": "serving", "ready": 1, "wanted": 2, "served": True, "reloading": True,
        "reload": None,
        "workers": rows, "retired": said(4), "restarts": 5, "missed": 6,
        "master": {"pid": 1, "rss": 2**21, "cpu": 0.25, "fds": None}, **changed,
    })  # fmt: skip


def test_a_snapshot_says_what_processes_use():
    first, second, _ = shot()["workers"]
    assert (first["cpu"], first["rss"], first["fds"]) == (1.5, 2**20, None)
    assert (second["cpu"], second["rss"], second["fds"]) == (None, None, None)


def test_the_totals_of_a_snapshot_are_those_of_all_and_of_the_master():
    whole = snapshot.totals_of(unpack(pack(shot())), age=0.25)
    assert of(whole, "messages_total") == {("in",): 7}
    assert of(whole, "workers") == {("starting",): 1, ("ready",): 1, ("stopping",): 1}
    assert of(whole, "workers_wanted") == {(): 2}
    assert of(whole, "worker_restarts_total") == {(): 5}
    assert of(whole, "worker_beats_missed_total") == {(): 6}
    assert of(whole, "worker_beat_age_seconds") == {("1",): 0.75}
    assert of(whole, "snapshot_age_seconds") == {(): 0.25}
    assert of(whole, "master_resident_memory_bytes") == {(): 2**21}
    assert of(whole, "master_cpu_seconds_total") == {(): 0.25}
    assert of(whole, "master_open_fds") == {}


def test_each_metric_of_the_master_is_in_the_snapshot():
    full = shot(master={"pid": 1, "rss": 1, "cpu": 1.0, "fds": 3})
    whole = snapshot.totals_of(full, age=0.0)
    masters = {metric.name for metric in CATALOGUE.values() if metric.source == "master"}
    assert masters == masters & whole["series"].keys()
    for name in masters:
        for labels in of(whole, name):
            assert len(labels) == len(CATALOGUE[name].labels)


# -- the catalogue


def test_the_catalogue_keeps_to_the_rules_of_names():
    assert MAX_ROWS > 0
    for name, metric in CATALOGUE.items():
        assert metric.name == name
        assert name.endswith("_total") is (metric.kind == "counter")
        assert bool(metric.buckets) is (metric.kind == "histogram")
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert metric.help.endswith(".")
        assert not {"le", "quantile"} & set(metric.labels)
        assert set(metric.values or ()) <= set(metric.labels)
