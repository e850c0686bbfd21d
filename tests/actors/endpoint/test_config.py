"""The file of settings, variables and arguments, as the command takes them; and at a reload."""

from __future__ import annotations

import os
import signal
import socket
import tomllib
from pathlib import Path

import pytest

from tests.support import raw
from tests.support.command import ROOT, Command, Program, run, unmeasured
from tests.support.waiting import eventually

APP = """
from actors import Endpoint, Socket

class Echo(Socket):
    def handle_in(self, payload, opcode):
        ...

endpoint = Endpoint(max_connections=77, grace=9)
endpoint.socket("/echo", Echo, websocket={"timeout": 50, "max_frame_size": 1234}, longpoll=True)
"""


@pytest.fixture
def here(tmp_path):
    """A directory with an application; returns how to write the file of settings into it."""
    (tmp_path / "app.py").write_text(APP)

    def write(text):
        (tmp_path / "roost.toml").write_text(text)
        return tmp_path

    return write


def environ(**variables):
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}


def refused(*arguments, cwd, **variables):
    """The lines with which the command refuses, without what each begins with."""
    done = run(*arguments, cwd=cwd, env=environ(**variables))
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert all(line.startswith("roost: ") for line in lines), lines
    return [line.removeprefix("roost: ") for line in lines]


CONFIG = ("--config", "roost.toml")


