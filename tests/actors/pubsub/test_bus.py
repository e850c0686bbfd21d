"""Workers' buses, each in this process but over real Unix sockets; one test uses real processes."""

from __future__ import annotations

import errno
import logging
import os
import socket as stdlib_socket
import stat
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from actors import telemetry
from actors.packets import MAX_FRAME, frame, pack
from actors.pubsub import PubSub, front, wire
from actors.pubsub import bus as buses
from actors.pubsub import link as links
from actors.pubsub import pace as paces
from actors.pubsub.bus import Bus
from actors.pubsub.pace import STEP_BYTES, STEP_MESSAGES
from actors.runtime.rounds import Rounds
from tests.actors.pubsub.test_pubsub import DEADLINE, Listener, Phone
from tests.support.recorder import rounds_pass
from tests.support.waiting import eventually


class Worker:
    """A bus with its pubsub, and one listener."""

    def __init__(self, directory: Path, name: str, listener: type[Listener] = Listener) -> None:
        self.name = name
        self.pubsub = PubSub()
        self.bus = Bus(directory, name, self.pubsub)
        self.pubsub.attach(self.bus)
        self.ref = listener.start()
        self.listener: Listener = self.ref.actor_inbox.actor
        self.pubsub.subscribe(self.listener, "t")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "bus"


@pytest.fixture
def workers(directory: Path) -> Any:
    made: list[Worker] = []

    def start(*names: str, listener: type[Listener] = Listener) -> list[Worker]:
        made.extend(Worker(directory, name, listener) for name in names)
        for worker in made:
            worker.bus.set_peers(worker.name for worker in made)
        for worker in made:
            assert worker.bus.wait_linked(DEADLINE)
        return made

    yield start
    for worker in made:
        worker.bus.close()
        worker.ref.kill()


@pytest.fixture
def events() -> Any:
    seen: list[Any] = []
    news = Event()

    def handler(event: str, measurements: Any, metadata: Any) -> None:
        seen.append((event, dict(measurements), dict(metadata)))
        news.set()

    names = ("pubsub.gap", "pubsub.dropped", "pubsub.link")
    for name in names:
        telemetry.attach(name, handler)
    yield seen, news
    for name in names:
        telemetry.detach(name, handler)


def test_broadcast_reaches_every_worker_once_and_in_order(workers):
    one, two, three = workers("one", "two", "three")
    for number in range(100):
        one.pubsub.broadcast("t", number)
    for worker in (one, two, three):
        assert worker.listener.wait_for(100) == list(range(100))


def test_broadcast_from_excludes_the_sender_alone(workers):
    one, two = workers("one", "two")
    one.pubsub.broadcast_from(one.listener, "t", "x")
    one.pubsub.broadcast("t", "y")
    assert two.listener.wait_for(2) == ["x", "y"]
    assert one.listener.wait_for(1) == ["y"]


def test_local_broadcast_stays(workers):
    one, two = workers("one", "two")
    one.pubsub.local_broadcast("t", "here")
    one.pubsub.broadcast("t", "everywhere")
    assert two.listener.wait_for(1) == ["everywhere"]


def test_direct_broadcast_reaches_one_worker(workers):
    one, two, three = workers("one", "two", "three")
    assert one.pubsub.direct_broadcast("two", "t", "x")
    one.pubsub.broadcast("t", "y")
    assert two.listener.wait_for(2) == ["x", "y"]
    assert three.listener.wait_for(1) == ["y"]
    assert one.listener.wait_for(1) == ["y"]
    assert not one.pubsub.direct_broadcast("four", "t", "x")


def test_request_is_answered_once(workers):
    one, two = workers("one", "two")
    two.bus.serve("double", lambda worker, body, reply: reply([worker, body * 2]))
    answers: list[Any] = []
    came = Event()
    one.bus.request("two", "double", 21, DEADLINE, lambda a: (answers.append(a), came.set()))
    assert came.wait(DEADLINE)
    assert answers == [["one", 42]]
    assert len(one.bus._exchanges) == 0


@pytest.mark.parametrize("case", ["no such worker", "no such kind", "too late", "worker leaves"])
def test_request_without_an_answer_gives_none_and_one_to_nobody_is_not_sent(workers, case):
    one, two = workers("one", "two")
    asked = Event()
    two.bus.serve("never", lambda *_: asked.set())
    answer = gevent.event.AsyncResult()
    worker = "three" if case == "no such worker" else "two"
    kind = "unknown" if case == "no such kind" else "never"
    seconds = 0.1 if case == "too late" else DEADLINE
    sent = one.bus.request(worker, kind, None, seconds, answer.set)
    assert sent is (case != "no such worker")
    if not sent:
        assert not answer.ready()
        return
    if case == "worker leaves":
        assert asked.wait(DEADLINE)
        two.bus.close()
    assert answer.get(timeout=DEADLINE) is None


