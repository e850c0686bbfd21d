"""A client's connection and channels without I/O: each step, on a clock that the test moves."""

from __future__ import annotations

import pytest

from actors.client.channels.lifecycle import State as ChannelState
from actors.client.effects import (
    Closed,
    Connect,
    Delivered,
    Disconnect,
    Ended,
    Errored,
    Failed,
    Joined,
    Opened,
    Settled,
)
from actors.client.lifecycle import State
from actors.client.messages import Message
from actors.errors import BufferFull, ClientError, NotJoined, ReplyLost, ReplyTimeout
from actors.results import Error, Ok, Reply
from tests.client.driver import Driver

TOPIC = "room:1"


@pytest.fixture
def driver() -> Driver:
    """One whose connection is open, and that sends no heartbeats."""
    made = Driver(heartbeat=None)
    made.open()
    return made


# -- the connection


def test_it_connects_and_opens():
    driver = Driver()
    driver.session.connect()
    assert driver.run() == [Connect(1)]
    driver.session.opened(1)
    assert driver.run() == [Opened()]
    assert driver.session.state is State.OPEN
    driver.session.connect()
    assert driver.run() == []


def test_connecting_twice_is_connecting_once():
    driver = Driver()
    driver.session.connect()
    driver.session.connect()
    assert driver.run() == [Connect(1)]


def test_a_failed_attempt_is_followed_by_another_after_a_pause():
    driver = Driver(reconnect_first=0.5, reconnect_longest=5.0)
    driver.session.connect()
    driver.run()
    for pause in (0.25, 0.5, 1.0, 2.0, 2.5, 2.5):
        driver.lose(1006, "refused")
        assert driver.run() == [Failed("refused")]
        assert driver.session.state is State.WAITING
        assert driver.pass_time(pause - 0.01) == []
        assert driver.pass_time(0.02) == [Connect(driver.session.attempt)]


@pytest.mark.parametrize(("lasted", "pause"), [(4.9, 0.5), (5.0, 0.25), (5.1, 0.25)])
def test_pauses_begin_anew_after_a_connection_that_lasted(lasted, pause):
    driver = Driver(heartbeat=None, reconnect_first=0.5, reconnect_longest=5.0)
    driver.session.connect()
    driver.lose()
    driver.pass_time(1.0)
    driver.session.opened(driver.session.attempt)
    driver.pass_time(lasted)
    driver.lose(1012, "draining")
    assert driver.run() == [Closed(1012, "draining")]
    assert driver.pass_time(pause - 0.01) == []
    assert [type(each) for each in driver.pass_time(0.02)] == [Connect]


def test_an_application_that_does_not_want_to_wait_connects_at_once():
    driver = Driver()
    driver.session.connect()
    driver.lose()
    driver.run()
    driver.session.connect()
    assert [type(each) for each in driver.run()] == [Connect]
    assert driver.pass_time(60) == []  # the pause is off


def test_what_is_said_of_an_earlier_attempt_is_ignored(driver):
    old = driver.session.attempt
    driver.lose()
    driver.pass_time(10)
    now = driver.session.attempt
    driver.session.opened(old)
    driver.session.lost(old, 1006, "")
    driver.session.received(old, (None, b"nonsense"))
    driver.session.sent(old, 5)
    assert driver.run() == []
    assert (driver.session.state, driver.session.attempt) == (State.CONNECTING, now)
    assert driver.session.counts["malformed"] == 0
    driver.session.opened(now)
    driver.session.received(old, (None, b"nonsense"))
    driver.session.lost(old, 1006, "")
    assert driver.session.is_open()
    assert driver.session.counts["malformed"] == 0


def test_a_close_waits_for_the_servers(driver):
    attempt = driver.session.attempt
    driver.session.close(1000, "bye")
    assert driver.run() == [Disconnect(attempt, 1000, "bye", wait=True)]
    assert driver.session.state is State.CLOSING
    driver.session.close()
    driver.get(None, None, TOPIC, "e", {})
    assert driver.run() == []
    driver.session.lost(attempt, 1000, "bye")
    assert driver.run() == [Closed(1000, "bye")]
    assert driver.session.state is State.CLOSED
    assert driver.session.next_deadline() is None


def test_a_close_does_not_wait_for_ever(driver):
    driver.session.close()
    driver.run()
    assert driver.pass_time(4.9) == []
    told = driver.pass_time(0.2)
    assert [type(each) for each in told] == [Disconnect, Closed]
    assert driver.session.state is State.CLOSED


