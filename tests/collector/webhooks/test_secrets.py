from __future__ import annotations

import base64
from pathlib import Path

import pytest

from makespan_collector.webhooks.secrets import secrets_of
from makespan_model.errors import InputError, UsageError


def test_several_secrets_stand_on_lines_of_their_own() -> None:
    secrets = secrets_of({"MAKESPAN_GITHUB_WEBHOOK_SECRET": "the new secret\n\n  the-old-secret\n"})
    assert secrets.github == (b"the new secret", b"the-old-secret")


def test_secrets_come_from_files_as_well(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("from-a-file\nanother-one\n")
    assert secrets_of({"MAKESPAN_GITLAB_WEBHOOK_TOKEN_FILE": str(path)}).gitlab == (b"from-a-file", b"another-one")
    with pytest.raises(InputError, match="MAKESPAN_GITLAB_WEBHOOK_TOKEN_FILE"):
        secrets_of({"MAKESPAN_GITLAB_WEBHOOK_TOKEN_FILE": str(tmp_path / "none")})


def test_a_signing_token_is_decoded_as_gitlab_shows_it() -> None:
    text = "whsec_" + base64.b64encode(bytes(32)).decode()
    assert secrets_of({"MAKESPAN_GITLAB_WEBHOOK_SIGNING_TOKEN": text}).gitlab_signing == (bytes(32),)
    for wrong in ("whsec_!!!!!!!!", "without-prefix"):
        with pytest.raises(UsageError, match="whsec_"):
            secrets_of({"MAKESPAN_GITLAB_WEBHOOK_SIGNING_TOKEN": wrong})


def test_a_secret_nobody_filled_in_is_refused() -> None:
    assert secrets_of({"MAKESPAN_GITHUB_WEBHOOK_SECRET": ""}).github == ()
    with pytest.raises(UsageError, match="at least 8"):
        secrets_of({"MAKESPAN_GITHUB_WEBHOOK_SECRET": "short"})


def test_secrets_are_not_shown() -> None:
    assert "the-new-secret" not in repr(secrets_of({"MAKESPAN_GITHUB_WEBHOOK_SECRET": "the-new-secret"}))
