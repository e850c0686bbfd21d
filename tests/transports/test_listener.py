"""Accepting, and what becomes of clients that cannot be accepted."""

from __future__ import annotations

import errno
import logging
import os
import re
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from gevent.socket import wait_read

from actors import Endpoint
from actors.endpoint.command.certificate import server_context
from actors.runtime import get_dispatcher
from supervision.processes.sockets import bind
from tests.support import certificate
from tests.support.alive import timers
from tests.support.command import Command
from tests.support.listening import Listening, held, left_since, listening
from tests.support.raw import DEADLINE, Client, request
from tests.support.server import serve
from tests.support.waiting import eventually
from transports.http.response import Response
from transports.tcp import listener
from transports.tcp.listener import AFTER_YOU, BUSY, PAUSE


def clients(stack: ExitStack, served: Listening, count: int) -> list[Client]:
    """Connect ``count`` clients; return them when all are accepted."""
    made = [stack.enter_context(Client(served.address)) for _ in range(count)]
    served.newest(count)
    return made


def turned_away(client: Client) -> bool:
    """Return whether ``client`` is told 503, rather than being left to speak."""
    client.sock.settimeout(0.1)
    try:
        said = client.sock.recv(65536)
    except TimeoutError:
        return False
    assert said == BUSY
    assert client.sock.recv(1) == b""
    return True


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let this process open no descriptor beyond those that it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)  # the next descriptor would have this number
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connected(stack: ExitStack, address: tuple[str, int], count: int) -> list[socket.socket]:
    """Return sockets in the kernel's queue; connecting over loopback waits for no accept."""
    made = [stack.enter_context(socket.socket()) for _ in range(count)]
    for sock in made:
        sock.connect(address)
    return made


# -- binding


def test_listening_socket_is_only_where_it_was_asked_for() -> None:
    with bind("127.0.0.1", 0) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
        with pytest.raises(OSError, match="in use"):
            bind(*sock.getsockname())


def test_ipv6_is_served() -> None:
    try:
        bind("::1", 0).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    endpoint = Endpoint()
    endpoint.page("/", lambda asked, http: Response(200, asked.peer[0].encode()))
    with serve(endpoint, host="::1") as site, Client(site.address) as client:
        assert client.ask("/", host="[::1]").body == b"::1"


def test_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(OSError, match="assign"):
        bind("192.0.2.1", 0)


# -- limits


@pytest.mark.parametrize(("count", "over"), [(2, False), (3, False), (4, True)])
def test_number_of_connections_is_limited(count: int, over: bool) -> None:
    with listening(max_connections=3) as served, ExitStack() as stack:
        *_, last = [stack.enter_context(Client(served.address)) for _ in range(count)]
        assert turned_away(last) is over
        assert len(served.listener.streams) == min(count, 3)


@pytest.mark.parametrize(("count", "over"), [(1, False), (2, False), (3, True)])
def test_number_of_connections_of_one_address_is_limited(count: int, over: bool) -> None:
    with listening(max_per_address=2) as served, ExitStack() as stack:
        *_, last = [stack.enter_context(Client(served.address)) for _ in range(count)]
        assert turned_away(last) is over
        with stack.enter_context(socket.socket()) as neighbour:
            neighbour.bind(("127.0.0.2", 0))
            neighbour.connect(served.address)
            served.newest(min(count, 2) + 1)
        assert served.protocols[-1].stream.peer[0] == "127.0.0.2"


def test_connection_that_ends_makes_room() -> None:
    with listening(max_connections=1, max_per_address=1) as served, ExitStack() as stack:
        (first,) = clients(stack, served, 1)
        assert turned_away(stack.enter_context(Client(served.address)))
        first.reset()
        served.protocols[0].wait_for("lost")
        with Client(served.address) as second:
            second.send(b"hello")
            served.newest(2).wait_for(b"hello")


def test_limits_of_an_endpoint_are_those_of_its_listener() -> None:
    endpoint = Endpoint(max_connections=2, max_connections_per_address=1)
    with serve(endpoint) as served, Client(served.address) as first:
        assert first.ask("/").status == 404
        with Client(served.address) as second:
            assert second.answer().status == 503


# -- processes that share a socket


class Weighed:
    """What a listener says of its clients, and what it is told of the others'."""

    def __init__(self, crowded: bool) -> None:
        self.count = 0
        self.is_crowded = crowded
        self.has_left = False

    def enter(self) -> None:
        self.has_left = False

    def opened(self) -> None:
        self.count += 1

    def closed(self) -> None:
        self.count -= 1

    def crowded(self) -> bool:
        return self.is_crowded

    def withdraw(self) -> None:
        self.has_left = True

    def stand_back(self, back: bool) -> None:
        raise AssertionError("nobody has said so")

    def accepting_elsewhere(self) -> tuple[int, ...]:
        return ()

    elsewhere = accepting_elsewhere