def test_nobody_connects_while_it_closes(driver):
    driver.session.close()
    with pytest.raises(ClientError, match="being closed"):
        driver.session.connect()


def test_a_close_calls_an_attempt_or_a_pause_off():
    driver = Driver()
    driver.session.close()
    assert driver.run() == []
    driver.session.connect()
    driver.run()
    driver.session.close()
    assert driver.run() == [Disconnect(1, 1000, "", wait=False)]
    driver.session.opened(1)
    assert driver.session.state is State.CLOSED
    driver.session.connect()
    driver.lose()
    driver.run()
    driver.session.close()
    assert driver.run() == []
    assert driver.pass_time(60) == []


def test_a_closed_one_connects_again(driver):
    driver.session.close()
    driver.lose()
    driver.run()
    driver.open()
    assert driver.session.state is State.OPEN


# -- heartbeats


def test_a_heartbeat_is_sent_and_answered_over_and_over():
    driver = Driver()
    driver.open()
    for number in ("1", "2", "3"):
        assert driver.pass_time(29.9) == []
        assert driver.pass_time(0.1) == [[None, number, "phoenix", "heartbeat", {}]]
        driver.pass_time(9.9)
        driver.reply(number, topic="phoenix")
        assert driver.run() == []
    assert driver.session.is_open()


@pytest.mark.parametrize(("after", "is_open"), [(9.9, True), (10.0, False), (10.1, False)])
def test_a_heartbeat_that_is_not_answered_ends_the_connection(after, is_open):
    driver = Driver()
    driver.open()
    driver.pass_time(30)
    attempt = driver.session.attempt
    told = driver.pass_time(after)
    assert driver.session.is_open() == is_open
    if not is_open:
        assert told[:2] == [
            Disconnect(attempt, 1000, "heartbeat timeout", wait=False),
            Closed(1000, "heartbeat timeout"),
        ]


def test_only_the_reply_to_the_heartbeat_counts():
    driver = Driver()
    driver.open()
    driver.reply("1", topic="phoenix")
    driver.pass_time(30)
    driver.reply("7", topic="phoenix")
    driver.reply(None, topic="phoenix")
    driver.pass_time(10)
    assert not driver.session.is_open()
    assert driver.session.counts["unmatched"] == 3


def test_without_a_heartbeat_none_is_sent(driver):
    assert driver.session.next_deadline() is None


# -- joins


def test_a_join_is_sent_and_accepted(driver):
    membership = driver.session.membership(TOPIC)
    driver.payload = {"token": "a"}
    request = driver.session.join(membership)
    assert driver.run() == [["1", "1", TOPIC, "phx_join", {"token": "a"}]]
    assert membership.state is ChannelState.JOINING
    driver.get("1", "1", TOPIC, "phx_reply", {"status": "ok", "response": {"n": 1}})
    assert driver.run() == [Settled(request), Joined(membership, {"n": 1})]
    assert request.outcome == Ok({"n": 1})
    assert membership.state is ChannelState.JOINED
    assert driver.session.next_deadline() is None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("error", Error({"reason": "no"})), ("later", Reply({"reason": "no"}, "later"))],
)
def test_a_join_that_is_refused_is_over(driver, status, outcome):
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership)
    driver.run()
    driver.reply("1", status, {"reason": "no"})
    assert driver.run() == [Settled(request), Ended(membership, "the join was refused")]
    assert request.outcome == outcome
    assert membership.state is ChannelState.CLOSED
    assert driver.pass_time(60) == []


@pytest.mark.parametrize(("after", "late"), [(9.9, False), (10.0, True), (10.1, True)])
def test_a_join_that_is_not_answered_is_left(driver, after, late):
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership)
    driver.run()
    told = driver.pass_time(after)
    assert (membership.state is ChannelState.CLOSED) == late
    if late:
        assert told[0] == ["1", "2", TOPIC, "phx_leave", {}]
        assert isinstance(request.outcome, ReplyTimeout)
        driver.reply("1")  # which comes too late
        assert driver.run() == []
        assert driver.session.counts["unmatched"] == 1


