"""Each example as a person runs it: served by the command, for a real WebSocket client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_client

from actors import token
from examples import digest, presence_people
from tests.support.channels import ChannelClient
from tests.support.command import ROOT, Command, unmeasured
from tests.support.waiting import eventually

DEADLINE = 10


def example(name, **rest):
    return Command(f"examples.{name}:endpoint", **rest)


def connect(command, target, **rest):
    host, port = command.address
    return connect_client(f"ws://{host}:{port}{target}", proxy=None, open_timeout=DEADLINE, **rest)


def status(command, target, **rest):
    """Return the status of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused, connect(command, target, **rest):
        pass
    return refused.value.response.status_code


def test_echo_sends_back_text_and_binary():
    with example("echo") as command, connect(command, "/echo/websocket") as client:
        for message in ("hello", b"\x00\xff", "", "x" * 100_000):
            client.send(message)
            assert client.recv(DEADLINE) == message


def test_chat_reaches_the_room_whichever_worker_serves_it():
    with example("chat", workers=2) as command, ExitStack() as stack:
        command.wait_for("2 workers are ready")
        names = ["ada", "grace", "joan", "mary"]
        clients = [
            stack.enter_context(ChannelClient(command.address, f"/socket/websocket?user={name}"))
            for name in names
        ]
        for client in clients:
            assert client.join("room:lobby") == ("ok", {"room": "lobby"})
        assert clients[0].join("room:garden") == ("ok", {"room": "garden"})
        for name, client in zip(names, clients, strict=True):
            assert client.ask("room:lobby", "new_msg", {"body": f"I am {name}"}) == ("ok", {})
            for each in clients:
                assert each.event("new_msg") == {"from": name, "body": f"I am {name}"}
        assert clients[0].ask("room:lobby", "new_msg", {}) == ("error", {"reason": "empty"})
        assert status(command, "/socket/websocket?vsn=2.0.0") == 403  # who are you?


def test_typed_chat_checks_what_comes_and_shows_nothing_of_who_is_muted():
    with example("typed_chat") as command, ExitStack() as stack:
        ada, grace = (
            stack.enter_context(ChannelClient(command.address, f"/socket/websocket?{query}"))
            for query in ("user=ada", "user=grace&muted=ada,joan")
        )
        for client, name in ((ada, "ada"), (grace, "grace")):
            assert client.join("room:lobby") == ("ok", {})
            assert client.event("welcome") == {"name": name}
        assert ada.ask("room:lobby", "new_msg", {"body": "hi"}) == ("ok", {"delivered": True})
        assert ada.ask("room:lobby", "new_msg", {"body": " "}) == ("error", {"reason": "empty"})
        answer, response = ada.ask("room:lobby", "new_msg", {"body": 5})
        assert (answer, response["reason"]) == ("error", "invalid payload")
        assert response["errors"][0]["at"] == "$.body"
        assert grace.ask("room:lobby", "new_msg", {"body": "ho"}) == ("ok", {"delivered": True})
        assert grace.event("new_msg") == {"sender": "grace", "body": "ho"}
        said = [ada.event("new_msg")["sender"] for _ in range(2)]
        assert said == ["ada", "grace"]


def test_presence_tells_who_is_there_and_who_types_whichever_worker_serves_them():
    with example("presence", workers=2) as command, ExitStack() as stack:
        command.wait_for("2 workers are ready")
        ada, eve = (
            stack.enter_context(ChannelClient(command.address, f"/socket/websocket?user={name}"))
            for name in ("ada", "eve")
        )
        assert ada.join("room:1") == ("ok", {})
        assert list(ada.event("presence_state")) == ["user:ada"]
        assert list(ada.event("presence_diff")["joins"]) == ["user:ada"]
        assert eve.join("room:1") == ("ok", {})
        assert list(ada.event("presence_diff")["joins"]) == ["user:eve"]
        two = ("ok", {"people": 2})  # they may have come at once, in two workers
        eventually(lambda: eve.ask("room:1", "how_many") == two, DEADLINE, pause=0.02)
        eve.send("room:1", "typing", {"typing": True})
        (typing,) = ada.event("presence_diff")["joins"]["user:eve"]["metas"]
        assert (typing["name"], typing["typing"]) == ("eve", True)
        eve.leave()
        assert list(ada.event("presence_diff")["leaves"]) == ["user:eve"]
        assert ada.ask("room:1", "how_many") == ("ok", {"people": 1})
        assert status(command, "/socket/websocket?vsn=2.0.0") == 403


