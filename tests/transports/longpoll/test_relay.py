"""One session, two workers: every request may reach either. Buses over real Unix sockets.

All of it also while one of the two is of the release before: neither sends what that would not
understand.
"""

from __future__ import annotations

from typing import Any

import pytest

from actors import Push
from actors.packets import FrameError
from actors.pubsub import link as links
from actors.pubsub import wire
from actors.runtime.dispatcher import get_dispatcher
from tests.support.raw import DEADLINE, request
from tests.support.waiting import eventually
from tests.transports.longpoll.conftest import parked
from transports.longpoll import relay as relays

KIND = relays.KIND
OTHERS = ("there", "here")
NDJSON = "Content-Type: application/x-ndjson"


@pytest.fixture(params=[wire.PROTOCOL, wire.BEFORE], autouse=True)
def protocol(request, monkeypatch):
    """Have workers hang up on each other's greeting, where they are to be of the release before."""
    greeted = wire.greeted

    def refuse(message: Any) -> Any:
        if message[0] == wire.PROTOCOL:
            raise FrameError("not a greeting that is known")
        return greeted(message)

    if request.param == wire.BEFORE:
        monkeypatch.setattr(wire, "greeted", refuse)
    return request.param


def test_workers_speak_the_protocol_that_both_know(pair, protocol):
    pair()
    for bus in pair.buses:
        ((name, link),) = bus._links.items()
        assert link.protocol == protocol
        assert bus.takes_notices(name) is (protocol == wire.PROTOCOL)


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


def test_worker_that_leaves_the_list_has_its_requests_answered_at_once(pair, talk):
    _, there = pair(window=60.0, pubsub_timeout=60.0)
    poll, post = there.start_poll(), there.start_post("block:x")
    assert talk.living[0].entered.wait(DEADLINE)
    eventually(lambda: len(there.served.server.routes.relay._waiting) == 2)
    pair.buses[1].set_peers(["there"])
    assert poll.get(timeout=DEADLINE) == {"status": 500}
    assert post.get(timeout=DEADLINE) == {"status": 410}
    talk.living[0].release.set()


def test_worker_that_does_not_answer_is_given_up_after_pubsub_timeout(pair, talk):
    _, there = pair(pubsub_timeout=0.1, window=60.0)
    pair.buses[0]._exchanges.handlers["longpoll"] = lambda worker, body, reply: None
    assert there.poll() == {"status": 500}
    assert there.post("x") == {"status": 410}


def test_worker_that_holds_and_forgets_is_given_up_after_the_window(pair):
    _, there = pair(pubsub_timeout=0.05, window=0.1)
    bus = pair.buses[0]
    bus.serve("longpoll", lambda worker, body, _: bus.notify(worker, KIND, ["held", [body[1]]]))
    assert there.poll() == {"status": 500}


@pytest.mark.parametrize(
    "body",
    [None, [], ["poll"], ["poll", "1", "1", "t", 0], ["post", 1, "1", "t", [7]], ["left", 99],
     ["answer", 99, 200, b""], ["unknown", 1],
     ["held", [99, "x", [1]]], ["held", 7], ["lost", 99], ["lost", "x"]],
)  # fmt: skip
def test_odd_requests_of_another_worker_harm_nothing(pair, body):
    here, there = pair()
    bus = pair.buses[1]
    worker = here.served.server.routes.sessions.worker
    bus.notify(worker, KIND, body)
    bus.request(worker, KIND, body, 0.1, lambda _: None)
    assert there.post("still fine") == {"status": 200}


def test_nothing_is_kept_when_all_is_answered(pair, talk):
    here, there = pair(window=0.1)
    there.post("x")
    there.poll()
    there.poll()
    for client in (here, there):
        relay = client.served.server.routes.relay
        assert (relay._waiting, relay._held) == ({}, {})
        assert set(relay._in_flight.values()) <= {0}
        eventually(lambda relay=relay: not relay._unsaid)
    for bus in pair.buses:
        eventually(lambda bus=bus: not len(bus._exchanges))


