"""What both clients do with a real server: the same, on gevent and on asyncio."""

from __future__ import annotations

import itertools
import logging
import signal
import ssl

import pytest
from gevent import get_hub

from actors.errors import (
    BufferFull,
    ClientError,
    ConfigError,
    ConnectFailed,
    NotJoined,
    ReplyLost,
    ReplyTimeout,
)
from actors.results import Error, Ok, Reply
from tests.client.conftest import APPLICATION, failure_of, url_of
from tests.client.stub import shake_hands, silent
from tests.support.cable import Cable
from tests.support.certificate import make
from tests.support.command import Command
from tests.support.waiting import DEADLINE, eventually

numbers = itertools.count(1)


@pytest.fixture
def topic() -> str:
    """Each test has a room of its own."""
    return f"room:{next(numbers)}"


@pytest.fixture
def client(connect, url):
    return connect(url)


@pytest.fixture
def room(client, topic):
    channel = client.channel(topic)
    assert isinstance(channel.join(DEADLINE), Ok)
    return channel


# -- joins


def test_a_join_is_answered(client, topic):
    channel = client.channel(topic, {"a": 1})
    assert (client.state, channel.state) == ("open", "closed")
    answer = channel.join()
    assert answer.value["got"] == {"a": 1}
    assert (channel.state, channel.topic) == ("joined", topic)


@pytest.mark.parametrize(
    ("payload", "reason"), [("refuse", "unauthorized"), ("crash", "join crashed")]
)
def test_a_join_that_is_refused_is_an_error_and_may_be_tried_again(client, topic, payload, reason):
    says = {"do": payload}
    channel = client.channel(topic, lambda: says)
    assert channel.join() == Error({"reason": reason})
    assert channel.state == "closed"
    says.clear()
    assert isinstance(channel.join(), Ok)


def test_a_join_of_a_topic_that_is_not_served_is_an_error(client):
    assert client.channel("nothing:1").join() == Error({"reason": "unmatched topic"})


def test_a_join_that_is_not_answered_times_out_and_is_left(client, topic):
    channel = client.channel(topic, {"do": "block"})
    with pytest.raises(ReplyTimeout, match="not answered in time"):
        channel.join(0.2)
    assert channel.state == "closed"
    assert isinstance(client.channel(topic).join(), Ok)


def test_nobody_joins_a_channel_twice(room):
    with pytest.raises(ClientError, match="joined already"):
        room.join()
    assert room.push("echo", {"a": 1}).get() == Ok({"a": 1})


def test_a_second_channel_of_a_topic_ends_the_first(client, room, topic):
    ends: list[str] = []
    room.on_close(ends.append)
    second = client.channel(topic)
    assert isinstance(second.join(), Ok)
    assert room.next_message(DEADLINE) is None
    eventually(lambda: ends == ["left"] or ends)
    assert (room.state, second.state) == ("closed", "joined")
    assert second.push("echo", {"b": 1}).get() == Ok({"b": 1})


def test_a_payload_function_that_raises_fails_the_join(client, topic, caplog):
    def payload():
        raise KeyError("token")

    with pytest.raises(NotJoined, match="KeyError"):
        client.channel(topic, payload).join()
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("payload", [1, "text", object()])
def test_a_payload_that_cannot_be_sent_is_found_out_at_once(client, topic, payload):
    with pytest.raises(TypeError):
        client.channel(topic, payload)
    with pytest.raises(NotJoined, match="TypeError"):
        client.channel(topic, lambda: payload).join()


def test_a_payload_that_became_what_cannot_be_sent_fails_the_join_alone(client, room, topic):
    payload: dict[str, object] = {}
    other = client.channel(f"{topic}:other", payload)
    payload["now"] = object()
    with pytest.raises(NotJoined, match="TypeError"):
        other.join()
    assert room.push("echo").get() == Ok({})
    assert client.is_open


def test_a_mistake_of_ours_costs_one_connection(client, room, monkeypatch):
    target = getattr(client, "_target", client)
    taken = target.wire_received
    closes: list[tuple[int, str]] = []
    client.on_close(lambda *told: closes.append(told))

    def fail(*_):
        monkeypatch.setattr(target, "wire_received", taken)
        raise KeyError("ours")

    monkeypatch.setattr(target, "wire_received", fail)
    room.push("echo")
    eventually(lambda: closes)
    assert closes[0][0] == 1006
    assert "KeyError" in closes[0][1]
    assert room.push("echo").get(DEADLINE) == Ok({})


# -- pushes


