"""``endpoint.broadcast`` from code that is no callback: views, threads, and servers of others."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from actors import publish_message
from actors.errors import PublishError
from actors.publish import Publisher, Receipt
from actors.publish_message import MAX_BODY
from tests.actors.endpoint.publish_app import KEY
from tests.actors.endpoint.publish_app import PATH as API
from tests.actors.endpoint.test_publish_socket import in_each_worker
from tests.support.channels import ChannelClient
from tests.support.command import ROOT, Command, Program
from tests.support.raw import DEADLINE, Client

APP = "tests.actors.endpoint.publish_app"
GEVENT = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"

ways = pytest.mark.parametrize(
    ("path", "by"), [("/", "a view"), ("/thread", "a thread")], ids=["view", "thread"]
)


@contextmanager
def gunicorn(worker: str) -> Iterator[tuple[str, int]]:
    threads = ["--threads", "4"] if worker == "gthread" else []
    command = ["-m", "gunicorn", "-k", worker, *threads, "-b", "127.0.0.1:0",
               "--no-control-socket", "--chdir", str(ROOT), APP]  # fmt: skip
    with Program(*command) as server:
        yield "127.0.0.1", int(server.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])
        server.signal(signal.SIGTERM)
        server.ended()


@ways
def test_a_page_of_our_own_server_reaches_the_clients_of_every_worker(path, by):
    with Command(f"{APP}:endpoint", workers=2) as command, in_each_worker(command) as clients:
        with Client(command.address) as client:
            assert client.ask(path).body == b"told"
        assert [client.event("said") for client in clients] == [{"by": by}] * 2


@ways
def test_a_view_of_gunicorn_on_gevent_reaches_the_clients_beside_it(path, by):
    with gunicorn(GEVENT) as address:
        with Client(address) as client:
            assert client.ask(path).body == b"told"  # before anybody has connected
        with ChannelClient(address, "/socket/websocket") as client, Client(address) as other:
            client.join("room:1")
            assert other.ask(path).body == b"told"
            assert client.event("said") == {"by": by}


def test_gunicorn_on_gevent_takes_what_others_publish(monkeypatch):
    with gunicorn(GEVENT) as address:
        url = f"http://127.0.0.1:{address[1]}{API}"
        with Publisher(url, key=KEY) as publisher, Publisher(url) as stranger:
            with ChannelClient(address, "/socket/websocket") as client:
                client.join("room:1")
                assert publisher.broadcast("room:1", "said", {"by": "a job"}) == Receipt(1, 1)
                assert client.event("said") == {"by": "a job"}
            monkeypatch.setattr(publish_message, "MAX_BODY", 2 * MAX_BODY)
            with pytest.raises(PublishError, match="413"):
                publisher.broadcast("room:1", "said", {"x": "x" * MAX_BODY})
            with pytest.raises(PublishError, match="401"):
                stranger.broadcast("room:1", "said")


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_a_view_of_gunicorn_on_threads_is_told_what_to_do_instead(worker):
    with gunicorn(worker) as address:
        for _ in range(8):
            connection = HTTPConnection(*address, timeout=DEADLINE)
            connection.request("GET", "/")
            answer = connection.getresponse()
            said = answer.read()
            connection.close()
            assert answer.status == 500
            assert b"nothing is served in this process" in said
            assert b"actors.publish.Publisher" in said
