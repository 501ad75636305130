"""What a server does not know, or takes only at a create: said in the plan, before anything is sent."""

from __future__ import annotations

import pytest

from tests.factories import desired, live, planned, recorded, warned
from vkstate.attributes import Json, Sensitive, Value
from vkstate.keys import Capabilities
from vkstate.plan import Action

UNKNOWN = Capabilities(unknown=frozenset({"tpd_limit", "object_permission", "key_type"}))
FIXED = Capabilities(fixed=frozenset({"organization_id"}))


def ignores(path: str, aliases: str) -> str:
    return f"this LiteLLM does not know {path}, which {aliases} would have, and ignores it."


@pytest.mark.parametrize(
    ("declared", "warnings"),
    [
        ({"tpd_limit": 5}, (ignores("tpd_limit", "a"),)),
        ({"tpd_limit": Sensitive(5)}, (ignores("tpd_limit", "a"),)),
        ({"tpd_limit": None}, ()),
        ({"object_permission.agents": ["x"]}, (ignores("object_permission", "a"),)),
        ({"rpm_limit": 5}, ()),
    ],
)
def test_what_a_new_key_would_have_in_vain(declared: dict[str, Value], warnings: tuple[str, ...]) -> None:
    made = planned([desired("a", also=declared)], capabilities=UNKNOWN)
    assert (warned(made), made.problems, made.changes[0].action) == (warnings, (), Action.CREATE)


def test_it_is_said_once_of_all_keys_and_not_again_for_what_the_row_lacks() -> None:
    keys = [desired(alias, tpd_limit=5) for alias in ("a", "b", "c")]
    made = planned(keys, [recorded("a", tpd_limit=5)], [live("a")], capabilities=UNKNOWN)
    assert warned(made) == (ignores("tpd_limit", "a, b, c"),)


def test_what_is_unknown_may_change_and_go() -> None:
    for want in (desired("a", tpd_limit=6, key_type="llm_api"), desired("a")):
        have = recorded("a", tpd_limit=5, key_type="management")
        made = planned([want], [have], [live("a")], capabilities=UNKNOWN)
        assert (made.problems, made.changes[0].action) == ((), Action.UPDATE)


@pytest.mark.parametrize("after", ["o2", None])
def test_what_only_a_create_sets_is_a_problem_for_a_key_that_exists(after: str | None) -> None:
    want = desired("a", also={"organization_id": after} if after else {})
    made = planned([want], [recorded("a", organization_id="o1")], [live("a", organization_id="o1")], capabilities=FIXED)
    (problem,) = made.problems
    assert problem.detail == (
        "a: this LiteLLM cannot change organization_id on an existing key, but only give it to a new one."
    )
    assert problem.hint == "keep organization_id as it was, or give a a new key value: --replace a"


@pytest.mark.parametrize("value", ["o1", None])
def test_what_a_key_has_already_is_none(value: Json) -> None:
    want = desired("a", organization_id=value)
    made = planned([want], [recorded("a")], [live("a", organization_id=value)], capabilities=FIXED)
    assert made.problems == ()
