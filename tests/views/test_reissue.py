from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import NOW, desired, live, participant, planned, recorded
from vkstate.executor.outcome import Applied, Failed, NotAttempted, Outcome
from vkstate.keys import DesiredKey, LiveKey, Member, RecordedKey
from vkstate.options import Options
from vkstate.plan import Plan
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


def outcome_of(plan: Plan) -> Outcome:
    assert plan.problems == ()
    return Outcome(tuple(Applied(change) for change in plan.effective))


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
    return reissue_note(outcome_of(plan), have, file=file)


def test_one_key() -> None:
    assert note(["one"], ["one", "two"]) == (
        "note: 1 key has a new value. The old one works no longer. Hand the new one out: vkstate output one --out FILE"
    )


def test_until_when_the_old_one_works() -> None:
    assert note(["one", "workshop:w"], ["one"], [member(1), member(2)], grace=DAY) == (
        f"note: 3 keys have a new value. The old ones work until {ENDS}. Hand the new ones out: vkstate output one "
        "workshop:w --out FILE"
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
    assert (reissue_note(outcome_of(plan), have) or "").endswith(": vkstate output 'a[[]1]' --out FILE")


def test_values_that_were_written_to_a_file() -> None:
    assert note(["one"], ["one"], file="new.json") == (
        "note: 1 key has a new value. The old one works no longer. Hand the new one out from new.json"
    )


def test_a_key_that_was_made_anew_has_another_value_too() -> None:
    wanted, have, rows = sides(["gone", "new", "one"], [])
    have = [record for record in have if record.alias != "new"]
    plan = planned(wanted, have, rows[2:], options=Options(replace=("one",), grace=DAY))
    assert reissue_note(outcome_of(plan), have) == (
        f"note: 2 keys have a new value. The old ones work until {ENDS} at the latest. Hand the new ones out: vkstate "
        "output gone one --out FILE"
    )


def test_only_what_was_done_is_told_of() -> None:
    wanted, have, rows = sides(["a", "b", "c", "d"], [])
    wanted[3] = replace(wanted[3], declared={**wanted[3].declared, "max_budget": 1})
    plan = planned(wanted, have, rows, options=Options(replace=("a", "b", "c")), now=NOW)
    a, b, c, d = plan.effective
    done = Outcome((Failed(a, "No."), NotAttempted(b, "No."), Applied(c), Applied(d)))
    assert (reissue_note(done, have) or "").endswith(": vkstate output c --out FILE")
    assert reissue_note(Outcome((Failed(a, "No."), NotAttempted(b, "No."), Applied(d))), have) is None
