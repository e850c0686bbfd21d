"""What the ops process costs: scrapes of eight workers under load, its memory, and its CPU time.

    python benchmarks/ops.py [--workers 8] [--scrapes 500] [--connections 64] [--seconds 20]

A server with `--ops` echoes for `wsload` all the time. First `/metrics` is scraped `--scrapes`
times, each on a connection of its own, as fast as they come: the percentiles are those of what a
scraper waits for. Then it is scraped once in a second for `--seconds`, as Prometheus may do at
most: the CPU time is that of the ops process in that while, as a part of one core. Its memory is
read at the end.
"""

import argparse
import http.client
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache/roost-bench"))
TICKS = os.sysconf("SC_CLK_TCK")


def started(workers):
    """Return a server that is ready, its port, and that of its ops process."""
    command = [sys.executable, "-m", "actors.endpoint", "--bind", "127.0.0.1:0"]
    command += ["--ops", "127.0.0.1:0", "--workers", str(workers)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said = ""
    while not re.search(r"workers? (is|are) ready", said) or "answers" not in said:
        line = server.stderr.readline()
        if not line:
            sys.exit(f"the server ended:\n{said}")
        said += line
    port = re.search(r"serving http://127.0.0.1:(\d+)", said)[1]
    ops = re.search(r"metrics at http://127.0.0.1:(\d+)", said)[1]
    pid = re.search(r"the ops process \(pid (\d+)\) answers", said)[1]
    return server, int(port), int(ops), int(pid)


def scrape(port):
    """Return the seconds that it took, and how many series there were."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    body = answer.read()
    took = time.perf_counter() - begun
    connection.close()
    if answer.status != 200:
        sys.exit(f"/metrics: {answer.status}")
    return took, sum(1 for line in body.splitlines() if line[:1] != b"#")


def cpu(pid):
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid):
    """Return the MiB that it holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def measure(given, ops, pid):
    """Scrape, and print what that took."""
    times, series = [], 0
    for _ in range(given.scrapes):
        took, series = scrape(ops)
        times.append(1000 * took)
    times.sort()
    p99 = times[int(0.99 * len(times))]
    print(f"{given.workers} workers, {series} series, {given.scrapes} scrapes, under load:")
    print(f"  p50 {statistics.median(times):.1f} ms, p99 {p99:.1f} ms, worst {times[-1]:.1f} ms")
    before, begun = cpu(pid), time.monotonic()
    while (now := time.monotonic()) < begun + given.seconds:
        scrape(ops)
        time.sleep(max(0.0, 1.0 - (time.monotonic() - now)))
    part = (cpu(pid) - before) / (time.monotonic() - begun)
    print(f"  a scrape a second: {100 * part:.2f} % of a core, {memory(pid):.1f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--scrapes", type=int, default=500)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=20)
    given = parser.parse_args()
    server, port, ops, pid = started(given.workers)
    load = ["echo", "-n", str(given.connections), "-d", str(given.seconds + 60), "-w", "1"]
    load += ["--path", "/echo/websocket", "--port", str(port), "--pid", str(server.pid)]
    loading = subprocess.Popen([HOME / "wsload", *load], stdout=subprocess.DEVNULL)
    try:
        time.sleep(3)  # the load warms up, and workers have said their totals
        measure(given, ops, pid)
    finally:
        loading.kill()
        server.terminate()
        server.wait(40)


if __name__ == "__main__":
    main()
