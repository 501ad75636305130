"""``defaults`` and ``keys``: what a key declares in the end, and everything that is wrong with one."""

from __future__ import annotations

import pytest

from tests.config.conftest import PROXY, Project
from vkstate.attributes import ATTRIBUTES, EXPIRY_PATHS
from vkstate.config.aliases import alias_problem
from vkstate.config.schema.attributes import KeyAttributes
from vkstate.config.schema.keys import Defaults, Key
from vkstate.keys import Alias, DesiredKey, OnMissing
from vkstate.safety import Limits

NO_MODELS = (
    "is missing: name the models that the key may use, here or in defaults, or write [all-proxy-models] where all are "
    "meant"
)


def test_the_fields_of_the_config_are_the_attributes_and_each_is_described() -> None:
    assert KeyAttributes.model_fields.keys() == {*ATTRIBUTES, *EXPIRY_PATHS, "lifecycle"}
    assert Key.model_fields.keys() == Defaults.model_fields.keys() == KeyAttributes.model_fields.keys()
    assert [name for name, field in Key.model_fields.items() if not field.description] == []


def test_the_built_in_defaults_are_declared(project: Project) -> None:
    assert project.load(PROXY + "keys:\n  dev: {models: [m]}\n").keys == (
        DesiredKey(Alias("dev"), {"duration": "30d", "user_id": "dev", "models": ["m"]}, "vkstate.yaml:3:3"),
    )


def test_a_key_overrides_the_defaults_and_adds_to_their_metadata(project: Project) -> None:
    keys = project.keys(
        "defaults:\n  user_id: all\n  models: [m1, m2]\n  max_budget: 5\n  metadata: {team: a, cost: 1}\n"
        "  expires_at: 2030-01-01T00:00:00Z\n  lifecycle: {prevent_destroy: true, ignore_changes: [models]}\n"
        "keys:\n  one:\n  two: {models: [m3], max_budget: null, metadata: {cost: 2, own: null}, duration: never,\n"
        "        lifecycle: {ignore_changes: [metadata.own, expires_at]}}\n"
        "  three: {lifecycle: {prevent_destroy: false}}\n"
    )

    assert keys["one"].declared == {
        "user_id": "all",
        "models": ["m1", "m2"],
        "max_budget": 5,
        "metadata.team": "a",
        "metadata.cost": 1,
        "expires_at": "2030-01-01T00:00:00Z",
    }
    assert keys["two"].declared == {
        "user_id": "all",
        "models": ["m3"],
        "max_budget": None,
        "metadata.team": "a",
        "metadata.cost": 2,
        "metadata.own": None,
        "duration": "never",
    }
    assert {alias: (key.prevent_destroy, sorted(key.ignore_changes)) for alias, key in keys.items()} == {
        "one": (True, ["models"]),
        "two": (True, ["expires_at", "metadata.own"]),
        "three": (False, ["models"]),
    }


def test_what_is_unsaid_of_the_lifecycle_is_not_false(project: Project) -> None:
    keys = project.keys(
        "defaults: {models: [m], lifecycle: {on_missing: forget, ignore_changes: [models]}}\n"
        "keys:\n"
        "  k1:\n"
        "  k2: {lifecycle: {prevent_destroy: false, ignore_changes: null}}\n"
        "  k3: {lifecycle: {on_missing: error}}\n"
        "  k4: {lifecycle: }\n"
    )

    assert [(key.prevent_destroy, key.ignore_changes, key.on_missing) for key in keys.values()] == [
        (None, frozenset({"models"}), OnMissing.FORGET),
        (False, frozenset(), OnMissing.FORGET),
        (None, frozenset({"models"}), OnMissing.ERROR),
        (None, frozenset({"models"}), OnMissing.FORGET),
    ]
    assert project.keys("keys: {dev: {models: [m]}}\n")["dev"].on_missing is OnMissing.RECREATE


