"""Names of models: which of them match, and which the proxy should list to a key. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from vkstate.attributes import ALL_MODELS, ALL_TEAM_MODELS

NO_MODEL: Final = "no-default-models"
SPECIAL_MODELS: Final = frozenset({ALL_TEAM_MODELS, ALL_MODELS, NO_MODEL, "*"})
"""Names that LiteLLM gives a meaning of its own (1.72 to 1.105)."""
_STAND_FOR_OTHERS: Final = frozenset({ALL_MODELS, ALL_TEAM_MODELS})


def is_among(model: str, names: Collection[str]) -> bool:
    """Whether a name is one of these, or matches one with ``*``, or is one that some of these match."""
    if model in names or any("*" in name and fnmatchcase(model, name) for name in names):
        return True
    return "*" in model and any(fnmatchcase(name, model) for name in names)


def is_served(model: str, served: Collection[str]) -> bool:
    """Whether LiteLLM would find the model: by name, access group, a wildcard of either side, or as a special name."""
    return model in SPECIAL_MODELS or is_among(model, served)


def due_models(
    given: Collection[str], of_team: Collection[str], every: frozenset[str], groups: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    """The names that ``GET /v1/models`` should list to a key (1.72 to 1.105).

    :param given: the models of the key; none means all that its team has.
    :param of_team: the models of its team; none where it has no team, or one that is not limited.
    :param every: what is listed to the master key.
    :param groups: the models of each access group, which LiteLLM lists in its place.
    """
    if ALL_MODELS in given:
        return every
    if given and ALL_TEAM_MODELS not in given:
        return _without_groups((name for name in given if name != NO_MODEL), groups)
    return _without_groups(of_team, groups) if of_team and ALL_MODELS not in of_team else every


def told_models(told: frozenset[str], given: Collection[str], due: frozenset[str]) -> frozenset[str]:
    """What a key is told that it may use, in the names of :func:`due_models`: LiteLLM 1.90 lists a special name of the
    key as it stands, in place of what it means.
    """
    told -= {NO_MODEL}
    return told if (_STAND_FOR_OTHERS & told).isdisjoint(given) else told - _STAND_FOR_OTHERS | due


def _without_groups(names: Iterable[str], groups: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset(model for name in names for model in groups.get(name, {name}))
