"""The log of real processes: lines of JSON, whom they are about, and no secret in any of them."""

from __future__ import annotations

import json
import os
import re
import resource
import signal

import pytest

from supervision.processes.writer import MAX_WAITING
from tests.support.channels import ChannelClient
from tests.support.command import Command, Program
from tests.support.longpoll import Poller
from tests.support.raw import TEXT, Client, close_frame, frame
from tests.support.waiting import eventually

APP = "tests.actors.endpoint.log_app:endpoint"
SECRET = "SENTINEL-4f1d0c"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"traceparent: 00-{TRACE}-{SPAN}-01"
QUERY = f"who=me&api_key={SECRET}"
HEADERS = (
    f"authorization: Bearer {SECRET}",
    f"cookie: theme=dark; id={SECRET}",
    f"x-api-key: {SECRET}",
)


class Served(Command):
    """A server whose log is read; it serves when the log says so."""

    def objects(self):
        """Return the lines of standard error, each of which must be an object."""
        return [json.loads(line) for line in self.lines]

    def about(self, message):
        """Wait for a line that says ``message``, and return it."""
        escaped = re.escape(json.dumps(message)[1:-1])
        self.wait_for(f'"message":"{escaped}')
        found = [line for line in self.objects() if line["message"].startswith(message)]
        return found[-1]


@pytest.fixture(scope="module", params=[0, 2], ids=["one process", "workers"])
def served(request):
    options = ("--log-format", "json", "--log-level", "info")
    with Served(APP, *options, workers=request.param) as made:
        made.number = request.param
        yield made
        made.signal(signal.SIGTERM)
        assert made.ended() == 0
        assert len(made.objects()) > 5  # to the last line


def say(client, text):
    client.send(frame(TEXT, text))
    return client.frame().payload.decode()


def test_line_of_a_socket_says_whose_it_is(served):
    with Client(served.address) as client:
        client.upgrade(f"/raw/websocket?{QUERY}", TRACEPARENT)
        said = "block" if served.number else "hello"
        assert say(client, said) == f"said {said}"
    line = served.about(f"said\\n{said}")
    assert re.fullmatch(r"urn:roost:[0-9a-f]+:\d+", line["connection"])
    assert line["callback"].startswith("Raw.handle_in at tests/actors/endpoint/log_app.py:")
    assert (line["mount"], line["transport"], line["who"]) == ("/raw/websocket", "websocket", "me")
    assert (line["trace_id"], line["span_id"]) == (TRACE, SPAN)
    assert line["api_key"] == "[FILTERED]"
    assert line["state"] == {"who": "me", "api_key": "[FILTERED]"}
    assert (line["level"], line["logger"]) == ("info", "app")
    assert line["extra_worker"] == "forged"
    assert (line["worker"] is None) == (served.number == 0)
    ending = served.about("ending for")
    assert ending["connection"] == line["connection"]
    assert ending["trace_id"] == TRACE


def test_lines_of_a_request_say_which(served):
    with Client(served.address) as client:
        client.upgrade(f"/raw/websocket?{QUERY}", TRACEPARENT)
    line = served.about("connecting with")
    assert line["request"] == "GET /raw/websocket"
    assert line["trace_id"] == TRACE
    assert "connection" not in line
    begun = served.about("beginning")
    assert begun["connection"].startswith("urn:roost:")
    assert begun["mount"] == "/raw/websocket"
    with Client(served.address) as client:
        assert client.ask(f"/page?{QUERY}", "traceparent: 00-malformed").status == 200
    line = served.about("in a page")
    assert line["request"] == "GET /page"
    assert "trace_id" not in line
    assert line["callback"].startswith("page at")


def test_lines_of_a_channel_say_its_topic(served):
    with ChannelClient(served.address, "/rooms/websocket") as client:
        assert client.join("room:1", {"password": SECRET})[0] == "ok"
        assert client.ask("room:1", "say", {"a": 1})[0] == "ok"
    line = served.about("in a channel")
    assert (line["topic"], line["mount"]) == ("room:1", "/rooms/websocket")
    assert line["connection"].startswith("urn:roost:")
    assert line["callback"].startswith("Room.say at")


