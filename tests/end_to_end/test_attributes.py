"""Every attribute of a key on the sandbox: set, changed and taken away again, one by one and all at once."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.attribute_cases import EXPIRIES, LICENSED, PLAIN, Case, Json, everything, referring
from tests.contract.attribute_troubles import (
    MISSING,
    does_not_exist,
    has_all_models,
    is_a_bare_500,
    is_imported_with_all_models,
    is_kept_for_a_licence,
    permits_what_others_said,
)
from tests.contract.attribute_values import ELSEWHERE, drawn, specs
from tests.contract.one_key import (
    OneKey,
    abilities,
    ends_and_does_not,
    keeps_what_is_declared_by_its_other_name,
    passes_through,
    through_its_life,
)
from tests.workspace import Workspace
from vkstate.attributes import ATTRIBUTES


def on_sandbox(workspace: Workspace) -> OneKey:
    sandbox = workspace.sandbox()
    return OneKey(workspace, sandbox, "sandbox://", abilities(sandbox))


@pytest.fixture
def key(workspace: Workspace) -> OneKey:
    return on_sandbox(workspace)


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_an_attribute_is_set_changed_and_taken_away(key: OneKey, case: Case) -> None:
    through_its_life(key, case)


@pytest.mark.parametrize("name", ["budget_id", "end_user_budget_id"])
def test_a_budget_is_set_changed_and_taken_away(key: OneKey, name: str) -> None:
    through_its_life(key, referring(name, key.proxy))


@pytest.mark.parametrize(("first", "second"), EXPIRIES, ids=["duration", "expires_at", "both"])
def test_an_expiry_is_set_moved_and_taken_away(key: OneKey, first: dict[str, Json], second: dict[str, Json]) -> None:
    ends_and_does_not(key, first, second)


def test_a_field_that_has_none_here_is_passed_on(key: OneKey) -> None:
    passes_through(key)


def test_a_place_with_two_names_is_declared_by_one_and_then_by_the_other(key: OneKey) -> None:
    keeps_what_is_declared_by_its_other_name(key)


@pytest.mark.parametrize(("name", "value"), LICENSED.items(), ids=LICENSED)
def test_a_field_that_needs_a_licence_fails_alone(key: OneKey, name: str, value: Json) -> None:
    is_kept_for_a_licence(key, name, value)


@pytest.mark.parametrize("name", MISSING)
def test_what_does_not_exist_is_named(key: OneKey, name: str) -> None:
    does_not_exist(key, name)


def test_a_bare_500_is_explained(key: OneKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vkstate.executor.creation._FIRST_PAUSE", 0.001)
    is_a_bare_500(key)


def test_permissions_that_others_gave_are_drift(key: OneKey) -> None:
    permits_what_others_said(key)


def test_an_empty_list_of_models_is_all_models(key: OneKey) -> None:
    has_all_models(key)


def test_a_key_with_all_models_is_imported_as_it_is(key: OneKey) -> None:
    is_imported_with_all_models(key)


def test_keys_with_all_attributes_set_plan_to_nothing(key: OneKey) -> None:
    key.declare_all(everything(key.proxy, referring_too=False))
    assert "server default" not in key.workspace.apply().stdout
    before = key.workspace.state_path.read_bytes()
    assert key.workspace.apply().last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted."
    assert key.workspace.state_path.read_bytes() == before


def test_every_attribute_is_drawn_or_left_out_for_a_reason() -> None:
    assert drawn() | ELSEWHERE.keys() == ATTRIBUTES.keys()
    assert not drawn() & ELSEWHERE.keys()


@settings(max_examples=15)
@given(st.lists(st.tuples(specs(), specs()), min_size=3, max_size=3))
def test_random_specs_plan_to_nothing_and_so_do_changes_from_one_to_another(
    pairs: list[tuple[dict[str, Json], dict[str, Json]]],
) -> None:
    with TemporaryDirectory() as directory, chdir(directory):
        key = on_sandbox(Workspace(Path(directory)))
        for step in (0, 1):
            key.declare_all({f"key{number}": pair[step] for number, pair in enumerate(pairs)})
            assert "server default" not in key.workspace.apply().stdout
