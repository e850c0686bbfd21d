"""``Presence`` in one process: what Phoenix's own tests of it say, and more.

The channels are real, on the clock of the test.
"""

from __future__ import annotations

from typing import Any, ClassVar

import gevent
import pytest
from gevent.threadpool import ThreadPool
from greenlet import GreenletExit

from actors import (
    Actor,
    Channel,
    ChannelSocket,
    ConfigError,
    Error,
    NotTracked,
    Ok,
    Presence,
    PresenceLimit,
    on,
    pubsub,
    registry,
    telemetry,
)
from actors.presence import presence as presences
from actors.presence import replica as replicas
from actors.presence import tracker as trackers
from actors.presence.held import HELD
from actors.presence.windows import PER_VIEWER
from actors.reasons import SHUTDOWN
from actors.serializers.message import Body
from actors.serializers.packed import MSGPACK
from actors.testing import Channels, Clock


class Here(Presence):
    leave_delay = 0.0


class Delayed(Presence):
    pass


class Decorated(Presence):
    leave_delay = 0.0
    failing: ClassVar[bool] = False

    @classmethod
    def fetch(cls, topic: str, presences: Any) -> Any:
        if cls.failing:
            raise RuntimeError("the database is away")
        return {key: {**value, "extra": f"{topic} {key}"} for key, value in presences.items()}


class Watching(Presence):
    leave_delay = 0.0
    calls: ClassVar[list[Any]] = []
    failing: ClassVar[bool] = False

    def init(self) -> Any:
        return 0

    def handle_metas(self, topic: str, diff: Any, presences: Any, state: Any) -> Any:
        self.calls.append((topic, diff, presences, state))
        if self.failing:
            raise RuntimeError("on purpose")
        return state + 1


class Idle(Actor):
    """One that is tracked."""


class Room(Channel):
    presence: ClassVar[type[Presence]] = Here

    def joined(self) -> None:
        if "name" in self.assigns:
            self.presence.track(self, self.assigns["name"], {"name": self.assigns["name"]})
        self.presence.push_state(self)

    @on("update")
    def update(self, payload: Any) -> Ok:
        return Ok({"ref": self.presence.update(self, self.assigns["name"], payload)})

    @on("untrack")
    def untrack(self, payload: Any) -> Ok:
        self.presence.untrack(self, payload.get("key", self.assigns["name"]))
        return Ok()

    @on("list")
    def list(self, payload: Any) -> Ok:
        return Ok(self.presence.list(self))

    @on("crash")
    def crash(self, payload: Any) -> Error:
        raise RuntimeError("on purpose")


class DelayedRoom(Room):
    presence = Delayed


class DecoratedRoom(Room):
    presence = Decorated


class UserSocket(ChannelSocket):
    channels: ClassVar = {"room:*": Room, "late:*": DelayedRoom, "fine:*": DecoratedRoom}


@pytest.fixture(autouse=True)
def started(channels: Channels):
    for presence in (Here, Delayed, Decorated, Watching):
        presence.start()
    yield
    Watching.calls.clear()
    Watching.failing = Decorated.failing = False


def enter(channels: Channels, name: str | None = None, topic: str = "room:1") -> Any:
    assigns = {} if name is None else {"name": name}
    return channels.socket(UserSocket, assigns).subscribe_and_join(topic)[1]


def metas(found: Any) -> dict[str, list[str]]:
    return {key: [meta["name"] for meta in value["metas"]] for key, value in found.items()}


# -- what is there


def test_nobody_is_there_at_first(channels):
    assert Here.list("room:1") == {}
    assert Here.get_by_key("room:1", "u1") == []
    assert Here.count("room:1") == 0


def test_who_is_tracked_is_listed_with_a_ref_under_a_key_that_is_a_string(channels):
    actor = Idle.start()
    ref = Here.track(actor, "t", 1, {"name": "u1"})
    assert Here.list("t") == {"1": {"metas": [{"name": "u1", "phx_ref": ref}]}}
    assert Here.get_by_key("t", 1) == Here.get_by_key("t", "1") == Here.list("t")["1"]
    assert Here.get_by_key("t", "2") == Here.get_by_key("other", "1") == []
    assert Here.count("t") == 1