def test_late_answer_is_ignored(workers):
    one, two = workers("one", "two")
    replies: list[Any] = []
    asked = Event()
    two.bus.serve("slow", lambda worker, body, reply: (replies.append(reply), asked.set()))
    answer = gevent.event.AsyncResult()
    one.bus.request("two", "slow", None, 0.05, answer.set)
    assert answer.get(timeout=DEADLINE) is None
    assert asked.wait(DEADLINE)
    replies[0]("late")
    two.pubsub.broadcast("t", "after")
    assert one.listener.wait_for(1) == ["after"]


def test_worker_that_comes_later_is_linked_and_one_that_goes_is_not(workers, directory):
    one, _ = workers("one", "two")
    workers("three")
    assert one.bus.peers == {"two", "three"}
    one.bus.set_peers(["one", "three"])
    assert one.bus.peers == {"three"}


def test_messages_queued_before_the_link_is_up_arrive(directory):
    one = Worker(directory, "one")
    one.bus.set_peers(["one", "two"])
    one.pubsub.broadcast("t", "early")
    two = Worker(directory, "two")
    assert two.listener.wait_for(1) == ["early"]
    for worker in (one, two):
        worker.bus.close()
        worker.ref.kill()


def test_queue_that_overflows_drops_and_the_other_side_sees_the_gap(workers, events, monkeypatch):
    one, two = workers("one", "two")
    seen, _ = events
    monkeypatch.setattr(links, "MAX_QUEUED", 3000)
    for number in range(5):  # nothing is written before this greenlet lets go
        one.pubsub.broadcast("t", [number, "x" * 1000])
    one.bus._links["two"].flush(DEADLINE)
    one.pubsub.broadcast("t", "after")
    got = [m if m == "after" else m[0] for m in two.listener.wait_for(3)]
    assert got == [0, 1, "after"]
    assert seen.count(("pubsub.dropped", {"count": 1}, {"peer": "two"})) == 3
    assert ("pubsub.gap", {"missing": 3}, {"publisher": "one"}) in seen
    assert len(one.listener.wait_for(6)) == 6


def test_loss_of_the_last_one_shows_too(workers, events, monkeypatch):
    monkeypatch.setattr(front, "SAY_LAST", 0.05)
    one, two = workers("one", "two")
    seen, _ = events
    monkeypatch.setattr(links, "MAX_QUEUED", 3000)
    for number in range(3):  # nothing is written before this greenlet lets go
        one.pubsub.broadcast("t", [number, "x" * 1000])
    eventually(lambda: ("pubsub.gap", {"missing": 1}, {"publisher": "one"}) in seen)
    assert len(two.listener.wait_for(2)) == 2


def test_topic_that_cannot_travel_is_no_gap(workers, events):
    one, two = workers("one", "two")
    seen, _ = events
    with pytest.raises(ValueError, match="lone surrogate"):
        one.pubsub.broadcast("t\ud800", "x")
    one.pubsub.broadcast("t", "after")
    assert two.listener.wait_for(1) == ["after"]
    assert [event for event, *_ in seen if event == "pubsub.gap"] == []


def test_many_gaps_are_a_line_in_a_second_and_a_count(workers, caplog):
    caplog.set_level(logging.INFO, "roost.pubsub")
    one, two = workers("gappy", "two")
    for number in (1, 3, 5, 7):
        one.bus.publish(number, "t", "plain", pack("x"))
    assert len(two.listener.wait_for(4)) == 4
    eventually(lambda: "(2 lines like this were held back)" in caplog.text)
    lines = [each for each in caplog.records if "of gappy are missing" in each.getMessage()]
    assert [each.levelname for each in lines] == ["WARNING", "INFO"]


def test_other_workers_that_cannot_be_accepted_are_a_line_in_a_second(
    directory, caplog, monkeypatch
):
    def accept(_sock):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    caplog.set_level(logging.INFO, "roost.pubsub")
    monkeypatch.setattr(buses, "PAUSE", 0.001)
    monkeypatch.setattr(socket.socket, "accept", accept)
    bus = Bus(directory, "one", PubSub())
    eventually(lambda: "lines like this were held back" in caplog.text)
    bus.close()
    told = [text for text in caplog.messages if text.startswith("accepting on the bus failed")]
    assert len(told) <= 3