def test_post_takes_two_messages(pair, protocol):
    _, there = pair()
    assert there.post("warm") == {"status": 200}
    before = [bus._links[other]._number for bus, other in zip(pair.buses, OTHERS, strict=True)]
    assert there.post("x") == {"status": 200}
    after = [bus._links[other]._number for bus, other in zip(pair.buses, OTHERS, strict=True)]
    expected = [1, 1] if protocol == wire.PROTOCOL else [2, 1]
    assert [late - early for late, early in zip(after, before, strict=True)] == expected
    assert [len(bus._exchanges) for bus in pair.buses] == [0, 0]


def test_poll_that_is_answered_at_once_takes_two_messages(pair, protocol):
    here, there = pair()
    here.post("x")
    here.post("y")
    there.token = here.token
    assert there.poll()["messages"] == ["x", "y"]
    assert pair.buses[1]._links["here"]._number == 1
    assert pair.buses[0]._links["there"]._number == (1 if protocol == wire.PROTOCOL else 2)


def test_what_takes_longer_is_said_to_be_held_all_at_once(pair, talk, protocol):
    """And does not count against what may be on its way any more."""
    _, there = pair(window=60.0, pubsub_timeout=DEADLINE)
    relay = there.served.server.routes.relay
    poll, post = there.start_poll(), there.start_post("block:x")
    assert talk.living[0].entered.wait(DEADLINE)
    eventually(lambda: len(relay._waiting) == 2)
    eventually(lambda: all(each.held for each in relay._waiting.values()))
    assert relay._in_flight["here"] == 0
    if protocol == wire.PROTOCOL:
        assert pair.buses[0]._links["there"]._number <= 2
    talk.living[0].release.set()
    assert poll.get(timeout=DEADLINE)["messages"] == ["unblocked x"]
    assert post.get(timeout=DEADLINE) == {"status": 200}


def test_held_requests_outlive_pubsub_timeout(pair, talk):
    _, there = pair(window=DEADLINE, pubsub_timeout=0.2)
    poll, post = there.start_poll(), there.start_post("block:x")
    assert talk.living[0].entered.wait(DEADLINE)
    relay = there.served.server.routes.relay
    eventually(lambda: len(relay._waiting) == 2)
    until = [each.until - DEADLINE for each in relay._waiting.values()]  # when they are given up
    eventually(lambda: relay._waiting and max(until) < get_dispatcher().clock())
    assert len(relay._waiting) == 2
    talk.living[0].release.set()
    assert post.get(timeout=DEADLINE) == {"status": 200}
    assert poll.get(timeout=DEADLINE)["messages"] == ["unblocked x"]


def test_client_that_leaves_is_forgotten_on_both_sides(pair, talk):
    here, there = pair(window=60.0)
    there.start_post("block:x", name="gone")
    assert talk.living[0].entered.wait(DEADLINE)
    far, near = (client.served.server.routes.relay for client in (here, there))
    eventually(lambda: far._held and near._waiting)
    there.client("gone").reset()
    eventually(lambda: not far._held and not near._waiting)
    talk.living[0].release.set()
    assert there.post("y") == {"status": 200}


def kept(pair):
    """Have the session's worker keep requests to itself; return them."""
    requests: list[Any] = []
    pair.buses[0].serve(KIND, lambda *request: requests.append(request))
    return requests


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_posts_in_flight_are_bounded(pair, monkeypatch, extra, taken):
    _, there = pair()
    monkeypatch.setattr(relays, "MAX_IN_FLIGHT", 1000)
    requests = kept(pair)
    there.start_post("x" * 399, name="first")  # each message counts one more than its bytes
    eventually(lambda: len(requests) == 1)
    answer = there.client("second")
    answer.send(request(there.target(), method="POST", body=b"x" * (599 + extra)))
    if taken:
        eventually(lambda: len(requests) == 2)
    else:
        assert answer.answer().status == 503
    assert there.served.server.routes.relay._in_flight["here"] == 400 + (600 + extra) * taken


