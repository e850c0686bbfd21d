"""Watching: each monitor is told once, and nothing is kept of it."""

from __future__ import annotations

import gevent

from actors.messages import Down
from actors.reasons import NOPROC, SHUTDOWN
from actors.runtime.mailbox import weigh
from tests.support.recorder import Recorder, actor_of, wait_until_down, watched
from tests.support.waiting import DEADLINE, eventually


class TestMonitor:
    def test_of_the_dead_answers_at_once(self) -> None:
        ref, watcher = Recorder.start(), Recorder.start()
        ref.stop(timeout=DEADLINE)
        number = actor_of(watcher).monitor(ref)
        down = wait_until_down(watcher)
        assert (down.monitor, down.reason) == (number, NOPROC)

    def test_demonitor_ends_it(self) -> None:
        ref, watcher = Recorder.start(), Recorder.start()
        actor_of(watcher).demonitor(actor_of(watcher).monitor(ref))
        ref.kill()
        watcher.ask("done", timeout=DEADLINE)
        assert actor_of(watcher).seen == ["done"]

    def test_a_watcher_that_ends_is_forgotten(self) -> None:
        ref, watcher = Recorder.start(), Recorder.start()
        actor_of(watcher).monitor(ref)
        watcher.stop(timeout=DEADLINE)
        assert actor_of(ref).actor_inbox.monitors.watchers == {}
        ref.kill()

    def test_down_passes_a_full_mailbox(self) -> None:
        class Small(Recorder):
            mailbox_messages = 1

        ref, watcher = Recorder.start(), Small.start()
        actor_of(watcher).monitor(ref)
        watcher.tell("fills it")
        ref.kill()
        with gevent.Timeout(DEADLINE):
            while len(actor_of(watcher).seen) < 2:
                gevent.idle()
        assert isinstance(actor_of(watcher).seen[1], Down)

    def test_each_monitor_is_told_once_with_its_number(self) -> None:
        ref, watcher = Recorder.start(), Recorder.start()
        numbers = [actor_of(watcher).monitor(ref) for _ in range(3)]
        ref.kill()
        watcher.ask("end", timeout=DEADLINE)
        assert [d.monitor for d in actor_of(watcher).seen[:-1]] == numbers

    def test_of_one_that_is_ending_tells_its_reason(self) -> None:
        class Lingering(Recorder):
            def on_stop(self) -> None:
                self.entered.set()
                self.release.wait()

        ref = Lingering.start()
        ref.exit()
        assert actor_of(ref).entered.wait(DEADLINE)
        watcher = watched(ref)
        actor_of(ref).release.set()
        assert wait_until_down(watcher).reason == SHUTDOWN

    def test_by_one_that_has_ended_is_not_kept(self) -> None:
        ref, watcher = Recorder.start(), Recorder.start()
        watcher.kill()
        actor_of(watcher).monitor(ref)
        assert actor_of(ref).actor_inbox.monitors is None

    def test_of_the_dead_by_the_dead_tells_nobody(self) -> None:
        ref, watcher = Recorder.start(), Recorder.start()
        ref.kill()
        watcher.kill()
        actor_of(watcher).monitor(ref)
        assert actor_of(watcher).actor_inbox.empty()

    def test_demonitor_of_what_is_not_watched_does_nothing(self) -> None:
        watcher = Recorder.start()
        actor_of(watcher).demonitor(12345)
        assert watcher.ask("on", timeout=DEADLINE) == "on"

    def test_of_a_cycle_leaves_nothing_when_both_end(self) -> None:
        one, two = Recorder.start(), Recorder.start()
        actor_of(one).monitor(two)
        actor_of(two).monitor(one)
        one.kill()
        assert isinstance(wait_until_down(two), Down)
        assert actor_of(two).actor_inbox.monitors.watched == {}
        assert actor_of(two).actor_inbox.monitors.watchers == {}

    def test_notice_weighs_nothing(self) -> None:
        ref, watcher = Recorder.start(), Recorder.start()
        actor_of(watcher).monitor(ref)
        watcher.tell("first")
        ref.kill()
        watcher.tell("last")
        inbox = actor_of(watcher).actor_inbox
        assert inbox.told == 3
        assert inbox.weight == weigh("first") + weigh("last")
        eventually(inbox.empty)
        assert (inbox.told, inbox.weight) == (0, 0)
