"""The tables of compare.py, from the file of its results."""

import collections
import json
import os
import statistics

TESTS = {  # name: (title, arguments of wsload)
    "e64": ("echo 64 B, 64 conns, depth 1", "echo -n 64 -p 1 -s 64"),
    "e64p16": ("echo 64 B, 64 conns, depth 16", "echo -n 64 -p 16 -s 64"),
    "e16k": ("echo 16 KiB, 32 conns", "echo -n 32 -p 1 -s 16384"),
    "conn": ("connect 5,000", "connect -n 5000 -c 64 --hold 1 --timeout 40"),
}
ECHOES = ("e64", "e64p16", "e16k")


def rate(result):
    """Messages or connections per second of wall-clock time."""
    return result.get("msgs_per_s") or (
        result["accepted_per_s"] if result["mode"] == "connect" else None
    )


def efficiency(result):
    """Messages or connections per second of the server's CPU time."""
    cost = result["server"]["cpu_us_per_op"]
    return 1e6 / cost if cost else None


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


class Report:
    """``names`` (all, when left out) chooses the servers and their order."""

    def __init__(self, path, baseline, names=None):
        self.baseline = baseline
        self.cells = collections.defaultdict(list)
        with open(path) as results:
            for line in results:
                result = json.loads(line)
                self.cells[result["server_name"], result["test"]].append(result)
        measured = list(dict.fromkeys(name for name, _ in self.cells))
        self.names = [name for name in names or measured if name in measured]

    def values(self, name, test, figure):
        found = (figure(result) for result in self.cells[name, test])
        return [value for value in found if value]

    def median(self, name, test, figure):
        values = self.values(name, test, figure)
        return statistics.median(values) if values else None

    def ratio(self, name, test, figure):
        """The median, and in brackets its ratio to the baseline's."""
        value = self.median(name, test, figure)
        if value is None:
            return "-"
        base = self.median(self.baseline, test, figure)
        errors = any(result["errors"] for result in self.cells[name, test])
        text = number(value) + (f" ({value / base:.2f}x)" if base else "")
        return text + " (!)" if errors else text

    def grid(self, figure):
        rows = []
        for name in self.names:
            shown = f"**{name}**" if name == self.baseline else name
            rows.append([shown] + [self.ratio(name, test, figure) for test in (*ECHOES, "conn")])
        return table(["server"] + [TESTS[test][0] for test in ECHOES] + ["connections"], rows)

    def memory(self):
        rows = []
        for name in self.names:
            start = self.median(name, "conn", lambda r: r["server"]["rss_kb_start"])
            held = min((result["held"] for result in self.cells[name, "conn"]), default=None)
            row = [
                name,
                self.ratio(name, "conn", lambda r: r["server"].get("rss_kb_per_conn")),
                number(start and start / 1024),
                "-" if held is None else f"{held:,}",
            ]
            row += [
                number(self.median(name, "e64", lambda r, q=quantile: r["latency_us"][q]))
                for quantile in ("p50", "p99", "p99_9")
            ]
            rows.append(row)
        head = ["server", "KiB RSS/conn", "MiB RSS, no conns", "held (min)"]
        return table([*head, "p50 us", "p99 us", "p99.9 us"], rows)

    def spread(self):
        rows = []
        for name in self.names:
            row = [name]
            for test in (*ECHOES, "conn"):
                values = self.values(name, test, rate)
                row.append(f"{number(min(values))} - {number(max(values))}" if values else "-")
            server = self.median(name, "e64", lambda r: r["server"]["cpu_pct"]) or 0
            client = self.median(name, "e64", lambda r: r["client_cpu_pct"]) or 0
            rows.append([*row, f"{server:.0f} / {client:.0f}"])
        head = ["server"] + [TESTS[test][0] for test in ECHOES]
        return table([*head, "connections/s", "CPU % server / wsload (64 B, depth 1)"], rows)

    def others(self):
        """What other processes took, in percent of one core, per result."""
        cores = os.cpu_count()
        return [
            100 * cores
            - cores * result["machine_idle_pct"]
            - result["client_cpu_pct"]
            - result["server"]["cpu_pct"]
            for results in self.cells.values()
            for result in results
            if "machine_idle_pct" in result
        ] or [0]

    def __str__(self):
        rounds = sorted({len(results) for results in self.cells.values()})
        counted = " to ".join(map(str, dict.fromkeys((rounds[0], rounds[-1]))))
        others = self.others()
        return "\n\n".join(
            [
                f"Medians of {counted} rounds. In brackets: ratio to {self.baseline}. (!): errors.",
                f"Others used {statistics.median(others):.0f} % of a core, most {max(others):.0f}.",
                "### Per second of the server's own CPU time",
                self.grid(efficiency),
                "### Per second, as measured",
                self.grid(rate),
                "### Memory of 5,000 idle connections, and latency (64 B, 64 conns, depth 1)",
                self.memory(),
                "### Spread over the rounds (lowest - highest), and who was busy",
                self.spread(),
            ]
        )
