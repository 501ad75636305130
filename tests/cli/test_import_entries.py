"""Entries that a config gets for keys it does not declare: whatever its defaults say, they leave nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import CANARY, EMPTY_ROW, LINEAGE, NOW, live
from tests.test_importing_entries import BUDGET, ROWS, folded
from vkstate.attributes import Json
from vkstate.cli.import_entries import EntryImpossible, Extended, with_entries
from vkstate.cli.project import Project
from vkstate.cli.rewriting import ConfigChanged, ConfigNotWritable
from vkstate.cli.shared import Shared
from vkstate.config.writing import ConfigNotExtended
from vkstate.importing import disputed
from vkstate.keys import Alias, LiveKey

HEAD = "proxy: {url: 'sandbox://'}\n"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's directory, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def extended(text: str, *rows: LiveKey, shared: Shared = Shared()) -> Extended:  # noqa: B008 - a frozen value
    """A config with entries for these keys; see that nothing but the config is in its directory."""
    path = shared.config or Path("vkstate.yaml")
    path.write_bytes(text.encode())
    try:
        return with_entries(Project(shared), {Alias(row.alias or ""): row for row in rows}, LINEAGE, NOW)
    finally:
        assert path.read_bytes() == text.encode()
        assert [entry.name for entry in path.parent.iterdir() if entry.name.endswith(".tmp")] == []


def added(text: str, row: LiveKey) -> Mapping[str, Json]:
    """The entry for one key, checked against the config that holds it."""
    result = extended(text, row)
    declared = {key.alias: key for key in result.config.keys}
    alias = Alias(row.alias or "")
    assert disputed(declared[alias], row, LINEAGE, NOW) == frozenset()
    assert declared[alias].place.startswith("vkstate.yaml:")
    return result.entries[alias].fields


def key(alias: str = "bot", also: Mapping[str, Json] | None = None, **attributes: Json) -> LiveKey:
    """A key of somebody else's without an end."""
    shown: dict[str, Json] = {**EMPTY_ROW, "models": ["gpt-4"], "user_id": alias, **(also or {}), **attributes}
    return live(alias, shown, lineage=None, expires_at=None)


PLAIN: Mapping[str, Json] = {"models": ["gpt-4"], "duration": "never"}
DEFAULTS: Mapping[str, tuple[str, dict[str, Json], dict[str, Json]]] = {
    "other values": (
        "models: [gpt-3.5-turbo], max_budget: 50, duration: 7d, blocked: true",
        {"max_budget": 5},
        {"max_budget": 5, "blocked": None},
    ),
    "the same values": ("models: [gpt-4], max_budget: 5", {"max_budget": 5}, {"max_budget": 5}),
    "an end": ("expires_at: 2030-01-01T00:00:00Z", {}, {}),
    "a user": ("user_id: team@example.com", {}, {"user_id": "bot"}),
    "a user, and the key has none": ("user_id: team@example.com", {"user_id": None}, {"user_id": None}),
    "a metadata key": (
        "metadata: {team: red, seat: 1}",
        {"metadata.seat": 2},
        {"metadata": {"seat": 2}, "lifecycle": {"ignore_changes": ["metadata.team"]}},
    ),
    "a part of a permission": (
        "object_permission: {vector_stores: [v], agents: [a]}",
        {"object_permission.agents": ["a"]},
        {"object_permission": {"agents": ["a"]}, "lifecycle": {"ignore_changes": ["object_permission.vector_stores"]}},
    ),
    "something of a newer LiteLLM": (
        "extra: {novel: 1}",
        {"extra.other": 2},
        {"lifecycle": {"ignore_changes": ["extra.novel"]}},
    ),
    "what this LiteLLM does not show": ("enforced_params: [user]", {}, {"enforced_params": None}),
    "half of a pair": ("auto_rotate: true", {}, {"auto_rotate": None}),
    "half of a pair, and the key has both": (
        "auto_rotate: true",
        {"auto_rotate": True, "rotation_interval": "30d"},
        {"auto_rotate": True, "rotation_interval": "30d"},
    ),
    "a pair": (
        "auto_rotate: true, rotation_interval: 30d",
        {},
        {"auto_rotate": None, "rotation_interval": None},
    ),
    "a type": ("key_type: llm_api", {}, {"key_type": None}),
    "a type, and the key has routes": (
        "key_type: llm_api",
        {"allowed_routes": ["/chat/completions"]},
        {"allowed_routes": ["/chat/completions"], "key_type": None},
    ),
    "routes, and the key has a type": (
        "allowed_routes: [/chat/completions]",
        {"key_type": "llm_api", "allowed_routes": ["llm_api_routes"]},
        {"allowed_routes": ["llm_api_routes"]},
    ),
    "tags under metadata": (
        "metadata: {tags: [x]}",
        folded("tags", ["y"]),
        {"metadata": {"tags": ["y"]}},
    ),
    "tags under metadata, and the key has none": (
        "metadata: {tags: [x]}",
        {},
        {"lifecycle": {"ignore_changes": ["metadata.tags"]}},
    ),
    "tags": ("tags: [x]", folded("tags", ["y"]), {"tags": ["y"]}),
    "tags, and the key has none": ("tags: [x]", {}, {"tags": None}),
    "a soft budget": (
        "soft_budget: 7",
        {"budget_id": "named", "soft_budget": 3},
        {"budget_id": "named", "soft_budget": None, "lifecycle": {"ignore_changes": ["soft_budget"]}},
    ),
    "a budget": ("budget_id: named", {"budget_id": BUDGET, "soft_budget": 3}, {"budget_id": BUDGET}),
    "a config of the proxy": ("config: {x: 1}", {}, {"lifecycle": {"ignore_changes": ["config"]}}),
    "what is left alone": (
        "max_budget: 5, rpm_limit: 7, metadata: {team: red}, lifecycle: {ignore_changes: [max_budget]}",
        {"max_budget": 9},
        {
            "max_budget": 9,
            "rpm_limit": None,
            "lifecycle": {"ignore_changes": ["max_budget", "metadata.team"]},
        },
    ),
    "a protection": ("lifecycle: {prevent_destroy: true}", {}, {}),
}


