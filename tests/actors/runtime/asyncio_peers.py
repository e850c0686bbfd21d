"""Servers for a client of asyncio's: HTTP and a little of Redis over TLS, and an echo.

``python asyncio_peers.py CERTIFICATE KEY`` prints their ports, and serves for a minute at most.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from asyncio import IncompleteReadError, StreamReader, StreamWriter

DELAY = 0.02
"""Seconds until an answer, so that a hundred clients wait at once."""


async def http(reader: StreamReader, writer: StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        await asyncio.sleep(DELAY)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


async def redis(reader: StreamReader, writer: StreamWriter) -> None:
    """Answer GET with the key."""
    while line := await reader.readline():
        words = []
        for _ in range(int(line[1:])):
            size = int((await reader.readline())[1:])
            words.append((await reader.readexactly(size + 2))[:-2])
        if words[0].upper() == b"GET":
            await asyncio.sleep(DELAY)
            writer.write(b"$%d\r\n%b\r\n" % (len(words[1]), words[1]))
        else:
            writer.write(b"+OK\r\n")


async def echo(reader: StreamReader, writer: StreamWriter) -> None:
    data = await reader.read(100)
    await asyncio.sleep(DELAY)
    writer.write(data)


def quiet(serve):
    """A client may leave when it likes."""

    async def served(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (IncompleteReadError, ConnectionError):
            pass
        writer.close()

    return served


async def main(certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    ports = []
    for serve, tls in ((http, context), (redis, context), (echo, None)):
        server = await asyncio.start_server(
            quiet(serve), "127.0.0.1", 0, ssl=tls, backlog=500, family=socket.AF_INET
        )
        ports.append(server.sockets[0].getsockname()[1])
    sys.stdout.write(" ".join(map(str, ports)) + "\n")
    sys.stdout.flush()
    await asyncio.sleep(60)


asyncio.run(main(*sys.argv[1:]))
