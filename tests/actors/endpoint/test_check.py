"""``--check``: what is wrong with an application although it would start, a line for each."""

from __future__ import annotations

import abc
import os
import socket
from typing import Any

import pykka
import pytest

from actors import Actor, Endpoint, Ok, Socket
from actors.endpoint.command.checking import misrouted, problems
from actors.endpoint.routes import Routes
from actors.endpoint.serving.server import Server
from supervision import ChildSpec, Supervisor
from tests.support.command import ROOT, run
from tests.support.listening import bind
from tests.support.ports import unused_port

HEAD = "from actors import Actor, Endpoint, Socket\n"
CHAT = "class Chat(Socket):\n    pass\n"


@pytest.fixture
def check(tmp_path):
    """Run ``--check`` over a module with this text; return (status, what it said)."""

    def checking(text: str, *arguments: str) -> tuple[int, list[str]]:
        (tmp_path / "app.py").write_text(HEAD + CHAT + text)
        done = run("app:endpoint", "--check", *arguments, cwd=tmp_path)
        return done.returncode, (done.stdout + done.stderr).splitlines()

    return checking


def found(endpoint: Endpoint) -> list[str]:
    """Return the problems of an endpoint whose tree can be made."""
    server = Server(endpoint, bind("127.0.0.1", 0))
    server.stop()
    return problems(endpoint, server.children)


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def mounted(**options: Any) -> Endpoint:
    endpoint = Endpoint(**options)
    endpoint.socket("/chat", Socket)
    return endpoint


class TestCommand:
    def test_an_application_without_a_mistake(self, check) -> None:
        status, lines = check("endpoint = Endpoint()\nendpoint.socket('/a', Chat, longpoll=True)")
        assert (status, lines) == (0, ["ok: 1 socket mounted"])

    def test_every_mistake_is_a_line(self, check) -> None:
        status, lines = check(
            "class Ticker(Actor):\n    def __init__(self, rate): ...\n"
            "endpoint = Endpoint(children=[Ticker])\n"
            "endpoint.socket('/a', Chat)\nendpoint.socket('/a/', Chat)\n"
            "endpoint.socket('/b', Chat, websocket=False)\n"
        )
        assert status == 2
        both = "Chat at '/a', websocket, and Chat at '/a/', websocket"
        twice = f"is mounted twice, and the later counts: {both}"
        assert lines == [
            f"roost: '/a/websocket' {twice}",
            "roost: Chat at '/b' has no transport: websocket=True or longpoll=True",
            "roost: child <class 'app.Ticker'>: Ticker.__init__(self, rate): must take (self)",
        ]

    def test_nothing_mounted(self, check) -> None:
        status, lines = check("endpoint = Endpoint()")
        assert (status, lines) == (
            2,
            ["roost: no socket is mounted: endpoint.socket('/path', YourSocket)"],
        )

    @pytest.mark.parametrize(
        ("callback", "said"),
        [
            ("async def handle_in(self, payload, opcode): ...", "handle_in is 'async def'"),
            ("def connect(self, info): ...", "connect must be a class method"),
            ("def handle_in(self, payload): ...", "handle_in(self, payload): must take"),
            ("def on_batch(self): ...", "on_batch would replace"),
        ],
    )
    def test_a_class_of_the_wrong_shape(self, check, callback: str, said: str) -> None:
        status, (line,) = check(f"class Bad(Socket):\n    {callback}\n")
        assert status == 2
        assert line.startswith(f"roost: Bad.{said}")
        assert " at app.py:" in line

    def test_names_that_are_nearly_right(self, check) -> None:
        status, lines = check(
            "from actors import Channel, ChannelSocket\n"
            "class Room(Channel):\n"
            "    join_timout = 3\n"
            "    def handleIn(self, event, payload): ...\n"
            "class UserSocket(ChannelSocket):\n"
            "    channels = {'a': Room, 'b': Room}\n"
            "    max_chanels = 3\n"
            "endpoint = Endpoint()\n"
            "endpoint.socket('/a', UserSocket)\n"
        )
        assert status == 2
        unread, uncalled = "is no setting, nothing reads it", "is no callback, nothing calls it"
        assert [line for line in lines if line.startswith("roost: ")] == [
            f"roost: UserSocket.max_chanels {unread}: did you mean 'max_channels'?",
            f"roost: Room.join_timout {unread}: did you mean 'join_timeout'?",
            f"roost: Room.handleIn {uncalled}: did you mean 'handle_in'?",
        ]

    def test_the_address_that_was_asked_for_is_named(self, check) -> None:
        status, (line,) = check(
            "endpoint = Endpoint()\nendpoint.socket('/a', Chat)", "--bind", "8.8.8.8:5401"
        )
        assert (status, line) == (2, "roost: --bind 8.8.8.8:5401: Cannot assign requested address")

    def test_a_port_that_is_served_already_is_no_mistake(self, check) -> None:
        with socket.create_server(("127.0.0.1", 0)) as busy:
            address = f"127.0.0.1:{busy.getsockname()[1]}"
            status, _ = check(
                "endpoint = Endpoint()\nendpoint.socket('/a', Chat)", "--bind", address
            )
        assert status == 0