def test_every_way_of_on_missing_can_be_declared(project: Project) -> None:
    text = "".join(f"  k-{way}: {{models: [m], lifecycle: {{on_missing: {way}}}}}\n" for way in OnMissing)

    assert {key.on_missing for key in project.keys(f"keys:\n{text}").values()} == set(OnMissing)


def test_a_bad_lifecycle_hides_nothing_else_that_is_wrong(project: Project) -> None:
    assert project.problems(
        "defaults: {lifecycle: {on_missing: never}}\n"
        "keys:\n"
        "  dev: {lifecycle: {prevent_destory: true}, auto_rotate: true, max_budget: -1}\n"
        "  bot: {lifecycle: [], auto_rotate: true}\n"
        "workshops:\n"
        "  w: {count: 1, lifecycle: {prevent_destroy: ~}, overrides: {user1: {lifecycle: x, blocked: 1}}}\n"
    ) == [
        ("vkstate.yaml:2:24: defaults.lifecycle.on_missing: must be recreate, forget or error: it is 'never'"),
        "vkstate.yaml:4:21: keys.dev.lifecycle.prevent_destory: unknown field; did you mean prevent_destroy?",
        "vkstate.yaml:4:64: keys.dev.max_budget: must not be negative: it is -1",
        f"vkstate.yaml:5:3: keys.bot.models: {NO_MODELS}",
        "vkstate.yaml:5:9: keys.bot.lifecycle: must be a mapping of names and values, not a list",
        (
            "vkstate.yaml:5:24: keys.bot.auto_rotate: needs a rotation_interval beside it: "
            "LiteLLM drops one without the other"
        ),
        f"vkstate.yaml:7:3: workshops.w.models: {NO_MODELS}",
        "vkstate.yaml:7:29: workshops.w.lifecycle.prevent_destroy: must be true or false, not nothing",
        (
            "vkstate.yaml:7:70: workshops.w.overrides.user1.lifecycle: must be a mapping of names and values, "
            "not the text 'x'"
        ),
        "vkstate.yaml:7:84: workshops.w.overrides.user1.blocked: must be true or false, not the number 1",
    ]


def test_every_attribute_can_be_declared_and_is_canonical(project: Project) -> None:
    keys = project.keys(
        """
keys:
  soft: {models: [m], soft_budget: 0.5, user_id: u, expires_at: 2026-12-01T18:00:00+01:00}
  all:
    user_id: u
    team_id: t
    organization_id: o
    project_id: p
    agent_id: a
    budget_id: b
    models: [z, y, z]
    access_group_ids: [g]
    allowed_routes: [/b, /a]
    allowed_cache_controls: [no-cache]
    key_type: default
    max_budget: 10.0
    budget_duration: 1mo
    budget_limits: [{budget_duration: 7d, max_budget: 1}]
    budget_fallbacks: {z: [y]}
    model_max_budget: {z: {budget_limit: 1, time_period: 1d}}
    max_parallel_requests: 2
    tpm_limit: 3
    rpm_limit: 4
    tpd_limit: 5
    model_tpm_limit: {z: 6}
    model_rpm_limit: {z: 7}
    tpm_limit_type: dynamic
    rpm_limit_type: best_effort_throughput
    mcp_rpm_limit: {s: 8}
    tag_rpm_limit: {t: 9}
    default_estimated_output_tokens: 100
    default_estimated_output_tokens_per_model: {z: 200}
    throttle_on_budget_exceeded: true
    end_user_budget_id: e
    enable_prompt_caching: true
    blocked: false
    auto_rotate: true
    rotation_interval: 30d
    permissions: {x: true}
    aliases: {fast: y}
    router_settings: {num_retries: 1}
    object_permission: {vector_stores: [v]}
    enforced_params: [user]
    allowed_vector_store_indexes: [{index_name: i, index_permissions: [read]}]
    allowed_passthrough_routes: [/p]
    tags: [t2, t1]
    guardrails: [g]
    prompts: [p]
    policies: [q]
    disable_global_guardrails: true
    metadata: {k: 1.0}
    extra: {new_field: [1]}
    config: {}
    expires_at: 2026-12-01T18:00:00+01:00
"""
    )
    declared, soft = keys["all"].declared, keys["soft"].declared

    assert {path.partition(".")[0] for path in (*declared, *soft)} == {*ATTRIBUTES, "expires_at"}
    assert soft["soft_budget"] == 0.5
    assert declared["models"] == ["y", "z"]
    assert declared["allowed_routes"] == ["/a", "/b"]
    assert declared["max_budget"] == 10
    assert isinstance(declared["max_budget"], int)
    assert declared["budget_limits"] == [{"budget_duration": "7d", "max_budget": 1}]
    assert declared["allowed_vector_store_indexes"] == [{"index_name": "i", "index_permissions": ["read"]}]
    assert declared["extra.new_field"] == [1]
    assert declared["object_permission.vector_stores"] == ["v"]
    assert declared["expires_at"] == "2026-12-01T17:00:00Z"