class TestRefusals:
    @pytest.mark.parametrize("more", [(), ("--check",), ("--print-limits",), ("--print-config",)])
    def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_bound(self, here, more):
        directory = here("[serve]\ngrace = 0\n[websocket]\ncompress = 3\n")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            bind = f"127.0.0.1:{taken.getsockname()[1]}"
            arguments = ("--bind", bind, "--workers", "x", "--bnid", "1", *CONFIG, *more)
            lines = refused("app:endpoint", *arguments, cwd=directory, ROOST_LOG_LEVEL="loud")
        assert [line.partition(": ")[0] for line in lines] == [
            "unknown option '--bnid' (did you mean '--bind'?)",
            "--workers",
            "ROOST_LOG_LEVEL",
            "roost.toml:2",
            "roost.toml:4",
        ]

    def test_a_missing_argument_leaves_out_nothing_of_the_rest(self, here):
        directory = here("[serve]\ngrace = 0\n")
        for config in (CONFIG, ("--config=roost.toml",)):
            lines = refused(*config, "--workers", cwd=directory)
            assert lines == [
                "--workers: expected one argument",
                "roost.toml:2: grace: '0': must be a number of seconds above 0",
            ]

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("nothing.toml", "nothing.toml: No such file or directory"),
            (".", ".: is a directory"),
            ("/dev/zero", "/dev/zero: is no regular file"),
            ("fifo", "fifo: is no regular file"),
            ("latin", "latin:2: is not UTF-8"),
            ("large", "large: has over 16384 bytes"),
            ("", ": No such file or directory"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_one_line(self, here, path, words):
        directory = here("")
        os.mkfifo(directory / "fifo")
        (directory / "latin").write_bytes(b"# a\n# \xe9\n")
        (directory / "large").write_text("#" * 16385)
        assert refused("--config", path, cwd=directory) == [words]

    def test_a_file_of_the_most_bytes_is_read(self, here):
        done = run("--print-config", *CONFIG, cwd=here("[serve]\n" + "#" * (16384 - 8)))
        assert done.returncode == 0

    def test_a_mark_of_the_byte_order_is_passed_over(self, here):
        directory = here("\ufeff[serve]\nworkers = 3")
        done = run("--print-config", *CONFIG, cwd=directory)
        assert "workers = 3  # from roost.toml:2" in done.stdout

    def test_what_only_the_code_contradicts_is_said_once_by_the_first_worker(self, here):
        directory = here("[websocket]\ncheck_origin = false\n")
        (directory / "app.py").write_text(APP.replace('"timeout": 50', '"check_csrf": False'))
        for more in (("--workers", "2"), ("--workers", "0"), ("--check",), ("--print-limits",)):
            arguments = ("app:endpoint", "--bind", "127.0.0.1:0", *CONFIG, *more)
            (line,) = refused(*arguments, cwd=directory)
            assert line.startswith("roost.toml: [websocket], at socket '/echo': check_origin=False")

    def test_no_secret_is_in_any_line(self, here):
        directory = here(
            "[serve]\nredis = 'redis://:SESAME@h:x/0'\n"
            "[endpoint]\nsecret_key_base = 'SESAME'\nredis = 'redis://:SESAME@h/0'\n"
        )
        done = run(*CONFIG, cwd=directory, env=environ(ROOST_REDIS="redis://:SESAME@/"))
        assert done.stderr.count("\n") == 4
        assert "SESAME" not in done.stderr


class TestPrintConfig:
    def test_each_value_has_its_source_and_the_whole_is_a_file(self, here):
        directory = here(
            "[serve]\nworkers = 3\nredis = 'redis://:SESAME@h/0'\n[longpoll]\nwindow = 5\n"
        )
        arguments = ("--print-config", "--grace", "7", "app:endpoint", *CONFIG)
        done = run(*arguments, cwd=directory, env=environ(ROOST_LOG_LEVEL="debug"))
        assert (done.returncode, done.stderr) == (0, "")
        for line in (
            'application = "app:endpoint"  # from module:endpoint',
            "workers = 3  # from roost.toml:2",
            'redis = "redis://:***@h/0"  # from roost.toml:3',
            "grace = 7  # from --grace",
            'log_level = "debug"  # from env ROOST_LOG_LEVEL',
            "boot_patience = 60  # default",
            "window = 5  # from roost.toml:5",
        ):
            assert line in done.stdout.splitlines()
        assert tomllib.loads(done.stdout)["serve"]["workers"] == 3

    def test_an_unknown_variable_is_told_beside_it(self):
        done = run("--print-config", env=environ(ROOST_WORKRES="3"))
        assert done.returncode == 0
        assert done.stderr == (
            "roost: warning: unknown variable ROOST_WORKRES (did you mean ROOST_WORKERS?)\n"
        )

    def test_it_imports_no_application_and_nothing_heavy(self, here):
        directory = here("[endpoint]\nmax_connections = 5\n")
        (directory / "sitecustomize.py").write_text(
            "import atexit, sys\n"
            "atexit.register(lambda: print(*{'gevent', 'orjson', 'app'} & {*sys.modules}))\n"
        )
        path = os.pathsep.join([str(directory), str(ROOT)])
        arguments = ("app:endpoint", "--print-config", *CONFIG)
        done = run(*arguments, cwd=directory, env=unmeasured(PYTHONPATH=path))
        assert done.stdout.splitlines()[-1] == ""


class TestInForce:
    def test_the_file_comes_before_the_code_in_print_limits(self, here):
        directory = here("[endpoint]\nmax_connections = 5\n[websocket]\ntimeout = 'none'\n")
        done = run("app:endpoint", "--print-limits", *CONFIG, cwd=directory, env=environ())
        fields = {line[:48].strip(): line[48:].split()[0] for line in done.stdout.splitlines()}
        assert fields["endpoint.max_connections"] == "5"
        assert fields["endpoint.grace"] == "9"
        assert fields["/echo websocket.timeout"] == "none"
        assert fields["/echo websocket.max_frame_size"] == "1234"

    @pytest.mark.parametrize("workers", [0, 2])
    def test_workers_serve_by_the_file(self, here, workers):
        directory = here("[websocket]\nmax_frame_size = 3\n")
        arguments = ("app:endpoint", *CONFIG)
        with Command(*arguments, workers=workers, cwd=directory, env=environ()) as command:
            assert closed_with(command, b"abc") is None
            assert closed_with(command, b"abcd") == 1009

    def test_an_argument_comes_before_the_option_of_the_endpoint(self, here):
        directory = here("[endpoint]\ngrace = 8\n")
        arguments = ("app:endpoint", *CONFIG)
        with Command(*arguments, "--grace", "7", cwd=directory, env=environ()) as command:
            command.wait_for(r"serving .* 7 s to stop")
        with Command(*arguments, workers=1, cwd=directory, env=environ()) as command:
            command.wait_for(r"serving .* 8 s to stop")

    def test_the_application_may_be_in_the_file_and_the_file_in_the_environment(self, here):
        directory = here("[serve]\napplication = 'app:endpoint'\n")
        with Command(cwd=directory, env=environ(ROOST_CONFIG="roost.toml")) as command:
            assert closed_with(command, b"abc") is None

    @pytest.mark.parametrize("workers", [0, 2])
    def test_an_unknown_variable_is_one_warning(self, here, workers):
        variables = environ(ROOST_WORKRES="3", ROOST_PORT="tcp://x", ROOST_SERVICE_HOST="x")
        with Command("app:endpoint", workers=workers, cwd=here(""), env=variables) as command:
            command.signal(signal.SIGTERM)
            assert command.ended() == 0
        (line,) = [line for line in command.lines if "variable" in line]
        assert line.endswith("unknown variable ROOST_WORKRES (did you mean ROOST_WORKERS?)")


def closed_with(command, payload):
    """The code with which a message is answered; ``None`` where the connection goes on."""
    with raw.Client(command.address) as client:
        assert client.upgrade("/echo/websocket").status == 101
        client.send(raw.frame(raw.BINARY, payload))
        client.send(raw.frame(raw.PING, b"?"))
        frame = client.frame()
        return None if frame.opcode == raw.PONG else frame.code


def open_held(fifo):
    """Open a FIFO for writing once somebody reads it, who waits until it is closed."""

    def opened():
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody does yet
            return None

    return eventually(opened, pause=0.02)


def wait_for_children(program, count):
    """Wait until the master has so many processes."""
    eventually(lambda: len(program.children()) == count, pause=0.02)


class TestReload:
    def test_new_workers_get_what_has_changed_in_the_file(self, here):
        directory = here("[websocket]\nmax_frame_size = 3\n")
        arguments = ("app:endpoint", *CONFIG)
        with Command(*arguments, workers=1, cwd=directory, env=environ()) as command:
            here("[logs]\nlog_level = 'debug'\n[websocket]\nmax_frame_size = 4\n")
            command.signal(signal.SIGHUP)
            command.wait_for("log_level .from roost.toml:2.: has changed, new workers get it")
            command.wait_for("DEBUG roost.master: worker .* has ended")
            assert closed_with(command, b"abcd") is None
            assert closed_with(command, b"abcde") == 1009

    def test_the_log_of_the_master_follows_the_file(self, here):
        directory = here("[logs]\nlog_level = 'warning'\n")
        arguments = ("app:endpoint", "--bind", "127.0.0.1:0", "--workers", "1", *CONFIG)
        with Program("-m", "actors.endpoint", *arguments, cwd=directory, env=environ()) as program:
            program.wait_for("WARNING roost.endpoint: no secret_key_base")  # clients are served
            here("[logs]\nlog_format = 'json'\n")
            program.signal(signal.SIGHUP)
            program.wait_for('^{.*"logger":"roost.master".*"event":"reload.stop"')
            here("")
            program.signal(signal.SIGHUP)
            program.wait_for("INFO roost.master: reload.stop")
            program.signal(signal.SIGTERM)
            assert program.ended() == 0
        assert program.lines[-1].endswith("INFO roost.master: ended, exit status 0")

    def test_what_needs_a_restart_is_named_each_time_and_stays(self, here):
        directory = here("[serve]\nboot_patience = 50\n")
        arguments = ("app:endpoint", *CONFIG)
        with Command(*arguments, workers=1, cwd=directory, env=environ()) as command:
            here("[serve]\nboot_patience = 40\npid_file = 'x'\n")
            for count in (1, 2):
                command.signal(signal.SIGHUP)
                command.wait_for(r"pid_file \(from roost.toml:3\): .* needs a restart", count)
                command.wait_for(r"boot_patience \(from roost.toml:2\): .* needs a restart", count)
            assert not (directory / "x").exists()

    def test_a_file_that_is_wrong_changes_nothing_and_workers_are_replaced_all_the_same(self, here):
        directory = here("[websocket]\nmax_frame_size = 3\n")
        arguments = ("app:endpoint", "--log-level", "debug", *CONFIG)
        with Command(*arguments, workers=1, cwd=directory, env=environ()) as command:
            here("[websocket]\nmax_frame_size = 4\ncompress = 3\n[serv]\n")
            command.signal(signal.SIGHUP)
            command.wait_for("ERROR roost.master: roost.toml:3: compress = 3: must be true or f")
            command.wait_for("ERROR roost.master: roost.toml:4: unknown table 'serv'")
            command.wait_for("ERROR roost.master: so all settings are as before")
            command.wait_for("DEBUG roost.master: worker .* has ended")
            assert closed_with(command, b"abcd") == 1009
            (directory / "roost.toml").unlink()
            command.signal(signal.SIGHUP)
            command.wait_for("ERROR roost.master: roost.toml: No such file or directory")
            here("[websocket]\nmax_frame_size = 4\n")
            command.signal(signal.SIGHUP)
            command.wait_for("DEBUG roost.master: worker .* has ended", 3)
            assert closed_with(command, b"abcd") is None

    def test_what_no_worker_serves_with_is_not_told_to_later_ones(self, here):
        directory = here("[websocket]\nmax_frame_size = 3\n")
        (directory / "app.py").write_text(APP.replace('"timeout": 50', '"check_csrf": False'))
        arguments = ("app:endpoint", *CONFIG)
        with Command(*arguments, workers=1, cwd=directory, env=environ()) as command:
            command.wait_for("1 worker is ready")
            (worker,) = command.children()
            here("[websocket]\nmax_frame_size = 4\ncheck_origin = false\n")
            command.signal(signal.SIGHUP)
            command.wait_for("the reload is off")
            os.kill(worker, signal.SIGKILL)
            command.wait_for("is back: 1 of 1 worker is ready")
            assert closed_with(command, b"abc") is None
            assert closed_with(command, b"abcd") == 1009

    def test_the_number_of_workers_follows_the_file(self, here):
        directory = here("[serve]\nworkers = 1\n")
        arguments = ("-m", "actors.endpoint", "app:endpoint", "--bind", "127.0.0.1:0", *CONFIG)
        with Program(*arguments, cwd=directory, env=environ()) as program:
            program.wait_for("1 worker is ready")
            here("[serve]\nworkers = 3\n")
            program.signal(signal.SIGHUP)
            wait_for_children(program, 3)
            here("[serve]\nworkers = 2\n")
            program.signal(signal.SIGHUP)
            wait_for_children(program, 2)
            here("[serve]\nworkers = 0\n")
            program.signal(signal.SIGHUP)
            program.wait_for(r"workers \(from roost.toml:2\): has changed, which needs a restart")
            program.signal(signal.SIGTERM)
            assert program.ended() == 0

    def test_the_number_stays_where_no_new_worker_serves(self, here):
        directory = here("[serve]\nworkers = 3\n")
        arguments = ("-m", "actors.endpoint", "app:endpoint", "--bind", "127.0.0.1:0", *CONFIG)
        with Program(*arguments, cwd=directory, env=environ()) as program:
            program.wait_for("3 workers are ready")
            here("[serve]\nworkers = 1\n")
            (directory / "app.py").write_text("import nothing_of_the_kind\n")
            program.signal(signal.SIGHUP)
            program.wait_for("the reload is off: worker")
            program.wait_for("3 workers are wanted as before, not 1")
            wait_for_children(program, 3)
            assert not any(" drains" in line or "wanted now" in line for line in program.lines)
            (directory / "app.py").write_text(APP)
            program.signal(signal.SIGHUP)
            program.wait_for("1 worker is wanted now; so far it was 3")
            wait_for_children(program, 1)
            program.signal(signal.SIGTERM)
            assert program.ended() == 0

    def test_a_reload_while_the_first_worker_imports_is_seen_through(self, here):
        directory = here("[websocket]\nmax_frame_size = 3\n")
        hold = (
            "from pathlib import Path\nhold = Path('hold')\nhold.exists() and hold.read_bytes()\n"
        )
        (directory / "app.py").write_text(hold + APP)
        os.mkfifo(directory / "hold")
        options = ("--bind", "127.0.0.1:0", "--workers", "2", *CONFIG)
        with Program(
            "-m", "actors.endpoint", "app:endpoint", *options, cwd=directory, env=environ()
        ) as program:
            held = open_held(directory / "hold")
            (directory / "hold").unlink()
            here("[websocket]\nmax_frame_size = 4\n")
            program.signal(signal.SIGHUP)
            program.wait_for("options of the application have changed, new workers get them")
            old = int(program.wait_for(r"no worker is ready yet: worker \S+ \(pid (\d+)\) is")[1])
            os.close(held)
            program.wait_for("2 workers are ready")
            eventually(lambda: not Path(f"/proc/{old}").exists(), pause=0.02)
            port = int(program.wait_for(r"serving http://127.0.0.1:(\d+)")[1])
            program.address = ("127.0.0.1", port)
            for _ in range(6):  # whichever worker takes it
                assert closed_with(program, b"abcd") is None
            assert closed_with(program, b"abcde") == 1009
            program.signal(signal.SIGTERM)
            assert program.ended() == 0

    def test_what_a_second_reload_says_is_told_where_the_first_fails(self, here):
        directory = here("[websocket]\nmax_frame_size = 3\n")
        arguments = ("app:endpoint", *CONFIG)
        with Command(*arguments, workers=1, cwd=directory, env=environ()) as command:
            command.wait_for("1 worker is ready")
            os.mkfifo(directory / "hold")
            bad = (
                "from pathlib import Path\nPath('hold').read_bytes()\nimport nothing_of_the_kind\n"
            )
            (directory / "app.py").write_text(bad)
            command.signal(signal.SIGHUP)
            held = open_held(directory / "hold")
            (directory / "app.py").write_text(APP)
            here("[websocket]\nmax_frame_size = 4\n")
            command.signal(signal.SIGHUP)
            command.wait_for("options of the application have changed, new workers get them")
            os.close(held)
            eventually(lambda: closed_with(command, b"abcd") is None, pause=0.02)
            assert closed_with(command, b"abcde") == 1009

    def test_a_successor_reads_everything_anew(self, here):
        directory = here("[websocket]\nmax_frame_size = 3\n")
        arguments = ("app:endpoint", "--log-level", "debug", *CONFIG)
        with Command(*arguments, workers=1, cwd=directory, env=environ()) as command:
            here("[websocket]\nmax_frame_size = 4\n[serve]\nboot_patience = 40\n")
            command.signal(signal.SIGUSR2)
            command.wait_for("serving http", 2)
            successor = int(command.wait_for(r"started a new master, pid (\d+)")[1])
            try:
                command.signal(signal.SIGTERM)
                command.wait_for("ended, exit status 0")
                assert closed_with(command, b"abcd") is None
            finally:
                os.kill(successor, signal.SIGTERM)
                command.wait_for("ended, exit status 0", 2)
