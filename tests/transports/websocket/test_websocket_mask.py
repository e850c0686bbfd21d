"""Masking, with and without the part of ``websockets`` that is in C."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.speedups import apply_mask as in_c

from tests.architecture.sources import ROOT
from transports.websocket import mask as ours

WITHOUT = """
import sys
sys.modules["websockets.speedups"] = None  # importing it is an ImportError

from transports.websocket import mask, protocol
from transports.websocket.options import WebSocketOptions
from tests.support.raw import BINARY, TEXT, frame

assert mask.apply_mask.__module__ == "transports.websocket.mask"
server = protocol.Protocol(WebSocketOptions(), lambda: 0.0)
data = frame(TEXT, "short") + frame(TEXT, "x" * 5000) + frame(BINARY, b"y" * 70_000)
assert server.receive_data(frame(TEXT, "one")) == ["one"]
assert server.receive_data(data) == ["short", "x" * 5000, b"y" * 70_000]
print("served")
"""


@pytest.fixture(scope="module")
def plain() -> Iterator[ModuleType]:
    """The module as it is where the C part is missing."""
    kept = sys.modules["websockets.speedups"]
    sys.modules["websockets.speedups"] = None  # type: ignore[assignment] # an ImportError
    try:
        yield importlib.reload(ours)
    finally:
        sys.modules["websockets.speedups"] = kept
        importlib.reload(ours)


def test_websockets_without_its_c_part_serve_as_well() -> None:
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert (found.stdout, found.stderr) == ("served\n", "")


@given(data=st.binary(max_size=300), mask=st.binary(min_size=4, max_size=4))
def test_both_ways_of_masking_agree(plain: ModuleType, data: bytes, mask: bytes) -> None:
    masked = plain.apply_mask(data, mask)
    assert type(masked) is bytes
    assert masked == in_c(data, mask) == plain.apply_mask(memoryview(data), mask)
    assert plain.apply_mask(masked, mask) == data