def test_lines_over_long_polling_say_the_same(served):
    poller = Poller(served, f"/raw/longpoll?{QUERY}")
    try:
        poller.open()
        poller.post("polled")
    finally:
        poller.close()
    line = served.about("said\\npolled")
    assert (line["mount"], line["transport"]) == ("/raw/longpoll", "longpoll")
    assert line["connection"].startswith("urn:roost:")
    assert poller.token not in "\n".join(served.lines)


def test_what_is_said_elsewhere_is_about_nobody_and_is_json_too(served):
    with Client(served.address) as client:
        client.upgrade("/raw/websocket")
        assert say(client, "elsewhere") == "done"
    for message in ("spawned", "thread"):
        assert "connection" not in served.about(message)
    for message in ("printed", "begun and ended", "ZeroDivisionError: division by zero"):
        line = served.about(message)
        assert (line["logger"], line["level"]) == ("stderr", "warning")


def test_handler_that_raises_is_told_once_and_ends_no_connection(served):
    with Client(served.address) as client:
        client.upgrade("/raw/websocket")
        for number in range(3):
            assert say(client, str(number)) == f"said {number}"
    lines = [line for line in served.objects() if "a log handler of Broken" in line["message"]]
    assert len(lines) == len({line["pid"] for line in lines}) >= 1


def test_stacks_are_json_as_well():
    with Served(APP, "--log-format", "json", workers=1) as served:
        served.signal(signal.SIGUSR1)
        served.about("stacks of process")
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
        assert {line["logger"] for line in served.objects()} > {"stderr"}


# -- secrets


def fail_everywhere(served):
    """Have all that can fail do so with secrets at hand, over both transports."""
    served.wait_for("serving")
    for at in ("connect", "init", "terminate"):
        with Client(served.address) as client:
            client.upgrade(f"/raw/websocket?at={at}&{QUERY}", *HEADERS)
            client.end()
            client.read_to_end()
    for message in ("handle_in", "handle_info", "terminate"):
        with Client(served.address) as client:
            client.upgrade(f"/raw/websocket?at={message}&{QUERY}", *HEADERS)
            client.send(frame(TEXT, message))
            client.read_to_end()
    for at in ("connect", "init"):
        with Client(served.address) as client:
            client.ask(f"/raw/longpoll?at={at}&{QUERY}", *HEADERS)
    for message in ("handle_in", "handle_info", "terminate"):
        poller = Poller(served, f"/raw/longpoll?at={message}&{QUERY}")
        poller.open()
        client = poller.client("post")
        client.send(poller.session.post(message, *HEADERS))
        client.answer()
        poller.close()
    for topic, event in [
        ("room:join", ""), ("room:presence", "say"), ("room:1", "fail"), ("room:2", "name"),
        ("room:3", "later"), ("room:4", "stop"),
    ]:  # fmt: skip
        with ChannelClient(served.address, f"/rooms/websocket?{QUERY}") as client:
            client.join(topic, {"password": SECRET})
            if event:
                client.send(topic, event, {"password": SECRET})
                client.event("phx_reply" if event == "say" else "phx_error")
    for at in ("header", "cookie", "key", "query"):
        with Client(served.address) as client:
            assert client.ask(f"/page?at={at}&{QUERY}", *HEADERS).status == 500


WANTED = (
    "connect", "init", "handle_info", "terminate", "join", "channel handle_info",
    "channel terminate", "page", "name",
)  # fmt: skip


