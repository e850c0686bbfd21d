"""One socket on the loop, over real connections."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from tests.support.alive import timers
from tests.support.listening import Listening, Recorder, held, left_since, listening
from tests.support.raw import Client
from transports.tcp.stream import LINGER

LARGE = bytes(range(256)) * 65_536  # 16 MiB: more than the kernel's two buffers hold


@pytest.fixture
def served() -> Iterator[Listening]:
    with listening() as served:
        yield served


@pytest.fixture
def client(served: Listening) -> Iterator[Client]:
    with Client(served.address) as client:
        yield client


@pytest.fixture
def peer(served: Listening, client: Client) -> Recorder:
    """Return the server's side of ``client``."""
    return served.newest()


def test_bytes_go_both_ways(client: Client, peer: Recorder) -> None:
    client.send(b"hello")
    peer.wait_for(b"hello")
    peer.stream.write(b"world")
    assert client.read(5) == b"world"
    assert peer.stream.peer == client.sock.getsockname()
    assert (peer.stream.scheme, peer.stream.queued, peer.stream.closing) == ("http", 0, False)


def test_large_message_comes_whole(client: Client, peer: Recorder) -> None:
    client.send(LARGE[:1_000_000])
    peer.wait_for(LARGE[999_000:1_000_000])
    assert peer.data == LARGE[:1_000_000]


# -- writing more than the peer reads


def test_what_the_kernel_does_not_take_is_kept_and_sent_in_order(
    client: Client, peer: Recorder
) -> None:
    drained = []
    peer.stream.write(LARGE)
    peer.stream.write(b"then")
    assert 0 < peer.stream.queued < len(LARGE)
    peer.stream.on_drained = lambda: drained.append(peer.stream.queued)
    assert client.read(len(LARGE)) == LARGE
    assert client.read(4) == b"then"
    assert drained == [0]
    peer.stream.write(LARGE)
    assert client.read(len(LARGE)) == LARGE
    assert drained == [0]  # it is told once


def test_reading_goes_on_while_a_backlog_waits(client: Client, peer: Recorder) -> None:
    peer.stream.write(LARGE)
    client.send(b"still here")
    peer.wait_for(b"still here")
    assert peer.stream.queued


def test_peer_that_reads_nothing_is_given_up(client: Client, peer: Recorder) -> None:
    peer.stream.send_timeout = 0.2
    began = time.monotonic()
    peer.stream.write(LARGE)
    peer.wait_for("lost")
    assert 0.19 <= time.monotonic() - began < 9.0
    assert isinstance(peer.error, TimeoutError)
    assert peer.calls == ["lost"]


def test_peer_that_reads_slowly_is_not_given_up(client: Client, peer: Recorder) -> None:
    peer.stream.send_timeout = 0.3
    client.sock.settimeout(0.1)
    peer.stream.write(LARGE * 2)
    for _ in range(7):
        client.read(4_000_000)
        gevent.wait(timeout=0.1)
    client.sock.settimeout(5)
    client.read(2 * len(LARGE) - 28_000_000)
    assert peer.calls == []


def test_stream_has_one_timer_however_often_its_peer_is_slow(
    client: Client, peer: Recorder
) -> None:
    before = timers()
    for _ in range(5):
        peer.stream.write(LARGE)
        assert peer.stream.queued
        client.read(len(LARGE))
    assert len(timers() - before) <= 1


# -- pausing


def test_paused_stream_leaves_bytes_where_they_are(
    served: Listening, client: Client, peer: Recorder
) -> None:
    peer.stream.pause_reading()
    peer.stream.pause_reading()
    client.send(b"waits")
    with Client(served.address) as other:
        other.send(b"goes on")
        served.newest(2).wait_for(b"goes on")
    assert peer.data == b""
    peer.stream.resume_reading()
    peer.stream.resume_reading()
    peer.wait_for(b"waits")


