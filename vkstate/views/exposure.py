"""What the desired keys may cost at most, and which of them nothing bounds. Pure figures, then their sentences.

A key's ``max_budget`` is a total, or with ``budget_duration`` an amount for each such period (``/key/generate``,
LiteLLM 1.72 to 1.105). In US dollars. A retired key that still has time is not desired any more, and may spend all the
same: what is left of its budget is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from vkstate.attributes import EXPIRY_PATHS, UNSET, Json, Sealed, Sensitive, Unset, Value
from vkstate.expiry import Never, expiry_of, parse_duration
from vkstate.keys import Alias, LiveKey, Member, RecordedKey
from vkstate.plan import Action, Change, Plan, Reason
from vkstate.views.grouping import listing
from vkstate.views.words import counted, money, verb

_ALL_MODELS = frozenset({"all-proxy-models", "*"})
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Budgets:
    """How much keys may spend, and which of them have no figure of their own.

    ``total`` is None where no key has a budget for all of its life. ``limited`` are those that ``total`` and
    ``periodic`` are of; ``elsewhere`` those without ``max_budget`` that ``budget_id`` or ``budget_limits`` bound;
    ``unlimited`` those that nothing of their own bounds; ``not_shown`` those whose budget is sensitive.
    """

    total: Decimal | None = None
    periodic: Mapping[str, Decimal] = field(default_factory=dict)
    limited: tuple[Alias, ...] = ()
    unlimited: tuple[Alias, ...] = ()
    elsewhere: tuple[Alias, ...] = ()
    not_shown: tuple[Alias, ...] = ()

    @property
    def aliases(self) -> tuple[Alias, ...]:
        return (*self.limited, *self.unlimited, *self.elsewhere, *self.not_shown)


@dataclass(frozen=True)
class Exposure:
    """The figures: ``desired`` of the keys that will be desired, ``retired`` what retired ones have left.

    ``left_out`` counts the keys that a target left out, of which nothing is said, changed or not.
    """

    desired: Budgets = field(default_factory=Budgets)
    retired: Budgets = field(default_factory=Budgets)
    endless: tuple[Alias, ...] = ()
    all_models: tuple[Alias, ...] = ()
    left_out: int = 0


@dataclass(frozen=True)
class _Limit:
    """What bounds one key: its budget and period, where they have a figure."""

    alias: Alias
    budget: Value | None
    period: Value | None
    elsewhere: bool
    spent: float = 0.0


def exposure_of(plan: Plan) -> Exposure:
    """The figures of every key that will be there once the plan is applied, changed or not."""
    changes = [change for change in plan.changes if _is_desired(change)]
    told = {change.retires.alias for change in plan.changes if change.retires is not None}
    own = (change for change in plan.changes if change.alias not in told)  # of the others their replacement tells
    retired = [limit for change in own if (limit := _retired_limit(change)) is not None]
    return Exposure(
        desired=_budgets(_limit(change) for change in changes),
        retired=_budgets(retired),
        endless=tuple(change.alias for change in changes if _is_endless(change)),
        all_models=tuple(change.alias for change in changes if _may_use_all_models(change)),
        left_out=len(plan.left_out) + plan.passed_over,
    )


def _is_desired(change: Change) -> bool:
    """Whether the config asks for a key that will be there: not for one that is missing and left so, nor for a retired
    one, which the planner desires as it is.
    """
    retired = change.recorded is not None and change.recorded.retired is not None
    gone = change.action in {Action.DELETE, Action.FORGET} or change.reason is Reason.LEFT_MISSING
    return change.desired is not None and not retired and not gone


def _limit(change: Change) -> _Limit:
    budget, period = _after(change, "max_budget"), _after(change, "budget_duration")
    return _Limit(change.alias, budget, period, _is_bounded_elsewhere(change))


def _retired_limit(change: Change) -> _Limit | None:
    """What bounds the retired key that a change leaves on the proxy: its own, or the one that it replaces."""
    record = change.recorded
    if change.action is Action.REPLACE:
        record = change.retires
        stays = record is not None and record.retired is not None and record.retired.delete_after is not None
    else:
        stays = record is not None and record.retired is not None and change.action in {Action.NO_OP, Action.UPDATE}
    if not stays or record is None or change.live is None:
        return None
    budget, period = (_standing(record, change.live, path) for path in ("max_budget", "budget_duration"))
    bounded = "budget_id" in record.applied or bool(change.live.attributes.get("budget_limits"))
    return _Limit(record.alias, budget, period, bounded, change.live.spend)


def _standing(record: RecordedKey, live: LiveKey, path: str) -> Value:
    """What stands on the proxy, unless it was recorded as sensitive."""
    applied = record.applied.get(path)
    return applied if isinstance(applied, Sealed) else live.attributes.get(path)


def _budgets(limits: Iterable[_Limit]) -> Budgets:
    totals: list[Decimal] = []
    periodic: dict[str, Decimal] = {}
    limited: list[Alias] = []
    others: dict[str, list[Alias]] = {"unlimited": [], "elsewhere": [], "not_shown": []}
    for limit in limits:
        budget, period = limit.budget, limit.period
        if isinstance(budget, Sensitive | Sealed) or isinstance(period, Sensitive | Sealed):
            others["not_shown"].append(limit.alias)
        elif isinstance(budget, bool) or not isinstance(budget, int | float):
            others["elsewhere" if limit.elsewhere else "unlimited"].append(limit.alias)
        else:
            limited.append(limit.alias)
            if isinstance(period, str):
                periodic[period] = periodic.get(period, Decimal()) + Decimal(str(budget))
            else:
                totals.append(max(Decimal(), Decimal(str(budget)) - Decimal(str(limit.spent))))
    return Budgets(
        total=sum(totals, Decimal()) if totals else None,
        periodic={period: periodic[period] for period in sorted(periodic, key=_by_length)},
        limited=tuple(limited),
        unlimited=tuple(others["unlimited"]),
        elsewhere=tuple(others["elsewhere"]),
        not_shown=tuple(others["not_shown"]),
    )


def _after(change: Change, path: str) -> Value | None:
    """An attribute's value once the change is applied; None where there is none.

    A value that the proxy forces wins; then what this change sets or clears; then what is declared, unless it is
    ignored; then what stands on the proxy. A new key has nothing of the old one's: it gets what is declared.
    """
    if change.recorded is not None and path in change.recorded.server_defaults:
        return change.recorded.server_defaults[path]
    live = _goes_on(change)
    for diff in change.diffs if live is not None else ():
        if diff.path == path:
            return None if isinstance(diff.after, Unset) else diff.after
    ignored = change.desired is not None and path in change.desired.ignore_changes and live is not None
    declared = change.desired.declared.get(path, UNSET) if change.desired is not None and not ignored else UNSET
    if not isinstance(declared, Unset):
        return declared
    return live.attributes.get(path) if live is not None else None


def _goes_on(change: Change) -> LiveKey | None:
    """The live key that is still there under the alias once the change is applied."""
    return change.live if change.action is not Action.REPLACE else None


def _is_bounded_elsewhere(change: Change) -> bool:
    """Whether a budget row or ``budget_limits`` bounds the key.

    A ``budget_id`` counts where it is declared only: for ``soft_budget``, which stops nothing, LiteLLM links a key to a
    row that it makes itself (1.72 to 1.105).
    """
    declares_row = change.desired is not None and "budget_id" in change.desired.declared
    return bool((declares_row and _after(change, "budget_id")) or _after(change, "budget_limits"))


def _is_endless(change: Change) -> bool:
    desired, live = change.desired, _goes_on(change)
    declared: Mapping[str, Value] = desired.declared if desired is not None else {}
    if any(isinstance(declared.get(path), Sensitive | Sealed) for path in EXPIRY_PATHS):
        return False
    expiry = expiry_of(declared)
    ignored = desired is not None and not EXPIRY_PATHS.isdisjoint(desired.ignore_changes) and live is not None
    if expiry is None or ignored:
        return live is None or live.expires_at is None
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
    desired = exposure.desired
    amounts = _amounts(desired, " in all")
    clauses = [f"At most {amounts}"] if amounts else []
    rest = _rest(desired)
    clauses += [f"{counted(len(aliases), 'key')} {what}: {listing(aliases, members)}" for aliases, what in rest]
    lines = []
    if clauses:
        said = "; ".join(clauses) + "."
        if exposure.left_out:
            said = f"Not counting {counted(exposure.left_out, 'other key')}: {said[0].lower()}{said[1:]}"
        lines.append(said)
    lines += _retired_lines(exposure.retired, members)
    if exposure.endless:
        expires = verb(len(exposure.endless), "expires", "expire")
        lines.append(f"{counted(len(exposure.endless), 'key')} never {expires}: {listing(exposure.endless, members)}.")
    if exposure.all_models:
        lines.append(
            f"{counted(len(exposure.all_models), 'key')} may use all models: {listing(exposure.all_models, members)}."
        )
    return tuple(lines)


def _amounts(budgets: Budgets, in_all: str = "") -> str:
    """``$1,250.00 in all, plus $100.00 per 30d``; empty where there is no figure."""
    amounts = [] if budgets.total is None else [f"{money(budgets.total)}{in_all}"]
    return ", plus ".join([*amounts, *(f"{money(amount)} per {period}" for period, amount in budgets.periodic.items())])


def _rest(budgets: Budgets) -> list[tuple[tuple[Alias, ...], str]]:
    """The keys without a figure, with what is to be said of them."""
    groups = (
        (budgets.unlimited, "without a budget"),
        (budgets.elsewhere, "limited by budget_id or budget_limits"),
        (budgets.not_shown, "with a budget that is not shown"),
    )
    return [(aliases, what) for aliases, what in groups if aliases]


def _retired_lines(retired: Budgets, members: Mapping[Alias, Member]) -> list[str]:
    lines = []
    if retired.limited:
        total = None if retired.total is None else retired.total.quantize(_CENT, ROUND_CEILING)
        amounts = _amounts(Budgets(total=total, periodic=retired.periodic))
        keys, names = counted(len(retired.limited), "retired key"), listing(retired.limited, members)
        lines.append(f"{keys} may still spend at most {amounts}: {names}.")
    lines += [
        f"{counted(len(aliases), 'retired key')} {what} may still spend: {listing(aliases, members)}."
        for aliases, what in _rest(retired)
    ]
    return lines


def exposure_document(exposure: Exposure) -> dict[str, Json]:
    """The figures as JSON; amounts are numbers of US dollars."""
    return {
        **_budgets_document(exposure.desired),
        "never_expires": [*exposure.endless],
        "all_models": [*exposure.all_models],
        "retired": {"keys": [*exposure.retired.aliases], **_budgets_document(exposure.retired)},
    }


def _budgets_document(budgets: Budgets) -> dict[str, Json]:
    return {
        "max_total": None if budgets.total is None else _number(budgets.total),
        "max_per_duration": {period: _number(amount) for period, amount in budgets.periodic.items()},
        "without_budget": [*budgets.unlimited],
        "limited_elsewhere": [*budgets.elsewhere],
        "budget_not_shown": [*budgets.not_shown],
    }


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)
