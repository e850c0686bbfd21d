"""What the ops port bears of who asks it."""

from typing import Final

MAX_CONNECTIONS: Final = 1000
"""Connections to the ops port; more are told 503."""

PER_ADDRESS: Final = MAX_CONNECTIONS // 2
"""Of them, of one address, so that nobody alone keeps the prober out."""

MAX_BODY: Final = 4096
"""Bytes of a request's body."""

MAX_HEAD: Final = 16_384
"""Bytes of a request line and all headers."""

FRESH: Final = 0.5
"""Seconds that a scrape waits for a snapshot of its own; then it gets the last one."""

PATIENCE: Final = 5.0
"""Seconds that a deed may take until it is said that nobody answers."""
