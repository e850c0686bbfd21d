from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import time
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import signing, token
from actors.capped_log import CappedLog
from actors.errors import ConfigError
from actors.results import Error, Ok

SECRET = "a secret of the application, 32+ bytes"
OLD = "the secret that was used until today"
NOW = 1_700_000_000.25
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def verify(text: object, *, secrets: signing.Secrets = SECRET, **given: Any) -> Ok | Error:
    return signing.verify(secrets, "salt", text, **{"max_age": 60, "now": NOW, **given})


def made(data: object = "data") -> str:
    return signing.sign(SECRET, "salt", data, now=NOW)


@given(PLAIN)
def test_what_was_signed_is_what_is_verified(data: object) -> None:
    assert verify(made(data)) == Ok(data)


def test_a_token_is_base64url_without_padding_and_fits_into_a_cookie() -> None:
    payload, _, mac = made(b"\xff" * 50).partition(".")
    assert len(base64.urlsafe_b64decode(mac + "=")) == 32
    assert set(payload + mac) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


def test_a_token_is_the_same_in_every_process_and_release() -> None:
    assert signing.sign("s" * 32, "salt", {"user": 7}, now=1e9) == (
        "ks8AAADo1KUQAIGkdXNlcgc.zWJ7nuhTqZpM-LiDtzHRy5VIWbfh3I0Mm3xyJ2KjSWE"
    )


def test_tuples_come_back_as_lists() -> None:
    assert verify(made((1, (2,)))) == Ok([1, [2]])


@pytest.mark.parametrize("data", [object(), {1, 2}, 2**64, {(1, 2): 3}, [lambda: None]])
def test_data_that_msgpack_has_no_form_for_is_a_type_error(data: object) -> None:
    with pytest.raises(TypeError, match="a token holds None, bool, int"):
        made(data)


def test_no_token_is_missing() -> None:
    assert verify(None) == Error("missing")


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.b", "garbage", ["x"], 7, "ä.ö", made() + "=", made().replace(".", ""), "x" * 4097],
)
def test_what_is_no_token_is_invalid(text: object) -> None:
    assert verify(text) == Error("invalid")


def test_a_token_with_any_bit_flipped_is_invalid() -> None:
    good = made().encode()
    for position in range(len(good)):
        for bit in range(7):
            bad = bytearray(good)
            bad[position] ^= 1 << bit
            assert verify(bad.decode()) == Error("invalid"), (position, bit)


def test_a_truncated_token_is_invalid() -> None:
    good = made()
    assert {verify(good[:end]).reason for end in range(len(good))} == {"invalid"}  # type: ignore[union-attr]


def test_a_token_for_another_salt_is_invalid() -> None:
    other = signing.sign(SECRET, "another salt", "data", now=NOW)
    assert verify(other) == Error("invalid")


def test_a_mac_without_our_prefix_is_invalid_although_the_key_is_ours() -> None:
    key = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), b"salt", 1000, 32)
    payload = made().partition(".")[0].encode()
    mac = base64.urlsafe_b64encode(hmac.digest(key, payload, "sha256")).rstrip(b"=")
    assert verify((payload + b"." + mac).decode()) == Error("invalid")


@pytest.mark.parametrize(
    ("age", "result"),
    [(59.999, Ok("data")), (60, Ok("data")), (60.001, Error("expired")), (61, Error("expired"))],
)
def test_a_token_older_than_max_age_is_expired(age: float, result: object) -> None:
    assert verify(made(), now=NOW + age) == result


def test_without_max_age_a_token_has_no_end() -> None:
    assert verify(made(), max_age=None, now=NOW + 1e9) == Ok("data")


@pytest.mark.parametrize(
    ("early", "result"),
    [
        (signing.CLOCK_SKEW - 1, Ok("data")),
        (signing.CLOCK_SKEW, Ok("data")),
        (signing.CLOCK_SKEW + 0.001, Error("invalid")),
        (signing.CLOCK_SKEW + 1, Error("invalid")),
        (1e9, Error("invalid")),
    ],
)
def test_a_token_from_the_future_is_valid_within_the_skew_of_clocks(
    early: float, result: object
) -> None:
    ahead: list[float] = []
    assert verify(made(), now=NOW - early, on_ahead=ahead.append) == result
    assert ahead == ([] if result == Ok("data") else [pytest.approx(early, abs=0.002)])
    assert verify(made(), now=NOW - early) == result


