"""Our own command with pages: memory, refusals, and what a drain and a reload leave to them."""

from __future__ import annotations

import re
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.embedding.conftest import FRAMEWORKS, end, ours
from tests.embedding.pages import MAX_BODY
from tests.support.longpoll import Poller
from tests.support.raw import CLOSE, TEXT, Client, Frame, close_frame, frame, request
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

BLOCK = b"x" * 1024 * 1024
UPLOAD = 50
"""Blocks."""

BODIES = 256
"""Megabytes of bodies that are on their way: ``http.max_bodies``."""


@pytest.fixture(params=FRAMEWORKS)
def site(request, tmp_path):
    with ours(request.param, tmp_path) as command:
        command.place = tmp_path
        yield command


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Serve Flask for the tests that leave a server as it was, and depend on no framework."""
    with ours("flask", tmp_path_factory.mktemp("place")) as command:
        yield command
        text = end(command)
        assert text.count("Traceback") == text.count("LookupError: of a view") == 1


def peak(pid: int) -> int:
    """Return the most memory that a process has had, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024


def test_memory_is_bounded_by_the_bodies_of_clients_that_stall(shared):
    before = max(map(peak, shared.children()))
    with ExitStack() as stack:
        for _ in range(16):  # 800 MB, of which none is all there
            client = stack.enter_context(Client(shared.address))
            head = f"Content-Length: {UPLOAD * len(BLOCK) + 1}"
            client.send(request("/upload", head, method="POST"))
            try:
                for _ in range(UPLOAD):
                    client.send(BLOCK)
            except OSError:
                pass  # it is one of those that are refused
        with Client(shared.address) as client:
            assert client.ask("/").status == 200
            assert client.ask("/upload", method="POST", body=b"small").json["size"] == 5
    # A body is copied once, when it is all there; a buffer that grows has room to spare.
    assert max(map(peak, shared.children())) - before < 1.5 * BODIES + 2 * UPLOAD


def test_memory_of_one_upload_is_twice_its_body(shared):
    before = max(map(peak, shared.children()))
    with Client(shared.address) as client:
        client.send(request("/upload", f"Content-Length: {UPLOAD * len(BLOCK)}", method="POST"))
        for _ in range(UPLOAD):
            client.send(BLOCK)
        assert client.answer().json["size"] == UPLOAD * len(BLOCK)
    assert max(map(peak, shared.children())) - before < 2.5 * UPLOAD


@pytest.mark.parametrize(("over", "status"), [(-1, 100), (0, 100), (1, 413)])
def test_body_over_the_limit_is_refused_before_it_is_sent(shared, over, status):
    with Client(shared.address) as client:
        lines = f"Content-Length: {MAX_BODY + over}", "Expect: 100-continue"
        client.send(request("/upload", *lines, method="POST"))
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 %d " % status)


def test_memory_of_an_answer_is_bounded_by_the_pace_of_its_client(shared):
    with Client(shared.address) as slow:
        slow.send(request("/endless/slow"))
        slow.read(len(BLOCK))
        before = max(map(peak, shared.children()))
        slow.read(100 * len(BLOCK))
        assert max(map(peak, shared.children())) - before < 20


def test_both_workers_serve_pages_and_sockets(shared):
    def ask() -> int:
        with Client(shared.address) as client:
            pid = client.ask("/upload", method="POST", body=b"x").json["pid"]
            assert client.upgrade("/echo/websocket").status == 101
            return pid

    seen = set()
    eventually(lambda: seen.add(ask()) or len(seen) == 2)
    assert seen == set(shared.children())


def test_request_under_way_is_answered_by_its_worker_in_a_reload(site):
    old = site.children()
    with Client(site.address) as paged, Client(site.address) as sending, ExitStack() as stack:
        paged.send(request("/gated/reload"))
        pid = re.search(
            rb"first of (\d+);", paged.read_until(b"first of ") + paged.read_until(b";")
        )[1]
        sending.send(request("/upload", "Content-Length: 10", method="POST") + b"hello")
        sockets = [stack.enter_context(Client(site.address)) for _ in range(4)]
        for each in sockets:
            assert each.upgrade("/echo/websocket").status == 101
        site.signal(signal.SIGHUP)
        assert sockets[0].frame().code == 1012
        sending.send(b"hello")  # what stays half is given up soon
        for each in sockets[1:]:
            assert each.frame().code == 1012
        for each in sockets:
            each.send(close_frame(1012))
        answer = sending.answer()
        assert (answer.status, answer.json.get("size")) == (200, 10)
        (site.place / "reload").touch()
        assert paged.read_until(b"last").endswith(b"last")
        paged.read_to_end()  # it is told to come back on another connection
        assert int(pid) in old
    eventually(lambda: not set(old) & set(site.children()), pause=0.01)
    with Client(site.address) as client:
        assert client.ask("/").status == 200
    assert "Traceback" not in end(site)


def test_stop_answers_what_is_under_way_and_tells_sockets(site):
    poller = Poller(site, "/echo/longpoll")
    poller.open()
    with Client(site.address) as paged, Client(site.address) as client:
        paged.send(request("/gated/stop"))
        paged.read_until(b"first of ")
        assert client.upgrade("/echo/websocket").status == 101
        client.send(frame(TEXT, "hello"))
        assert client.frame() == Frame(TEXT, b"hello")
        poller.begin_poll()
        site.signal(signal.SIGTERM)
        last = client.frame()
        assert (last.opcode, last.code) == (CLOSE, 1012)
        client.send(close_frame(1012))
        (site.place / "stop").touch()
        assert paged.read_until(b"last").endswith(b"last")
        assert poller.polled()["status"] in {204, 410}
        poller.close()
    assert site.ended() == 0
    assert "Traceback" not in "\n".join(site.lines)


def test_crash_of_a_page_is_said_once_and_touches_nobody(shared):
    with Client(shared.address) as neighbour, Client(shared.address) as client:
        assert neighbour.upgrade("/echo/websocket").status == 101
        assert client.ask("/crash").status == 500
        shared.wait_for("LookupError: of a view")
        neighbour.send(frame(TEXT, "on"))
        assert neighbour.frame() == Frame(TEXT, b"on")
