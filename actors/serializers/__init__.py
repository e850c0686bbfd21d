"""Channel messages as bytes: one serializer for each protocol version that a client may speak.

A serializer is an object with the four methods of :class:`Serializer`. The client names a version
by the parameter ``vsn``; :mod:`actors.serializers.negotiation` picks the serializer for it. Ours:

========================  ==============  ====================================================
:data:`V1`                ``~> 1.0.0``    JSON objects; no binary payloads
:data:`V2`                ``~> 2.0.0``    JSON arrays, and frames of its own for binary payloads
:data:`MSGPACK`           2.0.0-msgpack   the same five elements in msgpack, for both
========================  ==============  ====================================================

All of it is pure: ``message`` has the values, ``strict_json`` the JSON, ``binary`` the layouts.
"""

from actors.serializers.message import Body, Frame, Incoming, Serializer
from actors.serializers.negotiation import Served, negotiate, served
from actors.serializers.packed import MSGPACK
from actors.serializers.v1 import V1
from actors.serializers.v2 import V2

DEFAULT = served([(V1, "~> 1.0.0"), (V2, "~> 2.0.0"), (MSGPACK, "2.0.0-msgpack")])

__all__ = [
    "DEFAULT",
    "MSGPACK",
    "V1",
    "V2",
    "Body",
    "Frame",
    "Incoming",
    "Serializer",
    "Served",
    "negotiate",
    "served",
]