@pytest.mark.parametrize("level", ["debug", "info"])
@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_is_in_any_line(form, level):
    options = ("--log-format", form, "--log-level", level, "--access-log")
    with Served(APP, *options) as served:
        fail_everywhere(served)
        for where in WANTED:
            served.wait_for(f"going to fail in {where}")
        served.wait_for("cannot fetch")
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
        assert [line for line in served.lines if SECRET in line] == []
        assert any("[FILTERED]" in line for line in served.lines)
        if form == "json":
            stacks = [line for line in served.objects() if "stack" in line.get("error", {})]
            assert bool(stacks) == (level == "debug")


# -- events, and the access log


@pytest.mark.parametrize("workers", [0, 1])
def test_access_log_has_a_line_for_each_request_and_connection(workers):
    options = ("--log-format", "json", "--access-log")
    with Served(APP, *options, workers=workers) as served:
        with Client(served.address) as client:
            target = f"/page?{QUERY}"
            assert client.ask(target, "user-agent: curl/8", TRACEPARENT).status == 200
            assert client.ask("/nothing").status == 404
        with Client(served.address) as client:
            client.upgrade(f"/raw/websocket?{QUERY}")
            assert say(client, "hello") == "said hello"
            client.send(close_frame(1000))
            assert client.frame().code == 1000
        poller = Poller(served, f"/raw/longpoll?{QUERY}")
        poller.open()
        poller.post("polled")
        poller.close()
        served.wait_for('"path":"/raw/longpoll"', 2)
        served.wait_for("closed 1000")
        served.signal(signal.SIGTERM)
        assert served.ended() == 0
        lines = [line for line in served.objects() if line["logger"] == "roost.access"]
    requests = [(line["method"], line["path"], line["status"]) for line in lines if "path" in line]
    assert requests == [
        ("GET", "/page", 200), ("GET", "/nothing", 404), ("GET", "/raw/longpoll", 200),
        ("POST", "/raw/longpoll", 200),
    ]  # fmt: skip
    assert (lines[0]["client"], lines[0]["trace_id"]) == ("127.0.0.1", TRACE)
    assert lines[0]["bytes"] > 2
    assert lines[0]["duration"] >= 0
    closed = [line for line in lines if "code" in line]
    assert {(line["transport"], line["mount"]) for line in closed} == {
        ("websocket", "/raw/websocket"), ("longpoll", "/raw/longpoll"),
    }  # fmt: skip
    assert (closed[0]["code"], closed[0]["by"]) == (1000, "client")
    assert closed[0]["client"] == "127.0.0.1"
    said = [line for line in served.objects() if line["message"].startswith("said\\nhello")]
    assert closed[0]["connection"] == said[0]["connection"]
    assert SECRET not in "\n".join(served.lines)
    assert poller.token not in "\n".join(served.lines)


def test_no_request_is_a_line_without_the_option_and_events_are_at_debug():
    with Served(APP, "--log-format", "json", "--log-level", "debug") as served:
        with Client(served.address) as client:
            assert client.ask("/page").status == 200
            served.wait_for('"event":"http.request"')
        assert not [line for line in served.objects() if line["logger"] == "roost.access"]
        (line,) = [line for line in served.objects() if line.get("event") == "http.request"]
        assert (line["level"], line["path"], line["status"]) == ("debug", "/page", 200)


def test_flood_of_requests_loses_lines_and_serves_on(tmp_path):
    """Nobody reads the log: what has no room is counted, and no request waits for it."""
    os.mkfifo(tmp_path / "fifo")
    options = ("--access-log", "--log-file", str(tmp_path / "fifo"), "--log-format", "json")
    with Program(
        *("-m", "actors.endpoint", APP, *options, "--bind", f"unix:{tmp_path}/s", "--workers", "0")
    ) as program:
        eventually((tmp_path / "s").exists, pause=0.01)
        number, size = 0, 200
        request = f"GET /page HTTP/1.1\r\nhost: x\r\nuser-agent: {'u' * size}\r\n\r\n".encode()
        with Client(tmp_path / "s") as client:
            while number < 2 * MAX_WAITING // (100 + size):
                client.send(50 * request)
                for _ in range(50):
                    assert client.answer().status == 200
                number += 50
        with (tmp_path / "fifo").open() as log:
            program.signal(signal.SIGTERM)
            lines = [json.loads(line) for line in log]
        assert program.ended() == 0
    lost = [each["message"] for each in lines if "lines were lost" in each["message"]]
    assert lost
    assert len([each for each in lines if each["logger"] == "roost.access"]) < number


