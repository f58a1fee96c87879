"""Options whose value is a secret although their name does not say so, program by program."""

from __future__ import annotations

import os

from makespan_agent.privacy.secret_names import is_secret_name

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Iterable

_MYSQL = ("-p",)
# Each program's manual page. An option counts with its value attached or in the next word.
_OPTIONS = {
    "7z": ("-p",),
    "az": ("-p",),
    "curl": ("-u", "-U", "-b", "--user", "--proxy-user"),
    "ldapmodify": ("-w",),
    "ldapsearch": ("-w",),
    "mariadb": _MYSQL,
    "mariadb-dump": _MYSQL,
    "mongodump": ("-p",),
    "mongorestore": ("-p",),
    "mongosh": ("-p",),
    "mysql": _MYSQL,
    "mysqladmin": _MYSQL,
    "mysqldump": _MYSQL,
    "openssl": ("-passin", "-passout", "-pass", "-k", "-K"),
    "redis-cli": ("-a",),
    "sqlcmd": ("-P",),
    "sshpass": ("-p",),
    "twine": ("-p",),
    "unzip": ("-P",),
    "zip": ("-P",),
}
# `docker run -p` publishes a port; only a login has a password.
_LOGIN_PROGRAMS = frozenset({"buildah", "docker", "helm", "nerdctl", "podman", "skopeo"})


def secret_options(words: Iterable[str]) -> tuple[str, ...]:
    """The short options that carry a secret for the programs that these words run."""
    names = {os.path.basename(word.strip("\"'")) for word in words}
    found = [option for name in names for option in _OPTIONS.get(name, ())]
    if names & _LOGIN_PROGRAMS and "login" in names:
        found.append("-p")
    return tuple(found)


def announces_secret(word: str, options: tuple[str, ...]) -> bool:
    """Whether the word after this one is a secret: `--password`, `-p` of a program that means it so."""
    if word in options:
        return True
    return word.startswith("-") and "=" not in word and " " not in word and is_secret_name(word)


def attached_option(word: str, options: tuple[str, ...]) -> str | None:
    """The option in front of a secret in the same word: `-p` of `-psecret`; None where there is none."""
    for option in options:
        if word.startswith(option) and len(word) > len(option) and not option.startswith("--"):
            return option
    return None
