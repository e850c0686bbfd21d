"""The server's certificate, as the command is given it."""

from __future__ import annotations

import os
import ssl
import stat
from typing import NoReturn

from actors.errors import ConfigError


def server_context(certfile: str | None, keyfile: str | None) -> ssl.SSLContext | None:
    """Return a context for TLS 1.2 and later, or ``None`` without a certificate.

    ``certfile`` is a chain in PEM, ``keyfile`` its key unless that is in the same file. A file that
    cannot be read, that is no PEM, whose key is encrypted or belongs to another certificate is a
    :class:`~actors.errors.ConfigError`.
    """
    if certfile is None:
        if keyfile is not None:
            raise ConfigError("--keyfile needs --certfile")
        return None
    for option, path in (("--certfile", certfile), ("--keyfile", keyfile)):
        if path is not None:
            _check_readable(option, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # it costs us more than the client who asks
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certfile, keyfile, password=_refuse)
    except ssl.SSLError as error:
        raise ConfigError(_explain(error, certfile, keyfile or certfile)) from None
    return context


def _check_readable(option: str, path: str) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode):  # OpenSSL would wait for it, at each reload too
                raise ConfigError(f"{option} {path!r}: is a pipe, and must be a file")
            os.read(fd, 1)
        finally:
            os.close(fd)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{option} {path!r}: {reason}") from None


def _refuse() -> NoReturn:
    """Be asked for a passphrase; OpenSSL would ask the terminal."""
    raise ConfigError("the private key is encrypted; it must be stored without a passphrase")


def _explain(error: ssl.SSLError, certfile: str, keyfile: str) -> str:
    """Return in words what OpenSSL says in names; its message names no file."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"--keyfile {keyfile!r}: is not the key of the certificate in {certfile!r}"
    reason = error.reason or error
    return f"--certfile {certfile!r}: no certificate chain and key in PEM there ({reason})"
