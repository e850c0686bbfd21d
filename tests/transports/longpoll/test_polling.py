"""Long polling over real sockets: sessions, polls, publishing, acknowledgement, the end."""

from __future__ import annotations

import binascii
import logging

import gevent
import orjson
import pytest

from actors.messages import Opcode
from actors.reasons import Crash
from actors.results import Push, Reply, Stop
from tests.support.longpoll import Poller
from tests.support.raw import DEADLINE, Client, request
from tests.support.waiting import eventually
from tests.transports.longpoll.conftest import PATH, parked

NDJSON = "Content-Type: application/x-ndjson"


def do(command: str) -> str:
    """A command as a line of a batch: text lines there begin with a bracket."""
    return binascii.b2a_base64(b"do:" + command.encode(), newline=False).decode()


class TestOpening:
    def test_get_without_a_token_opens_a_session(self, serving, talk):
        served = serving()
        with Client(served.address) as client:
            answer = client.ask(PATH)
        body = orjson.loads(answer.body)
        assert answer.status == 200
        assert body.pop("token")
        assert body == {"messages": [], "status": 410}
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "no-store"
        assert len(talk.living) == 1

    def test_connect_sees_the_transport_and_the_params(self, poller, talk):
        poller("room=lobby")
        info = talk.living[0].state
        assert info.transport == "longpoll"
        assert info.params["room"] == "lobby"

    @pytest.mark.parametrize("query", ["connect=error"])
    def test_refused_connect_is_403_in_the_body(self, serving, query):
        with Client(serving().address) as client:
            answer = client.ask(f"{PATH}?{query}")
        assert (answer.status, answer.body) == (200, b'{"status":403}')

    @pytest.mark.parametrize(
        "query",
        ["connect=raise", "connect=junk", "new=raise", "init=raise", "init=push-and-raise"],
    )
    def test_failing_callback_is_a_500_and_leaves_no_session(self, serving, query, caplog):
        served = serving(max_sessions=1)
        with Client(served.address) as client, caplog.at_level(logging.CRITICAL):
            assert client.ask(f"{PATH}?{query}").status == 500
        assert len(served.server.routes.sessions) == 0
        with Client(served.address) as client:  # its place is free again
            assert orjson.loads(client.ask(PATH).body)["status"] == 410

    def test_what_init_pushes_comes_with_the_first_poll(self, poller):
        assert poller("init=push").poll()["messages"] == ["hello"]

    def test_post_without_a_session_is_410(self, serving):
        client = Poller(serving(), PATH)
        assert client.post("x") == {"status": 410}
        assert client.post("x", token="nonsense") == {"status": 410}
        client.close()

    def test_token_may_come_as_a_header(self, poller):
        client = poller()
        client.post("hi")
        answer = client.client("poll").ask(PATH, f"X-Phoenix-Longpoll-Token: {client.token}")
        assert orjson.loads(answer.body)["messages"] == ["hi"]

    def test_token_works_through_any_mount(self, serving, talk, poller):
        served = serving()
        served.server.routes.endpoint.socket("/other", talk, longpoll=True)
        other = type(served.server.routes)(served.server.routes.endpoint)
        served.server.routes.match = other.match
        other.sessions.places = served.server.routes.sessions.places
        other.sessions.worker = served.server.routes.sessions.worker
        client = poller(served=served)
        client.path = "/other/longpoll"
        assert client.post("hi") == {"status": 200}
        assert client.poll()["messages"] == ["hi"]


class TestMethods:
    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
    def test_other_methods_are_400(self, serving, method):
        with Client(serving().address) as client:
            answer = client.ask(PATH, method=method)
        assert (answer.status, answer.body) == (400, b"")

    def test_options_answers_the_preflight(self, serving):
        with Client(serving().address) as client:
            answer = client.ask(
                PATH,
                "Access-Control-Request-Headers: content-type, x-phoenix-authtoken",
                method="OPTIONS",
            )
        assert (answer.status, answer.body) == (200, b"")
        wanted = {
            "access-control-allow-origin": "*",
            "access-control-allow-headers": "content-type, x-phoenix-authtoken",
            "access-control-allow-methods": "get, post, options",
            "access-control-max-age": "3600",
        }
        assert wanted.items() <= answer.headers.items()

    def test_preflight_with_several_header_lines_allows_all_of_them(self, serving):
        lines = [f"Access-Control-Request-Headers: {name}" for name in ("content-type", "x-a, x-b")]
        with Client(serving().address) as client:
            answer = client.ask(PATH, *lines, method="OPTIONS")
        assert answer.headers["access-control-allow-headers"] == "content-type, x-a, x-b"

    def test_bad_origin_is_403_in_the_body_for_any_method(self, serving):
        served = serving(check_origin=["//good.test"])
        with Client(served.address) as client:
            for method in ("GET", "POST", "PUT", "OPTIONS"):
                answer = client.ask(PATH, "Origin: http://evil.test", method=method)
                assert (answer.status, answer.body) == (200, b'{"status":403}')


