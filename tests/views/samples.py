"""Plans, keys and outcomes built by hand, as the planner and the executor would make them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from vkstate.attributes import UNSET, Json, Sealed, Unset, Value
from vkstate.keys import (
    Alias,
    DesiredKey,
    KeyValue,
    LiveKey,
    Member,
    Origin,
    RecordedKey,
    Retired,
    Stamp,
    Status,
    Token,
    natural_order,
    retired_alias,
)
from vkstate.plan import Action, AttributeDiff, Cause, Caution, Change, Plan, Problem, Reason
from vkstate.views.handouts import Handout, HandoutKey

PROXY = "https://litellm.example.com"
LINEAGE = "5f2b7c0a-9d3e-4a61-8f10-2c4d6e8a0b1c"
WORKSHOP = "ai-workshop-2024"
NOW = datetime(2026, 11, 28, 17, 0, tzinfo=UTC)
CREATED = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)
ENDS = datetime(2026, 12, 1, 16, 0, tzinfo=UTC)
GRACE_ENDS = datetime(2026, 11, 29, 17, 0, tzinfo=UTC)
SEALED = Sealed("sha256:" + "ab" * 32)


def value_of(alias: str) -> KeyValue:
    return KeyValue("sk-" + hashlib.sha256(alias.encode()).hexdigest()[:32])


def token_of(alias: str) -> Token:
    return value_of(alias).token


def desired(
    alias: str, declared: Mapping[str, Value], member: Member | None = None, *, prevent_destroy: bool = False
) -> DesiredKey:
    return DesiredKey(Alias(alias), declared, "vkstate.yaml:12:3", member, prevent_destroy)


def recorded(
    alias: str,
    applied: Mapping[str, Value],
    member: Member | None = None,
    *,
    prevent_destroy: bool = False,
    status: Status = Status.READY,
) -> RecordedKey:
    return RecordedKey(
        Alias(alias),
        status,
        "0123456789abcdef",
        token_of(alias),
        Origin.CREATED,
        applied,
        member,
        created_at=CREATED,
        expires_at=ENDS,
        prevent_destroy=prevent_destroy,
        pending_since=NOW if status is Status.PENDING else None,
    )


def live(alias: str, attributes: Mapping[str, Json], member: Member | None = None, *, spend: float = 0.0) -> LiveKey:
    return LiveKey(
        token_of(alias),
        alias,
        attributes,
        {},
        Stamp(LINEAGE, "0123456789abcdef", member),
        CREATED,
        ENDS,
        spend,
        created_by="default_user_id",
        last_active=NOW,
    )


def participant(number: int, workshop: str = WORKSHOP) -> Member:
    return Member(workshop, f"participant{number}", number)


def member_declared(member: Member) -> dict[str, Value]:
    return {
        "user_id": f"{member.user}@workshop.example.com",
        "models": ["gpt-4"],
        "max_budget": 50,
        "duration": "3d",
    }


def create(member: Member, **other: Value) -> Change:
    alias = f"{member.workshop}-{member.user}"
    return Change(Alias(alias), Action.CREATE, Reason.NEW, desired(alias, {**member_declared(member), **other}, member))


def delete(member: Member) -> Change:
    alias = f"{member.workshop}-{member.user}"
    declared = member_declared(member)
    return Change(
        Alias(alias),
        Action.DELETE,
        Reason.NOT_DESIRED,
        recorded=recorded(alias, declared, member),
        live=live(alias, {"max_budget": 50}, member, spend=1.5),
    )


def update(alias: str, *diffs: AttributeDiff, member: Member | None = None, **declared: Value) -> Change:
    whole: dict[str, Value] = {"user_id": alias, "models": ["gpt-4"], "duration": "30d", **declared}
    return Change(
        Alias(alias),
        Action.UPDATE,
        Reason.DIFFERS,
        desired(alias, whole, member),
        recorded(alias, whole, member),
        live(alias, {}, member),
        diffs,
    )


def diff(
    path: str,
    before: Value | Unset,
    after: Value | Unset,
    cause: Cause = Cause.CONFIG,
    *,
    already_live: bool = False,
) -> AttributeDiff:
    return AttributeDiff(path, before, after, cause, already_live)


def unchanged(alias: str, reason: Reason = Reason.MATCHES, **declared: Value) -> Change:
    whole: dict[str, Value] = {"models": ["gpt-4"], "duration": "30d", **declared}
    return Change(
        Alias(alias),
        Action.NO_OP,
        reason,
        desired(alias, whole),
        recorded(alias, whole),
        live(alias, {}),
    )


def moved(
    old: str, new: str, *diffs: AttributeDiff, before: Member | None = None, after: Member | None = None
) -> Change:
    """A key that goes on under another alias; ``diffs`` come with the move."""
    declared: dict[str, Value] = {"models": ["gpt-4"], "max_budget": 50, "duration": "30d"}
    return Change(
        Alias(new),
        Action.UPDATE,
        Reason.MOVED,
        desired(new, declared, after),
        recorded(old, declared, before),
        live(old, {}, before),
        (diff("key_alias", old, new, Cause.MOVED), *diffs),
    )


def retiring(
    alias: str, ends: datetime | None = GRACE_ENDS, member: Member | None = None, **applied: Value
) -> RecordedKey:
    """The record of the old key of an alias, once another has taken its place."""
    old = recorded(alias, applied, member)
    return replace(old, alias=retired_alias(Alias(alias), token_of(alias)), retired=Retired(Alias(alias), ends))


def replaced(
    alias: str,
    *diffs: AttributeDiff,
    ends: datetime | None = None,
    member: Member | None = None,
    spend: float = 0.0,
    **declared: Value,
) -> Change:
    """A key that gets a new value."""
    whole: dict[str, Value] = {"models": ["gpt-4"], "max_budget": 50, "duration": "30d", **declared}
    return Change(
        Alias(alias),
        Action.REPLACE,
        Reason.REPLACED,
        desired(alias, whole, member),
        recorded(alias, whole, member),
        live(alias, {"max_budget": 50}, member, spend=spend),
        diffs,
        retires=retiring(alias, ends, member),
    )


def still_retired(
    alias: str,
    ends: datetime | None = GRACE_ENDS,
    member: Member | None = None,
    *,
    spend: float = 0.0,
    **live_now: Json,
) -> Change:
    """A retired key that nothing is done about."""
    record = retiring(alias, ends, member)
    row = replace(live(alias, {"max_budget": 50, **live_now}, member, spend=spend), alias=record.alias)
    return Change(record.alias, Action.NO_OP, Reason.RETIRING, recorded=record, live=row)


def over(alias: str, member: Member | None = None) -> Change:
    """A retired key whose time is over."""
    record = retiring(alias, member=member)
    return Change(
        record.alias, Action.DELETE, Reason.RETIRED, recorded=record, live=live(record.alias, {}, member, spend=2.5)
    )


def shut(alias: str) -> Change:
    """A retired key that has time, and whose successor is blocked."""
    return replace(over(alias), reason=Reason.SHUT)


def imported(alias: str, *diffs: AttributeDiff, member: Member | None = None) -> Change:
    """A key that somebody else made, and that is taken over."""
    mark = diff("metadata.vkstate", UNSET, Stamp(LINEAGE, token_of(alias)[:16], member).form())
    return Change(
        Alias(alias),
        Action.ADOPT,
        Reason.IMPORTED,
        desired(alias, {"models": ["gpt-4"], "max_budget": 50, "duration": "30d"}, member),
        live=replace(live(alias, {"max_budget": 20}, member), stamp=None),
        diffs=(*diffs, mark),
    )


def released(alias: str, member: Member | None = None) -> Change:
    """A key that lives on as nobody's."""
    return Change(
        Alias(alias),
        Action.FORGET,
        Reason.RELEASED,
        recorded=recorded(alias, {"models": ["gpt-4"]}, member),
        live=live(alias, {}, member),
    )


