"""The server under test: an echo socket with the options that the Autobahn cases ask for.

The cases send messages of up to 16 MiB, and 4 MiB in fragments of 64 bytes. Both are over the
default limits, so the mounts raise those; nothing else is different from an endpoint as it comes.
"""

from __future__ import annotations

from actors import Endpoint, Reply, Socket

LARGEST = 16 * 1024 * 1024
LIMITS = {
    "max_frame_size": LARGEST,
    "max_message_size": LARGEST,
    "max_send_queue": 2 * LARGEST,
    "max_fragments": 65_536,
}
# 12.1.x repeats one character: 128 KiB of it are some 150 bytes on the wire.
DEFLATE = {**LIMITS, "compress": True, "max_inflate_ratio": 1100}


class Echo(Socket):
    """Sends each message back."""

    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


endpoint = Endpoint()
endpoint.socket("/plain", Echo, websocket=LIMITS)
endpoint.socket("/deflate", Echo, websocket=DEFLATE)
