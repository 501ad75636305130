from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.executor.fuse import fails
from tests.executor.world import World, failing
from tests.factories import (
    EMPTY_ROW,
    NOW,
    SHOWN,
    desired,
    live,
    participant,
    pending,
    planned,
    recorded,
    token_of,
)
from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome
from vkstate.executor.ports import Refused
from vkstate.keys import Alias, DesiredKey, LiveKey, Member, RecordedKey, Retired
from vkstate.options import Options
from vkstate.plan import Action, Plan
from vkstate.views.reissue import reissue_note

DAY = timedelta(days=1)
ENDS = "2026-03-19T12:00:00Z"


def member(number: int, workshop: str = "w") -> Member:
    return participant(number, workshop)


def sides(names: Iterable[str], members: Iterable[Member]) -> tuple[list[DesiredKey], list[RecordedKey], list[LiveKey]]:
    """Single keys and members, all of them applied."""
    people: dict[str, Member | None] = {f"{one.workshop}-{one.user}": one for one in members}
    keys: dict[str, Member | None] = dict.fromkeys(names) | people
    return (
        [desired(alias, member=who) for alias, who in keys.items()],
        [recorded(alias, member=who) for alias, who in keys.items()],
        [live(alias, member=who) for alias, who in keys.items()],
    )


def by_alias(records: Iterable[RecordedKey]) -> dict[Alias, RecordedKey]:
    return {record.alias: record for record in records}


def outcome_of(plan: Plan) -> Outcome:
    assert plan.problems == ()
    return Outcome(tuple(Applied(change) for change in plan.effective))


def working_on(plan: Plan) -> dict[Alias, RecordedKey]:
    """The records of the old keys that have time."""
    old = (change.retires for change in plan.effective if change.retires)
    return by_alias(record for record in old if record.retired and record.retired.delete_after)


def note(
    targets: Sequence[str],
    names: Iterable[str] = (),
    members: Iterable[Member] = (),
    *,
    grace: timedelta | None = None,
    file: str | None = None,
) -> str | None:
    wanted, have, rows = sides(names, members)
    plan = planned(wanted, have, rows, options=Options(replace=tuple(targets), grace=grace))
    return reissue_note(outcome_of(plan), by_alias(have), working_on(plan), file=file)


def test_one_key() -> None:
    assert note(["one"], ["one", "two"]) == (
        "note: 1 key has a new value. The old one works no longer. Hand the new one out: vkstate output one --out FILE"
    )


def test_until_when_the_old_one_works() -> None:
    assert note(["one", "workshop:w"], ["one"], [member(1), member(2)], grace=DAY) == (
        f"note: 3 keys have a new value. The old ones work until {ENDS}. Hand the new ones out: vkstate output one "
        "workshop:w --out FILE"
    )


def test_an_older_value_works_on_though_the_last_one_does_not() -> None:
    wanted, have, rows = sides(["a", "b"], [])
    plan = planned(wanted, have, rows, options=Options(replace=("a", "b")))
    older = replace(recorded("a", name="older"), alias=Alias("a.retired-1"), retired=Retired(Alias("a"), NOW + DAY))
    assert reissue_note(outcome_of(plan), by_alias(have), by_alias([older])) == (
        "note: 2 keys have a new value. The old ones work no longer. A value that was replaced before works until "
        f"{ENDS}. Hand the new ones out: vkstate output a b --out FILE"
    )


def test_a_workshop_of_which_some_are_replaced_is_not_named_whole() -> None:
    members = [member(number) for number in range(1, 4)]
    assert note(["w-user[12]"], ["one"], members) == (
        "note: 2 keys have a new value. The old ones work no longer. Hand the new ones out: vkstate output w-user1 "
        "w-user2 --out FILE"
    )


@pytest.mark.parametrize(("target", "said"), [("k*", ""), ("w-user[1-6]", " workshop:w")])
def test_a_command_stays_short(target: str, said: str) -> None:
    """Who of seven members keeps the old value is not worth six names."""
    told = note([target], [f"k{number}" for number in range(6)], [member(number) for number in range(1, 8)])
    assert told is not None
    assert told.endswith(f": vkstate output{said} --out FILE")


