from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from transports.longpoll.buffer import Buffer, Message


def buffer(*messages: Message, max_messages: int = 10, max_bytes: int = 100) -> Buffer:
    made = Buffer(max_messages=max_messages, max_bytes=max_bytes)
    for message in messages:
        assert made.append(message) is None
    return made


def test_a_poll_takes_all_messages_in_order() -> None:
    assert buffer("a", "b", "c").take(0) == (["a", "b", "c"], 3)


def test_an_empty_buffer_gives_no_messages_and_the_same_cursor() -> None:
    assert buffer().take(0) == ([], 0)


def test_the_next_poll_proves_that_the_batch_arrived() -> None:
    kept = buffer("a", "b")
    assert kept.take(0) == (["a", "b"], 2)
    assert kept.take(2) == ([], 2)
    assert (len(kept.messages), kept.size) == (0, 0)


def test_a_repeated_poll_gets_the_same_messages_and_those_that_came_since() -> None:
    kept = buffer("a")
    assert kept.take(0) == (["a"], 1)
    kept.append("b")
    assert kept.take(0) == (["a", "b"], 2)
    assert kept.take(0) == (["a", "b"], 2)


def test_a_poll_may_acknowledge_a_part() -> None:
    kept = buffer("a")
    kept.take(0)
    kept.append("b")
    kept.take(0)
    assert kept.take(1) == (["b"], 2)


def test_a_cursor_older_than_one_already_seen_is_invalid() -> None:
    kept = buffer("a")
    kept.take(0)
    kept.take(1)
    assert kept.take(0) is None
    assert kept.take(1) == ([], 1)


@pytest.mark.parametrize("cursor", [1, 2, -1, 10**30])
def test_a_cursor_nobody_was_given_is_invalid_and_drops_nothing(cursor: int) -> None:
    kept = buffer("a")
    assert kept.take(cursor) is None
    assert kept.take(0) == (["a"], 1)


def test_waiting_counts_what_no_poll_was_given() -> None:
    kept = buffer("a", "b")
    assert kept.waiting == 2
    kept.take(0)
    assert kept.waiting == 0
    kept.append("c")
    assert kept.waiting == 1
    kept.take(2)
    assert kept.waiting == 0


@pytest.mark.parametrize("count", [2, 3])
def test_as_many_messages_as_the_limit_fit(count: int) -> None:
    kept = buffer(*["x"] * count, max_messages=3)
    assert len(kept.messages) == count


def test_a_message_over_the_count_limit_is_named_and_not_kept() -> None:
    kept = buffer(*["x"] * 3, max_messages=3)
    assert kept.append("y") == "more than 3 messages wait for a poll"
    assert kept.take(0) == (["x", "x", "x"], 3)


@pytest.mark.parametrize(
    "messages", [["x" * 9], ["x" * 10], ["xxxxx", "yyyyy"], ["ü" * 5], ["\ud800" * 3]]
)
def test_as_many_bytes_as_the_limit_fit(messages: list[Message]) -> None:
    assert buffer(*messages, max_bytes=10).size <= 10


@pytest.mark.parametrize("message", ["x" * 11, "ü" * 5 + "x"])
def test_a_message_over_the_byte_limit_is_named_and_not_kept(message: Message) -> None:
    kept = buffer(max_bytes=10)
    assert kept.append(message) == "more than 10 bytes wait for a poll"
    assert (kept.take(0), kept.size) == (([], 0), 0)


def test_what_was_sent_but_not_acknowledged_counts_against_the_limits() -> None:
    kept = buffer("x" * 10, max_bytes=10)
    kept.take(0)
    assert kept.append("y") is not None
    kept.take(1)
    assert kept.append("y") is None


class LossyClient(RuleBasedStateMachine):
    """Whatever answers are lost, the client sees each message once and in order."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = buffer(max_messages=1000, max_bytes=10**6)
        self.sent: list[Message] = []
        self.got: list[Message] = []
        self.cursor = 0

    @rule(message=st.text(max_size=3))
    def send(self, message: Message) -> None:
        assert self.kept.append(message) is None
        self.sent.append(message)

    @rule(arrives=st.booleans())
    def poll(self, arrives: bool) -> None:
        answer = self.kept.take(self.cursor)
        assert answer is not None
        if arrives:
            messages, self.cursor = answer
            self.got += messages
            assert self.got == self.sent

    @rule(beyond=st.integers(1, 5))
    def poll_with_a_cursor_from_the_future(self, beyond: int) -> None:
        assert self.kept.take(self.kept.taken + beyond) is None

    @precondition(lambda self: self.kept.acknowledged > 0)
    @rule()
    def poll_with_an_old_cursor(self) -> None:
        assert self.kept.take(self.kept.acknowledged - 1) is None


TestLossyClient = LossyClient.TestCase


def test_take_all_answers_everything_and_acknowledges_nothing() -> None:
    kept = buffer("a", "b")
    assert kept.take_all() == (["a", "b"], 2)
    assert kept.take(0) == (["a", "b"], 2)
    assert kept.take(2) == ([], 2)