# -- files


def test_file_of_json_is_opened_anew_and_each_line_of_both_is_whole(tmp_path):
    path = tmp_path / "log"
    options = ("--log-format", "json", "--log-file", str(path))
    with Program("-m", "actors.endpoint", APP, *options, "--bind", "127.0.0.1:0",
                 "--workers", "1") as program:  # fmt: skip
        eventually(lambda: path.exists() and "serving" in path.read_text(), pause=0.01)
        path.rename(tmp_path / "old")
        program.signal(signal.SIGUSR1)
        eventually(path.exists, pause=0.01)
        program.signal(signal.SIGTERM)
        assert program.ended() == 0
    old, new = ((tmp_path / name).read_text().splitlines() for name in ("old", "log"))
    assert "serving" in "".join(old)
    assert json.loads(new[-1])["message"] == "ended, exit status 0"
    assert all(isinstance(json.loads(line), dict) for line in old + new)


def test_line_that_a_full_disk_has_cut_is_not_joined_with_the_next(tmp_path):
    """The disk is full where the file may not grow, and has room again where it may."""
    path = tmp_path / "log"
    room, unlimited = 6000, resource.RLIM_INFINITY
    options = ("--log-format", "json", "--log-file", str(path))
    with Program(
        *("-m", "actors.endpoint", APP, *options, "--bind", "127.0.0.1:0", "--workers", "0"),
        prefix=("prlimit", f"--fsize={room}:"),
    ) as program:
        eventually(lambda: path.exists() and "serving" in path.read_text(), pause=0.01)
        address = re.search(r"serving http://([\d.]+):(\d+)", path.read_text())
        with Client((address[1], int(address[2]))) as client:
            client.upgrade("/raw/websocket")
            for number in range(100):
                assert say(client, str(number)) == f"said {number}"
            eventually(lambda: path.stat().st_size == room, pause=0.01)
            resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
            assert say(client, "with room") == "said with room"
            eventually(lambda: "were lost" in path.read_text(), pause=0.01)
        program.signal(signal.SIGTERM)
        assert program.ended() == 0
    whole = [line for line in path.read_text().splitlines() if not _is_cut(line)]
    assert len(path.read_text().splitlines()) - len(whole) == 1
    assert any(
        re.fullmatch(r"\d+ lines were lost", each["message"]) for each in map(json.loads, whole)
    )
    assert any(each["message"] == r"said\nwith room" for each in map(json.loads, whole))


def _is_cut(line):
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def test_what_is_said_before_the_options_are_read_is_text():
    with Program("-m", "actors.endpoint", "--log-format", "xml") as program:
        assert program.ended() == 2
        assert program.lines == [
            "roost: --log-format: 'xml' is no such format (did you mean 'json'?)"
        ] or program.lines[0].startswith("roost: --log-format: 'xml' is no such format")


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["no_such:endpoint"], "cannot import 'no_such'"),
        ([APP, "--pid-file", "no/pid"], "--pid-file 'no/pid': No such file or directory"),
    ],
)
def test_the_reason_of_an_end_with_2_is_an_error_of_ours(arguments, why, workers):
    """Who is called for errors sees it."""
    options = ["--log-format", "json", "--bind", "127.0.0.1:0", "--workers", str(workers)]
    with Program("-m", "actors.endpoint", *arguments, *options) as program:
        assert program.ended() == 2
    lines = [json.loads(line) for line in program.lines]
    [line] = [line for line in lines if line["message"].startswith(why)]
    assert (line["level"], line["logger"]) == ("error", "roost.endpoint")