def test_paused_stream_notices_a_reset(client: Client, peer: Recorder) -> None:
    peer.stream.pause_reading()
    client.reset()
    peer.wait_for("lost")
    assert isinstance(peer.error, ConnectionResetError)


def test_paused_stream_writes_on(client: Client, peer: Recorder) -> None:
    peer.stream.pause_reading()
    peer.stream.write(LARGE)
    assert client.read(len(LARGE)) == LARGE
    client.send(b"unread")
    peer.stream.resume_reading()
    peer.wait_for(b"unread")


# -- the peer's end


def test_peer_that_ends_its_side_can_still_read(client: Client, peer: Recorder) -> None:
    client.send(b"last")
    client.end()
    peer.wait_for("eof")
    assert peer.calls == ["data", "eof"]
    peer.stream.write(LARGE)
    assert client.read(len(LARGE)) == LARGE
    assert peer.calls == ["data", "eof"]  # and is not told again


def test_reset_amid_a_message_is_the_end(client: Client, peer: Recorder) -> None:
    client.send(b"half a mess")
    peer.wait_for(b"half a mess")
    client.reset()
    peer.wait_for("lost")
    assert isinstance(peer.error, ConnectionResetError)
    assert peer.calls == ["data", "lost"]
    assert (peer.stream.closed, peer.stream.closing) == (True, True)


def test_reset_while_a_backlog_waits_is_the_end(client: Client, peer: Recorder) -> None:
    peer.stream.write(LARGE)
    client.reset()
    peer.wait_for("lost")
    assert (peer.calls, peer.stream.queued) == (["lost"], 0)


def test_what_is_called_after_the_end_does_nothing(client: Client, peer: Recorder) -> None:
    client.reset()
    peer.wait_for("lost")
    before = held()
    peer.stream.write(b"x")
    peer.stream.pause_reading()
    peer.stream.resume_reading()
    peer.stream.close()
    peer.stream.abort()
    assert peer.calls == ["lost"]
    assert left_since(before) == {}


# -- our end


def test_close_sends_what_waits_and_nothing_that_comes_later(
    client: Client, peer: Recorder
) -> None:
    peer.stream.write(LARGE)
    peer.stream.close()
    peer.stream.close()
    peer.stream.write(b"too late")
    assert peer.stream.closing
    assert not peer.stream.closed
    assert client.read_to_end() == LARGE
    client.close()
    peer.wait_for("lost")
    assert (peer.calls, peer.error) == (["lost"], None)


def test_close_waits_for_the_peer_and_throws_away_what_it_still_says(
    client: Client, peer: Recorder
) -> None:
    peer.stream.write(b"answer")
    peer.stream.close()
    for _ in range(20):
        client.send(b"x" * 10_000)  # would be reset where the server just closed
    assert client.read_to_end() == b"answer"
    assert not peer.stream.closed
    client.end()
    peer.wait_for("lost")
    assert peer.calls == ["lost"]


@pytest.mark.parametrize("backlog", [b"", LARGE])
def test_close_waits_for_the_peer_no_longer_than_it_was_told(
    client: Client, peer: Recorder, backlog: bytes
) -> None:
    peer.stream.write(backlog)
    peer.stream.close(linger=0.2)
    assert client.read_to_end() == backlog
    began = time.monotonic()
    peer.wait_for("lost")
    assert time.monotonic() - began < LINGER, "it waited as long as if nothing had been said"


def test_peer_that_does_not_read_the_rest_is_given_up(client: Client, peer: Recorder) -> None:
    peer.stream.send_timeout = 0.2
    peer.stream.write(LARGE)
    peer.stream.close()
    peer.wait_for("lost")
    assert isinstance(peer.error, TimeoutError)


def test_close_without_linger_is_the_end_at_once(client: Client, peer: Recorder) -> None:
    peer.stream.write(b"bye")
    peer.stream.close(linger=0)
    assert peer.calls == ["lost"]
    assert client.read_to_end() == b"bye"


