"""How many of something a master may have; read by who judges options as well."""

from typing import Final

MAX_WORKERS: Final = 256
"""Worker processes of one master."""
