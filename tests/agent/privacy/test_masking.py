from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from makespan_agent.privacy.masking import Masking
from makespan_agent.privacy.secret_names import is_secret_name, secret_values

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabcdef\n-----END RSA PRIVATE KEY-----"

# Shapes are put together here, so that no scanner takes this file for a leak.
SHAPES = [
    "ghp_" + "a1B2" * 9,
    "gho_" + "a1B2" * 9,
    "ghs_" + "a1B2" * 9,
    "github_pat_" + "11AAAAAAA0_" + "a1B2" * 10,
    "glpat-" + "x9_Y" * 5,
    "glcbt-64_" + "x9_Y" * 5,
    "AKIA" + "ABCD2345EFGH6789",
    "ASIA" + "ABCD2345EFGH6789",
    "xoxb-" + "123456789012-abcdefABCDEF",
    "https://hooks.slack.com/" + "services/T000/B000/XXXX",
    "npm_" + "a1B2" * 9,
    "pypi-" + "AgEIcHlwaS5vcmc" + "a1B2" * 9,
    "sk-" + "proj-" + "a1B2" * 9,
    "sk_live_" + "a1B2" * 6,
    "AIza" + "SyA1" * 9,
    "dckr_pat_" + "a1B2" * 6,
    "hf_" + "a1B2" * 8,
    "hvs." + "a1B2" * 8,
    JWT,
    PEM,
]


@pytest.mark.parametrize("secret", SHAPES)
@pytest.mark.parametrize("place", ["{}", "--header={}", "x={}", "echo '{}' | cat", "prefix:{}:suffix", '{{"a": "{}"}}'])
def test_a_known_token_shape_is_masked_wherever_it_stands(secret: str, place: str) -> None:
    (word,) = Masking({}).arguments([place.format(secret)])

    assert secret not in word
    assert "***" in word


COMMANDS = [
    ["deploy", "--password", "hunter2x"],
    ["deploy", "--password=hunter2x"],
    ["deploy", "--password=two words hunter2x"],
    ["deploy", "--db-password", "-hunter2x"],
    ["deploy", "-password", "hunter2x"],
    ["deploy", "--token=hunter2x"],
    ["deploy", "--api-key", "hunter2x"],
    ["deploy", "--apikey=hunter2x"],
    ["deploy", "--client-secret", "hunter2x"],
    ["deploy", "--auth", "bob:hunter2x"],
    ["mvn", "-Dgpg.passphrase=hunter2x", "deploy"],
    ["docker", "login", "-u", "bob", "-p", "hunter2x", "registry"],
    ["docker", "build", "--build-arg", "NPM_TOKEN=hunter2x", "."],
    ["docker", "run", "-e", "DB_PASSWORD=hunter2x", "image"],
    ["mysql", "-u", "root", "-phunter2x", "db"],
    ["sudo", "mysqldump", "-phunter2x", "db"],
    ["/usr/bin/sshpass", "-p", "hunter2x", "ssh", "host"],
    ["sshpass", "-phunter2x", "ssh", "host"],
    ["redis-cli", "-a", "hunter2x", "ping"],
    ["openssl", "enc", "-pass", "pass:hunter2x"],
    ["curl", "-u", "bob:hunter2x", "https://example.org"],
    ["curl", "-ubob:hunter2x", "https://example.org"],
    ["curl", "--user", "bob:hunter2x", "https://example.org"],
    ["curl", "https://bob:hunter2x@example.org/path"],
    ["curl", "https://hunter2x@example.org/path"],
    ["curl", "https://example.org/path?access_token=hunter2x&page=2"],
    ["curl", "https://example.org/path?page=2&api_key=hunter2x"],
    ["curl", "-H", "Authorization: Bearer hunter2x"],
    ["curl", "-H", "authorization:hunter2x"],
    ["curl", "-H", "PRIVATE-TOKEN: hunter2x"],
    ["curl", "-H", "X-Api-Key: hunter2x"],
    ["curl", "-H", "Cookie: session=hunter2x; a=b"],
    ["curl", "--header=Authorization: Basic hunter2x"],
    ["curl", "-d", '{"user": "bob", "password": "hunter2x"}'],
    ["curl", "-d", '{"password":"hunter\\"2x hunter2x"}'],
    ["curl", "-d", "user=bob&password=hunter2x"],
    ["psql", "host=db user=bob password=hunter2x"],
    ["psql", "postgresql://bob:hunter2x@db:5432/app"],
    ["env", "GITHUB_TOKEN=hunter2x", "make"],
    ["bash", "-c", "curl -u bob:hunter2x https://example.org"],
    ["bash", "-c", "curl -H 'Authorization: Bearer hunter2x' https://example.org"],
    ["bash", "-c", 'deploy --password "a hunter2x" --verbose'],
    ["bash", "-c", "export API_TOKEN=hunter2x; make"],
    ["bash", "-c", "ssh host 'mysql -phunter2x'"],
    ["bash", "-c", "cat <<E > .npmrc\n//registry/:_authToken=hunter2x\nE"],
    ["bash", "-c", "echo 'machine h login bob\npassword: hunter2x'"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words)[:60])