@pytest.mark.parametrize(("defaults", "attributes", "said"), DEFAULTS.values(), ids=DEFAULTS)
def test_defaults(defaults: str, attributes: dict[str, Json], said: dict[str, Json]) -> None:
    assert added(f"{HEAD}defaults: {{{defaults}}}\n", key(also=attributes)) == {**PLAIN, **said}


def test_a_secret_of_the_defaults_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", CANARY)
    defaults = "metadata: {password: '${env.PASSWORD}'}, max_budget: 5, end_user_budget_id: '${env.PASSWORD}'"
    entry = added(f"{HEAD}defaults: {{{defaults}}}\n", key(also={"metadata.password": CANARY}))
    assert entry == {
        **PLAIN,
        "max_budget": None,
        "end_user_budget_id": None,
        "lifecycle": {"ignore_changes": ["metadata.password"]},
    }


REFUSED: Mapping[str, tuple[dict[str, Json], dict[str, Json], list[str]]] = {
    "a negative budget": ({"max_budget": -5}, {}, ["max_budget"]),
    "weeks": ({"budget_duration": "1w"}, {}, ["budget_duration"]),
    "half of a pair": ({"rotation_interval": "30d"}, {}, ["rotation_interval"]),
    "the other half": ({"auto_rotate": True}, {}, ["auto_rotate"]),
    "an unknown period inside": ({"budget_limits": [{"budget_duration": "1mo", "x": 1}]}, {}, ["budget_limits"]),
    "a blank name": ({"allowed_cache_controls": [" "]}, {}, ["allowed_cache_controls"]),
    "a number too large": ({"rpm_limit": 2**70}, {}, ["rpm_limit"]),
    "an unknown type": ({"key_type": "novel"}, {}, ["key_type"]),
    "odd tags": (folded("tags", "x"), {"metadata": {"tags": "x"}}, []),
    "odd limits": (folded("model_rpm_limit", {"m": "x"}), {"metadata": {"model_rpm_limit": {"m": "x"}}}, []),
    "what looks like a key": (
        {"metadata.a": [{"b": CANARY}], "metadata.c": {CANARY: 1}, f"metadata.{CANARY}": 1, "metadata.ok": "sk-..."},
        {"metadata": {"ok": "sk-..."}},
        ["metadata.a", "metadata.c", f"metadata.{CANARY}"],
    ),
    "a name that is missing": ({"metadata.": 1, "metadata.x": {"": 2}}, {}, ["metadata.", "metadata.x"]),
    "a NUL": ({"metadata.x": "a\0b", "metadata.y\0": 1}, {}, ["metadata.x", "metadata.y\0"]),
    "half a character": ({"metadata.x": "\ud800"}, {}, ["metadata.x"]),
    "our own name": ({"metadata.vkstate": {"not": "a mark"}}, {}, ["metadata.vkstate"]),
}


