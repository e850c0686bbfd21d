"""What a channel's mailbox holds beside messages of its client and envelopes."""

from __future__ import annotations

from typing import Any

from actors.serializers.message import Ref


class Join:
    """The first item in a channel's mailbox: run ``join`` with ``payload``."""

    __slots__ = ("payload",)

    def __init__(self, payload: Any) -> None:
        self.payload = payload


class Leave:
    """The client leaves: reply to ``ref``, and end."""

    __slots__ = ("ref",)

    def __init__(self, ref: Ref) -> None:
        self.ref = ref


class Drain:
    """The server goes away: say farewell, and end."""

    __slots__ = ()
