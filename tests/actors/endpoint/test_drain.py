"""The orderly end of a served endpoint, as its clients see it: real sockets, one process."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager

import gevent
import pytest
from gevent.event import Event

from actors import Actor, Endpoint, Push, Reply, Socket
from actors.endpoint.serving.server import Server
from actors.errors import ConfigError
from actors.reasons import KILLED, SHUTDOWN, Shutdown
from actors.schedule import SERVER_AT_ONCE
from supervision import ChildSpec
from supervision.processes.sockets import bind
from tests.support import raw
from tests.support.longpoll import Poller
from tests.support.waiting import DEADLINE, eventually
from transports.http import deadlines
from transports.http.response import Response

RESTART = Shutdown("restart")


class Talk(Socket):
    """Echoes; waits, pushes or ends slowly when told to. ``living`` are its instances."""

    living: list

    def init(self, state):
        self.heard, self.ends = [], []
        self.entered, self.release = Event(), Event()
        self.slow = False
        self.living.append(self)
        return super().init(state)

    def handle_in(self, payload, opcode):
        self.heard.append(payload)
        if payload == "block":
            self.entered.set()
            self.release.wait()
        if payload == "end slowly":
            self.slow = True
        if payload.startswith("push "):
            return [Push("x" * 65536) for _ in range(int(payload[5:]))]
        return Reply(payload)

    def handle_info(self, message):
        return Push(message)

    def terminate(self, reason):
        self.ends.append(reason)
        if self.slow:
            self.entered.set()
            self.release.wait()


class Site:
    """A served endpoint, its clients, and how its end went."""

    def __init__(self, endpoint, **options):
        self.server = Server(endpoint, bind("127.0.0.1", 0), **options)
        self.server.start()
        self.address = self.server.listener.address
        self.clients = []
        self.began = 0.0

    def raw(self):
        self.clients.append(raw.Client(self.address))
        return self.clients[-1]

    def connect(self, path="/talk/websocket"):
        client = self.raw()
        assert client.upgrade(path).status == 101
        return client

    def poller(self):
        made = Poller(self, "/talk/longpoll")
        self.clients.append(made)
        made.open()
        made.client("post")  # whether it is used or not
        return made

    def stop(self, budget=DEADLINE):
        """Begin to stop; return the greenlet, and comes back when that is under way."""
        self.began = time.monotonic()
        stopping = gevent.spawn(self.server.stop, budget)
        gevent.sleep(0)
        return stopping

    @property
    def elapsed(self):
        return time.monotonic() - self.began


@pytest.fixture
def talk():
    """A socket class of the test's own."""
    return type("Talk", (Talk,), {"living": []})


@pytest.fixture
def site(talk):
    """Serve ``talk`` at /talk; arguments are the mount's, ``endpoint`` those of the endpoint."""
    sites = []

    def start(endpoint=None, *, websocket=True, longpoll=True, others=(), **mount):
        made = Endpoint(secret_key_base=("s" * 32,), **(endpoint or {}))
        for path, each in {"/talk": talk, **dict(others)}.items():
            made.socket(path, each, websocket=websocket, longpoll=longpoll, **mount)
        made.page("/page", lambda request, http: Response(200, b"page"))
        sites.append(Site(made))
        return sites[-1]

    yield start
    for each in sites:
        for socket in talk.living:
            socket.release.set()
        for client in each.clients:
            client.close()
        each.server.stop(0.5)


def leave(client):
    """Read the Close frame and answer it, as a browser does; return its code and its reason."""
    frame = client.frame()
    assert frame.opcode == raw.CLOSE
    client.send(raw.close_frame(frame.code))
    assert client.read_to_end() == b""
    return frame.code, frame.payload[2:]


def fetched(poller):
    """Read the answer to a poll: its status, messages, and connection header."""
    answer = poller.client("poll").answer()
    body = poller.adopt(answer)
    return body["status"], body.get("messages", []), answer.headers.get("connection")


