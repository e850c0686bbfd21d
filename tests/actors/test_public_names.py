"""What applications import from ``actors``: by name, when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import actors
from tests.support.command import unmeasured

PROMISED = [
    "Drainer", "HTTPOptions", "Result", "SessionOptions", "pubsub", "registry", "telemetry",
]  # fmt: skip
LIGHT = """
import sys, actors
heavy = {"gevent", "greenlet", "pykka", "msgpack", "orjson", "transports", "supervision"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("name", actors.__all__)
def test_every_name_can_be_imported(name: str) -> None:
    assert getattr(actors, name) is not None
    assert name in dir(actors)


@pytest.mark.parametrize("name", PROMISED)
def test_what_applications_name_is_there(name: str) -> None:
    assert name in actors.__all__
    code = f"import actors; print(actors.{name} is not None); from actors import {name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_importing_actors_imports_nothing_heavy() -> None:
    # Measuring coverage, which a child would do as well, imports gevent on its own account.
    environ = unmeasured()
    command = [sys.executable, "-c", LIGHT]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_registry_shows_what_is_for_applications() -> None:
    assert actors.registry.__all__ == [
        "count", "get_all", "get_by_class", "get_by_urn", "stop_all"
    ]  # fmt: skip
    assert all(hasattr(actors.registry, name) for name in actors.registry.__all__)
    assert not hasattr(actors.registry, "unregister")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'actors' has no attribute 'Sokcet'"):
        _ = actors.Sokcet
