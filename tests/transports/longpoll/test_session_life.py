"""How a long-poll session ends, and what it may cost meanwhile."""

from __future__ import annotations

import logging
import re

import orjson
import pytest

from actors import signing
from actors.crash_log import capped
from actors.reasons import KILLED, NORMAL, Shutdown
from actors.results import Push
from tests.support.alive import timers
from tests.support.raw import DEADLINE, Client, request
from tests.support.waiting import eventually
from tests.transports.longpoll.conftest import PATH, parked
from transports.longpoll import session

NDJSON = "Content-Type: application/x-ndjson"


class TestTheEnd:
    def test_session_without_polls_ends_after_one_and_a_half_windows(self, poller, talk):
        client = poller(window=0.1)
        assert talk.living[0].ended_event.wait(DEADLINE)
        assert talk.living[0].ended == Shutdown("inactive")
        eventually(lambda: len(client.served.server.routes.sessions) == 0)
        assert client.post("x") == {"status": 410}

    def test_posts_do_not_keep_a_session_alive(self, poller, talk):
        client = poller(window=0.1)
        while not talk.living[0].ended_event.wait(0.01):
            client.post("none")
        assert talk.living[0].ended == Shutdown("inactive")

    def test_polls_keep_a_session_alive(self, poller, talk):
        client = poller(window=0.05)
        for _ in range(5):
            assert client.poll()["status"] == 204
        assert talk.living[0].ended is None

    def test_lost_session_is_500_by_default(self, poller, talk):
        client = poller()
        client.post("stop")
        assert client.poll() == {"status": 500}

    def test_lost_session_is_a_new_one_with_410_as_in_phoenix(self, poller, talk):
        client = poller(lost_session_status=410)
        client.post("stop")
        assert client.poll()["status"] == 410
        assert len(talk.living) == 2
        assert client.post("x") == {"status": 200}

    def test_what_was_not_fetched_before_the_end_still_is(self, poller, talk):
        client = poller()
        client.post("before")
        client.post("stop:last words")
        assert talk.living[0].ended == NORMAL
        assert client.poll()["messages"] == ["before", "last words"]
        assert client.poll() == {"status": 500}
        assert len(client.served.server.routes.sessions) == 0

    def test_what_nobody_fetches_after_the_end_is_forgotten(self, poller):
        client = poller(window=0.1)
        client.post("stop:last words")
        eventually(lambda: len(client.served.server.routes.sessions) == 0)

    def test_held_poll_ends_with_204_at_once_when_the_session_does(self, poller, talk):
        client = poller(window=60.0)
        poll = client.start_poll()
        eventually(lambda: parked(talk.living[0]))
        client.post("restart")
        assert poll.get(timeout=DEADLINE)["status"] == 204

    def test_killed_session_answers_its_poll(self, poller, talk):
        client = poller(window=60.0)
        poll = client.start_poll()
        eventually(lambda: parked(talk.living[0]))
        talk.living[0].actor_ref.kill()
        assert poll.get(timeout=DEADLINE)["status"] == 204
        assert talk.living[0].ended_event.wait(DEADLINE)
        assert talk.living[0].ended == KILLED

    def test_post_that_a_kill_overtakes_is_410(self, poller, talk):
        client = poller()
        post = client.start_post("block:x")
        assert talk.living[0].entered.wait(DEADLINE)
        talk.living[0].actor_ref.kill()
        assert post.get(timeout=DEADLINE) == {"status": 410}

    def test_drain_answers_polls_and_posts_at_once(self, poller, talk, serving):
        served = serving(window=60.0)
        waiting, busy = poller(served=served), poller(served=served)
        poll = waiting.start_poll()
        eventually(lambda: parked(talk.living[0]))
        handled = busy.start_post("block:x")
        assert talk.living[1].entered.wait(DEADLINE)
        late = busy.start_post("too late", name="late")
        eventually(lambda: len(talk.living[1].transport._posts) == 2)
        served.server.routes.sessions.drain()
        assert poll.get(timeout=DEADLINE)["status"] == 204
        talk.living[1].release.set()
        assert handled.get(timeout=DEADLINE) == {"status": 200}
        assert late.get(timeout=DEADLINE) == {"status": 410}
        assert talk.living[1].ended == Shutdown("restart")
        assert [payload for payload, _ in talk.living[1].heard] == ["block:x"]
        assert busy.poll()["messages"] == ["unblocked x"]


