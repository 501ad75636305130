"""Canonical forms, flat paths, sealing."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import CANARY, LINEAGE
from vkstate.attributes import ATTRIBUTES, UNSET, Json, Kind, Sealed, Sensitive, Unset, Value
from vkstate.canonical import canonical, flatten, is_clear, nest, reveal, same, seal

NAMES = st.sampled_from(sorted(ATTRIBUTES))
OPEN = sorted(name for name, attribute in ATTRIBUTES.items() if attribute.kind is Kind.OPEN)


def jsons() -> st.SearchStrategy[Json]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("max_budget", 5.0, 5),
        ("max_budget", 0.5, 0.5),
        ("max_budget", 0, 0),
        ("max_budget", None, None),
        ("max_budget", "", None),
        ("user_id", "", None),
        ("team_id", None, None),
        ("models", ["b", "a", "b"], ["a", "b"]),
        ("models", None, []),
        ("models", "", []),
        ("budget_limits", [{"limit": 5.0, "reset_at": "2026-01-01"}], [{"limit": 5}]),
        ("budget_limits", None, []),
        ("enforced_params", ["b", "a"], ["b", "a"]),
        ("permissions", None, {}),
        ("permissions", {"b": 1.0, "a": {"d": None, "c": [2.0]}}, {"a": {"c": [2], "d": None}, "b": 1}),
        ("metadata", None, {}),
        ("key_type", "default", None),
        ("key_type", "llm_api", "llm_api"),
        (
            "router_settings",
            {"timeout": None, "num_retries": 3.0, "fallbacks": [None]},
            {"fallbacks": [None], "num_retries": 3},
        ),
        ("blocked", None, False),
        ("blocked", False, False),
        ("blocked", True, True),
        ("tpm_limit", 0, 0),
        ("unheard_of", None, None),
        ("unheard_of", "", ""),
        ("unheard_of", [2.0], [2]),
    ],
)
def test_canonical_form(name: str, value: Json, expected: Json) -> None:
    result = canonical(name, value)
    assert same(result, expected)
    assert type(result) is type(expected)


@given(NAMES, jsons())
def test_a_canonical_form_is_its_own(name: str, value: Json) -> None:
    once = canonical(name, value)
    assert same(canonical(name, once), once)


@given(st.lists(st.text()))
def test_sets_do_not_know_order_or_repetition(items: list[str]) -> None:
    assert canonical("models", list[Json](items)) == canonical("models", list[Json]([*reversed(items), *items]))


def test_object_keys_are_written_in_order() -> None:
    assert repr(flatten("metadata", {"x": {"b": 1, "a": 2}})) == "{'metadata.x': {'a': 2, 'b': 1}}"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (310137.5916428415, 310137.59164284146, True),
        ([{"max_budget": 0.1}], [{"max_budget": 0.1 + 1e-17}], True),
        (310137.5916428415, 310137.59165, False),
        (0.1, 0, False),
        (1e-300, 0, False),
        (10, 10.00000000000001, True),
        (10, 11, False),
        (2**70, 2**70 + 1, False),
        (1.5, 10**400, False),
        (1.5, True, False),
        (1.5, "1.5", False),
        ([0], [False], False),
        ([1, 2], [1], False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": [1]}, {"a": [1]}, True),
        (None, UNSET, False),
        (UNSET, UNSET, True),
        ("", None, False),
        ([], {}, False),
        (Sealed("x"), Sealed("x"), True),
        (Sealed("x"), "x", False),
    ],
)
def test_equal_as_json(one: Value | Unset, other: Value | Unset, expected: bool) -> None:
    assert same(one, other) is expected
    assert same(other, one) is expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("max_budget", 5.0, {"max_budget": 5}),
        ("metadata", {"cost_center": "4711", "a.b": [1.0]}, {"metadata.cost_center": "4711", "metadata.a.b": [1]}),
        ("metadata", {"nothing": None, "": ""}, {"metadata.nothing": None, "metadata.": ""}),
        ("metadata", {}, {}),
        ("metadata", None, {}),
        ("object_permission", {"mcp_servers": ["x", "a", "x"]}, {"object_permission.mcp_servers": ["a", "x"]}),
        (
            "object_permission",
            {"agents": None, "mcp_tool_permissions": {"m": ["b", "a"]}, "new": [{"b": 1.0}]},
            {
                "object_permission.agents": [],
                "object_permission.mcp_tool_permissions": {"m": ["b", "a"]},
                "object_permission.new": [{"b": 1}],
            },
        ),
        (
            "object_permission",
            {"mcp_tool_permissions": None, "mcp_tool_search_enabled": None},
            {"object_permission.mcp_tool_permissions": {}, "object_permission.mcp_tool_search_enabled": False},
        ),
        ("extra", {"tpd": 5.0}, {"extra.tpd": 5}),
        ("permissions", {"b": 1, "a": 2}, {"permissions": {"a": 2, "b": 1}}),
        ("permissions", None, {"permissions": {}}),
    ],
)
def test_flat_paths(name: str, value: Json, expected: dict[str, Json]) -> None:
    assert flatten(name, value) == expected


@given(
    st.dictionaries(st.sampled_from(sorted(ATTRIBUTES.keys() - set(OPEN))), jsons()),
    st.dictionaries(st.sampled_from(OPEN), st.dictionaries(st.text(), jsons(), min_size=1, max_size=3)),
)
def test_flatten_and_nest_round_trip(plain: dict[str, Json], opened: dict[str, dict[str, Json]]) -> None:
    flat: dict[str, Value] = {}
    for name, value in (plain | opened).items():
        flat |= flatten(name, value)
    nested = nest(flat)
    assert nested.keys() == plain.keys() | opened.keys()
    again: dict[str, Value] = {}
    for name, inner in nested.items():
        again |= flatten(name, cast("Json", inner))
    assert again == flat


def test_nest_keeps_sealed_values_and_leaves_its_input_alone() -> None:
    sealed = Sealed("sha256:0")
    values: dict[str, Value] = {"metadata.logging": sealed, "metadata.a": 1, "config": sealed}
    assert nest(values) == {"metadata": {"logging": sealed, "a": 1}, "config": sealed}
    assert values == {"metadata.logging": sealed, "metadata.a": 1, "config": sealed}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("max_budget", None, True),
        ("max_budget", 0, False),
        ("blocked", False, True),
        ("permissions", {}, True),
        ("permissions", {"a": None}, False),
        ("models", [], True),
        ("models", ["all-proxy-models"], True),
        ("models", ["all-team-models"], True),
        ("models", ["gpt-4"], False),
        ("models", ["all-proxy-models", "gpt-4"], False),
        ("metadata.a", None, False),
        ("metadata.a", {}, False),
        ("object_permission.agents", [], True),
        ("object_permission.mcp_tool_search_enabled", False, True),
        ("object_permission.agents", ["a"], False),
        ("extra.shiny", None, True),
        ("extra.shiny", 0, False),
        ("duration", None, False),
    ],
)
def test_what_is_there_once_an_attribute_is_cleared(path: str, value: Json, expected: bool) -> None:
    assert is_clear(path, value) is expected


@given(jsons())
def test_sealing_is_deterministic_and_salted_with_the_lineage(value: Json) -> None:
    sealed = seal(LINEAGE, Sensitive(value))
    assert isinstance(sealed, Sealed)
    assert sealed == seal(LINEAGE, Sensitive(value))
    assert sealed != seal("another lineage", Sensitive(value))
    assert seal(LINEAGE, sealed) == sealed
    assert seal(LINEAGE, value) == value


def test_sealing_takes_equal_json_for_equal_and_nothing_else() -> None:
    assert seal(LINEAGE, Sensitive({"b": 1, "a": 2.0})) == seal(LINEAGE, Sensitive({"a": 2, "b": 1}))
    assert seal(LINEAGE, Sensitive("1")) != seal(LINEAGE, Sensitive(1))
    assert seal(LINEAGE, Sensitive(True)) != seal(LINEAGE, Sensitive(1))
    assert seal("a", Sensitive("b")) != seal("ab", Sensitive(""))


def test_a_sealed_form_says_what_it_is() -> None:
    digest = "02aed67794e540f69247f9de9c66ec187131a2c335ecd631cc9fc9985464316b"
    assert seal(LINEAGE, Sensitive("x")) == Sealed(f"sha256:{digest}")


def test_reveal() -> None:
    assert reveal(Sensitive([1])) == [1]
    assert reveal({"a": 1}) == {"a": 1}
    with pytest.raises(TypeError, match="a sealed value has no content"):
        reveal(Sealed("sha256:0"))


def test_nothing_sensitive_is_in_a_repr() -> None:
    assert repr(Sensitive(CANARY)) == "Sensitive()"
    assert CANARY not in repr(seal(LINEAGE, Sensitive(CANARY)))
    assert repr(UNSET) == "UNSET"
