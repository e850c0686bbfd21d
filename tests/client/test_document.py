"""docs/client.md: its code, as a reader types it, and its table of options."""

from __future__ import annotations

import dataclasses
import re

import pytest

from actors.client.options import ClientOptions
from tests.support.command import ROOT, Command

TEXT = (ROOT / "docs/client.md").read_text(encoding="utf-8")
TYPED = re.compile(r"(<!-- include: \S+ -->\n)?```python\n(.*?)```\n", re.DOTALL)


@pytest.fixture
def chat():
    with Command("examples.chat:endpoint") as command:
        yield command


def test_its_code_runs_from_the_first_line_to_the_last(chat, capsys):
    where = f"127.0.0.1:{chat.address[1]}"
    code = "\n".join(text for included, text in TYPED.findall(TEXT) if not included)
    assert code.count("127.0.0.1:4000") == 1
    names: dict[str, object] = {}
    exec(compile(code.replace("127.0.0.1:4000", where), "client.md", "exec"), names)
    names["client"].close()
    said = capsys.readouterr().out
    assert "sent: {}" in said
    assert "new_msg {'from': 'ada', 'body': 'hello'} None" in said


def test_every_option_is_in_its_table():
    rows = []
    for field in dataclasses.fields(ClientOptions):
        unit = field.metadata["limit"]
        words = field.metadata["doc"] if unit is None else f"{unit} {field.metadata['doc']}"
        rows.append(f"| `{field.name}` | {field.default} | {words} |")
    table = TEXT.partition("| option | default | is |\n| --- | --- | --- |\n")[2]
    assert table.partition("\n\n")[0].splitlines() == rows