def test_a_join_waits_for_the_connection_and_is_sent_when_there_is_one():
    driver = Driver(heartbeat=None)
    driver.session.connect()
    membership = driver.session.membership(TOPIC)
    driver.session.join(membership, 60.0)
    assert driver.kinds() == ["Connect"]
    driver.lose()
    driver.pass_time(1.0)
    driver.session.opened(driver.session.attempt)
    assert driver.run() == [Opened(), ["1", "1", TOPIC, "phx_join", {}]]


def test_a_join_that_never_has_a_connection_ends_in_time():
    driver = Driver(heartbeat=None)
    driver.session.connect()
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership, 3.0)
    driver.pass_time(3.0)
    assert isinstance(request.outcome, ReplyTimeout)
    assert membership.state is ChannelState.CLOSED


def test_a_join_goes_on_over_a_lost_connection_and_a_crash(driver):
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership)
    driver.run()
    driver.lose()
    assert driver.kinds() == ["Closed"]
    driver.pass_time(0.5)
    driver.session.opened(driver.session.attempt)
    assert driver.run() == [Opened(), ["2", "2", TOPIC, "phx_join", {}]]
    driver.get("2", "2", TOPIC, "phx_error", {})
    assert driver.run() == []
    assert driver.pass_time(0.5) == [["3", "3", TOPIC, "phx_join", {}]]
    driver.reply("3")
    assert request.outcome == Ok({})


def test_nobody_joins_twice_or_without_a_connection(driver):
    membership = driver.joined()
    with pytest.raises(ClientError, match="joined already"):
        driver.session.join(membership)
    driver.session.close()
    with pytest.raises(NotJoined, match="not connected"):
        driver.session.join(driver.session.membership("room:2"))
    assert isinstance(driver.session.membership("room:2").state, ChannelState)


@pytest.mark.parametrize("topic", ["phoenix", "", "a" * 256])
def test_a_topic_that_nobody_can_join_is_refused(driver, topic):
    with pytest.raises(ValueError, match="topic"):
        driver.session.membership(topic)


def test_a_second_channel_of_a_topic_takes_the_place_of_the_first(driver):
    first = driver.joined()
    push = driver.push(first)
    driver.run()
    second = driver.session.membership(TOPIC)
    driver.session.join(second)
    assert driver.kinds() == ["phx_leave", "Settled", "Settled", "Ended", "phx_join"]
    assert isinstance(push.outcome, ReplyLost)
    assert first.state is ChannelState.CLOSED
    driver.get("1", "1", TOPIC, "phx_close", {})  # of the first
    driver.get("1", None, TOPIC, "late", {})
    assert driver.run() == []
    assert driver.session.counts["stale"] == 2
    driver.reply(second.join_ref)
    assert second.state is ChannelState.JOINED


def test_a_second_channel_takes_the_place_of_one_that_fails(driver):
    first = driver.joined()
    driver.get("1", "1", TOPIC, "phx_error", {})
    driver.run()
    second = driver.session.membership(TOPIC)
    driver.session.join(second)
    assert driver.kinds() == ["Settled", "Ended", "phx_join"]
    assert first.state is ChannelState.CLOSED


# -- payloads that are asked for


def test_a_payload_is_asked_for_at_each_join(driver):
    driver.payload = None
    membership = driver.session.membership(TOPIC)
    driver.session.join(membership)
    [wanted] = driver.run()
    driver.session.send_join(membership, wanted.number, {"n": 1})
    assert driver.run() == [["1", "1", TOPIC, "phx_join", {"n": 1}]]
    driver.session.send_join(membership, wanted.number, {"n": 2})  # once is enough
    driver.session.payload_failed(membership, wanted.number, "no")
    assert driver.run() == []
    driver.reply("1")
    driver.lose()
    driver.pass_time(1)
    driver.session.opened(driver.session.attempt)
    *_, again = driver.run()
    driver.session.send_join(membership, wanted.number, {"n": 3})  # of the earlier join
    driver.session.payload_failed(membership, wanted.number, "no")
    assert driver.run() == []
    driver.session.send_join(membership, again.number, {"n": 4})
    assert driver.run() == [["2", "2", TOPIC, "phx_join", {"n": 4}]]


def test_without_a_payload_a_first_join_is_given_up(driver):
    driver.payload = None
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership)
    [wanted] = driver.run()
    driver.session.payload_failed(membership, wanted.number, "it raised KeyError")
    assert driver.run() == [Settled(request), Ended(membership, "the join was given up")]
    assert isinstance(request.outcome, NotJoined)
    assert "KeyError" in str(request.outcome)


