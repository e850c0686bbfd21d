"""After each test of supervision nothing lives that did not before."""

from __future__ import annotations

from typing import Any

import pytest

from actors.runtime import get_dispatcher, registry


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Any:
    get_dispatcher()  # it belongs to the thread that asks first: not to one of a test's own
    before = registry.count()
    yield
    for ref in registry.get_all():
        ref.kill()
    assert registry.count() <= before
