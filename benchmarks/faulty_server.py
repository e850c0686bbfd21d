"""The server that selfcheck.py runs wsload against: right, or with one fault.

python faulty_server.py PORT ws|http FAULT
"""

import asyncio
import itertools
import json
import logging
import random
import sys
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve as ws_serve


class Server:
    """Echo on any path but /socket/websocket, where it is a Phoenix V2 channel
    server: "ping" is answered with its payload, "shout" is broadcast."""

    def __init__(self, fault):
        self.fault = fault
        self.count = itertools.count(1)
        self.members = {}

    def hit(self):
        """True for every 50th message: that one gets the fault."""
        return next(self.count) % 50 == 0

    async def handler(self, ws):
        if self.fault == "drop-after-open":
            await ws.close(1011)
            return
        if ws.request.path.startswith("/socket/websocket"):
            await self.channel(ws)
        else:
            async for m in ws:
                await self.echo(ws, m)

    async def echo(self, ws, m):
        f = self.fault if self.hit() else None
        if f == "lose":
            return
        if f == "corrupt":
            m = m[:-1] + "!"
        elif f == "short":
            m = m[:-1]
        elif f == "opcode":
            m = m.encode()
        elif f == "fragment":
            await ws.send([m[:10], m[10:20], m[20:]])
            return
        elif f == "ping":
            await ws.ping()
        elif f == "twice":
            await ws.send(m)
        elif f == "close":
            await ws.close()
            return
        await ws.send(m)

    def reply(self, msg):
        """What one V2 message is answered with, for the sender alone."""
        join_ref, ref, topic, event, payload = msg
        status = "ok"
        if event == "phx_join" and self.fault == "refuse":
            status = "error"
        if event == "ping" and self.hit():
            if self.fault == "lose":
                return None
            if self.fault == "status":
                status = "error"
            if self.fault == "ref":
                ref = "999999999"
            if self.fault == "payload":
                payload = dict(payload, wsload="0" * 32)
        response = payload if event == "ping" else {}
        return json.dumps(
            [join_ref, ref, topic, "phx_reply", {"status": status, "response": response}]
        )

    async def channel(self, ws):
        topics = set()
        try:
            async for raw in ws:
                msg = json.loads(raw)
                _, _, topic, event, payload = msg
                if event == "phx_join":
                    topics.add(topic)
                    self.members.setdefault(topic, []).append(ws)
                r = self.reply(msg)
                if r:
                    await ws.send(r)
                if event == "shout":
                    await self.broadcast(topic, payload)
        finally:
            for t in topics:
                self.members[t].remove(ws)

    async def broadcast(self, topic, payload):
        # Other spacing than the client's own, as another JSON encoder may have.
        text = json.dumps([None, None, topic, "shout", payload], indent=1)
        hit, to = self.hit(), list(self.members[topic])
        if hit and self.fault == "skip-one":
            to.pop(0)
        if hit and self.fault == "twice":
            to.append(to[0])
        if hit and self.fault == "forge":
            text = text.replace('"wsload": "', '"wsload": "f')
        for ws in to:
            await ws.send(text)

    # -- long-poll, over a bare HTTP/1.1 server
    async def http(self, reader, writer):
        chunked = itertools.cycle([False, True])
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *rest = head.split("\r\n")
                method, target, _ = line.split()
                headers = {
                    k.lower(): v.strip() for k, v in (h.split(":", 1) for h in rest if ":" in h)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                token = parse_qs(urlsplit(target).query).get("token", [None])[0]
                queues = self.members
                bye = False
                if token not in queues:
                    token = f"SFMyNTY.{random.getrandbits(128):032x}"
                    queues[token] = asyncio.Queue()
                    out = {"status": 410, "token": token, "messages": []}
                elif method == "POST":
                    for part in body.decode().split("\n"):
                        r = self.reply(json.loads(part))
                        if r:
                            queues[token].put_nowait(r)
                    out = {"status": 200}
                    bye = self.fault == "connection-close" and self.hit()
                    if self.fault == "gone" and self.hit():
                        del queues[token]
                else:
                    try:
                        m = [await asyncio.wait_for(queues[token].get(), 0.5)]
                        out = {"status": 200, "token": token, "messages": m}
                    except TimeoutError:
                        out = {"status": 204, "token": token, "messages": []}
                data = json.dumps(out).encode()
                head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                if bye:
                    head += "connection: close\r\n"
                if next(chunked):
                    half = len(data) // 2
                    data = (
                        b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (data[:half], data[half:]))
                        + b"0\r\n\r\n"
                    )
                    head += "transfer-encoding: chunked\r\n\r\n"
                else:
                    head += f"content-length: {len(data)}\r\n\r\n"
                writer.write(head.encode() + data)
                if bye:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def serve(port, kind, fault):
    logging.disable()
    s = Server(fault)
    if kind == "http":
        server = await asyncio.start_server(s.http, "127.0.0.1", port)
        await server.serve_forever()
    else:

        def forge(_ws, _request, response):
            if fault == "accept":
                del response.headers["Sec-WebSocket-Accept"]
                response.headers["Sec-WebSocket-Accept"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="

        async with ws_serve(
            s.handler, "127.0.0.1", port, process_response=forge, max_size=None
        ) as server:
            await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
    except KeyboardInterrupt:
        pass