def test_without_a_payload_a_further_join_is_tried_later(driver):
    membership = driver.joined()
    driver.payload = None
    driver.get("1", "1", TOPIC, "phx_error", {})
    [_, wanted] = driver.pass_time(1)
    driver.session.payload_failed(membership, wanted.number, "it raised KeyError")
    assert membership.state is ChannelState.ERRORED
    assert [type(each).__name__ for each in driver.pass_time(2)] == ["Errored", "PayloadWanted"]


def test_what_comes_while_a_payload_is_asked_for_is_not_for_this_join(driver):
    driver.payload = None
    membership = driver.session.membership(TOPIC)
    driver.session.join(membership)
    driver.run()
    driver.get(None, None, TOPIC, "phx_close", {})
    driver.get(None, None, TOPIC, "new", {})
    assert driver.run() == []
    assert driver.session.counts["unmatched"] == 2


def test_a_join_whose_payload_comes_too_late_is_not_sent(driver):
    driver.payload = None
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership, 2.0)
    [wanted] = driver.run()
    assert [type(each) for each in driver.pass_time(2.0)] == [Settled, Ended]
    driver.session.send_join(membership, wanted.number, {})
    assert driver.run() == []
    assert isinstance(request.outcome, ReplyTimeout)


# -- messages


def test_messages_are_delivered(driver):
    membership = driver.joined()
    driver.get("1", None, TOPIC, "pushed", {"a": 1})
    driver.get(None, "@7", TOPIC, "broadcast", {})
    driver.raw(b"\x02\x06\x03room:1bin\x01", binary=True)
    told = driver.run()
    assert [each.message for each in told] == [
        Message("1", None, TOPIC, "pushed", {"a": 1}),
        Message(None, "@7", TOPIC, "broadcast", {}),
        Message(None, None, TOPIC, "bin", b"\x01"),
    ]
    assert told[0] == Delivered(membership, told[0].message, 41)


def test_a_message_may_overtake_the_reply_to_the_join(driver):
    driver.session.join(driver.session.membership(TOPIC))
    driver.run()
    driver.get(None, None, TOPIC, "early", {})
    assert driver.kinds() == ["Delivered"]


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        (("0", None, TOPIC, "old", {}), "stale"),
        (("0", "0", TOPIC, "phx_error", {}), "stale"),
        (("0", "1", TOPIC, "phx_reply", {"status": "ok"}), "stale"),
        ((None, "99", TOPIC, "phx_reply", {"status": "ok"}), "unmatched"),
        ((None, None, TOPIC, "phx_reply", {"status": "ok"}), "unmatched"),
        ((None, None, "room:2", "new", {}), "unmatched"),
        ((None, "1", "room:2", "phx_reply", {"status": "ok"}), "unmatched"),
    ],
)
def test_what_nobody_waits_for_is_dropped_and_counted(driver, parts, count):
    driver.joined()
    driver.get(*parts)
    assert driver.run() == []
    assert +driver.session.counts == {count: 1}


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\xfe", b"[1]"])
def test_a_message_that_nobody_can_read_ends_the_connection(driver, data):
    membership = driver.joined()
    attempt = driver.session.attempt
    driver.raw(data)
    told = driver.run()
    assert told[0] == Disconnect(attempt, 1007, told[0].reason, wait=False)
    assert told[1:] == [
        Closed(1007, told[0].reason),
        Errored(membership, "the connection was lost"),
    ]
    assert driver.session.state is State.WAITING
    assert +driver.session.counts == {"malformed": 1}


# -- pushes


def test_a_push_is_answered(driver):
    membership = driver.joined()
    one, two = driver.push(membership, "a", {"x": 1}), driver.push(membership, "b", b"\1")
    assert driver.run() == [
        ["1", "2", TOPIC, "a", {"x": 1}],
        b"\x00\x01\x01\x06\x0113room:1b\x01",
    ]
    driver.reply("3", "error", {"reason": "no"})
    driver.reply("2", "ok", {"y": 2})
    assert driver.run() == [Settled(two), Settled(one)]
    assert (one.outcome, two.outcome) == (Ok({"y": 2}), Error({"reason": "no"}))
    driver.reply("2")
    assert driver.run() == []


