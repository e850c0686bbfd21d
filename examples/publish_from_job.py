"""A job that tells a room of examples/chat.py something, by cron or by hand::

PUBLISH_TO=unix:/run/chat/publish.sock python examples/publish_from_job.py lobby "We are closing"
"""

import os
import sys

from actors.publish import Publisher, PublishError


def announce(room: str, body: str) -> int:
    """Tell everybody in ``room``; return to how many workers it went."""
    key = os.environ.get("ROOST_PUBLISH_KEY")
    with Publisher(os.environ["PUBLISH_TO"], key=key) as publisher:
        message = {"from": "the shop", "body": body}
        return publisher.broadcast(f"room:{room}", "new_msg", message).workers


if __name__ == "__main__":
    if len(sys.argv) != 3 or "PUBLISH_TO" not in os.environ:
        sys.exit("usage: PUBLISH_TO=unix:PATH python publish_from_job.py ROOM TEXT")
    try:
        print(f"told to {announce(*sys.argv[1:])} workers")
    except PublishError as error:
        sys.exit(f"nobody was told: {error}")
