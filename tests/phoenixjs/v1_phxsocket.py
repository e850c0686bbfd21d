"""PyPI's phxsocket 0.1.5, which speaks version 1.0.0: ``v1_phxsocket.py http://127.0.0.1:PORT``.

It prints a line of JSON for each case: ``{"case": name, "error": text or null}``.
"""

from __future__ import annotations

import json
import queue
import sys
import traceback

import phxsocket
import pytest

DEADLINE = 20
CLIENTS = []


def connect():
    client = phxsocket.Client(f"{sys.argv[1].replace('http', 'ws', 1)}/socket/websocket")
    assert client.connect() is True
    CLIENTS.append(client)
    return client


def ask(channel, event, payload=None):
    """Push, and return the payload of the reply."""
    replies = queue.SimpleQueue()
    channel.push(event, payload or {}, cb=replies.put, reply=True)
    return replies.get(timeout=DEADLINE)


def joined(topic):
    """Join by a client of its own; return the channel and what it hears."""
    channel, heard = connect().channel(topic), queue.SimpleQueue()
    channel.on("shout", heard.put)
    channel.join()
    return channel, heard


def join():
    channel = connect().channel("room:phxsocket", {"key": "wörld"})
    assert channel.join()["got"] == {"key": "wörld"}
    assert ask(channel, "who")["response"]["vsn"] == "1.0.0"


def error():
    for topic, reason in (("room:refused", "unauthorized"), ("nowhere:1", "unmatched topic")):
        with pytest.raises(phxsocket.channel.ChannelConnectError) as refused:
            connect().channel(topic, {"do": "refuse"}).join()
        assert refused.value.args == ({"reason": reason},)


def push():
    channel, _ = joined("room:phxsocket push")
    assert ask(channel, "echo", {"text": "☃"}) == {"status": "ok", "response": {"text": "☃"}}
    assert ask(channel, "fail", {"n": 1}) == {"status": "error", "response": {"n": 1}}
    errors = queue.SimpleQueue()
    channel.on("phx_error", errors.put)
    channel.push("crash", {})
    errors.get(timeout=DEADLINE)
    channel.join()  # by hand: it does not join again by itself
    assert ask(channel, "echo", {"back": 1})["response"] == {"back": 1}


def broadcast():
    topic = "room:phxsocket broadcast"
    one, mine = joined(topic)
    pid = ask(one, "who")["response"]["pid"]
    while True:
        other, theirs = joined(topic)
        if ask(other, "who")["response"]["pid"] != pid:
            break
    ask(one, "shout", {"n": 1})
    ask(other, "shout_from", {"n": 2})
    assert [mine.get(timeout=DEADLINE) for _ in range(2)] == [{"n": 1}, {"n": 2}]
    assert theirs.get(timeout=DEADLINE) == {"n": 1}
    assert theirs.empty()


for case in (join, error, push, broadcast):
    text = None
    try:
        case()
    except BaseException:  # noqa: BLE001 - whatever it is, the test tells it
        text = traceback.format_exc()
    sys.stdout.write(json.dumps({"case": case.__name__, "error": text}) + "\n")
    sys.stdout.flush()
for client in CLIENTS:
    client.close()