class TestEveryConnection:
    def test_is_told_1012_without_a_reason_and_terminated_once(self, site, talk):
        served = site()
        clients = [served.connect() for _ in range(50)]
        stopping = served.stop()
        assert [leave(client) for client in clients] == [(1012, b"")] * 50
        assert stopping.get(timeout=DEADLINE) is True
        assert [socket.ends for socket in talk.living] == [[RESTART]] * 50
        assert served.elapsed < 2

    def test_is_told_in_batches(self, site):
        served = site(drainer={"batch_size": 5, "batch_interval": 0.25})
        clients = [served.connect() for _ in range(12)]
        stopping = served.stop()
        times = []
        for client in clients:
            assert leave(client)[0] == 1012
            times.append(served.elapsed)
        assert stopping.get(timeout=DEADLINE) is True
        assert times[4] < 0.2
        assert 0.25 <= times[5] <= times[9] < 0.45
        assert 0.5 <= times[10] <= times[11] < 0.7

    def test_of_two_classes_is_told_at_the_same_time(self, site, talk):
        other = type("Other", (Talk,), {"living": []})
        options = {"batch_size": 1, "batch_interval": 0.25}
        served = site(others={"/other": other}, drainer=options)
        clients = [served.connect("/talk/websocket"), served.connect("/other/websocket")]
        stopping = served.stop()
        assert [leave(client)[0] for client in clients] == [1012, 1012]
        assert stopping.get(timeout=DEADLINE) is True
        assert 0.25 <= served.elapsed < 0.45  # one pause, and not two

    def test_is_told_1001_where_there_is_no_drainer(self, site, talk):
        served = site(drainer=False)
        client, poller = served.connect(), served.poller()
        poller.begin_poll()
        eventually(lambda: len(talk.living) == 2 and talk.living[1].transport._http)
        stopping = served.stop()
        assert leave(client) == (1001, b"")
        assert fetched(poller) == (204, [], "close")
        assert stopping.get(timeout=DEADLINE) is True
        assert [socket.ends for socket in talk.living] == [[SHUTDOWN]] * 2

    def test_of_a_page_is_answered_and_closed(self, site):
        served = site()
        idle, asked = served.raw(), served.raw()
        assert asked.ask("/page").headers.get("connection") is None
        stopping = served.stop()
        assert idle.read_to_end() == asked.read_to_end() == b""
        assert stopping.get(timeout=DEADLINE) is True


class TestWhatWasSaid:
    def test_replies_come_before_the_close_frame(self, site, talk):
        served = site()
        client = served.connect()
        client.send(b"".join(raw.frame(raw.TEXT, str(number)) for number in range(1000)))
        eventually(lambda: talk.living[0].heard)
        stopping = served.stop()
        frames = []
        while not frames or frames[-1].opcode != raw.CLOSE:
            frames.append(client.frame())
        client.send(raw.close_frame(1012))
        assert stopping.get(timeout=DEADLINE) is True
        assert frames.pop().code == 1012
        acknowledged = [frame.payload.decode() for frame in frames]
        assert acknowledged == [str(number) for number in range(len(acknowledged))]
        assert acknowledged == talk.living[0].heard

    def test_message_being_handled_is_answered(self, site, talk):
        served = site()
        client = served.connect()
        client.send(raw.frame(raw.TEXT, "block") + raw.frame(raw.TEXT, "never handled"))
        assert talk_entered(talk)
        stopping = served.stop()
        eventually(lambda: talk.living[0].actor_inbox.signals)
        talk.living[0].release.set()
        assert client.frame().payload == b"block"
        assert leave(client)[0] == 1012
        assert stopping.get(timeout=DEADLINE) is True
        assert talk.living[0].heard == ["block"]

    def test_fragment_of_a_message_is_not_handled(self, site, talk):
        served = site()
        client = served.connect()
        client.send(raw.frame(raw.TEXT, "half of a", fin=False) + raw.frame(raw.PING))
        client.frame()
        stopping = served.stop()
        assert leave(client)[0] == 1012
        assert stopping.get(timeout=DEADLINE) is True
        assert talk.living[0].heard == []

    def test_upgrade_on_an_open_connection_is_accepted_and_told(self, site):
        served = site(drainer={"batch_size": 1, "batch_interval": 0.2})
        first, idle = served.connect(), served.raw()
        assert idle.ask("/page").status == 200
        stopping = served.stop()
        assert leave(first)[0] == 1012
        assert idle.upgrade("/talk/websocket").status == 101
        assert leave(idle)[0] == 1012
        assert stopping.get(timeout=DEADLINE) is True


