"""The budget that all bodies in progress share."""

from __future__ import annotations

import pytest

from transports.http.shared import SMALL_BODY, Bodies

LARGE = SMALL_BODY + 1


class Upload:
    def __init__(self) -> None:
        self.refused = 0

    def refuse_body(self) -> None:
        self.refused += 1


def uploads(count: int) -> list[Upload]:
    return [Upload() for _ in range(count)]


def refused(among: list[Upload]) -> list[int]:
    return [number for number, upload in enumerate(among) if upload.refused]


@pytest.mark.parametrize(("size", "goes"), [(-1, []), (0, []), (1, [0])])
def test_budget_is_for_all_bodies_together(size: int, goes: list[int]) -> None:
    several, bodies = uploads(3), Bodies(3 * LARGE)
    for number, upload in enumerate(several[:2]):
        bodies.grown(upload, LARGE, float(number))
    bodies.grown(several[2], LARGE + size, 2.0)
    assert refused(several) == goes


@pytest.mark.parametrize(("size", "goes"), [(-1, []), (0, []), (1, [0])])
def test_small_body_is_never_refused(size: int, goes: list[int]) -> None:
    several, bodies = uploads(1), Bodies(1000)
    bodies.grown(several[0], SMALL_BODY + size, 0.0)
    assert refused(several) == goes
    assert bodies.total == (0 if goes else SMALL_BODY + size)


def test_what_occupies_most_for_longest_goes_not_the_newcomer() -> None:
    several, bodies = uploads(4), Bodies(10 * LARGE)
    bodies.grown(several[0], LARGE, 0.0)  # small enough, though old
    bodies.grown(several[1], 4 * LARGE, 1.0)  # large and slow
    bodies.grown(several[2], 5 * LARGE, 9.0)  # larger, and fast
    bodies.grown(several[3], LARGE, 10.0)
    assert refused(several) == [1]
    assert bodies.total == 7 * LARGE


def test_among_those_of_the_same_moment_the_largest_goes() -> None:
    several, bodies = uploads(3), Bodies(4 * LARGE)
    for upload, size in zip(several, (LARGE, 2 * LARGE, 2 * LARGE - 1), strict=True):
        bodies.grown(upload, size, 5.0)
    assert refused(several) == [1]


def test_small_bodies_have_others_make_room() -> None:
    several, bodies = uploads(2), Bodies(LARGE)
    bodies.grown(several[0], LARGE, 0.0)
    bodies.grown(several[1], 1, 0.0)
    assert refused(several) == [0]
    assert bodies.total == 1


def test_as_many_go_as_must_and_each_is_told_once() -> None:
    several, bodies = uploads(4), Bodies(4 * LARGE)
    for number, upload in enumerate(several[:3]):
        bodies.grown(upload, LARGE, float(number))
    bodies.grown(several[3], 3 * LARGE, 3.0)
    assert [upload.refused for upload in several] == [1, 1, 0, 0]


def test_what_has_come_in_whole_counts_no_more() -> None:
    several, bodies = uploads(2), Bodies(2 * LARGE)
    for step in range(10):
        bodies.grown(several[0], 2 * LARGE, float(step))
        bodies.forget(several[0])
        bodies.forget(several[0])
        bodies.forget(several[1])
    bodies.grown(several[1], 1, 0.0)
    bodies.forget(several[0])
    assert refused(several) == []
    assert bodies.total == 1