def test_several_metas_of_a_key_are_in_the_order_of_their_coming(channels):
    refs = [Here.track(Idle.start(), "t", "k", {"name": str(n)}) for n in range(3)]
    assert [meta["phx_ref"] for meta in Here.get_by_key("t", "k")["metas"]] == refs
    assert len(set(refs)) == 3


def test_what_is_listed_is_the_callers_own(channels):
    Here.track(Idle.start(), "t", "k", {"list": [1]})
    Here.list("t")["k"]["metas"][0]["list"].append(2)
    assert Here.list("t")["k"]["metas"][0]["list"] == [1]


def test_untrack_leaves_other_keys_and_passes_over_what_is_not_there(channels):
    actor = Idle.start()
    for key in ("a", "b", "c"):
        Here.track(actor, "t", key, {"name": key})
    Here.untrack(actor, "t", "a")
    Here.untrack(actor, "t", "a")
    Here.untrack(actor, "elsewhere", "b")
    assert metas(Here.list("t")) == {"b": ["b"], "c": ["c"]}
    Here.untrack(actor)
    assert Here.list("t") == {}


def test_update_has_the_ref_of_before_and_needs_one(channels):
    actor = Idle.start()
    first = Here.track(actor, "t", "k", {"name": "a"})
    second = Here.update(actor, "t", "k", lambda meta: {**meta, "more": True})
    third = Here.track(actor, "t", "k", {"name": "c"})  # once more: an update
    assert Here.list("t")["k"]["metas"] == [{"name": "c", "phx_ref": third, "phx_ref_prev": second}]
    assert len({first, second, third}) == 3
    with pytest.raises(NotTracked, match="'other'"):
        Here.update(actor, "t", "other", {})


def test_the_end_of_an_actor_is_the_end_of_what_it_has(channels):
    actor, other = Idle.start(), Idle.start()
    for who in (actor, other):
        Here.track(who, "t", "k", {})
        Here.track(who, "u", "k", {})
    actor.kill()
    assert len(Here.get_by_key("t", "k")["metas"]) == 1
    other.stop()
    assert Here.list("t") == Here.list("u") == {}
    with pytest.raises(RuntimeError, match="has ended"):
        Here.track(other, "t", "k", {})


# -- what clients are told


def test_a_joiner_gets_its_own_diff_then_the_state(channels):
    room = enter(channels, "ann")
    ref = Here.list("room:1")["ann"]["metas"][0]["phx_ref"]
    ann = {"ann": {"metas": [{"name": "ann", "phx_ref": ref}]}}
    assert room.assert_push("presence_diff") == {"joins": ann, "leaves": {}}
    assert room.assert_push("presence_state") == ann


def test_others_are_told_who_comes_changes_and_goes(channels, clock: Clock):
    room = enter(channels, "ann")
    room.assert_push("presence_state")
    room.assert_push("presence_diff")
    bob = enter(channels, "bob")
    clock.advance(1)
    came = room.assert_push("presence_diff")
    assert metas(came["joins"]) == {"bob": ["bob"]}
    before = came["joins"]["bob"]["metas"][0]["phx_ref"]
    updated = bob.assert_reply(bob.push("update", {"name": "Bob"}), "ok")
    assert room.assert_push("presence_diff") == {
        "joins": {
            "bob": {"metas": [{"name": "Bob", "phx_ref": updated["ref"], "phx_ref_prev": before}]}
        },
        "leaves": {"bob": {"metas": [{"name": "bob", "phx_ref": before}]}},
    }
    clock.advance(1)
    bob.leave()
    gone = room.assert_push("presence_diff")
    assert (gone["joins"], metas(gone["leaves"])) == ({}, {"bob": ["Bob"]})


def test_untrack_of_a_channel_is_one_diff_and_of_nothing_none(channels, clock: Clock):
    room = enter(channels, "ann")
    watcher = enter(channels)
    clock.advance(1)
    for key in ("nobody", "ann", "ann"):
        room.assert_reply(room.push("untrack", {"key": key}), "ok")
        clock.advance(1)
    watcher.assert_push("presence_state")
    assert metas(watcher.assert_push("presence_diff")["leaves"]) == {"ann": ["ann"]}
    watcher.refute_push("presence_diff")


