"""Echo with gevent-websocket, as its README has it. argv: PORT"""

import sys
from collections import OrderedDict

from geventwebsocket import Resource, WebSocketApplication, WebSocketServer


class EchoApplication(WebSocketApplication):
    def on_message(self, message):
        if message is not None:
            self.ws.send(message)


WebSocketServer(
    ("127.0.0.1", int(sys.argv[1])), Resource(OrderedDict([("/", EchoApplication)])), log=None
).serve_forever()
