"""Whom a line is about: who logs on a carrier, and nobody else."""

from __future__ import annotations

import json
import logging
import threading

import gevent
import pytest
from gevent.event import Event

from actors import Actor, Channel, ChannelSocket, Ok, Socket
from actors.capped_log import CappedLog
from actors.errors import ConfigError
from actors.logs import guard
from actors.logs.context import ContextFilter
from actors.logs.formatter import CONTEXT, FIELDS, SECRETS, JSONFormatter
from actors.runtime.carrier import Carrier, Job
from actors.runtime.dispatcher import get_dispatcher
from tests.support.command import DEADLINE

logger = logging.getLogger("an.application")


class Kept(logging.Handler):
    """Keeps what the filter added to each record, by its message."""

    def __init__(self):
        super().__init__()
        self.addFilter(ContextFilter())
        self.about = {}

    def handle(self, record):
        if self.filter(record):
            self.emit(record)

    def emit(self, record):
        self.about[record.getMessage()] = record


@pytest.fixture
def kept():
    made = Kept()
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(made)
    yield made
    logger.removeHandler(made)
    logger.setLevel(before)


class Speaker(Actor):
    def on_receive(self, message):
        logger.info("at once")
        gevent.sleep(0)
        logger.info("resumed")
        done = [gevent.spawn(logger.info, "spawned"), gevent.spawn(gevent.sleep, 0)]
        gevent.joinall(done)
        thread = threading.Thread(target=logger.info, args=("thread",))
        thread.start()
        thread.join()
        return message

    def log_context(self):
        return {"user": 1, "message": "forged", "token": "SECRET-1"}


class Turn(Job):
    """A job about a connection, as a socket's turn is."""

    def log_context(self):
        return {"connection": "c", "mount": "/m"}

    def log_secrets(self):
        return ({"password": "SECRET-2"}, {"user": "public"})


def run(function):
    done = Event()
    get_dispatcher().schedule(Turn(lambda: (function(), done.set())))
    assert done.wait(DEADLINE)


def test_line_of_a_turn_is_about_its_actor_also_when_it_was_resumed(kept):
    Speaker.start().ask(1, timeout=DEADLINE)
    for said in ("at once", "resumed"):
        record = kept.about[said]
        context = getattr(record, CONTEXT)
        assert context["callback"].startswith("Speaker.on_receive at tests/actors/logs/")
        assert getattr(record, FIELDS)["user"] == 1


def test_lines_of_spawned_greenlets_and_foreign_threads_are_about_nobody(kept):
    Speaker.start().ask(1, timeout=DEADLINE)
    logger.info("outside")
    for said in ("spawned", "thread", "outside"):
        assert not hasattr(kept.about[said], CONTEXT)


class Failing(Actor):
    def on_receive(self, message):
        logger.info("said")
        return message

    def log_context(self):
        logger.info("asked")
        raise ValueError("no context")


def test_context_that_raises_or_logs_loses_no_line(kept, monkeypatch, caplog):
    monkeypatch.setattr(guard, "_told", set())
    ref = Failing.start()
    for number in range(3):
        assert ref.ask(number, timeout=DEADLINE) == number
    assert kept.about.keys() == {"said", "asked"}
    assert not hasattr(kept.about["asked"], CONTEXT)
    told = [each.getMessage() for each in caplog.records if "failed" in each.getMessage()]
    assert len(told) == 1
    assert "a log context of Cell failed" in told[0] or "a log context of Mailbox" in told[0]


def test_error_says_the_callback_that_it_came_out_of(kept):
    def raising():
        raise KeyError("x")

    class Catching(Actor):
        def on_receive(self, message):
            try:
                raising()
            except KeyError:
                logger.exception("caught")
            return message

    Catching.start().ask(1, timeout=DEADLINE)
    assert "Catching.on_receive at" in getattr(kept.about["caught"], CONTEXT)["callback"]


def test_line_has_the_fields_of_what_runs_and_hides_its_secrets(kept):
    run(lambda: logger.info("said", extra={CONTEXT: {"connection": "mine"}}))
    record = kept.about["said"]
    assert getattr(record, CONTEXT)["connection"] == "mine"  # what a record says counts first
    assert getattr(record, CONTEXT)["mount"] == "/m"
    assert getattr(record, SECRETS) == {"SECRET-2"}


def test_what_was_held_back_is_told_without_the_secrets_of_the_turn_that_it_was_held_in(kept):
    lines = CappedLog(logger, period=60.0)
    for number in range(3):
        run(lambda number=number: lines.log(logging.INFO, "kind", "%d: SECRET-2", number))
    lines.tell_all()
    [told] = [record for said, record in kept.about.items() if "held back" in said]
    assert JSONFormatter().format(told).count("SECRET-2") == 0
    assert json.loads(JSONFormatter().format(told))["message"] == (
        "1: [FILTERED] (2 lines like this were held back)"
    )


def test_line_of_an_earlier_turn_is_about_nobody_in_this_one(kept):
    lines = CappedLog(logger, period=60.0)
    for _ in range(2):
        lines.log(logging.INFO, "kind", "said")
    run(lines.tell_all)
    [told] = [record for said, record in kept.about.items() if "held back" in said]
    assert not hasattr(told, CONTEXT)


def test_fields_of_a_record_count_before_those_of_the_actor(kept):
    class Saying(Actor):
        def on_receive(self, message):
            logger.info("said", extra={"user": 2, FIELDS: {"name": "mine"}})
            return message

        def log_context(self):
            return {"user": 1, "name": "other", "args": 5}

    Saying.start().ask(1, timeout=DEADLINE)
    line = json.loads(JSONFormatter().format(kept.about["said"]))
    assert (line["user"], line["name"], line["args"]) == (2, "mine", 5)


def test_carrier_between_turns_logs_for_nobody(kept):
    class Idle(Carrier):
        pass

    Idle(lambda: logger.info("idle"), gevent.getcurrent(), lambda: None).switch()
    assert not hasattr(kept.about["idle"], CONTEXT)


def test_names_of_the_context_are_reserved_or_callbacks():
    for base in (Socket, Channel):
        with pytest.raises(ConfigError, match="on_log_context"):
            type("Wrong", (base,), {"on_log_context": lambda self: {}})
        with pytest.raises(ConfigError, match="log_context"):
            type("Wrong", (base,), {"log_context": lambda self, more: {}})

    class Fine(ChannelSocket):
        def log_context(self):
            return {"user": self.assigns}

        @classmethod
        def connect(cls, info):
            return Ok()

    assert Fine.log_context is not ChannelSocket.log_context
