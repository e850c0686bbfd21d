"""Clients are left to others as long as those do something."""

from __future__ import annotations

import pytest

from transports.tcp.patience import PATIENCE, Patience


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("more", "lasts"), [(-0.01, True), (0.0, False), (0.01, False)])
def test_patience_lasts_so_long(times, more, lasts):
    patience = Patience(times)
    assert patience.lasts(100.0, (1, 2))
    assert patience.lasts(100.0 + times * PATIENCE + more, (1, 2)) is lasts


def test_patience_is_over_where_nothing_changes_and_stays_so():
    patience = Patience()
    assert patience.lasts(100.0, ())
    assert not patience.lasts(100.0 + PATIENCE, ())
    assert not patience.lasts(101.0 + PATIENCE, ())


def test_patience_begins_anew_with_each_change():
    patience = Patience()
    patience.lasts(100.0, (1,))
    assert patience.lasts(100.0 + PATIENCE, (2,))
    assert patience.lasts(100.1 + PATIENCE, (2,))
    assert not patience.lasts(100.1 + 2 * PATIENCE, (2,))


def test_patience_begins_anew_behind_a_time_when_nobody_waited():
    patience = Patience()
    patience.lasts(100.0, (1,))
    patience.reset()
    assert patience.lasts(200.0, (1,))
