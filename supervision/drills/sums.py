"""What the text of ``/metrics`` says of sums that must not fall."""

from __future__ import annotations

from typing import Final

ANEW: Final = "roost_ops_cpu_seconds_total"
"""What begins anew in a reload, as that replaces the ops process, whose own it is."""

RISING: Final = ("counter", "histogram")
"""The types of metrics whose samples never fall."""


def rising(text: str) -> dict[str, float]:
    """Return the samples of the text format that never fall, by name and labels as written.

    But the processor time of the ops process.
    """
    types: dict[str, str] = {}
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            types[name] = kind
        elif line and not line.startswith("#"):
            key, _, value = line.rpartition(" ")
            if key != ANEW and types.get(_family(key.partition("{")[0], types)) in RISING:
                found[key] = float(value)
    return found


def _family(name: str, types: dict[str, str]) -> str:
    """Return whose sample this is: a histogram's have a suffix."""
    if name in types:
        return name
    return name.rpartition("_")[0]


def total(samples: dict[str, float], name: str) -> float:
    """Return the sum of the samples of ``name``, or that with these labels."""
    return sum(value for key, value in samples.items() if name in (key, key.partition("{")[0]))


def fallen(before: dict[str, float], now: dict[str, float]) -> list[str]:
    """Return which samples are less than before, or gone."""
    return [
        f"{key}: {value:g} -> {now.get(key, 'gone')}"
        for key, value in before.items()
        if now.get(key, -1.0) < value
    ]
