"""The same as examples/client_chat.py, on asyncio: no gevent is imported."""

import asyncio
import sys

from actors.client.aio import Client, ConnectFailed, Ok


async def chat(url: str, room: str, body: str) -> None:
    """Say ``body`` in ``room``, and print the next thing that is said there."""
    async with Client(url, {"user": "ada"}) as client:
        channel = client.channel(f"room:{room}")
        answer = await channel.join()
        if not isinstance(answer, Ok):
            sys.exit(f"{room}: {answer}")
        await channel.push("new_msg", {"body": body}).get()
        async for message in channel:
            if message.event == "new_msg":
                print(f"{message.payload['from']}: {message.payload['body']}")
                break  # else it goes on until the channel is closed


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python client_chat_aio.py URL ROOM TEXT")
    try:
        asyncio.run(chat(*sys.argv[1:]))
    except ConnectFailed as error:
        sys.exit(f"nobody heard it: {error}")
