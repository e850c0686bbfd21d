"""A broadcast in a process that serves nothing: a mistake, which says what to do instead."""

from __future__ import annotations

import subprocess
import sys

import pytest

from actors import Actor
from actors.pubsub.front import PubSub
from tests.support.command import DEADLINE, ROOT, unmeasured


class Listener(Actor):
    pass


@pytest.fixture
def pubsub() -> PubSub:
    return PubSub("here")


def test_a_broadcast_of_plain_values_is_a_mistake(pubsub):
    with pytest.raises(RuntimeError, match="nothing is served in this process"):
        pubsub.broadcast("topic", "hi")


def test_a_broadcast_to_channels_is_a_mistake_that_names_the_ways(pubsub):
    with pytest.raises(RuntimeError) as caught:
        pubsub.broadcast_event("topic", "said", {})
    for way in ("actors.publish.Publisher", "python -m actors.endpoint broadcast", "docs/publish"):
        assert way in str(caught.value)


def test_a_local_broadcast_reaches_nobody_as_it_says(pubsub):
    assert pubsub.local_broadcast("topic", "hi") == 0
    pubsub.broadcast_event("topic", "said", {}, local=True)


def test_what_may_not_be_sent_is_said_first(pubsub):
    with pytest.raises(TypeError):
        pubsub.broadcast("topic", object())


def test_a_subscriber_counts_and_counts_when_it_has_ended(pubsub):
    ref = Listener.start()
    pubsub.subscribe(ref, "another topic")
    pubsub.broadcast("topic", "hi")
    ref.stop()
    pubsub.broadcast("another topic", "hi")
    pubsub.broadcast_event("another topic", "said", {})


def alone(code: str) -> str:
    """Run ``code`` in a process of its own; return what it printed."""
    environ = unmeasured()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True,
        timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SERVER = """
import socket
from actors.endpoint.serving.server import Server
Server(endpoint, socket.create_server(("127.0.0.1", 0))).start()
"""

SCRIPT = """
from actors import Endpoint, pubsub
endpoint = Endpoint()
{before}
for broadcast in (
    lambda: endpoint.broadcast("t", "e"), lambda: endpoint.disconnect("user:7"),
    lambda: pubsub.broadcast("t", "hi"),
):
    try:
        broadcast()
    except RuntimeError:
        print("refused", end=" ")
    else:
        print("sent", end=" ")
"""


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("", "refused refused refused"),
        ("endpoint.wsgi()", "refused refused refused"),
        ("endpoint.wsgi(); endpoint.start()", "sent sent sent"),
        ("from gevent import monkey; monkey.patch_all(); endpoint.wsgi()", "sent sent sent"),
        ("from actors.testing.stage import Stage; Stage()", "sent sent sent"),
        (SERVER, "sent sent sent"),
    ],
    ids=["script", "wsgi", "started", "on-gevent", "test-kit", "server"],
)
def test_who_serves_may_broadcast(before, said):
    assert alone(SCRIPT.format(before=before)) == said
