"""The code reloader, on a served application whose files change."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.raw import CLOSE, TEXT, Client, frame
from tests.support.server import serve

APP = """
from actors import Endpoint, Ok, Reply, Socket
from {package}.words import WORD

class Talk(Socket):
    def handle_in(self, payload, opcode):
        return Reply(WORD + payload)

endpoint = Endpoint(code_reloader={reload}, secret_key_base=("s" * 32,))
endpoint.socket("/talk", Talk)
"""


@pytest.fixture
def application(tmp_path: Path, monkeypatch: Any) -> Any:
    """Write an application package and import it; return (words.py, its module)."""
    package = f"app_{tmp_path.name.replace('-', '_')}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    root = tmp_path / package
    root.mkdir()
    (root / "__init__.py").touch()
    words = root / "words.py"
    words.write_text("WORD = 'one '\n")

    def load(*, reload: bool = True) -> Any:
        (root / "app.py").write_text(APP.format(package=package, reload=reload))
        importlib.invalidate_caches()
        return importlib.import_module(f"{package}.app")

    yield words, load
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]


def say(client: Client, text: str) -> bytes:
    client.send(frame(TEXT, text))
    return client.frame().payload


def test_changed_code_serves_the_next_connection_and_the_old_one_ends_with_1012(application):
    words, load = application
    with serve(load().endpoint) as served, Client(served.address) as old:
        old.upgrade("/talk/websocket")
        assert say(old, "x") == b"one x"
        words.write_text("WORD = 'two '\n")  # same size, same second
        with Client(served.address) as new:
            assert new.upgrade("/talk/websocket").status == 101
            assert say(new, "x") == b"two x"
        ended = old.frame()
        assert (ended.opcode, ended.code) == (CLOSE, 1012)


def test_nothing_changes_without_a_change(application):
    _, load = application
    with serve(load().endpoint) as served, Client(served.address) as one:
        one.upgrade("/talk/websocket")
        with Client(served.address) as other:
            other.upgrade("/talk/websocket")
            assert say(other, "x") == b"one x"
        assert say(one, "y") == b"one y"


def test_broken_code_is_a_500_that_says_why_until_it_is_mended(application, caplog):
    words, load = application
    with serve(load().endpoint) as served:
        words.write_text("WORD = \n")
        for _ in range(2):
            with Client(served.address) as client:
                answer = client.upgrade("/talk/websocket")
                assert answer.status == 500
                assert b"SyntaxError" in answer.body
        words.write_text("WORD = 'mended '\n")
        with Client(served.address) as client:
            client.upgrade("/talk/websocket")
            assert say(client, "x") == b"mended x"


def test_without_the_option_nothing_is_reloaded(application):
    words, load = application
    with serve(load(reload=False).endpoint) as served:
        words.write_text("WORD = 'two '\n")
        with Client(served.address) as client:
            client.upgrade("/talk/websocket")
            assert say(client, "x") == b"one x"


def test_deleted_file_is_not_the_servers_end(application):
    words, load = application
    with serve(load().endpoint) as served:
        words.unlink()
        with Client(served.address) as client:
            assert client.upgrade("/talk/websocket").status == 500
        words.write_text("WORD = 'back '\n")
        with Client(served.address) as client:
            client.upgrade("/talk/websocket")
            assert say(client, "x") == b"back x"
