"""What secrets look like, wherever they stand.

Sources: the token formats that GitHub, GitLab, AWS, Slack, npm, PyPI, Google, Stripe, Docker, Hugging
Face and OpenAI document for secret scanning; RFC 7519 (JWT), RFC 7468 (PEM), RFC 3986 3.2.1 (userinfo).
"""

from __future__ import annotations

import re

MASK = "***"

_PEM = r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE)[A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)"
_TOKENS = (
    r"gh[opsur]_[A-Za-z0-9]{16,}",
    r"github_pat_\w{20,}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct|rtr)-[\w.-]{16,}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
    r"xox[a-z]-[\w-]{8,}",
    r"xapp-[\w-]{8,}",
    r"https://hooks\.slack\.com/\S+",
    r"npm_[A-Za-z0-9]{20,}",
    r"pypi-[\w-]{16,}",
    r"sk-[\w-]{16,}",
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,}",
    r"AIza[\w-]{30,}",
    r"ya29\.[\w-]{16,}",
    r"dckr_(?:pat|oat)_[\w-]{16,}",
    r"hf_[A-Za-z0-9]{20,}",
    r"hv[sbr]\.[\w-]{16,}",
    r"dop_v1_[a-f0-9]{32,}",
    r"SG\.[\w-]{16,}\.[\w-]{16,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{20,}",
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*",
)
_KNOWN = re.compile("|".join((_PEM, *(rf"(?<![A-Za-z0-9]){token}" for token in _TOKENS))), re.DOTALL)

# `user:password@` or `token@` before a host. A password may hold anything but the end of the authority.
_USER_INFORMATION = re.compile(r"(?<=://)[^\s/?#'\"]+@")
_SCHEME_AND_CREDENTIAL = re.compile(
    r"\b(bearer|basic|digest|token|negotiate|apikey)(\s+)[\w.~+/=-]{12,}", re.IGNORECASE
)


def mask_shapes(text: str) -> str:
    """The text with everything that looks like a secret replaced by `***`."""
    text = _KNOWN.sub(MASK, text)
    text = _USER_INFORMATION.sub(f"{MASK}@", text)
    return _SCHEME_AND_CREDENTIAL.sub(rf"\1\2{MASK}", text)
