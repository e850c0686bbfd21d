"""Echo with python-engineio (the layer under python-socketio) on gevent and
gevent-websocket. argv: PORT. The client opens /engine.io/?EIO=4&transport=websocket,
and sends messages with a "4" before the text."""

# ruff: noqa: E402 - gevent patches first
from gevent import monkey

monkey.patch_all()
import sys

import engineio
from gevent import pywsgi
from geventwebsocket.handler import WebSocketHandler

eio = engineio.Server(async_mode="gevent", async_handlers=False)


@eio.on("message")
def message(sid, data):
    eio.send(sid, data)


pywsgi.WSGIServer(
    ("127.0.0.1", int(sys.argv[1])), engineio.WSGIApp(eio), log=None, handler_class=WebSocketHandler
).serve_forever()
