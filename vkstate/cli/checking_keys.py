"""``vkstate check --as``: keys of ours are presented to the proxy, and what they open is compared with what is due."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import Final

from vkstate.attributes import Sealed
from vkstate.canonical import reveal, seal
from vkstate.cli.checking_time import hint_for_expired
from vkstate.cli.findings import Finding, warning, well, wrong
from vkstate.cli.project import Project
from vkstate.keys import Alias, DesiredKey, KeyValue, Origin, RecordedKey, Status
from vkstate.litellm.capabilities import served_models
from vkstate.litellm.client import Connection
from vkstate.litellm.reception import Reception, Standing, access_groups, listed_models, receive
from vkstate.litellm.teams import read_teams
from vkstate.models import due_models, is_among, is_served, told_models
from vkstate.teams import Team

WHAT: Final = "key"
_MOST_NAMED: Final = 8
_HIDDEN: Final = "(sensitive)"


def keys_tried(
    project: Project, connection: Connection, aliases: Sequence[Alias], named: Collection[str]
) -> Iterator[Finding]:
    """A finding for each key: whether it opens the proxy, and just the models that it was given.

    :param aliases: of recorded keys.
    :param named: the targets that they come of: a value that was never ours is missed only where one names its key.
    :raises VkstateError: the proxy cannot be asked.
    """
    if not aliases:
        return
    trial = _prepared(project, connection, aliases, named)
    for finding, alias in zip(connection.each(trial.of, aliases), aliases, strict=True):
        yield replace(finding, alias=alias)


def _prepared(project: Project, connection: Connection, aliases: Sequence[Alias], named: Collection[str]) -> _Trial:
    state = project.state
    keys = {alias: state.keys[alias] for alias in aliases}
    values = {
        alias: value
        for alias, record in keys.items()
        if record.token is not None and (value := project.store.value_of(record.token)) is not None
    }
    ids = {team for record in keys.values() if (team := _text(record.applied.get("team_id")))}
    teams = read_teams(connection, ids).found if ids else {}
    desired = {key.alias: key for key in project.config.keys}
    models = {alias: _given(state.lineage, desired.get(alias), record) for alias, record in keys.items()}
    closed = project.store.why_closed([record.token for record in keys.values() if record.token is not None])
    every, served = listed_models(connection), served_models(connection)
    meant = {model for given in models.values() if given is not None for model in given.models}
    meant |= {model for team in teams.values() for model in team.models}
    groups = access_groups(connection) if (meant & served) - every else {}
    return _Trial(connection, desired, keys, values, models, teams, every, served, groups, closed, named)


def _given(lineage: str, key: DesiredKey | None, record: RecordedKey) -> _Given | None:
    """The models that a key was given; None where the state holds only a digest that the config does not explain."""
    applied = record.server_defaults.get("models", record.applied.get("models"))
    if not isinstance(applied, Sealed):
        return _Given(_texts(applied))
    wanted = key.declared.get("models") if key else None
    if wanted is None or seal(lineage, wanted) != applied:
        return None
    return _Given(_texts(reveal(wanted)), hidden=True)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> frozenset[str]:
    return frozenset(str(item) for item in value) if isinstance(value, list) else frozenset()


@dataclass(frozen=True)
class _Given:
    """The models that a key was given, as they were declared; ``hidden`` where they came from the environment."""

    models: frozenset[str]
    hidden: bool = False

    def named(self, models: Collection[str]) -> str:
        """Names for a sentence."""
        if self.hidden:
            return _HIDDEN
        names = sorted(models)
        more = len(names) - _MOST_NAMED
        shown = names if more <= 0 else [*names[:_MOST_NAMED], f"{more} more"]
        return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]])) or "no model"


@dataclass(frozen=True)
class _Trial:
    """What is known before the keys are presented. ``every`` and ``served`` are what the master key is told: the names
    that are listed, and those that a key may hold. ``groups`` are the access groups, where any key has one.
    ``named`` holds the keys that were asked for by name."""

    connection: Connection
    desired: Mapping[Alias, DesiredKey]
    keys: Mapping[Alias, RecordedKey]
    values: Mapping[Alias, KeyValue]
    given: Mapping[Alias, _Given | None]
    teams: Mapping[str, Team]
    every: frozenset[str]
    served: frozenset[str]
    groups: Mapping[str, frozenset[str]]
    closed: str | None
    named: Collection[str]

    def of(self, alias: Alias) -> Finding:
        """How one key fares."""
        if self.keys[alias].status is not Status.READY:
            return wrong(WHAT, f"{alias} is not known to be on the proxy: {self.keys[alias].status}.", "vkstate apply")
        value = self.values.get(alias)
        if value is None:
            return self._untried(alias)
        reception = receive(self.connection, value)
        if reception.standing is Standing.WELCOME:
            return self._compared(alias, reception.models)
        return self._turned_away(alias, reception)

    def _untried(self, alias: Alias) -> Finding:
        if self.closed:
            return wrong(WHAT, f"{alias} cannot be tried. {self.closed}", "name an identity: --identity FILE")
        made_here = self.keys[alias].origin is Origin.CREATED
        grade = wrong if made_here or alias in self.named else warning
        said = f"{alias} cannot be tried. Its value is not on this machine."
        if made_here:
            return grade(WHAT, said, f"give it a new value: vkstate apply --replace {quote(alias)}")
        return grade(WHAT, said, f"have its value kept: vkstate import {quote(alias)} --values FILE.csv")

    def _turned_away(self, alias: Alias, reception: Reception) -> Finding:
        match reception.standing:
            case Standing.UNKNOWN:
                said = f"{alias} opens nothing: the proxy does not know the key. Somebody deleted it there."
                return wrong(WHAT, said, "vkstate plan shows what apply would do about it")
            case Standing.EXPIRED:
                hint = hint_for_expired(self.desired.get(alias), self.keys[alias], self.connection.now())
                return wrong(WHAT, f"{alias} opens nothing: it has expired.", hint)
            case Standing.BLOCKED if self.keys[alias].applied.get("blocked") is True:
                return warning(WHAT, f"{alias} opens nothing: it is blocked, as it was applied.")
            case Standing.BLOCKED:
                said = f"{alias} opens nothing: it is blocked, and not by this project."
                return wrong(WHAT, said, f"vkstate apply --target {quote(alias)} unblocks it where blocked is declared")
            case Standing.TEAM_BLOCKED:
                said = f"{alias} opens nothing: its team is blocked."
                return wrong(WHAT, said, "unblock the team in LiteLLM")
            case Standing.NO_TEAM:
                said = f"{alias} opens nothing: the team that it names does not exist."
                return wrong(WHAT, said, "create the team in LiteLLM, or give the key another team_id and a new value")
            case Standing.SPENT:
                said = f"{alias} opens nothing: its budget is spent, or that of its user or team."
                return wrong(WHAT, said, "raise the budget, or wait until it starts anew")
            case Standing.BARRED:
                said = f"{alias} may not ask which models it may use: its routes do not include /v1/models."
                return warning(WHAT, said)
            case _:
                return wrong(WHAT, f"{alias} opens nothing. LiteLLM said: {reception.words.rstrip('.')}.")

    def _compared(self, alias: Alias, told: frozenset[str]) -> Finding:
        given, record = self.given[alias], self.keys[alias]
        if given is None:
            said = f"{alias} opens the proxy. Its models are sensitive, and were not declared so here: not compared."
            return warning(WHAT, said, f"vkstate plan --target {quote(alias)}")
        team = self.teams.get(_text(record.applied.get("team_id")) or "")
        due = due_models(given.models, team.models if team else (), self.every, self.groups)
        told = told_models(told, given.models, due)
        lacking = {model for model in due if not is_among(model, told)}
        beyond = {model for model in told if not is_among(model, due)}
        apply = f"vkstate plan --target {quote(alias)} shows what differs; apply mends it"
        if lacking or beyond:
            parts = [f"may not use {given.named(lacking)}, which it was given"] * bool(lacking)
            parts += [f"may use {given.named(beyond)}, which it was not given"] * bool(beyond)
            return wrong(WHAT, f"{alias} {' and '.join(parts)}.", apply)
        if unserved := {model for model in due if not is_served(model, self.served)}:
            said = f"{alias} may use {given.named(unserved)}, which the proxy does not serve."
            return wrong(WHAT, said, "correct the name in the config, or add the model to the proxy")
        if team and (refused := {model for model in told if not team.has(model)}):
            said = f"{alias} is told that it may use {given.named(refused)}, which its team {team.name} has not."
            return wrong(WHAT, said, "give the team the model in LiteLLM, or take it from the key")
        return well(WHAT, f"{alias} opens the proxy, and may use {given.named(due)}.")