def test_a_push_is_answered(room):
    push = room.push("echo", {"text": "é", "n": [1, None]})
    assert push.get(DEADLINE) == Ok({"text": "é", "n": [1, None]})
    assert push.done
    assert room.push("fail", {"reason": "no"}).get() == Error({"reason": "no"})
    assert room.push("other", {"a": 1}).get() == Reply({"a": 1}, "other")
    assert room.push("nobody knows this").get() == Error({"reason": "unknown event"})


def test_a_push_that_is_not_answered_times_out(room):
    push = room.push("silence", timeout=0.2)
    with pytest.raises(ReplyTimeout):
        push.get()
    later = room.push("silence")
    assert not later.done
    with pytest.raises(TimeoutError, match=r"in 0\.01 s"):
        later.get(0.01)


def test_many_pushes_are_answered_in_any_order(room):
    pushes = [room.push("echo", {"n": number}) for number in range(200)]
    assert [push.get(DEADLINE) for push in pushes[::-1]] == [Ok({"n": n}) for n in range(200)][::-1]


def test_binary_messages_of_all_kinds(room):
    data = bytes(range(256)) * 10
    assert room.push("bytes", data).get() == Ok(data)
    got = [room.next_message(DEADLINE) for _ in range(2)]
    assert [(each.event, each.payload) for each in got] == [("pushed", data), ("broadcast", data)]
    assert (got[0].join_ref, got[1].join_ref) == (room.join_ref, None)


def test_a_push_needs_a_join(client, topic):
    with pytest.raises(NotJoined):
        client.channel(topic).push("echo")


# -- messages


def test_broadcasts_come_in_order_by_iteration(client, connect, url, room, topic):
    other = connect(url).channel(topic)
    other.join()
    for number in range(50):
        other.push("shout", {"n": number})
    assert [room.next_message(DEADLINE).payload["n"] for _ in range(50)] == list(range(50))
    with pytest.raises(TimeoutError, match="no message"):
        room.next_message(0.01)


def test_messages_with_a_callback_go_there_and_others_wait(room):
    seen: list[object] = []
    callback = room.on("a", seen.append)
    room.push("relay", {"pushes": [["a", {"n": 1}], ["b", {"n": 2}], ["a", {"n": 3}]]}).get()
    assert room.next_message(DEADLINE).payload == {"n": 2}
    eventually(lambda: len(seen) == 2)
    assert seen == [{"n": 1}, {"n": 3}]
    room.off("a", callback)
    room.off("never")
    room.push("relay", {"pushes": [["a", {"n": 4}]]}).get()
    assert room.next_message(DEADLINE).payload == {"n": 4}


def test_a_callback_that_raises_is_logged_and_costs_nothing(client, room, caplog):
    seen: list[object] = []

    def fail(payload):
        raise ValueError("on purpose")

    room.on("a", fail)
    room.on("a", seen.append)
    room.push("relay", {"pushes": [["a", {"n": n}] for n in range(3)]}).get()
    eventually(lambda: len(seen) == 3)
    lines = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert len(lines) == 1  # in a second
    assert "a of room:" in lines[0]
    assert "ValueError: on purpose" in lines[0]
    assert room.push("echo").get() == Ok({})
    assert client.counts["failed_calls"] == 3


@pytest.mark.parametrize(("count", "dropped"), [(2, 0), (3, 0), (4, 1)])
def test_so_many_messages_wait_and_the_oldest_are_dropped(connect, url, topic, count, dropped):
    room = connect(url, max_queue=3).channel(topic)
    room.join()
    room.push("relay", {"pushes": [["a", {"n": n}] for n in range(count)]}).get()
    assert room.dropped == dropped
    assert [room.next_message(1).payload["n"] for _ in range(count - dropped)] == (
        list(range(dropped, count))
    )


# -- ends


def test_a_leave_ends_the_iteration(room):
    room.push("relay", {"pushes": [["a", {}]]}).get()
    room.leave()
    assert room.state == "closed"
    assert room.next_message(DEADLINE).event == "a"
    assert room.next_message(DEADLINE) is None
    with pytest.raises(NotJoined):
        room.push("echo")
    room.leave()
    assert isinstance(room.join(), Ok)


def test_a_channel_that_the_server_stops_is_closed(room):
    ends: list[str] = []
    room.on_close(ends.append)
    assert room.push("stop", {"last": 1}).get() == Ok({"last": 1})
    assert room.next_message(DEADLINE) is None
    eventually(lambda: ends)
    assert (ends, room.state) == (["the server closed it"], "closed")


