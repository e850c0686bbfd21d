"""What tests of drills share."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def listening():
    """A socket that listens at a free port."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock
