"""Drills: everybody comes back while the server still drains in batches."""

from __future__ import annotations

from supervision.drills.drill import drill
from supervision.drills.themes import herds
from tests.drills.stage import AppStage

DRAINER = {"batch_size": 50, "batch_interval": 0.2}


@drill("G20", bound=5.0, needs=("websocket",))
def returners(stage: AppStage) -> None:
    """Drained clients come back 10 ms later, to the same server: all are told, none sees 1006."""
    for order in ("stop_accepting", "phoenix"):
        server = stage.serve(options={"drainer": DRAINER, "endpoint": {"drain_order": order}})
        herds.drained_and_back(stage, server, f"drain_order={order!r}")