def test_a_secret_is_known_by_the_option_field_header_or_url_it_stands_in(words: list[str]) -> None:
    masked = Masking({}).arguments(words)

    assert "hunter2x" not in " ".join(masked)
    assert len(masked) == len(words)
    assert masked[0] == words[0]


HARMLESS = [
    ["pytest", "-k", "basic and not slow", "-p", "no:cacheprovider", "tests/test_auth.py"],
    ["docker", "run", "-p", "8080:80", "-v", "/a:/b", "image:1.2"],
    ["mkdir", "-p", "a/b"],
    ["git", "log", "--author", "bob", "--format=%H", "--", "path/to"],
    ["make", "-j2", "CFLAGS=-O2", "all"],
    ["curl", "-fsSL", "https://example.org/a?page=2", "-o", "file"],
    ["bash", "-c", "cd x && make  test; echo 'a  b'"],
]


@pytest.mark.parametrize("words", HARMLESS, ids=lambda words: words[0])
def test_harmless_arguments_stay_as_they_are(words: list[str]) -> None:
    assert Masking({"HOME": "/root", "PWD": "/work"}).arguments(words) == words


@pytest.mark.parametrize(
    "name",
    ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "db_password", "MYKEY", "NPM_AUTH", "SENTRY_DSN", "GH_PAT", "X-Api-Key"],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["PATH", "HOME", "AUTHOR", "PATTERN", "COMPAT", "NAME", "PRIVATEER", "CI"])
def test_names_that_only_look_like_it(name: str) -> None:
    assert not is_secret_name(name)


def test_directories_and_sockets_are_no_secrets_and_ci_variables_are() -> None:
    found = secret_values({"PWD": "/w", "SSH_AUTH_SOCK": "/s", "CI_REPOSITORY_URL": "https://x", "OTHER": "o"})

    assert set(found) == {"CI_REPOSITORY_URL"}


def test_the_values_of_variables_named_in_makespan_mask_are_masked() -> None:
    masking = Masking({"MAKESPAN_MASK": "CUSTOMER, OTHER", "CUSTOMER": "acme corp"})

    assert masking.arguments(["build", "--for=acme corp"]) == ["build", "--for=***"]


def test_a_short_secret_is_masked_only_where_it_is_the_whole_value() -> None:
    masking = Masking({"PIN_TOKEN": "17"})

    assert masking.arguments(["run", "17", "--pin=17", "1.17.0"]) == ["run", "***", "--pin=***", "1.17.0"]


def test_every_line_and_every_encoding_of_a_secret_is_masked() -> None:
    masking = Masking({"DEPLOY_KEY": "first line\nsecond&line"})
    words = [
        "first line",
        "x second&line y",
        "second%26line",
        "Zmlyc3QgbGluZQpzZWNvbmQmbGluZQ==",
        "first line\\nsecond&line",
    ]

    masked = masking.arguments(words)

    assert masked[0] == "***"
    assert masked[1] == "x *** y"
    assert masked[3].startswith("***")
    assert not any("first" in word or "second&" in word for word in masked)


def test_variables_with_secret_names_are_masked_and_others_cleaned() -> None:
    environment = {"MY_TOKEN": "abcdef", "URL": "https://u:pw@h/", "MIXED": "x abcdef y", "PLAIN": "p"}

    found = Masking(environment).variables(["MY_TOKEN", "URL", "MIXED", "PLAIN", "UNSET"])

    assert found == {"MY_TOKEN": "***", "URL": "https://***@h/", "MIXED": "x *** y", "PLAIN": "p"}


def test_arguments_are_bounded() -> None:
    masked = Masking({}).arguments(["x" * 1000] * 1000)

    assert sum(map(len, masked)) < 66_000
    assert masked[-1].endswith("more words)")


secret_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0*"), min_size=4, max_size=40)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@given(secret=secret_texts, before=words, after=words, others=st.lists(words, max_size=4))
@example(secret="https://a:b@c/d", before="", after="", others=[])
@example(secret="--password", before="", after="", others=["x"])
@example(secret='"x y', before="bash -c ", after="'", others=[])
def test_no_secret_value_survives_in_any_argument(secret: str, before: str, after: str, others: list[str]) -> None:
    assume(secret not in "".join(others))
    masking = Masking({"THE_SECRET": secret, "LIST": before + secret})

    masked = masking.arguments(["cmd", *others, before + secret + after, f"--opt={secret}", secret])
    variables = masking.variables(["THE_SECRET", "LIST"])

    for text in [*masked, *variables.values()]:
        assert secret not in text.replace("***", "")