def test_close_of_a_paused_stream_still_ends(client: Client, peer: Recorder) -> None:
    peer.stream.pause_reading()
    client.send(b"unread")
    peer.stream.close()
    assert client.read_to_end() == b""
    client.close()
    peer.wait_for("lost")
    assert peer.data == b""


def test_abort_loses_what_waits(client: Client, peer: Recorder) -> None:
    peer.stream.write(LARGE)
    peer.stream.abort()
    assert (peer.calls, peer.error) == (["lost"], None)
    assert len(client.read_to_end()) < len(LARGE)


class Breaking(Recorder):
    """Raises what its test put in ``raises`` when it is told that."""

    raises: dict[str, Exception]

    def _told(self, call: str) -> None:
        super()._told(call)
        if call in self.raises:
            raise self.raises[call]


@pytest.mark.parametrize("error", [MemoryError(), ValueError("odd\nbytes")], ids=repr)
@pytest.mark.parametrize("call", ["data", "eof"])
def test_protocol_that_raises_ends_its_stream_alone(
    caplog: pytest.LogCaptureFixture, call: str, error: Exception
) -> None:
    def make(stream: Any) -> Recorder:
        protocol = Breaking(stream)
        protocol.raises = {call: error} if not served.protocols else {}
        return protocol

    with listening(make) as served, Client(served.address) as client:
        broken = served.newest()
        with Client(served.address) as other:
            client.send(b"half of this is lost")
            client.end()
            broken.wait_for("lost")
            assert broken.error is error
            assert broken.calls == [*(["data", "eof"] if call == "eof" else ["data"]), "lost"]
            assert broken.stream.closed
            assert client.read_to_end() == b""
            other.send(b"goes on")
            served.newest(2).wait_for(b"goes on")
        (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
        assert type(error).__name__ in record.getMessage()
        assert "\n" not in record.getMessage()


def test_what_raises_once_a_backlog_is_sent_ends_the_stream(
    client: Client, peer: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    def drained() -> None:
        raise ValueError("no")

    peer.stream.write(LARGE)
    peer.stream.on_drained = drained
    assert client.read_to_end() == LARGE
    peer.wait_for("lost")
    assert len(caplog.records) == 1
    assert " failed: ValueError: no at " in caplog.records[0].getMessage()


def test_nothing_is_left_of_streams_however_they_ended(served: Listening) -> None:
    ways = [
        lambda client, peer: client.close(),
        lambda client, peer: client.reset(),
        lambda client, peer: peer.stream.abort(),
        lambda client, peer: (peer.stream.close(), client.close()),
        lambda client, peer: (peer.stream.write(LARGE), client.reset()),
        lambda client, peer: (peer.stream.write(LARGE), peer.stream.close(), client.reset()),
        lambda client, peer: (client.end(), peer.wait_for("eof"), peer.stream.close(linger=0)),
    ]
    before = held()
    for number, end in enumerate(ways * 5, 1):
        with Client(served.address) as client:
            peer = served.newest(number)
            end(client, peer)
        if "lost" not in peer.calls and number % len(ways) == 1:
            peer.wait_for("eof")
            peer.stream.abort()
        peer.wait_for("lost")
    assert served.listener.streams == set()
    assert left_since(before) == {}


def test_peer_that_has_said_all_still_gets_what_waits(client: Client, peer: Recorder) -> None:
    peer.stream.write(LARGE)
    client.end()
    peer.wait_for("eof")
    peer.stream.close()
    assert client.read_to_end() == LARGE
    client.close()
    peer.wait_for("lost")


def test_peer_that_says_all_after_our_close_still_gets_what_waits(
    client: Client, peer: Recorder
) -> None:
    peer.stream.write(LARGE)
    peer.stream.close()
    client.send(b"goodbye")
    client.end()
    assert client.read_to_end() == LARGE
    client.close()
    peer.wait_for("lost")
    assert peer.calls == ["lost"]