def test_null_declares_none_and_an_open_object_of_null_declares_nothing(project: Project) -> None:
    declared = project.keys(
        "keys:\n  kk: {models: [m], tags: ~, config: ~, blocked: ~, metadata: ~, team_id: '', user_id: ~}\n"
    )

    assert {path: value for path, value in declared["kk"].declared.items() if path != "config"} == {
        "duration": "30d",
        "user_id": None,
        "models": ["m"],
        "tags": [],
        "blocked": False,
        "team_id": None,
    }


def test_keys_are_in_natural_order(project: Project) -> None:
    assert list(project.keys("defaults: {models: [m]}\nkeys: {k10: , k9: , a: &x }\n".replace("a: &x", "aa: "))) == [
        "aa",
        "k9",
        "k10",
    ]


BAD = {
    "unknown": ("modles: [m]", ".modles: unknown field; did you mean models?"),
    "unknown to us": (
        "frobnicate: 1",
        ".frobnicate: unknown field; a field that only a newer LiteLLM has goes under extra",
    ),
    "of a workshop": ("count: 3", ".count: unknown field here: it belongs to a workshop"),
    "of the proxy": ("verify_tls: true", ".verify_tls: unknown field here: it belongs to proxy"),
    "of lifecycle": ("prevent_destroy: true", ".prevent_destroy: unknown field here: it belongs under lifecycle"),
    "of lifecycle too": ("on_missing: error", ".on_missing: unknown field here: it belongs under lifecycle"),
    "of safety": ("min_keys: 5", ".min_keys: unknown field here: it belongs under safety"),
    "of the top level": ("import: [x]", ".import: unknown field here: import stands at the top level"),
    "the alias": (
        "key_alias: x",
        ".key_alias: unknown field here: the alias of a key is the name of its entry under keys",
    ),
    "the key value": (
        "key: x",
        ".key: unknown field here: vkstate makes the key value itself when it creates the key",
    ),
    "the spend": ("spend: 1", ".spend: unknown field here: LiteLLM counts the spend; it cannot be declared"),
    "quoted number": (
        "max_budget: '100'",
        ".max_budget: must be a number, not the text '100': write it without quotes",
    ),
    "flag for a number": ("max_budget: true", ".max_budget: must be a number, not true"),
    "mapping for a number": ("max_budget: {a: 1}", ".max_budget: must be a number, not a mapping"),
    "list for a number": ("max_budget: [1]", ".max_budget: must be a number, not a list"),
    "negative budget": ("max_budget: -0.5", ".max_budget: must not be negative: it is -0.5"),
    "negative limit": ("tpm_limit: -1", ".tpm_limit: must not be negative: it is -1"),
    "fraction": ("rpm_limit: 1.5", ".rpm_limit: must be a whole number, not the number 1.5"),
    "too large": (
        "max_parallel_requests: 2147483648",
        ".max_parallel_requests: must be at most 2147483647: it is 2147483648",
    ),
    "number for a text": ("team_id: 4711", ".team_id: must be a text, not the number 4711: write it in quotes"),
    "word for a flag": (
        "blocked: yes",
        ".blocked: must be true or false, not the text 'yes': YAML 1.2 reads only true and false as flags",
    ),
    "quoted flag": ("blocked: 'true'", ".blocked: must be true or false, not the text 'true': write it without quotes"),
    "text for an object": ("metadata: x", ".metadata: must be a mapping of names and values, not the text 'x'"),
    "list for an object": ("metadata: [x]", ".metadata: must be a mapping of names and values, not a list"),
    "unknown choice": (
        "key_type: managment",
        ".key_type: must be default, llm_api, management or read_only: it is 'managment'; did you mean management?",
    ),
    "our mark": (
        "metadata: {vkstate: 1}",
        ".metadata.vkstate: this name is taken: vkstate keeps its own mark under it",
    ),
    "known extra": (
        "extra: {max_budget: 1}",
        ".extra.max_budget: this field is known: write it beside extra, not in it",
    ),
    "our extra": ("extra: {token: x}", ".extra.token: this field cannot be passed on: vkstate decides it"),
    "the server's extra": ("extra: {spend: 1}", ".extra.spend: this field cannot be declared: LiteLLM decides it"),
    "bare duration": (
        "duration: 30",
        ".duration: '30' is not a duration: write one whole number and one unit of s, m, h, d or w, such as 30d or 30h",
    ),
    "months": (
        "duration: 2mo",
        (
            ".duration: '2mo' is not a duration: write one whole number and one unit of s, m, h, d or w, such as 60d "
            "(months have no fixed length)"
        ),
    ),
    "mixed duration": (
        "duration: 1d12h",
        ".duration: '1d12h' is not a duration: write one whole number and one unit of s, m, h, d or w, such as 36h",
    ),
    "no duration": ("duration: ", ".duration: must be a text, not nothing"),
    "no time zone": (
        "expires_at: 2026-12-01T18:00:00",
        ".expires_at: '2026-12-01T18:00:00' has no time zone: write it as 2026-12-01T18:00:00+01:00, or with Z for UTC",
    ),
    "no instant": (
        "expires_at: tonight",
        ".expires_at: 'tonight' is not an instant: write it as 2026-12-01T18:00:00+01:00",
    ),
    "budget by the week": (
        "budget_duration: 2w",
        ".budget_duration: '2w' is read as one day by some versions of LiteLLM: write 14d",
    ),
    "budget by months": (
        "budget_duration: 2mo",
        ".budget_duration: '2mo' is refused by LiteLLM, which takes 1mo only: write days instead",
    ),
    "budget by name": (
        "budget_duration: monthly",
        ".budget_duration: 'monthly' is not understood by every LiteLLM: write 1mo",
    ),
    "budget of a number": (
        "budget_duration: 30",
        (
            ".budget_duration: '30' is not a period: write one whole number and one unit of s, m, h or d, such as 30d, "
            "or 1mo for a calendar month"
        ),
    ),
    "budget limit": (
        "budget_limits: [{budget_duration: 1d}]",
        ".budget_limits[0].max_budget: is missing: the most that may be spent in one period, in US dollars",
    ),
    "ignored": (
        "lifecycle: {ignore_changes: [max_budgt]}",
        ".lifecycle.ignore_changes[0]: there is no attribute 'max_budgt'; did you mean max_budget?",
    ),
    "all ignored": (
        "lifecycle: {ignore_changes: [all]}",
        ".lifecycle.ignore_changes[0]: there is no 'all': name the attributes that are left alone",
    ),
    "ignored part": (
        "lifecycle: {ignore_changes: [models.m]}",
        (
            ".lifecycle.ignore_changes[0]: 'models.m' is not an attribute: "
            "only metadata, object_permission and extra have parts of their own"
        ),
    ),
    "lifecycle": (
        "lifecycle: {prevent_destory: true}",
        ".lifecycle.prevent_destory: unknown field; did you mean prevent_destroy?",
    ),
    "rotation": (
        "auto_rotate: true",
        ".auto_rotate: needs a rotation_interval beside it: LiteLLM drops one without the other",
    ),
    "interval": (
        "rotation_interval: 30d",
        ".rotation_interval: needs auto_rotate: true beside it: LiteLLM drops one without the other",
    ),
    "a number in a list": ("tags: [1]", ".tags[0]: must be a text, not the number 1: write it in quotes"),
    "an empty text in a list": ("tags: ['']", ".tags[0]: must not be empty"),
    "a text for a list": ("tags: a", ".tags: must be a list, not the text 'a': write [a]"),
    "a dash too near": (
        "tags: -a",
        ".tags: must be a list, not the text '-a': a list item is a dash, a space and the value",
    ),
    "key value": (
        "metadata: {note: sk-abcdefghijklmnopqrstuvwx}",
        (
            ".metadata.note: this looks like a key value, and none may stand in a config: "
            "revoke it if anybody else has seen it, and write ${env.NAME} where a secret is needed"
        ),
    ),
    "key value in a default": (
        "metadata: {note: '${env.X:-sk-abcdefghijklmnopqrstuvwx}'}",
        (
            ".metadata.note: this looks like a key value, and none may stand in a config: "
            "revoke it if anybody else has seen it, and write ${env.NAME} where a secret is needed"
        ),
    ),
}


