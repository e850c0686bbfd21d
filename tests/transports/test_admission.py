"""Who is in, in all and of each address."""

from __future__ import annotations

import pytest

from transports.tcp.admission import PER_ADDRESS, TOTAL, Admission, Bound


def admitted(*addresses: str) -> Admission:
    admission = Admission()
    for address in addresses:
        admission.enter(address)
    return admission


@pytest.mark.parametrize(
    ("most", "most_each", "bound"),
    [
        (2, None, TOTAL),
        (3, None, TOTAL),
        (4, None, None),
        (None, 1, PER_ADDRESS),
        (None, 2, PER_ADDRESS),
        (None, 3, None),
        (None, None, None),
        (3, 2, TOTAL),
    ],
)
def test_a_bound_is_reached_when_as_many_are_in(
    most: int | None, most_each: int | None, bound: Bound | None
) -> None:
    assert admitted("a", "b", "a").reached("a", most, most_each) is bound


def test_who_leaves_makes_room_for_its_address_and_for_all() -> None:
    admission = admitted("a", "a", "b")
    admission.leave("a")
    assert (admission.count, admission.reached("a", 3, 2)) == (2, None)
    admission.leave("a")
    admission.leave("b")
    assert (admission.count, admission._per_address) == (0, {})


def test_an_address_that_is_new_has_its_own_share() -> None:
    assert admitted("a", "a").reached("b", None, 1) is None
