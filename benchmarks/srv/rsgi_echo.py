"""Echo as granian's own RSGI application."""

from granian.rsgi import WebsocketMessageType as T


async def app(_scope, proto):
    ws = await proto.accept()
    while True:
        m = await ws.receive()
        if m.kind == T.close:
            break
        if m.kind == T.string:
            await ws.send_str(m.data)
        else:
            await ws.send_bytes(m.data)