def test_double_is_dropped_and_a_gap_told(workers, events):
    one, two = workers("one", "two")
    seen, _ = events
    packed = pack("x")
    for number in (1, 1, 4, 3, 5):
        one.bus.publish(number, "t", "plain", packed)
    one.pubsub.broadcast("t", "this is number 1 again")
    one.bus.publish(6, "t", "plain", pack("end"))
    assert two.listener.wait_for(4) == ["x", "x", "x", "end"]
    gaps = [each for each in seen if each[0] == "pubsub.gap"]
    assert gaps == [("pubsub.gap", {"missing": 2}, {"publisher": "one"})]


@pytest.mark.parametrize(
    "fields", [["one", "7", "plain", "t", b"x"], [b"one", 7, "plain", "t", b"x"]]
)
def test_number_that_is_none_ends_the_connection(workers, caplog, fields):
    one, two = workers("one", "two")
    link = one.bus._links["two"]
    link.send(wire._message("broadcast", pack(fields)))
    eventually(lambda: "not the number of a broadcast" in caplog.text)
    one.pubsub.broadcast("t", "after")
    assert two.listener.wait_for(1) == ["after"]


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_queue_has_a_bound(workers, monkeypatch, extra, taken):
    one, two = workers("one", "two")
    message = "x" * 1000
    size = wire.broadcast("one", 0, "plain", "t", pack(message)).size
    monkeypatch.setattr(links, "MAX_QUEUED", size - extra)
    assert one.pubsub.direct_broadcast("two", "t", message) is taken
    assert two.bus.linked


@pytest.mark.parametrize("what", ["SMALL", "RESERVE"])
@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_small_ones_that_are_no_broadcasts_have_room_beyond_it(
    workers, monkeypatch, what, extra, taken
):
    one, two = workers("one", "two")
    size = wire.notify("k", "x" * 1000).size
    monkeypatch.setattr(links, "MAX_QUEUED", 0)
    monkeypatch.setattr(wire, what, size - extra)
    assert one.bus.notify("two", "k", "x" * 1000) is taken
    assert not one.pubsub.direct_broadcast("two", "t", "x")
    assert two.bus.linked


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_message_in_parts_has_a_bound(workers, directory, monkeypatch, caplog, extra, taken):
    (one,) = workers("one")
    whole = pack(["broadcast", 3, "t", pack("x" * 1000)])
    monkeypatch.setattr(wire, "MAX_WHOLE", len(whole) - extra)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(directory / "one"))
        said = [["roost.bus.1", "peer", 1], ["part", 1, whole[:500]], ["part", 2, whole[500:]]]
        peer.sendall(b"".join(frame(pack(each)) for each in [*said, ["whole", 3]]))
        if taken:
            assert one.listener.wait_for(1) == ["x" * 1000]
        else:
            peer.settimeout(DEADLINE)
            assert peer.recv(1) == b""
            assert "a message of over" in caplog.text


def test_worker_that_returns_under_its_name_is_connected_to_again(workers, directory, events):
    one, two = workers("one", "two")
    seen, news = events
    seen.clear()
    two.bus.close()
    while ("pubsub.link", {"up": 0}, {"peer": "two"}) not in seen:
        news.clear()
        assert news.wait(DEADLINE)
    one.pubsub.broadcast("t", "while it was away")
    again = Worker(directory, "two")
    again.bus.set_peers(["one"])
    assert again.listener.wait_for(1) == ["while it was away"]
    again.bus.close()
    again.ref.kill()


def test_last_words_do_not_wait_for_a_worker_that_has_left(workers):
    one, two = workers("one", "two")
    two.bus.close()
    eventually(lambda: not one.bus.linked)
    one.pubsub.broadcast("t", "farewell")
    closing = gevent.spawn(one.bus.close, 100 * DEADLINE)
    rounds_pass()
    assert not closing.dead  # the other one may come back under its name
    one.bus.set_peers(["one"])
    closing.join(DEADLINE)
    assert closing.dead


