"""Serves the fixture inside gevent's pywsgi, with gevent-websocket's handler, on a free port."""

from __future__ import annotations

import signal
import sys

import gevent
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from tests.golden.fixture import debug, endpoint


def main() -> None:
    """Serve until SIGTERM."""
    application = endpoint.wsgi(debug)
    server = WSGIServer(("127.0.0.1", 0), application, handler_class=WebSocketHandler, log=None)
    server.start()
    handler = gevent.signal_handler(signal.SIGTERM, server.stop)
    sys.stderr.write(f"serving http://127.0.0.1:{server.server_port}\n")
    server.serve_forever()
    handler.cancel()


if __name__ == "__main__":
    main()
