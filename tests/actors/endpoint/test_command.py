"""``python -m actors.endpoint`` as a person meets it: what it serves, and what it refuses how."""

from __future__ import annotations

import os
import platform
import resource
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import contextmanager
from importlib import metadata

import pytest

import actors
from actors.endpoint.__main__ import _need_linux
from actors.errors import ConfigError
from tests.support import certificate, raw
from tests.support.command import ROOT, Command, run, unmeasured
from tests.support.ports import unused_port

PATCHED = "tests.actors.endpoint.patched_app:endpoint"


def refusal(*arguments, **rest):
    """Run a command that must fail with status 2; return its one line without the prefix.

    What does not say where is bound nowhere else: another server may have the default port.
    """
    where = () if "--bind" in arguments else ("--bind", "127.0.0.1:0")
    done = run(*where, *arguments, **rest)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("roost: ")
    return done.stderr.removeprefix("roost: ").rstrip("\n")


@pytest.fixture
def app(tmp_path):
    """Write a module and answer how to refuse ``app:NAME``."""

    def refused(source, name="endpoint"):
        (tmp_path / "app.py").write_text(source)
        return refusal(f"app:{name}", cwd=tmp_path)

    return refused


def test_interrupt_within_the_first_imports_leaves_no_traceback(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'argparse':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = run("--version", env=unmeasured(PYTHONPATH=path))
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


class TestApplication:
    def test_path_without_an_attribute_is_refused(self):
        assert refusal("chat") == "'chat': must be module:endpoint, such as chat:endpoint"

    def test_file_name_is_answered_by_the_module_s(self):
        assert "did you mean app.chat:endpoint?" in refusal("app/chat.py:endpoint")
        assert "did you mean chat:endpoint?" in refusal("./chat.py:endpoint")
        assert refusal("chat.py").endswith("such as chat:endpoint")

    @pytest.mark.parametrize("workers", ["0", "1"])
    def test_an_empty_name_is_refused_and_no_demo_served(self, workers):
        text = refusal("", "--workers", workers, "--bind", "127.0.0.1:0")
        assert text == "'': must be module:endpoint, such as chat:endpoint"

    def test_missing_module_is_refused(self):
        assert refusal("no_such:endpoint") == (
            "cannot import 'no_such': ModuleNotFoundError: No module named 'no_such'"
        )

    @pytest.mark.parametrize("workers", ["0", "1"])
    @pytest.mark.parametrize(
        "raised", ["KeyboardInterrupt", "gevent.GreenletExit", "gevent.Timeout(5)", "BaseException"]
    )
    def test_whatever_the_import_raises_is_one_line(self, tmp_path, raised, workers):
        (tmp_path / "app.py").write_text(f"import gevent\nraise {raised}\n")
        options = ("--workers", workers, "--bind", "127.0.0.1:0")
        told = refusal("app:endpoint", *options, cwd=tmp_path)
        name = raised.removeprefix("gevent.").partition("(")[0]
        assert told.startswith(f"cannot import 'app': {name}")

    def test_syntax_error_names_file_and_line(self, app):
        text = app("def :\n")
        assert text.startswith("cannot import 'app': SyntaxError: ")
        assert "app.py, line 1" in text

    def test_module_that_raises_is_refused_in_one_line(self, app):
        text = app("raise ValueError('two\\nlines')")
        assert text == r"cannot import 'app': ValueError: two\nlines at app.py:1 in <module>"

    def test_module_that_exits_is_refused(self, app):
        text = app("raise SystemExit(0)")
        assert text == "cannot import 'app': SystemExit: 0 at app.py:1 in <module>"

    def test_controls_in_a_refusal_are_written_out(self, app):
        text = app("from actors import Endpoint\nEndpoint().socket('/a\\x1b[2J\\x9b', 5)")
        assert r"\x1b[2J" in text
        assert not {"\x1b", "\x9b"} & set(text)

    def test_what_is_wrong_in_a_module_that_it_imports_is_found_there(self, tmp_path):
        (tmp_path / "app.py").write_text("import models\n")
        for code, at in (("\ndef :\n", "models.py:2"), ("\n1 / 0", "models.py:2 in <module>")):
            (tmp_path / "models.py").write_text(code)
            done = run("app:endpoint", cwd=tmp_path)
            assert done.stderr.rstrip().endswith(f" at {at}"), done

    def test_option_that_is_not_acceptable_is_refused_with_a_suggestion(self, app):
        text = app("from actors import Endpoint\nendpoint = Endpoint(gracee=1)")
        assert text == (
            "Endpoint: unknown option 'gracee' (did you mean 'grace'?) at app.py:2 in <module>"
        )

    def test_what_is_wrong_in_another_module_is_said_to_be_there(self, app, tmp_path):
        (tmp_path / "sockets.py").write_text(
            "from actors import Socket\nclass Chat(Socket):\n    async def handle_in(self): ..."
        )
        text = app("from sockets import Chat")
        assert text.startswith("Chat.handle_in is 'async def'")
        assert text.endswith(" at sockets.py:2 in <module>")

    def test_path_that_cannot_be_served_is_refused(self, app):
        text = app(
            "from actors import Endpoint, Socket\nendpoint = Endpoint()\n"
            "endpoint.socket('/a b', Socket)"
        )
        assert text.startswith("socket '/a b': path '/a b/websocket': segment 'a b' must be ")
        assert text.endswith(" at app.py:3 in <module>")

    def test_misspelt_attribute_is_refused_with_a_suggestion(self, app):
        text = app("from actors import Endpoint\nendpoint = Endpoint()", "endpiont")
        assert text == "'app' has no attribute 'endpiont' (did you mean 'endpoint'?)"

    def test_missing_attribute_is_refused_with_the_endpoints_there(self, app):
        text = app("from actors import Endpoint\nchat = Endpoint()\nother = 1", "x")
        assert text == "'app' has no attribute 'x' (known: chat)"

    def test_attribute_that_is_no_endpoint_is_refused(self, app):
        assert app("endpoint = 1") == "'app:endpoint' is a int, not an Endpoint"
        assert "is a type" in app("from actors import Endpoint", "Endpoint")

    def test_stack_of_a_module_that_raises_is_shown_where_it_says_more(self, tmp_path):
        deep = "def f():\n    raise ValueError('x')\n\nf()"
        for code, level, stacks in (
            ("raise ValueError('x')", "error", 0),
            ("raise ValueError('x')", "debug", 1),
            (deep, "error", 1),
        ):
            (tmp_path / "app.py").write_text(code)
            done = run("app:endpoint", "--log-level", level, cwd=tmp_path)
            assert done.returncode == 2
            assert done.stderr.count("Traceback") == stacks
            assert done.stderr.splitlines()[-1].startswith("roost: cannot import 'app': ")

    def test_attribute_may_be_nested(self, tmp_path):
        (tmp_path / "app.py").write_text(
            "from actors import Endpoint, Socket\n"
            "class Site:\n    endpoint = Endpoint()\n    endpoint.socket('/a', Socket)"
        )
        assert run("app:Site.endpoint", "--check", cwd=tmp_path).returncode == 0


class TestOptions:
    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["--bnd", "x"], "unknown option '--bnd' (did you mean '--bind'?)"),
            (["--bin=x"], "unknown option '--bin' (did you mean '--bind'?)"),
            (["--log-level", "debgu"], "'debgu' is not a level (did you mean 'debug'?)"),
            (["--log-level"], "expected one argument"),
            (["a:b", "c:d"], "one application is served, 'c:d' is one too many"),
            (["--keyfile", "x"], "--keyfile needs --certfile"),
            (["--bind-mode", "0660"], "--bind-mode is for --bind unix:PATH"),
            (["--bind-group", "0"], "--bind-group is for --bind unix:PATH"),
            (["--bind", "unix:"], "'unix:': must be HOST:PORT"),
            (
                ["--bind", "unix:/no/such/x", "--check"],
                "--bind '/no/such/x': there is no directory",
            ),
            (["--bind", "unix:/no/such/x"], "--bind '/no/such/x': there is no directory"),
            (["--bind", "unix:/etc/passwd", "--check"], "is there, and is no socket"),
            (["--workers", "257"], "'257': must be a whole number up to 256"),
            (["--workers", "-1"], "'-1': must be a whole number up to 256"),
        ],
    )
    def test_option_is_refused(self, arguments, text):
        assert text in refusal(*arguments)

    @pytest.mark.parametrize(
        "address",
        ["4000", ":4000", "localhost", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
         "127.0.0.1:-1", "127.0.0.1:\u0663", "::1:4000", "[::1:4000", "[127.0.0.1]:4000", "[]:1"],
    )  # fmt: skip
    def test_address_is_refused_with_the_accepted_form(self, address):
        text = refusal("--bind", address)
        assert text.startswith("--bind: ")
        assert text.endswith(
            "must be HOST:PORT, such as 127.0.0.1:4000 or [::1]:4000, or unix:PATH"
        )

    @pytest.mark.parametrize("count", ["0", "255", "256"])
    def test_number_of_workers_is_accepted(self, count):
        assert run("--bind", "127.0.0.1:0", "--workers", count, "--check").returncode == 0

    def test_highest_port_is_accepted(self):
        assert run("--bind", "127.0.0.1:65535", "--check").returncode == 0

    def test_port_in_use_is_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            assert refusal("--bind", address) == f"--bind {address}: Address already in use"

    def test_address_that_is_not_ours_is_refused(self):
        # TEST-NET-1 (RFC 5737) is nobody's.
        assert refusal("--bind", "192.0.2.1:0") == (
            "--bind 192.0.2.1:0: Cannot assign requested address"
        )

    def test_host_that_is_no_name_is_refused(self):
        assert refusal("--bind", "a..b:0").startswith("--bind a..b:0: ")

    def test_version_names_what_runs(self):
        done = run("--version")
        assert (done.returncode, done.stderr) == (0, "")
        python, gevent = platform.python_version(), metadata.version("gevent")
        wanted = f"roost {actors.__version__} (Python {python}, gevent {gevent}, pykka "
        assert done.stdout.startswith(wanted)

    @pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
    def test_platform_without_epoll_is_refused(self, platform):
        with pytest.raises(ConfigError, match=f"Linux only: it needs epoll, which {platform}"):
            _need_linux(platform)

    def test_help_names_every_option(self):
        done = run("--help")
        assert done.returncode == 0
        for option in ("--bind", "--certfile", "--keyfile", "--log-level", "--check", "--print-l"):
            assert option in done.stdout


