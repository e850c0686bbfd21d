"""In a patched process: a hundred actors at once use what docs/asyncio.md tells to use.

``python patched_clients.py CERTIFICATE HTTP_PORT REDIS_PORT ECHO_PORT`` prints what came of it. The
servers are asyncio's, in a process of their own (``asyncio_peers.py``).
"""

# ruff: noqa: E402 - it patches first, as the command does

from gevent import monkey

monkey.patch_all()

import asyncio
import json
import socket
import ssl
import subprocess
import sys

import httpx
import redis

import actors
from actors.runtime import Actor

COUNT = 100
SECONDS = 40

certificate = sys.argv[1]
http_port, redis_port, echo_port = map(int, sys.argv[2:])
web = httpx.Client(
    verify=ssl.create_default_context(cafile=certificate),
    timeout=SECONDS,
    limits=httpx.Limits(max_connections=COUNT),
)
store = redis.Redis(
    host="localhost", port=redis_port, protocol=2, ssl=True, ssl_ca_certs=certificate,
    connection_pool=redis.BlockingConnectionPool(
        max_connections=5, timeout=SECONDS, host="localhost", port=redis_port, protocol=2,
        connection_class=redis.SSLConnection, ssl_ca_certs=certificate, ssl_check_hostname=True,
    ),
)  # fmt: skip


class Asking(Actor):
    def on_receive(self, message):
        ask, number = message
        return ask(number)


def talk(number):
    """To a process of asyncio's, by its host's name."""
    with socket.create_connection(("localhost", echo_port), timeout=SECONDS) as sock:
        sock.sendall(b"%d" % number)
        return sock.recv(100) == b"%d" % number


def get(number):
    return web.get(f"https://localhost:{http_port}/{number}").text == "ok"


def look_up(number):
    return store.get(f"{number}") == b"%d" % number


def told(name, what):
    sys.stdout.write(json.dumps([name, what]) + "\n")


def error_of(function):
    try:
        function()
    except Exception as error:  # noqa: BLE001 - it is what is asked for
        return str(error)
    return None


for ask in (talk, get, look_up):
    asking = [Asking.start().ask((ask, number), block=False) for number in range(COUNT)]
    told(ask.__name__, [each.get(timeout=SECONDS) for each in asking].count(True))


# What the page says of the ways that are not offered.


def run(_):
    coroutine = asyncio.sleep(0.02)
    error = error_of(lambda: asyncio.run(coroutine))
    coroutine.close()
    return error


asking = [Asking.start().ask((run, number), block=False) for number in range(2)]
told("asyncio.run", [each.get(timeout=SECONDS) for each in asking])


async def start():
    subprocess.run(["true"], check=True)  # noqa: ASYNC221 - a library's import may


def start_by_loop():
    return error_of(lambda: asyncio.run(start()))


told("a process, by a loop in a thread", actors.in_thread(start_by_loop))
told("a process, in_thread", error_of(lambda: actors.in_thread(subprocess.run, ["true"])))