def test_what_a_shell_or_a_glob_would_read_otherwise_is_quoted() -> None:
    said = note(["workshop:my w"], [], [member(1, "my w"), member(2, "my w")])
    assert said is not None
    assert said.endswith(": vkstate output 'workshop:my w' --out FILE")
    wanted, have, rows = sides(["a[1]"], [])
    plan = planned(wanted, have, rows, options=Options(replace=("a[[]1]",)))
    assert (reissue_note(outcome_of(plan), by_alias(have), {}) or "").endswith(": vkstate output 'a[[]1]' --out FILE")


def test_values_that_were_written_to_a_file() -> None:
    assert note(["one"], ["one"], file="new.json") == (
        "note: 1 key has a new value. The old one works no longer. Hand the new one out from new.json"
    )


def test_a_key_that_was_made_anew_has_another_value_too() -> None:
    wanted, have, rows = sides(["gone", "new", "one"], [])
    have = [record for record in have if record.alias != "new"]
    plan = planned(wanted, have, rows[2:], options=Options(replace=("one",), grace=DAY))
    assert reissue_note(outcome_of(plan), by_alias(have), working_on(plan)) == (
        f"note: 2 keys have a new value. The old ones work until {ENDS} at the latest. Hand the new ones out: vkstate "
        "output gone one --out FILE"
    )


def test_only_what_was_done_is_told_of() -> None:
    wanted, have, rows = sides(["a", "b", "c", "d"], [])
    wanted[3] = replace(wanted[3], declared={**wanted[3].declared, "max_budget": 1})
    plan = planned(wanted, have, rows, options=Options(replace=("a", "b", "c")), now=NOW)
    a, b, c, d = plan.effective
    done = Outcome((Failed(a, "No."), NotAttempted(b, "No."), Applied(c), Applied(d)))
    assert (reissue_note(done, by_alias(have), by_alias(have)) or "").endswith(": vkstate output c --out FILE")
    failed = Outcome((Failed(a, "No."), NotAttempted(b, "No."), Applied(d)))
    assert reissue_note(failed, by_alias(have), by_alias(have)) is None


def test_a_new_value_whose_old_key_did_not_go() -> None:
    """The change has failed, and the people need the new value all the same."""
    here = World().want([desired("a")]).asks(Options(replace=("a",)))
    here.has([recorded("a")], [live("a", {**EMPTY_ROW, **SHOWN})])
    before = dict(here.journal.keys)
    with failing(here, fails(Refused("You may not."), "proxy.delete")):
        outcome = here.apply()
    assert len(outcome.failed) == 1
    assert reissue_note(outcome, before, here.journal.keys, file="new.json") == (
        "note: 1 key has a new value. The old one works on: the next apply sees to that. Hand the new one out from "
        "new.json"
    )


@pytest.mark.parametrize(
    ("until", "said"),
    [(None, "The old one works no longer."), (NOW + DAY, f"The old one works until {ENDS}.")],
)
def test_a_replacement_that_was_killed_and_is_finished(until: datetime | None, said: str) -> None:
    """The file holds what this run made; the value is from the run before it."""
    new = pending("a", token=token_of("new"))
    old = replace(recorded("a", name="old"), alias=Alias("a.retired-1"), retired=Retired(Alias("a"), until))
    have = by_alias([new, old])
    rows = [live("a", name="old"), live("a", name="new", key_id=new.id)]
    plan = planned([desired("a")], have.values(), [replace(rows[0], alias=old.alias), rows[1]], values=["new", "old"])
    assert (plan.effective[0].action, plan.problems) == (Action.ADOPT, ())
    told = f"note: 1 key has a new value. {said} Hand the new one out: vkstate output a --out FILE"
    after = by_alias([recorded("a", name="new"), *([old] if until else [])])
    assert reissue_note(outcome_of(plan), have, after, file="new.json") == told
    left = Outcome((Applied(plan.effective[0]), Failed(plan.effective[1], "No.")))
    works = "The old one works on: the next apply sees to that."
    assert reissue_note(left, have, {**have, **after}) == told.replace(said, works)
    unread = Outcome((Failed(plan.effective[0], "No."), Applied(plan.effective[1])))
    assert reissue_note(unread, have, have) is None


def test_what_is_adopted_and_replaces_nothing_is_not_told_of() -> None:
    new = pending("a")
    plan = planned([desired("a")], [new], [live("a", key_id=new.id)], values=["a"])
    assert [change.action for change in plan.effective] == [Action.ADOPT]
    assert reissue_note(outcome_of(plan), by_alias([new]), by_alias([recorded("a")])) is None