@pytest.mark.parametrize(("field", "problem"), BAD.values(), ids=BAD)
def test_a_bad_field_is_named_with_its_place(project: Project, field: str, problem: str) -> None:
    [line] = project.problems(f"keys:\n  dev:\n    models: [m]\n    {field}\n")
    place, _, rest = line.partition(" ")

    assert rest == f"keys.dev{problem}"
    assert place.startswith("vkstate.yaml:5:")


def test_both_duration_and_expires_at_in_one_mapping(project: Project) -> None:
    assert project.problems(
        "defaults: {models: [m]}\nkeys:\n  dev:\n    duration: 7d\n    expires_at: 2030-01-01T00:00Z\n"
    ) == ["vkstate.yaml:6:5: keys.dev.expires_at: duration and expires_at both say when the key ends: keep one of them"]


MODELS = (
    "must not be empty, which LiteLLM reads as all models: name the models, or write [all-proxy-models] where that is "
    "meant"
)


@pytest.mark.parametrize("models", ["[]", "~", "null"])
def test_models_must_not_be_empty(project: Project, models: str) -> None:
    assert project.problems(f"keys:\n  dev: {{models: {models}}}\n") == [f"vkstate.yaml:3:9: keys.dev.models: {MODELS}"]


def test_models_must_be_there_after_defaults(project: Project) -> None:
    assert project.problems("keys:\n  dev: {max_budget: 1}\n  test:\nworkshops:\n  w: {count: 3}\n") == [
        f"vkstate.yaml:3:3: keys.dev.models: {NO_MODELS}",
        f"vkstate.yaml:4:3: keys.test.models: {NO_MODELS}",
        f"vkstate.yaml:6:3: workshops.w.models: {NO_MODELS}",
    ]


