"""``python -m actors.endpoint broadcast``: what a shell and cron see."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.endpoint.publish_app import KEY
from tests.actors.endpoint.publish_app import PATH as API
from tests.support.channels import ChannelClient
from tests.support.command import DEADLINE, ROOT, Command, unmeasured

pytestmark = pytest.mark.slow  # of the Makefile's ELSEWHERE

APP = "tests.actors.endpoint.publish_app:endpoint"


@pytest.fixture(scope="module")
def server() -> Iterator[Command]:
    with (
        tempfile.TemporaryDirectory() as place,
        Command(APP, "--publish", f"{place}/app.sock", workers=2) as command,
    ):
        command.path = f"unix:{place}/app.sock"
        yield command


def broadcast(*arguments: str, stdin: bytes = b"", key: str | None = None) -> tuple[int, str, str]:
    """Run it; return its exit status, and what it said on both streams."""
    environ = unmeasured()
    environ.pop("ROOST_PUBLISH_KEY", None)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "actors.endpoint", "broadcast", *arguments],
        cwd=ROOT,
        env=environ | ({} if key is None else {"ROOST_PUBLISH_KEY": key}),
        input=stdin,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    lines = done.stderr.decode().splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time")}
    assert not imported & {"gevent", "greenlet", "pykka", "orjson", "msgpack"}
    said = "\n".join(line for line in lines if not line.startswith("import time"))
    return done.returncode, done.stdout.decode(), said


@pytest.fixture
def client(server) -> Iterator[Any]:
    with ChannelClient(server.address, "/socket/websocket?user=ada") as made:
        made.join("room:1")
        yield made


def test_it_publishes_over_the_socket_and_prints_the_receipt(server, client):
    server.wait_for("2 workers are ready")
    status, said, error = broadcast("--to", server.path, "room:1", "said", '{"by": "a shell"}')
    assert (status, json.loads(said), error) == (0, {"accepted": 1, "workers": 2}, "")
    assert client.event("said") == {"by": "a shell"}


def test_it_publishes_to_a_url_with_the_key_of_the_environment(server, client):
    status, _, error = broadcast("--to", f"{server.url}{API}", "room:1", "said", key=KEY)
    assert (status, error) == (0, "")
    assert client.event("said") == {}


def test_it_reads_standard_input(server, client):
    sent = '{"by": "stdin: hé"}'.encode()
    assert broadcast("--to", server.path, "room:1", "said", "-", stdin=sent)[0] == 0
    assert client.event("said") == {"by": "stdin: hé"}


def test_disconnect_is_an_event(server, client):
    assert broadcast("--to", server.path, "user:ada", "disconnect")[0] == 0
    with pytest.raises(EOFError, match="1001"):
        client.event("never")


@pytest.mark.parametrize("key", [None, "", "another-key-than-that"])
def test_without_the_key_it_is_2_and_the_key_is_not_shown(server, key):
    status, said, error = broadcast("--to", f"{server.url}{API}", "room:1", "said", key=key)
    assert (status, said) == (2, "")
    assert "refused with 401: a key is wanted" in error
    assert not key or key not in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["room:1", "phx_reply"], "broadcast: event 'phx_reply': is reserved"),
        (["phoenix", "said"], "broadcast: topic 'phoenix': is reserved"),
        (["room:1", "said", "[]"], "broadcast: JSON: must be an object"),
        (["room:1", "said", "{"], "broadcast: JSON: Expecting property name"),
        (["room:1", "said", '{"x": NaN}'], "broadcast: JSON: NaN is no JSON"),
        (["room:1", "said", "[" * 100_000], "broadcast: JSON:"),
        (["room:1", "said", "-"], "broadcast: JSON:"),
        (["room:1", "said", '{"x": "' + "x" * 100_000 + '"}', "more"], "unrecognized arguments"),
        (["room:1"], "broadcast: the following arguments are required: EVENT"),
        (["--timeout", "0", "room:1", "said"], "must be a number of seconds above 0"),
        (["--nothing", "room:1", "said"], "broadcast: unknown option '--nothing'"),
        (["--timeuot=1", "room:1", "said"], "option '--timeuot' (did you mean '--timeout'?)"),
        (["--timeout", "1e10", "room:1", "said"], "above 0, and at most 86400"),
        (["room:\udcff", "said"], "broadcast: TOPIC: must be UTF-8"),
        (["room:1", "s\udcff"], "broadcast: EVENT: must be UTF-8"),
        (["room:1", "said", '{"x": "\udcff"}'], "broadcast: there is no JSON of it: 'utf-8'"),
        (["user:ada", "disconnect", '{"a": 1}'], "broadcast: JSON: 'disconnect' takes no payload"),
    ],
)  # fmt: skip
def test_what_is_not_acceptable_is_2_and_one_line(server, arguments, said):
    status, out, error = broadcast("--to", server.path, *arguments)
    assert (status, out) == (2, "")
    assert said in error
    assert error.startswith("roost: ")
    assert len(error.splitlines()) == 1


def test_a_place_is_needed_and_must_be_one():
    assert broadcast("room:1", "said")[0] == 2
    status, _, error = broadcast("--to", "ftp://x", "room:1", "said")
    assert (status, error.partition(";")[0]) == (
        2, "roost: to: must be 'unix:/run/app.sock' or 'https://example.com/api/broadcast'",
    )  # fmt: skip


def test_a_misspelt_place_is_named_and_not_said_to_be_missing():
    status, _, error = broadcast("--too", "unix:/x", "room:1", "said")
    assert (status, error) == (
        2, "roost: broadcast: unknown option '--too' (did you mean '--to'?)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("redirected", "said"),
    [("<&-", "standard input is closed"), ("0>/dev/null", "standard input")],
)
def test_standard_input_that_cannot_be_read_is_2_and_one_line(redirected, said):
    command = f"{sys.executable} -m actors.endpoint broadcast --to unix:/x t e - {redirected}"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"roost: broadcast: JSON: {said}")
    assert len(done.stderr.splitlines()) == 1


def test_where_nobody_serves_it_is_1(tmp_path):
    status, out, error = broadcast("--to", f"unix:{tmp_path}/x", "room:1", "said")
    assert (status, out) == (1, "")
    assert error == f"roost: unix:{tmp_path}/x: nobody serves there (No such file or directory)"


def test_its_help_names_the_variable_and_shows_no_usage_error():
    status, said, _ = broadcast("--help")
    assert status == 0
    assert "ROOST_PUBLISH_KEY" in said


def test_the_servers_help_names_it():
    done = subprocess.run(
        [sys.executable, "-m", "actors.endpoint", "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=True,
    )  # fmt: skip
    assert "broadcast --help" in done.stdout
