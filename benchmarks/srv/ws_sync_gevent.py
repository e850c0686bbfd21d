"""Echo with `websockets` threading API under gevent.monkey. argv: PORT
Not a set-up that either project documents: for reference."""

# ruff: noqa: E402 - gevent patches first
from gevent import monkey

monkey.patch_all()
import sys

from websockets.sync.server import serve


def echo(ws):
    for message in ws:
        ws.send(message)


with serve(echo, "127.0.0.1", int(sys.argv[1])) as server:
    server.serve_forever()
