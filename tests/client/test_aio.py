"""The client on asyncio: what that on gevent does not have."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from actors.client.aio import Client
from actors.errors import NotJoined, ReplyTimeout
from actors.results import Ok
from tests.support.waiting import DEADLINE


def run(coroutine):
    """Run it; what it leaves in the loop is its fault."""

    async def whole():
        async with asyncio.timeout(DEADLINE):
            answer = await coroutine
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return answer

    return asyncio.run(whole())


def test_messages_are_iterated_over(url):
    async def main():
        async with Client(url) as client:
            room = client.channel("room:aio")
            await room.join()
            await room.push("relay", {"pushes": [["a", {"n": n}] for n in range(3)]}).get()
            seen = []
            async for message in room:
                seen.append(message.payload["n"])
                if len(seen) == 3:
                    await room.leave()
            return seen

    assert run(main()) == [0, 1, 2]


def test_functions_may_be_coroutine_functions(url):
    async def params():
        await asyncio.sleep(0)
        return {"user": "ada"}

    async def token():
        return "secret"

    async def payload():
        return {"a": 1}

    async def main():
        async with Client(url, params, auth_token=token) as client:
            room = client.channel("room:aio", payload)
            joined = await room.join()
            seen: asyncio.Queue[object] = asyncio.Queue()

            async def callback(what):
                await asyncio.sleep(0)
                await seen.put(what)

            room.on("a", callback)
            await room.push("relay", {"pushes": [["a", {"n": 1}]]}).get()
            return joined, (await room.push("who").get()).value, await seen.get()

    joined, who, seen = run(main())
    assert joined.value["got"] == {"a": 1}
    assert who["params"]["user"] == "ada"
    assert who["token"] == "secret"
    assert seen == {"n": 1}


def test_a_coroutine_that_raises_costs_nothing(url, caplog):
    async def fail(*_):
        raise ValueError("on purpose")

    async def main():
        async with Client(url) as client:
            with pytest.raises(NotJoined, match="on purpose"):
                await client.channel("room:aio", fail).join()
            room = client.channel("room:aio")
            await room.join()
            room.on("a", fail)
            await room.push("relay", {"pushes": [["a", {}], ["b", {}]]}).get()
            await room.next_message()
            return await room.push("echo").get()

    assert run(main()) == Ok({})
    assert "ValueError: on purpose" in caplog.text


def test_who_waits_may_be_cancelled(url):
    async def main():
        async with Client(url) as client:
            room = client.channel("room:aio")
            await room.join()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await room.push("silence").get()
            with pytest.raises(ReplyTimeout):
                await room.push("silence").get(0.01)
            return await room.push("echo").get()

    assert run(main()) == Ok({})


def test_a_join_that_is_cancelled_is_left_and_may_be_tried_again(url):
    async def main():
        async with Client(url) as client:
            payload = {"do": "block"}
            room = client.channel("room:interrupted", lambda: payload)
            joins: list[object] = []
            room.on_join(joins.append)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(room.join(), 0.05)
            assert room.state == "closed"
            task = asyncio.create_task(room.join())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert (task.cancelled(), room.state) == (True, "closed")
            payload.clear()
            assert joins == []
            return await room.join()

    assert isinstance(run(main()), Ok)


def test_another_thread_may_not_use_it(url):
    async def main():
        async with Client(url) as client:
            room = client.channel("room:aio")
            await room.join()
            with pytest.raises(RuntimeError, match="belongs to the thread"):
                await asyncio.to_thread(room.push, "echo")

    run(main())


def test_it_needs_no_gevent(url):
    code = f"""
import asyncio, sys
from actors.client.aio import Client, Presence
async def main():
    async with Client({url!r}) as client:
        room = client.channel("room:aio")
        Presence(room)
        await room.join()
        print(await room.push("echo", {{"a": 1}}).get())
asyncio.run(main())
print({{name for name in sys.modules if name.partition(".")[0] in
       {{"gevent", "greenlet", "pykka", "transports", "supervision"}}}})
print([name for name in sys.modules if name.startswith(("actors.runtime", "actors.endpoint"))])
"""
    # Measuring coverage, which a child would do as well, imports gevent on its own account.
    environ = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ
    )
    assert done.stdout.splitlines() == ["Ok(value={'a': 1})", "set()", "[]"], done.stderr
