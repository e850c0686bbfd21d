"""A Unix socket with a path: bound, adopted, removed; by several processes at once, too."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from actors.unix_files import listens
from supervision.processes import unix_socket
from supervision.processes.unix_socket import Place, UnixSocket
from tests.support.command import DEADLINE, ROOT


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "x.sock")


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except OSError:
            return False
        return True


def test_it_listens_with_its_mode_and_is_not_inheritable(place):
    made = UnixSocket.bind(place._replace(mode=0o640))
    assert connects(place.path)
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o640
    assert not made.sock.get_inheritable()
    made.end()
    assert not place.path.exists()


def test_the_umask_is_what_it_was(place):
    before = os.umask(0o027)
    try:
        UnixSocket.bind(place).end()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_a_group_is_that_of_the_file(place):
    made = UnixSocket.bind(place._replace(mode=0o660, group=str(os.getegid())))
    assert place.path.stat().st_gid == os.getegid()
    made.end()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may give a file to any group")
def test_a_group_that_is_not_ours_leaves_nothing_behind(place):
    with pytest.raises(PermissionError):
        UnixSocket.bind(place._replace(group="0"))
    assert not place.path.exists()


@pytest.mark.parametrize(
    ("mode", "any_user"), [(0o600, False), (0o644, False), (0o660, True), (0o602, True)]
)
def test_other_users_may_connect_where_they_may_write(place, mode, any_user):
    assert place._replace(mode=mode).any_user is any_user


def test_what_nobody_listens_on_is_replaced(place):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place.path))
    assert not listens(place.path)
    UnixSocket.bind(place).end()


def test_what_somebody_listens_on_is_left(place):
    one = UnixSocket.bind(place)
    with pytest.raises(OSError, match="another process listens there"):
        UnixSocket.bind(place)
    assert connects(place.path)
    one.end()


def test_one_that_is_full_is_somebodys(place):
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as client:
        full.bind(str(place.path))
        full.listen(0)
        client.connect(str(place.path))
        assert listens(place.path)


def test_the_file_stays_as_long_as_somebody_listens(place):
    one = UnixSocket.bind(place)
    other = one.sock.dup()
    one.end()
    assert connects(place.path)
    adopted = UnixSocket.adopt(place, other.detach())
    assert adopted is not None
    adopted.end()
    assert not place.path.exists()


def test_a_file_of_the_same_name_is_left_at_the_end(place):
    made = UnixSocket.bind(place)
    place.path.unlink()
    place.path.write_text("another's")
    made.end()
    assert place.path.read_text() == "another's"


def test_an_end_without_the_file_is_one(place):
    made = UnixSocket.bind(place)
    place.path.unlink()
    made.end()


def test_one_whose_file_is_gone_is_not_adopted(place):
    made = UnixSocket.bind(place)
    place.path.unlink()
    assert UnixSocket.adopt(place, made.sock.detach()) is None


def test_what_is_another_socket_is_not_adopted_and_stays_open(place):
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        assert UnixSocket.adopt(place, tcp.fileno()) is None
        assert tcp.getsockname()
    assert UnixSocket.adopt(place, 10_000) is None


def test_a_directory_that_another_program_has_locked_is_not_waited_for_long(place, monkeypatch):
    monkeypatch.setattr(unix_socket, "LOCK", 0.05)
    fd = os.open(place.path.parent, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    UnixSocket.bind(place).end()
    os.close(fd)


def test_of_several_that_begin_at_once_one_listens(place):
    """Each finds the same stale socket; none takes away what another has just made."""
    code = f"""
import sys
from pathlib import Path
from supervision.processes.unix_socket import Place, UnixSocket
print("ready", flush=True)
sys.stdin.readline()
try:
    made = UnixSocket.bind(Place(Path({str(place.path)!r})))
except OSError as error:
    print("refused", flush=True)
else:
    print("listens", flush=True)
    sys.stdin.readline()
    made.end()
"""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place.path))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    try:
        for each in started:
            assert each.stdout.readline() == "ready\n"
        for each in started:
            each.stdin.write("go\n")
            each.stdin.flush()
        said = sorted(each.stdout.readline() for each in started)
        assert said == ["listens\n", "refused\n", "refused\n", "refused\n"]
        assert connects(place.path)
    finally:
        for each in started:
            each.communicate("end\n", timeout=DEADLINE)
    assert not place.path.exists()
