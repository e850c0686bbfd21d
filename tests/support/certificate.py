"""Certificates for localhost, made by openssl(1) where a test asks for them."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make(directory: Path, name: str = "server", *, passphrase: str | None = None) -> Path:
    """Write ``name.pem`` and ``name.key`` into ``directory``; return the former."""
    certificate = directory / f"{name}.pem"
    protection = ["-passout", f"pass:{passphrase}"] if passphrase else ["-nodes"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(directory / f"{name}.key"), "-out", str(certificate), *protection],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate
