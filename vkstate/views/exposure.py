"""What the desired keys may cost at most, and which of them nothing bounds. Pure figures, then their sentences.

A key's ``max_budget`` is a total, or with ``budget_duration`` an amount for each such period (``/key/generate``,
LiteLLM 1.72 to 1.105). In US dollars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from vkstate.attributes import UNSET, Json, Sealed, Sensitive, Unset, Value
from vkstate.expiry import Never, expiry_of, parse_duration
from vkstate.keys import Alias, Member
from vkstate.plan import Action, Change, Plan
from vkstate.views.grouping import listing
from vkstate.views.words import counted, money

_ALL_MODELS = frozenset({"all-proxy-models", "*"})


@dataclass(frozen=True)
class Exposure:
    """The figures. ``total`` is None where no key has a budget for all of its life.

    ``elsewhere`` are keys without ``max_budget`` that ``budget_id`` or ``budget_limits`` bound; ``unlimited`` those
    that nothing of their own bounds; ``not_shown`` those whose budget is sensitive. ``left_out`` counts the keys that a
    target left out, of which nothing is said.
    """

    total: Decimal | None = None
    periodic: Mapping[str, Decimal] = field(default_factory=dict)
    unlimited: tuple[Alias, ...] = ()
    elsewhere: tuple[Alias, ...] = ()
    not_shown: tuple[Alias, ...] = ()
    endless: tuple[Alias, ...] = ()
    all_models: tuple[Alias, ...] = ()
    left_out: int = 0


def exposure_of(plan: Plan) -> Exposure:
    """The figures of every key that will be desired once the plan is applied, changed or not."""
    changes = [
        change
        for change in plan.changes
        if change.desired is not None and change.action not in {Action.DELETE, Action.FORGET}
    ]
    totals: list[Decimal] = []
    periodic: dict[str, Decimal] = {}
    lists: dict[str, list[Alias]] = {"unlimited": [], "elsewhere": [], "not_shown": []}
    for change in changes:
        budget, period = _after(change, "max_budget"), _after(change, "budget_duration")
        if isinstance(budget, Sensitive | Sealed) or isinstance(period, Sensitive | Sealed):
            lists["not_shown"].append(change.alias)
        elif isinstance(budget, bool) or not isinstance(budget, int | float):
            lists["elsewhere" if _is_bounded_elsewhere(change) else "unlimited"].append(change.alias)
        elif isinstance(period, str):
            periodic[period] = periodic.get(period, Decimal()) + Decimal(str(budget))
        else:
            totals.append(Decimal(str(budget)))
    return Exposure(
        total=sum(totals, Decimal()) if totals else None,
        periodic={period: periodic[period] for period in sorted(periodic, key=_by_length)},
        unlimited=tuple(lists["unlimited"]),
        elsewhere=tuple(lists["elsewhere"]),
        not_shown=tuple(lists["not_shown"]),
        endless=tuple(change.alias for change in changes if _is_endless(change)),
        all_models=tuple(change.alias for change in changes if _may_use_all_models(change)),
        left_out=len(plan.left_out),
    )


def _after(change: Change, path: str) -> Value | None:
    """An attribute's value once the change is applied; None where there is none.

    A value that the proxy forces wins; then what this change sets or clears; then what is declared, unless it is
    ignored; then what stands on the proxy.
    """
    if change.recorded is not None and path in change.recorded.server_defaults:
        return change.recorded.server_defaults[path]
    for diff in change.diffs:
        if diff.path == path:
            return None if isinstance(diff.after, Unset) else diff.after
    ignored = change.desired is not None and path in change.desired.ignore_changes and change.live is not None
    declared = change.desired.declared.get(path, UNSET) if change.desired is not None and not ignored else UNSET
    if not isinstance(declared, Unset):
        return declared
    return change.live.attributes.get(path) if change.live is not None else None


def _is_bounded_elsewhere(change: Change) -> bool:
    """Whether a budget row or ``budget_limits`` bounds the key.

    A ``budget_id`` counts where it is declared only: for ``soft_budget``, which stops nothing, LiteLLM links a key to a
    row that it makes itself (1.72 to 1.105).
    """
    declares_row = change.desired is not None and "budget_id" in change.desired.declared
    return bool((declares_row and _after(change, "budget_id")) or _after(change, "budget_limits"))


def _is_endless(change: Change) -> bool:
    declared = change.desired.declared if change.desired is not None else {}
    if any(isinstance(declared.get(path), Sensitive | Sealed) for path in ("duration", "expires_at")):
        return False
    expiry = expiry_of(declared)
    if expiry is None:
        return change.live is None or change.live.expires_at is None
    return isinstance(expiry, Never)


def _may_use_all_models(change: Change) -> bool:
    models = _after(change, "models")
    return models is None or (isinstance(models, list) and (not models or any(name in _ALL_MODELS for name in models)))


def _by_length(period: str) -> tuple[int, str]:
    try:
        return (parse_duration(period), period)
    except ValueError:  # LiteLLM takes more spellings than we do, such as "monthly"; those come last
        return (1 << 62, period)


def exposure_lines(exposure: Exposure, members: Mapping[Alias, Member]) -> tuple[str, ...]:
    """The figures as sentences, the money first; none where there is nothing to say.

    :param members: who is a member of what, so that keys can be named in groups.
    """
    amounts = [] if exposure.total is None else [f"{money(exposure.total)} in all"]
    amounts += [f"{money(amount)} per {period}" for period, amount in exposure.periodic.items()]
    clauses = [f"At most {', plus '.join(amounts)}"] if amounts else []
    for aliases, what in (
        (exposure.unlimited, "without a budget"),
        (exposure.elsewhere, "limited by budget_id or budget_limits"),
        (exposure.not_shown, "with a budget that is not shown"),
    ):
        if aliases:
            clauses.append(f"{counted(len(aliases), 'key')} {what}: {listing(aliases, members)}")
    lines = []
    if clauses:
        said = "; ".join(clauses) + "."
        if exposure.left_out:
            said = f"Not counting the {counted(exposure.left_out, 'key')} left out: {said[0].lower()}{said[1:]}"
        lines.append(said)
    if exposure.endless:
        verb = "expires" if len(exposure.endless) == 1 else "expire"
        lines.append(f"{counted(len(exposure.endless), 'key')} never {verb}: {listing(exposure.endless, members)}.")
    if exposure.all_models:
        lines.append(
            f"{counted(len(exposure.all_models), 'key')} may use all models: {listing(exposure.all_models, members)}."
        )
    return tuple(lines)


def exposure_document(exposure: Exposure) -> dict[str, Json]:
    """The figures as JSON; amounts are numbers of US dollars."""
    return {
        "max_total": None if exposure.total is None else _number(exposure.total),
        "max_per_duration": {period: _number(amount) for period, amount in exposure.periodic.items()},
        "without_budget": [*exposure.unlimited],
        "limited_elsewhere": [*exposure.elsewhere],
        "budget_not_shown": [*exposure.not_shown],
        "never_expires": [*exposure.endless],
        "all_models": [*exposure.all_models],
    }


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)
