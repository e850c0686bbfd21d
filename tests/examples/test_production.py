"""docs/production.md, as its reader types it, from a wheel and in a directory of its own.

The commands run as they stand, with the ports that they name: on a host of their own, but for what
is installed, which needs the network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.command import ROOT
from tests.support.netns import Host
from tests.support.waiting import DEADLINE, eventually

STEP = re.compile(
    r"`(?P<file>[\w.]+)`:\n\n<!-- include: \S+ -->\n```\w+\n(?P<text>.*?)```\n"
    r"|```sh\n(?P<typed>.*?)```\n",
    re.DOTALL,
)
BUILD = shutil.ignore_patterns(".*", "*.so", "*.c", "tests", "benchmarks", "build", "*.egg-info")


def steps() -> Iterator[re.Match[str]]:
    """Return what the first chapter has its reader save and type, in its order."""
    page = (ROOT / "docs/production.md").read_text(encoding="utf-8")
    return STEP.finditer(page.partition("## From an empty directory")[2].partition("\n## ")[0])


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source") / "roost"
    shutil.copytree(ROOT, source, ignore=BUILD)
    place = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "--no-deps", "--wheel-dir", str(place), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return place


class Terminal:
    """Types commands, in ``here`` and on ``host``; what they left running is ended at the end."""

    def __init__(self, here: Path, host: Host, wheels: Path) -> None:
        self.here, self.host = here, host
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.environ = {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        [self.wheel] = wheels.glob("roost-*.whl")

    def type(self, text: str) -> str:
        """Return what is said; it goes to a file, which what runs on may keep open."""
        installs = "pip install" in text
        text = text.replace("/path/to/roost", str(self.wheel))  # as the page has its reader do
        with self.opened("said") as said, self.opened("wrong") as wrong:
            done = subprocess.run(
                [*([] if installs else self.host.prefix), "bash", "-euc", text],
                cwd=self.here, env=self.environ, check=False,
                stdin=subprocess.DEVNULL, stdout=said, stderr=wrong,
                timeout=240 if installs else 2 * DEADLINE,
            )  # fmt: skip
            said.seek(0)
            wrong.seek(0)
            assert done.returncode == 0, f"{text}{said.read()}{wrong.read()}{self.log()}"
            return said.read()

    def opened(self, name: str) -> IO[str]:
        return (self.here / name).open("w+", encoding="utf-8")

    def log(self) -> str:
        path = self.here / "roost.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def wait_end(self) -> None:
        """Wait until the server has ended: its file goes, and behind that it says its last word."""
        eventually(lambda: not (self.here / "roost.pid").exists(), 2 * DEADLINE, pause=0.05)
        eventually(lambda: "ended, exit status" in self.log().splitlines()[-1], pause=0.05)

    def clear(self) -> None:
        for name in ("roost.pid", "nginx.pid"):
            path = self.here / name
            if path.exists() and path.read_text().strip():
                with suppress(ProcessLookupError):
                    os.kill(int(path.read_text()), signal.SIGTERM)


@pytest.fixture
def terminal(tmp_path: Path, wheels: Path) -> Iterator[Terminal]:
    with Host() as host:
        made = Terminal(tmp_path, host, wheels)
        try:
            yield made
        finally:
            made.clear()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_page_ends_with_the_chat_behind_nginx_with_metrics(terminal: Terminal) -> None:
    seen = False
    for step in steps():
        if step["file"] is not None:
            terminal.here.joinpath(step["file"]).write_text(step["text"], encoding="utf-8")
            continue
        typed = step["typed"]
        said = terminal.type(typed)
        if "client_chat.py" in typed:
            assert "ada: Good morning" in said
        elif "/metrics" in typed:  # workers say what they have counted once a second
            eventually(lambda typed=typed: heard(terminal.type(typed)) >= 2, pause=0.2)
            seen = True
    assert seen
    terminal.wait_end()
    log = [json.loads(line) for line in terminal.log().splitlines()]
    messages = [line["message"] for line in log]
    assert "SIGHUP" in messages
    assert messages[-1] == "ended, exit status 0"


def heard(page: str) -> float:
    """Return how many messages of clients a page of metrics tells: a join, and what was said."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if (sample.name, sample.labels.get("direction")) == ("roost_messages_total", "in")
    )
