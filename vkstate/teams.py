"""Whether LiteLLM will have the keys of a plan in the teams that the config gives them. A pure filter, as safety is.

LiteLLM makes a key for a team that does not exist (1.72 to 1.105); from 1.90 on it refuses every change of that key,
and 1.105 its list of models too. It moves an existing key only into a team of which its user is a member and whose
limits it keeps, and looks at the key as it is before the change (1.72 to 1.105). It lets a key name models that its
team has not, and then refuses them call by call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from shlex import quote
from typing import Final

from vkstate.abridged import abridged
from vkstate.attributes import ALL_MODELS, ALL_TEAM_MODELS, Json, Sealed, Sensitive
from vkstate.canonical import reveal
from vkstate.keys import Alias, DesiredKey
from vkstate.models import NO_MODEL
from vkstate.plan import Action, Caution, Change, Plan, Problem

_EVERY_MODEL: Final = frozenset({ALL_MODELS, "*"})
_OF_ITSELF: Final = frozenset({ALL_TEAM_MODELS, NO_MODEL})
"""Names that mean no model which a team might lack."""
_SHOWN: Final = 8
_HIDDEN: Final = "(sensitive)"
"""What is said in place of a team whose id came from the environment."""


@dataclass(frozen=True)
class Team:
    """A team of LiteLLM. Without ``models`` it has every model; ``members`` are user ids; limits are per minute."""

    id: str
    alias: str | None = None
    models: tuple[str, ...] = ()
    members: frozenset[str] = frozenset()
    tpm_limit: int | None = None
    rpm_limit: int | None = None

    @property
    def name(self) -> str:
        """As people know it: ``red (5f1c…)``, or the id alone."""
        return f"{self.alias} ({self.id})" if self.alias else self.id

    def has(self, model: str) -> bool:
        """Whether a key of the team may use a model, as far as names tell: an access group shows none of its own."""
        if not self.models or model in _OF_ITSELF or not _EVERY_MODEL.isdisjoint(self.models):
            return True
        names = (model, f"openai/{model}")  # LiteLLM reads a name without a provider as one of those it knows
        return any(fnmatchcase(name, entry) for entry in self.models for name in names)


@dataclass(frozen=True)
class Teams:
    """What the proxy says of the teams that it was asked for.

    ``found`` holds those that exist, by id. ``others`` are teams that may have been meant by the ``missing`` ids: those
    that bear one as their alias first. ``total`` counts all teams. ``unread`` says why nothing of it can be told.
    """

    found: Mapping[str, Team] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    others: tuple[Team, ...] = ()
    total: int = 0
    unread: str | None = None


def team_of(key: DesiredKey) -> str | None:
    """The id of the team that a desired key belongs to; None where it has none, or only its digest is known."""
    declared = key.declared.get("team_id")
    value: Json = None if isinstance(declared, Sealed) else reveal(declared) if declared is not None else None
    return value if isinstance(value, str) and value else None


def sought_teams(plan: Plan) -> frozenset[str]:
    """The teams to know before a plan is carried out: of the keys that it makes, or whose team or models change."""
    return frozenset(team for change in plan.effective if (team := _team_at_stake(change)))


def check_teams(plan: Plan, teams: Teams) -> Plan:
    """Object to keys of teams that do not exist or that LiteLLM would not move them into.

    :param teams: what is known of :func:`sought_teams`.
    """
    changes = [change for change in plan.effective if _team_at_stake(change)]
    keys = [(key, team) for change in changes if (key := change.desired) and (team := team_of(key))]
    if keys and teams.unread is not None:
        said = f"the proxy does not tell its teams ({teams.unread}), so that nobody knows whether that of "
        unchecked = Caution(said, tuple(key.alias for key, _ in keys), " exists.")
        return replace(plan, warnings=(*plan.warnings, unchecked))
    return replace(
        plan,
        problems=(*plan.problems, *missing_teams(keys, teams), *_unmovable(changes, teams)),
        warnings=(*plan.warnings, *beyond_team(keys, teams)),
    )


def _team_at_stake(change: Change) -> str | None:
    """The team that a change gives a key, or under which it gives it models; None where it does neither."""
    if change.desired is None or (change.recorded is not None and change.recorded.retired is not None):
        return None
    made = change.action in (Action.CREATE, Action.REPLACE)
    sent = {diff.path for diff in change.diffs if not diff.already_live}
    return team_of(change.desired) if made or not sent.isdisjoint(("team_id", "models")) else None


def _moves(change: Change) -> bool:
    """Whether the change takes a key that exists into a team."""
    made = change.action in (Action.CREATE, Action.REPLACE)
    return not made and any(diff.path == "team_id" and not diff.already_live for diff in change.diffs)


def missing_teams(keys: Iterable[tuple[DesiredKey, str]], teams: Teams) -> Iterator[Problem]:
    """A problem for each team that does not exist.

    :param keys: desired keys, each with the id of its team.
    """
    of: defaultdict[tuple[str, bool], list[DesiredKey]] = defaultdict(list)
    for key, team in keys:
        if team in teams.missing:
            of[team, _is_hidden(key)].append(key)
    for (team, hidden), without in sorted(of.items(), key=lambda item: item[0]):
        offer, hint = (_existing(teams), None) if hidden else _offer(team, teams)
        alone = without[0] if len(without) == 1 else None
        yield Problem(
            f"the proxy has no team {_HIDDEN if hidden else team}, which {_named(without)} would belong to. {offer}",
            hint or "correct team_id, or create the team in LiteLLM first",
            alone.alias if alone is not None else None,
            alone.member if alone is not None else None,
        )


def beyond_team(keys: Iterable[tuple[DesiredKey, str]], teams: Teams) -> Iterator[Caution]:
    """The models that keys would be given and that their teams have not.

    :param keys: desired keys, each with the id of its team.
    """
    of: defaultdict[tuple[str, str], list[Alias]] = defaultdict(list)
    for key, team_id in keys:
        team = teams.found.get(team_id)
        declared = key.declared.get("models")
        models = reveal(declared) if declared is not None and not isinstance(declared, Sealed) else None
        for model in models if isinstance(models, list) else ():
            if team is not None and not team.has(str(model)):
                shown = _HIDDEN if isinstance(declared, Sensitive) else str(model)
                of[shown, _HIDDEN if _is_hidden(key) else team.name].append(key.alias)
    for (model, name), aliases in sorted(of.items()):
        subject, said = f"the model {model}", f"is none of the models of the team {name}: LiteLLM would refuse its use"
        if model in _EVERY_MODEL:
            subject, said = model, f"means no more than the models of the team {name}: all-team-models says so"
        yield Caution(f"{subject}, which ", tuple(dict.fromkeys(aliases)), f" would be given, {said}.")


def _offer(team: str, teams: Teams) -> tuple[str, str | None]:
    """What may have been meant, as a sentence, and as a hint where that is certain."""
    named = [other for other in teams.others if other.alias == team]
    if len(named) == 1:
        return f"That is the alias of the team {named[0].id}: team_id takes the id.", f"write team_id: {named[0].id}"
    if named:
        ids = ", ".join(other.id for other in named)
        return f"That is the alias of {len(named)} teams ({ids}): team_id takes the id of one.", None
    words = {word: other for other in teams.others for word in (other.id, other.alias) if word}
    close = list(dict.fromkeys(words[word].name for word in get_close_matches(team, words, n=3, cutoff=0.6)))
    return (f"Did you mean {' or '.join(close)}?" if close else _existing(teams)), None


def _existing(teams: Teams) -> str:
    if not teams.others:
        return "It has no team at all." if not teams.total else f"It has {teams.total} others."
    shown = ", ".join(other.name for other in teams.others[:_SHOWN])
    more = teams.total - min(_SHOWN, len(teams.others))
    return f"It has {shown}" + (f" and {more} more." if more > 0 else ".")


def _unmovable(changes: Iterable[Change], teams: Teams) -> Iterator[Problem]:
    for change in changes:
        key = change.desired
        team = teams.found.get(team_of(key) or "") if key is not None and _moves(change) else None
        if key is None or team is None or (why := _objection(change, team)) is None:
            continue
        reason, remedy = why
        shown = _HIDDEN if _is_hidden(key) else team.name
        yield Problem(
            f"LiteLLM would not take {change.alias} into the team {shown}: {reason}.",
            f"{remedy}, or give {change.alias} a new key value: --replace {quote(change.alias)}",
            change.alias,
            change.member,
        )


def _objection(change: Change, team: Team) -> tuple[str, str] | None:
    """Why LiteLLM refuses to move a key, and what would help. It looks at the key as it is, before the change."""
    row: Mapping[str, Json] = change.live.attributes if change.live is not None else {}
    user = row.get("user_id")
    if isinstance(user, str) and user not in team.members:
        shown = _HIDDEN if isinstance(change.desired and change.desired.declared.get("user_id"), Sensitive) else user
        return f"its user {shown} is not a member of it", "add the user to the team in LiteLLM"
    tpm, rpm = row.get("tpm_limit"), row.get("rpm_limit")
    if isinstance(tpm, int) and team.tpm_limit and tpm > team.tpm_limit:
        return f"its tpm_limit is above the team's {team.tpm_limit}", "lower tpm_limit with an apply before"
    if isinstance(tpm, int) and isinstance(rpm, int) and team.rpm_limit and rpm > team.rpm_limit:
        return f"its rpm_limit is above the team's {team.rpm_limit}", "lower rpm_limit with an apply before"
    return None


def _is_hidden(key: DesiredKey) -> bool:
    return isinstance(key.declared.get("team_id"), Sensitive)


def _named(keys: Sequence[DesiredKey]) -> str:
    return abridged([key.alias for key in keys], 3)
