"""Any config, roster or file of variables is loaded or refused, soon, with a sentence and without a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import strategies as st

from tests.reliability.odd import JSONS, TEXTS, edited, fuzz, near, short_and_long, torn, written
from tests.reliability.watchdog import CommandLine, Misbehaved, bugs_raise
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.attributes import ATTRIBUTES, Json
from vkstate.config.loader import load
from vkstate.config.places import ConfigError
from vkstate.config.variables import load_var_file

__all__ = ["bugs_raise"]

SECRET = "sensitive-canary-77c1"
ENVIRON = {"SECRET": SECRET, "LITELLM_MASTER_KEY": "sk-master-canary-0b1e6f"}

CONFIG = """\
# a project of everything
proxy: &proxy
  url: sandbox://
  timeout: 30s
  retries: 0
  headers: {x-gateway: "${env.SECRET}"}
variables:
  event: {default: fair, description: the workshop}
  budget: 5
defaults: &all
  duration: 30d
  models: [gpt-4]
keys:
  one:
    <<: {max_budget: 5, tpm_limit: 100}
    user_id: one@example.com
    metadata: {team: "a", password: "${env.SECRET}", logging: [{callback_name: s3}]}
    lifecycle: {prevent_destroy: true, ignore_changes: [max_budget, metadata.team], on_missing: forget}
  "two": {models: [gpt-4, "${var.event}"], duration: never, budget_duration: 30d, aliases: {a: b}}
  three: {expires_at: 2036-12-01T18:00:00+01:00, tags: [x], model_max_budget: {gpt-4: 3}, extra: {newer: 1}}
workshops:
  ${var.event}:
    count: 3
    user_prefix: guest
    user_domain: example.com
    overrides: {guest2: {max_budget: 7, object_permission: {mcp_servers: [x]}}}
  named: {members: [ann, bob], alias_template: "{workshop}.{user}", user_id_template: "{user}@x"}
  listed: {roster: people.csv, max_budget: 3}