class TestCertificate:
    def test_missing_certificate_is_refused(self, tmp_path):
        path = str(tmp_path / "no.pem")
        assert refusal("--certfile", path) == f"--certfile {path!r}: No such file or directory"

    def test_pipe_is_refused_and_not_waited_for(self, tmp_path):
        path = tmp_path / "pipe.pem"
        os.mkfifo(path)
        said = f"--certfile {str(path)!r}: is a pipe, and must be a file"
        assert refusal("--certfile", str(path)) == said

    def test_missing_key_is_refused_by_its_own_option(self, tmp_path):
        pem = certificate.make(tmp_path)
        assert refusal("--certfile", str(pem), "--keyfile", "no.key") == (
            "--keyfile 'no.key': No such file or directory"
        )

    def test_file_that_is_no_certificate_is_refused(self, tmp_path):
        path = tmp_path / "bad.pem"
        path.write_text("hello")
        assert "no certificate chain and key in PEM there" in refusal("--certfile", str(path))

    def test_certificate_without_a_key_is_refused(self, tmp_path):
        pem = certificate.make(tmp_path)
        assert "no certificate chain and key in PEM there" in refusal("--certfile", str(pem))

    def test_key_of_another_certificate_is_refused(self, tmp_path):
        pem = certificate.make(tmp_path)
        certificate.make(tmp_path, "other")
        text = refusal("--certfile", str(pem), "--keyfile", str(tmp_path / "other.key"))
        assert "is not the key of the certificate" in text

    def test_encrypted_key_is_refused_and_nobody_is_asked(self, tmp_path):
        pem = certificate.make(tmp_path, passphrase="sesame")
        text = refusal("--certfile", str(pem), "--keyfile", str(tmp_path / "server.key"))
        assert text == "the private key is encrypted; it must be stored without a passphrase"

    def test_certificate_is_served(self, tmp_path):
        pem = certificate.make(tmp_path)
        arguments = ("--certfile", str(pem), "--keyfile", str(tmp_path / "server.key"))
        trusting = ssl.create_default_context(cafile=str(pem))
        with Command(*arguments) as command:
            assert command.url.startswith("https://127.0.0.1:")
            with raw.Client(command.address, tls=trusting) as client:
                assert client.upgrade("/echo/websocket").status == 101
                client.send(raw.frame(raw.TEXT, "over TLS"))
                assert client.frame().payload == b"over TLS"