def test_crowded_process_leaves_clients_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "AFTER_YOU", 60.0)
    crowded, other = Weighed(True), Weighed(False)
    with listening(load=crowded) as one, ExitStack() as stack:
        sock = one.listener._sock.dup()
        two = stack.enter_context(listening(sock=sock, load=other))
        for count in range(1, 21):
            stack.enter_context(Client(one.address))
            two.newest(count)
        assert (crowded.count, other.count) == (0, 20)


def test_crowded_process_takes_whom_nobody_takes() -> None:
    load = Weighed(True)
    with listening(load=load) as served, ExitStack() as stack:
        clients(stack, served, 3)
        assert load.count == 3
        served.protocols[0].stream.abort()
        assert load.count == 2
        served.listener.stop()
        assert load.has_left


def test_crowded_process_that_stops_takes_nobody() -> None:
    with listening(load=Weighed(True)) as served, ExitStack() as stack:
        connected(stack, served.address, 1)
        eventually(lambda: not served.listener._accepting)
        resting = served.listener._rest_timer
        assert resting in timers()  # at its end it would accept
        served.listener.stop()
        assert resting not in timers()
        rested = Event()
        get_dispatcher().timers.call_later(2 * AFTER_YOU, rested.set)
        assert rested.wait(DEADLINE)
        assert not served.protocols


def test_client_over_the_limit_may_have_sent_its_request() -> None:
    endpoint = Endpoint(max_connections=1)
    with serve(endpoint) as served, Client(served.address), Client(served.address) as second:
        second.send(request("/"))
        answer = second.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert second.read_to_end() == b""


def test_client_over_the_limit_sees_just_the_end_inside_tls(tmp_path: object) -> None:
    pem = certificate.make(tmp_path)
    context = server_context(str(pem), str(pem.with_suffix(".key")))
    with listening(tls=context, max_connections=1) as served, ExitStack() as stack:
        clients(stack, served, 1)
        with Client(served.address) as second:
            assert second.read_to_end() == b""


