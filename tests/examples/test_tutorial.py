"""docs/tutorial.md, as its reader types it: files are saved, commands run, pages opened.

But for the installation (what is tested is installed already, and nothing is downloaded here), and
for the port, which is any free one.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.support.browser import Page, chromium
from tests.support.command import ROOT, Command
from tests.support.waiting import DEADLINE

STEP = re.compile(r"(?:<!-- (.+?) -->\n)?```([a-z]+)\n(.*?)```\n", re.DOTALL)
SERVE = "python -m actors.endpoint chat:endpoint --workers "


def steps():
    """Return what is in the boxes: what is said of each, its language, and the text."""
    return STEP.findall((ROOT / "docs/tutorial.md").read_text(encoding="utf-8"))


@pytest.fixture
def typed(tmp_path):
    """Type one box after the other; ``typed()`` returns what the next one does."""
    left = iter(steps())
    return lambda: do(tmp_path, *next(left))


def do(here: Path, said: str, language: str, text: str) -> object:
    if said == "install":
        return text
    if said.startswith("file: "):
        here.joinpath(said.removeprefix("file: ")).write_text(text)
        return said
    if said.startswith("append to class: "):
        name, _, file = said.removeprefix("append to class: ").partition(" in ")
        path = here / file
        before, head, rest = path.read_text().partition(f"class {name}")
        body, gap, behind = rest.partition("\n\n\n")
        added = text.partition("# what is there stays\n")[2].rstrip()
        path.write_text(f"{before}{head}{body}\n{added}{gap}{behind}")
        return said
    assert (said, language) == ("", "sh")
    [command] = text.splitlines()
    if ".venv/bin/" + SERVE in command:
        return Command("chat:endpoint", workers=int(command.rpartition(" ")[2]), cwd=here)
    if command.startswith(".venv/bin/python "):
        arguments = shlex.split(command)[1:]
        return subprocess.run(
            [sys.executable, *arguments], cwd=here, capture_output=True, text=True,
            timeout=DEADLINE, check=True,
        ).stdout  # fmt: skip
    return command


class Window(Page):
    def __init__(self, browser, served, name, *, new=False):
        super().__init__(browser, f"{served.url}/?name={name}", new=new)

    @property
    def log(self):
        return [each.text for each in self.browser.find_elements(By.CSS_SELECTOR, "#log li")]

    def wait_line(self, line, count=1):
        self.wait(lambda: self.log.count(line) >= count)


def test_the_tutorial_ends_in_a_chat_on_two_workers(typed, tmp_path):
    assert ".venv/bin/pip install" in typed()
    assert typed() == "file: chat.py"
    assert typed() == "ok: 1 socket mounted\n"
    assert typed() == "file: page.html"
    with chromium(tmp_path / "profile") as browser:
        with typed() as served:
            ada = Window(browser, served, "ada")
            grace = Window(browser, served, "grace", new=True)
            grace.wait_line("joined: ok")
            ada.say("hello")
            grace.wait_line("ada: hello")
            nobody = Window(browser, served, "", new=True)
            nobody.wait_line("who are you?")
            nobody.close()
            served.signal(signal.SIGINT)
            grace.wait_line("the connection ended")
            assert served.ended() == 0
        assert typed().startswith("append to class: RoomChannel")
        with typed() as served:
            served.wait_for("2 workers are ready")
            ada = Window(browser, served, "ada")
            ada.wait_line("ada came in")
            grace = Window(browser, served, "grace", new=True)
            ada.wait_line("grace came in")
            grace.say("good day")
            ada.wait_line("grace: good day")
            assert typed() == "pkill -HUP -f 'actors.endpoint chat:endpoint'"
            served.signal(signal.SIGHUP)  # as that does, to this server alone
            grace.wait_line("joined: ok", 2)
            ada.wait_line("joined: ok", 2)
            ada.say("still here")
            grace.wait_line("ada: still here")
            grace.close()
            ada.wait_line("grace left")
        assert browser.get_log("browser") is not None
    with pytest.raises(StopIteration):
        typed()