class TestServing:
    def test_demo_is_served_without_an_application(self):
        with Command() as command, raw.Client(command.address) as client:
            assert client.ask("/").status == 200
            assert client.upgrade("/echo/websocket").status == 101
            client.send(raw.frame(raw.BINARY, b"\x00\xff"))
            assert client.frame() == raw.Frame(raw.BINARY, b"\x00\xff")

    def test_ipv6_is_served_and_written_in_brackets(self):
        with Command(bind="[::1]:0") as command:
            assert command.url.startswith("http://[::1]:")
            with raw.Client(command.address) as client:
                assert client.ask("/").status == 200

    def test_host_may_be_a_name(self):
        with Command(bind="localhost:0") as command, raw.Client(command.address) as client:
            assert client.ask("/").status == 200

    def test_port_can_be_bound_again_at_once(self):
        with Command() as command, raw.Client(command.address) as client:
            assert client.upgrade("/echo/websocket").status == 101
            command.signal(signal.SIGTERM)
            assert client.frame().code == 1012
            client.send(raw.close_frame(1012))
            assert command.ended() == 0
        bind = "{}:{}".format(*command.address)
        with Command(bind=bind) as again:
            assert again.address == command.address

    def test_everything_is_patched_before_the_application_is_imported(self):
        with Command(PATCHED) as command:
            assert "unpatched []" in command.lines
            assert "main thread True MainThread ['worker']" in command.lines

    def test_check_validates_and_serves_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bind = f"127.0.0.1:{taken.getsockname()[1]}"
            done = run("--check", "--bind", bind)
        assert (done.returncode, done.stdout) == (0, DEMO_IS_WELL)

    def test_crash_is_one_line_that_says_where_and_its_stack(self, tmp_path):
        (tmp_path / "app.py").write_text(
            "from actors import Endpoint, Socket\n"
            "class Crashing(Socket):\n"
            "    def handle_in(self, payload, opcode):\n"
            "        raise ValueError('on purpose')\n"
            "endpoint = Endpoint()\n"
            "endpoint.socket('/crash', Crashing)\n"
        )
        for workers in ("0", "1"):
            with Command("app:endpoint", "--workers", workers, cwd=tmp_path) as command:
                with raw.Client(command.address) as client:
                    client.upgrade("/crash/websocket")
                    client.send(raw.frame(raw.TEXT, "x"))
                    assert client.frame().code == 1011
                command.signal(signal.SIGTERM)
                assert command.ended() == 0
            (line,) = [line for line in command.lines if "ERROR" in line]
            assert line.endswith("crashed: ValueError: on purpose at app.py:4 in handle_in")
            assert sum("Traceback" in line for line in command.lines) == 1
            assert command.lines.count("      raise ValueError('on purpose')") == 1


