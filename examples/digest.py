import os
import sqlite3
import time
from contextlib import closing

from actors import Actor, Endpoint, Ok, Push, Socket, in_thread, pubsub

EVERY = 0.25


def database() -> sqlite3.Connection:
    path = os.environ.get("DATABASE", "digest.db")
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    db.execute("CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, number INT, due REAL)")
    db.execute("INSERT OR IGNORE INTO jobs VALUES ('digest', 0, 0)")
    return db


def claim(db: sqlite3.Connection, number: int, due: float) -> bool:
    """Take the digest after ``number``; of all workers that saw this number, one wins."""
    changed = db.execute(
        "UPDATE jobs SET number = ?, due = ? WHERE name = 'digest' AND number = ?",
        (number + 1, due, number),
    )
    return changed.rowcount == 1


def take() -> tuple[int | None, float]:
    """Return the number of the digest that is ours to send, if one is, and seconds to wait."""
    with closing(database()) as db:
        number, due = db.execute("SELECT number, due FROM jobs WHERE name = 'digest'").fetchone()
        now = time.time()
        if now < due:
            return None, due - now
        return (number + 1 if claim(db, number, now + EVERY) else None), EVERY


class Digest(Actor):
    """Each worker has one; they agree by the database on who sends."""

    def on_start(self) -> None:
        self.send_after(0, "look")

    def on_receive(self, message: object) -> None:
        number, wait = in_thread(take)
        if number is not None:
            pubsub.broadcast("digests", f"digest {number}")
        self.send_after(wait, "look")


class DigestSocket(Socket):
    def init(self, state: object) -> Ok:
        pubsub.subscribe(self, "digests")
        return Ok(state)

    def handle_info(self, message: str) -> Push:
        return Push(message)


endpoint = Endpoint(children=[Digest])
endpoint.socket("/digests", DigestSocket)
