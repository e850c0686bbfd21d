"""Pages of Flask and Django, and sockets, on one port: what browsers ask of both."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.embedding.conftest import FRAMEWORKS, end, gunicorn, ours
from tests.support.longpoll import Poller
from tests.support.raw import CLOSE, TEXT, Client, Frame, close_frame, frame, request
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

LARGE = 50 * 1024 * 1024
BLOCK = bytes(range(256)) * 4096
assert LARGE % len(BLOCK) == 0

SERVERS = {"ours": ours, "gunicorn": gunicorn}


class Site:
    """One server process with its pages; ``place`` is the directory that it waits for files in."""

    def __init__(self, server: str, framework: str, program, place: Path) -> None:
        self.server = server
        self.framework = framework
        self.program = program
        self.address = program.address
        self.place = place

    def client(self) -> Client:
        return Client(self.address)

    def tracebacks(self) -> int:
        return sum("Traceback" in line for line in self.program.lines)


@pytest.fixture(scope="module", params=[(s, f) for s in SERVERS for f in FRAMEWORKS], ids="-".join)
def site(request, tmp_path_factory):
    server, framework = request.param
    place = tmp_path_factory.mktemp("place")
    with (place / "large").open("wb") as large:
        for _ in range(LARGE // len(BLOCK)):
            large.write(BLOCK)
    with SERVERS[server](framework, place) as program:
        yield Site(server, framework, program, place)
        end(program)


def upload(client: Client, target: str, kind: str, before: bytes, after: bytes) -> dict:
    """Send 50 MB between ``before`` and ``after``; return the JSON of the answer."""
    size = len(before) + LARGE + len(after)
    lines = f"Content-Length: {size}", f"Content-Type: {kind}"
    client.send(request(target, *lines, method="POST") + before)
    for _ in range(LARGE // len(BLOCK)):
        client.send(BLOCK)
    client.send(after)
    answer = client.answer()
    assert answer.status == 200, answer
    return json.loads(answer.body)


def digest() -> str:
    made = hashlib.sha256()
    for _ in range(LARGE // len(BLOCK)):
        made.update(BLOCK)
    return made.hexdigest()


def still_served(site: Site) -> None:
    with site.client() as client:
        assert b"<title>pages</title>" in client.ask("/").body
        assert client.upgrade("/echo/websocket").status == 101
        client.send(frame(TEXT, "hello"))
        assert client.frame() == Frame(TEXT, b"hello")


def test_page_and_both_transports_share_a_connection(site):
    with site.client() as client:
        assert client.ask("/").status == 200
        poller = Poller(site, "/echo/longpoll")
        assert poller.poll(on=client)["status"] == 410
        assert poller.post("polled", on=client) == {"status": 200}
        assert poller.poll(on=client)["messages"] == ["polled"]
        assert client.ask("/no-such-page").status == 404
        assert client.upgrade("/echo/websocket").status == 101
        client.send(frame(TEXT, "hello"))
        assert client.frame() == Frame(TEXT, b"hello")
        client.send(close_frame())
        assert client.frame().opcode == CLOSE


def test_large_body_arrives_whole(site):
    with site.client() as client:
        said = upload(client, "/upload", "application/octet-stream", b"", b"")
        assert (said["size"], said["digest"]) == (LARGE, digest())
        assert client.ask("/").status == 200  # the connection goes on


def test_large_file_of_a_form_arrives_whole(site):
    before = (
        b'--edge\r\nContent-Disposition: form-data; name="name"\r\n\r\nholiday\r\n'
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    with site.client() as client:
        kind = "multipart/form-data; boundary=edge"
        said = upload(client, "/form", kind, before, b"\r\n--edge--\r\n")
    assert (said["size"], said["digest"], said["name"]) == (LARGE, digest(), "holiday")


def test_large_chunked_body_arrives_whole(site):
    if site.framework == "django" and site.server == "gunicorn":
        pytest.skip("Django reads a body by its length, which pywsgi does not tell of chunks")
    with site.client() as client:
        client.send(request("/upload", "Transfer-Encoding: chunked", method="POST"))
        for _ in range(LARGE // len(BLOCK)):
            client.send(b"%x\r\n%b\r\n" % (len(BLOCK), BLOCK))
        client.send(b"0\r\n\r\n")
        said = client.answer().json
    assert (said["size"], said["digest"]) == (LARGE, digest())


def test_client_that_waits_for_100_is_told_to_go_on(site):
    with site.client() as client:
        lines = "Expect: 100-continue", "Content-Length: 5"
        client.send(request("/upload", *lines, method="POST"))
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.send(b"hello")
        assert client.answer().json["size"] == 5


def test_uploads_that_stall_or_end_cost_the_others_nothing(site):
    with ExitStack() as stack:
        for end_of in (Client.end, Client.reset, None):
            client = stack.enter_context(site.client())
            client.send(request("/upload", f"Content-Length: {LARGE}", method="POST"))
            client.send(BLOCK)
            if end_of is not None:
                end_of(client)
        still_served(site)


def test_parts_arrive_while_the_page_goes_on(site):
    with site.client() as client, site.client() as other:
        client.send(request("/gated/parts", "Connection: close"))
        client.read_until(b"first of ")
        assert other.ask("/").status == 200
        (site.place / "parts").touch()
        assert client.read_to_end().rstrip(b"0\r\n").endswith(b"last")


def test_file_arrives_whole_at_a_client_that_is_slow(site):
    with site.client() as slow:
        slow.send(request("/file", "Connection: close"))
        head = slow.read_until(b"\r\n\r\n").lower()
        assert b"content-length: %d\r\n" % LARGE in head
        still_served(site)  # nothing of it has been read yet
        received = hashlib.sha256()
        for _ in range(LARGE // len(BLOCK)):
            received.update(slow.read(len(BLOCK)))
        assert received.hexdigest() == digest()


def test_page_without_end_is_closed_when_its_client_goes(site):
    client = site.client()
    client.send(request("/endless/gone"))
    client.read_until(b"x" * 1000)
    client.reset()
    eventually((site.place / "gone").exists, pause=0.01)
    still_served(site)


def test_head_has_the_headers_and_no_body(site):
    with site.client() as client:
        client.send(request("/file", "Connection: close", method="HEAD"))
        head, _, body = client.read_to_end().partition(b"\r\n\r\n")
    assert b"content-length: %d" % LARGE in head.lower()
    if site.framework == "flask" or site.server == "ours":
        assert body == b""  # Django leaves that to its server, and pywsgi to its application


def test_redirect_and_several_cookies_arrive_as_they_are(site):
    with site.client() as client:
        moved = client.ask("/moved")
        assert (moved.status, moved.headers["location"]) == (302, "/")
        answer = client.ask("/cookies", "Cookie: a=1", "Cookie: b=2")
        assert answer.body == b"a=1;b=2"
        set_by_page = [value for name, value in answer.lines if name == "set-cookie"]
        assert [each.partition(";")[0] for each in set_by_page] == ["one=1", "two=2"]


def test_crash_of_a_view_is_one_500_and_one_traceback(site):
    before = site.tracebacks()
    with site.client() as neighbour, site.client() as client:
        assert neighbour.upgrade("/echo/websocket").status == 101
        assert client.ask("/crash").status == 500
        assert client.ask("/").status == 200
        neighbour.send(frame(TEXT, "on"))
        assert neighbour.frame() == Frame(TEXT, b"on")
    if site.server == "ours":  # where gunicorn writes it is gunicorn's
        site.program.wait_for("LookupError: of a view", before + 1)
        assert site.tracebacks() == before + 1