def test_what_contradicts_across_defaults_and_key_is_reported_where_it_stands(project: Project) -> None:
    assert project.problems(
        "defaults: {models: [m], metadata: {tags: [a]}, allowed_routes: [/x]}\n"
        "keys:\n  dev: {tags: [b]}\n  test: {key_type: management}\n  fine: {key_type: default}\n"
    ) == [
        (
            "vkstate.yaml:2:36: defaults.metadata.tags: is declared twice: LiteLLM keeps tags under metadata too; "
            "keep one of them"
        ),
        (
            "vkstate.yaml:2:48: defaults.allowed_routes: cannot stand beside key_type, which sets the routes itself: "
            "keep one of them"
        ),
    ]


def test_a_soft_budget_takes_the_place_of_a_named_budget(project: Project) -> None:
    """LiteLLM 1.72 to 1.105 link a key to a budget of its own for it, whatever ``budget_id`` says."""
    assert project.problems(
        "defaults: {models: [m], soft_budget: 5}\nkeys:\n  dev: {budget_id: b}\n  test: {max_budget: 7}\n"
    ) == [
        (
            "vkstate.yaml:2:25: defaults.soft_budget: cannot stand beside budget_id: LiteLLM makes a budget for it in "
            "place of that one"
        )
    ]


def test_broken_defaults_do_not_make_keys_look_wrong(project: Project) -> None:
    assert project.problems("defaults: {models: m}\nkeys:\n  dev: {max_budget: 1}\n") == [
        "vkstate.yaml:2:12: defaults.models: must be a list, not the text 'm': write [m]"
    ]