def test_diffs_of_a_topic_keep_their_distance(channels, clock: Clock):
    rooms = [enter(channels) for _ in range(100)]
    window = pubsub.subscribers("room:1") * PER_VIEWER  # the test kit listens too
    clock.advance(1)
    actors = [Idle.start() for _ in range(3)]
    for number, actor in enumerate(actors):
        Here.track(actor, "room:1", f"k{number}", {"name": "x"})
        clock.advance(window / 10)
    first = rooms[0].assert_push("presence_diff")
    assert list(first["joins"]) == ["k0"]
    rooms[0].refute_push("presence_diff")
    clock.advance(window)
    second = rooms[0].assert_push("presence_diff")
    assert list(second["joins"]) == ["k1", "k2"]


def test_state_is_what_the_diffs_after_it_fit_to(channels, clock: Clock):
    """Within a window a joiner is shown what the others have been told."""
    rooms = [enter(channels) for _ in range(20)]
    clock.advance(1)
    actor = Idle.start()
    Here.track(actor, "room:1", "a", {"name": "a"})
    rooms[0].assert_push("presence_diff")
    Here.track(actor, "room:1", "b", {"name": "b"})
    Here.untrack(actor, "room:1", "a")
    late = enter(channels)
    assert list(late.assert_push("presence_state")) == ["a"]
    late.refute_push("presence_diff")
    clock.advance(1)
    diff = late.assert_push("presence_diff")
    assert (list(diff["joins"]), list(diff["leaves"])) == (["b"], ["a"])


def test_who_comes_and_goes_between_two_diffs_is_not_told(channels, clock: Clock):
    room = enter(channels)
    clock.advance(1)
    actor = Idle.start()
    Here.track(actor, "room:1", "a", {"name": "a"})
    Here.untrack(actor, "room:1", "a")
    clock.advance(10)
    room.refute_push("presence_diff")


def test_topics_without_viewers_keep_nothing(channels, clock: Clock):
    for number in range(100):
        Here.track(Idle.start(), f"t{number}", "k", {})
    clock.advance(60)
    tracker = tracker_of(Here)
    assert len(tracker.windows) == 0
    assert tracker._states == {}


# -- leaves that wait


def test_a_crash_of_a_channel_is_an_update_where_its_client_comes_back(channels, clock: Clock):
    room, watcher = enter(channels, "ann", "late:1"), enter(channels, None, "late:1")
    watcher.assert_push("presence_state")
    clock.advance(1)
    room.push("crash")
    room.assert_error()
    room.assert_crashed(RuntimeError)
    clock.advance(1.5)
    assert Delayed.list("late:1") == {}, "the present does not wait"
    watcher.refute_push("presence_diff")
    enter(channels, "ann", "late:1")
    diff = watcher.assert_push("presence_diff")
    assert metas(diff["joins"]) == metas(diff["leaves"]) == {"ann": ["ann"]}
    clock.advance(10)
    watcher.refute_push("presence_diff")


def test_a_lost_client_that_stays_away_leaves_after_the_delay(channels, clock: Clock):
    room, watcher = enter(channels, "ann", "late:1"), enter(channels, None, "late:1")
    watcher.assert_push("presence_state")
    room.push("crash")
    room.assert_crashed(RuntimeError)
    clock.advance(1.9)
    watcher.refute_push("presence_diff")
    clock.advance(0.2)
    assert metas(watcher.assert_push("presence_diff")["leaves"]) == {"ann": ["ann"]}


def test_who_says_goodbye_leaves_at_once(channels, clock: Clock):
    room, watcher = enter(channels, "ann", "late:1"), enter(channels, None, "late:1")
    watcher.assert_push("presence_state")
    clock.advance(1)
    room.leave()
    assert metas(watcher.assert_push("presence_diff")["leaves"]) == {"ann": ["ann"]}


class Linked(Delayed):
    pass


class Sibling:
    """A link to another worker, which keeps what it is told and answered."""

    peers = ()

    hears = True

    def __init__(self) -> None:
        self.told: list[Any] = []

    def serve(self, kind: str, handler: Any) -> None:
        self.handler = handler

    def joined(self, callback: Any) -> None: ...

    gone = joined

    def notify_all(self, kind: str, body: Any) -> None:
        self.told.append(body)

    def publish(self, *parcel: Any) -> None: ...