def left_missing(alias: str, *, known: bool = False) -> Change:
    """A key that somebody else deleted, and that stays away; ``known`` says that the state knows it already."""
    record = recorded(alias, {"models": ["gpt-4"], "max_budget": 50})
    gone = replace(record, status=Status.GONE)
    want = desired(alias, {"models": ["gpt-4"], "max_budget": 50, "duration": "30d"})
    if known:
        return Change(Alias(alias), Action.NO_OP, Reason.LEFT_MISSING, want, gone)
    return Change(Alias(alias), Action.FORGET, Reason.LEFT_MISSING, want, record, becomes=gone)


def seen(alias: str, *diffs: AttributeDiff, member: Member | None = None, status: Status = Status.READY) -> Change:
    """What a refresh accepts of a key."""
    record = recorded(alias, {"models": ["gpt-4"], "max_budget": 50}, member, status=status)
    return Change(
        Alias(alias), Action.UPDATE, Reason.SEEN, None, record, live(alias, {}, member), diffs, becomes=record
    )


def plan_of(
    *changes: Change,
    problems: Iterable[Problem] = (),
    warnings: Iterable[Caution] = (),
    unmanaged: int = 0,
    left_out: Iterable[str] = (),
) -> Plan:
    return Plan(
        LINEAGE,
        tuple(sorted(changes, key=lambda change: natural_order(change.alias))),
        tuple(problems),
        tuple(warnings),
        unmanaged,
        tuple(Alias(alias) for alias in left_out),
    )