ALIASES = {
    "a": "is no alias, since it has 1 character: an alias has 2 to 230",
    "a" * 231: "is no alias, since it has 231 characters: an alias has 2 to 230",
    "a b": "is no alias, since it holds ' ': an alias is made of A-Z a-z 0-9 _ . / @ and -",
    "workshop:w": "is no alias, since it holds ':': an alias is made of A-Z a-z 0-9 _ . / @ and -",
    "é\n!*": "is no alias, since it holds '\\n' and '!' and '*': an alias is made of A-Z a-z 0-9 _ . / @ and -",
    "-ab": "is no alias, since it does not begin and end with a letter or digit",
    "ab.": "is no alias, since it does not begin and end with a letter or digit",
    "a/../b": "is no alias, since it holds ../",
    "a.retired-0a1b2c3d": (
        "is no alias for a new key: it ends as that of a replaced one does, in .retired- and 8 hexadecimal digits"
    ),
    "a.retired-0a1b2c3d4": None,
    "a.retired-0a1b2c3g": None,
    "a.retired-0a1b2c3d.b": None,
    "ab": None,
    "a" * 230: None,
    "A0_./@-z": None,
}


@pytest.mark.parametrize(("alias", "problem"), ALIASES.items())
def test_alias_rule(alias: str, problem: str | None) -> None:
    assert alias_problem(alias) == problem


def test_an_alias_may_look_like_a_key_value(project: Project) -> None:
    alias = "sk-learn-workshop-2024-autumn"

    assert list(project.keys(f"keys:\n  {alias}: {{models: [m]}}\n")) == [alias]


def test_an_alias_from_outside_may_not_look_like_a_key_value(project: Project) -> None:
    [line] = project.problems("keys:\n  ${env.K}: {models: [m]}\n", {"K": "sk-abcdefghijklmnopqrstuvwx"})

    assert line.startswith("vkstate.yaml:3:3: keys: this looks like a key value")
    assert "abcdefghij" not in line


def test_a_variable_may_not_bring_a_key_value_in(project: Project) -> None:
    error = project.error(
        PROXY + "variables: {v: }\nkeys:\n  dev: {models: [m], team_id: '${var.v}'}\n",
        variables={"v": "sk-abcdefghijklmnopqrstuvwx"},
    )

    assert error.detail == (
        "vkstate.yaml:4:22: keys.dev.team_id: the value of a variable stands here, and this looks like a key value, "
        "and none may stand in a config: revoke it if anybody else has seen it, and write ${env.NAME} where a secret "
        "is needed"
    )


def test_an_alias_belongs_to_one_key_only(project: Project) -> None:
    assert project.problems(
        "defaults: {models: [m]}\nworkshops:\n  w: {count: 2}\n  v:\n    members: [a, b]\n"
        "    alias_template: 'w-user{user}'\n"
        "    overrides: {b: {}}\n  x: {members: ['1'], alias_template: 'w-user{user}'}\nkeys:\n  w-user2:\n"
    ) == [
        (
            "vkstate.yaml:4:3: workshops.w: the alias 'w-user2' made of it is the alias of another key already, "
            "at vkstate.yaml:11:3 (keys.w-user2)"
        ),
        (
            "vkstate.yaml:9:17: workshops.x.members[0]: the alias 'w-user1' made of it is the alias of another key "
            "already, at vkstate.yaml:4:3 (workshops.w)"
        ),
    ]


