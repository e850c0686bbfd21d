"""The versions that channels speak where their mount says nothing else."""

from actors.serializers.negotiation import served
from actors.serializers.packed import MSGPACK
from actors.serializers.v1 import V1
from actors.serializers.v2 import V2

DEFAULT = served([(V1, "~> 1.0.0"), (V2, "~> 2.0.0"), (MSGPACK, "2.0.0-msgpack")])