class TestAsServe:
    """What ``serve`` ends with, and that depends on the settings alone, ``check`` says as well."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--bind", "127.0.0.1:PORT", "--bind", "127.0.0.1:PORT"),
            ("--bind", "127.0.0.1:PORT", "--bind", "0.0.0.0:PORT"),
            ("--bind", "[::]:PORT", "--bind", "0.0.0.0:PORT"),
            ("--bind", "[::1]:PORT", "--bind", "[::]:PORT"),
            ("--bind", "127.0.0.1:PORT", "--ops", "localhost:PORT"),
            ("--bind", "unix:one", "--bind", "unix:./one"),
            ("--bind", "unix:one", "--publish", "one"),
            ("--pid-file", "no/pid"),
            ("--pid-file", "."),
            ("--log-file", "no/log"),
            ("--log-file", "."),
            ("--log-file=",),
            ("--publish", "no/socket"),
            ("--workers", "0", "--reload"),
            ("--workers", "0", "--reload-dir", "."),
            ("--reload", "--reload-dir", "no"),
        ],
    )
    def test_it_says_the_same(self, tmp_path, arguments: tuple[str, ...]) -> None:
        bound = () if "--bind" in arguments else ("--bind", "127.0.0.1:0")
        port = str(unused_port())
        given = [each.replace("PORT", port) for each in (*arguments, *bound)]
        served = run("serve", "--workers", "1", *given, cwd=tmp_path, env=environ())
        assert served.returncode == 2
        assert served.stderr.startswith("roost: --")
        checked = run("check", "--workers", "1", *given, cwd=tmp_path, env=environ())
        assert (checked.returncode, checked.stderr) == (2, served.stderr)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--bind", "127.0.0.1:PORT", "--bind", "127.0.0.2:PORT", "--ops", "127.0.0.3:PORT"),
            ("--bind", "127.0.0.1:0", "--bind", "127.0.0.1:0", "--ops", "127.0.0.1:0"),
            ("--bind", "[::1]:PORT", "--bind", "0.0.0.0:PORT"),
            ("--bind", "unix:one", "--bind", "unix:two", "--publish", "three"),
            ("--log-file", "log", "--pid-file", "pid"),
            ("--log-file", "fifo"),
        ],
    )
    def test_what_goes_together_is_fine_and_nothing_is_left(self, tmp_path, arguments) -> None:
        os.mkfifo(tmp_path / "fifo")
        bound = () if "--bind" in arguments else ("--bind", "127.0.0.1:0")
        given = [each.replace("PORT", "4000") for each in (*arguments, *bound)]
        done = run("check", *given, cwd=tmp_path, env=environ())
        assert (done.returncode, done.stderr) == (0, "")
        assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


class TestPaths:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (("/a", {}), ("/a", {})),
            (("/a", {}), ("//a/", {})),
            (("/a/:room", {}), ("/a/:id", {})),
            (("/a", {"longpoll": True}), ("/a", {"websocket": False, "longpoll": True})),
            (("/a", {"websocket": {"path": "/b/c"}}), ("/a/b", {"websocket": {"path": "/c"}})),
        ],
    )
    def test_the_same_path_is_found(self, first: Any, second: Any) -> None:
        endpoint = Endpoint()
        for path, options in (first, second):
            endpoint.socket(path, Socket, **options)
        (line,) = misrouted(endpoint)
        assert "is mounted twice, and the later counts: Socket at " in line

    def test_two_transports_of_one_mount_at_one_path(self) -> None:
        endpoint = Endpoint()
        endpoint.socket("/a", Socket, websocket={"path": "/x"}, longpoll={"path": "/x"})
        assert len(list(misrouted(endpoint))) == 1

    def test_a_page_and_a_mount(self) -> None:
        endpoint = Endpoint()
        endpoint.page("/a/websocket", lambda request, http: None)
        endpoint.socket("/a", Socket)
        (line,) = misrouted(endpoint)
        assert "page '/a/websocket', and Socket at '/a'" in line

    def test_paths_that_differ_are_none(self) -> None:
        endpoint = Endpoint()
        for path in ("/a", "/b", "/a/b", "/a/:room", "/:room/a"):
            endpoint.socket(path, Socket, longpoll=True)
        assert list(misrouted(endpoint)) == []

    @pytest.mark.parametrize("how", ["fallback", "page"])
    def test_an_endpoint_that_serves_something_else_is_fine(self, how: str) -> None:
        endpoint = Endpoint(fallback=(lambda environ, start: []) if how == "fallback" else None)
        if how == "page":
            endpoint.page("/", lambda request, http: None)
        assert list(misrouted(endpoint)) == []

    def test_whoever_starts_is_told(self) -> None:
        endpoint = mounted()
        endpoint.socket("/chat", Socket)
        (note,) = Routes(endpoint).notes
        assert "is mounted twice" in note


class NeedsRate(Actor):
    def __init__(self, rate: int) -> None:
        super().__init__()


class Abstract(Actor):
    @abc.abstractmethod
    def tick(self) -> None: ...


class NoActor:
    def start(self) -> None: ...


class OfPykka(pykka.ThreadingActor): ...


class OwnStart(Actor):
    @classmethod
    def start(cls, first: int, second: int) -> Any: ...


async def later() -> None: ...


class TestChildren:
    @pytest.mark.parametrize(
        ("child", "said"),
        [
            (NeedsRate, "NeedsRate.__init__(self, rate): must take (self)"),
            (
                ChildSpec(id="x", start=NeedsRate.start, args=(1, 2)),
                "NeedsRate.__init__(self, rate): must take (self, argument1, argument2)",
            ),
            (Abstract, "Abstract is abstract: it does not define tick"),
            (NoActor, "its start takes (self): must take ()"),
            (OfPykka, "an actor of Pykka's own cannot be asked to end"),
            (OwnStart, "its start takes (first, second): must take ()"),
            (ChildSpec(id="x", start=later), "its start is 'async def'"),
            (ChildSpec(id="x", start=Supervisor.start, args=([NeedsRate],)), "NeedsRate.__init__"),
            (ChildSpec(id="x", start=Supervisor.start, args=([3],)), "invalid_child_spec"),
            (Socket, "Socket.__init__(self, transport, state=None): must take (self)"),
        ],
    )
    @pytest.mark.parametrize("option", ["children", "watchers"])
    def test_a_child_that_cannot_start_is_found(self, option: str, child: Any, said: str) -> None:
        (line,) = found(mounted(**{option: [child]}))
        assert line.startswith("child ")
        assert said in line

    def test_two_children_of_one_name_are_found_wherever_they_are(self) -> None:
        below = ChildSpec(id="below", start=Actor.start, name="n")
        inner = ChildSpec(id="inner", start=Supervisor.start, args=([below],))
        again = ChildSpec(id="again", start=Actor.start, name="n")
        other = ChildSpec(id="other", start=Actor.start, name="m")
        assert found(mounted(children=[other, inner], watchers=[again])) == [
            "child 'again': its name 'n' is that of child 'below'"
        ]

    @pytest.mark.parametrize(
        "child",
        [
            ChildSpec(id="x", start=NeedsRate.start, args=(1,)),
            ChildSpec(id="x", start=lambda *args: None, args=(1, 2)),
            ChildSpec(id="x", start=OwnStart.start, args=(1, 2)),
            ChildSpec(id="x", start=Supervisor.start, args=([Actor],)),
            ChildSpec(id="x", start=Supervisor.start),
            Supervisor,
            lambda: {"id": "x", "start": NeedsRate.start, "args": (1,)},
            type("Own", (Supervisor,), {"init": lambda self: ({}, [])}),
        ],
    )
    def test_a_child_that_can_is_not(self, child: Any) -> None:
        assert found(mounted(children=[child])) == []


class TestFunctions:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (
                {"websocket": {"error_handler": lambda reason: None}},
                "socket '/a', websocket: error_handler takes (reason): must take (request, reason)",
            ),
            (
                {"websocket": {"check_origin": lambda: True}},
                "socket '/a', websocket: check_origin takes (): must take (origin)",
            ),
            (
                {"longpoll": {"check_origin": (lambda origin: True, "example.com")}},
                "socket '/a', longpoll: check_origin takes (origin): must take (origin, argument1)",
            ),
        ],
    )
    def test_an_option_of_a_mount(self, options: dict[str, Any], said: str) -> None:
        endpoint = Endpoint()
        endpoint.socket("/a", Socket, **options)
        assert said in found(endpoint)

    def test_options_of_the_endpoint_and_pages(self) -> None:
        async def site(scope: Any, receive: Any, send: Any) -> None: ...

        endpoint = mounted(fallback=site, check_origin=lambda: True)
        endpoint.page("/", lambda: None)
        assert [line.partition(" takes")[0].partition(" is ")[0] for line in found(endpoint)] == [
            "Endpoint(fallback=...)",
            "Endpoint: check_origin",
            "page '/'",
        ]

    def test_what_can_be_called_is_fine(self) -> None:
        class Site:
            def __call__(self, environ: Any, start_response: Any) -> Any: ...

            def origin(self, origin: Any, *hosts: str) -> bool: ...

        endpoint = mounted(fallback=Site(), check_origin=(Site().origin, "a", "b"))
        endpoint.socket(
            "/b", Socket, websocket={"error_handler": lambda *args: Ok(1), "check_origin": "conn"}
        )
        assert found(endpoint) == []
