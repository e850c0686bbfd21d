"""What two workers say to each other, of one release and of two, over real Unix sockets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from actors import packets, pubsub, telemetry
from actors.packets import FrameReader, frame, pack
from actors.pubsub import PubSub, wire
from actors.pubsub import bus as buses
from actors.pubsub import front as fronts
from actors.pubsub import link as links
from actors.pubsub.bus import Bus
from actors.pubsub.front import Attached
from actors.runtime.dispatcher import get_dispatcher
from supervision.specs import ChildSpec
from supervision.supervisor import Supervisor
from tests.actors.pubsub.before import Receiver, recorded
from tests.actors.pubsub.test_bus import Worker
from tests.actors.pubsub.test_pubsub import DEADLINE, Listener
from tests.support.waiting import eventually

NOW = ["roost.bus.2", "peer", 1, {}]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "bus"


@pytest.fixture
def worker(directory: Path) -> Any:
    """Start workers, which link to nobody yet."""
    made: list[Worker] = []

    def start(name: str = "one") -> Worker:
        made.append(Worker(directory, name))
        return made[-1]

    yield start
    for each in made:
        each.bus.close(flush=0)
        each.ref.kill()


@pytest.fixture
def linked(worker: Any) -> Any:
    """Start workers that are linked to each other."""

    def start(*names: str) -> list[Worker]:
        made = [worker(name) for name in names]
        for each in made:
            each.bus.set_peers(names)
        for each in made:
            assert each.bus.wait_linked(DEADLINE)
        return made

    return start


@pytest.fixture
def before(directory: Path) -> Any:
    """Start a receiver that acts as one of the release before, under a name."""
    made: list[Receiver] = []

    def start(name: str) -> Receiver:
        directory.mkdir(mode=0o700, exist_ok=True)
        made.append(Receiver(directory / name))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def unknown() -> Any:
    """The kinds that were passed over."""
    seen: list[Any] = []
    telemetry.attach("pubsub.unknown", handler := lambda *event: seen.append(event[1:]))
    yield seen
    telemetry.detach("pubsub.unknown", handler)


def connect(directory: Path, name: str) -> Any:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(str(directory / name))
    return sock


def said(*messages: Any) -> bytes:
    return b"".join(frame(pack(message)) for message in messages)


def read(sock: Any, reader: FrameReader, count: int) -> list[Any]:
    got: list[Any] = []
    while len(got) < count:
        data = sock.recv(65536)
        assert data, got
        got += reader.feed(data)
    return got


class Peer:
    """Listens under a name, and does with each connection what ``serve(sock)`` does."""

    def __init__(self, path: Path, serve: Any) -> None:
        self.times: list[float] = []
        self._serve = serve
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(8)
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        while True:
            sock, _ = self._listening.accept()
            self.times.append(time.monotonic())
            with sock:
                self._serve(sock)

    def close(self) -> None:
        self._greenlet.kill()
        self._listening.close()


@pytest.fixture
def peer(directory: Path) -> Any:
    made: list[Peer] = []

    def start(name: str, serve: Any) -> Peer:
        directory.mkdir(mode=0o700, exist_ok=True)
        made.append(Peer(directory / name, serve))
        return made[-1]

    yield start
    for each in made:
        each.close()


class TestReleaseBefore:
    def test_what_it_wrote_is_understood(self, worker, directory):
        one = worker()
        asked, told = [], Event()
        one.bus.serve("longpoll", lambda *request: (asked.append(request), told.set()))
        with connect(directory, "one") as sock:
            for _, data in recorded():
                sock.sendall(data)
            heard = one.listener.wait_for(3)
            assert told.wait(DEADLINE)
        assert heard == [{"event": "hello", "count": 1}, "for you alone", "x" * 150]
        ((name, body, reply),) = asked
        assert (name, body) == ("old", ["poll", 7, "1", "lp:0123", 3])
        assert reply is not None

    def test_reply_that_it_wrote_settles_our_request(self, worker, before, directory):
        one, old = worker(), before("old")
        one.bus.set_peers(["old"])
        answer = gevent.event.AsyncResult()
        eventually(lambda: old.connections)
        for _ in range(5):  # the recorded reply is to the fifth
            one.bus.request("old", "longpoll", None, DEADLINE, answer.set)
        frames = dict(recorded())
        with connect(directory, "one") as sock:
            sock.sendall(frames["greeting"] + frames["reply"])
            assert answer.get(timeout=DEADLINE) == ["answer", 200, b'{"status":200}']

    def test_it_is_greeted_anew_with_its_own_protocol_and_nothing_is_lost(self, worker, before):
        one, old = worker(), before("old")
        one.bus.set_peers(["old"])
        one.pubsub.broadcast("t", "early")
        one.pubsub.direct_broadcast("old", "t", "direct")
        one.bus.notify("old", "k", "note")
        one.bus.request("old", "k", "question", DEADLINE, lambda _: None)
        eventually(lambda: len(old.messages) == 4)
        assert old.messages == [
            ["broadcast", 1, "t", pack("early")],
            ["broadcast", 2, "t", pack("direct")],
            ["request", 3, 0, "k", "note"],
            ["request", 4, 1, "k", "question"],
        ]
        assert old.greetings == [
            ["roost.bus.2", "one", 1, {"published": 0}], ["roost.bus.1", "one", 1]
        ]  # fmt: skip
        assert not one.bus.takes_notices("old")
        assert one.bus._links["old"].up.is_set()

    def test_link_that_breaks_begins_with_the_newest_again(self, worker, before):
        """As its name may be that of a newer worker by now; and it is not hung up on for ever."""
        one, old = worker(), before("old")
        one.bus.set_peers(["old"])
        eventually(lambda: old.connections)
        old.connections[0].close()
        eventually(lambda: len(old.connections) == 2)
        one.pubsub.broadcast("t", "after")
        eventually(lambda: old.messages)
        assert [greeting[0][-1] for greeting in old.greetings] == ["2", "1", "2", "1"]

    def test_large_messages_arrive_in_parts(self, worker, before, monkeypatch):
        monkeypatch.setattr(wire, "MAX_FRAME", 1000)
        monkeypatch.setattr(wire, "PART", 400)
        one, old = worker(), before("old")
        one.bus.set_peers(["old"])
        one.pubsub.broadcast("t", "x" * 1100)
        one.pubsub.broadcast("t", "y")
        eventually(lambda: len(old.messages) == 5)
        assert [message[:2] for message in old.messages] == [
            ["part", 1], ["part", 2], ["part", 3], ["whole", 4], ["broadcast", 5]
        ]  # fmt: skip
        whole = packets.unpack(b"".join(message[2] for message in old.messages[:3]))
        assert whole == ["broadcast", 1, "t", pack("x" * 1100)]


class TestGreeting:
    def test_it_says_where_numbers_begin(self, worker, peer):
        greetings: list[Any] = []
        one = worker()
        one.bus.set_peers(["nobody"])
        one.pubsub.broadcast("t", 1)
        one.pubsub.broadcast("t", 2)

        def serve(sock):
            reader = FrameReader()
            greetings.extend(read(sock, reader, 1))
            sock.sendall(wire.WELCOME)
            greetings.extend(read(sock, reader, 1))

        peer("two", serve)
        one.bus.set_peers(["two"])
        one.pubsub.direct_broadcast("two", "t", "direct")
        eventually(lambda: len(greetings) == 2)
        assert greetings[0] == ["roost.bus.2", "one", 1, {"published": 2}]
        eventually(lambda: len(greetings) == 3)  # it is greeted again, as it has hung up
        one.pubsub.broadcast("t", 3)
        eventually(lambda: len(greetings) == 4)
        assert greetings[2:] == [
            ["roost.bus.2", "one", 2, {"published": 2}],
            ["broadcast", 2, "one", 3, "plain", "t", pack(3)],
        ]

    def test_nothing_is_written_before_the_welcome(self, worker, peer):
        one = worker()
        got: list[Any] = []
        welcome, written = Event(), Event()

        def serve(sock):
            reader = FrameReader()
            got.extend(read(sock, reader, 1))
            written.set()
            assert welcome.wait(DEADLINE)
            sock.sendall(wire.WELCOME)
            got.extend(read(sock, reader, 1))

        peer("two", serve)
        one.bus.set_peers(["two"])
        one.pubsub.broadcast("t", "x")
        assert written.wait(DEADLINE)
        assert not one.bus._links["two"].up.is_set()
        assert len(got) == 1
        welcome.set()
        eventually(lambda: len(got) == 2)

    @pytest.mark.parametrize(
        "answer", [b"\xff\xff\xff\xff", said("hello"), said(["roost.bus.9", {}])]
    )
    def test_odd_welcome_is_none(self, worker, peer, answer):
        one = worker()
        found = peer("two", lambda sock: (read(sock, FrameReader(), 1), sock.sendall(answer)))
        one.bus.set_peers(["two"])
        eventually(lambda: len(found.times) > 2)
        assert not one.bus._links["two"].up.is_set()

    def test_what_a_newer_worker_says_beside_is_passed_over(self, worker, directory, peer):
        one = worker()
        welcome = said(["roost.bus.2", {"news": 1}, "more"])
        got: list[Any] = []

        def serve(sock):
            reader = FrameReader()
            read(sock, reader, 1)
            sock.sendall(welcome[:3])
            sock.sendall(welcome[3:])
            got.extend(read(sock, reader, 1))

        peer("two", serve)
        one.bus.set_peers(["two"])
        one.pubsub.broadcast("t", "x")
        eventually(lambda: got)
        with connect(directory, "one") as sock:
            sock.sendall(said(["roost.bus.2", "two", 1, {"news": [1], "published": "x"}]))
            assert read(sock, FrameReader(), 1) == [["roost.bus.2", {}]]

    def test_peer_that_hangs_up_on_everything_is_connected_to_ever_more_slowly(
        self, worker, peer, monkeypatch
    ):
        """Also one that welcomes us first."""
        monkeypatch.setattr(links, "RETRY", (0.01, DEADLINE))
        one = worker()
        protocols: list[str] = []

        def serve(sock):
            (greeting,) = read(sock, FrameReader(), 1)
            protocols.append(greeting[0])
            if len(protocols) > 3:
                sock.sendall(wire.WELCOME)

        found = peer("two", serve)
        one.bus.set_peers(["two"])
        eventually(lambda: len(found.times) == 6)
        for place in range(5):
            assert found.times[place + 1] - found.times[place] >= 0.01 * 2**place / 2
        assert protocols[:4] == ["roost.bus.2", "roost.bus.1"] * 2

    def test_greeting_that_stays_half_is_dropped_in_time(self, worker, directory, monkeypatch):
        monkeypatch.setattr(buses, "GREETING_TIMEOUT", 0.05)
        one = worker()
        with connect(directory, "one") as half, connect(directory, "one") as whole:
            whole.sendall(said(NOW))
            half.sendall(said(NOW)[:-1])
            assert half.recv(1) == b""
            whole.sendall(said(["broadcast", 1, "peer", 1, "plain", "t", pack("fine")]))
            assert one.listener.wait_for(1) == ["fine"]

    def test_welcome_that_does_not_come_is_not_waited_for(self, worker, peer, monkeypatch):
        monkeypatch.setattr(links, "SEND_TIMEOUT", 0.05)
        one = worker()
        protocols: list[str] = []

        def serve(sock):
            protocols.append(read(sock, FrameReader(), 1)[0][0])
            sock.recv(1)

        peer("two", serve)
        one.bus.set_peers(["two"])
        eventually(lambda: len(protocols) == 2)
        assert protocols == ["roost.bus.2"] * 2  # it has not hung up: it is no older one


class TestNewerWorker:
    def test_message_of_another_name_is_passed_over_and_counted(self, worker, directory, unknown):
        one = worker()
        with connect(directory, "one") as sock:
            sock.sendall(
                said(
                    NOW,
                    ["news", 1, "x"],
                    ["broadcast", 2, "peer", 1, "later", "t", b"\xc1"],
                    ["broadcast", 3, "peer", 2, "plain", "t", pack("fine")],
                )
            )
            assert one.listener.wait_for(1) == ["fine"]
        assert unknown == [({"count": 1}, {"kind": "news"}), ({"count": 1}, {"kind": "later"})]

    @pytest.mark.parametrize("whole", [7, [], ["broadcast"], ["broadcast", "x"], ["whole", 1]])
    def test_parts_that_make_no_message_break_the_link(self, worker, directory, whole, caplog):
        worker()
        with connect(directory, "one") as sock:
            sock.sendall(said(NOW, ["part", 1, pack(whole)], ["whole", 2]))
            assert read(sock, FrameReader(), 1) == [["roost.bus.2", {}]]
            assert sock.recv(1) == b""
        assert "dropped the bus connection of peer" in caplog.text

    @pytest.mark.parametrize(
        "message",
        [["broadcast", 1, "t", b"x"], ["notify", 1, "k"], ["request", 1, "x", "k", 1], [7, 1],
         ["part", 1, "text"], ["part", 1], ["whole", 1], ["reply", 1, "x", None]],
    )  # fmt: skip
    def test_message_that_is_not_what_its_name_says_breaks_the_link(
        self, worker, directory, message, caplog
    ):
        worker()
        with connect(directory, "one") as sock:
            sock.sendall(said(NOW, message))
            assert read(sock, FrameReader(), 1) == [["roost.bus.2", {}]]
            assert sock.recv(1) == b""
        assert "dropped the bus connection of peer" in caplog.text


class TestNotices:
    def test_notice_arrives_and_nothing_is_kept(self, linked):
        one, two = linked("one", "two")
        got: list[Any] = []
        two.bus.serve("k", lambda *notice: got.append(notice))
        timers = len(get_dispatcher().timers)
        assert one.bus.takes_notices("two")
        assert one.bus.notify("two", "k", [1, "x"])
        assert one.bus.notify("two", "nobody serves this", None)
        assert one.bus.notify("two", "k", 2)
        assert len(get_dispatcher().timers) == timers
        eventually(lambda: len(got) == 2)
        assert got == [("one", [1, "x"], None), ("one", 2, None)]
        assert (len(one.bus._exchanges), len(two.bus._exchanges)) == (0, 0)
        assert two.bus.unsent("one") == 0
        eventually(lambda: one.bus.unsent("two") == 0)

    def test_notice_to_nobody_or_to_a_full_link_is_not_sent(self, linked, monkeypatch):
        one, two = linked("one", "two")
        gaps: list[Any] = []
        telemetry.attach("pubsub.gap", handler := lambda *event: gaps.append(event))
        size = wire.notify("k", b"x" * 100).size
        monkeypatch.setattr(links, "MAX_QUEUED", 2 * size)
        monkeypatch.setattr(wire, "RESERVE", 0)
        got: list[Any] = []
        two.bus.serve("k", lambda worker, body, reply: got.append(body))
        assert not one.bus.notify("three", "k", 1)
        assert one.bus.unsent("three") == 0
        assert not one.bus.takes_notices("three")
        assert [one.bus.notify("two", "k", b"x" * 100) for _ in range(3)] == [True, True, False]
        assert one.bus.unsent("two") == 2 * size
        eventually(lambda: len(got) == 2)
        assert one.bus.notify("two", "k", "after")
        eventually(lambda: got[-1] == "after")
        telemetry.detach("pubsub.gap", handler)
        assert gaps == []

    def test_body_that_is_not_plain_is_the_callers_error(self, linked):
        one, _ = linked("one", "two")
        with pytest.raises(TypeError, match="plain values"):
            one.bus.notify("two", "k", object())


class TestMembership:
    def test_joined_and_gone_are_told_each_time(self, linked, directory, worker):
        one, two = linked("one", "two")
        told: list[Any] = []
        one.bus.joined(lambda name: told.append(("joined", name)))
        one.bus.gone(lambda name: told.append(("gone", name)))
        two.bus.close()
        eventually(lambda: told == [("gone", "two")])
        worker("two").bus.set_peers(["one"])
        eventually(lambda: ("joined", "two") in told)

    def test_worker_that_leaves_the_list_is_gone_once(self, linked):
        one, two = linked("one", "two")
        gone: list[Any] = []
        one.bus.gone(gone.append)
        one.bus.set_peers(["one"])
        assert gone == ["two"]
        two.pubsub.broadcast("t", "still heard")
        assert one.listener.wait_for(1) == ["still heard"]
        two.bus.close()
        eventually(lambda: not one.bus._greenlets)
        assert (gone, one.bus._expected, one.bus._heard) == (["two"], {}, {})

    def test_worker_that_connects_anew_first_is_not_gone(self, worker, directory):
        one = worker()
        gone: list[Any] = []
        one.bus.gone(gone.append)
        with connect(directory, "one") as again:
            with connect(directory, "one") as first:
                first.sendall(said(NOW))
                read(first, FrameReader(), 1)
                again.sendall(said(NOW))
                read(again, FrameReader(), 1)
            again.sendall(said(["broadcast", 1, "peer", 1, "plain", "t", pack("fine")]))
            assert one.listener.wait_for(1) == ["fine"]
            eventually(lambda: len(one.bus._greenlets) == 1)
            assert gone == []
        eventually(lambda: gone == ["peer"])


class Recording:
    """An adapter that keeps what it is to carry."""

    def __init__(self, worker: str, *knows: str) -> None:
        self.worker = worker
        self.knows = knows
        self.got: list[Any] = []

    def publish(self, number: int, topic: str, kind: str, packed: bytes) -> None:
        self.got.append((number, topic, kind, packed))

    def position(self, number: int) -> None:
        self.got.append(number)

    def direct(self, worker: str, topic: str, kind: str, packed: bytes) -> bool:
        if worker in self.knows:
            self.got.append((worker, topic, kind, packed))
        return worker in self.knows


class TestAdapters:
    def test_several_carry_each_broadcast_until_they_are_detached(self):
        made = PubSub()
        bus, other = Recording("me", "two"), Recording("me", "three")
        for adapter in (bus, other, bus):
            made.attach(adapter)
        assert made.worker == "me"
        made.broadcast("t", "x")
        assert made.direct_broadcast("three", "t", "y")
        assert not made.direct_broadcast("four", "t", "z")
        made.detach(bus)
        made.broadcast("t", "w")
        assert bus.got == [(1, "t", "plain", pack("x")), 1]
        assert other.got == [
            (1, "t", "plain", pack("x")),
            ("three", "t", "plain", pack("y")),
            (2, "t", "plain", pack("w")),
        ]

    def test_last_number_is_said_once_when_it_has_been_quiet(self, monkeypatch):
        monkeypatch.setattr(fronts, "SAY_LAST", 0.05)
        made, adapter = PubSub(), Recording("me")
        made.attach(adapter)
        for message in ("x", "y"):
            made.broadcast("t", message)
        eventually(lambda: adapter.got[2:] == [2])
        made.detach(adapter)
        assert adapter.got[2:] == [2]

    def test_child_of_a_tree_attaches_and_detaches(self):
        made, adapter = PubSub(), Recording("me")
        ref = Supervisor.start([ChildSpec(id="bus", start=Attached.start, args=(made, adapter))])
        assert made.adapters == (adapter,)
        ref.exit()
        assert ref.wait(DEADLINE)
        assert made.adapters == ()

    def test_bus_attaches_itself_to_nothing(self, directory):
        made = PubSub()
        bus = Bus(directory, "one", made)
        assert (made.adapters, made.worker) == ((), "")
        bus.close()

    def test_earlier_name_of_the_contract(self):
        with pytest.warns(DeprecationWarning, match="Cluster"):
            assert pubsub.Adapter is pubsub.Cluster
        with pytest.raises(AttributeError, match="Other"):
            pubsub.Other  # noqa: B018


class TestOnceForAll:
    def test_broadcast_is_packed_once_for_all_links(self, worker):
        one = worker()
        one.bus.set_peers(["two", "three"])
        one.pubsub.broadcast("t", "x" * 1000)
        two, three = (one.bus._links[name]._queue[-1][1] for name in ("two", "three"))
        assert two is three

    def test_broadcast_that_nobody_hears_is_unpacked_nowhere(self, linked, monkeypatch):
        one, two = linked("one", "two")
        unpacked: list[bytes] = []

        def unpack(packed: bytes) -> Any:
            unpacked.append(packed)
            return packets.unpack(packed)

        monkeypatch.setattr(fronts, "unpack", unpack)
        monkeypatch.setattr(fronts, "pack_and_copy", None)
        one.pubsub.broadcast("u", {"a": 1})
        two.pubsub.broadcast("u", {"a": 1})
        one.pubsub.direct_broadcast("two", "t", "heard")
        assert two.listener.wait_for(1) == ["heard"]
        assert unpacked == [pack("heard")]

    @pytest.mark.parametrize("message", [{1: 2}, [{"a": {None: 1}}], object()])
    def test_broadcast_that_could_not_be_read_raises_where_nobody_listens(self, linked, message):
        one, two = linked("one", "two")
        with pytest.raises(TypeError, match="plain values"):
            one.pubsub.broadcast("u", message)
        with pytest.raises(TypeError, match="plain values"):
            one.pubsub.direct_broadcast("two", "u", message)
        one.pubsub.broadcast("t", "fine")
        assert two.listener.wait_for(1) == ["fine"]

    def test_broadcasts_are_numbered_by_their_publisher(self, linked, directory):
        one, two = linked("one", "two")
        for number in range(3):
            one.pubsub.broadcast("t", number)
        one.pubsub.direct_broadcast("two", "t", "direct")
        queue = list(one.bus._links["two"]._queue)
        assert [message.sequence for _, message in queue] == [1, 2, 3, 0]
        assert two.listener.wait_for(4) == [0, 1, 2, "direct"]

    def test_subscriber_that_comes_later_hears_what_comes_later(self, worker):
        one = worker()
        one.pubsub.broadcast("u", "before")
        late = Listener.start()
        listener = late.actor_inbox.actor
        one.pubsub.subscribe(listener, "u")
        one.pubsub.broadcast("u", "after")
        assert listener.wait_for(1) == ["after"]
        late.kill()
