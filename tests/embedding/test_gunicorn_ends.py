"""gunicorn with pages and sockets in one process: TERM and HUP, and its other gevent workers."""

from __future__ import annotations

import re
import signal

import pytest

from tests.embedding.conftest import FRAMEWORKS, end, gunicorn
from tests.support.longpoll import Poller
from tests.support.raw import CLOSE, TEXT, Client, Frame, close_frame, frame, request
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture(params=FRAMEWORKS)
def site(request, tmp_path):
    with gunicorn(request.param, tmp_path) as program:
        program.place = tmp_path
        yield program


def begin(paged: Client, name: str) -> int:
    """Ask for a page that waits; return the process that makes it."""
    paged.send(request(f"/gated/{name}", "Connection: close"))
    text = paged.read_until(b"first of ") + paged.read_until(b";")
    return int(re.search(rb"first of (\d+);", text)[1])


def test_term_ends_sockets_with_1012_and_pages_whole(site):
    poller = Poller(site, "/echo/longpoll")
    poller.open()
    with Client(site.address) as paged, Client(site.address) as client:
        begin(paged, "term")
        assert client.upgrade("/echo/websocket").status == 101
        poller.begin_poll()
        site.signal(signal.SIGTERM)
        (site.place / "term").touch()
        assert b"last" in paged.read_to_end()
        last = client.frame()
        assert (last.opcode, last.code) == (CLOSE, 1012)
        client.send(close_frame(1012))
        client.read_to_end()
        poller.close()
    assert site.ended() == 0
    assert "Traceback" not in "\n".join(site.lines)


def test_hup_serves_from_a_new_process_and_ends_the_old_in_order(site):
    with Client(site.address) as paged, Client(site.address) as client:
        old = begin(paged, "hup")
        assert client.upgrade("/echo/websocket").status == 101
        site.signal(signal.SIGHUP)
        site.wait_for("Booting worker", 2)
        (site.place / "hup").touch()
        assert b"last" in paged.read_to_end()
        last = client.frame()
        assert (last.opcode, last.code) == (CLOSE, 1012)
        client.send(close_frame(1012))
        client.read_to_end()

    def served_by() -> int:
        with Client(site.address) as again:
            return again.ask("/upload", method="POST", body=b"x").json["pid"]

    eventually(lambda: served_by() != old, pause=0.01)
    with Client(site.address) as again:
        assert again.upgrade("/echo/websocket").status == 101
        again.send(frame(TEXT, "new"))
        assert again.frame() == Frame(TEXT, b"new")
    assert "Traceback" not in end(site)


@pytest.mark.parametrize(("worker", "status"), [("gevent_pywsgi", 101), ("gevent", 501)])
def test_other_workers_of_gunicorn_on_gevent(worker, status, tmp_path):
    """``gevent`` has a parser of its own and keeps the socket: pages and polls alone."""
    with gunicorn("flask", tmp_path, worker=worker) as program:
        with Client(program.address) as client:
            assert client.ask("/").status == 200
            poller = Poller(program, "/echo/longpoll")
            assert poller.poll(on=client)["status"] == 410
            assert poller.post("polled", on=client) == {"status": 200}
            assert poller.poll(on=client)["messages"] == ["polled"]
            assert client.upgrade("/echo/websocket").status == status
        end(program)
