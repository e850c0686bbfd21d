"""Which files count as an application's code, and what a watcher says, without and with files."""

from __future__ import annotations

import time
from pathlib import PurePath

import pytest

from actors.endpoint.command.watch import ADDED, Watcher
from actors.endpoint.command.watched import below, is_code, is_left_out


@pytest.mark.parametrize("path", ["chat.py", "rooms/lobby.py", "a/b/__init__.py", "build/x.py"])
def test_python_files_are_code(path):
    assert is_code(PurePath(path))


@pytest.mark.parametrize(
    "path",
    [
        "chat.pyc", "chat", "chat.html", "chat.py~", "chat.py.swp", "4913",
        ".#chat.py", "#chat.py#", ".chat.py", "flycheck_chat.py", "~chat.py",
        "__pycache__/chat.py", ".git/hook.py", ".venv/lib/x.py", "venv/lib/x.py",
        "node_modules/gyp/x.py", "a/site-packages/x.py", "a/.tox/x.py",
    ],
)  # fmt: skip
def test_what_others_write_is_not_code(path):
    assert not is_code(PurePath(path))


def test_directories_of_others_are_left_out():
    assert is_left_out(".git")
    assert is_left_out("__pycache__")
    assert not is_left_out("rooms")


@pytest.mark.parametrize(
    ("path", "roots", "found"),
    [
        ("/srv/app/chat.py", ["/srv/app"], "chat.py"),
        ("/srv/app/chat.py", ["/srv/app/"], "chat.py"),
        ("/srv/app/a/chat.py", ["/srv/app", "/srv/app/a"], "chat.py"),
        ("/chat.py", ["/"], "chat.py"),
        ("/srv/application/chat.py", ["/srv/app"], None),
    ],
)
def test_a_path_is_seen_from_its_innermost_root(path, roots, found):
    assert below(path, roots) == (None if found is None else PurePath(found))


# -- the watcher, told of changes by the test


class Stopped(BaseException):
    """Ends a watcher, as nothing in it expects."""


class Looks:
    """What is yielded: a list of rounds for each time that watching begins, then the end."""

    def __init__(self, *rounds):
        self.rounds = list(rounds)
        self.asked = []

    def __call__(self, directories, polls):
        self.asked.append((list(directories), polls))
        if not self.rounds:
            raise Stopped
        rounds = self.rounds.pop(0)
        if isinstance(rounds, Exception):
            raise rounds
        yield from rounds


def said(roots, looks, since=None):
    """Return what a watcher says of ``looks``, but for its signs of life."""
    heard = []
    watcher = Watcher(
        [str(root) for root in roots],
        time.time_ns() + 10**9 if since is None else since,
        lambda *message: heard.append(message),
        looks,
    )
    with pytest.raises(Stopped):
        watcher.run()
    return [message for message in heard if message[0] != "beat"]


def test_changes_of_code_are_told_with_one_path_and_a_count(tmp_path):
    paths = {(2, str(tmp_path / name)) for name in ("b.py", "a.py", "c.txt")}
    assert said([tmp_path], Looks([[], paths, []])) == [
        ("watching", False, ""),
        ("changed", "a.py", 1),
    ]


def test_virtual_environment_of_any_name_is_left_out(tmp_path):
    (tmp_path / "python" / "lib").mkdir(parents=True)
    (tmp_path / "python" / "pyvenv.cfg").touch()
    paths = {(ADDED, str(tmp_path / "python" / "lib" / "a.py"))}
    assert said([tmp_path], Looks([[], paths])) == [("watching", False, "")]


def test_directory_that_comes_counts_where_it_brings_code(tmp_path):
    for name, file in (("one", "a.py"), ("two", "a.txt"), (".three", "a.py")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    rounds = [[], *([{(ADDED, str(tmp_path / name))}] for name in ("two", ".three", "one"))]
    looks = Looks([rounds[0], *(each[0] for each in rounds[1:])])
    assert said([tmp_path], looks)[1:] == [("changed", "one", 0)]


def test_what_changed_before_it_began_is_told(tmp_path):
    (tmp_path / "a.py").touch()
    since = (tmp_path / "a.py").stat().st_ctime_ns
    assert said([tmp_path], Looks([[]]), since)[1:] == [("changed", "a.py", 0)]
    assert said([tmp_path], Looks([[]]), since + 10**9)[1:] == []


def test_what_is_saved_from_the_word_on_is_not_found_as_changed_before(tmp_path):
    heard = []

    def tell(*message):
        heard.append(message)
        if message[0] == "watching":
            (tmp_path / "a.py").touch()  # which the kernel will tell

    watcher = Watcher([str(tmp_path)], time.time_ns(), tell, Looks([[]]))
    with pytest.raises(Stopped):
        watcher.run()
    assert [message[0] for message in heard] == ["watching", "beat"]


def test_where_the_kernel_has_no_room_files_are_polled_and_that_is_said(tmp_path):
    looks = Looks(OSError("OS file watch limit reached"), [[]])
    assert said([tmp_path], looks) == [("watching", True, "OS file watch limit reached")]
    assert [polls for _, polls in looks.asked] == [False, True, True]


def test_what_cannot_even_be_polled_is_raised(tmp_path):
    watcher = Watcher([str(tmp_path)], 0, lambda *_: None, Looks(OSError("one"), OSError("two")))
    with pytest.raises(OSError, match="two"):
        watcher.run()


def test_directory_made_anew_is_watched_anew(tmp_path):
    root = tmp_path / "app"
    root.mkdir()
    (root / "a.py").touch()

    def look(directories, polls):
        looked.append(directories)
        yield []
        if len(looked) == 1:
            root.rename(tmp_path / "before")
            root.mkdir()
            (root / "a.py").touch()
            yield []
        elif len(looked) == 2:
            yield [(3, str(root))]  # deleted and made again, and the kernel took the same number
        else:
            raise Stopped
        raise AssertionError("the old directory is watched")

    looked = []
    watching, changed = ("watching", False, ""), ("changed", str(root), 0)
    assert said([root], look) == [watching, watching, changed, watching, changed]


def test_directory_that_is_missing_is_watched_when_it_comes(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    (one / "a.py").touch()

    def look(directories, polls):
        looked.append(directories)
        yield []
        if len(looked) == 1:
            other.mkdir()
        elif len(looked) == 2:
            one.rename(tmp_path / "away")
        elif len(looked) == 3:
            (tmp_path / "away").rename(one)
        else:
            raise Stopped
        yield []

    looked = []
    told = said([one, other], look)
    both = [str(one), str(other)]
    assert looked == [both[:1], both, both[1:], both]
    assert ("changed", str(one), 0) in told