@pytest.mark.parametrize(("early", "valid"), [(0, True), (0.001, False), (1, False)])
def test_the_skew_may_be_nothing(early: float, valid: bool) -> None:
    assert isinstance(verify(made(), now=NOW - early, skew=0), Ok) is valid


def test_the_skew_does_not_lengthen_a_token_s_life() -> None:
    assert verify(made(), now=NOW + 60.001, skew=1e6) == Error("expired")


def test_a_forged_token_from_the_future_says_nothing_of_clocks() -> None:
    ahead: list[float] = []
    forged = signing.sign("f" * 32, "salt", "data", now=NOW + 1e6)
    assert verify(forged, on_ahead=ahead.append) == Error("invalid")
    assert ahead == []


def test_a_clock_that_is_wrong_is_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token, "_clocks", CappedLog(logging.getLogger("roost.endpoint")))
    text = token.sign(SECRET, "salt", "data", now=NOW + 61)
    for _ in range(100):
        assert token.verify(SECRET, "salt", text, now=NOW) == Error("invalid")
    (line,) = [r.getMessage() for r in caplog.records if "held back" not in r.getMessage()]
    assert "signed 61 s ahead of this machine's clock" in line
    assert token.verify(SECRET, "salt", text, now=NOW, skew=61) == Ok("data")


def test_after_a_rotation_the_old_secret_verifies_and_the_new_one_signs() -> None:
    old = signing.sign(OLD, "salt", "old", now=NOW)
    new = signing.sign([SECRET, OLD], "salt", "new", now=NOW)
    assert verify(old, secrets=[SECRET, OLD]) == Ok("old")
    assert verify(new, secrets=SECRET) == Ok("new")
    assert verify(new, secrets=OLD) == Error("invalid")


def longest(target: int) -> bytes:
    """Return data that makes a token of exactly ``target`` characters."""
    for size in range(target):
        packed = msgpack.packb([int(NOW * 1000), b"x" * size])
        if -(-len(packed) * 8 // 6) + 1 + 43 == target:
            return b"x" * size
    raise AssertionError(target)


@pytest.mark.parametrize("size", [4095, 4096])
def test_a_token_of_at_most_4096_characters_is_made_and_read(size: int) -> None:
    text = made(longest(size))
    assert len(text) == size
    assert verify(text) == Ok(longest(size))


def test_a_longer_token_is_not_made() -> None:
    # base64 has no 4097
    with pytest.raises(ValueError, match="4098 bytes, over 4096"):
        made(longest(4096) + b"x")


@pytest.mark.parametrize("size", [32, 33])
def test_a_secret_of_32_bytes_is_accepted(size: int) -> None:
    assert signing.sign("x" * size, "salt", 1, now=NOW)


def test_a_secret_of_31_bytes_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match="31 bytes; must be at least 32") as caught:
        signing.sign("hidden" + "x" * 25, "salt", 1, now=NOW)
    assert "hidden" not in str(caught.value)


def test_no_secret_at_all_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="at least one secret"):
        verify(made(), secrets=[])


def test_the_public_functions_use_the_wall_clock_and_one_day() -> None:
    before = int(time.time() * 1000)
    text = token.sign(SECRET, "salt", "data")
    signed_ms, _ = msgpack.unpackb(base64.urlsafe_b64decode(text.partition(".")[0] + "=="))
    assert before <= signed_ms <= time.time() * 1000
    assert token.verify(SECRET, "salt", text) == Ok("data")
    day_old = token.sign(SECRET, "salt", "data", now=time.time() - 86_401)
    assert token.verify(SECRET, "salt", day_old) == Error("expired")
    assert token.verify(SECRET, "salt", day_old, max_age=90_000) == Ok("data")
    assert token.verify(SECRET, "salt", made(), now=NOW) == Ok("data")