moved: [{from: old, to: one}, {from: "workshop:gone", to: "workshop:named"}]
removed: [{alias: handed-over, destroy: false}, {alias: "x*"}]
import: [three, "team-*"]
safety: {max_delete_percent: 50, min_keys: 4}
"""
ROSTER = 'user,email,max_budget,models,seat\nann,ann@example.com,5,gpt-4;gpt-3.5-turbo,A1\nbob,,,,\n"c\nd",x,1,m,\n'
VARIABLES = "event: fair\nbudget: 7\nflag: true\n"
PIECES = st.sampled_from(
    [
        *CONFIG.splitlines(keepends=True), *(f"    {name}: " for name in sorted(ATTRIBUTES)), "\n", "  ", "    ", "- ",
        "{", "}", "[", "]", ": ", ", ", "*all", "&x ", "*x", "<<: *all\n", "<<: [*all, *all]\n", "!!binary ", "!x ",
        "--- \n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "? ", "| \n", ">-\n", "0o17", "0x", "1_000", "1:20", ".inf",
        "~", "yes", "\ufeff", "\0", "\x85", "\r\n", "\t", '"\\ud800"', '"\\x00"', '"\\U00110000"', "${env.SECRET}",
        "${env.NONE}", "${env.NONE:-x}", "${var.event}", "${var.none}", "${", "$${", "<<<<<<< HEAD\n", "9" * 5000,
        "[" * 200, "{a: " * 200, "- " * 200, "a" * 3000, "'", '"', "#", "@", "`", "=======\n",
    ]
)  # fmt: skip
TEXT = edited(CONFIG) | st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=200)
BYTES = TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))
CRLF = edited(CONFIG).map(lambda text: text.replace("\n", "\r\n").encode("utf-8", "surrogatepass"))
WIDE = edited(CONFIG).flatmap(
    lambda text: st.sampled_from(["utf-16", "utf-32", "latin-1", "utf-8-sig"]).map(
        lambda name: text.encode(name, "replace")
    )
)
DOCUMENT: dict[str, Json] = {
    "proxy": {
        "url": "https://litellm.example.com", "public_url": "https://x", "timeout": "3s", "retries": 1,
        "verify_tls": True, "headers": {"x": "${env.SECRET}"}, "parallelism": 2, "check_models": "warn",
        "master_key": {"file": "key"}, "ca_file": "people.csv",
    },
    "variables": {"event": {"default": "fair", "description": "x"}, "budget": 5},
    "defaults": {"duration": "30d", "models": ["gpt-4"], "lifecycle": {"on_missing": "error"}},
    "keys": {
        "one": {"max_budget": 5, "metadata": {"a": {"b": [1]}, "c": "${env.SECRET}"},
                "expires_at": "2036-01-01T00:00:00Z"},
        "two": {
            "budget_limits": [{"budget_duration": "1d", "max_budget": 3}], "router_settings": {"num_retries": 1},
            "permissions": {"a": True}, "allowed_routes": ["/x"], "tpm_limit": 3, "blocked": False, "extra": {"n": 1},
            "object_permission": {"mcp_servers": ["x"]}, "auto_rotate": True, "rotation_interval": "30d",
            "lifecycle": {"prevent_destroy": True, "ignore_changes": ["metadata.a"]},
        },
    },
    "workshops": {
        "fair": {"count": 2, "user_prefix": "guest", "overrides": {"guest1": {"max_budget": 1}}},
        "named": {"members": ["ann", "bob"], "alias_template": "{workshop}-{user}"},
        "listed": {"roster": "people.csv", "user_id_template": "{user}.{seat}"},
    },
    "moved": [{"from": "a", "to": "one"}, {"from": "workshop:x", "to": "workshop:fair"}],
    "removed": [{"alias": "x", "destroy": False}, {"alias": "workshop:y/z"}],
    "import": ["two", "t*"],
    "safety": {"max_delete_percent": 10, "min_keys": 2},
}  # fmt: skip
SHAPED = near(DOCUMENT).map(lambda value: written(value).encode())
ROSTERS = (
    edited(ROSTER)
    | st.lists(
        st.lists(TEXTS | st.sampled_from(["user", "email", *ATTRIBUTES]), max_size=5).map(",".join)
    ).map("\n".join)
    | st.text(alphabet='user,;\t"\n\r\0ab1.$', max_size=60).map("user,".__add__)
    | st.sampled_from(["user" + ",x" * 3000, "user,\n" * 4000, 'user\n"' + "a\n" * 5000, "user," + "m" * 100_000])
)  # fmt: skip

Kind: TypeAlias = Callable[[Path, bytes], object]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the working directory, with all that a config may name, in an environment with secrets."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    (path / "people.csv").write_text(ROSTER)
    (path / "key").write_text(ENVIRON["LITELLM_MASTER_KEY"])
    return path


def loaded(place: Path, data: bytes) -> None:
    """Load a config; what is wrong with it is said without a secret, and sorted."""
    path = place / "vkstate.yaml"
    path.write_bytes(data)
    try:
        config = load(path, variables={"event": "fair"}, environ=ENVIRON)
    except ConfigError as error:
        own = [problem.where.order for problem in error.problems if problem.where.file == str(path)]
        assert own == sorted(own)
        said = f"{error!r} {error} {error.hint}"
        assert error.detail  # noqa: PT017 - a value is as good as an error here
        assert error.hint  # noqa: PT017 - a value is as good as an error here
    else:
        said = repr(config)
    if shown := [secret for secret in ENVIRON.values() if secret in said]:
        raise Misbehaved(f"the config shows {shown}: {said}")


def varied(place: Path, data: bytes) -> None:
    """Load a file of variables."""
    path = place / "some.yaml"
    path.write_bytes(data)
    try:
        given = load_var_file(path)
    except ConfigError as error:
        assert error.detail  # noqa: PT017 - a value is as good as an error here
        assert error.hint  # noqa: PT017 - a value is as good as an error here
    else:
        assert all(isinstance(value, str) for value in given.values())


def listed(place: Path, data: bytes) -> None:
    """Load a config with this roster."""
    (place / "people.csv").write_bytes(data)
    loaded(place, b"proxy: {url: 'sandbox://'}\nworkshops: {w: {roster: people.csv, models: [m]}}\n")


SORTS = {
    "text": (loaded, BYTES, 150, 3000),
    "shape": (loaded, SHAPED, 100, 2500),
    "line_ends": (loaded, CRLF, 30, 300),
    "encodings": (loaded, WIDE, 30, 300),
    "torn": (loaded, torn(CONFIG.encode()), 60, 600),
    "variables": (varied, (edited(VARIABLES) | JSONS.map(written)).map(str.encode), 50, 1000),
    "roster": (listed, ROSTERS.map(str.encode), 60, 1500),
    "torn_roster": (listed, torn(ROSTER.encode()), 30, 300),
}


@pytest.mark.parametrize(("law", "of", "cases"), short_and_long(SORTS))
def test_any_is_loaded_or_refused(place: Path, law: Kind, of: st.SearchStrategy[bytes], cases: int) -> None:
    fuzz(cases, of, lambda data: law(place, data))


COMMANDS = (
    ("validate",),
    ("plan",),
    ("plan", "--json"),
    ("validate", "--json"),
    ("check",),
    ("apply", "--auto-approve"),
)


@pytest.mark.usefixtures("bugs_raise")
@pytest.mark.parametrize("cases", [30, pytest.param(800, marks=pytest.mark.sweep)])
def test_any_config_on_the_command_line(place: Path, cases: int) -> None:
    line = CommandLine(Workspace(place), set(ENVIRON.values()))
    line.workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {}\n")
    clean = line.workspace.state_path.read_bytes()

    def law(case: tuple[bytes, tuple[str, ...]]) -> None:
        data, command = case
        (place / "vkstate.yaml").write_bytes(data)
        line.workspace.state_path.write_bytes(clean)
        line.refuses(*command)

    local = BYTES.map(lambda data: data.replace(b"https://", b"sandbox://"))
    shaped = near({**DOCUMENT, "proxy": {"url": "sandbox://"}}).map(lambda value: written(value).encode())
    fuzz(cases, st.tuples(local | shaped, st.sampled_from(COMMANDS)), law)
