"""The matrix of version, transport and case: what it must hold, and how it is printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Cell = tuple[str, str, str]
TABLE = json.loads((Path(__file__).parent / "matrix.json").read_text(encoding="utf-8"))


def wanted() -> Iterator[Cell]:
    """Each cell that must be there, as (version, transport, case)."""
    for case, only in TABLE["cases"].items():
        for version in only.get("versions", TABLE["versions"]):
            for transport in only.get("transports", TABLE["transports"]):
                yield version, transport, case


def printed(results: Mapping[Cell, Any]) -> str:
    """The matrix as a table; ``results`` has an error or ``None`` for the cells that were run.

    ``ok``, ``FAILED`` or ``MISSING``; ``-`` is not for this version or transport.
    """
    must = set(wanted())
    columns = [(v, t) for t in TABLE["transports"] for v in TABLE["versions"]]
    width = max(map(len, TABLE["cases"]))

    def word(cell: Cell) -> str:
        if cell not in results:
            return "MISSING" if cell in must else "-"
        return "FAILED" if results[cell] else "ok"

    lines = []
    for transport in TABLE["transports"]:
        lines.append(f"{transport:<{width}}  " + "  ".join(f"{v:>7}" for v in TABLE["versions"]))
        for case in TABLE["cases"]:
            words = [word((v, t, case)) for v, t in columns if t == transport]
            lines.append(f"{case:<{width}}  " + "  ".join(f"{each:>7}" for each in words))
        lines.append("")
    return "\n".join(lines)
