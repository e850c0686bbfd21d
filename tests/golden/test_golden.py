"""Every recording of Phoenix is answered as it was recorded, or as ``differences.py`` says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Lock

import pytest

from tests.golden import channel_differences, fixture, recordings, server
from tests.golden.differences import Difference
from tests.golden.recordings import Case, Step
from tests.golden.replay import Replay

AT_ONCE = 16
"""Cases that are replayed at the same time: most of each is waiting."""

CASES = recordings.load()
ALONE = [case for case in CASES if case.mount == "*"]
"""Cases that end their server."""
NOW = [case for case in CASES if case not in ALONE]
MOUNTS = {mount.path for mount in fixture.endpoint.mounts}


@dataclass(frozen=True)
class Outcome:
    """Where each recording of a case did not fit (``None``: it did, and no other was tried).

    ``ours`` is the same for what a listed ``difference`` makes of the case.
    """

    recorded: list[str | None]
    difference: Difference | None = None
    ours: str | None = None


class Replays:
    """Replays ``cases`` against one server, many at a time."""

    def __init__(self, kind: str, address: tuple[str, int], cases: Iterable[Case]) -> None:
        self._differences = channel_differences.listed(kind)
        self._address = address
        self._runs = count(1)
        self._turns: dict[str, Lock] = defaultdict(Lock)
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._futures: dict[str, Future[Outcome]] = {
            case.name: self._pool.submit(self._replay, case) for case in cases
        }

    def once(self, case: Case, steps: Sequence[Step]) -> str | None:
        """Return where ``steps`` do not fit, ``None`` where they do."""
        return Replay(self._address, case, steps, next(self._runs)).run()

    def outcome(self, case: Case) -> Outcome:
        """Return what became of ``case``."""
        return self._futures[case.name].result()

    def _replay(self, case: Case) -> Outcome:
        # Of two that differ in the version alone each would hear what the other broadcasts.
        with self._turns[re.sub(r"chan v[12] ", "", case.name)]:
            return self._replay_now(case)

    def _replay_now(self, case: Case) -> Outcome:
        recorded: list[str | None] = []
        for steps in case.variants:
            recorded.append(self.once(case, steps))
            if recorded[-1] is None:
                break
        difference = self._differences.get(case.name)
        if difference is None:
            return Outcome(recorded)
        return Outcome(recorded, difference, self.once(case, difference.applied(case)))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module", params=list(server.COMMANDS))
def replays(request):
    """Replay what was selected, all at once, before the first of it is asked for."""
    callspecs = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = {id(spec.params["case"]) for spec in callspecs if spec and "case" in spec.params}
    with server.serving(request.param) as address:
        running = Replays(request.param, address, [case for case in NOW if id(case) in wanted])
        yield running
        running.close()


@pytest.mark.parametrize("case", ALONE, ids=lambda case: case.name)
def test_recorded_shutdown_goes_as_the_differences_say(case):
    difference = channel_differences.listed("native")[case.name]
    with server.serving("native") as address:  # which sees to it that the exit status is 0
        assert Replay(address, case, difference.applied(case), 1).run() is None


@pytest.mark.slow  # all together: clients wait as they did in the recordings, and servers for them
@pytest.mark.parametrize("case", NOW, ids=lambda case: case.name)
def test_recorded_case_is_answered_as_phoenix_did_or_as_the_differences_say(replays, case):
    outcome = replays.outcome(case)
    if outcome.difference is None:
        assert None in outcome.recorded, "\n".join(filter(None, outcome.recorded))
    else:
        assert None not in outcome.recorded, "a listed difference that is none"
        assert outcome.ours is None


def test_every_case_is_replayed():
    assert len(NOW) + len(ALONE) == len(CASES) == 408


def test_every_difference_is_of_a_case_that_is_replayed():
    names = {case.name for case in [*NOW, *ALONE]}
    for kind in server.COMMANDS:
        assert set(channel_differences.listed(kind)) <= names


@pytest.mark.parametrize(
    ("name", "step", "change"),
    [
        ("hs ok", 0, {"response": {"status": 101, "headers": [], "body": ""}}),
        ("hs ok", 2, {"payload": "hell"}),
        ("hs ok", 2, {"opcode": "binary"}),
        ("hs ok", 4, {"code": 1001}),
        ("hs ok", 4, {"reason": "bye"}),
        ("hs no key", 0, {"response": {"status": 400, "headers": [], "body": "no key"}}),
        ("socket handle_info kill", 2, {"op": "recv_nothing", "within_ms": 5000}),
        ("close client with reason", 4, {"entries": [":init"]}),
        ("socket tell from outside", 1, {"processes": 2}),
        ("socket push from init", 1, {"op": "recv_nothing", "within_ms": 500}),
    ],
)
def test_replay_notices_what_is_not_as_recorded(replays, name, step, change):
    (case,) = [case for case in NOW if case.name == name]
    steps = list(case.variants[0])
    steps[step] = {**steps[step], **change}
    assert (replays.once(case, steps) or "").startswith(f"step {step} ")