def test_a_channel_that_crashes_is_joined_again(room):
    errors: list[str] = []
    joins: list[object] = []
    room.on_error(errors.append)
    room.on_join(lambda response: joins.append(response["got"]))
    before = room.join_ref
    with pytest.raises(ReplyLost, match="phx_error"):
        room.push("crash").get()
    assert room.push("echo", {"a": 1}).get(DEADLINE) == Ok({"a": 1})
    assert room.join_ref != before
    eventually(lambda: errors == ["the server said phx_error"])
    eventually(lambda: joins == [{}])


def test_close_settles_what_waits(connect, url, topic):
    client = connect(url)
    room = client.channel(topic)
    room.join()
    closes: list[tuple[int, str]] = []
    client.on_close(lambda *told: closes.append(told))
    push = room.push("silence")
    client.close()
    with pytest.raises(ReplyLost):
        push.get()
    assert (client.state, room.state) == ("closed", "closed")
    eventually(lambda: closes == [(1000, "")])
    with pytest.raises(NotJoined, match="not connected"):
        room.join()
    client.close()
    client.connect()
    assert isinstance(room.join(), Ok)


# -- connecting


def test_parameters_and_token_reach_the_server(connect, url, topic):
    client = connect(url, {"user": {"name": "é&="}}, auth_token="tok?>~/é")
    room = client.channel(topic)
    room.join()
    said = room.push("who").get().value
    assert said["params"] == {"user": {"name": "é&="}, "vsn": "2.0.0"}
    assert said["token"] == "tok?>~/é"


def test_a_client_that_is_refused_is_told_at_once(kit, url):
    client = kit.client(url, {"refuse": "1"}, connect_timeout=DEADLINE)
    errors: list[str] = []
    client.on_error(errors.append)
    with pytest.raises(ConnectFailed, match="403") as raised:
        client.connect()
    assert raised.value.status == 403
    assert client.state == "closed"
    eventually(lambda: errors)


def test_where_nobody_serves_there_is_no_connection(kit, url):
    with Cable(("127.0.0.1", 1)) as cable:
        cable.cut()
        client = kit.client(url_of(cable.address), reconnect_first=0.01)
        with pytest.raises(ConnectFailed, match=r"no handshake|onnection") as raised:
            client.connect(0.3)
    assert raised.value.status is None


def test_parameters_that_raise_are_a_failed_attempt(kit, url, caplog):
    def params():
        raise KeyError("user")

    client = kit.client(url, params)
    with pytest.raises(ConnectFailed, match="KeyError"):
        client.connect(0.2)
    assert "KeyError" in caplog.text


def test_a_client_that_is_closed_while_it_asks_for_parameters_stays_closed(kit, url):
    asked: list[int] = []

    def params():
        target = getattr(client, "_target", client)
        target._begin_closing(1000, "")  # what close() does before it waits
        asked.append(1)
        return {}

    client = kit.client(url, params)
    opens: list[int] = []
    client.on_open(lambda: opens.append(1))
    with pytest.raises(ConnectFailed):
        client.connect()
    wire = getattr(client, "_target", client)._wire
    eventually(lambda: wire._reader.dead if hasattr(wire._reader, "dead") else wire._reader.done())
    assert (client.state, asked, opens) == ("closed", [1], [])


def test_it_need_not_wait(connect, url, topic):
    client = connect(url, wait=False)
    opens: list[int] = []
    client.on_open(lambda: opens.append(1))
    assert isinstance(client.channel(topic).join(DEADLINE), Ok)
    eventually(lambda: opens)


def test_headers_reach_the_server(kit, url):
    client = kit.client(url, headers={"Origin": "http://elsewhere.example"})
    with pytest.raises(ConnectFailed, match="403"):
        client.connect()


def test_compressed_messages(connect, url, topic):
    client = connect(url, compress=True)
    room = client.channel(topic)
    room.join()
    said = {"text": "over and over " * 1000}
    assert room.push("echo", said).get() == Ok(said)
    assert room.push("bytes", b"\0" * 100_000).get() == Ok(b"\0" * 100_000)


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_a_message_has_at_most_max_message_size(connect, url, topic, more, fits):
    client = connect(url, max_message_size=1000)
    closes: list[int] = []
    client.on_close(lambda code, reason: closes.append(code))
    room = client.channel(topic)
    room.join()
    names = len(f'["{room.join_ref}","2","{topic}","phx_reply",')
    names += len('{"response":{"a":""},"status":"ok"}]')
    push = room.push("echo", {"a": "x" * (1000 - names + more)})
    if fits:
        assert isinstance(push.get(), Ok)
    else:
        with pytest.raises(ReplyLost):
            push.get()
        eventually(lambda: closes == [1009])