def talk_entered(talk):
    eventually(lambda: talk.living)
    return talk.living[0].entered.wait(DEADLINE)


class TestWhoIsSlow:
    @pytest.mark.parametrize("word", ["block", "end slowly"])
    def test_stuck_socket_is_ended_when_the_drainer_s_time_is_over(self, site, talk, word, caplog):
        served = site(drainer={"shutdown": 0.5})
        stuck, other = served.connect(), served.connect()
        stuck.send(raw.frame(raw.TEXT, word))
        if word == "block":
            assert talk_entered(talk)
        else:
            stuck.frame()
        stopping = served.stop()
        assert leave(other)[0] == 1012
        assert served.elapsed < 0.4
        assert leave(stuck)[0] == 1012
        assert stopping.get(timeout=DEADLINE) is False
        assert 0.4 < served.elapsed < 1.5
        assert [socket.exit_reason for socket in talk.living] == [KILLED, RESTART]
        warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert warnings == ["ended 1 connections of Talk that took too long"]

    def test_stuck_socket_without_a_drainer_is_told_1001(self, site, talk):
        served = site({"server_shutdown": 0.5}, drainer=False)
        stuck = served.connect()
        stuck.send(raw.frame(raw.TEXT, "block"))
        assert talk_entered(talk)
        stopping = served.stop()
        assert leave(stuck)[0] == 1001
        assert stopping.get(timeout=DEADLINE) is False
        assert 0.4 < served.elapsed < 1.5

    def test_stuck_socket_has_no_more_than_the_budget(self, site, talk):
        served = site(drainer={"shutdown": 10.0})
        stuck = served.connect()
        stuck.send(raw.frame(raw.TEXT, "block"))
        assert talk_entered(talk)
        stopping = served.stop(0.6)
        assert leave(stuck)[0] == 1012
        assert stopping.get(timeout=DEADLINE) is False
        assert served.elapsed < 0.9

    def test_peer_that_ignores_the_close_frame_is_cut_off(self, site):
        served = site(websocket={"close_timeout": 0.3})
        client = served.connect()
        stopping = served.stop()
        assert client.frame().code == 1012
        assert client.read_to_end() == b""
        assert 0.3 <= served.elapsed < 0.6
        assert stopping.get(timeout=DEADLINE) is True

    def test_peer_that_ignores_it_does_not_hold_the_budget(self, site):
        served = site(websocket={"close_timeout": 60.0})
        client = served.connect()
        stopping = served.stop(0.5)
        assert client.frame().code == 1012
        assert stopping.get(timeout=DEADLINE) is False
        assert served.elapsed < 0.8

    def test_peer_that_does_not_read_does_not_hold_the_budget(self, site):
        served = site(websocket={"max_send_queue": 100_000_000, "send_timeout": 60.0})
        client = served.connect()
        client.send(raw.frame(raw.TEXT, "push 300"))
        eventually(lambda: any(stream.queued for stream in served.server.connections))
        stopping = served.stop(0.5)
        assert stopping.get(timeout=DEADLINE) is False
        assert served.elapsed < 0.8

    def test_half_of_a_request_is_answered_503(self, site):
        served = site()
        halves = [served.raw() for _ in range(3)]
        for client in halves:
            client.send(b"GET /talk/websocket HTTP/1.1\r\nHost:")
        body = served.raw()
        body.send(raw.request("/page", "Content-Length: 10", method="POST") + b"half")
        whole = served.raw()
        request = raw.upgrade("/talk/websocket")
        whole.send(request[:40])
        served.connect()  # what came before has been read
        stopping = served.stop()
        whole.send(request[40:])
        assert whole.answer().status == 101
        assert leave(whole)[0] == 1012
        for client in [*halves, body]:
            answer = client.answer()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            client.close()
        assert served.elapsed < 2
        for client in served.clients:
            client.close()
        assert stopping.get(timeout=DEADLINE) is True

    def test_child_that_does_not_end_is_killed_in_time(self, site):
        class Lingering(Actor):
            def terminate(self, reason):
                Event().wait()

        spec = ChildSpec(id="lingering", start=Lingering.start, shutdown=None)
        served = site({"children": [spec]})
        client = served.connect()
        stopping = served.stop(0.6)
        assert leave(client)[0] == 1012
        stopping.get(timeout=DEADLINE)
        assert served.elapsed < 0.8