def test_one_post_passes_whatever_its_size(pair, monkeypatch):
    _, there = pair()
    monkeypatch.setattr(relays, "MAX_IN_FLIGHT", 1000)
    assert there.post("none:" + "x" * 5000) == {"status": 200}


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_posts_that_were_given_up_count_until_they_are_written(pair, monkeypatch, extra, taken):
    _, there = pair()
    assert there.post("warm") == {"status": 200}
    bus = pair.buses[1]
    monkeypatch.setattr(relays, "MAX_IN_FLIGHT", 1000)
    monkeypatch.setattr(bus, "unsent", lambda worker: 1000 + extra)
    answer = there.client("second").ask(there.target(), method="POST", body=b"none:y")
    assert (answer.status, answer.body == b"") == ((200, False) if taken else (503, True))


def test_poll_and_post_whose_link_is_full_are_answered(pair, monkeypatch):
    _, there = pair()
    monkeypatch.setattr(links, "MAX_QUEUED", 10)
    monkeypatch.setattr(wire, "RESERVE", 0)
    assert there.poll() == {"status": 500}
    assert there.post("x") == {"status": 410}


def test_answer_that_finds_its_link_full_is_given_up_for(pair, talk, monkeypatch):
    here, there = pair(pubsub_timeout=0.2, window=0.2)
    post = there.start_post("block:x")
    assert talk.living[0].entered.wait(DEADLINE)
    near = there.served.server.routes.relay
    eventually(lambda: all(each.held for each in near._waiting.values()))
    monkeypatch.setattr(links, "MAX_QUEUED", 10)
    monkeypatch.setattr(wire, "RESERVE", 0)
    talk.living[0].release.set()
    assert post.get(timeout=DEADLINE) in ({"status": 410}, {"status": 408})
    eventually(lambda: not here.served.server.routes.relay._held)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_post_that_no_message_of_the_bus_holds_is_413(pair, talk, monkeypatch, more):
    """It leaves nothing behind, so that others are answered as before."""
    _, there = pair()
    monkeypatch.setattr(relays, "ALONG", wire.MAX_WHOLE - 1000)
    body = b"x" * (999 + more)  # a message counts as one more
    response = there.client("large").ask(there.target(), method="POST", body=body)
    assert response.status == (413 if more > 0 else 200)
    assert there.served.server.routes.relay._waiting == {}
    assert there.served.server.routes.relay._in_flight.total() == 0
    assert there.post("z") == {"status": 200}


def test_largest_post_fits_into_a_message_of_the_bus():
    messages = ["x" * ((wire.MAX_WHOLE - relays.ALONG) // 100 - 1)] * 100
    wire.notify("longpoll", ["post", 2**40, "1" * 20, "n" * 40, messages])


def test_post_beyond_what_may_be_on_its_way_is_503_with_an_empty_body(pair, talk, monkeypatch):
    """And the session's polls, and its posts when there is room again, are not touched."""
    _, there = pair()
    monkeypatch.setattr(relays, "MAX_IN_FLIGHT", 1000)
    kept = []
    serve = pair.buses[0]._exchanges.handlers["longpoll"]
    pair.buses[0]._exchanges.handlers["longpoll"] = lambda *request: kept.append(request)
    large = there.start_post("x" * 5000)
    eventually(lambda: kept)
    response = there.client("second").ask(there.target(), method="POST", body=b"y")
    assert (response.status, response.body) == (503, b"")
    pair.buses[0]._exchanges.handlers["longpoll"] = serve
    serve(*kept[0])
    assert large.get(timeout=DEADLINE) == {"status": 200}
    assert there.post("z") == {"status": 200}
    assert [payload for payload, _ in talk.living[0].heard] == ["x" * 5000, "z"]
