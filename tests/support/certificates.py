"""A certificate authority of the test's own, made with openssl: nothing a machine trusts already."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority, a server named 127.0.0.1, and a client."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path

    def server_context(self, *, asks_for_client: bool = False) -> ssl.SSLContext:
        """What the server speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.server_key)
        if asks_for_client:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make_certificates(folder: Path) -> Certificates:
    """Make all of them; skips the test where there is no openssl."""
    if shutil.which("openssl") is None:
        assert not os.environ.get("MAKESPAN_REQUIRE_SERVICES"), "openssl is required and not installed"
        pytest.skip("openssl is not installed")
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    request += ["-days", "2"]
    authority = ["-addext", "keyUsage=critical,keyCertSign", "-subj", "/CN=test authority"]
    _run([*request, "-keyout", "ca.key", "-out", "ca.pem", *authority], folder)
    for name in ("server", "client"):
        leaf = ["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", f"/CN={name}", "-addext", "basicConstraints=CA:FALSE"]
        leaf += ["-addext", "subjectAltName=IP:127.0.0.1"]
        _run([*request, "-keyout", f"{name}.key", "-out", f"{name}.pem", *leaf], folder)
    return Certificates(*(folder / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")))


def _run(words: list[str], folder: Path) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