def test_a_reply_without_a_response_is_an_empty_one(driver):
    request = driver.push(driver.joined())
    driver.get("1", "2", TOPIC, "phx_reply", {"status": "ok"})
    assert request.outcome == Ok({})


@pytest.mark.parametrize(("after", "late"), [(9.9, False), (10.0, True), (10.1, True)])
def test_a_push_that_is_not_answered_in_time_is_given_up(driver, after, late):
    request = driver.push(driver.joined())
    driver.pass_time(after)
    assert isinstance(request.outcome, ReplyTimeout) == late
    driver.reply("2")
    assert isinstance(request.outcome, ReplyTimeout) == late


def test_pushes_wait_for_the_join_in_order(driver):
    membership = driver.session.membership(TOPIC)
    driver.session.join(membership)
    for number in range(3):
        driver.push(membership, f"e{number}")
    assert driver.kinds() == ["phx_join"]
    driver.reply("1")
    assert driver.kinds() == ["Settled", "Joined", "e0", "e1", "e2"]


def test_pushes_wait_for_the_next_connection(driver):
    membership = driver.joined()
    driver.lose()
    request = driver.push(membership, "later")
    driver.pass_time(1)
    driver.session.opened(driver.session.attempt)
    driver.run()
    driver.reply(membership.join_ref)
    assert driver.run()[-1][:4] == [membership.join_ref, "3", TOPIC, "later"]
    driver.reply("3")
    assert request.outcome == Ok({})


def test_a_push_that_has_waited_too_long_is_never_sent(driver):
    membership = driver.joined()
    driver.lose()
    request = driver.push(membership)
    driver.pass_time(10)
    assert isinstance(request.outcome, ReplyTimeout)
    driver.session.opened(driver.session.attempt)
    driver.run()
    driver.reply(membership.join_ref)
    assert driver.kinds() == ["Settled", "Joined"]


def test_a_push_that_was_sent_is_lost_with_the_connection(driver):
    request = driver.push(driver.joined())
    driver.lose()
    assert isinstance(request.outcome, ReplyLost)


def test_a_push_is_lost_with_its_channel_and_others_are_not(driver):
    one, two = driver.joined("room:1"), driver.session.membership("room:2")
    driver.session.join(two)
    driver.run()
    driver.reply(two.join_ref, topic="room:2")
    lost, kept = driver.push(one), driver.push(two)
    driver.get("1", "1", "room:1", "phx_error", {})
    assert isinstance(lost.outcome, ReplyLost)
    assert kept.outcome is None


def test_a_push_needs_somebody_who_joins(driver):
    membership = driver.session.membership(TOPIC)
    with pytest.raises(NotJoined):
        driver.push(membership)
    membership = driver.joined()
    driver.session.leave(membership)
    with pytest.raises(NotJoined):
        driver.push(membership)


@pytest.mark.parametrize(("event", "kind"), [("", ValueError), (1, TypeError)])
def test_an_event_has_a_name(driver, event, kind):
    with pytest.raises(kind):
        driver.push(driver.joined(), event)


def test_a_payload_that_is_no_json_is_the_callers_mistake(driver):
    membership = driver.joined()
    with pytest.raises(TypeError):
        driver.push(membership, "e", object())
    assert driver.run() == []


# -- bounds


@pytest.mark.parametrize(("count", "fits"), [(2, True), (3, True), (4, False)])
def test_so_many_pushes_wait(count, fits):
    driver = Driver(heartbeat=None, max_buffered=3)
    driver.open()
    membership = driver.session.membership(TOPIC)
    driver.session.join(membership)
    for _ in range(count - 1):
        driver.push(membership)
    if fits:
        driver.push(membership)
    else:
        with pytest.raises(BufferFull, match="3 pushes"):
            driver.push(membership)
    driver.run()
    driver.reply("1")  # they leave, and there is room again
    driver.run()
    driver.lose()
    driver.push(membership)


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_so_many_bytes_wait(more, fits):
    driver = Driver(heartbeat=None, max_buffered_bytes=1000)
    driver.open()
    membership = driver.session.membership(TOPIC)
    driver.session.join(membership)
    driver.push(membership, "e", b"x" * 461)  # 500 with its names
    if fits:
        driver.push(membership, "e", b"x" * (461 + more))
    else:
        with pytest.raises(BufferFull, match="500 bytes"):
            driver.push(membership, "e", b"x" * (461 + more))


@pytest.mark.parametrize(("size", "fits"), [(959, True), (960, True), (961, False)])
def test_what_the_transport_has_not_sent_counts(driver, size, fits):
    driver = Driver(heartbeat=None, max_buffered_bytes=1000)
    driver.open()
    membership = driver.joined()
    driver.session.sent(driver.session.attempt, driver.session._unsent)
    driver.session._transmit((None, b"x" * (1000 - 999)))
    if fits:
        driver.push(membership, "e", b"x" * size)
    else:
        with pytest.raises(BufferFull):
            driver.push(membership, "e", b"x" * size)
        driver.session.sent(driver.session.attempt, 1)
        driver.push(membership, "e", b"x" * size)


@pytest.mark.parametrize(("count", "fits"), [(2, True), (3, True), (4, False)])
def test_so_many_pushes_are_unanswered(count, fits):
    driver = Driver(heartbeat=None, max_unanswered=3)
    driver.open()
    membership = driver.joined()
    for _ in range(count - 1):
        driver.push(membership)
    if fits:
        driver.push(membership)
    else:
        with pytest.raises(BufferFull, match="3 pushes"):
            driver.push(membership)
        driver.reply("2")
        driver.push(membership)
    driver.pass_time(10)  # what is late is not waited for
    driver.push(membership)


def test_a_lost_connection_has_nothing_to_send(driver):
    driver = Driver(heartbeat=None, max_buffered_bytes=1000)
    driver.open()
    membership = driver.joined()
    driver.push(membership, "e", b"x" * 800)
    driver.lose()
    driver.pass_time(1)
    driver.push(membership, "e", b"x" * 800)


def test_a_close_that_is_cut_waits_for_no_close_frame():
    driver = Driver()
    driver.session.cut()
    driver.open()
    driver.session.cut()
    assert (driver.run(), driver.session.state) == ([], State.OPEN)
    attempt = driver.session.attempt
    driver.session.close()
    driver.session.cut()
    assert driver.run() == [
        Disconnect(attempt, 1000, "", wait=True),
        Disconnect(attempt, 1006, "the close was interrupted", wait=False),
        Closed(1006, "the close was interrupted"),
    ]
    assert driver.session.state is State.CLOSED


def test_an_event_of_the_protocol_is_not_pushed(driver):
    membership = driver.joined()
    with pytest.raises(ValueError, match="the protocol's own"):
        driver.push(membership, "phx_leave")
    assert driver.run() == []


# -- joins that nobody waits for any more


def test_a_join_that_is_interrupted_is_left_and_closed_and_may_be_tried_again(driver):
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership)
    waiting = driver.push(membership)
    driver.run()
    driver.session.abandon(membership, request)
    told = driver.run()
    assert told[:3] == [["1", "2", TOPIC, "phx_leave", {}], Settled(request), Settled(waiting)]
    assert told[-1] == Ended(membership, "the join was interrupted")
    assert membership.state is ChannelState.CLOSED
    driver.reply("1")  # what the server has sent meanwhile
    assert driver.pass_time(60) == []
    driver.session.join(membership)
    assert driver.kinds() == ["phx_join"]


def test_an_interrupted_join_that_was_not_sent_is_told_to_nobody(driver):
    driver.payload = None
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership)
    (wanted,) = driver.run()
    driver.session.abandon(membership, request)
    driver.session.send_join(membership, wanted.number, {})
    assert driver.kinds() == ["Settled", "Ended"]
    assert driver.pass_time(60) == []


def test_a_join_that_was_accepted_as_it_was_interrupted_is_undone(driver):
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership)
    driver.run()
    driver.reply("1")
    driver.run()
    driver.session.abandon(membership, request)
    assert driver.kinds() == ["phx_leave", "Settled", "Ended"]  # settled: the leave
    assert membership.state is ChannelState.CLOSED


def test_an_interrupted_join_undoes_no_later_one_and_no_leave(driver):
    membership = driver.session.membership(TOPIC)
    first = driver.session.join(membership)
    driver.run()
    driver.session.leave(membership)
    driver.session.abandon(membership, first)
    assert membership.state is ChannelState.LEAVING
    driver.run()
    driver.reply("2")
    second = driver.session.join(membership)
    driver.run()
    driver.session.abandon(membership, first)
    assert membership.state is ChannelState.JOINING
    driver.session.abandon(membership, second)
    driver.session.abandon(membership, second)
    assert driver.kinds() == ["phx_leave", "Settled", "Settled", "Ended"]


# -- failures


def test_a_channel_that_failed_is_joined_again_after_a_pause(driver):
    membership = driver.joined()
    for ref, pause in (("2", 0.5), ("3", 1.0), ("4", 2.0), ("5", 4.0), ("6", 5.0), ("7", 5.0)):
        driver.get(membership.join_ref, None, TOPIC, "phx_error", {})
        told = driver.run()
        assert driver.pass_time(pause - 0.01) == []
        assert driver.pass_time(0.02) == [[ref, ref, TOPIC, "phx_join", {}]]
        errored = Errored(membership, "the server said phx_error", again=ref != "2")
        assert told[-1] == errored
        assert told.count(errored) == 1
    assert driver.session.counts["failed_rejoins"] == 5


@pytest.mark.parametrize(("stayed", "pause"), [(4.9, 1.0), (5.0, 0.5)])
def test_pauses_begin_anew_once_a_channel_has_stayed_joined_for_five_seconds(driver, stayed, pause):
    membership = driver.joined()
    driver.get("1", None, TOPIC, "phx_error", {})
    driver.pass_time(0.5)
    driver.reply("2")
    driver.pass_time(stayed)
    driver.get("2", None, TOPIC, "phx_error", {})
    assert driver.run()[-1] == Errored(membership, "the server said phx_error", again=False)
    assert driver.pass_time(pause - 0.01) == []
    assert driver.pass_time(0.02) == [["3", "3", TOPIC, "phx_join", {}]]


def test_a_further_join_that_is_refused_or_late_is_tried_again(driver):
    membership = driver.joined()
    driver.get("1", None, TOPIC, "phx_error", {})
    driver.pass_time(0.5)
    driver.reply("2", "error", {"reason": "too many joins"})
    assert membership.state is ChannelState.ERRORED
    refused = "a further join was refused: Error(reason={'reason': 'too many joins'})"
    assert driver.run()[-1] == Errored(membership, refused, again=True)
    assert driver.pass_time(1.0)[-1][1] == "3"
    told = driver.pass_time(10.0)
    assert ["3", "4", TOPIC, "phx_leave", {}] in told
    assert Errored(membership, "a further join was not answered in time", again=True) in told
    assert driver.session.counts["failed_rejoins"] == 2
    assert membership.state is ChannelState.ERRORED
    driver.pass_time(2.0)
    driver.reply(membership.join_ref)
    assert membership.state is ChannelState.JOINED


def test_pauses_of_a_channel_begin_anew_with_a_new_connection(driver):
    membership = driver.joined()
    for _ in range(4):
        driver.get(membership.join_ref, None, TOPIC, "phx_error", {})
        driver.pass_time(8)
    driver.lose()
    driver.pass_time(1)
    driver.session.opened(driver.session.attempt)
    driver.run()
    driver.get(membership.join_ref, None, TOPIC, "phx_error", {})
    driver.run()
    assert [each[3] for each in driver.pass_time(0.5)] == ["phx_join"]


def test_all_channels_are_joined_as_soon_as_there_is_a_connection(driver):
    driver.joined("room:1")
    two = driver.session.membership("room:2")
    driver.session.join(two)
    driver.run()
    driver.reply(two.join_ref, topic="room:2")
    driver.run()
    driver.lose()
    assert driver.kinds() == ["Closed", "Errored", "Errored"]
    driver.pass_time(0.4)
    driver.session.opened(driver.session.attempt)
    assert driver.kinds() == ["Opened", "phx_join", "phx_join"]


def test_nothing_is_joined_while_there_is_no_connection(driver):
    membership = driver.joined()
    driver.get("1", None, TOPIC, "phx_error", {})
    driver.lose()
    driver.run()
    assert all(type(each) is Connect for each in driver.pass_time(30))
    driver.session.opened(driver.session.attempt)
    assert driver.kinds() == ["Opened", "phx_join"]
    assert membership.state is ChannelState.JOINING


def test_what_comes_for_a_channel_that_failed_is_dropped(driver):
    driver.joined()
    driver.get("1", None, TOPIC, "phx_error", {})
    driver.run()
    driver.get(None, None, TOPIC, "phx_error", {})
    driver.get("1", None, TOPIC, "late", {})
    assert driver.run() == []


# -- ends


def test_a_channel_that_the_server_closes_stays_closed(driver):
    membership = driver.joined()
    push = driver.push(membership)
    driver.run()
    driver.get("1", "1", TOPIC, "phx_close", {})
    assert driver.run() == [Settled(push), Ended(membership, "the server closed it")]
    assert isinstance(push.outcome, ReplyLost)
    assert driver.pass_time(60) == []
    driver.session.join(membership)  # unless it is wanted again
    assert driver.kinds() == ["phx_join"]


def test_a_join_that_the_server_closes_is_over(driver):
    membership = driver.session.membership(TOPIC)
    request = driver.session.join(membership)
    waiting = driver.push(membership)
    driver.run()
    driver.get("1", "1", TOPIC, "phx_close", {})
    assert isinstance(request.outcome, NotJoined)
    assert isinstance(waiting.outcome, NotJoined)


def test_a_leave_is_answered(driver):
    membership = driver.joined()
    push = driver.push(membership)
    request = driver.session.leave(membership)
    assert driver.session.leave(membership) is request
    assert driver.kinds() == ["e", "phx_leave"]
    driver.get("1", None, TOPIC, "pushed", {})
    driver.reply("2", "ok", {"last": 1})
    driver.reply("3")
    assert driver.run() == [Settled(push), Settled(request), Ended(membership, "left")]
    assert (push.outcome, request.outcome) == (Ok({"last": 1}), Ok({}))
    driver.get("1", "1", TOPIC, "phx_close", {})
    assert +driver.session.counts == {"stale": 1}


@pytest.mark.parametrize("how", ["late", "lost", "phx_error", "phx_close"])
def test_a_leave_succeeds_whatever_happens(driver, how):
    membership = driver.joined()
    request = driver.session.leave(membership)
    driver.run()
    if how == "late":
        driver.pass_time(10)
    elif how == "lost":
        driver.lose()
    else:
        driver.get("1", "1", TOPIC, how, {})
    assert request.outcome == Ok({})
    assert membership.state is ChannelState.CLOSED
    driver.pass_time(1)
    driver.session.opened(driver.session.attempt)
    assert "phx_join" not in driver.kinds()


@pytest.mark.parametrize("when", ["closed", "down", "errored", "asked"])
def test_a_leave_of_what_is_not_joined_is_done_at_once(driver, when):
    membership = driver.session.membership(TOPIC)
    first = None
    if when == "asked":
        driver.payload = None
        first = driver.session.join(membership)
        driver.run()
    elif when != "closed":
        membership = driver.joined()
        if when == "down":
            driver.lose()
        else:
            driver.get("1", None, TOPIC, "phx_error", {})
        driver.run()
    request = driver.session.leave(membership)
    assert request.outcome == Ok({})
    assert membership.state is ChannelState.CLOSED
    assert "phx_leave" not in driver.kinds()
    if when != "down":
        assert driver.session.next_deadline() is None
    if first is not None:
        assert isinstance(first.outcome, NotJoined)


def test_a_leave_calls_a_join_off(driver):
    membership = driver.session.membership(TOPIC)
    join = driver.session.join(membership)
    waiting = driver.push(membership)
    assert driver.kinds() == ["phx_join"]
    driver.session.leave(membership)
    assert driver.kinds() == ["Settled", "Settled", "phx_leave"]
    assert isinstance(join.outcome, NotJoined)
    assert isinstance(waiting.outcome, NotJoined)
    driver.reply("1", "error", {"reason": "join cancelled"})
    assert membership.state is ChannelState.LEAVING
    driver.reply("2")
    assert membership.state is ChannelState.CLOSED


def test_a_close_settles_all_there_is(driver):
    membership = driver.joined()
    pushed = driver.push(membership)
    two = driver.session.membership("room:2")
    join, waiting = driver.session.join(two), driver.push(two)
    driver.run()
    driver.session.close()
    assert isinstance(pushed.outcome, ReplyLost)
    assert isinstance(join.outcome, NotJoined)
    assert isinstance(waiting.outcome, NotJoined)
    assert driver.session._memberships == {}
    assert (driver.session._unanswered, driver.session._buffered) == (0, 0)
    assert driver.session._buffered_bytes == 0


def test_a_close_calls_the_pause_of_a_channel_off(driver):
    driver.joined()
    driver.get("1", None, TOPIC, "phx_error", {})
    driver.session.close()
    driver.lose()
    assert driver.session.next_deadline() is None