def everything() -> Plan:
    """A plan with every action, drift, a sensitive value and keys of others."""
    project: dict[str, Value] = {
        "user_id": "developer@example.com",
        "models": ["gpt-3.5-turbo", "gpt-4"],
        "duration": "7d",
        "max_budget": 100,
        "budget_duration": "30d",
        "metadata.cost_center": "4711",
        "metadata.logging": SEALED,
    }
    grown = participant(7)
    return plan_of(
        *(create(participant(number)) for number in range(1, 26) if number != 7),
        create(grown, max_budget=100),
        *(delete(Member("old-workshop", name)) for name in ("alice", "bob")),
        Change(Alias("my-dev-project"), Action.CREATE, Reason.MISSING, desired("my-dev-project", project)),
        update(
            "batch-jobs",
            diff("max_budget", 999, 10, Cause.OUTSIDE),
            diff("models", ["gpt-4"], ["gpt-4", "gpt-4o"]),
            diff("rpm_limit", 100, None, already_live=True),
            diff("metadata.logging", SEALED, SEALED),
            max_budget=10,
        ),
        Change(
            Alias("handed-out"),
            Action.REPLACE,
            Reason.DIFFERS,
            desired("handed-out", {"models": ["gpt-4"], "duration": "never"}),
            recorded("handed-out", {"models": ["gpt-4"], "duration": "never"}),
        ),
        Change(
            Alias("half-made"),
            Action.ADOPT,
            Reason.INTERRUPTED,
            desired("half-made", {"models": ["*"], "max_budget": 20, "duration": "30d"}),
            recorded("half-made", {"models": ["*"], "max_budget": 20, "duration": "30d"}, status=Status.PENDING),
            live("half-made", {"models": ["*"], "max_budget": 20}),
        ),
        Change(Alias("reaped"), Action.FORGET, Reason.GONE, recorded=recorded("reaped", {"models": ["gpt-4"]})),
        unchanged("quiet", max_budget=5),
        warnings=[Caution("the proxy no longer serves gpt-3.5-turbo, which ", (Alias("my-dev-project"),), " may use.")],
        unmanaged=3,
    )


def transitions() -> Plan:
    """A plan in which keys move, are replaced, retired, imported, released, renewed and left missing."""
    budget = diff("max_budget", 20, 50, Cause.CONFIG)
    return plan_of(
        *(
            moved(
                f"spring-participant{number}",
                f"autumn-participant{number}",
                diff("workshop", f"spring/participant{number}", f"autumn/participant{number}", Cause.MOVED),
                before=participant(number, "spring"),
                after=participant(number, "autumn"),
            )
            for number in range(1, 4)
        ),
        moved("old-name", "new-name"),
        *(
            replaced(f"{WORKSHOP}-participant{number}", ends=GRACE_ENDS, member=participant(number), spend=number / 4)
            for number in range(1, 4)
        ),
        replaced("leaked", diff("max_budget", 20, 50), spend=1.23),
        *(over(f"{WORKSHOP}-participant{number}", participant(number)) for number in range(8, 10)),
        still_retired("rotated", spend=30.0),
        still_retired("waiting", None),
        *(imported(f"{WORKSHOP}-participant{number}", budget, member=participant(number)) for number in range(5, 8)),
        imported("found"),
        released("handed-over"),
        left_missing("reaped"),
        left_missing("long-reaped", known=True),
        update("expired", diff("duration", "2026-11-01T00:00:00Z", "30d", Cause.RENEWED), max_budget=5),
    )


