"""Any history of a client whose server loses, repeats, delays and lies.

``ROOST_HISTORIES`` says how many. What the application asked for is answered in time, bounds hold
all the while, and once the server is well again all that is still wanted is joined.
"""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actors.client.channels.lifecycle import State as ChannelState
from actors.client.channels.membership import Membership
from actors.client.channels.request import Request
from actors.client.effects import Closed, Connect, Delivered, Disconnect, Ended, Opened, Settled
from actors.client.lifecycle import State
from actors.errors import BufferFull, ClientError
from tests.client.driver import Driver

HISTORIES = int(os.environ.get("ROOST_HISTORIES", "150"))
TOPICS = ["room:1", "room:2"]
TIMEOUT = 5.0

topics = st.sampled_from(TOPICS)
statuses = st.sampled_from(["ok", "ok", "ok", "error", "other"])
indices = st.integers(0, 30)


class Histories(RuleBasedStateMachine):
    """A session, and a server that does anything."""

    @initialize()
    def begin(self) -> None:
        self.driver = Driver(
            timeout=TIMEOUT,
            heartbeat=3.0,
            heartbeat_timeout=2.0,
            max_buffered=3,
            max_buffered_bytes=400,
            max_unanswered=4,
        )
        self.session = self.driver.session
        self.members: dict[str, Membership] = {}
        self.requests: dict[Request, float] = {}  # and when each has to be settled
        self.settled: list[Request] = []
        self.frames: list[Any] = []  # that the server got over this connection
        self.past: list[Any] = []  # and over earlier ones
        self.connecting: int | None = None
        self.is_open = False
        self.ended: list[Membership] = []

        self.session.connect()
        self.run()
        self.attempt(1)

    def took(self, told: list[Any]) -> None:
        for each in told:
            if isinstance(each, list):
                assert self.is_open
                self.frames.append(each)
            elif isinstance(each, Settled):
                self.settled.append(each.request)
            elif isinstance(each, Delivered):
                assert each.message.join_ref in {None, each.membership.join_ref}
            elif isinstance(each, Connect):
                self.connecting = each.attempt
                self.past, self.frames = (self.past + self.frames)[-20:], []
            elif isinstance(each, Disconnect):
                self.connecting = None
            elif isinstance(each, Opened | Closed):
                self.is_open = isinstance(each, Opened)
            elif isinstance(each, Ended):
                self.ended.append(each.membership)

    def run(self) -> None:
        self.took(self.driver.run())

    def want(self, request: Request) -> None:
        self.requests[request] = self.driver.now + TIMEOUT
        self.run()

    # -- the application

    @rule()
    def connect(self) -> None:
        if self.session.state is not State.CLOSING:
            self.session.connect()
            self.run()

    @rule(topic=topics, fresh=st.integers(0, 5))
    def join(self, topic: str, fresh: int) -> None:
        if topic not in self.members or not fresh:
            self.members[topic] = self.session.membership(topic)
        try:
            request = self.session.join(self.members[topic])
        except ClientError:
            return
        self.want(request)

    @rule(topic=topics, size=st.integers(0, 300))
    def push(self, topic: str, size: int) -> None:
        if topic in self.members:
            try:
                request = self.session.push(self.members[topic], "e", {"x": "x" * size})
            except (BufferFull, ClientError):
                return
            self.want(request)

    @rule(topic=topics, rare=st.integers(0, 2))
    def leave(self, topic: str, rare: int) -> None:
        if topic in self.members and not rare:
            self.want(self.session.leave(self.members[topic]))

    @precondition(lambda self: self.session.state is State.OPEN)
    @rule(rare=st.integers(0, 5))
    def close(self, rare: int) -> None:
        if rare == 0:
            self.session.close()
            self.run()

    # -- the server and the net

    @rule(good=st.integers(0, 3))
    def attempt(self, good: int) -> None:
        if self.connecting is not None:
            if good:
                self.session.opened(self.connecting)
            else:
                self.session.lost(self.connecting, 1006, "refused")
            self.connecting = None
            self.run()

    @rule()
    def answer_all(self) -> None:
        for join_ref, ref, topic, *_ in list(self.frames):
            self.say(join_ref, ref, topic, "phx_reply", {"status": "ok"})

    @rule(index=indices, status=statuses, old=st.booleans(), bare=st.booleans())
    def answer(self, index: int, status: str, old: bool, bare: bool) -> None:
        """Answer what was sent: once or twice, late, or over another connection."""
        among = self.past if old else self.frames
        if among:
            join_ref, ref, topic, *_ = among[index % len(among)]
            self.say(None if bare else join_ref, ref, topic, "phx_reply", {"status": status})

    @rule(index=indices, event=st.sampled_from(["phx_error", "phx_close", "news", "phx_join"]))
    def tell(self, index: int, event: str) -> None:
        among = self.past + self.frames
        if among:
            join_ref, _, topic, *_ = among[index % len(among)]
            self.say(join_ref, None, topic, event, {})

    @rule(data=st.sampled_from([b"", b"[]", b"\xff"]), rare=st.integers(0, 3))
    def lie(self, data: bytes, rare: int) -> None:
        if rare == 0:
            self.driver.raw(data)
            self.run()

    @rule(rare=st.integers(0, 3))
    def lose(self, rare: int) -> None:
        if not rare:
            self.driver.lose()
            self.run()

    @rule(seconds=st.floats(0.01, 4.0))
    def pass_time(self, seconds: float) -> None:
        self.took(self.driver.pass_time(seconds))

    def say(self, *parts: Any) -> None:
        self.driver.raw(json.dumps(parts).encode())
        self.run()

    # -- what always holds

    @invariant()
    def counts_are_right(self) -> None:
        members = set(self.session._memberships.values())
        buffered = [request for each in members for request in each.buffered]
        assert self.session._buffered == len(buffered) <= 3
        assert self.session._buffered_bytes == sum(each.size for each in buffered) <= 400
        assert self.session._unanswered == sum(len(each.unanswered) for each in members)
        assert self.session._unanswered <= 4 + 2 * len(TOPICS)  # joins and leaves are no pushes

    @invariant()
    def what_is_known_is_told_once(self) -> None:
        mine = [each for each in self.settled if each in self.requests]
        assert len(mine) == len(set(mine))
        assert {each for each in self.requests if each.outcome is not None} == set(mine)

    @invariant()
    def what_is_wanted_is_answered_in_time(self) -> None:
        for request, until in self.requests.items():
            assert request.outcome is not None or self.driver.now < until

    @invariant()
    def states_agree(self) -> None:
        live = {ChannelState.JOINED, ChannelState.LEAVING, ChannelState.JOINING}
        for membership in self.members.values():
            known = self.session._memberships.get(membership.topic)
            assert (membership.state is ChannelState.CLOSED) == (known is not membership)
            if membership.state in live:
                assert self.session.state is State.OPEN
            if membership.state is not ChannelState.CLOSED:
                assert self.session.state not in {State.CLOSED, State.CLOSING}
            if membership.state in {ChannelState.CLOSED, ChannelState.ERRORED}:
                assert membership.join_ref is None
                assert not membership.unanswered

    def teardown(self) -> None:
        """Have the server be well: what is wanted is joined, and all is answered."""
        if not hasattr(self, "driver"):
            return
        self.took(self.driver.pass_time(6.0))  # a close is over
        self.session.connect()
        for _ in range(60):
            self.run()
            self.attempt(1)
            for frame in list(self.frames):
                join_ref, ref, topic, *_ = frame
                self.say(join_ref, ref, topic, "phx_reply", {"status": "ok"})
            self.frames.clear()
            self.took(self.driver.pass_time(0.5))
        assert self.session.state is State.OPEN
        for membership in self.members.values():
            assert membership.state in {ChannelState.JOINED, ChannelState.CLOSED}
        assert all(each.outcome is not None for each in self.requests)
        assert (self.session._unanswered, self.session._buffered) == (0, 0)
        assert len(self.session._deadlines) < 200


def test_any_history_ends_well() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