class TestFarewell:
    @pytest.fixture
    def talk(self):
        """Say farewell, slowly where the last message was "slow". ``calls`` are its calls."""

        def handle_drain(self):
            self.calls.append("drain")
            self.push("bye")
            if "slow" in self.heard:
                self.release.wait()
            return Push("really")

        return type("Talk", (Talk,), {"living": [], "calls": [], "handle_drain": handle_drain})

    def test_every_client_gets_it_before_1012(self, site, talk):
        served = site()
        clients = [served.connect() for _ in range(50)]
        stopping = served.stop()
        for client in clients:
            assert [client.frame().payload, client.frame().payload] == [b"bye", b"really"]
            assert leave(client) == (1012, b"")
        assert stopping.get(timeout=DEADLINE) is True
        assert len(talk.calls) == 50

    def test_one_that_takes_longer_than_the_drainer_has_is_ended_with_1012(self, site, talk):
        served = site(drainer={"shutdown": 0.5})
        slow, other = served.connect(), served.connect()
        slow.send(raw.frame(raw.TEXT, "slow"))
        assert slow.frame().payload == b"slow"
        stopping = served.stop()
        assert [other.frame().payload for _ in range(2)] == [b"bye", b"really"]
        assert leave(other)[0] == 1012
        assert slow.frame().payload == b"bye"  # sent when it began to wait
        assert leave(slow)[0] == 1012
        assert stopping.get(timeout=DEADLINE) is False
        assert [socket.exit_reason for socket in talk.living] == [KILLED, RESTART]
        assert talk.calls == ["drain", "drain"]

    def test_last_poll_gets_it(self, site, talk):
        served = site()
        poller = served.poller()
        stopping = served.stop()
        eventually(lambda: talk.living[0].exit_reason)
        assert poller.poll()["messages"] == ["bye", "really"]
        poller.close()
        assert stopping.get(timeout=DEADLINE) is True

    def test_without_a_drainer_nor_at_an_end_at_once_there_is_none(self, site, talk):
        undrained = site(drainer=False)
        client = undrained.connect()
        stopping = undrained.stop()
        assert leave(client)[0] == 1001
        assert stopping.get(timeout=DEADLINE) is True
        served = site()
        client = served.connect()
        served.server.stop_now()
        assert leave(client)[0] == 1001
        served.server.stop()
        assert talk.calls == []


