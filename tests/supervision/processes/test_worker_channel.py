"""The channel: whole messages out of any pieces, and neither side ever waits."""

from __future__ import annotations

import socket

import pytest

from actors.packets import MAX_FRAME, frame, pack
from supervision.processes import channel as channels
from supervision.processes.channel import Channel


@pytest.fixture
def ends():
    """Two channels, and nothing between them but the kernel."""
    made = [Channel(sock) for sock in socket.socketpair()]
    for each in made:
        each.sock.setblocking(False)
    yield made
    for each in made:
        each.close()


def test_messages_arrive_in_order(ends):
    one, other = ends
    one.send("peers", ["a", "b"])
    one.send("stop", 2.5)
    assert list(other.receive()) == [["peers", ["a", "b"]], ["stop", 2.5]]
    assert list(other.receive()) == []
    assert not one.closed
    assert not other.closed


def test_message_that_comes_byte_by_byte_is_one(ends):
    one, other = ends
    heard = []
    for byte in frame(pack(["beat"])) * 2:
        one.sock.send(bytes([byte]))
        heard += other.receive()
    assert heard == [["beat"], ["beat"]]


def test_what_is_no_message_of_ours_is_passed_over(ends):
    one, other = ends
    for value in ("text", [], [7, "x"], {"a": 1}, None):
        one.sock.send(frame(pack(value)))
    one.send("beat")
    assert list(other.receive()) == [["beat"]]


@pytest.mark.parametrize("data", [frame(b"\xc1"), (MAX_FRAME + 1).to_bytes(4, "big"), b"GET / H"])
def test_what_is_no_message_at_all_closes_the_channel(ends, data):
    one, other = ends
    one.sock.send(data)
    assert list(other.receive()) == []
    assert other.closed


def test_end_of_the_other_side_is_noticed(ends):
    one, other = ends
    one.send("ready", {})
    one.close()
    assert list(other.receive()) == [["ready", {}]]
    assert not other.closed
    assert list(other.receive()) == []
    assert other.closed


def test_reset_is_an_end(ends):
    one, other = ends
    one.send("unread")
    other.close()
    assert list(one.receive()) == []
    assert one.closed


def test_sending_to_nobody_closes_and_further_messages_do_nothing(ends):
    one, other = ends
    other.close()
    one.send("stop", 1.0)
    assert one.closed
    one.send("stop", 1.0)
    assert not one.unsent


def fill(channel):
    """Send until the kernel takes no more; return how many messages that were."""
    count = 0
    while not channel.unsent:
        channel.send("fill", count, b"x" * 1000)
        count += 1
    return count


def test_what_finds_no_room_is_kept_and_comes_in_order(ends):
    one, other = ends
    count = fill(one)
    one.send("last")
    heard = []
    while one.unsent:
        heard += other.receive()
        one.flush()
    while more := list(other.receive()):
        heard += more
    assert [message[1] for message in heard[:-1]] == list(range(count))
    assert heard[-1] == ["last"]


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_other_side_that_reads_nothing_is_hung_up_on(ends, monkeypatch, extra):
    one, other = ends
    fill(one)
    message = ["last", b"x" * 5000]
    size = len(one._unsent) + len(frame(pack(message)))
    monkeypatch.setattr(channels, "MAX_UNSENT", size - extra)
    one.send(*message)
    assert one.closed is (extra > 0)
    one.close()
    while not other.closed:
        list(other.receive())


def large_message(size, monkeypatch):
    """Return a message of ``size`` bytes where :data:`LARGE` is 8 MiB."""
    monkeypatch.setattr(channels, "LARGE", 2 * MAX_FRAME)
    message = ["snapshot", b""]
    message[1] = b"x" * (size - len(pack(["snapshot", b"x" * 70_000])) + 70_000)
    return message


@pytest.mark.parametrize("size", [2 * MAX_FRAME - 1, 2 * MAX_FRAME])
def test_a_large_channel_takes_what_others_do_not(size, monkeypatch):
    message = large_message(size, monkeypatch)
    one, other = (Channel(sock, large=True) for sock in socket.socketpair())
    for each in (one, other):
        each.sock.setblocking(False)
    one.send(*message)
    heard = []
    while not heard:
        assert not one.closed
        one.flush()
        heard = list(other.receive())
    assert heard == [message]
    one.close()
    other.close()


def test_what_is_too_large_for_a_channel_is_not_sent(ends, monkeypatch):
    message = large_message(2 * MAX_FRAME + 1, monkeypatch)
    one, other = ends
    with pytest.raises(ValueError, match="bytes, over"):
        one.send(*message)
    assert not one.unsent
    one.send("next")
    assert list(other.receive()) == [["next"]]
