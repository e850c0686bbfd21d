"""Errors: one tree, and each carries what its peer is to be told."""

from __future__ import annotations

import pytest

from actors import errors
from actors.errors import (
    HandshakeError,
    HTTPError,
    InvalidUTF8,
    PayloadTooBig,
    PolicyViolation,
    ProtocolError,
    RoostError,
    SupervisionError,
    TransportError,
)
from actors.messages import Receipt


@pytest.mark.parametrize(
    ("error", "code"),
    [(ProtocolError, 1002), (InvalidUTF8, 1007), (PayloadTooBig, 1009), (PolicyViolation, 1008)],
)
def test_a_protocol_error_says_how_to_close(error: type[ProtocolError], code: int) -> None:
    assert error("why").close_code == code


def test_all_have_one_root() -> None:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert all(issubclass(kind, RoostError) for kind in found)
    assert errors.__doc__ is not None
    assert [kind.__name__ for kind in found if kind.__name__ not in errors.__doc__] == []


def test_an_http_error_carries_its_answer() -> None:
    error = HandshakeError(426, "the version", (("sec-websocket-version", "13"),))
    assert isinstance(error, HTTPError)
    assert isinstance(error, TransportError)
    assert (error.status, error.message, error.headers) == (
        426,
        "the version",
        (("sec-websocket-version", "13"),),
    )
    assert (str(error), HTTPError(500).message, HTTPError(500).headers) == ("the version", "", ())


def test_a_supervision_error_says_which_way() -> None:
    plain, detailed = SupervisionError("not_found"), SupervisionError("already_started", "ref")
    assert (str(plain), plain.reason, plain.detail) == ("not_found", "not_found", None)
    assert (str(detailed), detailed.detail) == ("already_started: ref", "ref")


def test_a_receipt_that_nobody_handles_is_told() -> None:
    told: list[bool] = []
    receipt = Receipt(told.append)
    receipt.reply_to.set_exception()
    assert told == [False]
    assert receipt.message is None


def test_a_config_error_has_a_line_for_each_problem() -> None:
    assert errors.ConfigError("a\nb").problems == ("a b",)
    several = errors.ConfigErrors(["a\nb", "c"])
    assert (several.problems, str(several)) == (("a b", "c"), "a b; c")