class TestPolling:
    def test_posts_come_back_in_order(self, poller):
        client = poller()
        for text in ("a", "b", "c"):
            assert client.post(text) == {"status": 200}
        body = client.poll()
        assert (body["status"], body["messages"]) == (200, ["a", "b", "c"])

    def test_held_poll_is_answered_by_a_message(self, poller, talk):
        client = poller()
        poll = client.start_poll()
        eventually(lambda: parked(talk.living[0]))
        client.post("hi")
        assert poll.get(timeout=DEADLINE)["messages"] == ["hi"]

    def test_held_poll_is_answered_before_a_callback_that_blocks(self, poller, talk):
        client = poller()
        poll = client.start_poll()
        eventually(lambda: parked(talk.living[0]))
        post = gevent.spawn(client.post, f'["first"]\n{do("block:x")}', NDJSON)
        assert poll.get(timeout=DEADLINE)["messages"] == ['["first"]']
        talk.living[0].release.set()
        assert post.get(timeout=DEADLINE) == {"status": 200}

    def test_poll_with_nothing_ends_with_204_at_the_window(self, poller):
        client = poller(window=0.1)
        body = client.poll()
        assert (body["status"], body["messages"]) == (204, [])
        assert client.post("later") == {"status": 200}
        assert client.poll()["messages"] == ["later"]

    def test_later_poll_takes_over_and_the_earlier_ends_with_204_at_once(self, poller, talk):
        client = poller(window=60.0)
        first = client.start_poll(name="one")
        eventually(lambda: parked(talk.living[0]))
        held = talk.living[0].transport._http
        second = client.start_poll(name="two")
        assert first.get(timeout=DEADLINE)["status"] == 204
        assert talk.living[0].transport._http not in (None, held)
        client.post("one message")
        assert second.get(timeout=DEADLINE)["messages"] == ["one message"]

    def test_message_after_a_dropped_poll_waits_for_the_next(self, poller, talk):
        client = poller(window=60.0)
        client.start_poll(name="gone")
        eventually(lambda: parked(talk.living[0]))
        client.client("gone").close()
        eventually(lambda: not parked(talk.living[0]))
        client.post("kept")
        assert client.poll()["messages"] == ["kept"]

    def test_message_told_to_the_actor_reaches_the_poll(self, poller, talk):
        client = poller()
        poll = client.start_poll()
        eventually(lambda: parked(talk.living[0]))
        talk.living[0].actor_ref.tell(Push("told"))
        assert poll.get(timeout=DEADLINE)["messages"] == ["told"]

    def test_pipelined_polls_and_posts_are_answered_in_order(self, poller):
        client = poller()
        both = request(client.target(), method="POST", body=b"x") + request(client.target())
        client.client("poll").send(both)
        assert client.client("poll").answer().body == b'{"status":200}'
        assert orjson.loads(client.client("poll").answer().body)["messages"] == ["x"]


class TestAcknowledgement:
    def test_batch_is_kept_until_the_next_poll_proves_that_it_arrived(self, poller):
        client = poller()
        client.post("a")
        before = client.token
        assert client.poll()["messages"] == ["a"]
        after = client.token
        assert client.poll(before)["messages"] == ["a"]  # a retried GET
        client.post("b")
        assert client.poll(before)["messages"] == ["a", "b"]
        assert client.poll(after)["messages"] == ["b"]

    def test_answer_that_is_lost_on_the_way_loses_nothing(self, poller, talk):
        client = poller()
        client.post("precious")
        lost = client.client("lost")
        lost.send(request(client.target()))
        eventually(lambda: talk.living[0].transport._buffer.taken == 1)
        lost.reset()
        assert client.poll()["messages"] == ["precious"]

    def test_token_of_204_acknowledges_nothing(self, poller, talk):
        client = poller(window=60.0)
        first = client.start_poll(name="one")
        eventually(lambda: parked(talk.living[0]))
        client.start_poll(name="two")
        token = first.get(timeout=DEADLINE)["token"]
        client.post("x")
        assert client.poll(token)["messages"] == ["x"]

    def test_token_older_than_what_was_acknowledged_is_a_lost_session(self, poller):
        client = poller()
        first = client.token
        client.post("a")
        client.poll()
        client.post("b")
        client.poll()
        assert client.poll(first) == {"status": 500}

    def test_every_answer_has_a_fresh_token(self, poller):
        client = poller()
        seen = {client.token}
        for text in ("a", "b", "c"):
            client.post(text)
            client.poll()
            seen.add(client.token)
        assert len(seen) == 4
        assert all(len(token) <= 4096 for token in seen)