class TestLongPolling:
    def test_polls_that_wait_are_answered_at_once(self, site, talk):
        served = site(longpoll={"window": 60.0})
        pollers = [served.poller() for _ in range(20)]
        for poller in pollers:
            poller.begin_poll()
        eventually(lambda: all(socket.transport._http for socket in talk.living))
        stopping = served.stop()
        assert [fetched(poller) for poller in pollers] == [(204, [], "close")] * 20
        assert served.elapsed < 1
        assert [poller.client("poll").read_to_end() for poller in pollers] == [b""] * 20
        assert stopping.get(timeout=DEADLINE) is True
        assert [socket.ends for socket in talk.living] == [[RESTART]] * 20

    def test_what_was_not_fetched_can_be_within_the_drain(self, site, talk):
        served = site()
        poller = served.poller()
        assert poller.post("kept") == {"status": 200}
        stopping = served.stop()
        eventually(lambda: talk.living[0].exit_reason)
        poller.begin_poll()
        assert fetched(poller) == (200, ["kept"], "close")
        assert poller.client("poll").read_to_end() == b""
        poller.close()
        assert stopping.get(timeout=DEADLINE) is True
        assert served.elapsed < 1

    def test_no_session_begins_on_an_open_connection(self, site, talk):
        served = site(drainer={"batch_size": 1, "batch_interval": 0.2})
        first, idle = served.connect(), served.raw()
        assert idle.ask("/page").status == 200
        stopping = served.stop()
        assert leave(first)[0] == 1012
        answer = idle.ask("/talk/longpoll")
        assert (answer.status, answer.body) == (503, b"")  # what phoenix.js takes for status 0
        assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
        assert idle.read_to_end() == b""
        assert stopping.get(timeout=DEADLINE) is True
        assert len(talk.living) == 1

    @pytest.mark.parametrize("last_poll", [0.2, 0.4])
    def test_last_poll_is_waited_for_so_long(self, site, last_poll, monkeypatch):
        monkeypatch.setattr(deadlines, "QUIET", 0.01)
        served = site({"last_poll": last_poll})
        poller = served.poller()
        poller.post("never fetched")
        stopping = served.stop()
        assert poller.client("poll").read_to_end() == b""
        assert last_poll <= served.elapsed < last_poll + 0.3
        assert stopping.get(timeout=DEADLINE) is True

    def test_nothing_is_waited_for_where_everything_was_fetched(self, site):
        served = site({"last_poll": 60.0})
        poller = served.poller()
        poller.post("fetched")
        assert poller.poll()["messages"] == ["fetched"]
        stopping = served.stop()
        poller.close()
        assert stopping.get(timeout=DEADLINE) is True
        assert served.elapsed < 1

    def test_post_being_handled_is_answered_and_its_reply_can_be_fetched(self, site, talk):
        served = site()
        poller = served.poller()
        posting = gevent.spawn(poller.post, "block")
        assert talk_entered(talk)
        stopping = served.stop()
        talk.living[0].release.set()
        assert posting.get(timeout=DEADLINE) == {"status": 200}
        poller.begin_poll()
        assert fetched(poller) == (200, ["block"], "close")
        assert stopping.get(timeout=DEADLINE) is True

    def test_post_after_the_drain_is_not_handled_and_says_so(self, site, talk):
        served = site()
        poller = served.poller()
        poller.post("kept")
        stopping = served.stop()
        eventually(lambda: talk.living[0].exit_reason)
        assert poller.post("too late") == {"status": 410}
        assert talk.living[0].heard == ["kept"]
        poller.poll()
        assert stopping.get(timeout=DEADLINE) is True


class TestAccepting:
    def test_who_returns_is_refused(self, site):
        served = site(drainer={"batch_size": 1, "batch_interval": 0.2})
        client = served.connect()
        stopping = served.stop()
        assert leave(client)[0] == 1012
        with pytest.raises(ConnectionRefusedError):
            raw.Client(served.address)
        assert stopping.get(timeout=DEADLINE) is True

    def test_who_returns_in_phoenix_s_order_is_accepted_and_told_1001(self, site, talk):
        served = site({"drain_order": "phoenix"}, drainer={"batch_size": 1, "batch_interval": 0.2})
        client = served.connect()
        stopping = served.stop()
        assert leave(client)[0] == 1012
        assert leave(served.connect())[0] == 1001
        assert stopping.get(timeout=DEADLINE) is True
        assert [socket.ends for socket in talk.living] == [[RESTART], [SHUTDOWN]]

    def test_order_that_is_not_known_is_refused(self):
        with pytest.raises(ConfigError, match="drain_order='last': must be 'stop_accepting' or"):
            Endpoint(drain_order="last")

    @pytest.mark.parametrize("name", ["last_poll", "server_shutdown"])
    def test_seconds_must_be_some(self, name):
        assert getattr(Endpoint(**{name: 0.1}).options, name) == 0.1
        for value in (0, -1):
            with pytest.raises(ConfigError, match=f"{name}={value}: must be a number above 0"):
                Endpoint(**{name: value})


