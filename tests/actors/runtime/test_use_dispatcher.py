"""A test may put its own dispatcher in the place of the process's."""

from __future__ import annotations

from actors.runtime.dispatcher import Dispatcher, get_dispatcher, use_dispatcher


def test_another_dispatcher_takes_the_place_until_it_is_given_back():
    mine = get_dispatcher()
    other = Dispatcher()
    assert use_dispatcher(other) is mine
    try:
        assert get_dispatcher() is other
    finally:
        assert use_dispatcher(mine) is other
    assert get_dispatcher() is mine
    for watcher in (other._watcher, other._timer, other._next_turn, other._async, other._prepare):
        watcher.close()
    other.close_epoll()