SECTIONS = {
    "keyz: {}\n": "vkstate.yaml:2:1: keyz: unknown field; did you mean keys?",
    "url: x\n": "vkstate.yaml:2:1: url: unknown field here: it belongs to proxy",
    "models: [m]\n": "vkstate.yaml:2:1: models: unknown field here: it belongs to a key, a workshop or defaults",
    "imports: []\n": "vkstate.yaml:2:1: imports: unknown field; did you mean import?",
    "moved: {a: b}\n": "vkstate.yaml:2:1: moved: must be a list, with one item for each move",
    "removed: x\n": "vkstate.yaml:2:1: removed: must be a list, with one item for each target",
    "import: x\n": "vkstate.yaml:2:1: import: must be a list, with one item for each alias or glob",
    "safety: 30\n": "vkstate.yaml:2:1: safety: must be a mapping of names and values, not the number 30",
    "keys: [a]\n": "vkstate.yaml:2:1: keys: must be a mapping, with one entry for each name",
    "keys: {aa: [b]}\n": "vkstate.yaml:2:8: keys.aa: must be a mapping of names and values, not a list",
    "workshops: x\n": "vkstate.yaml:2:1: workshops: must be a mapping, with one entry for each name",
    "defaults: x\n": "vkstate.yaml:2:1: defaults: must be a mapping of names and values, not the text 'x'",
    "variables: [x]\n": "vkstate.yaml:2:1: variables: must be a mapping of names and values",
    "keys:\n  proxy: {proxy: 1, models: [m]}\n": "vkstate.yaml:3:11: keys.proxy.proxy: "
    "unknown field here: proxy stands at the top level",
}


@pytest.mark.parametrize(("text", "line"), SECTIONS.items())
def test_sections(project: Project, text: str, line: str) -> None:
    assert project.problems(text) == [line]


def test_sections_may_be_empty(project: Project) -> None:
    config = project.load(PROXY + "variables:\ndefaults:\nkeys:\nworkshops:\nmoved:\nremoved:\nimport:\nsafety:\n")

    assert (config.keys, config.moves, config.removed, config.imports) == ((), (), (), ())
    assert config.safety == Limits(30, 10)


def test_limits_of_safety(project: Project) -> None:
    assert project.load(PROXY + "safety: {max_delete_percent: 0, min_keys: 1}\n").safety == Limits(0, 1)
    assert project.load(PROXY + "safety: {max_delete_percent: 100}\n").safety == Limits(100, 10)


def test_bad_limits_of_safety(project: Project) -> None:
    assert project.problems("safety: {max_delete_percent: 101, min_keys: 0, max_deletes: 3}\n") == [
        "vkstate.yaml:2:10: safety.max_delete_percent: must be at most 100: it is 101",
        "vkstate.yaml:2:35: safety.min_keys: must be at least 1: it is 0",
        "vkstate.yaml:2:48: safety.max_deletes: unknown field; did you mean max_delete_percent?",
    ]
    assert project.problems("safety: {max_delete_percent: -1, min_keys: 1.5}\n") == [
        "vkstate.yaml:2:10: safety.max_delete_percent: must not be negative: it is -1",
        "vkstate.yaml:2:34: safety.min_keys: must be a whole number, not the number 1.5",
    ]


def test_a_name_is_taken_as_it_is_written(project: Project) -> None:
    assert list(project.keys("defaults: {models: [m]}\nkeys: {007: , 1e3: , 0x1F: , true: }\n")) == [
        "0x1F",
        "1e3",
        "007",
        "true",
    ]


def test_a_section_in_the_singular_is_a_slip(project: Project) -> None:
    assert project.problems("key: {dev: {models: [m]}}\n") == [
        "vkstate.yaml:2:1: key: unknown field; did you mean keys?"
    ]