def test_a_worker_that_begins_hears_of_who_is_back_before_it_hears_whose_leaves_wait(
    channels, monkeypatch
):
    sibling = Sibling()
    monkeypatch.setattr(pubsub.server, "adapters", (sibling,))
    Linked.start()
    ann, bob = Idle.start(), Idle.start()
    for each in (ann, bob):
        Linked.track(each, "t", str(each), {})
        each.kill()
    sibling.told.clear()
    ref = Linked.track(Idle.start(), "t", str(ann), {})
    sibling.handler("another", HELD, sibling.told.append)
    delta, held = sibling.told
    assert ref in str(delta)
    assert [key for _, key, *_ in held] == [str(bob)]


# -- what an application adds


def test_fetch_decorates_what_is_told_and_listed(channels, clock: Clock):
    room = enter(channels, "ann", "fine:1")
    assert room.assert_push("presence_state") == {}, "fetch may block: the diff comes behind"
    assert room.assert_push("presence_diff")["joins"]["ann"]["extra"] == "fine:1 ann"
    assert Decorated.list("fine:1")["ann"]["extra"] == "fine:1 ann"
    assert Decorated.get_by_key("fine:1", "ann")["extra"] == "fine:1 ann"
    clock.advance(1)
    room.assert_reply(room.push("untrack", {}), "ok")
    assert room.assert_push("presence_diff")["leaves"]["ann"]["extra"] == "fine:1 ann"


def test_a_fetch_that_raises_a_thousand_times_loses_nothing(channels, clock: Clock):
    room = enter(channels, None, "fine:1")
    Decorated.failing = True
    refs = set()
    for number in range(1000):
        actor = Idle.start()
        ref = Decorated.track(actor, "fine:1", f"k{number}", {"name": str(number)})
        clock.advance(1)
        (joined,) = room.assert_push("presence_diff")["joins"].values()
        assert joined == {"metas": [{"name": str(number), "phx_ref": ref}]}
        refs.add(ref)
    assert len(refs) == 1000
    assert {str(error) for error in channels.crashed} == {"the database is away"}
    with pytest.raises(RuntimeError, match="away"):
        Decorated.list("fine:1")
    Decorated.failing = False
    assert len(Decorated.list("fine:1")) == Decorated.count("fine:1") == 1000


def test_handle_metas_sees_each_diff_and_who_is_there_after_it(channels, clock: Clock):
    actors = [Idle.start() for _ in range(3)]
    for number, actor in enumerate(actors):
        Watching.track(actor, "t", "u1", {"name": str(number)})
        clock.advance(1)
    Watching.untrack(actors[0], "t", "u1")
    clock.advance(1)
    for actor in actors[1:]:
        Watching.untrack(actor, "t", "u1")
    clock.advance(1)
    shown = [
        (
            [each["name"] for of in diff["joins"].values() for each in of],
            [each["name"] for of in diff["leaves"].values() for each in of],
            {key: [each["name"] for each in of] for key, of in presences.items()},
            state,
        )
        for topic, diff, presences, state in Watching.calls
    ]
    assert shown == [
        (["0"], [], {"u1": ["0"]}, 0),
        (["1"], [], {"u1": ["0", "1"]}, 1),
        (["2"], [], {"u1": ["0", "1", "2"]}, 2),
        ([], ["0"], {"u1": ["1", "2"]}, 3),
        ([], ["1", "2"], {}, 4),
    ]


def test_a_handle_metas_that_raises_keeps_its_state_and_its_actor(channels, clock: Clock):
    Watching.failing = True
    Watching.track(Idle.start(), "t", "a", {})
    clock.advance(1)
    assert [str(error) for error in channels.crashed] == ["on purpose"]
    Watching.failing = False
    Watching.track(Idle.start(), "t", "b", {})
    clock.advance(1)
    assert [call[3] for call in Watching.calls] == [0, 0]


@pytest.mark.parametrize(
    "error", [gevent.Timeout(), SystemExit(), KeyboardInterrupt(), GreenletExit()]
)
def test_whatever_a_callback_raises_ends_nothing(channels, clock: Clock, monkeypatch, error):
    def fail(*_: Any) -> None:
        raise error

    room, actor = enter(channels, None, "fine:1"), served_by(Decorated)
    monkeypatch.setattr(Decorated, "fetch", classmethod(fail))
    monkeypatch.setattr(Watching, "handle_metas", fail)
    Decorated.track(Idle.start(), "fine:1", "a", {"name": "a"})
    Watching.track(Idle.start(), "t", "a", {})
    clock.advance(1)
    assert metas(room.assert_push("presence_diff")["joins"]) == {"a": ["a"]}
    assert channels.crashed == [error, error]
    assert actor.is_alive()


