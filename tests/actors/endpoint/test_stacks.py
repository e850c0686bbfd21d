"""The stacks that SIGUSR1 asks for: where everything is, and what nobody should read there."""

from __future__ import annotations

import os

import gevent
import pytest
from gevent.event import Event
from gevent.local import local

from actors.endpoint.command import stacks

WAITING = 5


@pytest.fixture
def waiting():
    """Have greenlets wait in ``waits_here``, each with values of its own; return where they are."""
    values, over = local(), Event()

    def waits_here(value):
        values.one = value
        over.wait()

    def begin(*given):
        greenlets.extend(gevent.spawn(waits_here, value) for value in given)
        gevent.idle()

    greenlets = []
    yield begin
    over.set()
    gevent.joinall(greenlets)


def dumped():
    said = []
    stacks.dump_stacks(said.append)
    (text,) = said
    return text


def test_threads_and_greenlets_are_there_and_those_at_one_place_are_counted(waiting):
    waiting(*range(WAITING))
    text = dumped()
    assert text.startswith(f"stacks of process {os.getpid()}:\nthread ")
    assert "in dumped\n" in text
    part = text.partition(f"\n{WAITING} greenlets:\n")[2]
    assert "in waits_here\n    over.wait()\n" in part
    assert text.count("in waits_here") == 1


class Unshowable:
    def __repr__(self):
        raise AssertionError("nobody is to ask for it")


def test_no_value_is_shown_or_asked_how_it_looks(waiting):
    waiting({"password": "5f2a77"}, "\x1b[2J", "x" * 2_000_000, Unshowable())
    text = dumped()
    assert "\n4 greenlets:\n" in text
    assert "5f2a77" not in text
    assert "\x1b" not in text
    assert len(text) < stacks.MAX_TEXT


def test_what_has_no_room_is_counted(waiting, monkeypatch):
    waiting(1)
    monkeypatch.setattr(stacks, "MAX_TEXT", 10)
    first, last = dumped().splitlines()
    assert first == f"stacks of process {os.getpid()}:"
    assert last.startswith("and ")
    assert last.endswith(" more")


def test_deep_stack_is_cut_where_it_began(monkeypatch):
    monkeypatch.setattr(stacks, "MAX_FRAMES", 3)

    def dive(left):
        return dive(left - 1) if left else dumped()

    assert dive(20).count("in dive") == 0  # dumped, dump_stacks, _threads
    monkeypatch.setattr(stacks, "MAX_FRAMES", 10)
    assert dive(20).count("dive(left - 1)") <= 10
