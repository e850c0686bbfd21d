"""Events as log lines, at their level and with their cap; and the access log."""

from __future__ import annotations

import json
import logging

import pytest

from actors import telemetry
from actors.errors import ProtocolError
from actors.events import CATALOGUE
from actors.logs import told
from actors.logs.formatter import JSONFormatter
from actors.reasons import NORMAL, Crash, Failure, Shutdown
from transports.http.request import Request

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def attached():
    """What is attached to no event before and after."""
    before = dict(telemetry.attached)
    telemetry.attached.clear()
    yield telemetry.attached
    telemetry.attached.clear()
    telemetry.attached.update(before)


def lines(caplog):
    return [json.loads(JSONFormatter().format(record)) for record in caplog.records]


def is_due(event, master):
    return not event.told and event.master is master


@pytest.mark.parametrize("master", [False, True])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING])
def test_events_are_attached_whose_lines_would_be_written(attached, caplog, level, master):
    caplog.set_level(level, "roost")
    told.tell_events(master=master)
    wanted = {e.name for e in CATALOGUE.values() if is_due(e, master) and e.level >= level}
    assert attached.keys() == wanted
    assert any(event.level == logging.DEBUG for event in CATALOGUE.values())


def test_events_are_told_once_by_the_levels_of_the_last_call(attached, caplog):
    for level in ("WARNING", "INFO", "INFO"):
        caplog.set_level(level, "roost")
        told.tell_events(master=True)
    telemetry.execute("worker.ready", {"boot": 0.5}, {"slot": 1, "name": "w-1", "pid": 7})
    assert [record.levelname for record in caplog.records] == ["INFO"]
    caplog.set_level(logging.ERROR, "roost")
    told.tell_events(master=True)
    assert not attached


@pytest.mark.parametrize("name", [e.name for e in CATALOGUE.values() if not e.told])
def test_event_is_a_line_at_its_level(attached, caplog, name):
    event = CATALOGUE[name]
    caplog.set_level(logging.DEBUG, "roost")
    told.tell_events(master=event.master)
    measurements = dict.fromkeys(event.measurements, 0.5)
    telemetry.execute(name, measurements, {**dict.fromkeys(event.metadata, "x y"), "token": "S1"})
    (record,) = caplog.records
    assert record.levelno == event.level
    assert record.name.startswith("roost.")
    (line,) = lines(caplog)
    assert line["event"] == name
    assert line["message"].startswith(name)
    assert line["token"] == "[FILTERED]"
    for measured in event.measurements:
        assert f"{measured}=0.5" in line["message"]
    for key in event.metadata:
        assert "x y" in {line.get(told._CONTEXT.get(key, key)), line.get(f"extra_{key}")}


@pytest.mark.usefixtures("attached")
def test_line_of_an_event_is_written_so_often_and_the_others_are_counted(caplog):
    event = CATALOGUE["pubsub.dropped"]
    clock = [0.0]
    handler = told.EventLine(event, logging.getLogger("roost.pubsub"))
    handler._lines._clock = lambda: clock[0]
    telemetry.attach(event.name, handler)
    for _ in range(event.burst + 37):
        telemetry.execute(event.name, {"count": 1}, {"peer": "w2"})
    clock[0] = event.period
    telemetry.execute(event.name, {"count": 1}, {"peer": "w2"})
    assert [record.getMessage() for record in caplog.records] == [
        *["pubsub.dropped count=1 peer=w2"] * event.burst,
        "pubsub.dropped count=1 peer=w2 (37 lines like this were held back)",
    ]


class Rude:
    def __repr__(self):
        raise RuntimeError

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (NORMAL, "Normal"),
        (Shutdown("restart"), "Shutdown: restart"),
        (Failure(ProtocolError("a frame of 5 bytes")), "Failure: a frame of 5 bytes"),
        (Failure(ValueError("x")), "Failure"),
        (Crash(KeyError("a")), "Crash: KeyError"),
        (ValueError("token=S"), "ValueError: token=[FILTERED]"),
        (Rude, "Rude"),
        (Rude(), "Rude"),
        (("a", Rude()), "a, Rude"),
        (None, None),
        (True, True),
        (1.5, 1.5),
    ],
    ids=lambda _: "",
)
def test_metadata_is_shown_without_asking_an_object(value, shown):
    assert told.shown(value) == shown


