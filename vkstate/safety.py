"""Checks on a finished plan: whether so much may go, whether the proxy serves what keys are given, and whether there is
anything that could be done of what was asked. Pure filters.

They never plan anything themselves: a filter returns the same plan with problems or warnings added, or, where the
config is empty, without its deletions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from shlex import quote
from typing import Final, Literal

from vkstate.abridged import abridged
from vkstate.attributes import Json, Sealed, Sensitive
from vkstate.canonical import reveal
from vkstate.keys import Alias, DesiredKey
from vkstate.models import is_served
from vkstate.plan import Action, Caution, Change, Plan, Problem, Reason
from vkstate.targets import matches

_MOST_OFFERED: Final = 8
_HIDDEN: Final = "(sensitive)"
"""What is said in place of a model whose name came from the environment."""


@dataclass(frozen=True)
class Limits:
    """How much a plan may delete or replace without being asked for more.

    At most ``percent`` of the recorded keys, where those are ``few`` or more: of fewer the share means nothing.
    """

    percent: int = 30
    few: int = 10


USUAL: Final = Limits()
"""The limits where the config says nothing of them."""


def limit_deletes(plan: Plan, *, recorded: int, allowed: int | None, limits: Limits = USUAL) -> Plan:
    """Refuse to delete or replace a larger share of the recorded keys than the limits say, unless it was allowed.

    Retired keys do not count, nor does a replacement that goes on: that has been agreed to.

    :param recorded: how many keys the state records.
    :param allowed: ``--allow-deletes N``; suffices where N is at least the number.
    """
    going = sum(not _is_agreed(change) for change in plan.of(Action.DELETE, Action.REPLACE))
    within = 100 * going <= limits.percent * recorded
    if recorded < limits.few or within or (allowed is not None and going <= allowed):
        return plan
    given = f" --allow-deletes {allowed} does not cover that." if allowed is not None else ""
    problem = Problem(
        f"this plan deletes or replaces {going} of {recorded} keys, and at most {limits.percent} % of them, here "
        f"{limits.percent * recorded // 100}, may go unasked.{given}",
        f"if that is meant, repeat the command with --allow-deletes {going}",
    )
    return replace(plan, problems=(*plan.problems, problem))


def _is_agreed(change: Change) -> bool:
    """Whether an earlier plan has said already that this key goes."""
    return _is_retired(change) or (change.retires is not None and change.reason is not Reason.REPLACED)


def _is_retired(change: Change) -> bool:
    return change.recorded is not None and change.recorded.retired is not None


def refuse_empty(plan: Plan, desired: Collection[Alias], *, lets_go: bool = False) -> Plan:
    """Where the config yields no keys at all: a problem, and no deletions. Deleting everything is ``destroy``.

    :param lets_go: whether the config says of keys that they live on as nobody's; then it may be meant to be empty.
    """
    if desired or (lets_go and not plan.of(Action.DELETE)):
        return plan
    problem = Problem(
        "the config yields no keys at all. An emptied or half-merged file never deletes anything.",
        "declare keys or workshops in the config; to delete every key of this project, run: vkstate destroy",
    )
    kept = tuple(change for change in plan.changes if change.action not in (Action.DELETE, Action.FORGET))
    return replace(plan, changes=kept, problems=(*plan.problems, problem))


def refuse_vain(plan: Plan, *, replaces: Sequence[str], renews: Sequence[str]) -> Plan:
    """Refuse targets of ``--replace`` and ``--renew`` of which nothing would come: a slip that nobody would notice.

    Where a target names several keys, it is enough that some of them are meant.
    """
    options = (("--replace", replaces), ("--renew", renews))
    problems = [_in_vain(change, option) for option, targets in options for change in _vain(plan, targets)]
    return replace(plan, problems=(*plan.problems, *problems))


def _vain(plan: Plan, targets: Sequence[str]) -> Collection[Change]:
    """The keys that are named by targets which mean none."""
    vain: dict[Alias, Change] = {}
    for target in targets:
        named = [
            change
            for change in plan.changes
            if any(matches(target, alias, change.member) for alias in (change.alias, change.recorded_as))
        ]
        if not any(_is_meant(change, target) for change in named):
            vain |= {change.alias: change for change in named}
    return vain.values()


def _is_meant(change: Change, target: str) -> bool:
    """Whether a target names a key that is there to stay or to come, and by the alias that it will have."""
    if change.desired is None or _is_retired(change):
        return False
    stays = change.live is not None or change.action is Action.CREATE
    return stays and matches(target, change.alias, change.member)


def _in_vain(change: Change, option: str) -> Problem:
    alias, retired = change.recorded_as, change.recorded.retired if change.recorded else None
    hint = f"leave out {option} {quote(alias)}"
    if retired:
        why = f"its successor is {retired.successor}"
        hint = f"{option} {quote(retired.successor)}"
    elif change.alias != alias:
        why = f"its new alias is {change.alias}"
        hint = f"{option} {quote(change.alias)}"
    elif change.desired is None:
        why = "the config does not declare it"
    else:
        why = "it is missing on the proxy, and lifecycle.on_missing leaves it so"
        hint = f"say on_missing: recreate for {alias} in the config, and apply makes a new key"
    return Problem(f"{option} can do nothing about {alias}: {why}.", hint, change.alias, change.member)


def check_models(plan: Plan, served: Collection[str], mode: Literal["error", "warn", "off"]) -> Plan:
    """Compare the models of the config with what the proxy serves.

    A model that this plan introduces (a create, or ``models`` changed) and that is not served is a problem, or a
    warning where ``mode`` is ``warn``; one that was applied before and has since gone is always a warning.

    :param served: model names, access groups, and entries with ``*``.
    """
    if mode == "off":
        return plan
    introduced: dict[str, list[Alias]] = defaultdict(list)
    gone: dict[str, list[Alias]] = defaultdict(list)
    for change in plan.changes:
        if change.desired is None or change.action is Action.DELETE or _is_retired(change):
            continue
        new = _new_models(change)
        if not new and "models" in change.desired.ignore_changes:
            continue
        for model in models_of(change.desired):
            if not is_served(model, served):
                named = (introduced if model in new else gone)[_shown(change.desired, model)]
                named += [change.alias] if change.alias not in named[-1:] else []
    unserved = {model: _not_served(model, aliases, served) for model, aliases in sorted(introduced.items())}
    warnings = [
        Caution(f"the proxy no longer serves {model}, which ", tuple(aliases), " may use.")
        for model, aliases in sorted(gone.items())
    ]
    if mode == "warn":
        return replace(plan, warnings=(*plan.warnings, *unserved.values(), *warnings))
    problems = [
        Problem(
            f"{told.before}{abridged(told.aliases, 3)}{told.after}",
            "correct the name, or add the model to the proxy; proxy.check_models: warn lets it pass",
            introduced[model][0] if len(introduced[model]) == 1 else None,
        )
        for model, told in unserved.items()
    ]
    return replace(plan, problems=(*plan.problems, *problems), warnings=(*plan.warnings, *warnings))


def models_of(key: DesiredKey) -> list[str]:
    """The models that a desired key may use; none where only their digest is known."""
    declared = key.declared.get("models")
    value: Json = None if isinstance(declared, Sealed) else reveal(declared)
    return [str(model) for model in value] if isinstance(value, list) else []


def _new_models(change: Change) -> Collection[str]:
    """The models that this change gives to a key which had them not."""
    assert change.desired is not None  # noqa: S101 - models are compared for desired keys only
    models = models_of(change.desired)
    if change.action in (Action.CREATE, Action.REPLACE):
        return models
    if not any(diff.path == "models" and not diff.already_live for diff in change.diffs):
        return ()
    before = change.recorded.applied.get("models") if change.recorded else None
    return [model for model in models if not isinstance(before, list) or model not in before]


def _shown(key: DesiredKey, model: str) -> str:
    return _HIDDEN if isinstance(key.declared["models"], Sensitive) else model


def _not_served(model: str, aliases: Sequence[Alias], served: Collection[str]) -> Caution:
    close = get_close_matches(model, served, n=3, cutoff=0.5) if model != _HIDDEN else []
    others = sorted(served)
    shown = abridged(close or others, _MOST_OFFERED)
    offer = f"Did you mean {shown}?" if close else f"It serves {shown}." if shown else "It serves no model at all."
    return Caution(f"the proxy does not serve the model {model}, which ", tuple(aliases), f" would be given. {offer}")
