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

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.lazy import lazy

if TYPE_CHECKING:
    from actors.serializers.message import Body as Body
    from actors.serializers.message import Incoming as Incoming
    from actors.serializers.message import Serializer as Serializer
    from actors.serializers.packed import MSGPACK as MSGPACK
    from actors.serializers.v1 import V1 as V1
    from actors.serializers.v2 import V2 as V2

if not TYPE_CHECKING:
    __all__, __getattr__, __dir__ = lazy(
        globals(),
        {
            "actors.serializers.message": "Body Incoming Serializer",
            "actors.serializers.packed": "MSGPACK",
            "actors.serializers.v1": "V1",
            "actors.serializers.v2": "V2",
        },
    )
