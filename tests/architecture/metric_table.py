"""The table of metrics in docs/metrics.md, made of the catalogue."""

from __future__ import annotations

from actors.metrics.catalogue import CATALOGUE


def table() -> str:
    """Return one row for each metric of Roost's own."""
    rows = ["| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n"]
    for metric in CATALOGUE.values():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        kind = metric.kind + (", the largest" if metric.merge == "max" else "")
        rows.append(f"| `{metric.name}` | {kind} | {labels} | {metric.help} |\n")
    return "".join(rows)
