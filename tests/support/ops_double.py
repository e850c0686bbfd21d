"""What is in place of a server's ops port, for the verbs that ask one."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.command import ROOT, run

TOKEN = "t" * 43


def environ(**variables):
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}


class Ops:
    """An ops port: answers the views that it is given, one after the other, the last again."""

    def __init__(self, *views, refusal=None):
        self.views = list(views)
        self.refusal = refusal
        self.asked = []
        self.looked = threading.Event()
        ops = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                ops.heard(self, b"")
                view = ops.views[0] if len(ops.views) == 1 else ops.views.pop(0)
                if view is None:
                    self.close_connection = True  # without an answer
                else:
                    self.answer(200, view)

            def do_POST(self):
                ops.heard(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                self.answer(*(ops.refusal or (202, {"done": True})))

            def answer(self, status, said):
                body = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_): ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    def heard(self, handler, body):
        allowed = handler.headers["Authorization"] == f"Bearer {TOKEN}"
        self.asked.append((handler.command, handler.path, body, allowed))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def command(self, *arguments, **rest):
        variables = environ(ROOST_OPS=self.address, ROOST_OPS_TOKEN=TOKEN)
        return run(*arguments, env=variables, **rest)


def view(*workers, left=None, seconds=None, **more):
    """Return a view, with ``more`` in it; ``workers`` are slots and process ids."""
    return {
        "state": "serving",
        "left": left,
        "seconds": seconds,
        "workers": [{"slot": slot, "pid": pid, "state": "ready"} for slot, pid in workers],
        **more,
    }


BOTH = view((1, 11), (2, 12), left=30)
