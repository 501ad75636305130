"""Names of models: what LiteLLM finds, and what it lists to a key."""

from __future__ import annotations

import pytest

from vkstate.models import due_models, is_served, told_models

EVERY = frozenset({"gpt-4", "gpt-3.5-turbo", "openai/*"})
GROUPS = {"beta": frozenset({"gpt-4", "openai/*"})}


@pytest.mark.parametrize(
    ("model", "served", "expected"),
    [
        ("gpt-4", {"gpt-4"}, True),
        ("gpt-4", {"GPT-4"}, False),
        ("gpt-4", set(), False),
        ("beta", {"gpt-4", "beta"}, True),
        ("openai/gpt-4", {"openai/*"}, True),
        ("azure/gpt-4", {"openai/*"}, False),
        ("openai/*", {"openai/gpt-4"}, True),
        ("openai/*", {"openai/*"}, True),
        ("azure/*", {"openai/gpt-4"}, False),
        ("anything", {"*"}, True),
        ("*", set(), True),
        ("all-team-models", set(), True),
        ("all-proxy-models", set(), True),
        ("no-default-models", set(), True),
        ("gpt-[4]", {"gpt-4"}, False),
    ],
)
def test_what_is_served(model: str, served: set[str], expected: bool) -> None:
    assert is_served(model, served) is expected


@pytest.mark.parametrize(
    ("given", "of_team", "due"),
    [
        ({"gpt-4"}, (), {"gpt-4"}),
        ({"beta"}, (), {"gpt-4", "openai/*"}),
        ({"gone"}, (), {"gone"}),
        ({"no-default-models"}, ("gpt-4",), set()),
        ({"no-default-models", "gpt-4"}, (), {"gpt-4"}),
        ({"all-proxy-models"}, ("gpt-4",), EVERY),
        ({"all-team-models"}, ("gpt-4",), {"gpt-4"}),
        ({"all-team-models", "gpt-3.5-turbo"}, ("beta",), {"gpt-4", "openai/*"}),
        ({"all-team-models"}, ("all-proxy-models", "gpt-4"), EVERY),
        ({"all-team-models"}, (), EVERY),
        (set(), (), EVERY),
        (set(), ("gpt-4",), {"gpt-4"}),
    ],
)
def test_what_is_due(given: set[str], of_team: tuple[str, ...], due: set[str]) -> None:
    assert due_models(given, of_team, EVERY, GROUPS) == due


@pytest.mark.parametrize(
    ("told", "given", "means"),
    [
        ({"gpt-4"}, {"gpt-4"}, {"gpt-4"}),
        ({"no-default-models"}, {"no-default-models"}, set()),
        ({"all-team-models"}, {"all-team-models"}, {"due"}),
        ({"all-team-models", "gpt-4"}, {"all-team-models"}, {"gpt-4", "due"}),
        ({"all-proxy-models"}, {"gpt-4"}, {"all-proxy-models"}),
    ],
)
def test_what_a_key_is_told(told: set[str], given: set[str], means: set[str]) -> None:
    assert told_models(frozenset(told), given, frozenset({"due"})) == means