class TestSockets:
    def test_directory_and_socket_are_ours_alone(self, workers, directory):
        workers("one")
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory / "one").stat().st_mode) == 0o600

    def test_directory_of_others_is_refused(self, directory):
        directory.mkdir(mode=0o755)
        with pytest.raises(PermissionError, match="0700"):
            Bus(directory, "one", PubSub())

    def test_directory_behind_a_link_is_refused(self, directory, tmp_path):
        (tmp_path / "real").mkdir(mode=0o700)
        directory.symlink_to(tmp_path / "real")
        with pytest.raises(PermissionError, match="0700"):
            Bus(directory, "one", PubSub())

    def test_name_that_somebody_listens_at_is_refused(self, workers, directory):
        workers("one")
        with pytest.raises(FileExistsError, match="a process listens"):
            Bus(directory, "one", PubSub())

    def test_stale_socket_is_replaced(self, directory):
        directory.mkdir(mode=0o700)
        with stdlib_socket.socket(stdlib_socket.AF_UNIX) as dead:
            dead.bind(str(directory / "one"))
        bus = Bus(directory, "one", PubSub())
        bus.close()

    @pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda p: p.symlink_to("/dev/null")])
    def test_other_file_of_that_name_is_left_alone(self, directory, make):
        directory.mkdir(mode=0o700)
        make(directory / "one")
        with pytest.raises(FileExistsError, match="no socket"):
            Bus(directory, "one", PubSub())
        assert os.path.lexists(directory / "one")

    def test_close_removes_its_own_socket_alone(self, workers, directory):
        (one,) = workers("one")
        (directory / "one").unlink()
        (directory / "one").touch()
        one.bus.close()
        assert (directory / "one").is_file()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        (MAX_FRAME + 1).to_bytes(4, "big"),
        frame(b"\xc1"),
        frame(pack(["roost.bus.0", "peer", 1])),
        frame(pack(["roost.bus.1", 7, 1])),
        frame(pack("hello")),
        frame(pack(["roost.bus.1", "peer", 1])) + frame(pack([])),
        frame(pack(["roost.bus.1", "peer", 1])) + frame(pack(["broadcast", 1, "t"])),
        frame(pack(["roost.bus.1", "peer", 1])) + frame(pack(["broadcast", "1", "t", b""])),
        frame(pack(["roost.bus.1", "peer", 1])) + frame(pack(["broadcast", 1, "t", b"\xc1"])),
        frame(pack(["roost.bus.1", "peer", 1])) + frame(pack(["unknown", 1])),
        frame(pack(["roost.bus.1", "peer", 1])) + frame(pack(["reply", 1, "x", None])),
    ],
)
def test_peer_that_breaks_the_protocol_is_dropped_alone(workers, directory, data, caplog):
    one, two = workers("one", "two")
    with socket.socket(socket.AF_UNIX) as bad:
        bad.settimeout(DEADLINE)
        bad.connect(str(directory / "one"))
        bad.sendall(data)
        assert bad.recv(1) == b""
    two.pubsub.broadcast("t", "fine")
    assert one.listener.wait_for(1) == ["fine"]
    assert len([r for r in caplog.records if "dropped the bus connection" in r.message]) == 1


def test_half_a_message_and_then_the_end_harms_nothing(workers, directory):
    one, two = workers("one", "two")
    with socket.socket(socket.AF_UNIX) as bad:
        bad.connect(str(directory / "one"))
        bad.sendall(frame(pack(["roost.bus.1", "peer", 1])) + b"\x00\x00\x01")
    two.pubsub.broadcast("t", "fine")
    assert one.listener.wait_for(1) == ["fine"]


def test_reply_that_nobody_asked_for_is_ignored(workers, directory):
    one, two = workers("one", "two")
    with socket.socket(socket.AF_UNIX) as odd:
        odd.connect(str(directory / "one"))
        odd.sendall(frame(pack(["roost.bus.1", "x", 1])) + frame(pack(["reply", 1, 999, "x"])))
        two.pubsub.broadcast("t", "fine")
        assert one.listener.wait_for(1) == ["fine"]


# -- bursts


