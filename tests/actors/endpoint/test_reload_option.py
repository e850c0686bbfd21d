"""``--reload``: files are saved as people and their tools do, and clients see what comes of it."""

from __future__ import annotations

import os
import py_compile
import re
import shutil
import signal
import site as python_site
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import ROOT, Command, Program
from tests.support.raw import TEXT, Client, frame, request
from tests.support.waiting import eventually

pytestmark = pytest.mark.slow

APP = """\
from actors import Endpoint, Reply, Socket
from transports.http.response import Response


class Echo(Socket):
    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


def page(request, http):
    return Response(200, b"{word}")


endpoint = Endpoint()
endpoint.socket("/echo", Echo, longpoll=True)
endpoint.page("/word", page)
"""


def save(place: Path, word: str = "one", more: str = "", name: str = "app.py") -> None:
    """Save in one step: a busy machine may serve what is half written, and then the rest."""
    half = place.parent / "half"
    half.write_text(APP.replace("{word}", word) + more)
    half.replace(place / name)


@pytest.fixture
def place(tmp_path):
    made = tmp_path / "place"
    made.mkdir()
    save(made)
    return made


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def reloading(place: Path, *options: str, workers: int = 1, **more: str):
    arguments = ("app:endpoint", "--reload", "--log-level", "debug", *options)
    with Command(*arguments, workers=workers, cwd=place, env=environment(**more)) as command:
        command.wait_for("roost.master: watching ")
        yield command


def word(command) -> str:
    with Client(command.address) as client:
        return client.ask("/word").body.decode()


def wait_for_word(command, wanted: str) -> None:
    eventually(lambda: word(command) == wanted, pause=0.02)


def count(command, pattern: str) -> int:
    return sum(bool(re.search(pattern, line)) for line in command.lines)


def children(command) -> dict[int, str]:
    """Return the children of a server, and their command lines."""
    return {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in command.children()}


def watcher(command) -> int:
    (pid,) = (pid for pid, line in children(command).items() if "watch" in line)
    return pid


# -- what is saved is served


@pytest.mark.parametrize("workers", [1, 2])
def test_saved_file_is_served_by_new_workers_and_clients_are_told_1012(place, workers):
    with reloading(place, workers=workers) as command:
        command.wait_for("ready$")
        old = set(children(command)) - {watcher(command)}
        with Client(command.address) as client:
            assert client.upgrade("/echo/websocket").status == 101
            save(place, "two")
            assert client.frame().code == 1012
        wait_for_word(command, "two")
        eventually(lambda: not old & set(children(command)), pause=0.02)
        command.signal(signal.SIGTERM)
        assert command.ended() == 0


def test_client_that_stays_is_cut_off_soon(place):
    more = """
import gevent
def hold(request, http):
    gevent.sleep(60)
    return Response(200, b"")
endpoint.page("/hold", hold)
"""
    save(place, "one", more)
    with reloading(place) as command, Client(command.address) as client:
        client.send(request("/hold"))
        save(place, "two", more)
        wait_for_word(command, "two")
        client.read_to_end()  # long before grace, or the page, is over


