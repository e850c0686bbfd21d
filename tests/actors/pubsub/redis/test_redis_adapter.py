"""Machines that a real Redis links, each in this process: what arrives, and what outages do."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import gevent
import pytest
import redis as stdlib_redis

from actors import telemetry
from actors.errors import ConfigError
from actors.packets import MAX_FRAME, pack
from actors.pubsub import PubSub
from actors.pubsub import front as fronts
from actors.pubsub.redis import adapter as adapters
from actors.pubsub.redis import frames, outbox
from actors.pubsub.redis.adapter import Linked, Redis
from actors.redis_options import RedisOptions
from supervision.specs import ChildSpec
from supervision.supervisor import Supervisor
from tests.actors.pubsub.test_pubsub import DEADLINE
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def events() -> Iterator[list[Any]]:
    seen: list[Any] = []

    def handler(event: str, measurements: Any, metadata: Any) -> None:
        seen.append((event, *measurements.values(), *metadata.values()))

    names = ("gap", "dropped", "link", "unknown", "malformed", "renumbered")
    for name in names:
        telemetry.attach(f"pubsub.{name}", handler)
    yield seen
    for name in names:
        telemetry.detach(f"pubsub.{name}", handler)


def gaps(events: list[Any]) -> int:
    return sum(count for event, count, _ in events if event == "pubsub.gap")


class TestCarrying:
    def test_broadcasts_reach_other_machines_once_and_in_order(self, machine):
        one, two, three = machine("one"), machine("two"), machine("three")
        for number in range(500):
            one.pubsub.broadcast("t", number)
        for each in (one, two, three):
            assert each.listener.wait_for(500) == list(range(500))

    def test_broadcasts_from_any_thread(self, machine):
        one, two = machine("one"), machine("two")
        thread = threading.Thread(target=lambda: one.pubsub.broadcast("t", "x"))
        thread.start()
        assert two.listener.wait_for(1) == ["x"]
        thread.join(DEADLINE)

    def test_namespaces_do_not_hear_each_other(self, machine, server):
        one, other = machine("one"), machine("two", server.url, namespace="other")
        mine = machine("three")
        one.pubsub.broadcast("t", "x")
        other.pubsub.broadcast("t", "y")
        assert mine.listener.wait_for(1) == ["x"]
        assert other.heard == ["y"]

    def test_workers_of_one_machine_do_not_hear_each_other_by_redis(self, machine, server):
        one, two = machine("one"), machine("two")
        sibling = PubSub()
        redis = Redis(RedisOptions(url=server.url), sibling, "one-2")
        redis.start()
        assert redis.wait_linked(DEADLINE)
        sibling.subscribe(two.listener, "only")
        one.pubsub.broadcast("only", "x")
        two.pubsub.broadcast("only", "y")
        assert two.listener.wait_for(1) == ["y"]
        redis.close()

    def test_largest_broadcast(self, machine):
        one, two = machine("one"), machine("two")
        largest = "x" * (MAX_FRAME - 5)
        assert len(pack(largest)) == MAX_FRAME
        one.pubsub.broadcast("t", largest)
        assert two.listener.wait_for(1) == [largest]
        with pytest.raises(ValueError, match="over"):
            one.pubsub.broadcast("t", largest + "x")

    def test_direct_broadcast_reaches_one(self, machine):
        one, two, three = machine("one"), machine("two"), machine("three")
        assert one.pubsub.direct_broadcast("two-1", "t", "x")
        one.pubsub.broadcast("t", "y")
        assert two.listener.wait_for(2) == ["x", "y"]
        assert three.listener.wait_for(1) == ["y"]
        thread = threading.Thread(target=one.pubsub.direct_broadcast, args=("two-1", "t", "z"))
        thread.start()
        assert two.listener.wait_for(3) == ["x", "y", "z"]
        thread.join(DEADLINE)
        assert not one.pubsub.direct_broadcast("nobody", "t", "x")
        assert not one.pubsub.direct_broadcast("one-2", "t", "x")

    def test_requests_and_notices(self, machine):
        one, two = machine("one"), machine("two")
        told: list[Any] = []
        two.redis.serve("double", lambda worker, body, reply: reply([worker, body * 2]))
        two.redis.serve("note", lambda worker, body, reply: told.append((worker, body, reply)))
        one.redis.request("two-1", "double", 21, DEADLINE, told.append)
        eventually(lambda: told == [["one-1", 42]])
        assert one.redis.takes_notices("two-1")
        assert one.redis.notify("two-1", "note", "n")
        eventually(lambda: told[1:] == [("one-1", "n", None)])
        one.redis.request("two-1", "nobody serves this", 1, DEADLINE, told.append)
        eventually(lambda: told[2:] == [None])
        assert one.redis.unsent("two-1") == 0

    def test_answer_that_there_is_no_room_for_is_refused_and_a_small_one_passes(
        self, machine, monkeypatch
    ):
        one, two = machine("one"), machine("two")
        monkeypatch.setattr(outbox, "MAX_WAITING", 100_000)
        replies: list[Any] = []
        answers: list[Any] = []
        two.redis.serve("large", lambda worker, body, reply: replies.append(reply))
        for _ in range(3):
            one.redis.request("two-1", "large", 1, DEADLINE, answers.append)
        eventually(lambda: len(replies) == 3)
        assert [reply("x" * 60_000) for reply in replies] == [True, False, False]
        assert [reply("refused") for reply in replies[1:]] == [True, True]
        eventually(lambda: answers == ["x" * 60_000, "refused", "refused"])

    def test_who_asks_a_worker_that_has_gone_is_told_at_once(self, machine, server):
        one, two = machine("one"), machine("two")
        gone, answers = [], []
        one.redis.gone(gone.append)
        two.redis.serve("silent", lambda worker, body, reply: None)
        one.redis.request("two-1", "silent", 1, DEADLINE, answers.append)
        eventually(lambda: one.redis.unsent("two-1") == 0)
        two.close()
        eventually(lambda: len(server.clients()) == 2)
        one.redis.notify("two-1", "note", "n")
        eventually(lambda: (gone, answers) == (["two-1"], [None]))

    def test_request_that_is_not_answered_is_over_in_time(self, machine):
        one, two = machine("one"), machine("two")
        answers: list[Any] = []
        two.redis.serve("silent", lambda worker, body, reply: None)
        one.redis.request("two-1", "silent", 1, 0.05, answers.append)
        eventually(lambda: answers == [None])

    @pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
    def test_largest_notice(self, machine, extra, taken):
        one, two = machine("one"), machine("two")
        got: list[Any] = []
        two.redis.serve("k", lambda worker, body, reply: got.append(body))
        beside = len(frames.to_one(frames.head("one"), ["notify", "one-1", "k", b""])) + 3
        room = frames.MAX_MESSAGE - beside  # 3: a longer length
        body = b"x" * (room + extra)
        assert one.redis.notify("two-1", "k", body) is taken
        assert one.redis.longest("two-1") == MAX_FRAME
        if taken:
            eventually(lambda: got == [body])

    def test_what_is_not_ours_is_dropped_and_counted(self, machine, server, events, caplog):
        one, two = machine("one"), machine("two")
        for data in (b"", b"hello", b"roost.redis.1 x \x90", b"roost.redis.9 x", b"\xff" * 100_000):
            server.ask("PUBLISH", "roost:b", data)
            server.ask("PUBLISH", "roost:w:two-1", data)
        one.pubsub.broadcast("t", "after")
        assert two.listener.wait_for(1) == ["after"]

        def count(name: str) -> int:
            return sum(1 for event, *_ in events if event == f"pubsub.{name}")

        eventually(lambda: (count("malformed"), count("unknown")) == (4 * 2 + 4, 2 + 1))
        assert sum("dropped what came by Redis" in each for each in caplog.messages) <= 4
        assert max(map(len, caplog.messages)) < 300

    def test_a_parcel_that_is_none_is_no_crash(self, machine, server, events, caplog):
        two = machine("two")
        head = frames.head("one")
        for number in range(1, 51):
            body = ["broadcast", "one-1", number, "plain", "t", b"\xc1"]
            server.ask("PUBLISH", "roost:b", frames.written(head, body))
        eventually(lambda: events.count(("pubsub.malformed", 1, "redis")) == 50)
        assert two.redis.up
        assert len(caplog.records) <= 3
        assert "Traceback" not in caplog.text

    def test_a_flood_of_what_is_not_for_us_leaves_others_their_turns(self, machine, server, events):
        two = machine("two")
        turns = []

        def take_turns() -> None:
            while True:
                turns.append(len(events))
                gevent.sleep(0)

        taking = gevent.spawn(take_turns)
        with stdlib_redis.Redis(unix_socket_path=str(server.path)) as client:
            pipeline = client.pipeline(transaction=False)
            for data in [b"garbage", two.redis._head + b"ours"] * 5000:
                pipeline.publish("roost:b", data)
            pipeline.execute()
        eventually(lambda: events.count(("pubsub.malformed", 1, "redis")) == 5000)
        taking.kill()
        between = [after - before for before, after in pairwise(turns)]
        assert max(between) <= 4096  # the most of a step; it is over by time before that

    def test_crash_of_a_handler_is_not_the_links(self, machine, caplog):
        one, two = machine("one"), machine("two")
        two.redis.serve("bad", lambda worker, body, reply: 1 / 0)
        one.redis.notify("two-1", "bad", 1)
        one.pubsub.broadcast("t", "after")
        assert two.listener.wait_for(1) == ["after"]
        assert two.redis.up


class TestNumbers:
    def test_double_is_dropped_and_a_gap_told(self, machine, events):
        one, two = machine("one"), machine("two")
        for number in (1, 1, 4, 3, 5):
            one.redis.publish(number, "t", "plain", pack(number))
        assert two.listener.wait_for(3) == [1, 4, 5]
        assert ("pubsub.gap", 2, "one-1") in events

    def test_gaps_of_many_cost_few_lines(self, machine, server, events, caplog):
        machine("two")
        for publisher in range(100):
            for number in (1, 3):
                body = ["position", f"one-{publisher}", number]
                server.ask("PUBLISH", "roost:b", frames.written(frames.head("one"), body))
        eventually(lambda: gaps(events) == 200)
        assert len(caplog.records) <= 4

    @pytest.mark.parametrize("what", ["broadcast", "position"])
    @pytest.mark.parametrize("busy", [True, False])
    def test_number_that_was_not_the_publishers_mutes_it_for_a_moment_alone(
        self, machine, server, events, monkeypatch, caplog, what, busy
    ):
        monkeypatch.setattr(adapters, "DOUBT", 0.1)
        monkeypatch.setattr(fronts, "SAY_LAST", 1000.0 if busy else 0.15)
        one, two = machine("one"), machine("two")
        one.pubsub.broadcast("t", "before")
        assert two.listener.wait_for(1) == ["before"]
        rest = ["plain", "another", pack("x")] if what == "broadcast" else []
        forged = [what, "one-1", 100_000, *rest]
        server.ask("PUBLISH", "roost:b", frames.written(frames.head("nobody"), forged))
        eventually(lambda: gaps(events) >= 99_998)
        one.pubsub.broadcast("t", "muted")
        eventually(lambda: ("pubsub.renumbered", 1, "one-1") in events)
        one.pubsub.broadcast("t", "after")
        assert two.listener.wait_for(2) == ["before", "after"]
        assert events.count(("pubsub.renumbered", 1, "one-1")) == 1
        assert "somebody else has spoken for one-1" in caplog.text

    def test_loss_of_the_last_one_shows_too(self, machine, events, monkeypatch):
        monkeypatch.setattr(fronts, "SAY_LAST", 0.05)
        one, two = machine("one"), machine("two")
        one.pubsub.broadcast("t", "first")
        assert two.listener.wait_for(1) == ["first"]
        one.pubsub._published += 1  # as if it had been lost on its way
        one.pubsub.broadcast("another", "last")
        eventually(lambda: gaps(events) == 1)

    def test_who_subscribes_anew_learns_what_it_has_missed(self, machine, server, events):
        one, two = machine("one"), machine("two")
        one.pubsub.broadcast("t", 1)
        assert two.listener.wait_for(1) == [1]
        server.ask("CLIENT", "KILL", "TYPE", "pubsub")
        one.pubsub.broadcast("t", 2)
        eventually(lambda: two.heard == [1, 2] or gaps(events) == 1)
        one.pubsub.broadcast("t", 3)
        eventually(lambda: two.heard[-1] == 3)
        assert len(two.heard) + gaps(events) == 3


class TestOutages:
    def test_client_kill_is_over_in_a_second(self, machine, server, events):
        one, two = machine("one"), machine("two")
        for _ in range(3):
            began = time.monotonic()
            for each in server.clients():
                server.ask("CLIENT", "KILL", "ID", each["id"])
            eventually(lambda: not (one.redis.up and two.redis.up))
            eventually(lambda: one.redis.up and two.redis.up)
            assert time.monotonic() - began < 1.0
        assert ("pubsub.link", 0, "redis") in events

    def test_restart_is_noticed_and_local_delivery_goes_on(self, machine, server, caplog):
        caplog.set_level(logging.INFO, "roost.pubsub")
        one, two = machine("one"), machine("two")
        server.kill()
        eventually(lambda: not one.redis.up and not two.redis.up)
        one.pubsub.broadcast("t", "local")
        assert one.listener.wait_for(1) == ["local"]
        assert not one.redis.reaches("two-1")
        assert not one.redis.notify("two-1", "k", 1)
        assert not one.redis.request("two-1", "k", 1, DEADLINE, pytest.fail)
        assert one.redis.may_return("two-1")
        assert not one.redis.may_return("one-2")
        assert not one.redis.may_return("nobody")
        server.start()
        eventually(lambda: one.redis.up and two.redis.up)
        one.pubsub.broadcast("t", "after")
        eventually(lambda: two.heard[-1:] == ["after"])
        eventually(lambda: sum("linked again after" in each for each in caplog.messages) == 2)

    def test_who_waits_for_an_answer_is_told_when_the_link_breaks(self, machine, server):
        one, two = machine("one"), machine("two")
        two.redis.serve("silent", lambda worker, body, reply: None)
        answers, gone = [], []
        one.redis.gone(gone.append)
        one.redis.request("two-1", "silent", 1, DEADLINE, answers.append)
        eventually(lambda: one.redis.unsent("two-1") == 0)
        server.kill()
        eventually(lambda: (answers, gone) == ([None], ["two-1"]))

    def test_broadcasts_of_a_moment_are_kept_and_older_ones_told(self, machine, server, events):
        one, two = machine("one"), machine("two")
        one.pubsub.broadcast("t", 0)
        assert two.listener.wait_for(1) == [0]
        server.kill()
        eventually(lambda: not one.redis.up and not two.redis.up)
        for number in range(1, 6):
            one.pubsub.broadcast("t", [number, "x" * (outbox.KEEP_BYTES // 2)])
        assert [event for event, *_ in events].count("pubsub.dropped") >= 3
        server.start()
        eventually(lambda: one.redis.up and two.redis.up)
        one.pubsub.broadcast("t", "after")
        eventually(lambda: two.heard[-1:] == ["after"])
        numbers = [each[0] for each in two.heard[1:-1]]
        assert numbers == sorted(set(numbers))
        assert len(numbers) + gaps(events) == 5

    def test_stopped_server_is_noticed_and_nothing_waits_for_it(self, machine, server, monkeypatch):
        one, two = machine("one"), machine("two")
        monkeypatch.setattr("actors.pubsub.redis.link.SILENCE", 0.2)
        monkeypatch.setattr("actors.pubsub.redis.link.CHECK", 0.2)
        for each in (one, two):  # with the deadlines of this test
            each.redis._link._runner.kill()
            each.redis._link._down()
            each.redis._link = None
            each.redis.start()
            assert each.redis.wait_linked(DEADLINE)
        server.stop()
        one.pubsub.broadcast("t", "x")
        assert one.listener.wait_for(1) == ["x"]
        eventually(lambda: not one.redis.up)
        assert "no answer within" in one.redis.cause
        server.go_on()
        eventually(lambda: one.redis.up and two.redis.up)
        one.pubsub.broadcast("t", "after")
        eventually(lambda: two.heard[-1:] == ["after"])

    def test_pause_that_is_shorter_than_the_deadline_loses_nothing(self, machine, server, events):
        one, two = machine("one"), machine("two")
        server.stop()
        for number in range(1000):
            one.pubsub.broadcast("t", number)
        gevent.sleep(0.3)
        server.go_on()
        assert two.listener.wait_for(1000) == list(range(1000))
        assert events == [("pubsub.link", 1, "redis")] * 2

    def test_queue_has_a_bound_while_redis_does_not_take_it(
        self, machine, server, events, monkeypatch
    ):
        one, two = machine("one"), machine("two")
        monkeypatch.setattr(outbox, "MAX_WAITING", 3000)
        server.stop()
        for number in range(5):
            one.pubsub.broadcast("t", [number, "x" * 1000])
        server.go_on()
        one.redis._link.flush(DEADLINE)
        one.pubsub.broadcast("t", "after")
        eventually(lambda: two.heard[-1:] == ["after"])
        assert [each[0] for each in two.heard[:-1]] == [0, 1]
        assert gaps(events) == 3
        assert events.count(("pubsub.dropped", 1, "redis")) == 3

    def test_twenty_flaps_cost_a_line_a_second(self, machine, server, caplog):
        one, two = machine("one"), machine("two")
        began = time.monotonic()
        for _ in range(20):
            server.ask("CLIENT", "KILL", "TYPE", "pubsub")
            gevent.sleep(0.02)
        eventually(lambda: one.redis.up and two.redis.up)
        seconds = time.monotonic() - began
        lines = [each for each in caplog.records if each.name == "roost.pubsub"]
        assert len(lines) <= 2 * 2 * (seconds + 2)
        one.pubsub.broadcast("t", "after")
        eventually(lambda: two.heard[-1:] == ["after"])

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["kill", "stop", "restart"])
    def test_lists_have_no_doubles_and_every_hole_is_told(self, machine, server, events, how):
        one, two, three = machine("one"), machine("two"), machine("three")
        stopping = gevent.event.Event()

        def publish() -> int:
            number = 0
            while not stopping.is_set():
                for _ in range(10):
                    one.pubsub.broadcast("t", number)
                    number += 1
                gevent.sleep(0.01)
            return number

        publisher = gevent.spawn(publish)
        for _ in range(3):
            gevent.sleep(0.3)
            if how == "stop":
                server.stop()
                gevent.sleep(0.5)
                server.go_on()
            elif how == "kill":
                for each in server.clients():
                    server.ask("CLIENT", "KILL", "ID", each["id"])
            else:
                server.kill()
                gevent.sleep(0.5)
                server.start()
            eventually(lambda: one.redis.up and two.redis.up and three.redis.up)
        gevent.sleep(0.3)
        stopping.set()
        count = publisher.get(timeout=DEADLINE)
        one.pubsub.broadcast("t", "end")
        for each in (two, three):
            eventually(lambda each=each: each.heard[-1:] == ["end"])
            numbers = each.heard[:-1]
            assert numbers == sorted(set(numbers))
        told = gaps(events)
        assert told == 2 * count - len(two.heard[:-1]) - len(three.heard[:-1])
        assert len(one.heard) == count + 1


class TestRefusals:
    @pytest.mark.parametrize(("rules", "cause"), [
        ("+@all ~* resetchannels", "NOPERM"),
        ("+@all ~* resetchannels &roost:b", "NOPERM"),
        ("+@all -publish ~* allchannels", "NOPERM"),
        ("+@all -subscribe ~* allchannels", "NOPERM"),
    ])  # fmt: skip
    def test_user_who_may_not_names_the_cause(self, machine, server, caplog, rules, cause):
        server.ask("ACL", "SETUSER", "me", "reset", "on", ">s3cret", *rules.split())
        url = f"unix://me:s3cret@{server.path}"
        one = machine("one", url, linked=False)
        eventually(lambda: cause in one.redis.cause)
        assert not one.redis.up
        one.pubsub.broadcast("t", "local")
        assert one.listener.wait_for(1) == ["local"]
        eventually(lambda: any(cause in each for each in caplog.messages))
        assert "s3cret" not in caplog.text
        server.ask("ACL", "SETUSER", "me", "+@all", "allchannels", "allkeys")
        assert one.redis.wait_linked(DEADLINE)

    def test_user_with_the_least_rights(self, machine, server):
        server.ask(
            "ACL", "SETUSER", "me", "reset", "on", ">pw", "&roost:*",
            "+publish", "+subscribe", "+ping", "+hello", "+client|setname", "+select",
        )  # fmt: skip
        one, two = machine("one", f"unix://me:pw@{server.path}?db=1"), machine("two")
        one.pubsub.broadcast("t", "x")
        assert two.listener.wait_for(1) == ["x"]

    def test_wrong_password_and_a_server_that_wants_one(self, machine, server):
        server.ask("CONFIG", "SET", "requirepass", "right")
        one = machine("one", linked=False)
        two = machine("two", f"unix://:wrong@{server.path}", linked=False)
        three = machine("three", f"unix://:right@{server.path}")
        eventually(lambda: "NOAUTH" in one.redis.cause)
        eventually(lambda: "WRONGPASS" in two.redis.cause)
        assert three.redis.up

    def test_replica_is_refused_and_a_master_that_becomes_one_is_left(
        self, machine, server, monkeypatch
    ):
        monkeypatch.setattr("actors.pubsub.redis.link.CHECK", 0.05)
        with RedisServer(name="m") as other:
            one = machine("one")
            server.ask("REPLICAOF", "127.0.0.1", "1")
            eventually(lambda: "read-only replica" in one.redis.cause)
            assert not one.redis.up
            server.ask("REPLICAOF", "NO", "ONE")
            assert one.redis.wait_linked(DEADLINE)
            assert other.process is not None

    def test_server_out_of_memory_still_carries(self, machine, server):
        one, two = machine("one"), machine("two")
        server.ask("CONFIG", "SET", "maxmemory", "1")
        one.pubsub.broadcast("t", "x")
        assert two.listener.wait_for(1) == ["x"]
        assert one.redis.up

    @pytest.mark.parametrize("database", [0, 3])
    def test_databases(self, machine, server, database):
        assert machine("one", f"{server.url}?db={database}").redis.up
        other = machine("two", f"{server.url}?db=99", linked=False)
        eventually(lambda: "DB index" in other.redis.cause)


class TestInATree:
    def start(self, redis: Redis, pubsub: PubSub) -> Any:
        return Supervisor.start([ChildSpec(id="redis", start=Linked.start, args=(pubsub, redis))])

    def test_it_is_attached_while_it_lives(self, server):
        pubsub = PubSub()
        redis = Redis(RedisOptions(url=server.url), pubsub, "one-1")
        ref = self.start(redis, pubsub)
        assert (pubsub.adapters, pubsub.worker, redis.up) == ((redis,), "one-1", True)
        ref.exit()
        assert ref.wait(DEADLINE)
        assert (pubsub.adapters, redis.up) == ((), False)
        eventually(lambda: server.clients() == [])

    def test_what_was_said_last_still_goes_out(self, server, machine):
        two, pubsub = machine("two"), PubSub()
        ref = self.start(Redis(RedisOptions(url=server.url), pubsub, "one-1"), pubsub)
        for number in range(500):
            pubsub.broadcast("t", number)
        ref.exit()
        assert ref.wait(DEADLINE)
        assert two.listener.wait_for(500) == list(range(500))

    def test_a_kill_hangs_up(self, server):
        pubsub = PubSub()
        ref = Linked.start(pubsub, Redis(RedisOptions(url=server.url), pubsub, "one-1"))
        ref.kill()
        assert ref.wait(DEADLINE)
        eventually(lambda: server.clients() == [])

    def test_it_starts_without_redis_and_says_so(self, server, monkeypatch, caplog):
        monkeypatch.setattr(adapters, "BOOT", 0.1)
        server.kill()
        pubsub = PubSub()
        redis = Redis(RedisOptions(url=server.url), pubsub, "one-1")
        ref = self.start(redis, pubsub)
        errors = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
        (line,) = errors
        assert line.startswith(f"unix://{server.path} cannot be reached: ")
        assert line.endswith("; serving without other machines")
        assert "not tried" not in line
        server.start()
        assert redis.wait_linked(DEADLINE)
        ref.exit()
        assert ref.wait(DEADLINE)

    def test_a_worker_that_joins_a_machine_which_serves_waits_less_and_starts_anyway(
        self, server, monkeypatch, caplog
    ):
        monkeypatch.setattr(adapters, "BOOT", 1000.0)
        monkeypatch.setattr(adapters, "BOOT_LATER", 0.05)
        server.kill()
        pubsub = PubSub()
        redis = Redis(RedisOptions(url=server.url, required=True), pubsub, "one-1")
        spec = ChildSpec(id="redis", start=Linked.start, args=(pubsub, redis, True))
        ref = Supervisor.start([spec])
        assert "serving without other machines" in caplog.text
        ref.exit()
        assert ref.wait(DEADLINE)

    def test_it_does_not_start_without_one_that_is_required(self, server, monkeypatch):
        monkeypatch.setattr(adapters, "BOOT", 0.1)
        server.kill()
        redis = Redis(RedisOptions(url=server.url, required=True), PubSub(), "one-1")
        with pytest.raises(Exception, match="cannot be reached") as told:
            self.start(redis, redis._pubsub)
        assert isinstance(told.value, ConfigError) or "ConfigError" in str(told.value)
        assert not redis.up
        assert redis._link is None  # it is not tried any more
        assert redis._pubsub.adapters == ()