class TestStopNow:
    def test_everybody_is_told_1001_at_once_during_a_drain(self, site, talk, caplog):
        journal = []

        class Child(Actor):
            def terminate(self, reason):
                journal.append(reason)

        served = site({"children": [Child]}, drainer={"batch_size": 1, "batch_interval": 60.0})
        first, second, stuck = served.connect(), served.connect(), served.connect()
        stuck.send(raw.frame(raw.TEXT, "block"))
        eventually(lambda: len(talk.living) == 3 and talk.living[2].entered.is_set())
        poller, half = served.poller(), served.raw()
        poller.begin_poll()
        half.send(b"GET / HT")
        eventually(lambda: len(talk.living) == 4 and talk.living[3].transport._http)
        stopping = served.stop(30.0)
        assert leave(first)[0] == 1012
        began = time.monotonic()
        served.server.stop_now()
        assert [leave(client)[0] for client in (second, stuck)] == [1001, 1001]
        assert fetched(poller) == (204, [], "close")
        assert half.answer().status == 503
        half.close()
        assert stopping.get(timeout=DEADLINE) is False
        assert time.monotonic() - began < SERVER_AT_ONCE + 5.0
        assert journal == [SHUTDOWN]
        assert not any("'drainers'" in record.getMessage() for record in caplog.records)

    def test_stop_that_follows_is_short(self, site):
        served = site(websocket={"close_timeout": 60.0})
        client = served.connect()
        served.server.stop_now()
        assert client.frame().code == 1001
        began = time.monotonic()
        served.server.stop(30.0)
        assert time.monotonic() - began < SERVER_AT_ONCE + 5.0
        assert not served.server.failed.ready()

    def test_before_the_start_it_only_closes_the_listener(self):
        server = Server(Endpoint(), bind("127.0.0.1", 0))
        server.stop_now()
        assert server.stop() is True


class TestStoppingTwice:
    def test_second_answers_what_the_first_does(self, site):
        served = site()
        client = served.connect()
        stopping = [served.stop(), served.stop()]
        leave(client)
        assert [each.get(timeout=DEADLINE) for each in stopping] == [True, True]

    def test_second_shortens_the_first(self, site, talk):
        served = site(drainer={"shutdown": 10.0})
        stuck = served.connect()
        stuck.send(raw.frame(raw.TEXT, "block"))
        assert talk_entered(talk)
        first = served.stop(30.0)
        second = served.stop(0.4)
        assert [each.get(timeout=DEADLINE) for each in (first, second)] == [False, False]
        assert served.elapsed < 0.7

    def test_second_does_not_lengthen_it(self, site):
        served = site(websocket={"close_timeout": 60.0})
        served.connect()
        first = served.stop(0.3)
        served.stop(30.0)
        first.get(timeout=DEADLINE)
        assert served.elapsed < 0.6


@contextmanager
def nothing_left(server):
    """Check that neither streams nor sockets are left of a server behind the block."""
    yield
    assert list(server.connections) == []
    assert server.connections.sockets() == []
    assert len(server.routes.sessions) == 0


def test_nothing_is_left(site):
    served = site(longpoll={"window": 0.05})
    clients = [served.connect() for _ in range(5)]
    pollers = [served.poller() for _ in range(5)]
    with nothing_left(served.server):
        stopping = served.stop()
        for client in clients:
            leave(client)
        assert stopping.get(timeout=DEADLINE) is True
        eventually(lambda: len(served.server.routes.sessions) == 0)
    assert len(pollers) == 5
