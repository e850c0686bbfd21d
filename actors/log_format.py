"""The names of :mod:`actors.logs.formatter` as they were imported before it was there."""

from __future__ import annotations

from actors.logs.formatter import HELD_BACK, LAYOUT, LOGGERS, LineFormatter, SafeLines
from actors.logs.line import MAX_LINE

__all__ = ["HELD_BACK", "LAYOUT", "LOGGERS", "MAX_LINE", "LineFormatter", "SafeLines"]