@pytest.mark.parametrize(("attributes", "said", "unsaid"), REFUSED.values(), ids=REFUSED)
def test_what_a_config_refuses(attributes: dict[str, Json], said: dict[str, Json], unsaid: list[str]) -> None:
    row = key(also=attributes)
    assert added(HEAD, row) == {**PLAIN, **said}
    result = extended(HEAD, row)
    assert sorted(result.entries[Alias("bot")].unsaid) == sorted(unsaid)
    assert CANARY not in result.after.decode()
    assert not any(CANARY in remark for remark in result.remarks())


def test_what_is_refused_and_what_defaults_say_instead() -> None:
    row = key(max_budget=-5, budget_duration="1w")
    entry = added(f"{HEAD}defaults: {{max_budget: 5, budget_duration: 30d}}\n", row)
    assert entry == {**PLAIN, "lifecycle": {"ignore_changes": ["budget_duration", "max_budget"]}}


def test_half_of_a_pair_that_no_config_can_say() -> None:
    row = key(auto_rotate=True, rotation_interval="sometimes")
    assert added(HEAD, row) == PLAIN
    assert added(f"{HEAD}defaults: {{auto_rotate: true}}\n", row) == {
        **PLAIN,
        "auto_rotate": None,
        "lifecycle": {"ignore_changes": ["auto_rotate"]},
    }


def test_remarks() -> None:
    attributes: dict[str, Json] = {"max_budget": -5, "config": {"a": 1}, "metadata.logging": [1]}
    rows = [key(f"bot{number}", attributes) for number in range(1, 4)]
    result = extended(f"{HEAD}defaults: {{metadata: {{team: red}}}}\n", *rows, key("other", max_budget=-1))
    assert list(result.remarks()) == [
        "bot{1..3}: config may hold credentials, and is not written to the config.",
        "bot{1..3}, other: max_budget cannot be said in a config as it is; it stays undeclared, and is left alone.",
        "bot{1..3}: metadata.logging may hold credentials, and is not written to the config.",
        (
            "bot{1..3}, other: metadata.team differs from what defaults say; the entry leaves it alone, by "
            "lifecycle.ignore_changes."
        ),
    ]


COMMENTED = """\
# Keys of the platform team.
proxy:
    url: sandbox://   # for trying

defaults:
    max_budget: 20   # US dollars

keys:
    # The first one.
    one:
        models: [gpt-4]   # only this
    # Nothing below.

# The end.
"""


def test_comments_and_habits_are_kept() -> None:
    result = extended(COMMENTED, key("bot", rpm_limit=7), key("odd one!"))
    assert result.after.decode() == (
        COMMENTED.replace(
            "    # Nothing below.\n",
            "    # Nothing below.\n"
            "    bot:\n"
            "        models: [gpt-4]\n"
            "        duration: never\n"
            "        rpm_limit: 7\n"
            "        max_budget: null\n"
            '    "odd one!":\n'
            "        models: [gpt-4]\n"
            "        duration: never\n"
            "        max_budget: null\n",
        )
        + '\nimport:\n    - "odd one!"\n'
    )
    assert result.config.imports == ("odd one!",)
    result.write()
    assert Path("vkstate.yaml").read_bytes() == result.after


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        f"{HEAD}keys:\n",
        f"{HEAD}keys: {{}}\n",
        f"{HEAD}keys: null",
        f"\ufeff{HEAD}keys:\n  one: {{models: [gpt-4]}}\n",
        f"{HEAD}keys:\n  one: {{models: [gpt-4]}}\n".replace("\n", "\r\n"),
        f"{HEAD}workshops:\n  w: {{count: 2, models: [gpt-4]}}\n",
        f"x: &d {{models: [gpt-4]}}\n{HEAD}".replace("x: &d", "defaults: &d") + "keys:\n  one: *d\n",
    ],
)
def test_forms_of_configs(text: str) -> None:
    result = extended(text, key("bot"))
    assert {one.alias for one in result.config.keys} >= {Alias("bot")}
    assert result.after.startswith("\ufeff".encode()) == text.startswith("\ufeff")
    assert (b"\r\n" in result.after) == ("\r\n" in text)
    assert "".join(line[1:] for line in result.difference() if line.startswith("-") and line[:3] != "---") in (
        "",
        "keys: {}",
        "keys: null",
    )


def test_a_config_in_braces_is_left_alone() -> None:
    with pytest.raises(ConfigNotExtended) as failed:
        extended("{proxy: {url: 'sandbox://'}, keys: {one: {models: [gpt-4]}}}\n", key("bot"))
    assert failed.value.detail == (
        "It is written in braces, { }, where vkstate adds nothing. To be added:\n"
        "keys:\n  bot:\n    models: [gpt-4]\n    duration: never"
    )


