"""Says something in a room of examples/chat.py, and prints what is heard there, on gevent::

python -m actors.endpoint examples.chat:endpoint --bind 127.0.0.1:4000
python examples/client_chat.py ws://127.0.0.1:4000/socket lobby "Good morning"
"""

import sys

from actors.client import Client, ConnectFailed, Ok


def chat(url: str, room: str, body: str) -> None:
    """Say ``body`` in ``room``, and print the next thing that is said there."""
    with Client(url, {"user": "ada"}) as client:
        channel = client.channel(f"room:{room}")
        answer = channel.join()
        if not isinstance(answer, Ok):
            sys.exit(f"{room}: {answer}")
        channel.push("new_msg", {"body": body}).get()
        for message in channel:
            if message.event == "new_msg":
                print(f"{message.payload['from']}: {message.payload['body']}")
                break  # else it goes on until the channel is closed


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python client_chat.py URL ROOM TEXT")
    try:
        chat(*sys.argv[1:])
    except ConnectFailed as error:
        sys.exit(f"nobody heard it: {error}")
