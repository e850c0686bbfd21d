"""Flask pages and Roost sockets in one process, either way round.

Our sockets inside another gevent server, with pywsgi or with gunicorn::

    python examples/flask_mount.py
    gunicorn -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker examples.flask_mount

Our own server, with Flask for what no socket takes::

    python -m actors.endpoint examples.flask_mount:endpoint
"""

import signal
import sys

import gevent
from flask import Flask
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from actors import ConnectInfo, Endpoint, Ok, Opcode, Reply, Socket

flask_app = Flask(__name__)


@flask_app.get("/")
def index() -> str:
    return "<title>Flask</title><p>The sockets are at /echo.</p>"


class EchoSocket(Socket):
    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        return Ok(None)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply:
        return Reply(payload, opcode=opcode)


endpoint = Endpoint(fallback=flask_app)
endpoint.socket("/echo", EchoSocket, longpoll=True)

application = endpoint.wsgi(flask_app)


def main(port: int) -> None:
    server = WSGIServer(("127.0.0.1", port), application, handler_class=WebSocketHandler)
    # An orderly end: the process then exits, and every connection is told to come back (1012).
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, server.stop)
    server.start()
    print(f"serving http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