def test_dollars_are_meant_literally() -> None:
    assert added(HEAD, key(also={"metadata.price": "${env.HOME} $$"}))["metadata"] == {"price": "${env.HOME} $$"}


def test_variables_count() -> None:
    """The config is read with the same variables as before."""
    Path("vars.yaml").write_text("budget: 5\nmodel: gpt-4\n")
    text = (
        f"{HEAD}variables: {{budget: {{}}, model: {{}}, owner: {{}}}}\n"
        "defaults:\n  max_budget: ${var.budget}\n  user_id: ${var.owner}\n  models: ['${var.model}']\n"
    )
    shared = Shared(var=("budget=9", "owner=a=b"), var_file=(Path("vars.yaml"),))
    result = extended(text, key("bot", max_budget=9), shared=shared)
    assert result.entries[Alias("bot")].fields == {**PLAIN, "user_id": "bot", "max_budget": 9}


def test_relative_paths_start_at_the_config() -> None:
    Path("deep").mkdir()
    Path("deep/people.csv").write_text("user\nada\n")
    text = f"{HEAD}workshops:\n  w: {{roster: people.csv, models: [gpt-4]}}\n"
    result = extended(text, key("bot"), shared=Shared(config=Path("deep/vkstate.yaml")))
    assert [(one.alias, one.place.partition(":")[0]) for one in result.config.keys] == [
        ("bot", "deep/vkstate.yaml"),
        ("w-ada", "deep/people.csv"),
    ]


def test_a_key_of_which_no_entry_can_be_made() -> None:
    with pytest.raises(EntryImpossible) as failed:
        extended(HEAD, key("bot", models=[" "]))
    assert failed.value.detail == (
        "keys.bot.models: is missing: name the models that the key may use, here or in defaults, or write "
        "[all-proxy-models] where all are meant"
    )


class TestWriting:
    def test_a_link_stays_and_its_target_gets_the_entries(self, directory: Path) -> None:
        (directory / "elsewhere").mkdir()
        target = directory / "elsewhere" / "real.yaml"
        target.write_text(HEAD)
        target.chmod(0o640)
        Path("vkstate.yaml").symlink_to(target)
        result = with_entries(Project(Shared()), {Alias("bot"): key("bot")}, LINEAGE, NOW)
        result.write()
        assert Path("vkstate.yaml").is_symlink()
        assert target.read_bytes() == result.after
        assert target.stat().st_mode & 0o777 == 0o640

    def test_a_config_that_is_read_only(self) -> None:
        Path("vkstate.yaml").write_text(HEAD)
        Path("vkstate.yaml").chmod(0o444)
        with pytest.raises(ConfigNotWritable) as failed:
            with_entries(Project(Shared()), {Alias("bot"): key("bot")}, LINEAGE, NOW)
        assert (failed.value.detail, failed.value.hint) == (
            "vkstate.yaml is read-only, and --write-config is to add entries to it. Nothing was sent.",
            "ls -l vkstate.yaml",
        )

    @pytest.mark.parametrize("meanwhile", [f"{HEAD}# edited\n", None], ids=["edited", "removed"])
    def test_a_config_that_was_changed_meanwhile(self, meanwhile: str | None) -> None:
        result = extended(HEAD, key("bot"))
        path = Path("vkstate.yaml")
        path.unlink()
        if meanwhile is not None:
            path.write_text(meanwhile)
        with pytest.raises(ConfigChanged):
            result.write()
        assert (path.read_text() if path.exists() else None) == meanwhile


FORMS = st.sampled_from([
    "", "max_budget: 7", "tags: [x]", "metadata: {tags: [x], one: a}", "key_type: llm_api", "config: {a: 1}",
    "allowed_routes: [x]", "auto_rotate: true", "object_permission: {one: [x]}", "user_id: u, soft_budget: 4",
    "extra: {one: 1}, lifecycle: {ignore_changes: [rpm_limit]}", "expires_at: 2030-01-01T00:00:00Z, tpd_limit: 1",
])  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(ROWS, min_size=1, max_size=3), FORMS)
def test_whatever_a_key_has_an_entry_can_be_made(rows: list[LiveKey], defaults: str) -> None:
    named = [live(f"key{number}", row.attributes, lineage=None, expires_at=None) for number, row in enumerate(rows)]
    result = extended(f"{HEAD}defaults: {{{defaults}}}\n", *named)
    declared = {one.alias: one for one in result.config.keys}
    for row in named:
        assert disputed(declared[Alias(row.alias or "")], row, LINEAGE, NOW) == frozenset()
