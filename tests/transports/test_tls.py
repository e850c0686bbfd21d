"""Streams inside TLS, over real connections."""

from __future__ import annotations

import logging
import ssl
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import gevent
import pytest
from gevent import subprocess
from gevent.ssl import SSLContext, SSLError

from actors import Endpoint, Reply, Socket
from actors.endpoint.command.certificate import server_context
from tests.support import certificate
from tests.support.listening import Listening, Recorder, held, left_since, listening
from tests.support.raw import DEADLINE, TEXT, Client, close_frame, frame, request
from tests.support.server import Served, serve
from tests.support.site import Site

LARGE = bytes(range(256)) * 31_250  # 8,000,000: the largest body that is allowed


class Inside:
    """The client's side of TLS over a plain socket, to be taken apart by a test."""

    def __init__(self, client: Client, context: SSLContext) -> None:
        self.client = client
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    def hello(self) -> bytes:
        """Return the first bytes of a handshake."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._outgoing.read()

    def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.client.send(self._outgoing.read())
                self._incoming.write(self.client.sock.recv(65536))
            else:
                self.client.send(self._outgoing.read())
                return

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self.client.send(self._outgoing.read())

    def receive(self) -> bytes:
        """Return what the next record holds."""
        while True:
            try:
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                data = self.client.sock.recv(65536)
                assert data
                self._incoming.write(data)

    def say_goodbye(self) -> None:
        """Send close_notify, and no FIN."""
        with pytest.raises(ssl.SSLError):
            self._tls.unwrap()
        self.client.send(self._outgoing.read())


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def ours(pem: Path) -> ssl.SSLContext:
    return server_context(str(pem), str(pem.with_suffix(".key")))


@pytest.fixture
def theirs(pem: Path) -> SSLContext:
    context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pem)
    return context


@pytest.fixture
def site() -> Site:
    return Site(header_timeout=0.4)


@pytest.fixture
def served(site: Site, ours: ssl.SSLContext) -> Iterator[Served]:
    with serve(site.endpoint, tls=ours) as served:
        yield served
        site.release.set()


@pytest.fixture
def recording(ours: ssl.SSLContext) -> Iterator[Listening]:
    with listening(tls=ours) as recording:
        yield recording


# -- what works


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_https_is_served(
    served: Served, site: Site, theirs: SSLContext, version: ssl.TLSVersion
) -> None:
    theirs.minimum_version = theirs.maximum_version = version
    with Client(served.address, tls=theirs) as client:
        for body in (b"", b"hi", LARGE):
            assert client.ask("/echo", method="POST", body=body).body == body
        assert client.sock.version() == version.name.replace("_", ".")
    assert site.seen[0].scheme == "https"
    assert site.seen[0].port == 443


def test_client_is_told_that_this_is_http_1_1(served: Served, theirs: SSLContext) -> None:
    theirs.set_alpn_protocols(["h2", "http/1.1"])
    with Client(served.address, tls=theirs) as client:
        assert client.sock.selected_alpn_protocol() == "http/1.1"


def test_websocket_works_with_large_messages_both_ways(
    ours: ssl.SSLContext, theirs: SSLContext
) -> None:
    class Echo(Socket):
        def handle_in(self, payload, opcode):
            return Reply(payload, opcode=opcode)

    endpoint = Endpoint()
    endpoint.socket("/s", Echo, websocket={"max_send_queue": 10_000_000})
    with serve(endpoint, tls=ours) as served, Client(served.address, tls=theirs) as client:
        assert client.upgrade("/s/websocket").status == 101
        for size in (1, 70_000, 1_000_000):
            client.send(frame(TEXT, "x" * size))
            assert client.frame().payload == b"x" * size
        client.send(close_frame())
        assert client.frame().code == 1000
        assert client.read_to_end() == b""


def test_backlog_to_a_slow_reader_arrives_whole(recording: Listening, theirs: SSLContext) -> None:
    with Client(recording.address, tls=theirs) as client:
        stream = recording.newest().stream
        client.send(b"ready")
        recording.newest().wait_for(b"ready")
        stream.write(LARGE * 2)
        stream.write(b"then")
        assert stream.queued
        stream.close()
        assert client.read_to_end() == LARGE * 2 + b"then"


class Stepwise(Recorder):
    """Keeps the size of each step, and whether the loop had its turn before it."""

    def __init__(self, stream) -> None:
        super().__init__(stream)
        self.sizes: list[int] = []
        stream.limit_reads(1000)

    def data_received(self, data: bytes) -> None:
        self.sizes.append(len(data))
        super().data_received(data)


def test_what_one_record_holds_is_handed_on_in_steps(
    ours: ssl.SSLContext, theirs: SSLContext
) -> None:
    with (
        listening(Stepwise, tls=ours) as stepwise,
        Client(stepwise.address, tls=theirs) as client,
    ):
        peer = stepwise.newest()
        sent = LARGE[:60_100] + b"end"  # four records, the last of which ends within a step
        client.send(sent)
        peer.wait_for(b"end")
        assert peer.data == sent
        assert max(peer.sizes) == 1000
        client.send(b"then")
        peer.wait_for(b"then")


def test_a_pause_holds_what_is_decrypted_too(ours: ssl.SSLContext, theirs: SSLContext) -> None:
    with (
        listening(Stepwise, tls=ours) as stepwise,
        Client(stepwise.address, tls=theirs) as client,
    ):
        peer = stepwise.newest()
        received = peer.data_received

        def pausing(data: bytes) -> None:
            received(data)
            peer.stream.pause_reading()

        peer.data_received = pausing
        client.send(LARGE[:16_000])
        for count in range(1, 17):
            peer.wait_for("data")
            peer.calls.clear()
            for _ in range(5):
                gevent.sleep(0)
            assert len(peer.data) == 1000 * count
            peer.stream.resume_reading()
        assert peer.data == LARGE[:16_000]


class Openssl:
    """``openssl s_client``, which acts on a line that begins with R, k or K."""

    def __init__(self, port: int, version: str) -> None:
        self.said = b""
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", version],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        self.wait_for(b"Verify return code")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def write(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_for(self, text: bytes) -> None:
        with gevent.Timeout(DEADLINE, TimeoutError(f"{text!r}, got {self.said!r}")):
            while text not in self.said:
                line = self.process.stdout.readline()
                assert line, self.said
                self.said += line


@pytest.mark.parametrize("command", [b"k", b"K"])
def test_new_keys_are_taken(served: Served, site: Site, command: bytes) -> None:
    with Openssl(served.port, "-tls1_3") as client:
        client.write(command + b"\n")
        client.wait_for(b"KEYUPDATE")
        client.write(request("/echo", "Connection: close"))
        client.wait_for(b"HTTP/1.1 200 OK")
    assert len(site.seen) == 1


def test_renegotiation_is_refused(served: Served, theirs: SSLContext) -> None:
    with Openssl(served.port, "-tls1_2") as client:
        client.write(b"R\n")
        client.wait_for(b"no renegotiation")
    with Client(served.address, tls=theirs) as other:
        assert other.ask("/echo").status == 200


# -- a handshake that does not come to its end


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_client_that_stops_amid_its_hello_is_cut_off(
    served: Served, theirs: SSLContext, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with Client(served.address) as client:
        hello = Inside(client, theirs).hello()
        client.send(hello[: int(len(hello) * share)])
        assert client.read_to_end() == b""
    assert 0.39 <= time.monotonic() - began < 4.5
    assert caplog.records == []


def test_client_that_drips_its_hello_is_cut_off_at_the_same_time(
    served: Served, theirs: SSLContext
) -> None:
    began = time.monotonic()
    with Client(served.address) as client:
        client.sock.settimeout(0.02)
        for byte in Inside(client, theirs).hello():
            try:
                client.send(bytes([byte]))
                client.sock.recv(1)
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert 0.39 <= time.monotonic() - began < 4.5


def test_client_that_stops_behind_its_hello_is_cut_off(served: Served, theirs: SSLContext) -> None:
    with Client(served.address) as client:
        client.send(Inside(client, theirs).hello())
        assert client.read_to_end().startswith(b"\x16\x03\x03")  # the server's hello, and the end


def test_handshake_deadline_is_over_with_the_handshake(served: Served, theirs: SSLContext) -> None:
    with Client(served.address, tls=theirs) as client:
        client.sock.settimeout(0.6)
        with pytest.raises(TimeoutError):
            client.read(1)
        client.sock.settimeout(DEADLINE)
        assert client.ask("/echo").status == 200


def test_head_that_drips_in_is_408_inside_tls_too(served: Served, theirs: SSLContext) -> None:
    with Client(served.address, tls=theirs) as client:
        client.send(b"GET / HT")
        assert client.answer().status == 408
        assert client.read_to_end() == b""


@pytest.mark.parametrize(
    "data",
    [
        request("/"),
        b"\x04\x01\x00\x50\x7f\0\0\1\0",
        bytes(range(256)) * 256,
        b"\x16\x03\x01\x00\x05hello",
    ],
)
def test_what_is_no_tls_is_closed_at_once_without_noise(
    served: Served, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="roost")
    began = time.monotonic()
    with Client(served.address) as client:
        client.send(data)
        said = client.read_to_end()
    assert time.monotonic() - began < 0.4
    assert b"HTTP" not in said
    assert len(caplog.records) <= 1


def test_old_version_is_refused(served: Served, theirs: SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs.minimum_version = ssl.TLSVersion.TLSv1
        theirs.maximum_version = ssl.TLSVersion.TLSv1_1
    theirs.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises(SSLError, match="PROTOCOL_VERSION"):
        Client(served.address, tls=theirs)


def test_client_that_does_not_trust_us_is_let_go(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        Client(served.address, tls=SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with gevent.Timeout(DEADLINE):
        served.server.listener.wait_empty(DEADLINE)
    assert served.streams == set()
    assert caplog.records == []


# -- writing and closing before there is TLS


class Greeter(Recorder):
    def __init__(self, stream):
        super().__init__(stream)
        stream.write(b"hello, ")
        stream.write(b"early bird")


def test_what_is_written_before_the_handshake_waits_for_it(
    ours: ssl.SSLContext, theirs: SSLContext
) -> None:
    with listening(Greeter, tls=ours) as recording:
        with Client(recording.address, tls=theirs) as client:
            assert client.read(17) == b"hello, early bird"
        with Client(recording.address) as plain:
            recording.newest(2).stream.abort()
            assert plain.read_to_end() == b""


def test_close_amid_a_handshake_is_the_end(recording: Listening) -> None:
    with Client(recording.address) as client:
        peer = recording.newest()
        peer.stream.close()
        assert peer.calls == ["lost"]
        assert client.read_to_end() == b""
        peer.stream.close()
        peer.stream.write(b"x")
    assert peer.calls == ["lost"]


def test_reset_amid_a_handshake_is_the_end(recording: Listening, theirs: SSLContext) -> None:
    with Client(recording.address) as client:
        client.send(Inside(client, theirs).hello()[:100])
        peer = recording.newest()
        client.reset()
    peer.wait_for("lost")
    assert peer.calls == ["lost"]


# -- the peer's end


def test_goodbye_without_a_fin_is_the_end_of_what_the_client_sends(
    served: Served, site: Site, theirs: SSLContext
) -> None:
    with Client(served.address) as client:
        inside = Inside(client, theirs)
        inside.shake_hands()
        inside.send(request("/slow"))
        inside.say_goodbye()
        assert site.entered.wait(DEADLINE)
        with Client(served.address, tls=theirs) as other:
            assert other.ask("/echo").status == 200
        site.release.set()
        assert len(client.read_to_end()) > 100  # the answer, encrypted
    assert [asked.path for asked in site.seen] == ["/slow", "/echo"]


@pytest.mark.parametrize("goodbye", [True, False])
def test_end_with_and_without_goodbye_is_told_once(
    recording: Listening, theirs: SSLContext, goodbye: bool
) -> None:
    with Client(recording.address) as client:
        inside = Inside(client, theirs)
        inside.shake_hands()
        inside.send(b"last")
        if goodbye:
            inside.say_goodbye()
        client.end()
        peer = recording.newest()
        peer.wait_for("eof")
        assert peer.data == b"last"
        peer.stream.write(b"answer")
        peer.stream.close()
        client.read_to_end()
    peer.wait_for("lost")
    assert peer.calls == ["data", "eof", "lost"]


def test_broken_record_is_the_end_of_that_connection_alone(
    recording: Listening, theirs: SSLContext
) -> None:
    with Client(recording.address, tls=theirs) as other, Client(recording.address) as client:
        inside = Inside(client, theirs)
        inside.shake_hands()
        inside.send(b"good")
        peer = recording.newest(2)
        peer.wait_for(b"good")
        client.send(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        peer.wait_for("lost")
        assert isinstance(peer.error, ssl.SSLError)
        other.send(b"still here")
        recording.protocols[0].wait_for(b"still here")


def test_close_says_goodbye_and_ignores_what_still_comes(
    recording: Listening, theirs: SSLContext
) -> None:
    with Client(recording.address, tls=theirs) as client:
        client.send(b"hi")
        peer = recording.newest()
        peer.wait_for(b"hi")
        peer.stream.write(b"bye")
        peer.stream.close()
        client.send(b"x" * 100_000)
        assert client.read_to_end() == b"bye"  # gevent raises where there is no close_notify
        client.close()
        peer.wait_for("lost")
    assert (peer.calls, peer.error) == (["data", "lost"], None)


def test_nothing_is_left_of_connections_however_they_ended(
    recording: Listening, theirs: SSLContext
) -> None:
    before = held()
    for number in range(1, 16):
        with Client(recording.address) as client:
            peer = recording.newest(number)
            if number % 3:
                inside = Inside(client, theirs)
                inside.shake_hands()
                inside.send(b"x")
                peer.wait_for(b"x")
            if number % 2:
                client.reset()
            else:
                peer.stream.close(linger=0)
        peer.wait_for("lost")
    assert left_since(before) == {}
