"""Every callback x every illegal result: a line in the log that names what is accepted, and where.

That connection ends as by a crash (close code 1011, or 408 for the POST), and no other does.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from actors.messages import Opcode
from actors.reasons import Crash
from actors.results import Error, Ok, Push, Reply, Stop
from tests.contract.logged import errors, still_echoes
from tests.contract.stage import terminated
from tests.contract.test_contract_results import CALLBACKS, answering, ending
from tests.contract.transports import BINARY, FRAMES, each_callback, needs, skip_unless

RESULT = "accepted: None, Reply(payload), Push(payload), a list of those, or Stop(reason)"
PAYLOAD = "accepted: str, bytes"
OPCODE = "accepted: TEXT, BINARY, PING, PONG"
CODE = "must be one of 1000, 1001, 1003, 1007 to 1014 or 3000 to 4999"
CODE_TYPE = "must be an int, one of 1000, 1001, 1003, 1007 to 1014 or 3000 to 4999"
DETAIL = "must be a str of at most 123 bytes"
PUSHES = "must be a list of Push(payload)"


class MyReply(Reply):
    """No subclass is a result: results are told apart by their type alone."""


ILLEGAL = {
    "str": (lambda: "x", TypeError, RESULT),
    "bytes": (lambda: b"x", TypeError, RESULT),
    "int": (lambda: 0, TypeError, RESULT),
    "bool": (lambda: False, TypeError, RESULT),
    "dict": (lambda: {"a": 1}, TypeError, RESULT),
    "tuple": (lambda: (Reply("x"),), TypeError, RESULT),
    "generator": (lambda: (Reply("x") for _ in "x"), TypeError, RESULT),
    "Ok": (lambda: Ok("x"), TypeError, RESULT),
    "Error": (lambda: Error("x"), TypeError, RESULT),
    "the class": (lambda: Reply, TypeError, RESULT),
    "a subclass": (lambda: MyReply("x"), TypeError, RESULT),
    "much": (lambda: "x" * 10_000, TypeError, RESULT),
    "lines": (lambda: "a\nb", TypeError, RESULT),
    "[None]": (lambda: [None], TypeError, RESULT),
    "[str]": (lambda: ["x"], TypeError, RESULT),
    "[Stop]": (lambda: [Stop()], TypeError, RESULT),
    "[[Push]]": (lambda: [[Push("x")]], TypeError, RESULT),
    "payload None": (lambda: Reply(None), TypeError, PAYLOAD),
    "payload int": (lambda: Reply(1), TypeError, PAYLOAD),
    "payload dict": (lambda: Push({"a": 1}), TypeError, PAYLOAD),
    "payload list": (lambda: [Push(["x"])], TypeError, PAYLOAD),
    "opcode CLOSE": (lambda: Reply("x", opcode=Opcode.CLOSE), TypeError, OPCODE),
    "opcode 0": (lambda: Push("x", 0), TypeError, OPCODE),
    "opcode 3": (lambda: Push("x", 3), TypeError, OPCODE),
    "opcode str": (lambda: Push("x", "text"), TypeError, OPCODE),
    "not UTF-8": (lambda: Reply(b"\xff", opcode=Opcode.TEXT), UnicodeDecodeError, "utf-8"),
    "a lone surrogate": (lambda: Reply("\ud800"), UnicodeEncodeError, "utf-8"),
    "code 1005": (lambda: Stop(code=1005), ValueError, CODE),
    "code 1006": (lambda: Stop(code=1006), ValueError, CODE),
    "code 999": (lambda: Stop(code=999), ValueError, CODE),
    "code 5000": (lambda: Stop(code=5000), ValueError, CODE),
    "code str": (lambda: Stop(code="1000"), TypeError, CODE_TYPE),
    "detail None": (lambda: Stop(detail=None), TypeError, DETAIL),
    "detail too long": (lambda: Stop(detail="x" * 124), ValueError, "must be at most 123"),
    "push None": (lambda: Stop(push=None), TypeError, PUSHES),
    "push str": (lambda: Stop(push="x"), TypeError, PUSHES),
    "push Push": (lambda: Stop(push=Push("x")), TypeError, PUSHES),
    "push [Stop]": (lambda: Stop(push=[Stop()]), TypeError, PUSHES),
    "push payload": (lambda: Stop(code=4000, push=[Push(1)]), TypeError, PAYLOAD),
}


@each_callback(CALLBACKS)
@pytest.mark.parametrize(("make", "kind", "form"), ILLEGAL.values(), ids=ILLEGAL)
def test_an_illegal_result_names_what_is_accepted(
    play: Any,
    transport: Any,
    caplog: pytest.LogCaptureFixture,
    callback: str,
    make: Any,
    kind: type[Exception],
    form: str,
) -> None:
    if kind is UnicodeDecodeError:
        skip_unless(transport, BINARY)
    stage = play(answering(callback, make))
    client, neighbour = stage.connect(), stage.neighbour()
    CALLBACKS[callback](client, stage.newest)
    assert client.closed() == ending(transport, callback, 1011, 408)
    reason = terminated(stage.newest)
    assert isinstance(reason, Crash)
    assert type(reason.exception) is kind
    (line,) = errors(caplog)
    assert f"crashed: {kind.__name__}: " in line
    assert transport.form(form) in line
    place = transport.place(r"tests/contract/test_contract_results\.py:\d+ in answer")
    assert re.search(place, line)
    still_echoes(neighbour)


@needs(FRAMES)
@pytest.mark.parametrize("callback", CALLBACKS)
@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
def test_a_control_frame_of_126_bytes_is_illegal(
    play: Any, caplog: pytest.LogCaptureFixture, callback: str, opcode: Opcode
) -> None:
    stage = play(answering(callback, lambda: Push(b"x" * 126, opcode)))
    client, neighbour = stage.connect(), stage.neighbour()
    CALLBACKS[callback](client, stage.newest)
    assert client.closed() == 1011
    (line,) = errors(caplog)
    assert "crashed: ValueError: a ping or pong carries at most 125 bytes (RFC 6455 §5.5)" in line
    still_echoes(neighbour)