class TestTokens:
    @pytest.mark.parametrize(
        "forge",
        [
            lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
            lambda token: ("A" if token[0] != "A" else "B") + token[1:],
            lambda token: token[: len(token) // 2],
            lambda token: token.partition(".")[0],
            lambda token: token.partition(".")[0] + ".",
            lambda token: token.swapcase(),
            lambda token: "x" * 5000,
            lambda token: "%F0%9F%92%A9",
            lambda token: signing.sign("other" * 8, "roost.longpoll", ["w", "1", "t", 0], now=1e9),
            lambda token: signing.sign("s" * 32, "other salt", ["w", "1", "t", 0], now=1e9),
            lambda token: signing.sign("s" * 32, "roost.longpoll", ["w", "1", "t"], now=1e9),
        ],
    )
    def test_forged_token_opens_another_session_and_posts_nothing(self, poller, talk, forge):
        client = poller()
        forged = forge(client.token)
        assert client.post("x", token=forged) == {"status": 410}
        assert client.poll(forged)["status"] == 410
        assert [socket.heard for socket in talk.living] == [[], []]

    @pytest.mark.parametrize(("age", "status"), [(-1, 500), (0, 500), (1, 410)])
    def test_token_is_accepted_up_to_its_age(self, serving, talk, age, status):
        served = serving(max_age=60.0)
        sessions = served.server.routes.sessions
        now = sessions._clock()
        sessions._clock = lambda: now
        # Other clocks may be off by the skew, which counts on top.
        data = ["other worker", "1", "topic", 0]
        token = signing.sign("s" * 32, "roost.longpoll", data, now=now - 60 - age)
        with Client(served.address) as client:
            assert orjson.loads(client.ask(f"{PATH}?token={token}").body)["status"] == status

    @pytest.mark.parametrize(("ahead", "status"), [(59, 500), (60, 500), (61, 410), (3600, 410)])
    def test_token_from_the_future_is_accepted_within_the_skew(self, serving, ahead, status):
        served = serving()
        sessions = served.server.routes.sessions
        now = sessions._clock()
        sessions._clock = lambda: now
        data = ["other worker", "1", "topic", 0]
        token = signing.sign("s" * 32, "roost.longpoll", data, now=now + ahead)
        with Client(served.address) as client:
            assert orjson.loads(client.ask(f"{PATH}?token={token}").body)["status"] == status

    def test_token_signed_by_an_old_secret_still_works(self, serving, talk, poller):
        served = serving()
        client = poller(served=served)
        served.server.routes.sessions._secrets = ("n" * 32, "s" * 32)
        served.server.routes.sessions.issued.clear()
        assert client.post("x") == {"status": 200}

    def test_token_of_one_session_never_reaches_another(self, poller, talk):
        one = poller()
        other = poller(served=one.served)
        one.post("of one")
        assert other.start_poll(one.token).get(timeout=DEADLINE)["messages"] == ["of one"]
        other.post("of other")
        assert other.poll()["messages"] == ["of other"]
        assert [len(socket.heard) for socket in talk.living] == [1, 1]

    def test_valid_token_of_a_number_that_has_another_topic_is_lost(self, poller):
        client = poller()
        sessions = client.served.server.routes.sessions
        data = [sessions.worker, "1", "lp:guessed", 0]
        forged = signing.sign("s" * 32, "roost.longpoll", data, now=sessions._clock())
        assert client.poll(forged) == {"status": 500}
        assert client.post("x", token=forged) == {"status": 410}

    @pytest.mark.parametrize("query", ["token[]=x", "token[a]=x", "token="])
    def test_token_that_is_no_text_opens_a_session(self, serving, query):
        with Client(serving().address) as client:
            assert orjson.loads(client.ask(f"{PATH}?{query}").body)["status"] == 410


class TestLimits:
    @pytest.mark.parametrize("option", ["max_sessions", "max_sessions_per_address"])
    def test_session_caps(self, serving, option, caplog):
        served = serving(**{option: 3})
        with Client(served.address) as client:
            answers = [client.ask(PATH) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 503]
        assert answers[3].headers["retry-after"] == "1"
        assert answers[3].body == b""
        assert option in caplog.text

    def test_refused_sessions_are_one_line_in_a_second(self, serving, caplog):
        served = serving(max_sessions=1)
        with Client(served.address) as client:
            assert [client.ask(PATH).status for _ in range(50)].count(503) == 49
        assert len([r for r in caplog.records if "refused a session" in r.getMessage()]) < 10

    def test_session_that_ends_makes_room(self, poller, serving):
        served = serving(max_sessions=1)
        client = poller(served=served)
        client.post("stop")
        assert client.poll() == {"status": 500}
        assert client.open()

    def test_connect_that_blocks_holds_a_place(self, serving, talk):
        served = serving(max_sessions=1)
        routes = served.server.routes
        counts = []
        talk.connect = classmethod(
            lambda cls, info: counts.append(routes.sessions._admission.count)
        )
        with Client(served.address) as client:
            assert client.ask(PATH).status == 500
        assert counts == [1]
        assert routes.sessions._admission.count == 0

    @pytest.mark.parametrize(("count", "ended"), [(2, False), (3, False), (4, True)])
    def test_messages_that_wait_are_bounded(self, poller, talk, count, ended):
        client = poller(max_buffer_messages=3)
        for number in range(count):
            talk.living[0].actor_ref.tell(Push(str(number)))
        if ended:
            assert talk.living[0].ended_event.wait(DEADLINE)
            assert talk.living[0].ended == Shutdown("overflow")
        assert client.poll()["messages"] == [str(number) for number in range(min(count, 3))]
        assert (client.post("none")["status"] == 410) is ended

    def test_many_that_overflow_are_a_line_and_a_count(self, poller, talk, caplog, monkeypatch):
        monkeypatch.setattr(session, "LINES", capped(logging.getLogger("roost.transports")))
        caplog.set_level(logging.INFO, "roost.transports")
        for _ in range(3):
            poller(max_buffer_messages=1)
            for number in range(2):
                talk.living[-1].actor_ref.tell(Push(str(number)))
            assert talk.living[-1].ended_event.wait(DEADLINE)
        eventually(lambda: "(2 lines like this were held back)" in caplog.text)
        lines = [each for each in caplog.records if "ended a session" in each.getMessage()]
        assert [each.levelname for each in lines] == ["INFO", "INFO"]

    @pytest.mark.parametrize(("size", "status"), [(99, 200), (100, 200), (101, 410)])
    def test_bytes_that_wait_are_bounded(self, poller, talk, size, status):
        client = poller(max_buffer_bytes=100)
        client.post(f"size:{size}")
        assert client.post("none") == {"status": status}

    @pytest.mark.parametrize(("count", "status"), [(2, 200), (3, 200), (4, 400)])
    def test_messages_of_one_post_are_bounded(self, poller, talk, count, status):
        client = poller(max_batch=3)
        body = b"\n".join([b'["x"]'] * count)
        answer = client.client("post").ask(client.target(), NDJSON, method="POST", body=body)
        assert answer.status == status
        assert len(talk.living[0].heard) == (count if status == 200 else 0)

    @pytest.mark.parametrize(("size", "status"), [(99, 200), (100, 200), (101, 413)])
    def test_body_of_one_post_is_bounded(self, poller, size, status):
        client = poller(max_body=100)
        answer = client.client("post").ask(client.target(), method="POST", body=b"x" * size)
        assert answer.status == status

    @pytest.mark.parametrize(("size", "status"), [(99, 200), (100, 200), (101, 413)])
    def test_body_without_a_length_is_bounded(self, poller, size, status):
        client = poller(max_body=100)
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)
        head = request(client.target(), "Transfer-Encoding: chunked", method="POST")
        client.client("post").send(head + body)
        assert client.client("post").answer().status == status

    def test_body_that_is_too_big_is_refused_before_it_comes(self, poller):
        client = poller(max_body=100)
        connection = client.client("post")
        connection.send(request(client.target(), "Content-Length: 101", method="POST"))
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert client.post("next", name="next") == {"status": 200}

    @pytest.mark.parametrize(("size", "status"), [(96, 200), (100, 200), (104, 400)])
    def test_base64_line_is_bounded(self, poller, size, status):
        client = poller(max_base64=100)
        answer = client.client("post").ask(client.target(), NDJSON, method="POST", body=b"A" * size)
        assert answer.status == status

    @pytest.mark.parametrize("line", [b"!!!", b"YQ", b"YQ=", b"YR==", b"YQ==\r", b" YQ=="])
    def test_bad_base64_is_400_and_the_session_lives(self, poller, line):
        client = poller()
        answer = client.client("post").ask(client.target(), NDJSON, method="POST", body=line)
        assert answer.status == 400
        assert client.post("x") == {"status": 200}

    def test_idle_session_has_one_timer_and_no_greenlet(self, poller, talk):
        client = poller()
        for _ in range(5):
            client.post("x")
            client.poll()
        before = timers()
        for _ in range(50):
            client.post("x")
            client.poll()
        assert not timers() - before


class TestLogs:
    def test_transport_log_holds_no_token(self, serving, caplog):
        served = serving(transport_log="info")
        caplog.set_level(logging.DEBUG)
        with Client(served.address) as client:
            token = orjson.loads(client.ask(f"{PATH}?user_token=SENTINEL").body)["token"]
            client.ask(f"{PATH}?token={token}", "Cookie: s=SENTINEL", method="POST", body=b"x")
            client.ask(f"{PATH}?token={token}")
        lines = [record.getMessage() for record in caplog.records]
        assert len([line for line in lines if re.match(r"(GET|POST) /lp/longpoll from", line)]) == 3
        assert "SENTINEL" not in caplog.text
        assert token not in caplog.text