# -- the access log


def request(*headers):
    return Request("GET", "/page?token=S", "/page", "token=S", headers)


ABOUT = {
    "route": "/page", "method": "GET", "path": "/page", "status": 200, "peer": "192.0.2.1",
}  # fmt: skip


@pytest.fixture
def accessed(attached, caplog):
    caplog.set_level(logging.INFO, "roost.access")
    told.tell_requests()
    assert attached.keys() == {"http.request", "connection.closed"}
    return caplog


def tell(about, duration=0.0123456):
    telemetry.execute("http.request", {"duration": duration, "bytes": 12}, about)


def test_request_is_a_line(accessed):
    agent = ("user-agent", "curl/8\x1b[2J\u2028" + "x" * 500)
    parent = ("traceparent", f"00-{TRACE}-{SPAN}-01")
    tell({**ABOUT, "request": request(agent, parent)})
    (line,) = lines(accessed)
    assert line["message"].startswith(
        r'192.0.2.1 "GET /page" 200 12 bytes 0.012 s "curl/8\x1b[2J\u2028xxx'
    )
    assert (line["client"], line["method"], line["path"]) == ("192.0.2.1", "GET", "/page")
    assert (line["route"], line["status"], line["bytes"]) == ("/page", 200, 12)
    assert line["duration"] == 0.012346
    assert line["user_agent"].startswith(r"curl/8\x1b[2J\u2028x")
    assert len(line["user_agent"]) < 220
    assert (line["trace_id"], line["span_id"]) == (TRACE, SPAN)
    assert (line["logger"], line["level"]) == ("roost.access", "info")


@pytest.mark.parametrize(
    "headers", [(), (("traceparent", "malformed"),), (("traceparent", ""), ("traceparent", ""))]
)
def test_what_a_request_does_not_say_is_left_out(accessed, headers):
    tell({**ABOUT, "request": request(*headers)})
    (line,) = lines(accessed)
    assert line["user_agent"] is None
    assert "trace_id" not in line


def test_what_was_no_request_has_dashes(accessed):
    tell(dict.fromkeys([*ABOUT, "request"]) | {"status": 400, "peer": "192.0.2.1"})
    (line,) = lines(accessed)
    assert line["message"] == '192.0.2.1 "- -" 400 12 bytes 0.012 s "-"'


def test_upgrade_is_no_line_and_the_connection_is_one_at_its_end(accessed):
    tell({**ABOUT, "status": 101, "request": request()})
    assert lines(accessed) == []
    about = {
        "id": "urn:roost:5f0:7", "mount": "/chat/websocket", "transport": "websocket",
        "reason": Shutdown("restart"), "code": 1012, "by": "server", "peer": "192.0.2.1",
    }  # fmt: skip
    telemetry.execute("connection.closed", {"duration": 61.0049, "bytes_in": 7}, about)
    (line,) = lines(accessed)
    assert line["message"] == (
        "192.0.2.1 websocket /chat/websocket closed 1012 by the server (Shutdown: restart)"
        " after 61.005 s, bytes_in 7"
    )
    assert (line["connection"], line["mount"]) == ("urn:roost:5f0:7", "/chat/websocket")
    assert (line["transport"], line["code"], line["bytes_in"]) == ("websocket", 1012, 7)
    assert (line["reason"], line["by"], line["duration"]) == (
        "Shutdown: restart",
        "server",
        61.0049,
    )


def test_access_log_that_nobody_sees_is_not_made(attached, caplog):
    caplog.set_level(logging.WARNING, "roost.access")
    told.tell_requests()
    assert attached == {}
