"""The mailbox: its bounds, its policies, its order."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from actors.errors import ConfigError, MailboxFull
from actors.reasons import Failure, Shutdown
from actors.results import Push
from actors.runtime import Actor, Future
from actors.runtime.actor import TURN_MESSAGES
from actors.runtime.mailbox import weigh
from tests.support.recorder import Recorder, actor_of, rounds_pass
from tests.support.waiting import DEADLINE, eventually


def blocked(cls: type[Recorder]) -> Any:
    """Return the ref of an actor that blocks in its callback."""
    ref = cls.start()
    ref.tell("block")
    assert actor_of(ref).entered.wait(DEADLINE)
    return ref


class Patient(Recorder):
    mailbox_messages = 3
    mailbox_policy = "stop"


class TestRounds:
    """Under a policy that ends or drops, only what has waited for a round counts."""

    @pytest.mark.parametrize(("count", "fits"), [(2, True), (3, True), (4, False)])
    def test_count_of_what_has_waited_is_bounded(self, count: int, fits: bool) -> None:
        ref = blocked(Patient)
        for number in range(count - 1):
            ref.tell(number)
        rounds_pass()
        ref.tell("last")
        assert (len(actor_of(ref).actor_inbox) == count) is fits
        actor_of(ref).release.set()
        eventually(lambda: len(actor_of(ref).seen) == count + 1 or ref.exit_reason)
        assert ref.exit_reason == (None if fits else Shutdown("overflow"))

    @pytest.mark.parametrize("policy", ["drop", "stop"])
    def test_what_is_told_at_once_comes_whole(self, policy: str) -> None:
        class Told(Patient):
            mailbox_policy = policy

        ref = Told.start()
        for number in range(5 * TURN_MESSAGES):
            ref.tell(number)
        eventually(lambda: len(actor_of(ref).seen) == 5 * TURN_MESSAGES)
        assert actor_of(ref).seen == list(range(5 * TURN_MESSAGES))

    def test_who_waits_for_its_turn_is_never_late(self) -> None:
        ref = Patient.start()
        for number in range(TURN_MESSAGES + 4):
            ref.tell(number)
        rounds_pass(1)  # it has had one turn, and four are left
        ref.tell("another")
        eventually(lambda: actor_of(ref).seen[-1:] == ["another"])

    def test_a_blocked_one_is_late_for_what_came_in_an_earlier_round_alone(self) -> None:
        ref = blocked(Patient)
        ref.tell("a")
        ref.tell("b")
        rounds_pass()
        for number in range(10):  # of three that are allowed, only two have waited
            ref.tell(number)
        inbox = actor_of(ref).actor_inbox
        assert (len(inbox), inbox.signals) == (12, None)
        rounds_pass()
        ref.tell("too late")
        assert (len(inbox), inbox.signals) == (12, [Shutdown("overflow")])
        actor_of(ref).release.set()

    def test_bytes_are_judged_at_once(self) -> None:
        class Small(Patient):
            mailbox_bytes = 1000

        ref = Small.start()
        ref.tell(bytes(1000))
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == Shutdown("overflow")

    def test_events_of_a_client_do_not_count(self) -> None:
        ref = blocked(Patient)
        inbox = actor_of(ref).actor_inbox
        for number in range(3):
            ref.tell(number)
        inbox.items += ["event"] * 5
        rounds_pass()
        ref.tell("newest")  # only events are where the judged letter would be
        assert inbox.signals is None
        rounds_pass()
        ref.tell("too much")
        assert inbox.signals == [Shutdown("overflow")]
        ref.kill()


class TestMailbox:
    @pytest.mark.parametrize(("count", "fits"), [(2, True), (3, True), (4, False)])
    def test_count_is_bounded(self, count: int, fits: bool) -> None:
        class Small(Recorder):
            mailbox_messages = 3

        ref = Small.start()
        for number in range(count - 1):
            ref.tell(number)
        if fits:
            ref.tell("last")
        else:
            with pytest.raises(MailboxFull):
                ref.tell("last")

    @pytest.mark.parametrize(("size", "fits"), [(-1, True), (0, True), (1, False)])
    def test_bytes_are_bounded(self, size: int, fits: bool) -> None:
        class Small(Recorder):
            mailbox_bytes = 1000

        ref = Small.start()
        message = bytes(1000 - b"".__sizeof__() + size)
        if fits:
            ref.tell(message)
        else:
            with pytest.raises(MailboxFull):
                ref.tell(message)

    def test_has_room_again_once_handled(self) -> None:
        class Small(Recorder):
            mailbox_messages = 1

        ref = Small.start()
        for number in range(5):
            ref.ask(number, timeout=DEADLINE)
        assert actor_of(ref).actor_inbox.weight == 0

    def test_a_full_one_still_takes_a_stop(self) -> None:
        class Small(Recorder):
            mailbox_messages = 1

        ref = Small.start()
        ref.tell("only")
        assert ref.stop(timeout=DEADLINE) is True

    def test_policy_drop_forgets(self, caplog: pytest.LogCaptureFixture) -> None:
        class Dropping(Recorder):
            mailbox_messages = 1
            mailbox_policy = "drop"

        ref = blocked(Dropping)
        ref.tell("kept")
        rounds_pass()
        ref.tell("dropped")
        with pytest.raises(MailboxFull):
            ref.ask("dropped too", timeout=DEADLINE)
        actor_of(ref).release.set()
        eventually(lambda: actor_of(ref).seen == ["block", "kept"])
        assert [each.levelname for each in caplog.records] == ["WARNING"]
        assert "misses a message: it does not handle what it is told (1 messages, " in caplog.text

    def test_many_of_a_class_that_are_ended_are_a_line_and_a_count(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Stopping(Recorder):
            mailbox_messages = 1
            mailbox_policy = "stop"

        caplog.set_level(logging.INFO, "roost.runtime")
        refs = [blocked(Stopping) for _ in range(3)]
        for _ in range(2):
            for ref in refs:
                ref.tell("too much")
            rounds_pass()
        for ref in refs:
            ref.tell("too much")
            actor_of(ref).release.set()
        assert all(ref.wait(DEADLINE) for ref in refs)
        eventually(lambda: "(2 lines like this were held back)" in caplog.text)
        assert [each.levelname for each in caplog.records] == ["WARNING", "INFO"]

    def test_policy_stop_ends_the_actor_with_one_line(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Stopping(Recorder):
            mailbox_messages = 1
            mailbox_policy = "stop"

        ref = blocked(Stopping)
        ref.tell("kept")
        rounds_pass()
        ref.tell("too much")
        ref.tell("too much as well")
        actor_of(ref).release.set()
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == Shutdown("overflow")
        assert [each.levelname for each in caplog.records] == ["WARNING"]
        assert "Stopping" in caplog.text
        assert "(1 messages, " in caplog.text

    def test_a_flooded_actor_lets_others_run_after_its_turn(self) -> None:
        ref = Recorder.start()

        class Looking(Recorder):
            def on_receive(self, message: Any) -> Any:
                return len(actor_of(ref).seen)

        other = Looking.start()
        for number in range(5000):
            ref.tell(number)
        assert other.ask("how far is it?", timeout=DEADLINE) == TURN_MESSAGES
        ref.tell("last")
        eventually(lambda: actor_of(ref).seen[-1:] == ["last"])
        assert actor_of(ref).seen == [*range(5000), "last"]

    @pytest.mark.parametrize("more", [-1, 0, 1])
    def test_a_turn_is_bounded(self, more: int) -> None:
        order: list[str] = []

        class Noting(Recorder):
            def on_receive(self, message: Any) -> Any:
                order.append(message)

        one, two = Noting.start(), Noting.start()
        for _ in range(TURN_MESSAGES + more):
            one.tell("one")
        two.tell("two")
        eventually(lambda: len(order) == TURN_MESSAGES + more + 1)
        assert order.index("two") == min(TURN_MESSAGES, TURN_MESSAGES + more)

    def test_get_takes_the_oldest_and_frees_its_room(self) -> None:
        actor = Recorder()
        actor.actor_ref.tell("first")
        actor.actor_ref.tell("second")
        inbox = actor.actor_inbox
        assert [inbox.get().message, inbox.get().message] == ["first", "second"]
        assert (inbox.told, inbox.weight, inbox.empty()) == (0, 0, True)

    def test_get_and_empty_are_pykkas(self) -> None:
        class Idle(Actor):
            def on_start(self) -> None:
                self.actor_ref.tell("x")
                assert not self.actor_inbox.empty()
                assert len(self.actor_inbox) == 1
                self.first = self.actor_inbox.get().message

        assert actor_of(Idle.start()).first == "x"

    def test_takes_pykkas_plain_envelopes(self) -> None:
        ref = Recorder.start()
        ref.actor_inbox.put(Envelope("plain"))
        ref.ask("end", timeout=DEADLINE)
        assert actor_of(ref).seen == ["plain", "end"]
        assert actor_of(ref).actor_inbox.weight == 0

    def test_an_envelope_for_the_dead_is_answered(self) -> None:
        ref = Recorder.start()
        ref.kill()
        asked, stop = Future(), Future()
        ref.actor_inbox.put(Envelope("late", reply_to=asked))
        ref.actor_inbox.put(Envelope(_ActorStop(), reply_to=stop))
        ref.actor_inbox.put(Envelope("told"))
        with pytest.raises(pykka.ActorDeadError):
            asked.get(timeout=DEADLINE)
        assert stop.get(timeout=DEADLINE) is None

    def test_an_envelope_for_one_whose_end_hook_blocks_is_answered(self) -> None:
        class Lingering(Recorder):
            def on_stop(self) -> None:
                self.entered.set()
                self.release.wait()

        ref = Lingering.start()
        ref.exit()
        assert actor_of(ref).entered.wait(DEADLINE)
        with pytest.raises(pykka.ActorDeadError):
            ref.tell("late")
        with pytest.raises(pykka.ActorDeadError):
            ref.ask("late", timeout=DEADLINE)

    def test_weight_is_what_was_counted_though_the_message_changed(self) -> None:
        ref = Recorder.start()
        grows, shrinks = [], [0] * 1000
        ref.tell("block")
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.tell(grows)
        ref.tell(shrinks)
        ref.tell("stays")
        grows.extend(range(100))
        shrinks.clear()
        actor_of(ref).release.set()
        eventually(lambda: actor_of(ref).seen[-1:] == ["stays"])
        assert actor_of(ref).actor_inbox.weight == 0

    def test_weight_counts_a_payload(self) -> None:
        push = Push("x" * 1000)
        assert weigh(push) == sys.getsizeof(push) + sys.getsizeof(push.payload)

    def test_counts_are_right_after_an_interrupted_turn(self) -> None:
        class Trapping(Recorder):
            def handle_exit(self, reason: Any) -> None:
                self.seen.append(reason)

        ref = Trapping.start()
        inbox = actor_of(ref).actor_inbox
        ref.tell("block")
        ref.tell("b")
        ref.tell("c")
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.exit("tick")
        assert (inbox.told, len(inbox), inbox.weight) == (2, 2, weigh("b") + weigh("c"))
        actor_of(ref).release.set()
        ref.ask("d", timeout=DEADLINE)
        assert actor_of(ref).seen == ["block", Failure("tick"), "b", "c", "d"]
        assert (inbox.told, len(inbox), inbox.weight) == (0, 0, 0)

    @pytest.mark.parametrize("policy", ["reject", "drop", "stop"])
    def test_asking_beyond_is_refused_under_each_policy(self, policy: str) -> None:
        class Small(Recorder):
            mailbox_messages = 1
            mailbox_policy = policy

        ref = blocked(Small)
        ref.tell("fills it")
        rounds_pass()
        with pytest.raises(MailboxFull):
            ref.ask("too much", timeout=DEADLINE)

    def test_what_is_told_in_a_turn_to_oneself_comes_in_another(self) -> None:
        class Counting(Recorder):
            def on_receive(self, message: Any) -> Any:
                super().on_receive(message)
                if message:
                    self.actor_ref.tell(message - 1)

        ref = Counting.start()
        ref.tell(3)
        eventually(lambda: actor_of(ref).seen[-1:] == [0])
        assert actor_of(ref).seen == [3, 2, 1, 0]

    def test_a_full_mailbox_of_ones_own_raises_in_the_handler(self) -> None:
        class Greedy(Recorder):
            mailbox_messages = 2

            def on_receive(self, message: Any) -> Any:
                for number in range(3):
                    self.actor_ref.tell(number)

        ref = Greedy.start()
        with pytest.raises(MailboxFull):
            ref.ask("go", timeout=DEADLINE)

    @pytest.mark.parametrize(
        ("name", "value", "accepted"),
        [
            ("mailbox_messages", 0, "a whole number above 0"),
            ("mailbox_bytes", -1, "a whole number above 0"),
            ("mailbox_policy", "rejct", "'reject' or 'drop' or 'stop'"),
        ],
    )
    def test_a_declaration_that_means_nothing_is_refused(
        self, name: str, value: Any, accepted: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            type("Odd", (Actor,), {name: value})
        assert str(caught.value) == f"Odd.{name} = {value!r}: must be {accepted}"