def test_handle_metas_needs_init():
    with pytest.raises(ConfigError, match="missing the callback init"):

        class Without(Presence):
            def handle_metas(self, topic: str, diff: Any, presences: Any, state: Any) -> Any:
                return state


# -- its life


def test_an_actor_of_presence_that_is_killed_loses_nothing(channels, clock: Clock):
    room = enter(channels, "ann")
    clock.advance(1)
    ref = Idle.start()
    Here.track(ref, "room:1", "before", {"name": "x"})
    served_by(Here).kill()
    Here.track(ref, "room:1", "while", {"name": "x"})
    Here.start()
    told: set[str] = set()
    clock.advance(1)
    for _ in range(2):
        told |= set(room.assert_push("presence_diff")["joins"])
    assert told == {"ann", "before", "while"}
    assert list(Here.list("room:1")) == ["ann", "before", "while"]


def test_it_is_started_once_and_its_end_in_good_order_is_the_end(channels):
    with pytest.raises(Exception, match="started in this process already"):
        Here.start()
    assert len(channels.crashed) == 1
    Here.track(Idle.start(), "t", "k", {})
    served_by(Here).stop()
    with pytest.raises(RuntimeError, match=r"Endpoint\(children=\[Here\]\)"):
        Here.list("t")
    Here.start()
    assert Here.list("t") == {}


def test_a_supervisor_that_starts_it_again_finds_whom_it_had(channels, clock: Clock):
    room, watcher = enter(channels, "ann", "late:1"), enter(channels, None, "late:1")
    gone = Idle.start()
    ref = Delayed.track(gone, "late:1", "gone", {"name": "gone"})
    clock.advance(1)
    served_by(Delayed).exit(SHUTDOWN)
    channels.settle()
    with pytest.raises(RuntimeError, match="not started here"):
        Delayed.list("late:1")
    gone.kill()
    Delayed.start()
    found = Delayed.list("late:1")
    assert metas(found) == {"ann": ["ann"]}
    assert found["ann"]["metas"][0]["phx_ref"] != ref
    Delayed.update(room.channel, "ann", {"name": "Ann"})
    clock.advance(3)
    assert metas(Delayed.list("late:1")) == {"ann": ["Ann"]}
    room.leave()
    channels.settle()
    assert Delayed.list("late:1") == {}
    del watcher


class NeverStarted(Presence):
    pass


@pytest.mark.parametrize(
    "call",
    [
        lambda: NeverStarted.list("t"),
        lambda: NeverStarted.count("t"),
        lambda: NeverStarted.get_by_key("t", "k"),
        lambda: NeverStarted.track(Idle.start(), "t", "k", {}),
        lambda: NeverStarted.untrack(Idle.start()),
        lambda: NeverStarted.update(Idle.start(), "t", "k", {}),
    ],
)
def test_where_it_is_not_started_it_says_how(channels, call):
    with pytest.raises(
        RuntimeError, match=r"not started here: Endpoint\(children=\[NeverStarted\]\)"
    ):
        call()


def test_another_thread_is_told_so(channels):
    pool = ThreadPool(1)
    with pytest.raises(RuntimeError, match="another thread"):
        pool.spawn(Here.list, "t").get(timeout=10)
    pool.kill()


# -- what is refused


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (("t", "__proto__", {}), ValueError),
        (("t", "constructor", {}), ValueError),
        (("t", None, {}), TypeError),
        (("t", True, {}), TypeError),
        (("t", 1.5, {}), TypeError),
        (("t", "\ud800", {}), ValueError),
        (("t\ud800", "k", {}), ValueError),
        (("", "k", {}), TypeError),
        ((7, "k", {}), TypeError),
        (("t", "k", []), TypeError),
        (("t", "k", None), TypeError),
        (("t", "k", {"x": object()}), TypeError),
        (("t", "k", {"x": "\ud800"}), TypeError),
        (("t", "k"), TypeError),
        (("t", "k", {}, 1), TypeError),
    ],
)
def test_what_cannot_be_tracked_is_refused_in_the_caller(channels, where, error):
    actor = Idle.start()
    with pytest.raises(error):
        Here.track(actor, *where)
    assert Here.list("t") == {}


