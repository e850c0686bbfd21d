"""What a drill tells its application: a JSON object in the environment."""

from __future__ import annotations

import json
import os
from typing import Any, Final

VARIABLE: Final = "ROOST_DRILL_OPTIONS"


def of_environment() -> dict[str, Any]:
    """Return the options of this process."""
    found: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
    return found
