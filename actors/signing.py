"""Signed tokens: data that anybody may read and only we can make (after Phoenix.Token).

A token is ``payload "." mac`` in base64url without padding: the payload is msgpack of
``[signed_ms, data]``, the mac HMAC-SHA256 over a fixed prefix and the encoded payload. The key is
PBKDF2-HMAC-SHA256 of the secret and the salt (1000 iterations, 32 bytes), so that a token made for
one purpose (salt) means nothing for another. There is no field that names an algorithm.

Nothing here knows the time: ``now`` is an argument, in seconds since the epoch.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import msgpack

from actors.errors import ConfigError
from actors.results import Error, Ok
from actors.speedups import hot

MAX_TOKEN = 4096
MIN_SECRET = 32

CLOCK_SKEW = 60.0
"""Seconds that the clocks of machines which share secrets may differ."""

_PREFIX = b"roost.token.1."
_BLOCK = 64  # bytes that SHA-256 hashes at a time, which HMAC fills with its key
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")

Secrets = str | Sequence[str]

if TYPE_CHECKING:
    _Keyed = tuple[hashlib._Hash, hashlib._Hash]  # noqa: SLF001 - the name that typeshed has for it


def sign(secrets: Secrets, salt: str, data: object, *, now: float) -> str:
    """Make a token for ``data``: ``None``, bool, int, float, str, bytes, lists and dicts of them.

    ``secrets`` is one secret or several: the first signs, all verify. Tuples come back as lists.
    Raises ``TypeError`` for other data, ``ValueError`` where the token would exceed 4096 bytes,
    ``ConfigError`` for a secret of fewer than 32 bytes.
    """
    try:
        packed = msgpack.packb([int(now * 1000), data])
        # A dict with tuples as keys packs, but what comes back has lists there, which do not hash.
        msgpack.unpackb(packed, strict_map_key=False)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"a token holds None, bool, int, float, str, bytes, lists and dicts: {error}"
        raise TypeError(msg) from None
    return sign_plain(secrets, salt, packed)


def sign_plain(secrets: Secrets, salt: str, packed: bytes) -> str:
    """Make a token of what is packed already: msgpack of ``[signed_ms, data]``."""
    payload = _encode(packed)
    keyed = (
        _first_keyed(secrets, salt) if type(secrets) is tuple else _keyed(_all(secrets)[0], salt)
    )
    token = payload + b"." + _mac(keyed, payload)
    if len(token) > MAX_TOKEN:
        raise ValueError(f"the token would be {len(token)} bytes, over {MAX_TOKEN}")
    return token.decode("ascii")


def verify(
    secrets: Secrets,
    salt: str,
    token: object,
    *,
    max_age: float | None,
    now: float,
    skew: float = CLOCK_SKEW,
    on_ahead: Callable[[float], object] | None = None,
) -> Ok | Error:
    """Return ``Ok(data)``, or ``Error`` with ``"missing"``, ``"invalid"`` or ``"expired"``.

    ``max_age`` is in seconds, ``None`` for no end. ``token`` may be whatever a client sent; one of
    more than 4096 bytes is not looked at.

    A token may be signed up to ``skew`` seconds in the future: other machines have other clocks,
    and ours may have been set back. Beyond it is invalid, and ``on_ahead`` is called with the
    seconds that it is ahead: it is one of ours, so a clock must be wrong.
    """
    if token is None:
        return Error("missing")
    if not isinstance(token, str) or len(token) > MAX_TOKEN or not token.isascii():
        return Error("invalid")
    payload, _, mac = token.encode("ascii").partition(b".")
    for secret in _all(secrets):
        if hmac.compare_digest(mac, _mac(_keyed(secret, salt), payload)):
            return _aged(payload, max_age, now, skew, on_ahead)
    return Error("invalid")


def _aged(
    payload: bytes,
    max_age: float | None,
    now: float,
    skew: float,
    on_ahead: Callable[[float], object] | None,
) -> Ok | Error:
    # Only what carries our mac comes here, so the shape is certain.
    raw = binascii.a2b_base64(payload.translate(_FROM_URL) + b"==")
    signed_ms, data = msgpack.unpackb(raw, strict_map_key=False)
    age_ms = int(now * 1000) - signed_ms
    if age_ms < -skew * 1000:
        if on_ahead is not None:
            on_ahead(-age_ms / 1000)
        return Error("invalid")
    if max_age is not None and age_ms > max_age * 1000:
        return Error("expired")
    return Ok(data)


def _mac(keyed: _Keyed, payload: bytes) -> bytes:
    """Return HMAC-SHA256 (RFC 2104), whose keyed halves are hashed once for each secret and salt.

    :class:`hmac.HMAC` can be copied too, at twice the cost.
    """
    inner, outer = keyed[0].copy(), keyed[1].copy()
    inner.update(payload)
    outer.update(inner.digest())
    return _encode(outer.digest())


@lru_cache(maxsize=256)
def _keyed(secret: str, salt: str) -> _Keyed:
    _refuse(secret)
    raw = secret.encode()
    key = hashlib.pbkdf2_hmac("sha256", raw, salt.encode(), 1000, 32).ljust(_BLOCK, b"\0")
    inner = bytes(byte ^ 0x36 for byte in key)
    outer = bytes(byte ^ 0x5C for byte in key)
    return hashlib.sha256(inner + _PREFIX), hashlib.sha256(outer)


def _all(secrets: Secrets) -> Sequence[str]:
    found = (secrets,) if isinstance(secrets, str) else secrets
    if not isinstance(found, tuple | list):
        raise ConfigError(
            f"secret_key_base: a {type(found).__name__}; must be str or a list of str"
        )
    if not found:
        raise ConfigError("secret_key_base: none given; must be at least one secret")
    for each in found:
        if type(each) is not str or len(each) < MIN_SECRET:
            _refuse(each)
    return found


@lru_cache(maxsize=16)
def _first_keyed(secrets: tuple[str, ...], salt: str) -> _Keyed:
    """Return what the first of a tuple signs with; as that cannot change it is looked at once."""
    return _keyed(_all(secrets)[0], salt)


def is_secret(value: object) -> bool:
    """Whether ``value`` may be a secret: a ``str`` of at least 32 bytes of UTF-8."""
    return isinstance(value, str) and _size(value) >= MIN_SECRET


def _size(secret: str) -> int:
    try:
        return len(secret.encode())
    except UnicodeEncodeError:  # whose attributes hold the secret
        return 0


def _refuse(given: object) -> None:
    """Raise a :class:`ConfigError` unless ``given`` is a secret; it is not shown."""
    if not isinstance(given, str):
        raise ConfigError(f"secret_key_base: a {type(given).__name__}; must be str")
    if not is_secret(given):
        raise ConfigError(f"secret_key_base: {_size(given)} bytes; must be at least {MIN_SECRET}")


def pure_base64url(raw: bytes) -> bytes:
    """Return base64url without padding (RFC 4648 §5)."""
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)


_encode = hot(pure_base64url)
