"""Every attribute of a key on a real LiteLLM: set, changed and taken away again, one by one and all at once."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract.attribute_cases import EXPIRIES, LICENSED, PLAIN, REFERRING, Case, Json, everything, referring
from tests.contract.attribute_troubles import (
    MISSING,
    does_not_exist,
    has_all_models,
    is_a_bare_500,
    is_imported_with_all_models,
    is_kept_for_a_licence,
    permits_what_others_said,
)
from tests.contract.attribute_values import specs
from tests.contract.one_key import (
    OneKey,
    abilities,
    ends_and_does_not,
    keeps_what_is_declared_by_its_other_name,
    passes_through,
    through_its_life,
)
from tests.contract.proxies import Proxy
from tests.workspace import Workspace

pytestmark = pytest.mark.live


@pytest.fixture
def key(workspace: Workspace, proxy: Proxy) -> OneKey:
    return OneKey(workspace, proxy, proxy.base_url, abilities(proxy))


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_an_attribute_is_set_changed_and_taken_away(key: OneKey, case: Case) -> None:
    through_its_life(key, case)


@pytest.mark.parametrize("name", REFERRING)
def test_what_an_attribute_names_is_set_changed_and_taken_away(key: OneKey, name: str) -> None:
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
    if name not in key.able.created:
        pytest.skip(f"this LiteLLM does not know {name}")
    is_kept_for_a_licence(key, name, value)


@pytest.mark.parametrize("name", MISSING)
def test_what_does_not_exist_is_named(key: OneKey, name: str) -> None:
    if name not in key.able.created:
        pytest.skip(f"this LiteLLM does not know {name}")
    does_not_exist(key, name)


def test_a_bare_500_is_explained(key: OneKey) -> None:
    is_a_bare_500(key)


def test_permissions_that_others_gave_are_drift(key: OneKey) -> None:
    permits_what_others_said(key)


def test_an_empty_list_of_models_is_all_models(key: OneKey) -> None:
    has_all_models(key)


def test_a_key_with_all_models_is_imported_as_it_is(key: OneKey) -> None:
    is_imported_with_all_models(key)


def test_a_key_with_all_models_of_its_team_is_imported_as_it_is(key: OneKey) -> None:
    is_imported_with_all_models(key, team_id=referring("team_id", key.proxy).first)


def test_keys_with_all_attributes_set_plan_to_nothing(key: OneKey) -> None:
    key.declare_all(everything(key.proxy, referring_too=True))
    assert "server default" not in key.workspace.apply().stdout
    before = key.workspace.state_path.read_bytes()
    assert key.workspace.apply().last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted."
    assert key.workspace.state_path.read_bytes() == before


@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(specs(), min_size=4, max_size=4))
def test_keys_walk_from_one_random_spec_to_the_next(key: OneKey, walk: list[dict[str, Json]]) -> None:
    """The examples share four keys: what is made in the first is changed in all others."""
    possible = [{name: value for name, value in spec.items() if key.able.to_and_fro(name, value)} for spec in walk]
    key.declare_all({key.proxy.alias(f"key{number}"): spec for number, spec in enumerate(possible)})
    assert "server default" not in key.workspace.apply().stdout
