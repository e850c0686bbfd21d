"""The client on asyncio: what that on gevent does not have."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import time

import pytest

from actors.client.aio import Client, Presence
from actors.errors import ConnectFailed, NotJoined, ReplyTimeout
from actors.results import Ok
from tests.client.stub import shake_hands, silent
from tests.support.command import unmeasured
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


@pytest.mark.parametrize("when", ["shaking hands", "asking for parameters"])
def test_a_connect_that_is_cancelled_leaves_nothing(when):
    async def params():
        if when == "asking for parameters":
            await asyncio.sleep(DEADLINE)
        return {}

    async def main(url):
        clients = [Client(url, params, reconnect_first=0.01) for _ in range(3)]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), clients[0]:
                pass
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(clients[1].connect(), 0.05)
        task = asyncio.create_task(clients[2].connect())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert [each.state for each in clients] == ["closed"] * 3
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert [each._disarm for each in clients] == [None] * 3

    with silent() as url:
        run(main(url))


def test_a_close_that_is_cancelled_cuts_the_connection():
    async def main(url):
        client = Client(url)
        await client.connect()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.close(), 0.05)
        assert client.state == "closed"
        await asyncio.wait([client._wire._reader])

    with silent(shake_hands) as url:
        run(main(url))


def uses(client, room, push, presence):
    """All methods."""
    return [
        client.connect,
        client.close,
        lambda: client.channel("room:other"),
        lambda: client.on_open(print),
        lambda: client.on_close(print),
        lambda: client.on_error(print),
        room.join,
        room.leave,
        room.next_message,
        lambda: room.push("echo"),
        lambda: room.on("a", print),
        lambda: room.off("a"),
        lambda: room.on_join(print),
        lambda: room.on_error(print),
        lambda: room.on_close(print),
        push.get,
        presence.list,
        lambda: presence.on_join(print),
        lambda: presence.on_leave(print),
        lambda: presence.on_sync(print),
        lambda: Presence(room),
    ]


async def refused(calls):
    async def use(call):
        answer = call()
        if inspect.isawaitable(answer):
            await answer

    for call in calls:
        with pytest.raises(RuntimeError, match="belongs to the thread and the loop"):
            await use(call)


def test_another_thread_and_another_loop_may_not_use_it(url):
    async def main():
        async with Client(url) as client:
            room = client.channel("room:aio")
            await room.join()
            push = room.push("echo")
            calls = uses(client, room, push, Presence(room))
            await asyncio.to_thread(lambda: asyncio.run(refused(calls)))
            return await push.get()

    assert run(main()) == Ok({})


def test_a_forked_process_may_not_use_it_and_cuts_nothing(url):
    async def main():
        async with Client(url) as client:
            room = client.channel("room:aio")
            await room.join()
            child = os.fork()
            if not child:
                said = ""
                try:
                    client.close().send(None)
                except RuntimeError as error:
                    said = str(error)
                finally:
                    os._exit("belongs to the process" in said)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1  # noqa: ASYNC222
            return await room.push("echo").get()

    assert run(main()) == Ok({})


def test_a_second_run_is_told_so_and_close_frees_the_client(url, recwarn):
    client = Client(url)
    room = client.channel("room:aio")

    async def first():
        await client.connect()
        await room.join()
        with pytest.raises(TimeoutError):
            await room.next_message(0.01)

    async def second():
        await refused([client.connect, room.join, room.leave])
        await client.close()
        assert (client.state, room.state) == ("closed", "closed")
        await client.connect()
        assert isinstance(await room.join(), Ok)
        with pytest.raises(TimeoutError):
            await room.next_message(0.01)
        await client.close()

    asyncio.run(first())
    run(second())


def test_a_callback_that_lets_a_cancellation_out_does_not_stall_the_others(url, caplog):
    async def main():
        async with Client(url) as client:
            room = client.channel("room:aio")
            await room.join()
            seen: asyncio.Queue[object] = asyncio.Queue()

            async def cancelled(_):
                task = asyncio.create_task(asyncio.sleep(DEADLINE))
                task.cancel()
                await task

            room.on("a", cancelled)
            room.on("a", seen.put_nowait)
            await room.push("relay", {"pushes": [["a", {"n": 1}], ["a", {"n": 2}]]}).get()
            assert [await seen.get(), await seen.get()] == [{"n": 1}, {"n": 2}]
            assert client.counts["failed_calls"] == 2

    run(main())
    assert "a of room:aio raised CancelledError" in caplog.text


def test_functions_that_let_a_cancellation_out_fail_what_they_are_for(url):
    async def cancelled():
        raise asyncio.CancelledError

    async def main():
        with pytest.raises(ConnectFailed, match="CancelledError"):
            await Client(url, cancelled, reconnect_first=0.01).connect(0.2)
        async with Client(url) as client:
            with pytest.raises(NotJoined, match="CancelledError"):
                await client.channel("room:aio", cancelled).join()

    run(main())


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_callback_may_end_the_program(url, error):
    async def main():
        async with Client(url) as client:
            room = client.channel("room:aio")
            await room.join()

            def fail(_):
                raise error("on purpose")

            room.on("a", fail)
            room.push("relay", {"pushes": [["a", {}]]})
            await asyncio.sleep(DEADLINE)

    began = time.monotonic()
    with pytest.raises(error):
        asyncio.run(main())
    assert time.monotonic() - began < 4.0  # it does not wait for what nobody reads any more


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
    environ = unmeasured()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ
    )
    assert done.stdout.splitlines() == ["Ok(value={'a': 1})", "set()", "[]"], done.stderr