def test_over_tls_with_a_certificate_that_is_trusted(kit, tmp_path, topic):
    certificate = make(tmp_path)
    key = certificate.with_suffix(".key")
    with Command(APPLICATION, "--certfile", str(certificate), "--keyfile", str(key)) as server:
        where = f"wss://localhost:{server.address[1]}/socket"
        trusting = ssl.create_default_context(cafile=str(certificate))
        with kit.client(where, tls=trusting) as client:
            room = client.channel(topic)
            assert isinstance(room.join(), Ok)
            data = b"x" * 300_000
            assert room.push("bytes", data).get() == Ok(data)
            closes: list[int] = []
            client.on_close(lambda code, reason: closes.append(code))
            client.close()
            eventually(lambda: closes == [1000])
        assert "certificate" in failure_of(kit.client(where))
        elsewhere = f"wss://127.0.0.1:{server.address[1]}/socket"
        assert "certificate" in failure_of(kit.client(elsewhere, tls=trusting))


# -- what is given


def wrong_uses(client, room, push):
    """Calls with arguments that are wrong."""
    for timeout in (float("nan"), float("inf"), -1, 1e9, "5", True):
        yield lambda timeout=timeout: client.connect(timeout)
        yield lambda timeout=timeout: room.join(timeout)
        yield lambda timeout=timeout: room.leave(timeout)
        yield lambda timeout=timeout: room.push("echo", {}, timeout)
        yield lambda timeout=timeout: room.next_message(timeout)
        yield lambda timeout=timeout: push.get(timeout)
    for code, reason in ((1006, ""), (0, ""), ("1000", ""), (1000, None), (1000, b"")):
        yield lambda code=code, reason=reason: client.close(code, reason)
    for each in (client, room):
        yield lambda each=each: each.on_close(None)
        yield lambda each=each: each.on_error("x")
    yield lambda: client.on_open(1)
    yield lambda: room.on_join(1)
    yield lambda: room.on("a", None)
    yield lambda: room.on(1, print)
    yield lambda: room.push("phx_leave", {})


def test_wrong_arguments_are_refused_and_change_nothing(client, room):
    push = room.push("echo", {"a": 1})
    for use in wrong_uses(client, room, push):
        with pytest.raises((TypeError, ValueError)):
            use()
        assert (client.state, room.state) == ("open", "joined")
    assert push.get() == Ok({"a": 1})
    client.close()
    for timeout in (float("nan"), "5"):
        with pytest.raises((TypeError, ValueError)):
            client.connect(timeout)
        assert client.state == "closed"


@pytest.mark.parametrize(
    "given",
    [{"tls": True}, {"tls": False}, {"tls": "x"}, {"headers": [("a", "b")]}, {"headers": "x"}],
)
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_what_no_client_can_be_made_with_is_a_config_error(kit, given, scheme):
    with pytest.raises(ConfigError, match=r"^(tls|headers): "):
        kit.client(f"{scheme}://127.0.0.1:1/socket", **given)


def test_an_address_of_ipv6_is_in_brackets(kit):
    said = repr(getattr(made := kit.client("ws://[::1]:4000/socket"), "_target", made))
    assert "ws://[::1]:4000/socket/websocket" in said


def test_a_label_that_is_too_long_is_a_failed_attempt(kit, capfd):
    assert "no host is called" in failure_of(kit.client(f"ws://{'a' * 64}.example/"))
    assert "Traceback" not in capfd.readouterr().err


def test_a_token_that_the_server_sends_back_is_in_no_error(kit, caplog):
    def echo(sock):
        shake_hands(sock, echo=True)

    with silent(echo) as url:
        client = kit.client(url, auth_token="secret", reconnect_first=100, reconnect_longest=100)
        said = failure_of(client)
    assert "Sec-WebSocket-Protocol" in said or "no handshake" in said
    for text in (said, caplog.text):
        assert "secret" not in text
        assert "c2VjcmV0" not in text


def test_counts_have_all_their_names_from_the_start(kit, url):
    names = "malformed unmatched stale failed_rejoins dropped_calls failed_calls"
    assert kit.client(url).counts == dict.fromkeys(names.split(), 0)


def test_an_attempt_that_has_no_time_left_is_a_warning(kit, caplog):
    with silent() as url, pytest.raises(ConnectFailed, match="no connection in time"):
        kit.client(url).connect(0.1)
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert "no connection in time" in caplog.text


# -- losses


@pytest.fixture
def cable(shared_server):
    with Cable(shared_server.address) as made:
        yield made


