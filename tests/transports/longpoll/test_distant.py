"""One session, two workers: every request may reach either. Buses over real Unix sockets."""

from __future__ import annotations

import pytest

from actors import Push
from actors.pubsub import bus as buses
from tests.support.raw import DEADLINE
from tests.support.waiting import eventually
from tests.transports.longpoll.conftest import parked

NDJSON = "Content-Type: application/x-ndjson"


def test_posts_and_polls_go_to_the_sessions_worker(pair, talk):
    here, there = pair()
    assert there.post("from there") == {"status": 200}
    assert here.post("from here") == {"status": 200}
    assert there.poll()["messages"] == ["from there", "from here"]
    assert len(talk.living) == 1
    assert there.poll(there.token if there.post("more") else None)["messages"] == ["more"]


def test_poll_that_is_held_elsewhere_is_answered_by_a_message(pair, talk):
    _, there = pair(window=60.0)
    poll = there.start_poll()
    eventually(lambda: parked(talk.living[0]))
    talk.living[0].actor_ref.tell(Push("told"))
    assert poll.get(timeout=DEADLINE)["messages"] == ["told"]


def test_poll_elsewhere_takes_over_from_one_here_and_back(pair, talk):
    here, there = pair(window=60.0)
    first = here.start_poll()
    eventually(lambda: parked(talk.living[0]))
    held = talk.living[0].transport._http
    second = there.start_poll()
    assert first.get(timeout=DEADLINE)["status"] == 204
    eventually(lambda: talk.living[0].transport._http not in (None, held))
    third = here.start_poll()
    assert second.get(timeout=DEADLINE)["status"] == 204
    here.post("x")
    assert third.get(timeout=DEADLINE)["messages"] == ["x"]


def test_poll_elsewhere_ends_with_204_at_the_window(pair):
    _, there = pair(window=0.1)
    assert there.poll()["status"] == 204


def test_message_after_a_poll_that_left_elsewhere_waits(pair, talk):
    _, there = pair(window=60.0)
    there.start_poll(name="gone")
    eventually(lambda: parked(talk.living[0]))
    there.client("gone").close()
    eventually(lambda: not parked(talk.living[0]))
    there.post("kept")
    assert there.poll()["messages"] == ["kept"]


def test_binary_and_batches_travel(pair, talk):
    _, there = pair()
    assert there.post('["a"]\n/wA=', NDJSON) == {"status": 200}
    assert [payload for payload, _ in talk.living[0].heard] == ['["a"]', b"\xff\x00"]
    assert there.poll()["messages"] == ['["a"]', "/wA="]


def test_post_that_does_not_fit_into_a_frame_travels_in_parts(pair, talk):
    _, there = pair(max_body=8_000_000)
    text = "none:" + "x" * 7_000_000
    assert there.post(text) == {"status": 200}
    assert talk.living[0].heard[0][0] == text


def test_answer_that_does_not_fit_into_a_frame_travels_in_parts(pair):
    _, there = pair(max_buffer_bytes=8_000_000)
    there.post("size:6000000")
    assert [len(message) for message in there.poll()["messages"]] == [6_000_000]


@pytest.mark.parametrize("command", ["crash", "stop"])
def test_how_a_post_ends_elsewhere(pair, command, caplog):
    _, there = pair()
    assert there.post(command) == {"status": 408 if command == "crash" else 200}
    assert there.post("more") == {"status": 410}
    assert there.poll() == {"status": 500}


def test_lost_session_elsewhere_is_a_new_one_here_where_phoenix_is_followed(pair, talk):
    _, there = pair(lost_session_status=410)
    there.post("stop")
    assert there.poll()["status"] == 410
    assert len(talk.living) == 2
    assert there.post("x") == {"status": 200}


def test_worker_that_dies_has_its_requests_answered_at_once(pair, talk):
    _, there = pair(window=60.0)
    poll = there.start_poll()
    eventually(lambda: parked(talk.living[0]))
    post = there.start_post("block:x")
    assert talk.living[0].entered.wait(DEADLINE)
    pair.buses[0].close(flush=0)
    assert poll.get(timeout=DEADLINE) == {"status": 500}
    assert post.get(timeout=DEADLINE) == {"status": 410}
    talk.living[0].release.set()


def test_worker_that_does_not_answer_is_given_up_after_pubsub_timeout(pair, talk):
    _, there = pair(pubsub_timeout=0.1, window=60.0)
    pair.buses[0]._handlers["longpoll"] = lambda worker, body, reply: None
    assert there.poll() == {"status": 500}
    assert there.post("x") == {"status": 410}


def test_worker_that_holds_and_forgets_is_given_up_after_the_window(pair):
    _, there = pair(pubsub_timeout=0.05, window=0.1)
    pair.buses[0]._handlers["longpoll"] = lambda worker, body, reply: reply(["held"])
    assert there.poll() == {"status": 500}


@pytest.mark.parametrize(
    "body",
    [None, [], ["poll"], ["poll", "1", "1", "t", 0], ["post", 1, "1", "t", [7]], ["left", 99],
     ["answer", 99, 200, b""], ["unknown", 1]],
)  # fmt: skip
def test_odd_requests_of_another_worker_harm_nothing(pair, body):
    here, there = pair()
    bus = pair.buses[1]
    bus.request(here.served.server.routes.sessions.worker, "longpoll", body, 0.1, lambda _: None)
    assert there.post("still fine") == {"status": 200}


def test_nothing_is_kept_when_all_is_answered(pair, talk):
    here, there = pair(window=0.1)
    there.post("x")
    there.poll()
    there.poll()
    for client in (here, there):
        distant = client.served.server.routes.sessions.relay
        assert (distant._waiting, distant._held) == ({}, {})
    for bus in pair.buses:
        eventually(lambda bus=bus: not bus._requests)


def test_post_beyond_what_may_be_on_its_way_is_503_with_an_empty_body(pair, talk, monkeypatch):
    """And the session's polls, and its posts when there is room again, are not touched."""
    _, there = pair()
    monkeypatch.setattr(buses, "MAX_IN_FLIGHT", 1000)
    kept = []
    serve = pair.buses[0]._handlers["longpoll"]
    pair.buses[0]._handlers["longpoll"] = lambda *request: kept.append(request)
    large = there.start_post("x" * 5000)
    eventually(lambda: kept)
    response = there.client("second").ask(there.target(), method="POST", body=b"y")
    assert (response.status, response.body) == (503, b"")
    pair.buses[0]._handlers["longpoll"] = serve
    serve(*kept[0])
    assert large.get(timeout=DEADLINE) == {"status": 200}
    assert there.post("z") == {"status": 200}
    assert [payload for payload, _ in talk.living[0].heard] == ["x" * 5000, "z"]
