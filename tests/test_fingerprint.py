"""The fingerprint of a plan: unmoved by what changes by itself, moved by everything that would be done otherwise."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import (
    FOREIGN_LINEAGE,
    LINEAGE,
    NOW,
    desired,
    live,
    participant,
    pending,
    planned,
    recorded,
    token_of,
)
from vkstate.attributes import UNSET, Json, Sealed, Sensitive, Value
from vkstate.fingerprint import Entry, differences_between, entries, fingerprint
from vkstate.keys import (
    Alias,
    Capabilities,
    DesiredKey,
    Live,
    LiveKey,
    Recorded,
    RecordedKey,
    Retired,
    Status,
    retired_alias,
)
from vkstate.options import Options
from vkstate.plan import Action, AttributeDiff, Cause, Caution, Change, Plan, Problem, Reason
from vkstate.planner import plan as make_plan

PROXY = "https://litellm.example.com"
LATER = NOW + timedelta(days=400)
GRACE = timedelta(days=1)


def plan_of(*changes: Change, lineage: str = LINEAGE) -> Plan:
    return Plan(lineage, changes)


def retires(alias: str, ends: datetime | None = LATER) -> RecordedKey:
    aside = retired_alias(Alias(alias), token_of(alias))
    return replace(recorded(alias), alias=aside, retired=Retired(Alias(alias), ends))


CREATE = Change(Alias("key"), Action.CREATE, Reason.NEW, desired("key"))
UPDATE = Change(
    Alias("key"),
    Action.UPDATE,
    Reason.DIFFERS,
    desired("key"),
    recorded("key"),
    live("key"),
    (AttributeDiff("max_budget", 50, 60, Cause.CONFIG), AttributeDiff("rpm_limit", 5, UNSET, Cause.CONFIG)),
)
REPLACE = Change(
    Alias("key"),
    Action.REPLACE,
    Reason.REPLACED,
    desired("key"),
    recorded("key"),
    live("key"),
    UPDATE.diffs,
    retires=retires("key"),
)
DELETE = Change(Alias("key"), Action.DELETE, Reason.NOT_DESIRED, recorded=recorded("key"), live=live("key"))
FORGET = Change(Alias("key"), Action.FORGET, Reason.GONE, recorded=recorded("key"))
RELEASE = replace(FORGET, reason=Reason.RELEASED, live=live("key"))
LEFT = replace(FORGET, reason=Reason.LEFT_MISSING, becomes=replace(recorded("key"), status=Status.GONE))
ADOPT = Change(Alias("key"), Action.ADOPT, Reason.IMPORTED, desired("key"), live=live("key", lineage=None))
MOVE = replace(UPDATE, alias=Alias("new"), desired=desired("new"), reason=Reason.MOVED, diffs=())
SUCCESSOR = Change(
    Alias("key"),
    Action.UPDATE,
    Reason.MOVED,
    recorded=retires("key"),
    live=live("key"),
    becomes=replace(retires("key"), retired=Retired(Alias("new"), LATER)),
)
EVERY = [CREATE, UPDATE, REPLACE, DELETE, FORGET, RELEASE, LEFT, ADOPT, MOVE, SUCCESSOR]


def test_the_formula_is_the_documented_one() -> None:
    secret = Sensitive("hunter2")
    create = Change(
        Alias("b"),
        Action.CREATE,
        Reason.NEW,
        desired("b", {"models": ["gpt-4"], "tags": secret}, member=participant(1), prevent_destroy=True),
    )
    update = replace(UPDATE, alias=Alias("a"), recorded=replace(recorded("a"), token=token_of("key")))
    sealed = "sha256:" + hashlib.sha256(f'{LINEAGE}\0"hunter2"'.encode()).hexdigest()
    document: Json = [
        PROXY,
        LINEAGE,
        [
            ["a", "update", token_of("key"), {"max_budget": {"before": 50, "after": 60}, "rpm_limit": {"before": 5}}],
            [
                "b",
                "create",
                None,
                {
                    "models": {"after": ["gpt-4"]},
                    "tags": {"after": {"$sealed": sealed}},
                    "workshop": {"after": "w/user1"},
                    "lifecycle.prevent_destroy": {"after": True},
                },
            ],
        ],
    ]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert fingerprint(plan_of(update, create), PROXY) == hashlib.sha256(text.encode()).hexdigest()


@st.composite
def noisy(draw: st.DrawFn, change: Change) -> Change:
    """The same change, decided at another time, for another reason, of keys that have been used since."""
    instants = st.sampled_from([None, NOW, LATER])
    row, record, aside = change.live, change.recorded, change.retires
    if row is not None:
        row = replace(
            row, spend=draw(st.floats(0, 1e6)), last_active=draw(instants), metadata={"other": draw(st.integers())}
        )
    if record is not None:
        record = replace(
            record, created_at=draw(instants), expires_at=draw(instants), server_defaults={"x": draw(st.integers())}
        )
    if aside is not None and aside.retired is not None and aside.retired.delete_after is not None:
        aside = replace(aside, retired=replace(aside.retired, delete_after=draw(st.sampled_from([NOW, LATER]))))
    want = change.desired
    if want is not None:
        want = replace(want, place=draw(st.text()), details={"seat": draw(st.text())})
    diffs = tuple(
        replace(diff, cause=draw(st.sampled_from(Cause)), already_live=draw(st.booleans())) for diff in change.diffs
    )
    reason = draw(st.sampled_from(Reason))
    return replace(change, reason=reason, live=row, recorded=record, retires=aside, desired=want, diffs=diffs)


@given(st.data())
def test_what_changes_by_itself_is_not_in_it(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(EVERY), max_size=4))
    changes = [replace(change, alias=Alias(f"{change.alias}{number}")) for number, change in enumerate(chosen)]
    again = data.draw(st.permutations([data.draw(noisy(change)) for change in changes]))
    quiet = Change(Alias("quiet"), Action.NO_OP, Reason.MATCHES, desired("quiet"), recorded("quiet"), live("quiet"))
    plan = Plan(
        LINEAGE,
        (*again, quiet),
        warnings=(Caution(data.draw(st.text())),),
        unmanaged=data.draw(st.integers(0, 9)),
        left_out=(Alias("other"),),
    )
    assert fingerprint(plan, PROXY) == fingerprint(plan_of(*changes), PROXY)
    assert entries(plan) == entries(plan_of(*changes))


def with_desired(change: Change, **fields: object) -> Change:
    assert change.desired is not None
    return replace(change, desired=replace(change.desired, **fields))  # type: ignore[arg-type]  # fields by name


def with_diff(change: Change, **fields: object) -> Change:
    first, *rest = change.diffs
    return replace(change, diffs=(replace(first, **fields), *rest))  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (CREATE, replace(CREATE, alias=Alias("other"))),
        (CREATE, with_desired(CREATE, declared={**desired("key").declared, "max_budget": 51})),
        (CREATE, with_desired(CREATE, declared={"models": ["gpt-4"]})),
        (CREATE, with_desired(CREATE, declared={**desired("key").declared, "max_budget": "50"})),
        (CREATE, with_desired(CREATE, declared={**desired("key").declared, "max_budget": True})),
        (CREATE, with_desired(CREATE, member=participant(1))),
        (with_desired(CREATE, member=participant(1)), with_desired(CREATE, member=participant(2))),
        (with_desired(CREATE, member=participant(1)), with_desired(CREATE, member=participant(1, "v"))),
        (CREATE, with_desired(CREATE, prevent_destroy=True)),
        (
            with_desired(CREATE, prevent_destroy=None),
            replace(with_desired(CREATE, prevent_destroy=None), recorded=recorded("key", prevent_destroy=True)),
        ),
        (CREATE, replace(CREATE, recorded=recorded("key"))),
        (replace(CREATE, recorded=recorded("key")), replace(CREATE, recorded=recorded("key", name="another"))),
        (UPDATE, with_diff(UPDATE, after=61)),
        (UPDATE, with_diff(UPDATE, before=49)),
        (UPDATE, with_diff(UPDATE, before=UNSET)),
        (UPDATE, with_diff(UPDATE, after=None)),
        (UPDATE, with_diff(UPDATE, path="soft_budget")),
        (UPDATE, replace(UPDATE, diffs=UPDATE.diffs[:1])),
        (UPDATE, replace(UPDATE, live=live("key", name="another"))),
        (UPDATE, replace(UPDATE, recorded=replace(recorded("key"), alias=Alias("old")))),
        (REPLACE, replace(REPLACE, retires=retires("key", None))),
        (REPLACE, with_desired(REPLACE, declared={"models": ["gpt-4"]})),
        (REPLACE, replace(REPLACE, live=live("key", name="another"))),
        (DELETE, replace(DELETE, live=live("key", name="another"))),
        (DELETE, FORGET),
        (FORGET, RELEASE),
        (FORGET, LEFT),
        (FORGET, replace(FORGET, recorded=recorded("key", name="another"))),
        (ADOPT, replace(ADOPT, live=live("key", name="another"))),
        (ADOPT, replace(ADOPT, diffs=UPDATE.diffs)),
        (ADOPT, with_desired(ADOPT, member=participant(1))),
        (ADOPT, with_desired(ADOPT, prevent_destroy=True)),
        (MOVE, replace(MOVE, recorded=replace(recorded("key"), alias=Alias("older")))),
        (SUCCESSOR, replace(SUCCESSOR, becomes=replace(retires("key"), retired=Retired(Alias("newer"), LATER)))),
    ],
)
def test_whatever_would_be_done_otherwise_is_in_it(one: Change, other: Change) -> None:
    assert fingerprint(plan_of(one), PROXY) != fingerprint(plan_of(other), PROXY)
    assert entries(plan_of(one)) != entries(plan_of(other))


def test_every_action_is_another_plan() -> None:
    actions = [action for action in Action if action is not Action.NO_OP]
    prints = {fingerprint(plan_of(replace(UPDATE, action=action, diffs=())), PROXY) for action in actions}
    assert len(prints) == len(actions)


def test_the_proxy_and_the_lineage_are_in_it() -> None:
    here = fingerprint(plan_of(DELETE), PROXY)
    assert fingerprint(plan_of(DELETE, lineage=FOREIGN_LINEAGE), PROXY) != here
    assert fingerprint(plan_of(DELETE), "https://other.example.com") != here
    assert fingerprint(plan_of(DELETE), "HTTPS://litellm.example.com:443/") == here


def test_sensitive_values_count_by_their_digest_and_are_not_told() -> None:
    def create(value: Value) -> Plan:
        return plan_of(with_desired(CREATE, declared={"metadata.logging": value}))

    plans = [create(value) for value in (Sensitive("one"), Sensitive("two"), Sensitive({"one": 1}), "one")]
    assert len({fingerprint(plan, PROXY) for plan in plans}) == 4
    assert len({entries(plan)[Alias("key")].digest for plan in plans}) == 4
    assert [entries(plan)[Alias("key")].values for plan in plans[:3]] == [
        {"metadata.logging": {"after": {"$sensitive": True}}}
    ] * 3
    sealed = Sealed("sha256:" + hashlib.sha256(f'{LINEAGE}\0"one"'.encode()).hexdigest())
    assert fingerprint(create(sealed), PROXY) == fingerprint(plans[0], PROXY)


def test_problems_do_not_count() -> None:
    plan = replace(plan_of(DELETE), problems=(Problem("No.", "mend it"),))
    assert fingerprint(plan, PROXY) == fingerprint(plan_of(DELETE), PROXY)


def made(
    wanted: list[DesiredKey], records: list[RecordedKey], rows: list[LiveKey], now: datetime, options: Options
) -> Plan:
    return make_plan(
        {key.alias: key for key in wanted},
        Recorded(LINEAGE, {key.alias: key for key in records}),
        Live(tuple(rows), len(rows)),
        Capabilities(),
        now,
        options,
    )


@given(st.randoms(use_true_random=False))
def test_a_plan_that_is_made_later_and_in_another_order_is_the_same(dice: random.Random) -> None:
    wanted = [desired("new", max_budget=7), desired("changed", max_budget=60), desired("renewed"), desired("rotated")]
    records = [recorded(alias) for alias in ("changed", "renewed", "rotated", "gone", "leaving")]
    rows = [live(alias) for alias in ("changed", "renewed", "rotated", "leaving")]
    options = Options(replace=("rotated",), grace=GRACE, renew=("renewed",))
    first = made(wanted, records, rows, NOW, options)
    rows = [replace(row, spend=row.spend + 1, last_active=NOW) for row in rows]
    for things in (wanted, records, rows):
        dice.shuffle(things)
    second = made(wanted, records, rows, NOW + timedelta(hours=5), options)
    assert first != second
    assert [change.action for change in first.effective] == [
        Action.UPDATE,
        Action.FORGET,
        Action.DELETE,
        Action.CREATE,
        Action.UPDATE,
        Action.REPLACE,
    ]
    assert fingerprint(first, PROXY) == fingerprint(second, PROXY)


def test_a_run_that_was_stopped_before_it_sent_anything_leaves_the_same_plan() -> None:
    wanted = [desired("a"), desired("b")]
    before = planned(wanted)
    after = planned(wanted, [pending("a"), pending("b", token=token_of("minted"))])
    assert [change.reason for change in after.effective] == [Reason.NEVER_SENT, Reason.NEVER_SENT]
    assert fingerprint(before, PROXY) == fingerprint(after, PROXY)


def test_a_replacement_that_was_stopped_before_it_sent_anything_is_the_same() -> None:
    options = Options(replace=("key",), grace=GRACE)
    before = made([desired("key")], [recorded("key")], [live("key")], NOW, options)
    [change] = before.effective
    assert change.retires is not None
    records = [pending("key", token=token_of("minted")), change.retires]
    after = made([desired("key")], records, [live("key")], NOW, options)
    assert [(change.action, change.reason) for change in after.effective] == [(Action.REPLACE, Reason.INTERRUPTED)]
    assert fingerprint(before, PROXY) == fingerprint(after, PROXY)


def changed(alias: str, *changes: Change) -> dict[Alias, Entry]:
    return dict(entries(plan_of(*(replace(change, alias=Alias(alias)) for change in changes))))


def difference(then: Change | None, now: Change | None, alias: str = "key") -> list[str]:
    """The sentences about one key."""
    saved, would = (changed(alias, *([change] if change else [])) for change in (then, now))
    return list(differences_between(saved, would))


@pytest.mark.parametrize("change", EVERY)
def test_a_plan_does_not_differ_from_itself(change: Change) -> None:
    assert difference(change, change) == []


@pytest.mark.parametrize(
    ("then", "now", "sentence"),
    [
        (None, CREATE, "key would now be created; the saved plan leaves it alone."),
        (CREATE, None, "key would now be left alone; the saved plan creates it."),
        (
            CREATE,
            with_diff(UPDATE, path="soft_budget"),
            "key would now be updated: rpm_limit 5 → -, soft_budget 50 → 60; the saved plan creates it.",
        ),
        (UPDATE, REPLACE, "key would now be replaced; the saved plan updates it."),
        (CREATE, ADOPT, "key would now be adopted; the saved plan creates it."),
        (DELETE, FORGET, "key would now be forgotten; the saved plan deletes it."),
        (FORGET, DELETE, "key would now be deleted; the saved plan forgets it."),
        (REPLACE, None, "key would now be left alone; the saved plan replaces it."),
        (ADOPT, None, "key would now be left alone; the saved plan adopts it."),
        (
            UPDATE,
            with_diff(UPDATE, before=70),
            "key would still be updated, but not as in the saved plan: max_budget 70 → 60 instead of 50 → 60.",
        ),
        (
            UPDATE,
            replace(UPDATE, diffs=UPDATE.diffs[1:]),
            "key would still be updated, but not as in the saved plan: max_budget unchanged instead of 50 → 60.",
        ),
        (
            CREATE,
            with_desired(CREATE, declared={**desired("key").declared, "max_budget": 60, "rpm_limit": None}),
            (
                "key would still be created, but not as in the saved plan: max_budget 60 instead of 50, "
                "rpm_limit (none) instead of -."
            ),
        ),
        (
            DELETE,
            replace(DELETE, live=live("key", name="another")),
            "key would still be deleted, but not as in the saved plan: it is another key by now.",
        ),
        (
            FORGET,
            RELEASE,
            (
                'key would still be forgotten, but not as in the saved plan: metadata.vkstate "our mark" → - '
                "instead of -."
            ),
        ),
        (
            with_desired(CREATE, declared={"tags": Sensitive("a")}),
            with_desired(CREATE, declared={"tags": Sensitive("b")}),
            "key would still be created, but not as in the saved plan: a value that is not shown is another.",
        ),
        (
            with_desired(CREATE, declared={"tags": ["a"]}),
            with_desired(CREATE, declared={"tags": Sensitive("b")}),
            'key would still be created, but not as in the saved plan: tags (sensitive) instead of ["a"].',
        ),
    ],
)
def test_where_two_plans_differ(then: Change | None, now: Change | None, sentence: str) -> None:
    assert difference(then, now) == [sentence]


def test_much_is_said_in_short() -> None:
    diffs = tuple(AttributeDiff(f"metadata.{number}", "x" * 100, 2, Cause.CONFIG) for number in range(6))
    [sentence] = difference(None, replace(UPDATE, diffs=diffs))
    before = '"' + "x" * 58 + "…"
    told = ", ".join(f"metadata.{number} {before} → 2" for number in range(4))
    assert sentence == f"key would now be updated: {told} and 2 more; the saved plan leaves it alone."


def test_keys_that_differ_alike_share_a_sentence() -> None:
    users = [f"ws-user{number}" for number in (10, 9, 1, 2, 3)]
    saved = {**changed("zeta", DELETE)}
    now = {alias: entry for user in users for alias, entry in changed(user, CREATE).items()}
    now |= changed("zeta", replace(DELETE, live=live("zeta", name="another")))
    now |= changed("eta", replace(DELETE, live=live("eta", name="another")))
    saved |= changed("eta", DELETE)
    assert differences_between(saved, now) == (
        "eta, zeta would still be deleted, but not as in the saved plan: they are other keys by now.",
        "ws-user1, ws-user2, ws-user3 and 2 more would now be created; the saved plan leaves them alone.",
    )


def test_names_and_values_are_fit_to_be_printed() -> None:
    hostile = "evil\x1b[31m\n\u202e"
    diffs = (AttributeDiff(f"metadata.{hostile}", hostile, [hostile], Cause.CONFIG),)
    [sentence] = difference(None, replace(UPDATE, diffs=diffs), hostile)
    assert sentence.isprintable()


@given(st.sampled_from([None, *EVERY]), st.sampled_from([None, *EVERY]))
def test_two_plans_differ_in_their_fingerprints_where_they_differ_in_a_sentence(
    then: Change | None, now: Change | None
) -> None:
    plans = [plan_of(*([replace(change, alias=Alias("key"))] if change else [])) for change in (then, now)]
    same = fingerprint(plans[0], PROXY) == fingerprint(plans[1], PROXY)
    assert same == (differences_between(entries(plans[0]), entries(plans[1])) == ())