def accepted() -> Plan:
    """What a refresh would accept."""
    drift = diff("max_budget", 50, 999, Cause.OUTSIDE, already_live=True)
    return plan_of(
        *(seen(f"{WORKSHOP}-participant{number}", drift, member=participant(number)) for number in range(1, 4)),
        seen("batch-jobs", diff("key_alias", "batch-jobs", "batch", Cause.OUTSIDE, already_live=True)),
        seen("arrived", status=Status.PENDING),
        seen("returned", status=Status.GONE),
        Change(Alias("reaped"), Action.FORGET, Reason.GONE, recorded=recorded("reaped", {"models": ["gpt-4"]})),
        unmanaged=2,
    )


def occasions() -> Plan:
    """A plan with a change for every reason that is seldom, and a difference of every cause."""
    declared: dict[str, Value] = {"models": ["gpt-4"], "duration": "30d", "max_budget": 50}
    known, old = recorded("known", declared), retiring("cut-short")

    def change(alias: str, action: Action, reason: Reason, *diffs: AttributeDiff) -> Change:
        """A key that is wanted, recorded and live."""
        wanted = None if action in (Action.DELETE, Action.FORGET) else desired(alias, declared)
        return Change(Alias(alias), action, reason, wanted, recorded(alias, declared), live(alias, {}), diffs)

    def absent(alias: str, action: Action, reason: Reason, status: Status = Status.READY) -> Change:
        """A key that is not on the proxy."""
        wanted = desired(alias, declared) if action is Action.CREATE else None
        return Change(Alias(alias), action, reason, wanted, recorded(alias, declared, status=status))

    return plan_of(
        absent("made-again", Action.CREATE, Reason.NEVER_SENT, Status.PENDING),
        absent("never-made", Action.FORGET, Reason.NEVER_SENT, Status.PENDING),
        absent("may-come", Action.NO_OP, Reason.UNSETTLED, Status.PENDING),
        absent("passed-on", Action.FORGET, Reason.TAKEN_OVER),
        change("late", Action.DELETE, Reason.LOST_RACE),
        replace(change("forgotten", Action.ADOPT, Reason.STATE_BEHIND), recorded=None),
        change("foreign", Action.ADOPT, Reason.TAKEN),
        change("valueless", Action.REPLACE, Reason.INTERRUPTED),
        Change(
            old.alias,
            Action.UPDATE,
            Reason.RETIRING,
            desired(old.alias, declared),
            old,
            live(old.alias, {}),
            (diff("expires_at", "2026-12-01T16:00:00Z", "2026-11-29T17:00:00Z"),),
        ),
        shut("leaked"),
        seen("seen", diff("max_budget", 50, 999, Cause.OUTSIDE, already_live=True)),
        *(
            change(f"of-cause-{number}", Action.UPDATE, Reason.DIFFERS, diff("max_budget", 20, 50, cause))
            for number, cause in enumerate(Cause, start=1)
        ),
        Change(known.alias, Action.NO_OP, Reason.MATCHES, desired("known", declared), known, live("known", {})),
    )


def handout_key(
    alias: str,
    user: str,
    workshop: str | None,
    *,
    known: bool = True,
    details: Mapping[str, str] | None = None,
) -> HandoutKey:
    return HandoutKey(
        alias=alias,
        user=user,
        user_id=f"{user}@workshop.example.com",
        key=value_of(alias) if known else None,
        key_masked=value_of(alias).masked,
        key_id=token_of(alias),
        models=("gpt-3.5-turbo", "gpt-4"),
        duration="3d",
        expires_at=ENDS,
        max_budget=50.0,
        workshop=workshop,
        status="ready",
        details=details or {},
    )


def handout(*keys: HandoutKey) -> Handout:
    return Handout(PROXY, "https://llm.example.com/", keys)
