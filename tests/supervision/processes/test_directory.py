"""Whose a master's directory is when masters and workers are killed."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile

import pytest

from supervision.processes.directory import WORKERS, Directory, Tenant, sweep
from supervision.processes.load import LOAD, LoadShare


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def killed(directory):
    """Have the master end as a kill ends it: its descriptors close, and nothing is done."""
    os.close(directory._fd)


def test_directory_is_private_and_goes_with_its_master(place):
    directory = Directory()
    assert directory.path.parent == place
    assert directory.path.stat().st_mode & 0o777 == 0o700
    directory.remove()
    assert list(place.iterdir()) == []


def test_worker_that_ends_leaves_the_directory_to_its_master():
    directory = Directory()
    Tenant(directory.path).leave()
    assert directory.path.exists()
    Tenant(directory.path).leave()
    directory.remove()


def test_last_worker_of_a_killed_master_removes_it(place):
    directory = Directory()
    tenants = [Tenant(directory.path) for _ in range(3)]
    killed(directory)
    for tenant in tenants[:-1]:
        tenant.leave()
        assert directory.path.exists()
    tenants[-1].leave()
    assert list(place.iterdir()) == []
    tenants[-1].leave()


def test_worker_of_a_master_that_knows_no_locks_removes_nothing(place):
    old = place / "roost-old"
    old.mkdir(0o700)
    Tenant(old).leave()
    assert old.exists()


def test_directory_that_is_whole_is_left_as_it_is():
    directory = Directory()
    before = [path.stat() for path in sorted(directory.path.iterdir())]
    assert not directory.restore()
    assert [path.stat() for path in sorted(directory.path.iterdir())] == before


@pytest.mark.parametrize("missing", [WORKERS, LOAD, ""])
def test_what_was_removed_is_made_anew_and_locked(place, missing):
    directory = Directory()
    whole = sorted(directory.path.iterdir())
    path = directory.path / missing
    path.unlink() if missing else shutil.rmtree(path)
    assert directory.restore()
    assert sorted(directory.path.iterdir()) == whole
    assert directory.path.stat().st_mode & 0o777 == 0o700
    sweep()
    assert directory.path.exists(), "its master lives"
    assert not directory.restore()
    directory.remove()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("theirs", ["link", "open", "file"])
def test_directory_of_somebody_elses_making_is_not_taken(place, theirs):
    directory = Directory()
    shutil.rmtree(directory.path)
    other = place / "other"
    other.mkdir(0o700)
    if theirs == "link":
        directory.path.symlink_to(other)
    elif theirs == "open":
        directory.path.mkdir()
        directory.path.chmod(0o755)
    else:
        directory.path.touch()
    with pytest.raises(OSError, match=directory.path.name):
        directory.restore()
    assert list(other.iterdir()) == []


def test_directory_that_cannot_be_furnished_is_not_left(place, monkeypatch):
    def full(_path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LoadShare, "create", full)
    with pytest.raises(OSError, match="No space"):
        Directory()
    assert list(place.iterdir()) == []


def test_next_start_removes_what_nobody_holds_any_more(place):
    directory = Directory()
    sweep()
    assert directory.path.exists(), "its master lives"
    tenant = Tenant(directory.path)
    killed(directory)
    sweep()
    assert directory.path.exists(), "a worker of it lives"
    os.close(tenant._fd)
    sweep()
    assert list(place.iterdir()) == []


def test_next_start_leaves_everything_else_alone(place):
    kept = place / "elsewhere"
    kept.mkdir(0o700)
    (kept / WORKERS).touch()
    (place / "roost-link").symlink_to(kept)
    (place / "roost-file").touch()
    (place / "roost-old").mkdir(0o700)  # a master that knows no locks may live there
    shared = place / "roost-shared"
    shared.mkdir()
    (shared / WORKERS).touch()
    shared.chmod(0o777)
    before = sorted(place.rglob("*"))
    sweep()
    assert sorted(place.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_next_start_leaves_directories_of_others_alone(place):
    other = place / "roost-other"
    other.mkdir(0o700)
    (other / WORKERS).touch()
    os.chown(other, 12345, 12345)
    sweep()
    assert other.exists()
