import json
import os
import sqlite3
from contextlib import closing
from typing import Any

from actors import Channel, ChannelSocket, ConnectInfo, Endpoint, Error, Ok, Presence, in_thread


def database() -> sqlite3.Connection:
    db = sqlite3.connect(os.environ.get("DATABASE", "people.db"), isolation_level=None)
    db.execute("CREATE TABLE IF NOT EXISTS people (id TEXT PRIMARY KEY, name TEXT)")
    db.execute("CREATE TABLE IF NOT EXISTS records (room TEXT PRIMARY KEY, people INT)")
    return db


def names_of(ids: list[str]) -> dict[str, str]:
    """Return the names of many people, by one query."""
    query = "SELECT id, name FROM people WHERE id IN (SELECT value FROM json_each(?))"
    with closing(database()) as db:
        return dict(db.execute(query, (json.dumps(ids),)))


def note_record(room: str, people: int) -> None:
    """Keep the largest number: every worker calls this, so twice has to be once."""
    with closing(database()) as db:
        db.execute(
            "INSERT INTO records VALUES (?, ?)"
            " ON CONFLICT (room) DO UPDATE SET people = max(people, excluded.people)",
            (room, people),
        )


class RoomPresence(Presence):
    @classmethod
    def fetch(cls, topic: str, presences: dict[str, Any]) -> dict[str, Any]:
        names = in_thread(names_of, list(presences))  # sqlite3 blocks in C
        return {key: {**of_key, "name": names.get(key)} for key, of_key in presences.items()}

    def init(self) -> dict[str, int]:
        return {}

    def handle_metas(
        self, topic: str, diff: Any, presences: Any, state: dict[str, int]
    ) -> dict[str, int]:
        people = len(presences)
        if people > state.get(topic, 0):
            in_thread(note_record, topic, people)
            state[topic] = people
        return state


class RoomChannel(Channel):
    def joined(self) -> None:
        RoomPresence.track(self, self.assigns["id"], {})
        RoomPresence.push_state(self)


class UserSocket(ChannelSocket):
    channels = {"room:*": RoomChannel}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        who = str(info.params.get("id"))  # a real application takes it from a token
        return Ok({"id": who}) if who.isdecimal() and len(who) < 20 else Error("no such person")


endpoint = Endpoint(children=[RoomPresence])
endpoint.socket("/socket", UserSocket)
