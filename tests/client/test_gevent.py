"""The client on gevent: what that on asyncio does not have."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

import gevent
import pytest

from actors import Actor
from actors.client import Client, Presence
from actors.results import Ok
from tests.client.stub import shake_hands, silent
from tests.client.test_aio import uses
from tests.support.waiting import DEADLINE, eventually


@pytest.fixture
def client(url):
    with Client(url) as made:
        yield made


@pytest.fixture
def room(client):
    channel = client.channel("room:gevent")
    channel.join()
    return channel


def test_messages_are_iterated_over(room):
    room.push("relay", {"pushes": [["a", {"n": n}] for n in range(3)]}).get()
    seen = []
    for message in room:
        seen.append(message.payload["n"])
        if len(seen) == 3:
            room.leave()
    assert seen == [0, 1, 2]


def test_who_iterates_is_woken_by_the_end(client, room):
    reader = gevent.spawn(list, room)
    gevent.idle()
    client.close()
    assert reader.get(timeout=DEADLINE) == []


def test_callbacks_are_declared_by_decorators_or_calls(room):
    seen = []

    def callback(payload: object) -> None:
        seen.append(payload)

    assert room.on("a", callback) is callback
    room.push("relay", {"pushes": [["a", {}]]}).get()
    eventually(lambda: seen)


@pytest.mark.parametrize("when", ["shaking hands", "asking for parameters"])
def test_a_connect_that_is_interrupted_leaves_nothing(when):
    def params():
        if when == "asking for parameters":
            gevent.sleep(DEADLINE)
        return {}

    with silent() as url:
        clients = [Client(url, params, reconnect_first=0.01) for _ in range(3)]
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05), clients[0]:
            pass
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            clients[1].connect()
        connecting = gevent.spawn(clients[2].connect)
        gevent.idle()
        connecting.kill()
        assert [each.state for each in clients] == ["closed"] * 3
        assert [each._wire._reader.dead for each in clients] == [True] * 3
        assert [each._disarm for each in clients] == [None] * 3


def test_a_close_that_is_interrupted_cuts_the_connection():
    with silent(shake_hands) as url:
        client = Client(url)
        client.connect()
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            client.close()
        assert client.state == "closed"
        client._wire._reader.join(DEADLINE)
        assert client._wire._reader.dead


def test_another_thread_may_not_use_it(client, room):
    errors: list[str] = []
    push, presence = room.push("echo"), Presence(room)
    calls = uses(client, room, push, presence)

    def use() -> None:
        for call in calls:
            try:
                call()
            except RuntimeError as error:
                errors.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(DEADLINE)
    assert errors == ["a client belongs to the thread that connected it"] * len(calls)
    assert push.get() == Ok({})


def test_a_forked_process_may_not_use_it_and_cuts_nothing(client, room):
    calls = uses(client, room, room.push("silence"), Presence(room))
    child = os.fork()
    if not child:  # which never runs the loop: it is that of a process with much else
        done = 0
        try:
            for call in calls:
                try:
                    call()
                except RuntimeError as error:
                    done += "belongs to the process" in str(error)
        finally:
            os._exit(done)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(calls)
    assert room.push("echo").get() == Ok({})


def test_an_actor_may_use_it(room):
    class Reader(Actor):
        def on_receive(self, message: object) -> object:
            return room.push("echo", {"asked": message}).get()

    ref = Reader.start()
    assert ref.ask("this", timeout=DEADLINE) == Ok({"asked": "this"})
    ref.stop()


def test_a_client_may_be_closed_by_a_callback(client, room):
    room.on("a", lambda payload: client.close())
    room.push("relay", {"pushes": [["a", {}]]})
    assert room.next_message(DEADLINE) is None
    eventually(lambda: client.state == "closed")


def test_who_waits_may_be_killed(room):
    waiting = gevent.spawn(room.push("silence").get)
    gevent.idle()
    waiting.kill()
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        room.push("silence").get()
    assert room.push("echo").get() == Ok({})


def test_a_join_that_is_interrupted_is_left_and_may_be_tried_again(client):
    payload = {"do": "block"}
    room = client.channel("room:interrupted", lambda: payload)
    joins: list[object] = []
    room.on_join(joins.append)
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
        room.join()
    assert room.state == "closed"
    joining = gevent.spawn(room.join)
    gevent.idle()
    joining.kill()
    assert room.state == "closed"
    payload.clear()
    assert joins == []
    assert isinstance(room.join(), Ok)


def test_a_callback_may_raise_what_ends_greenlets_and_programs(client, room):
    for error in (SystemExit(3), gevent.GreenletExit(), gevent.Timeout(1), KeyboardInterrupt()):

        def fail(payload: object, error: BaseException = error) -> None:
            raise error

        room.on("a", fail)
    seen = []
    room.on("a", seen.append)
    room.push("relay", {"pushes": [["a", {}]]})
    with pytest.raises(SystemExit):  # in the main greenlet
        eventually(lambda: seen)
    with pytest.raises(KeyboardInterrupt):
        eventually(lambda: seen)
    eventually(lambda: seen)
    assert client.counts["failed_calls"] == 2
    assert room.push("echo").get() == Ok({})


def test_it_says_what_it_is(client, room):
    assert repr(client).endswith("/socket/websocket, open>")
    assert repr(room) == "<channel 'room:gevent', joined>"
    assert Presence(room).list() == []


def test_a_query_is_in_no_repr_and_no_log(url, caplog):
    caplog.set_level(logging.DEBUG)
    client = Client(f"{url}?secret=1", {"token": "secret"}, auth_token="secret")
    client.connect()
    client.close()
    said = repr(client) + caplog.text
    assert "roost.client" in said
    assert "secret" not in said
    assert "c2VjcmV0" not in said  # in base64


def test_it_patches_nothing():
    code = "import actors.client as c; c.Client; from gevent import monkey; print(monkey.saved)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{}"