BROKEN = {
    "syntax": ("x = = 1\n", r"SyntaxError: .*app\.py:17\b"),
    "import": ("import no_such_module\n", r"ModuleNotFoundError: .*app\.py:17\b"),
    "raises": ("def f():\n    raise KeyError('k')\n\nf()\n", r"KeyError: 'k' at app\.py:18"),
    "config": ("Endpoint(grace=-1)\n", r"grace=-1.* at app\.py:17\b"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_file_that_does_not_import_leaves_the_old_code_and_is_said_once(place, kind):
    more, pattern = BROKEN[kind]
    with reloading(place, workers=2) as command:
        command.wait_for("2 workers are ready")
        save(place, "two", more)
        command.wait_for(pattern)
        command.wait_for("the reload is off")
        assert {word(command) for _ in range(4)} == {"one"}
        said = "\n".join(command.lines)
        assert count(command, "Traceback") == (0 if kind == "config" else 1), said
        assert count(command, "^roost: ") == 1
        save(place, "three")
        wait_for_word(command, "three")
        assert count(command, "^roost: ") == 1


# -- where the first start fails


def test_first_start_that_fails_waits_for_the_next_save(place):
    save(place, "one", "x = = 1\n")
    with waiting(place) as command:
        command.wait_for(r"^roost: cannot import 'app': SyntaxError")
        command.wait_for("waiting until a file changes")
        save(place, "two", "import no_such_module\n")
        command.wait_for(r"^roost: cannot import 'app': ModuleNotFoundError")
        command.wait_for("waiting until a file changes", 2)
        save(place, "three")
        served(command)
        assert word(command) == "three"
        command.signal(signal.SIGTERM)
        assert command.ended() == 0


@contextmanager
def waiting(place: Path):
    command = Program(
        "-m", "actors.endpoint", "app:endpoint", "--reload", "--bind", "127.0.0.1:0",
        "--workers", "1", cwd=place, env=environment(),
    )  # fmt: skip
    with command:
        command.wait_for("roost.master: watching ")
        yield command


def served(command) -> None:
    port = command.wait_for(r"serving http://127\.0\.0\.1:(\d+),")[1]
    command.address = ("127.0.0.1", int(port))


def test_master_that_waits_ends_at_once_and_tries_again_at_hup(place):
    save(place, "one", "raise SystemExit\n")
    with waiting(place) as command:
        command.wait_for("waiting until a file changes")
        command.signal(signal.SIGHUP)
        command.wait_for("waiting until a file changes", 2)
        command.signal(signal.SIGTERM)
        assert command.ended() == 0


def test_worker_that_dies_before_it_serves_is_waited_for_too(place):
    save(place, "one", "import os; os._exit(7)\n")
    with waiting(place) as command:
        command.wait_for("ended with status 7")
        command.wait_for("waiting until a file changes")
        save(place, "two")
        served(command)
        assert word(command) == "two"


# -- several saves


def test_burst_of_saves_is_a_reload_or_two(place):
    with reloading(place) as command:
        before = count(command, "DEBUG roost.master: started worker")
        for number in range(40):
            save(place, f"burst {number}")
            (place / f"module{number}.py").write_text("x = 1\n")
        wait_for_word(command, "burst 39")
        save(place, "last")
        wait_for_word(command, "last")
        # What is saved while a reload goes on, as it may where saves take long, is one more.
        assert before + 2 <= count(command, "DEBUG roost.master: started worker") <= before + 4


GATED = """
import os, time
open({seen!r}, "w").close()
while not os.path.exists({gate!r}):
    time.sleep(0.01)
"""


def test_save_during_a_reload_is_served_after_it(place, tmp_path):
    seen, gate = tmp_path / "seen", tmp_path / "gate"
    with reloading(place) as command:
        save(place, "two", GATED.format(seen=str(seen), gate=str(gate)))
        eventually(seen.exists, pause=0.02)
        save(place, "three")
        command.wait_for("app.py changed", 2)
        gate.touch()
        wait_for_word(command, "three")


def test_import_that_never_ends_is_ended_when_it_is_mended(place, tmp_path):
    seen = tmp_path / "seen"
    with reloading(place) as command:
        save(place, "two", GATED.format(seen=str(seen), gate=str(tmp_path / "never")))
        eventually(seen.exists, pause=0.02)
        assert word(command) == "one"
        save(place, "three")
        wait_for_word(command, "three")
        assert count(command, "its code has changed since: SIGKILL") == 1


def test_failed_save_during_a_reload_that_fails_is_tried_too(place, tmp_path):
    seen, gate = tmp_path / "seen", tmp_path / "gate"
    with reloading(place) as command:
        save(place, "two", GATED.format(seen=str(seen), gate=str(gate)) + "raise ValueError\n")
        eventually(seen.exists, pause=0.02)
        save(place, "three")
        command.wait_for("app.py changed", 2)
        gate.touch()
        wait_for_word(command, "three")


# -- how files are saved, and which


def test_save_by_rename_and_of_other_modules_is_served(place):
    save(place, "one", "import rooms.lobby\nWORD = rooms.lobby.WORD\n")
    save(place, "one")
    with reloading(place) as command:
        (place / ".app.py.tmp").write_text(APP.replace("{word}", "renamed"))
        (place / ".app.py.tmp").replace(place / "app.py")
        wait_for_word(command, "renamed")
        (place / "new" / "rooms").mkdir(parents=True)
        (place / "new" / "rooms" / "lobby.py").write_text("WORD = 'x'\n")
        (place / "new" / "rooms").rename(place / "rooms")
        command.wait_for(r"(rooms|lobby\.py)( and \d more)? changed")
        shutil.rmtree(place / "rooms")
        wait_for_word(command, "renamed")


def test_checkout_of_many_files_is_served(place):
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=place, check=True, capture_output=True,
        )  # fmt: skip

    git("init", "-b", "one")
    git("add", ".")
    git("commit", "-m", "one")
    git("checkout", "-b", "two")
    save(place, "two")
    for number in range(200):
        (place / f"module{number}.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-m", "two")
    git("checkout", "one")
    with reloading(place) as command:
        assert word(command) == "one"
        git("checkout", "two")
        wait_for_word(command, "two")
        git("checkout", "one")
        wait_for_word(command, "one")


def test_what_is_not_the_applications_code_is_passed_over(place):
    others = [
        "__pycache__/a.py", ".git/a.py", "node_modules/a.py", "python/lib/a.py", ".#app.py",
        "flycheck_app.py", "app.html", "app.py~",
    ]  # fmt: skip
    (place / "python").mkdir()
    (place / "python" / "pyvenv.cfg").touch()
    with reloading(place) as command:
        for name in others:
            (place / name).parent.mkdir(exist_ok=True, parents=True)
            (place / name).write_text("x = 1\n")
        (place / "late.py").write_text("x = 1\n")
        command.wait_for(r": late\.py changed$")  # and no more
        assert count(command, " changed$") == 1


def test_directory_that_is_deleted_and_made_again_is_watched(place, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    (library / "words.py").write_text("WORD = b'one'\n")
    text = APP.replace('b"{word}"', "words.WORD")
    (place / "app.py").write_text(f"import words\n{text}")
    path = f"{ROOT}:{library}"
    directories = ("--reload-dir", str(place), "--reload-dir", str(library))
    with reloading(place, *directories, PYTHONPATH=path) as command:
        assert word(command) == "one"
        library.rename(tmp_path / "old")
        library.mkdir()
        (library / "words.py").write_text("WORD = b'two'\n")
        wait_for_word(command, "two")
        (library / "words.py").write_text("WORD = b'three'\n")
        wait_for_word(command, "three")


def test_directory_behind_a_link_is_watched(place, tmp_path):
    real = tmp_path / "real"
    place.rename(real)
    place.symlink_to(real)
    with reloading(place, "--reload-dir", str(place)) as command:
        save(real, "two")
        wait_for_word(command, "two")
        other = tmp_path / "other"
        other.mkdir()
        save(other, "three")
        place.unlink()
        place.symlink_to(other)
        command.wait_for(f"{place} changed")


def test_bytecode_of_the_same_second_and_size_is_not_served(place):
    py_compile.compile(str(place / "app.py"), doraise=True)
    stamp = (place / "app.py").stat()
    with reloading(place) as command:
        save(place, "two")
        os.utime(place / "app.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        wait_for_word(command, "two")


def test_files_are_polled_where_the_kernel_cannot_tell(place):
    earlier = time.time() - 10
    os.utime(
        place / "app.py", (earlier, earlier)
    )  # watchfiles compares whole seconds when it polls
    with reloading(place, WATCHFILES_FORCE_POLLING="true") as command:
        save(place, "two")
        wait_for_word(command, "two")


# -- the watcher, and signals


def test_watcher_that_is_killed_is_back_and_has_missed_nothing(place):
    with reloading(place) as command, Client(command.address) as client:
        assert client.upgrade("/echo/websocket").status == 101
        os.kill(watcher(command), signal.SIGKILL)
        command.wait_for("what watches files ended with signal SIGKILL, and is started again")
        client.send(frame(TEXT, "on"))
        assert client.frame().payload == b"on"
        save(place, "two")  # while nobody watches
        wait_for_word(command, "two")
        assert count(command, "what watches files ended") == 1


def test_watcher_that_hangs_is_replaced(place):
    with reloading(place) as command:
        old = watcher(command)
        os.kill(old, signal.SIGSTOP)
        save(place, "two")
        command.wait_for("what watches files gives no sign of life")
        wait_for_word(command, "two")
        assert watcher(command) != old


def test_watcher_ends_with_its_master_whichever_way(place):
    with reloading(place) as command:
        pid = watcher(command)
        command.process.kill()
        command.process.wait()
        eventually(lambda: not Path(f"/proc/{pid}").exists(), pause=0.02)
    with reloading(place) as command:
        pid = watcher(command)
        command.signal(signal.SIGINT)
        assert command.ended() == 0
        eventually(lambda: not Path(f"/proc/{pid}").exists(), pause=0.02)


def test_signals_do_beside_it_what_they_always_do(place):
    with reloading(place) as command:
        with Client(command.address) as client:
            assert client.upgrade("/echo/websocket").status == 101
            command.signal(signal.SIGHUP)
            assert client.frame().code == 1012
        save(place, "two")
        command.signal(signal.SIGHUP)
        wait_for_word(command, "two")
        command.signal(signal.SIGUSR2)
        new = int(command.wait_for(r"started a new master, pid (\d+)")[1])
        command.wait_for(rf"\[{new}\] INFO roost.master: watching")
        command.wait_for(rf"\[{new}\] INFO roost.master: serving")
        command.signal(signal.SIGTERM)
        assert command.process.wait(20) == 0
        save(place, "three")
        wait_for_word(command, "three")
        os.kill(new, signal.SIGTERM)
        command.wait_for(rf"\[{new}\] INFO roost.master: ended, exit status 0")


def test_master_imports_neither_watchfiles_nor_gevent(place):
    with reloading(place) as command:
        maps = Path(f"/proc/{command.process.pid}/maps").read_text()
        assert "watchfiles" not in maps
        assert "gevent" not in maps
        assert "watchfiles" in Path(f"/proc/{watcher(command)}/maps").read_text()


# -- what is refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--reload", "--workers", "0"], r"--reload .*--workers 1"),
        (["--reload", "--reload-dir", "no-such"], r"--reload-dir 'no-such': is no directory"),
        (["--reload-dir", "."], r"--reload-dir is for --reload"),
    ],
)
def test_what_cannot_be_is_refused(place, options, said):
    found = refused(place, *options)
    assert re.search(said, found)


def refused(place: Path, *options: str, python: tuple[str, ...] = (), **more: str) -> str:
    ended = subprocess.run(
        [sys.executable, *python, "-m", "actors.endpoint", "app:endpoint", *options],
        cwd=place, env=environment(**more), capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert ended.returncode == 2, ended
    return ended.stderr


def test_without_watchfiles_it_says_what_to_install(place, tmp_path):
    packages = tmp_path / "packages"
    packages.mkdir()
    for found in (
        entry for each in python_site.getsitepackages() for entry in Path(each).iterdir()
    ):
        if not found.name.startswith("watchfiles"):
            (packages / found.name).symlink_to(found)
    said = refused(place, "--reload", python=("-S",), PYTHONPATH=f"{ROOT}:{packages}")
    assert said == "roost: --reload needs watchfiles: pip install 'roost[reload]'\n"
