"""The registry: who lives, and nobody else."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from greenlet import greenlet

from actors.reasons import SHUTDOWN
from actors.runtime import registry
from tests.support.recorder import Recorder, actor_of
from tests.support.waiting import DEADLINE


class TestFinding:
    def test_by_urn(self) -> None:
        ref = Recorder.start()
        assert registry.get_by_urn(ref.actor_urn) is ref
        ref.kill()
        assert registry.get_by_urn(ref.actor_urn) is None

    @pytest.mark.parametrize(
        "change",
        [
            lambda urn: urn.rpartition(":")[2],
            lambda urn: urn.replace("urn:roost:", "urn:roost:f"),
            lambda urn: urn.rpartition(":")[0] + ":0" + urn.rpartition(":")[2],
            lambda urn: urn + "0" * 5000,
            lambda urn: urn + "\u0661",
            lambda urn: urn + " ",
            lambda urn: "",
        ],
    )
    def test_any_other_text_finds_nobody(self, change: Any) -> None:
        assert registry.get_by_urn(change(Recorder.start().actor_urn)) is None

    def test_by_class_finds_subclasses(self) -> None:
        class Special(Recorder):
            pass

        one, two = Special.start(), Recorder.start()
        assert registry.get_by_class(Special) == [one]
        assert registry.get_by_class(Recorder) == [one, two]

    def test_an_attribute_of_the_subclass_does_not_confuse_it(self) -> None:
        class Numbered(Recorder):
            def __init__(self) -> None:
                super().__init__()
                self.number = self.monitors = self.asker = -1

        ref = Numbered.start()
        assert registry.get_by_urn(ref.actor_urn) is ref
        ref.stop(timeout=DEADLINE)
        assert registry.get_by_class(Numbered) == []

    def test_a_look_for_some_classes_makes_no_ref_of_another_s_actor(self) -> None:
        class Special(Recorder):
            pass

        found, other = Special().on_begin(), Recorder().on_begin()
        assert registry.get_where(lambda kind: kind is Special) == [found.actor_ref]
        assert other.actor_inbox.ref is None

    def test_all_come_oldest_first_whatever_their_classes(self) -> None:
        class Special(Recorder):
            pass

        refs = [each.start() for each in (Recorder, Special, Recorder, Special)]
        assert registry.get_all() == refs
        refs[0].kill()
        assert (registry.get_all(), registry.count()) == (refs[1:], 3)

    def test_a_class_without_actors_is_forgotten(self) -> None:
        class Reloaded(Recorder):
            pass

        one, two = Reloaded.start(), Reloaded.start()
        one.kill()
        assert Reloaded in registry._cells
        two.kill()
        assert Reloaded not in registry._cells

    def test_an_actor_that_has_changed_its_class_is_forgotten_too(self) -> None:
        class Open(Recorder):
            pass

        class Closed(Recorder):
            pass

        ref = Open.start()
        actor_of(ref).__class__ = Closed
        ref.kill()
        assert registry.get_by_urn(ref.actor_urn) is None
        assert registry.count() == 0


class TestStopAll:
    def test_ends_everything_the_newest_first(self) -> None:
        order: list[Any] = []

        class Noting(Recorder):
            def on_stop(self) -> None:
                order.append(self.actor_ref)

        refs = [Noting.start() for _ in range(5)]
        assert registry.stop_all(DEADLINE)
        assert [ref.exit_reason for ref in refs] == [SHUTDOWN] * 5
        assert order == refs[::-1]

    def test_says_when_one_did_not_end(self) -> None:
        ref = Recorder.start()
        ref.tell("block")
        assert actor_of(ref).entered.wait(DEADLINE)
        assert registry.stop_all(0.01) is False


def test_churn_leaves_nothing() -> None:
    greenlets = sum(isinstance(o, greenlet) for o in gc.get_objects())
    for _ in range(2000):
        Recorder.start().stop(timeout=DEADLINE)
    gc.collect()
    assert sum(isinstance(o, greenlet) for o in gc.get_objects()) <= greenlets + 70
