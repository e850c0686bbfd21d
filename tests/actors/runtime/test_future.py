"""The future: set once, read often, by greenlets and by native threads."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

import gevent
import pykka
import pytest
from pykka import get_all

from actors.runtime import Future, get_dispatcher
from tests.support.recorder import joined
from tests.support.waiting import DEADLINE, eventually


class TestSetting:
    def test_is_set_once(self) -> None:
        future: Future[int] = Future()
        assert not future.ready()
        future.set(1)
        assert future.ready()
        assert future.get() == future.get() == 1

    @pytest.mark.parametrize(
        "second",
        [
            lambda future: future.set(2),
            lambda future: future.set_exception((ValueError, None, None)),
            lambda future: future.set_get_hook(lambda timeout: 2),
        ],
        ids=["set", "set_exception", "set_get_hook"],
    )
    @pytest.mark.parametrize(
        "first",
        [lambda future: future.set(1), lambda future: future.set_get_hook(lambda timeout: 1)],
        ids=["set", "set_get_hook"],
    )
    def test_a_second_time_is_refused(
        self, first: Callable[[Any], None], second: Callable[[Any], None]
    ) -> None:
        future: Future[int] = Future()
        first(future)
        with pytest.raises(RuntimeError, match="set already"):
            second(future)
        assert future.get() == 1

    def test_takes_the_exception_being_handled(self) -> None:
        future: Future[int] = Future()
        try:
            {}["k"]
        except KeyError:
            future.set_exception()
        with pytest.raises(KeyError):
            future.get(timeout=DEADLINE)

    def test_takes_a_class_and_makes_the_exception(self) -> None:
        future: Future[int] = Future()
        future.set_exception((ValueError, None, None))
        with pytest.raises(ValueError):
            future.get()

    def test_without_an_exception_there_is_none_to_set(self) -> None:
        future: Future[int] = Future()
        with pytest.raises(RuntimeError, match="no exception"):
            future.set_exception()
        assert not future.ready()

    def test_reading_an_exception_often_does_not_make_it_grow(self) -> None:
        future: Future[int] = Future()
        future.set_exception((ValueError, ValueError(), None))
        lengths = []
        for _ in range(3):
            with pytest.raises(ValueError) as caught:
                future.get()
            lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
        assert len(set(lengths)) == 1

    def test_one_of_many_setters_wins(self) -> None:
        future: Future[int] = Future()
        barrier = threading.Barrier(8)
        won: list[int] = []

        def setting(number: int) -> None:
            barrier.wait(DEADLINE)
            try:
                future.set(number)
            except RuntimeError:
                return
            won.append(number)

        threads = [threading.Thread(target=setting, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert won == [future.get()]


class TestWaiting:
    def test_times_out(self) -> None:
        future: Future[int] = Future()
        with pytest.raises(pykka.Timeout, match=r"0\.001 seconds"):
            future.get(timeout=0.001)
        with pytest.raises(pykka.Timeout):
            future.get(timeout=0)

    def test_many_greenlets_wait_for_one(self) -> None:
        future: Future[int] = Future()
        waiting = [gevent.spawn(future.get, timeout=DEADLINE) for _ in range(10)]
        gevent.idle()
        future.set(1)
        assert [greenlet.get(timeout=DEADLINE) for greenlet in waiting] == [1] * 10

    def test_many_threads_wait_for_one(self) -> None:
        future: Future[int] = Future()
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(future.get(timeout=DEADLINE)))
            for _ in range(10)
        ]
        for thread in threads:
            thread.start()
        eventually(lambda: len(future._locks) == 10)
        future.set(1)
        for thread in threads:
            joined(thread)
        assert found == [1] * 10

    @pytest.mark.parametrize("timeout", [-1, 0, 0.001])
    def test_a_thread_times_out(self, timeout: float) -> None:
        future: Future[int] = Future()
        caught: list[BaseException] = []

        def waiting() -> None:
            try:
                future.get(timeout=timeout)
            except pykka.Timeout as error:
                caught.append(error)

        thread = threading.Thread(target=waiting)
        thread.start()
        thread.join(DEADLINE)
        assert len(caught) == 1

    def test_a_greenlet_is_woken_by_a_thread(self) -> None:
        future: Future[int] = Future()
        waiting = gevent.spawn(future.get, timeout=DEADLINE)
        eventually(lambda: future._event is not None)
        threading.Thread(target=future.set, args=(1,)).start()
        assert waiting.get(timeout=DEADLINE) == 1

    def test_set_between_the_look_and_the_wait_is_not_lost(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        future: Future[int] = Future()
        on_this_thread = get_dispatcher().on_this_thread

        def meanwhile() -> bool:
            if not future.ready():
                thread = threading.Thread(target=future.set, args=(1,))
                thread.start()
                thread.join(DEADLINE)
            return on_this_thread()

        monkeypatch.setattr(get_dispatcher(), "on_this_thread", meanwhile)
        with gevent.Timeout(DEADLINE):
            assert future.get() == 1

    def test_set_between_the_look_and_the_wait_of_a_thread_is_not_lost(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        future: Future[int] = Future()
        found: list[int] = []

        def meanwhile() -> bool:
            if not future.ready():
                future.set(1)
            return False

        monkeypatch.setattr(get_dispatcher(), "on_this_thread", meanwhile)
        thread = threading.Thread(target=lambda: found.append(future.get(timeout=DEADLINE)))
        thread.start()
        thread.join(DEADLINE)
        assert found == [1]


class TestHooks:
    def test_maps_filters_reduces_and_joins_as_pykkas(self) -> None:
        numbers: Future[Any] = Future()
        doubled = numbers.map(lambda values: [value * 2 for value in values])
        even = numbers.filter(lambda value: value % 2 == 0)
        total = numbers.reduce(lambda a, b: a + b, 0)
        other: Future[int] = Future()
        both = other.join(numbers)
        numbers.set([1, 2, 3])
        other.set(7)
        assert doubled.get(timeout=DEADLINE) == [2, 4, 6]
        assert even.get(timeout=DEADLINE) == [2]
        assert total.get(timeout=DEADLINE) == 6
        assert both.get(timeout=DEADLINE) == [7, [1, 2, 3]]
        assert get_all([doubled, even], timeout=DEADLINE) == [[2, 4, 6], [2]]

    def test_a_hook_that_is_set_late_wakes_who_waits(self) -> None:
        future: Future[int] = Future()
        waiting = gevent.spawn(future.get, timeout=DEADLINE)
        eventually(lambda: future._event is not None)
        future.set_get_hook(lambda timeout: 5)
        assert waiting.get(timeout=DEADLINE) == 5

    def test_a_mapped_future_passes_the_timeout_on(self) -> None:
        future: Future[int] = Future()
        with pytest.raises(pykka.Timeout):
            future.map(lambda value: value).get(timeout=0.001)