def told(lines: list[str], words: str) -> int:
    """Return how many ``lines`` of a kind were meant, with those that were held back."""
    held = re.compile(re.escape(words) + r"(?: \((\d+) lines? like this (?:was|were) held)?")
    found = [held.search(line) for line in lines]
    return sum(int(each[1] or 1) for each in found if each)


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        ("max_connections", "turned away a client: too many connections"),
        ("max_per_address", "turned away a client: too many connections of its address"),
    ],
)
def test_clients_turned_away_are_a_line_and_a_count_soon_after(
    bound: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(**{bound: 1}) as served, ExitStack() as stack:
        clients(stack, served, 1)
        for _ in range(5):
            assert turned_away(stack.enter_context(Client(served.address)))
        eventually(lambda: told(caplog.messages, words) == 5)
    assert caplog.messages[0] == words
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_count_of_clients_turned_away_is_told_at_the_end_at_the_latest(tmp_path: Path) -> None:
    words = "turned away a client: too many connections of its address"
    settings = tmp_path / "roost.toml"
    settings.write_text("[endpoint]\nmax_connections_per_address = 1\n", "utf-8")
    with Command("--config", str(settings), workers=1) as command:
        with Client(command.address) as first:
            assert first.ask("/nowhere").status == 404
            for _ in range(30):
                with Client(command.address) as other:
                    assert other.read_to_end() == BUSY
        command.signal(signal.SIGTERM)
        assert command.ended() == 0
    assert told(command.lines, words) == 30


# -- pausing and stopping


def test_clients_of_a_paused_listener_wait() -> None:
    with listening() as served, ExitStack() as stack:
        served.listener.pause()
        served.listener.pause()
        client = stack.enter_context(Client(served.address))
        client.send(b"patient")
        assert not turned_away(client)
        assert served.protocols == []
        served.listener.start()
        served.listener.start()
        served.newest().wait_for(b"patient")


def test_stopped_listener_refuses_clients_and_keeps_those_it_has() -> None:
    before = held()
    with listening() as served, ExitStack() as stack:
        (client,) = clients(stack, served, 1)
        served.listener.stop()
        served.listener.stop()
        with pytest.raises(ConnectionRefusedError):
            Client(served.address)
        client.send(b"still here")
        served.protocols[0].wait_for(b"still here")
        assert served.listener.wait_empty(0.01) is False
        waiting = gevent.spawn(served.listener.wait_empty, DEADLINE)
        client.reset()
        assert waiting.get(timeout=DEADLINE) is True
        assert served.listener.wait_empty(0) is True
    assert left_since(before) == {}


# -- no descriptor left


def test_client_without_a_descriptor_is_told_503_and_the_others_are_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with listening() as served, ExitStack() as stack:
        (first,) = clients(stack, served, 1)
        before = held()
        more = [stack.enter_context(socket.socket()) for _ in range(5)]
        with no_descriptor_left():
            for sock in more:
                sock.connect(served.address)
            for sock in more:
                wait_read(sock.fileno(), timeout=DEADLINE)
                assert sock.recv(65536) == BUSY
            first.send(b"still here")
            served.protocols[0].wait_for(b"still here")
        for sock in more:
            sock.close()
        with Client(served.address) as late:
            late.send(b"again")
            served.newest(2).wait_for(b"again")
            late.reset()
            served.protocols[1].wait_for("lost")
        eventually(lambda: left_since(before) == {})  # the reserve is back, the count is told
    assert all("turned away a client: too many" in said for said in caplog.messages)
    assert len(caplog.messages) in {1, 2}


def test_listener_whose_reserve_is_gone_rests_and_recovers() -> None:
    with listening() as served, ExitStack() as stack:
        (first,) = clients(stack, served, 1)
        sock = stack.enter_context(socket.socket())
        served.listener._give_up_reserve()
        taken = os.open(os.devnull, os.O_RDONLY)
        with no_descriptor_left():
            sock.connect(served.address)
            began = time.process_time()
            gevent.wait(timeout=3 * PAUSE)
            assert time.process_time() - began < PAUSE
            assert len(served.protocols) == 1
            first.send(b"still here")
            served.protocols[0].wait_for(b"still here")
        os.close(taken)
        sock.send(b"at last")
        served.newest(2).wait_for(b"at last")
        assert served.listener._reserve is not None


def test_process_at_its_limit_serves_whom_it_has_and_recovers() -> None:
    with Command() as command, ExitStack() as stack:
        first = stack.enter_context(Client(command.address))
        assert first.ask("/nowhere").status == 404
        pid = command.process.pid

        def held_there() -> int:
            return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are counted

        alone = held_there()
        soft = alone + 10
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        others = [stack.enter_context(Client(command.address)) for _ in range(60)]
        answers = [other.ask("/nowhere").status for other in others[:5]]
        told = [other.answer().status for other in others[-20:]]
        assert answers == [404] * 5  # a page would need a descriptor of its own
        assert told == [503] * 20
        assert first.ask("/nowhere").status == 404
        for other in others:
            other.close()
        eventually(lambda: held_there() <= alone)  # who comes before it has read their ends is 503
        late = stack.enter_context(Client(command.address))
        assert late.ask("/nowhere").status == 404
        assert first.ask("/nowhere").status == 404
    assert len([line for line in command.lines if "turned away" in line]) <= 6  # two a second


# -- accept() fails


def test_failure_to_accept_is_logged_once_a_second_and_does_not_spin(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with listening() as served, ExitStack() as stack:
        (client,) = clients(stack, served, 1)
        served.listener._sock.shutdown(socket.SHUT_RDWR)  # accept() then fails with EINVAL
        began = time.process_time()
        gevent.wait(timeout=4 * PAUSE)
        assert time.process_time() - began < PAUSE
        client.send(b"still here")
        served.protocols[0].wait_for(b"still here")
    record = caplog.records[0]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f"accepting failed: [Errno {errno.EINVAL}] Invalid argument"


def test_listener_that_is_paused_while_it_rests_stays_paused() -> None:
    before = held()
    with listening() as served, ExitStack() as stack:
        served.listener._failed(OSError(errno.ENOBUFS, "no buffer"))
        served.listener.pause()
        client = stack.enter_context(Client(served.address))
        client.sock.settimeout(3 * PAUSE)
        with pytest.raises(TimeoutError):
            client.read(1)
        assert served.protocols == []
        served.listener.start()
        served.newest()
    assert left_since(before) == {}


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EAGAIN, errno.EINTR])
def test_trouble_of_one_client_is_nobody_elses(
    number: int, caplog: pytest.LogCaptureFixture
) -> None:
    with listening() as served, ExitStack() as stack:
        served.listener._failed(OSError(number, "theirs"))
        clients(stack, served, 1)
    # What was held back of an earlier listener's lines may come meanwhile.
    assert [each for each in caplog.records if "theirs" in each.getMessage()] == []


def test_client_that_is_gone_before_it_is_accepted_is_let_go() -> None:
    with listening() as served:
        served.listener.pause()
        for _ in range(5):
            Client(served.address).reset()
        served.listener.start()
        with Client(served.address) as client:
            client.send(b"hello")
            served.newest(6).wait_for(b"hello")
            for gone in served.protocols[:-1]:
                gone.wait_for("lost")


def test_many_clients_at_once_are_all_accepted() -> None:
    with listening() as served, ExitStack() as stack:
        made = connected(stack, served.address, 200)
        for number, sock in enumerate(made):
            sock.send(b"%d" % number)
        served.newest(200)
        for protocol in served.protocols:
            protocol.wait_for("data")
        assert {bytes(p.data) for p in served.protocols} == {b"%d" % n for n in range(200)}
