"""The client on gevent: what that on asyncio does not have."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import gevent
import pytest

from actors import Actor
from actors.client import Client, Presence
from actors.results import Ok
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


def test_another_thread_may_not_use_it(client, room):
    errors: list[str] = []

    def use() -> None:
        for call in (lambda: room.push("echo"), room.join, room.leave, client.close):
            try:
                call()
            except RuntimeError as error:
                errors.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(DEADLINE)
    assert errors == ["a client belongs to the thread that connected it"] * 4
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


def test_a_callback_may_raise_what_ends_greenlets_and_programs(room, caplog):
    for error in (SystemExit(3), gevent.GreenletExit(), gevent.Timeout(1), KeyboardInterrupt()):

        def fail(payload: object, error: BaseException = error) -> None:
            raise error

        room.on("a", fail)
    seen = []
    room.on("a", seen.append)
    room.push("relay", {"pushes": [["a", {}]]}).get()
    eventually(lambda: seen)
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