class TestPrintLimits:
    def test_limits_of_every_layer_and_mount_are_listed(self):
        done = run("--print-limits")
        names = [line.split("  ")[0].strip() for line in done.stdout.splitlines()]
        assert done.returncode == 0
        for name in (
            "dispatcher.carriers",
            "dispatcher.ends",
            "dispatcher.keepers",
            "endpoint.grace",
            "http.max_head",
            "presence.metas",
            "presence.leave_delay",
            "/echo websocket.max_frame_size",
        ):
            assert name in names

    def test_value_in_force_is_shown(self, tmp_path):
        (tmp_path / "app.py").write_text(
            "from actors import Endpoint, Socket\n"
            "endpoint = Endpoint(max_connections=77)\n"
            "endpoint.socket('/a', Socket, websocket={'max_frame_size': 1234})\n"
        )
        lines = run("app:endpoint", "--print-limits", cwd=tmp_path).stdout.splitlines()
        fields = {line[:48].strip(): line[48:].split()[0] for line in lines}
        assert fields["endpoint.max_connections"] == "77"
        assert fields["endpoint.max_connections_per_address"] == "none"
        assert fields["/a websocket.max_frame_size"] == "1234"


DEMO_IS_WELL = "ok: 3 sockets mounted, of the demo: no application is named\n"


