"""Plans, keys and outcomes built by hand, as the planner and the executor would make them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from vkstate.attributes import Json, Sealed, Unset, Value
from vkstate.keys import (
    Alias,
    DesiredKey,
    KeyValue,
    LiveKey,
    Member,
    Origin,
    RecordedKey,
    Stamp,
    Status,
    Token,
    natural_order,
)
from vkstate.plan import Action, AttributeDiff, Cause, Change, Plan, Problem, Reason
from vkstate.views.handouts import Handout, HandoutKey

PROXY = "https://litellm.example.com"
LINEAGE = "5f2b7c0a-9d3e-4a61-8f10-2c4d6e8a0b1c"
WORKSHOP = "ai-workshop-2024"
NOW = datetime(2026, 11, 28, 17, 0, tzinfo=UTC)
CREATED = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)
ENDS = datetime(2026, 12, 1, 16, 0, tzinfo=UTC)
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


def plan_of(
    *changes: Change,
    problems: Iterable[Problem] = (),
    warnings: Iterable[str] = (),
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
        warnings=["the proxy no longer serves gpt-3.5-turbo, which my-dev-project may use."],
        unmanaged=3,
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
