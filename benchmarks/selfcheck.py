#!/usr/bin/env python3
"""Self-check of wsload: runs each mode against a known-good server (made with `websockets`), then
against the same server with one fault at a time, and fails unless the good runs are clean and
every fault is told.

    python selfcheck.py PATH_OF_WSLOAD        # a Python that has the package websockets
"""

import json
import os
import socket
import subprocess
import sys
import time

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faulty_server.py")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(wsload, kind, fault, args):
    port = free_port()
    server = subprocess.Popen([sys.executable, SERVER, str(port), kind, fault])
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        p = subprocess.run(
            [wsload, *args.split(), "--port", str(port), "--pid", str(server.pid)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return p.returncode, json.loads(p.stdout), p.stderr
    finally:
        server.terminate()
        server.wait()


D = "-d 0.5 -w 0.1 --timeout 2"
CH = f"chanecho -n 4 {D} --topic room:x"
FO = f"fanout -n 10 {D}"
LP = f"longpoll -n 4 {D}"
EC = f"echo -n 4 {D}"


def err(kind):
    return lambda r: r["error_kinds"][kind] > 0


CHECKS = [  # (kind of server, fault, arguments, what must hold of the result, errors expected)
    ("ws", "none", EC, lambda r: r["msgs"] > 100 and r["clean_closes"] == 4, False),
    ("ws", "none", EC + " -p 16", lambda r: r["msgs"] > 100, False),
    ("ws", "none", EC + " -s 0", lambda r: r["msgs"] > 100, False),
    ("ws", "none", EC + " -s 3", lambda r: r["msgs"] > 100, False),
    ("ws", "none", EC + " -s 125", lambda r: r["msgs"] > 100, False),
    ("ws", "none", EC + " -s 126 -p 3", lambda r: r["msgs"] > 100, False),
    ("ws", "none", EC + " -s 65535 -p 2", lambda r: r["msgs"] > 20, False),
    ("ws", "none", EC + " -s 65536 -p 2 --binary", lambda r: r["msgs"] > 20, False),
    ("ws", "none", EC + " -s 3000000 -p 2", lambda r: r["msgs"] > 2, False),
    ("ws", "fragment", EC, lambda r: r["msgs"] > 100, False),
    ("ws", "ping", EC, lambda r: r["msgs"] > 100, False),
    (
        "ws",
        "none",
        "connect -n 500 --hold 0.2 --echo-once",
        lambda r: r["held"] == r["echo_once_ok"] == 500,
        False,
    ),
    (
        "ws",
        "none",
        "connect -n 400 --procs 2 --sources 3 --echo-once",
        lambda r: r["held"] == r["echo_once_ok"] == 400,
        False,
    ),
    ("ws", "none", CH, lambda r: r["payload_echoed"] == r["msgs"] > 100, False),
    ("ws", "none", CH + " -p 8 -s 300", lambda r: r["payload_echoed"] == r["msgs"] > 100, False),
    (
        "ws",
        "none",
        f"chanecho -n 4 {D} --topic room:%d --heartbeat 0.1",
        lambda r: r["msgs"] > 100,
        False,
    ),
    ("ws", "none", FO, lambda r: r["deliveries"] > 100 and r["missing"] == 0, False),
    ("ws", "none", FO + " --window 8 --heartbeat 0.1", lambda r: r["deliveries"] > 100, False),
    (
        "ws",
        "none",
        FO + " --rate 100 -s 200",
        lambda r: 40 <= r["pushes"] <= 60 and r["latency_us"]["n"] == 10 * r["pushes"],
        False,
    ),
    ("http", "none", LP, lambda r: r["payload_echoed"] == r["msgs"] > 50, False),
    ("http", "connection-close", LP, lambda r: r["msgs"] > 50 and r["reconnects"] > 0, False),
    # One fault at a time.
    ("ws", "accept", EC, err("handshake"), True),
    ("ws", "drop-after-open", EC, err("closed"), True),
    ("ws", "corrupt", EC, err("content"), True),
    ("ws", "short", EC, err("content"), True),
    ("ws", "opcode", EC, err("content"), True),
    ("ws", "twice", EC, err("content"), True),
    ("ws", "close", EC, err("closed"), True),
    ("ws", "lose", f"echo -n 4 {D}", err("lost"), True),
    ("ws", "refuse", CH, err("handshake"), True),
    ("ws", "lose", CH, err("lost"), True),
    ("ws", "status", CH, err("content"), True),
    ("ws", "ref", CH, err("content"), True),
    ("ws", "payload", CH, err("content"), True),
    (
        "ws",
        "skip-one",
        FO + " --rate 200",
        lambda r: r["missing"] > 0 and r["duplicates"] == 0,
        True,
    ),
    ("ws", "twice", FO + " --rate 200", lambda r: r["missing"] == 0 and r["duplicates"] > 0, True),
    ("ws", "forge", FO + " --rate 200", err("content"), True),
    ("http", "gone", LP, err("closed"), True),
    ("http", "payload", LP, err("content"), True),
    ("http", "lose", LP, err("lost"), True),
]


def main():
    wsload = sys.argv[1]
    failed = 0
    for kind, fault, args, ok, errors in CHECKS:
        try:
            rc, r, stderr = run(wsload, kind, fault, args)
            good = bool(ok(r)) and rc == int(errors) and (r["errors"] > 0) == errors
        except Exception as e:  # noqa: BLE001 - whatever it is, the check has failed
            good, rc, r, stderr = False, None, None, repr(e)
        print("ok  " if good else "FAIL", f"{fault:16} {args}", flush=True)
        if not good:
            failed += 1
            print("     ", rc, json.dumps(r), stderr)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
