from __future__ import annotations

import time

import pytest

from transports.http.grammar import split


@pytest.mark.parametrize(
    ("values", "tokens"),
    [
        ([], []),
        ([""], []),
        (["upgrade"], ["upgrade"]),
        (["keep-alive, Upgrade"], ["keep-alive", "Upgrade"]),
        (["a,b", "c"], ["a", "b", "c"]),
        ([" a \t,, b ,"], ["a", "b"]),
        (["a b"], ["a b"]),
    ],
)
def test_values_of_a_header_become_one_list(values: list[str], tokens: list[str]) -> None:
    assert split(values) == tokens


@pytest.mark.parametrize("count", [31, 32])
def test_32_tokens_are_taken(count: int) -> None:
    assert split([",".join(["t"] * count)]) == ["t"] * count


@pytest.mark.parametrize("values", [[",".join(["t"] * 33)], ["t"] * 33, ["," * 32]])
def test_33_tokens_are_too_many_and_empty_ones_count(values: list[str]) -> None:
    assert split(values) is None


@pytest.mark.parametrize("value", ["b" + " " * 8000, "b" + " \t" * 4000 + "b", "," * 8000])
def test_no_value_takes_more_than_linear_time(value: str) -> None:
    start = time.process_time()
    for _ in range(100):
        split([value])
    assert (time.process_time() - start) / 100 < 0.005
