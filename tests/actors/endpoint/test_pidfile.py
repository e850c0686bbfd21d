"""``--pid-file`` in a directory where others may write."""

from __future__ import annotations

import os

import pytest

from actors.endpoint.pidfile import PidFile
from actors.errors import ConfigError

OWN = f"{os.getpid()}\n"


def test_file_has_the_id_while_it_is_ours_and_goes_at_the_end(tmp_path):
    path = tmp_path / "pid"
    with PidFile(str(path)) as file:
        assert list(tmp_path.iterdir()) == []
        file.write()
        assert path.read_text() == OWN
        assert list(tmp_path.iterdir()) == [path]
    assert list(tmp_path.iterdir()) == []


def test_file_of_a_successor_is_left_alone(tmp_path):
    path = tmp_path / "pid"
    with PidFile(str(path)) as file:
        file.write()
        path.write_text("1\n")
    assert path.read_text() == "1\n"


def test_links_that_lie_in_wait_lead_nowhere(tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "pid"
    victim.write_text("precious")
    for name in ("pid", f".pid.{os.getpid()}", ".pid"):
        (tmp_path / name).symlink_to(victim)
    with PidFile(str(path)) as file:
        file.write()
        assert not path.is_symlink()
        assert path.read_text() == OWN
    assert victim.read_text() == "precious"


def test_name_that_is_taken_after_all_is_not_followed(tmp_path, monkeypatch):
    victim, path = tmp_path / "victim", tmp_path / "pid"
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    (tmp_path / ".pid.guessed").symlink_to(victim)
    with pytest.raises(ConfigError, match=r"--pid-file .*: File exists"):
        PidFile(str(path)).write()
    assert not victim.exists()


@pytest.mark.parametrize("place", [".", "no/pid"])
def test_place_where_it_cannot_be_is_refused_early(tmp_path, place):
    with pytest.raises(ConfigError, match="--pid-file"), PidFile(str(tmp_path / place)):
        raise AssertionError("it was entered")