@pytest.mark.parametrize(
    ("key", "meta", "ok"),
    [
        ("k" * 254, {}, True),
        ("k" * 255, {}, True),
        ("k" * 256, {}, False),
        ("é" * 127, {}, True),
        ("é" * 128, {}, False),
        ("k", {"x": "y" * 1015}, True),  # 8 bytes around it
        ("k", {"x": "y" * 1016}, True),
        ("k", {"x": "y" * 1017}, False),
    ],
)
def test_limits_of_keys_and_metas(channels, key, meta, ok):
    actor = Idle.start()
    if ok:
        Here.track(actor, "t", key, meta)
        Here.update(actor, "t", key, meta)
        assert Here.count("t") == 1
    else:
        with pytest.raises(PresenceLimit):
            Here.track(actor, "t", key, meta)
        assert Here.count("t") == 0


@pytest.mark.parametrize(("levels", "ok"), [(58, True), (59, True), (60, False), (150, False)])
def test_limit_of_levels_of_a_meta(channels, levels, ok):
    meta: Any = {}
    for _ in range(levels - 1):
        meta = {"n": meta}
    if ok:
        Here.track(Idle.start(), "t", "k", meta)
        told = Body.of({"joins": Here.list("t"), "leaves": {}})
        assert MSGPACK.broadcast("t", "presence_diff", told) is not None
    else:
        with pytest.raises(PresenceLimit, match=r"deeper|meta of"):
            Here.track(Idle.start(), "t", "k", meta)


def test_brackets_in_texts_are_no_levels(channels):
    Here.track(Idle.start(), "t", "k", {"text": "[" * 500, "list": [[]] * 70})


def test_a_lone_surrogate_is_told_as_what_it_is(channels):
    with pytest.raises(ValueError, match="lone surrogate") as refused:
        Here.track(Idle.start(), "t", "\ud800", {})
    assert not isinstance(refused.value, PresenceLimit)


def test_push_state_is_for_channels(channels):
    with pytest.raises(TypeError, match="must be a channel"):
        Here.push_state("room:1")


def test_a_function_that_untracks_what_it_is_to_change_is_told_so(channels):
    actor = Idle.start()
    Here.track(actor, "t", "k", {})

    def change(meta: Any) -> Any:
        Here.untrack(actor, "t", "k")
        return meta

    with pytest.raises(NotTracked):
        Here.update(actor, "t", "k", change)
    assert Here.list("t") == {}


@pytest.mark.parametrize("found", [None, [], {"a": None}, {"a": {}}, {"a": {"metas": {}}}])
def test_a_fetch_that_returns_something_else_is_told_and_passed_over(
    channels, clock: Clock, monkeypatch, found
):
    room = enter(channels, None, "fine:1")
    monkeypatch.setattr(Decorated, "fetch", classmethod(lambda *_: found))
    Decorated.track(Idle.start(), "fine:1", "a", {"name": "a"})
    clock.advance(1)
    assert metas(room.assert_push("presence_diff")["joins"]) == {"a": ["a"]}
    assert [type(error) for error in channels.crashed] == [TypeError]
    with pytest.raises(TypeError, match=r"Decorated\.fetch returned"):
        Decorated.list("fine:1")


def test_two_classes_of_one_name_are_not_started(channels):
    again = type("Here", (Presence,), {"__module__": Here.__module__, "__qualname__": "Here"})
    with pytest.raises(Exception, match=r"Here has been started in this process already"):
        again.start()
    assert len(channels.crashed) == 1


def test_an_update_and_a_loss_within_one_window_wait_together(channels, clock: Clock):
    room, watcher = enter(channels, "ann", "late:1"), enter(channels, None, "late:1")
    watcher.assert_push("presence_state")
    clock.advance(1)
    room.push("update", {"name": "typing"})
    room.push("update", {"name": "not typing"})
    room.push("crash")
    room.assert_crashed(RuntimeError)
    clock.advance(0.1)
    view = {"ann"}
    is_diff = lambda sent: sent.event == "presence_diff" and sent.topic == "late:1"  # noqa: E731
    while (came := watcher.socket.take(is_diff, ..., 0, 0)) is not None:
        view -= set(came.payload["leaves"]) - set(came.payload["joins"])
    assert view == {"ann"}
    clock.advance(1.8)
    watcher.refute_push("presence_diff")
    clock.advance(0.3)
    assert list(watcher.assert_push("presence_diff")["leaves"]) == ["ann"]


