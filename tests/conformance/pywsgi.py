"""Serves ``tests.conformance.echo_endpoint`` inside gevent's pywsgi until it is terminated."""

from __future__ import annotations

import logging
import signal

import gevent
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from tests.conformance.echo_endpoint import endpoint

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    server = WSGIServer(("127.0.0.1", 0), endpoint.wsgi(), handler_class=WebSocketHandler)
    handler = gevent.signal_handler(signal.SIGTERM, server.stop)
    server.start()
    logging.getLogger("pywsgi").info("serving http://127.0.0.1:%d", server.server_port)
    server.serve_forever()
