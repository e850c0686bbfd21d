"""What all tests may use: our own test kit, as an application's tests do."""

from __future__ import annotations

import gc

import hypothesis  # noqa: F401 - before the freeze: it looks for who refers to what others give it

from tests.support.measured import let_threads_end

pytest_plugins = ["actors.testing"]


def pytest_configure() -> None:
    let_threads_end()


def pytest_collection_finish() -> None:
    """Keep what was collected out of the collector's way: thousands of tests are many objects.

    Every full collection would walk over them, and many tests ask for one.
    """
    gc.collect()
    gc.freeze()