def test_a_lost_connection_is_made_anew_and_all_is_joined(connect, cable, topic):
    asked: list[int] = []

    def count():
        asked.append(1)
        return {"n": str(len(asked))}

    client = connect(url_of(cable.address), count)
    closes: list[int] = []
    client.on_close(lambda code, reason: closes.append(code))
    joins: list[int] = []
    rooms = [
        client.channel(f"{topic}:{n}", lambda: joins.append(1) or {"n": len(joins)})
        for n in range(3)
    ]
    for each in rooms:
        each.join()
    cable.cut()
    eventually(lambda: closes == [1006])
    waiting = [each.push("who") for each in rooms]
    cable.mend()
    answers = [each.get(DEADLINE).value for each in waiting]
    assert {each["params"]["n"] for each in answers} == {str(len(asked))}
    assert len(asked) > 1
    assert len(joins) == 6


def test_pushes_wait_while_it_is_down_but_not_without_bound(connect, cable, topic):
    client = connect(url_of(cable.address), max_buffered=2)
    room = client.channel(topic)
    room.join()
    cable.cut()
    eventually(lambda: room.state == "errored")
    pushes = [room.push("echo", {"n": n}) for n in range(2)]
    with pytest.raises(BufferFull):
        room.push("echo")
    cable.mend()
    assert [each.get(DEADLINE) for each in pushes] == [Ok({"n": 0}), Ok({"n": 1})]
    room.push("echo").get(DEADLINE)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 1012), (signal.SIGKILL, 1006)], ids=["drain", "kill"]
)
def test_a_server_that_ends_is_found_again_when_it_is_back(connect, topic, number, code):
    with Command(APPLICATION) as server:
        address = server.address
        client = connect(url_of(address))
        closes: list[int] = []
        client.on_close(lambda code, reason: closes.append(code))
        room = client.channel(topic)
        before = room.join().value["pid"]
        server.signal(number)
        get_hub().threadpool.apply(server.ended)  # the client goes on meanwhile
        eventually(lambda: closes == [code])
    push = room.push("who", timeout=3 * DEADLINE)
    with Command(APPLICATION, bind=f"127.0.0.1:{address[1]}"):
        after = push.get().value["pid"]
        assert after != before
        client.close()


# -- presence


def test_presence_follows_what_the_server_pushes(kit, client, topic):
    room = client.channel(topic)
    presence = kit.presence(room)
    told: list[object] = []
    presence.on_join(lambda key, current, new: told.append(("join", key, current, new)))
    presence.on_leave(lambda key, current, left: told.append(("leave", key, current, left)))
    presence.on_sync(lambda: told.append("sync"))
    room.join()
    ada, bob = {"metas": [{"phx_ref": "a"}]}, {"metas": [{"phx_ref": "b"}]}
    pushes = [
        ["presence_diff", {"joins": {"bob": bob}, "leaves": {}}],
        ["presence_state", {"ada": ada}],
        ["presence_diff", {"joins": {}, "leaves": {"ada": ada}}],
        ["presence_diff", {"joins": {"eve": {"metas": [{}]}}, "leaves": {}}],
        ["presence_state", {"eve": {"metas": 1}}],
        ["other", {}],
    ]
    room.push("relay", {"pushes": pushes}).get()
    assert room.next_message(DEADLINE).event == "other"
    assert presence.state == {"bob": bob}
    assert presence.list() == [bob]
    assert presence.list(lambda key, one: (key, len(one["metas"]))) == [("bob", 1)]
    assert not presence.is_syncing
    eventually(lambda: told.count("sync") == 2)
    assert told == [
        ("join", "ada", None, ada),
        ("join", "bob", None, bob),
        "sync",
        ("leave", "ada", {"metas": []}, ada),
        "sync",
    ]
    assert client.counts["malformed"] == 2


def test_presence_waits_for_the_state_of_a_further_join(kit, client, topic):
    room = client.channel(topic)
    presence = kit.presence(room)
    room.join()
    ada, bob = {"metas": [{"phx_ref": "a"}]}, {"metas": [{"phx_ref": "b"}]}
    room.push("relay", {"pushes": [["presence_state", {"ada": ada}]]}).get()
    with pytest.raises(ReplyLost):
        room.push("crash").get()
    gone = {"joins": {}, "leaves": {"ada": ada}}
    room.push("relay", {"pushes": [["presence_diff", gone]]}).get()
    assert presence.is_syncing
    assert list(presence.state) == ["ada"]
    room.push("relay", {"pushes": [["presence_state", {"ada": ada, "bob": bob}]]}).get()
    assert list(presence.state) == ["bob"]