class TestResults:
    def test_list_of_results(self, poller):
        client = poller()
        client.post("list:x")
        assert client.poll()["messages"] == ["1x", "Mg==", "3x"]

    def test_binary_travels_as_base64_both_ways(self, poller, talk):
        client = poller()
        assert client.post("/wA=", NDJSON) == {"status": 200}
        assert talk.living[0].heard == [(b"\xff\x00", Opcode.BINARY)]
        assert client.poll()["messages"] == ["/wA="]

    @pytest.mark.parametrize(
        ("result", "message"),
        [
            (Reply("é", opcode=Opcode.TEXT), "é"),
            (Reply("é".encode(), opcode=Opcode.TEXT), "é"),
            (Reply(bytearray(b"a")), "YQ=="),
            (Reply("a", opcode=Opcode.BINARY), "YQ=="),
            (Reply("a", status="error"), "a"),
        ],
    )
    def test_payloads_and_opcodes(self, poller, talk, result, message):
        client = poller()
        talk.living[0].actor_ref.tell(result)
        assert client.poll()["messages"] == [message]

    def test_control_frames_are_left_out(self, poller, talk):
        client = poller()
        for result in (Push("", Opcode.PING), Push("x", Opcode.PONG), Push("y")):
            talk.living[0].actor_ref.tell(result)
        assert client.poll()["messages"] == ["y"]

    @pytest.mark.parametrize(
        "result",
        [
            Reply(7),
            Reply("x", opcode=Opcode.CLOSE),
            Reply("\ud800"),
            Reply(b"\xff", opcode=Opcode.TEXT),
            ["y"],
            "text",
            Stop(code=999),
        ],
    )
    def test_illegal_result_ends_that_session_alone(self, poller, talk, result, caplog):
        client, neighbour = poller(), None
        neighbour = poller(served=client.served)
        talk.living[0].actor_ref.tell(result)
        assert talk.living[0].ended_event.wait(DEADLINE)
        assert isinstance(talk.living[0].ended, Crash)
        assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1
        assert client.poll() == {"status": 500}
        assert neighbour.post("x") == {"status": 200}


class TestPublishing:
    def test_handler_that_crashes_is_408(self, poller, caplog):
        client = poller()
        assert client.post("crash") == {"status": 408}
        assert client.post("more") == {"status": 410}

    def test_handler_that_takes_a_window_is_408_and_its_reply_still_comes(self, poller, talk):
        client = poller(window=0.2)
        assert client.post("block:x") == {"status": 408}
        talk.living[0].release.set()
        assert client.poll()["messages"] == ["unblocked x"]

    def test_late_answer_does_not_reach_the_next_request(self, poller, talk):
        client = poller(window=0.2)
        assert client.post("block:x") == {"status": 408}
        post = client.start_post("y")  # on the same connection
        eventually(lambda: len(talk.living[0].transport._posts) == 1)
        assert not post.ready()
        talk.living[0].release.set()
        assert post.get(timeout=DEADLINE) == {"status": 200}
        eventually(lambda: not talk.living[0].transport._posts)

    def test_stop_answers_200_when_it_is_the_last_of_the_batch(self, poller):
        assert poller().post("stop") == {"status": 200}

    def test_stop_in_the_middle_of_a_batch_is_408(self, poller, talk):
        client = poller()
        assert client.post(f'["a"]\n{do("stop")}\n["c"]', NDJSON) == {"status": 408}
        assert [payload for payload, _ in talk.living[0].heard] == ['["a"]', b"do:stop"]

    def test_batch_with_a_bad_line_dispatches_nothing(self, poller, talk):
        client = poller()
        answer = client.client("post").ask(
            client.target(), NDJSON, method="POST", body=b'["a"]\n!!!'
        )
        assert answer.status == 400
        assert talk.living[0].heard == []
        assert client.post("still alive") == {"status": 200}

    def test_client_that_leaves_during_its_post_harms_nothing(self, poller, talk):
        client = poller()
        client.start_post("block:x")
        assert talk.living[0].entered.wait(DEADLINE)
        client.client("post").close()
        talk.living[0].release.set()
        assert client.poll()["messages"] == ["unblocked x"]

    def test_posts_of_other_content_types_are_one_text(self, poller, talk):
        client = poller()
        client.post('["a"]\n["b"]', "Content-Type: application/json")
        assert talk.living[0].heard == [('["a"]\n["b"]', Opcode.TEXT)]
