"""Deletes: reported first, by token, a hundred a request, and believed only when they are read back as gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.executor.fuse import fails
from tests.executor.world import World, failing, said
from tests.factories import CREATED, ENDS, desired, foreign, live, participant, pending, recorded, token_of
from vkstate.attributes import Sealed
from vkstate.errors import VkstateError
from vkstate.executor.ports import AnswerLost, ClosingLine, Refused
from vkstate.keys import Alias
from vkstate.plan import Action, Reason

A = Alias("a")
LAG = "Where the proxy runs several workers without Redis, the others may accept a deleted key for up to 60 s."
STILL_THERE = "failed: LiteLLM answered that it deleted a, and the key is still there."


class Unreachable(VkstateError):
    """Not about one key."""

    summary = "the proxy is unreachable"


def world(*aliases: str) -> World:
    """Recorded and live, and no longer in the config."""
    names = aliases or ("a",)
    return World().has(map(recorded, names), [*map(live, names), foreign("other")])


def test_a_delete() -> None:
    here = world()
    outcome = here.apply()
    assert (said(outcome), outcome.remaining, outcome.notices) == ({"a": "applied"}, 0, (LAG,))
    assert here.fuse.calls == [
        "proxy.find",
        "journal.report",
        "proxy.delete",
        "proxy.find",
        "journal.save",
        "journal.drop_values",
    ]
    assert here.proxy.deleted == [(token_of("a"),)]
    assert (here.journal.keys, here.journal.values) == ({}, {})
    here.converged()


def test_the_closing_report() -> None:
    member = participant(1)
    here = World().has(
        [recorded("w-user1", member=member), recorded("b")],
        [
            live("w-user1", {"user_id": "x", "max_budget": 50}, member=member, spend=1.25),
            live("b", {"user_id": None, "max_budget": None}, created_at=None, expires_at=None),
        ],
    )
    here.apply()
    assert here.journal.reports == [
        (
            ClosingLine(Alias("b"), token_of("b"), None, None, 0.0, None, None, None),
            ClosingLine(Alias("w-user1"), token_of("w-user1"), "x", "w", 1.25, 50.0, CREATED, ENDS),
        )
    ]


def test_the_closing_report_leaves_out_what_is_sensitive() -> None:
    sealed = Sealed("sha256:" + "ab" * 32)
    here = World().has(
        [recorded("a", also={"user_id": sealed, "max_budget": sealed})],
        [live("a", {"user_id": "canary", "max_budget": 50}, spend=1.25)],
    )
    here.apply()
    assert here.journal.reports == [(ClosingLine(A, token_of("a"), None, None, 1.25, None, CREATED, ENDS),)]


def test_what_is_reported_is_what_was_spent_by_then() -> None:
    """The plan may have waited for its consent, and its keys have gone on."""
    here = World().has([recorded("a")], [live("a", spend=1.25)])
    current = here.plan()
    here.proxy.add([live("a", spend=2.5)])
    outcome = here.apply(current=current)
    assert [[line.spend for line in lines] for lines in here.journal.reports] == [[2.5]]
    assert outcome.closed == here.journal.reports[0]


def test_what_a_plan_saw_that_waited_for_nobody_is_not_read_again() -> None:
    here = World().has([recorded("a")], [live("a", spend=1.25)])
    outcome = here.apply(just_planned=True)
    assert here.fuse.calls[:3] == ["journal.report", "proxy.delete", "proxy.find"]
    assert [[line.spend for line in lines] for lines in here.journal.reports] == [[1.25]]
    assert outcome.closed == here.journal.reports[0]


def test_where_no_report_is_kept_nothing_is_read_for_it() -> None:
    here = world()
    here.journal.keeps_reports = False
    assert (said(here.apply()), here.journal.reports) == ({"a": "applied"}, [])
    assert here.fuse.calls[0] == "proxy.delete"
    here = world()
    here.journal.keeps_reports = False
    assert (said(here.apply(just_planned=True)), here.journal.reports) == ({"a": "applied"}, [])


def test_where_the_spend_cannot_be_read_again_the_plan_counts() -> None:
    here = World().has([recorded("a")], [live("a", spend=1.25)])
    with failing(here, fails(Unreachable("Connection refused."), "proxy.find")):
        outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert [line.spend for line in outcome.closed] == [1.25]


def test_only_what_is_gone_is_closed() -> None:
    here = world(*(f"a{number}" for number in range(150)))
    with failing(here, fails(Refused("No."), "proxy.delete")):
        outcome = here.apply()
    assert [line.alias for line in outcome.closed] == [result.change.alias for result in outcome.applied]
    assert [len(lines) for lines in here.journal.reports] == [150]


def test_nothing_is_sent_without_the_report() -> None:
    here = world()
    full = VkstateError("No space left on the device.")
    with failing(here, fails(full, "journal.report")), pytest.raises(VkstateError) as caught:
        here.apply()
    assert caught.value is full
    assert here.fuse.calls == ["proxy.find", "journal.report"]
    assert here.journal.keys == {A: recorded("a")}


def test_batches_of_a_hundred() -> None:
    aliases = [f"a{number}" for number in range(250)]
    here = world(*aliases)
    outcome = here.apply(parallelism=3)
    assert sorted(map(len, here.proxy.deleted)) == [50, 100, 100]
    assert {token for batch in here.proxy.deleted for token in batch} == {token_of(alias) for alias in aliases}
    assert here.fuse.calls.count("proxy.find") == 2, "what they had spent, and whether they are gone"
    assert (len(outcome.applied), outcome.remaining, outcome.complete) == (250, 0, True)
    here.converged()


def test_a_delete_that_only_echoes_is_sent_once_more() -> None:
    here = world()
    here.proxy.echoes = 1
    assert said(here.apply()) == {"a": "applied"}
    assert len(here.proxy.deleted) == 2
    here.converged()


def test_what_is_still_there_is_not_called_deleted() -> None:
    here = world("a", "b")
    here.proxy.echoes = 2
    outcome = here.apply()
    assert said(outcome) == {"a": STILL_THERE, "b": STILL_THERE.replace(" a,", " b,")}
    assert (outcome.remaining, outcome.notices) == (2, ())
    assert here.journal.keys.keys() == {"a", "b"}
    assert len(here.journal.values) == 2
    here.apply()
    here.converged()


@pytest.mark.parametrize("after", [False, True], ids=["before it acted", "after it acted"])
@pytest.mark.parametrize("error", [AnswerLost("It was reset."), Refused("No.")])
def test_only_reading_tells_what_is_gone(error: VkstateError, after: bool) -> None:
    here = world()
    with failing(here, fails(error, "proxy.delete"), after=after):
        outcome = here.apply()
    if after or isinstance(error, AnswerLost):
        assert said(outcome) == {"a": "applied"}
        assert len(here.proxy.deleted) == (1 if after else 2)
        here.converged()
    else:
        assert said(outcome) == {"a": "failed: No."}
        assert (outcome.remaining, len(here.proxy.deleted)) == (1, 1)


def test_one_refused_batch_does_not_stop_the_others() -> None:
    here = world(*(f"a{number}" for number in range(150)))
    with failing(here, fails(Refused("No."), "proxy.delete")):
        outcome = here.apply()
    assert (len(outcome.applied), len(outcome.failed), outcome.remaining) == (50, 100, 100)
    here.check()


def test_an_error_that_is_not_about_one_key_stops_new_starts() -> None:
    here = world(*(f"a{number}" for number in range(150))).want([desired("new")])
    with failing(here, fails(Unreachable("Connection refused."), "proxy.delete", times=2)):
        outcome = here.apply()
    why = "The run had stopped: the proxy is unreachable: Connection refused."
    assert {result.why for result in outcome.not_attempted} == {why}
    assert (len(outcome.failed), len(outcome.not_attempted), outcome.remaining) == (100, 51, 150)
    assert said(outcome)["a0"] == "failed: Connection refused."
    assert "new" not in here.journal.keys
    here.apply()
    here.converged()


def test_what_cannot_be_read_back_is_not_called_deleted() -> None:
    here = world("a", "b")
    with failing(here, fails(Unreachable("Connection refused."), "proxy.find", skip=1)):
        outcome = here.apply()
    words = "failed: The delete of {} was asked for, and could not be verified: Connection refused."
    assert said(outcome) == {alias: words.format(alias) for alias in ("a", "b")}
    assert (outcome.remaining, outcome.closed) == (None, ())
    assert here.journal.keys.keys() == {"a", "b"}
    assert [change.reason for change in here.plan().changes] == [Reason.GONE, Reason.GONE]
    here.apply()
    here.converged()


def test_a_state_that_cannot_be_saved_after_the_deletes() -> None:
    """What is gone is said to be gone, the save is tried again, and no value is dropped before it succeeds."""
    here = world("a", "b")
    with failing(here, fails(VkstateError("No space left."), "journal.save")):
        outcome = here.apply()
    assert said(outcome) == {"a": "applied", "b": "applied"}
    assert here.fuse.calls[-3:] == ["journal.save", "journal.save", "journal.drop_values"]
    here.converged()


def test_values_that_cannot_be_dropped_are_said_and_harm_nobody() -> None:
    here = world()
    with failing(here, fails(VkstateError("The store is read-only."), "journal.drop_values")):
        outcome = here.apply()
    assert said(outcome) == {"a": "applied"}
    assert outcome.notices == (
        LAG,
        "Values of keys that do not exist are still in the secret store: The store is read-only.",
    )
    assert here.journal.keys == {}


def test_only_what_this_run_deleted_loses_its_value() -> None:
    here = World().has([recorded("a"), recorded("gone"), pending("p", since=None)], [live("a")])
    assert said(here.apply()) == {"a": "applied", "gone": "applied", "p": "applied"}
    assert here.journal.values.keys() == {token_of("gone"), token_of("p")}
    assert here.journal.keys == {}


def test_a_protected_key_and_the_keys_of_others_stay() -> None:
    here = world().want([])
    here.apply()
    assert [row.alias for row in here.proxy.rows.values()] == ["other"]


def test_an_unsettled_record_stays_for_ten_minutes() -> None:
    here = World().has([pending("p")])
    assert here.plan().effective == ()
    outcome = here.apply()
    assert (outcome.results, here.fuse.calls) == ((), [])
    here.proxy.time += timedelta(minutes=10)
    assert [change.action for change in here.plan().effective] == [Action.FORGET]
    assert said(here.apply()) == {"p": "applied"}
    assert here.fuse.calls == ["journal.save"]