def in_shell(redirection, *arguments):
    """Run the command with its streams redirected as the shell does it."""
    command = f'exec "$0" -m actors.endpoint "$@" {redirection}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


class TestStreams:
    def test_reader_that_has_gone_is_no_error(self):
        done = in_shell("| :", "--print-limits")
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("redirection", "why"), [(">&-", "is closed"), (">/dev/full", "No space left on device")]
    )
    @pytest.mark.parametrize(
        "arguments",
        [
            ("gen", "token"), ("routes",), ("check", "--bind", "127.0.0.1:0"), ("--print-config",),
            ("--print-limits",), ("--version",), ("--help",), ("check", "--help"),
            ("broadcast", "--help"),
        ],
    )  # fmt: skip
    def test_what_nobody_gets_is_no_success(self, redirection, why, arguments):
        done = in_shell(redirection, *arguments)
        assert (done.returncode, done.stderr) == (2, f"roost: standard output: {why}\n")

    @pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "<&- >&- 2>&-"])
    def test_status_is_right_where_nobody_can_be_told(self, redirection):
        done = in_shell(redirection, "no_such:endpoint")
        assert (done.returncode, done.stdout) == (2, "")

    @pytest.mark.parametrize("redirection", [">/dev/full 2>&1", "<&- >&- 2>&-", ">&3 2>&3"])
    def test_clients_are_served_although_nothing_can_be_written(self, redirection, tmp_path):
        fifo = tmp_path / "ready"
        os.mkfifo(fifo)
        port = unused_port()
        command = f'exec "$0" -m actors.endpoint --log-level debug "$@" {redirection}'
        application = "tests.actors.endpoint.silent_app:endpoint"
        with broken_pipe() as third:
            process = subprocess.Popen(
                ["sh", "-c", command, sys.executable, application, "--bind", f"127.0.0.1:{port}"],
                cwd=ROOT,
                env={**os.environ, "READY": str(fifo)},
                preexec_fn=lambda: os.dup2(third, 3),  # noqa: PLW1509 - this process has no threads
                pass_fds=[3],
            )
        try:
            fifo.read_text()  # answers when the server waits for clients
            with raw.Client(("127.0.0.1", port)) as client:
                assert client.upgrade("/echo/websocket").status == 101
                client.send(raw.frame(raw.TEXT, "still here"))
                assert client.frame().payload == b"still here"
            with raw.Client(("127.0.0.1", port)) as client:
                client.upgrade("/crash/websocket")
                client.send(raw.frame(raw.TEXT, "x"))
                assert client.frame().code == 1011
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait(20)


@contextmanager
def broken_pipe():
    """Return the writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_directory_of_the_workers_that_cannot_be_made_is_one_line_and_status_2(tmp_path):
    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    # Measuring coverage wants to write a file, too.
    environ = unmeasured()
    environ["TMPDIR"] = str(tmp_path)
    ended = run("--workers", "1", "--bind", "127.0.0.1:0", env=environ, preexec_fn=no_room)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("roost: no directory for the workers' sockets: [Errno 27] ")
    assert list(tmp_path.iterdir()) == []