def test_presence_has_names_of_a_database_and_keeps_a_record_there(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE", str(tmp_path / "people.db"))
    with closing(presence_people.database()) as db:
        db.executemany("INSERT INTO people VALUES (?, ?)", [("1", "Ada"), ("2", "Eve")])
        with (
            example("presence_people", workers=2, env=dict(os.environ)) as command,
            ExitStack() as stack,
        ):
            command.wait_for("2 workers are ready")
            one, two = (
                stack.enter_context(ChannelClient(command.address, f"/socket/websocket?id={who}"))
                for who in (1, 2)
            )
            assert one.join("room:1") == ("ok", {})
            assert one.event("presence_diff")["joins"]["1"]["name"] == "Ada"
            assert two.join("room:1") == ("ok", {})
            assert one.event("presence_diff")["joins"]["2"]["name"] == "Eve"
            eventually(
                lambda: db.execute("SELECT * FROM records").fetchall() == [("room:1", 2)],
                DEADLINE,
                pause=0.02,
            )
            assert status(command, "/socket/websocket?vsn=2.0.0&id=x") == 403


def test_job_replies_later_and_takes_bytes():
    with (
        example("jobs") as command,
        ChannelClient(command.address, "/socket/websocket") as client,
    ):
        assert client.join("job:42") == ("ok", {})
        assert client.ask("job:42", "sum", {"numbers": [1, 2, 39]}) == ("ok", {"sum": 42})
        assert client.ask("job:42", "sum", {}) == ("error", {"reason": "numbers wanted"})
        assert client.ask("job:42", "reverse", b"abc") == ("ok", b"cba")
        refused, response = client.ask("job:42", "reverse", {"no": "bytes"})
        assert (refused, response["reason"]) == ("error", "invalid payload")
        assert client.ask("job:42", "state") == ("running", {"job": "42"})
        assert [client.event("left")["seconds"] for _ in range(4)] == [3, 2, 1, 0]
        assert client.event("phx_close") == {}


def test_clock_pushes_without_being_asked():
    with example("clock") as command:
        with connect(command, "/clock/websocket?every=0.05") as client:
            told = [client.recv(DEADLINE) for _ in range(3)]
        assert all(re.fullmatch(r"\d\d:\d\d:\d\d", time) for time in told)
        assert status(command, "/clock/websocket?every=soon") == 403


@pytest.fixture(scope="module")
def auth():
    with example("auth") as served:
        yield served


@pytest.fixture(scope="module")
def ticket():
    """A token as a person gets it: printed by the example itself."""
    done = subprocess.run(
        [sys.executable, "examples/auth.py", "alice"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return done.stdout.strip()


class TestAuth:
    def test_who_has_a_token_is_known_by_name(self, auth, ticket):
        with connect(auth, f"/user/websocket?token={ticket}") as client:
            client.send("hi")
            assert client.recv(DEADLINE) == "alice: 'hi'"

    @pytest.mark.parametrize("query", ["", "?token=", "?token=forged.token", "?token[]=x"])
    def test_who_has_none_is_refused(self, auth, query):
        assert status(auth, f"/user/websocket{query}") == 403

    def test_token_for_something_else_is_refused(self, auth):
        secret = "good for trying this example, and for nothing else"
        other = token.sign(secret, "password reset", "alice")
        assert status(auth, f"/user/websocket?token={other}") == 403

    def test_token_that_is_older_than_a_day_is_refused(self, auth):
        secret = "good for trying this example, and for nothing else"
        old = token.sign(secret, "user socket", "alice", now=1_000_000_000.0)
        assert status(auth, f"/user/websocket?token={old}") == 403

    @pytest.mark.parametrize(
        ("origin", "welcome"),
        [
            ("https://example.com", True),
            ("http://localhost:4000", True),
            ("http://example.com", False),
            ("https://example.com.evil.test", False),
        ],
    )
    def test_page_is_welcome_if_it_is_listed(self, auth, ticket, origin, welcome):
        target = f"/user/websocket?token={ticket}"
        if welcome:
            with connect(auth, target, origin=origin) as client:
                client.send("hi")
                assert client.recv(DEADLINE) == "alice: 'hi'"
        else:
            assert status(auth, target, origin=origin) == 403

    def test_token_is_in_no_log(self, ticket):
        target = f"/user/websocket?token={ticket}"
        with example("auth") as auth:  # its own: further lines of a kind are held back for a while
            assert status(auth, target, origin="https://evil.test") == 403
            auth.wait_for("refused the origin 'https://evil.test'")
            assert not any(ticket in line for line in auth.lines)


class TestWhatExistsOnce:
    """The examples of docs/once.md, with two workers."""

    def test_a_ticker_that_broadcasts_ticks_once_for_each_worker(self):
        with (
            example("ticks_twice", workers=2) as command,
            connect(command, "/ticks/websocket") as client,
        ):
            heard = set()
            while len(heard) < 2:
                heard.add(client.recv(DEADLINE))
        assert all(re.fullmatch(r"tick of \d+", tick) for tick in heard)

    def test_a_ticker_that_broadcasts_locally_ticks_once_for_each_client(self):
        with (
            example("ticks_once", workers=2) as command,
            connect(command, "/ticks/websocket") as client,
        ):
            told = [client.recv(DEADLINE) for _ in range(8)]
            client.send("how many?")
            while not (answer := client.recv(DEADLINE)).endswith(" so far"):
                told.append(answer)
        first = int(told[0].removeprefix("tick "))
        assert told == [f"tick {first + number}" for number in range(len(told))]
        last = first + len(told) - 1
        assert answer in {f"{last} so far", f"{last + 1} so far"}  # it may tick meanwhile

    def test_a_ticker_that_exists_once_ticks_once_for_the_clients_of_all_workers(self):
        with example("once", workers=2) as command, ExitStack() as stack:
            command.wait_for("2 workers are ready")
            clients = [stack.enter_context(connect(command, "/ticks/websocket")) for _ in range(6)]
            for client in clients:
                told = [client.recv(DEADLINE) for _ in range(3)]
                first, pid = re.fullmatch(r"tick (\d+) of (\d+)", told[0]).groups()
                assert told == [f"tick {int(first) + number} of {pid}" for number in range(3)]
                client.send("how many?")
                while not (answer := client.recv(DEADLINE)).startswith("ticker"):
                    pass
                assert re.fullmatch(r"ticker \d{13,}: \d+ so far", answer)

    def test_a_digest_is_sent_once_in_all(self, tmp_path):
        environ = {**os.environ, "DATABASE": str(tmp_path / "digest.db")}
        with example("digest", workers=2, env=environ) as command:
            command.wait_for("2 workers are ready")
            with connect(command, "/digests/websocket") as client:
                told = [client.recv(DEADLINE) for _ in range(8)]
        assert all(re.fullmatch(r"digest \d+", digest) for digest in told)
        assert len(set(told)) == len(told)

    def test_of_two_workers_that_saw_the_same_digest_one_wins(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DATABASE", str(tmp_path / "digest.db"))
        with closing(digest.database()) as one, closing(digest.database()) as other:
            tries = [(one, 0), (other, 0), (other, 1), (one, 1), (one, 2)]
            won = [digest.claim(db, number, 0.0) for db, number in tries]
        assert won == [True, False, True, False, True]

    def test_a_room_is_its_topic_and_each_worker_remembers_what_was_said(self):
        with example("rooms", workers=2) as command, ExitStack() as stack:
            command.wait_for("2 workers are ready")
            clients = [
                stack.enter_context(connect(command, "/chat/websocket?room=lobby"))
                for _ in range(4)
            ]
            for client in clients:
                client.send("/recent")
                assert client.recv(DEADLINE) == ""
            clients[0].send("hello")
            for client in clients:
                assert client.recv(DEADLINE) == "hello"
                client.send("/recent")
                assert client.recv(DEADLINE) == "hello"
            assert status(command, "/chat/websocket") == 403
            assert status(command, f"/chat/websocket?room={'x' * 41}") == 403


def test_every_example_has_a_test():
    tested = "".join(path.read_text() for path in (ROOT / "tests/examples").glob("test_*.py"))
    names = {path.stem for path in (ROOT / "examples").glob("*.py")} - {"conftest"}
    assert {"auth", "clock", "echo"} <= names
    assert {name for name in names if f'"{name}"' not in tested and name not in tested} == set()


@pytest.mark.parametrize("name", ["test_room", "test_echo", "test_presence"])
def test_the_tests_of_examples_pass_as_those_of_an_application(name):
    environ = unmeasured()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"examples/{name}.py"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
