from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace

from tests.views.handouts import sandboxed
from tests.views.samples import handout, handout_key, value_of
from vkstate.views.formats.env import as_env, env_files


def test_one_key_gives_what_openai_clients_read() -> None:
    only = replace(
        handout(handout_key("my-dev-project", "developer", None)), revealed_by="vkstate output x --format env --reveal"
    )
    assert as_env(only, reveal=True) == (
        "# my-dev-project\n"
        f"OPENAI_API_KEY={value_of('my-dev-project').reveal()}\n"
        "OPENAI_BASE_URL=https://llm.example.com/v1\n"
    )
    masked = value_of("my-dev-project").masked
    assert as_env(only) == (
        "# my-dev-project\n"
        f"# OPENAI_API_KEY is {masked}; `vkstate output x --format env --reveal` shows it\n"
        "OPENAI_BASE_URL=https://llm.example.com/v1\n"
    )


def test_the_sandbox_has_no_base_url_to_load() -> None:
    only = sandboxed(handout(handout_key("one", "one", None)))
    assert as_env(only, reveal=True) == (
        f"# one\nOPENAI_API_KEY={value_of('one').reveal()}\n"
        "# OPENAI_BASE_URL has no value: sandbox:// is embedded in vkstate, and its keys open nothing\n"
    )


def test_two_aliases_never_share_a_variable() -> None:
    text = as_env(handout(*(handout_key(alias, "user", None) for alias in ("a-b", "a_b", "a-c"))), reveal=True)
    variables = [line.partition("=")[0] for line in text.splitlines() if "_KEY=" in line]
    assert variables == ["A_B_D44362D6_KEY", "A_B_648FA9B3_KEY", "A_C_KEY"]


def test_a_shell_reads_back_exactly_the_values() -> None:
    hostile = ["x\n; touch /tmp/nope #", "2024-$(id)", "ends-with-é"]
    day = replace(
        handout(*(handout_key(alias, "user", None) for alias in hostile)), base_url="https://host/'$(id)'; id"
    )
    script = as_env(day, reveal=True) + "\nset -o posix; set"
    ran = subprocess.run(["bash", "--norc", "-eu", "-c", script], capture_output=True, text=True, check=True, env={})
    assert ran.stderr == ""
    found = dict(line.split("=", 1) for line in ran.stdout.splitlines() if "_KEY=" in line)
    assert found == {
        "X___TOUCH__TMP_NOPE___KEY": value_of(hostile[0]).reveal(),
        "_2024___ID__KEY": value_of(hostile[1]).reveal(),
        "ENDS_WITH___KEY": value_of(hostile[2]).reveal(),
    }


def digits(alias: str) -> str:
    return hashlib.sha256(alias.encode()).hexdigest()[:8]


def test_two_keys_never_share_a_file_where_case_does_not_count() -> None:
    day = handout(*(handout_key(alias, "user", None) for alias in ("team", "Team", "other")))
    assert sorted(env_files(day)) == [f"Team-{digits('Team')}.env", "other.env", f"team-{digits('team')}.env"]
