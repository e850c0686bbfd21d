"""What a process counts of Roost's own metrics, and how a connection's end is called."""

from __future__ import annotations

import pytest

from actors.errors import ProtocolError
from actors.metrics.catalogue import CATALOGUE, ENDS, MAX_ROWS, MAX_ZEROS, OTHER, REASONS
from actors.metrics.counts import Counts
from actors.metrics.histogram import Histogram
from actors.metrics.traffic import NOTHING, Traffic
from actors.metrics.words import code_word, reason_word
from actors.reasons import CLOSED, KILLED, NORMAL, SHUTDOWN, Closed, Crash, Failure, Shutdown
from supervision.processes.totals import read
from transports.closing import close_frame


def test_counts_are_what_a_master_understands():
    counts = Counts()
    counts.add("messages_total", "in")
    counts.add("messages_total", "in", by=4)
    assert (counts.sum_of("messages_total"), counts.sum_of("actors")) == (5, 0)
    counts.put("actors", 7, "1")
    counts.put("actors", 6, "1")
    counts.observe("turn_duration_seconds", 1.5e-6)
    counts.observe("turn_duration_seconds", 100.0)
    found = read({"series": counts.series()}).series
    assert found["messages_total"] == {("in",): 5}
    assert found["actors"] == {("1",): 6}
    (value,) = found["turn_duration_seconds"].values()
    assert value == [0, 1, *[0] * 22, 1, 100.0000015]


@pytest.mark.parametrize(("rows", "others"), [(MAX_ROWS - 1, 0), (MAX_ROWS, 0), (MAX_ROWS + 2, 2)])
def test_rows_beyond_the_bound_are_counted_as_other(rows, others):
    counts = Counts()
    for number in range(rows):
        counts.add("connections_closed_total", str(number), "normal")
        counts.observe("channel_in_duration_seconds", 1.0, str(number))
    counts.add("connections_closed_total", "0", "normal")
    found = read({"series": counts.series()}).series
    assert found["connections_closed_total"].get((OTHER, OTHER), 0) == others
    assert sum(found["connections_closed_total"].values()) == rows + 1
    in_others = found["channel_in_duration_seconds"].get((OTHER,), [0])
    assert sum(in_others[:-1]) == others


@pytest.mark.parametrize(("rows", "zeros"), [(0, 0), (3, 3), (MAX_ZEROS + 1, MAX_ZEROS)])
def test_rows_that_are_known_begin_at_zero_and_leave_room_for_others(rows, zeros):
    counts = Counts()
    counts.begin("crashes_total", [(str(number),) for number in range(rows)])
    found = read({"series": counts.series()}).series
    assert found["crashes_total"] == {(str(number),): 0 for number in range(zeros)}
    counts.add("crashes_total", "0")
    counts.begin("crashes_total", [("0",)])
    counts.add("crashes_total", "another")
    found = read({"series": counts.series()}).series
    assert found["crashes_total"]["0",] == found["crashes_total"]["another",] == 1


def test_a_bound_is_in_its_bucket():
    histogram = Histogram((1.0, 2.0))
    for value in (-1, 1, 1.1, 2, 2.1):
        histogram.observe(value)
    assert histogram.value() == [2, 2, 1, pytest.approx(5.2)]


class Carried:
    def __init__(self) -> None:
        self.bytes_in = self.bytes_out = self.messages_in = self.messages_out = 0
        self.told = NOTHING


def test_what_a_connection_carries_is_added_once():
    traffic, carried = Traffic(), Carried()
    traffic.fold(carried)
    carried.bytes_in, carried.messages_in = 100, 2
    traffic.fold(carried)
    traffic.fold(carried)
    carried.bytes_out, carried.messages_out, carried.bytes_in = 30, 1, 101
    traffic.fold(carried)
    assert (traffic.bytes_in, traffic.messages_in) == (101, 2)
    assert (traffic.bytes_out, traffic.messages_out) == (30, 1)
    assert carried.bytes_in == 101


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (NORMAL, "normal"),
        (CLOSED, "lost"),
        (Closed(1001), "client"),
        (SHUTDOWN, "shutdown"),
        (Shutdown("restart"), "restart"),
        (Shutdown("draining"), "restart"),
        (Shutdown("an application's own"), "shutdown"),
        (KILLED, "killed"),
        (Crash(ValueError()), "crash"),
        (Failure(ProtocolError(1002, "words")), "protocol_error"),
        (Failure("words"), "failure"),
        *[(Shutdown(word), word) for word in ("timeout", "overflow", "slow_consumer", "flood")],
    ],
)
def test_an_end_has_one_of_few_names(reason, word):
    assert reason_word(reason) == word
    assert word in REASONS


@pytest.mark.parametrize(
    "reason",
    [
        NORMAL, CLOSED, Closed(1000), Closed(1001), SHUTDOWN, Shutdown("draining"), KILLED,
        Crash(ValueError()), Failure("words"),
        *[Failure(ProtocolError(code, "words")) for code in (1002, 1007, 1009)],
        *[
            Shutdown(word)
            for word in ("timeout", "overflow", "slow_consumer", "flood", "message_timeout")
        ],
    ],
)  # fmt: skip
def test_ends_that_are_to_be_expected_have_rows_from_the_start(reason):
    sent = close_frame(reason)
    code = reason.code if isinstance(reason, Closed) else sent and sent[0]
    assert (code_word(code), reason_word(reason)) in ENDS


def test_each_reason_has_a_row_from_the_start():
    assert {reason for _, reason in ENDS} == set(REASONS)
    assert len(set(ENDS)) == len(ENDS) < MAX_ZEROS


def test_a_close_code_is_its_number():
    assert code_word(1000) == "1000"
    assert code_word(None) == "none"
    assert CATALOGUE["connections_closed_total"].labels == ("code", "reason")
