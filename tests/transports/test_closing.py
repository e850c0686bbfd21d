from __future__ import annotations

import pytest

from actors.errors import InvalidUTF8, PayloadTooBig, PolicyViolation, ProtocolError
from actors.reasons import (
    CLOSED,
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    Closed,
    Crash,
    Failure,
    Reason,
    Shutdown,
)
from actors.results import Push, Reply, Stop
from transports.closing import close_frame, stop_frame

ACCEPTED = "1000, 1001, 1003, 1007 to 1014 or 3000 to 4999"


@pytest.mark.parametrize(
    ("reason", "frame"),
    [
        (NORMAL, (1000, "")),
        (SHUTDOWN, (1001, "")),
        (Shutdown("restart"), (1012, "")),
        (Shutdown("draining"), (1012, "")),
        (Shutdown("timeout"), (1001, "")),
        (Shutdown("disconnected"), (1001, "")),
        (Shutdown("inactive"), (1001, "")),
        (Shutdown("the application's own"), (1001, "")),
        (Shutdown("slow_consumer"), (1008, "slow consumer")),
        (Shutdown("overflow"), (1008, "overflow")),
        (Shutdown("flood"), (1008, "flood")),
        (Crash(ValueError()), (1011, "")),
        (Failure("why"), (1011, "")),
        (Failure(ProtocolError()), (1002, "")),
        (Failure(InvalidUTF8()), (1007, "")),
        (Failure(PayloadTooBig()), (1009, "")),
        (Failure(PolicyViolation()), (1008, "")),
        (NOPROC, (1011, "")),
        (KILLED, None),
        (CLOSED, None),
        (Closed(1000, "bye"), None),
    ],
)
def test_each_reason_has_its_close_code(reason: Reason, frame: tuple[int, str] | None) -> None:
    assert close_frame(reason) == frame


@pytest.mark.parametrize(
    ("stop", "frame"),
    [
        (Stop(), (1000, "")),
        (Stop(detail="bye"), (1000, "bye")),
        (Stop("other"), (1011, "")),
        (Stop(ValueError()), (1011, "")),
        (Stop(SHUTDOWN, detail="later"), (1001, "later")),
        (Stop(code=4001), (4001, "")),
        (Stop(code=4002, detail="because"), (4002, "because")),
        (Stop("other", code=4004), (4004, "")),
        (Stop(CLOSED, detail="unheard"), None),
    ],
)
def test_stop_names_its_own_code_or_leaves_it_to_the_reason(
    stop: Stop, frame: tuple[int, str] | None
) -> None:
    assert stop_frame(stop) == frame


@pytest.mark.parametrize("code", [1000, 1001, 1003, *range(1007, 1015), 3000, 4999])
def test_codes_an_endpoint_may_send_are_sent(code: int) -> None:
    assert stop_frame(Stop(code=code)) == (code, "")


@pytest.mark.parametrize(
    "code", [-1, 0, 999, 1002, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536]
)
def test_codes_nobody_may_send_are_a_value_error(code: int) -> None:
    with pytest.raises(ValueError, match=ACCEPTED):
        stop_frame(Stop(code=code))


@pytest.mark.parametrize("code", [True, "4000", 4000.0, (4000, "why")])
def test_a_code_that_is_no_int_is_a_type_error(code: object) -> None:
    with pytest.raises(TypeError, match=ACCEPTED):
        stop_frame(Stop(code=code))  # type: ignore[arg-type]


@pytest.mark.parametrize("detail", ["x" * 122, "x" * 123, "ü" * 61])
def test_a_detail_of_123_bytes_fits(detail: str) -> None:
    assert stop_frame(Stop(code=4000, detail=detail)) == (4000, detail)


@pytest.mark.parametrize("detail", ["x" * 124, "ü" * 62])
def test_a_detail_of_124_bytes_is_a_value_error(detail: str) -> None:
    with pytest.raises(ValueError, match="124 bytes of UTF-8; must be at most 123"):
        stop_frame(Stop(detail=detail))


@pytest.mark.parametrize("detail", [None, b"bytes"])
def test_a_detail_that_is_no_text_is_a_type_error(detail: object) -> None:
    with pytest.raises(TypeError, match="must be a str of at most 123 bytes"):
        stop_frame(Stop(detail=detail))  # type: ignore[arg-type]


@pytest.mark.parametrize("push", [[], (), [Push("x")], (Push("x"), Push(b"y"))])
def test_a_stop_may_push_first(push: list[Push]) -> None:
    assert stop_frame(Stop(push=push)) == (1000, "")


@pytest.mark.parametrize("push", [None, "x", Push("x"), [Reply("x")], ["x"], [Stop()], 5])
def test_a_push_that_is_no_list_of_pushes_is_a_type_error(push: object) -> None:
    with pytest.raises(TypeError, match=r"must be a list of Push\(payload\)"):
        stop_frame(Stop(push=push))  # type: ignore[arg-type]