class Counting(Phone):
    """Notes how many messages it had in each turn."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[int] = []
        self._turn: Any = None

    def on_receive(self, message: Any) -> None:
        if self.actor_inbox.batch is not self._turn:
            self._turn = self.actor_inbox.batch
            self.turns.append(0)
        self.turns[-1] += 1
        super().on_receive(message)


@pytest.mark.parametrize("count", [5_000, 20_000])
def test_burst_reaches_every_worker_whole_and_in_order(workers, count):
    one, two, three = workers("one", "two", "three", listener=Counting)
    wanted = [f"{number:10}" for number in range(count)]
    for message in wanted:
        one.pubsub.broadcast("t", message)
    for worker in (one, two, three):
        assert worker.listener.wait_for(count) == wanted


def test_bursts_of_several_workers_share_the_steps(workers):
    made = workers("one", "two", "three", listener=Counting)
    for number in range(2000):
        for worker in made:
            worker.pubsub.broadcast("t", [worker.name, number])
    for worker in made:
        heard = worker.listener.wait_for(6000)
        for name in ("one", "two", "three"):
            assert [number for of, number in heard if of == name] == list(range(2000))


@pytest.mark.parametrize(
    ("message", "most"),
    [("x", STEP_MESSAGES), ("x" * STEP_BYTES, 1), ("x" * (STEP_BYTES // 4), 4)],
)
def test_delivery_leaves_turns_between(workers, monkeypatch, message, most):
    one, two = workers("one", "two", listener=Counting)
    monkeypatch.setattr(paces, "STEP_TIME", DEADLINE)
    monkeypatch.setattr(paces, "LONGEST_ROUND", DEADLINE)
    for _ in range(most * 5):
        one.pubsub.direct_broadcast("two", "t", message)
    assert len(two.listener.wait_for(most * 5)) == most * 5
    assert max(two.listener.turns) <= most


def test_step_is_short_however_dear_a_delivery_is(workers, monkeypatch):
    one, two = workers("one", "two", listener=Counting)
    monkeypatch.setattr(paces, "STEP_TIME", -1.0)  # the clock is past it after the first
    monkeypatch.setattr(paces, "LONGEST_ROUND", DEADLINE)
    for number in range(50):
        one.pubsub.direct_broadcast("two", "t", number)
    assert two.listener.wait_for(50) == list(range(50))
    assert set(two.listener.turns) == {1}


def test_nothing_is_read_while_a_step_is_over(workers, monkeypatch):
    one, two = workers("one", "two")
    rounds, taken = [], []
    monkeypatch.setattr(Rounds, "at_end", lambda _, callback: rounds.append(callback))
    monkeypatch.setattr(paces, "STEP_TIME", DEADLINE)
    monkeypatch.setattr(paces, "LONGEST_ROUND", DEADLINE)
    monkeypatch.setattr(two.pubsub, "arrived", lambda topic, kind, packed: taken.append(topic))
    for _ in range(3 * STEP_MESSAGES):
        one.pubsub.direct_broadcast("two", "t", "x")
    for steps in (1, 2, 3):
        eventually(lambda steps=steps: len(rounds) == steps)
        assert len(taken) == steps * STEP_MESSAGES
        rounds[-1]()


def test_next_step_comes_where_no_round_ends(workers, monkeypatch):
    """As where user code blocks in every carrier: requests are answered all the same."""
    one, two = workers("one", "two")
    monkeypatch.setattr(Rounds, "at_end", lambda *_: None)
    for number in range(5 * STEP_MESSAGES):
        one.pubsub.direct_broadcast("two", "t", number)
    assert two.listener.wait_for(5 * STEP_MESSAGES) == list(range(5 * STEP_MESSAGES))


# -- budgets


def test_requests_take_no_room_from_broadcasts_nor_the_other_way(workers, events, monkeypatch):
    one, two = workers("one", "two")
    seen, _ = events
    monkeypatch.setattr(links, "MAX_QUEUED", 3000)
    monkeypatch.setattr(wire, "SMALL", 0)
    two.bus.serve("double", lambda worker, body, reply: reply(len(body) * 2))
    answers: list[Any] = []
    sent = []
    for _ in range(4):  # the last two do not fit
        sent.append(one.bus.request("two", "double", "x" * 1400, DEADLINE, answers.append))
        one.pubsub.direct_broadcast("two", "t", "x" * 1400)
    assert sent == [True, True, False, False]
    assert [event for event, *_ in seen].count("pubsub.dropped") == 2
    link = one.bus._links["two"]
    assert link.broadcasts > 2800 < link.exchanges
    eventually(lambda: answers == [2800, 2800])
    assert two.listener.wait_for(2) == ["x" * 1400] * 2
    assert link.flush(DEADLINE)
    assert (link.broadcasts, link.exchanges) == (0, 0)


def test_requests_that_are_not_sent_are_no_gap(workers, events, monkeypatch):
    one, two = workers("one", "two")
    seen, _ = events
    monkeypatch.setattr(links, "MAX_QUEUED", 100)
    monkeypatch.setattr(wire, "SMALL", 0)
    one.bus.request("two", "large", "x" * 100, DEADLINE, lambda _: None)
    one.pubsub.broadcast("t", "after")
    assert two.listener.wait_for(1) == ["after"]
    assert [event for event, *_ in seen if event == "pubsub.gap"] == []