@pytest.mark.parametrize(("length", "ok"), [(254, True), (255, True), (256, False)])
def test_limit_of_topics(channels, length, ok):
    if ok:
        Here.track(Idle.start(), "t" * length, "k", {})
    else:
        with pytest.raises(PresenceLimit):
            Here.track(Idle.start(), "t" * length, "k", {})


@pytest.mark.parametrize(("there", "ok"), [(62, True), (63, True), (64, False)])
def test_limit_of_metas_of_a_key(channels, there, ok):
    for _ in range(there):
        Here.track(Idle.start(), "t", "k", {})
    one = Idle.start()
    if ok:
        Here.track(one, "t", "k", {})
        Here.update(one, "t", "k", {"more": 1})
    else:
        with pytest.raises(PresenceLimit, match="64 metas"):
            Here.track(one, "t", "k", {})
    Here.track(one, "t", "other", {})


@pytest.mark.parametrize(("there", "ok"), [(8, True), (9, True), (10, False)])
def test_limit_of_keys_of_a_topic(channels, monkeypatch, there, ok):
    monkeypatch.setattr(trackers, "MAX_KEYS", 10)
    actor = Idle.start()
    for number in range(there):
        Here.track(actor, "t", number, {})
    Here.track(Idle.start(), "t", 0, {})
    if ok:
        Here.track(actor, "t", "new", {})
    else:
        with pytest.raises(PresenceLimit, match="10 keys"):
            Here.track(actor, "t", "new", {})


def test_limit_of_all_entries_of_a_worker(channels, monkeypatch):
    monkeypatch.setattr(replicas, "MAX_ENTRIES", 2)
    actor = Idle.start()
    for number in range(2):
        Here.track(actor, f"t{number}", "k", {})
    with pytest.raises(PresenceLimit):
        Here.track(actor, "t2", "k", {})
    assert Here.list("t2") == {}
    Here.untrack(actor, "t0", "k")
    Here.track(actor, "t2", "k", {})


@pytest.mark.parametrize("delay", [-1, None, "2", True, float("inf"), float("nan")])
def test_leave_delay_is_a_number_of_seconds(delay):
    with pytest.raises(ConfigError, match=r"Odd.leave_delay = .*: must be a number from 0 on"):
        type("Odd", (Presence,), {"leave_delay": delay, "__module__": "app"})


@pytest.mark.parametrize("name", ["track", "list", "on_receive", "push_state"])
def test_names_of_its_own_are_reserved(name):
    with pytest.raises(ConfigError, match=name):
        type("Odd", (Presence,), {name: lambda *_: None, "__module__": "app"})


# -- telemetry, and the cache


def test_each_diff_is_told_to_telemetry(channels, clock: Clock):
    seen: list[Any] = []
    handler = lambda *event: seen.append(event)  # noqa: E731
    telemetry.attach("presence.diff", handler)
    try:
        enter(channels, "ann")
    finally:
        telemetry.detach("presence.diff", handler)
    ((event, measured, about),) = seen
    assert event == "presence.diff"
    assert (measured["joins"], measured["leaves"], about["topic"]) == (1, 0, "room:1")
    assert about["presence"] is Here
    assert measured["size"] > 30


def test_states_are_cached_up_to_a_bound(channels, clock: Clock, monkeypatch):
    monkeypatch.setattr(trackers, "MAX_CACHED", 200)
    tracker = tracker_of(Here)
    for number in range(5):
        room = enter(channels, "ann", f"room:{number}")
        assert list(room.assert_push("presence_state")) == ["ann"]
        assert tracker._cached == sum(map(len, tracker._states.values())) <= 200
    assert 0 < len(tracker._states) < 5
    for number in range(20):
        Here.track(Idle.start(), "room:4", f"k{number}", {"name": "x"})
    clock.advance(1)
    assert len(enter(channels, None, "room:4").assert_push("presence_state")) == 21
    assert "room:4" not in tracker._states


def tracker_of(presence: type[Presence]) -> trackers.Tracker:
    return presences._trackers[presence]


def served_by(presence: type[Presence]) -> Any:
    (ref,) = registry.get_by_class(presence)
    return ref
