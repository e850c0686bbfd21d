"""Results show themselves as dataclasses do, in both builds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from actors import results
from actors.messages import Opcode
from tests.support.waiting import DEADLINE


class Answer(results.Reply):
    """An application's own."""


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (results.Ok({"a": 1}), "Ok(value={'a': 1})"),
        (results.Error("no"), "Error(reason='no')"),
        (results.Reply("x"), "Reply(payload='x', status='ok', opcode=None)"),
        (Answer("x", "late"), "Answer(payload='x', status='late', opcode=None)"),
        (results.Push("x", Opcode.TEXT), f"Push(payload='x', opcode={Opcode.TEXT!r})"),
    ],
)
def test_a_result_is_shown_in_any_thread(made: object, shown: str) -> None:
    assert repr(made) == shown
    # Callbacks run in greenlets, to which a thread-local of the importing thread is as foreign.
    with ThreadPoolExecutor(1) as other:
        assert other.submit(repr, made).result(DEADLINE) == shown


def test_a_result_that_holds_itself_is_shown() -> None:
    accepted, reply, push = results.Ok(), results.Reply([]), results.Push("")
    accepted.value = [accepted]
    reply.payload = [reply]
    push.payload = [push]  # type: ignore[assignment]
    assert repr(accepted) == "Ok(value=[...])"
    assert repr(reply) == "Reply(payload=[...], status='ok', opcode=None)"
    assert repr(push) == "Push(payload=[...], opcode=None)"
