"""The stage of drills about the application made for them: what it is told, and what it tells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from supervision.drills.clients import Client, WebSocket
from supervision.drills.connection import pump
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Check, Stage
from supervision.drills.target import Target
from tests.drills import ledger, point
from tests.drills import options as app_options
from tests.drills.points import Points

OURS = Target("tests.drills.app:endpoint", "/ledger/websocket", "/ledger/longpoll")


class AppStage(Stage):
    """It has the application's ``ledger``, and its named ``points``."""

    application = OURS.application
    budget = 8.0

    def __init__(self, target: Target, directory: Path, **rest: Any) -> None:
        super().__init__(target, directory, **rest)
        self.ledger = ledger.LedgerFile(directory / "ledger")
        self.points = Points(directory / "points", self.note)

    def serve(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> DrillServer:
        """Start the server. ``options`` are those of the application (see ``app.py``)."""
        variables = {
            point.VARIABLE: str(self.directory / "points"),
            ledger.VARIABLE: str(self.ledger.path),
            app_options.VARIABLE: json.dumps(options or {}),
            **(environ or {}),
        }
        return super().serve(*arguments, environ=variables, **rest)

    def ask(self, server: DrillServer, question: str) -> dict[str, Any]:
        """Ask about the process that happens to answer."""
        client = WebSocket(server.address, "/asked/websocket")
        client.opened()
        client.text(question)
        pump([client], PATIENCE, lambda: bool(client.texts))
        client.leave()
        found: dict[str, Any] = json.loads(client.texts[0]) if client.texts else {}
        return found

    def is_served(self, client: WebSocket, text: str) -> bool:
        return client.echo(text)

    def accounted(self, clients: Iterable[Client]) -> Iterator[Check]:
        """Check that every message whose answer a client has got was handled exactly once."""
        handled = self.ledger.entries(ledger.HANDLED)
        answered = [counts for each in clients if (counts := _answered(each))]
        wrong = [
            f"{text!r} was handled {handled[text]} times and answered {count} times"
            for counts in answered
            for text, count in counts.items()
            if handled[text] != 1 or count != 1
        ]
        told = f": {'; '.join(wrong[:3])}" if wrong else ""
        total = sum(map(len, answered))
        yield Check(f"{total} messages answered, each handled exactly once{told}", not wrong)

    def close(self) -> None:
        self.points.close()
        self.ledger.close()
        super().close()


def _answered(client: Client) -> dict[str, int]:
    sent = set(client.sent)
    counts: dict[str, int] = {}
    for text in client.texts:
        if text in sent:
            counts[text] = counts.get(text, 0) + 1
    return counts
