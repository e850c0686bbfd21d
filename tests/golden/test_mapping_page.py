"""docs/phoenix-mapping.md lists each difference from the recordings, with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from tests.golden.channel_differences import of_channels
from tests.golden.differences import BY_SERVER, DIFFERENCES, Difference
from tests.support.command import ROOT

PAGE = ROOT / "docs" / "phoenix-mapping.md"
BEGIN, END = "<!-- differences: begin -->\n", "<!-- differences: end -->\n"


def table() -> str:
    rows: dict[str, list[str]] = {}
    for name, difference in all_differences():
        rows.setdefault(difference.reason, []).append(f"`{name}`")
    lines = ["| recorded case | why ours differs |", "| --- | --- |"]
    lines += [f"| {', '.join(names)} | {reason} |" for reason, names in rows.items()]
    return "\n".join(lines) + "\n"


def all_differences() -> Iterator[tuple[str, Difference]]:
    yield from DIFFERENCES.items()
    yield from of_channels().items()
    for server in BY_SERVER:
        for name, difference in BY_SERVER[server].items():
            yield f"{name} ({server})", difference


def test_the_page_lists_every_difference_and_its_reason():
    written = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert written == table(), "write it anew: python -m tests.golden.test_mapping_page"


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.partition(END)[2], encoding="utf-8")
