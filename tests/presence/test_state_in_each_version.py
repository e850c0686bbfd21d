"""A state that is encoded already is the same for clients of each version."""

from __future__ import annotations

import json

import msgpack
import pytest

from actors.serializers.packed import MSGPACK
from actors.serializers.strict_json import Encoded, encode
from actors.serializers.v1 import V1
from actors.serializers.v2 import V2

STATE = {"ann": {"metas": [{"phx_ref": "r1", "name": "é ✓"}]}}
EMPTY: dict[str, object] = {}


@pytest.mark.parametrize("state", [STATE, EMPTY])
@pytest.mark.parametrize(
    ("serializer", "read"),
    [
        (V1, lambda data: json.loads(data)["payload"]),
        (V2, lambda data: json.loads(data)[4]),
        (MSGPACK, lambda data: msgpack.unpackb(data)[4]),
    ],
)
def test_what_was_encoded_reads_as_what_was_not(serializer, read, state):
    _, one = serializer.push("1", None, "t", "presence_state", Encoded(encode(state)))
    _, other = serializer.push("1", None, "t", "presence_state", state)
    assert read(one) == read(other) == state
