from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from vkstate.executor.outcome import Applied, Failed, NotAttempted, Observer, Outcome, Silent
from vkstate.executor.ports import ClosingLine
from vkstate.keys import Alias, Member
from vkstate.plan import Action, Cause, Change, Reason
from vkstate.views.outcome import Command, outcome_line, render_outcome
from vkstate.views.values import ANSI

from .samples import (
    GRACE_ENDS,
    WORKSHOP,
    create,
    delete,
    diff,
    everything,
    imported,
    left_missing,
    moved,
    over,
    participant,
    recorded,
    released,
    replaced,
    retiring,
    seen,
    token_of,
    transitions,
    update,
)

Golden = Callable[[str, str], None]


def partly_done(interrupted: bool = False) -> Outcome:
    refusal = "The proxy refused the key: max_budget is over max limit set in config."
    return Outcome(
        (
            *(Applied(create(participant(number))) for number in range(1, 21)),
            *(
                Failed(
                    create(participant(number)),
                    f"{refusal}\nIt was asked for ai-workshop-2024-participant{number}.",
                    f"vkstate apply --target ai-workshop-2024-participant{number}",
                )
                for number in range(21, 24)
            ),
            Failed(create(participant(24)), "The proxy's answer was lost, and the key was not found afterwards."),
            Applied(update("batch-jobs"), "The proxy forces max_budget 10 on batch-jobs."),
            *(NotAttempted(delete(Member("old", name)), "The run was interrupted.") for name in ("alice", "bob")),
        ),
        interrupted="SIGINT" if interrupted else None,
        notices=("Other proxy workers may accept a deleted key for up to 60 s.",),
    )


def test_an_outcome_counts_what_was_applied() -> None:
    outcome = partly_done()
    assert (len(outcome.applied), len(outcome.failed), len(outcome.not_attempted)) == (21, 4, 2)
    assert {action: outcome.count(action) for action in Action if outcome.count(action)} == {
        Action.CREATE: 20,
        Action.UPDATE: 1,
    }
    assert outcome.complete is False
    assert Outcome(outcome.applied).complete is True
    assert Outcome((), interrupted="SIGINT").complete is True


def test_a_complete_apply() -> None:
    outcome = Outcome(
        (
            *(Applied(create(participant(number))) for number in range(1, 26)),
            Applied(update("batch-jobs")),
            *(Applied(delete(Member("old", name))) for name in ("alice", "bob")),
        )
    )
    assert render_outcome(outcome) == "Apply complete! 25 created, 1 updated, 0 replaced, 2 deleted.\n"


def test_an_apply_of_every_action() -> None:
    outcome = Outcome(tuple(Applied(change) for change in everything().effective))
    assert outcome_line(outcome) == (
        "Apply complete! 26 created, 1 updated, 1 replaced, 2 deleted, 1 adopted, 1 forgotten."
    )


def test_a_complete_destroy() -> None:
    outcome = Outcome(tuple(Applied(delete(participant(number))) for number in range(1, 28)), remaining=0)
    assert render_outcome(outcome, command="destroy") == "Destroy complete! 27 deleted. 0 of 27 remain.\n"


def test_a_destroy_that_also_forgets() -> None:
    gone = Applied(Change(Alias("gone"), Action.FORGET, Reason.GONE))
    outcome = Outcome((Applied(delete(participant(1))), gone))
    assert outcome_line(outcome, "destroy") == "Destroy complete! 1 deleted, 1 forgotten. 0 of 2 remain."
    assert outcome_line(Outcome((gone,)), "destroy") == "Destroy complete! 0 deleted, 1 forgotten. 0 of 1 remain."
    assert outcome_line(Outcome(()), "destroy") == "Destroy complete! 0 deleted."


def test_an_incomplete_destroy() -> None:
    outcome = Outcome(
        (Applied(delete(participant(1))), Failed(delete(participant(2)), "It is still there.")), remaining=1
    )
    assert render_outcome(outcome, command="destroy") == (
        "Applied:\n"
        "  - ai-workshop-2024-participant1  deleted\n"
        "\n"
        "Failed:\n"
        "  - ai-workshop-2024-participant2  It is still there.\n"
        "\n"
        "Still on the proxy: ai-workshop-2024-participant2.\n"
        "hint: run the same command again: it deletes what is left\n"
        "\n"
        "Destroy incomplete: 1 deleted; 1 failed, 0 not attempted. 1 of 2 remains.\n"
    )


def test_a_destroy_of_which_nobody_could_read_what_became() -> None:
    outcome = Outcome(
        tuple(Failed(delete(participant(number)), "The proxy could not be asked.") for number in range(1, 100))
    )
    assert render_outcome(outcome, command="destroy") == (
        "Failed:\n"
        "  - ai-workshop-2024-participant{1..99}  The proxy could not be asked.\n"
        "\n"
        "Not verified as gone: ai-workshop-2024-participant{1..99}.\n"
        "hint: run the same command again: it deletes what is left\n"
        "\n"
        "Destroy incomplete: 0 deleted; 99 failed, 0 not attempted. How many of 99 remain could not be read.\n"
    )


def closed(number: int, spend: float, workshop: str | None = WORKSHOP) -> ClosingLine:
    """A key that is gone, as it was reported."""
    return ClosingLine(Alias(f"key{number}"), token_of(f"key{number}"), None, workshop, spend, 50, None, None)


def test_what_deleted_keys_had_spent_is_told_by_workshop() -> None:
    outcome = Outcome(
        tuple(Applied(delete(participant(number))) for number in range(1, 4)),
        remaining=0,
        closed=(closed(1, 12.3), closed(2, 0.0042), closed(3, 50, None)),
    )
    assert render_outcome(outcome, command="destroy", report="reports/20261128T170000Z.json") == (
        "Closing report: reports/20261128T170000Z.json (no secret is in it: commit it)\n"
        "  WORKSHOP          KEYS     SPENT   BUDGET  SHARE\n"
        "  ai-workshop-2024     2  $12.3042  $100.00   12 %\n"
        "  (single keys)        1    $50.00   $50.00  100 %\n"
        "  in all               3  $62.3042  $150.00   41 %\n"
        "\n"
        "Destroy complete! 3 deleted. 0 of 3 remain.\n"
    )
    assert render_outcome(outcome, command="destroy") == "Destroy complete! 3 deleted. 0 of 3 remain.\n"


def test_a_report_of_what_was_not_deleted_after_all() -> None:
    outcome = Outcome((Failed(update("key"), "No."),))
    text = render_outcome(outcome, report="reports/20261128T170000Z.json")
    assert text.splitlines()[3] == "Closing report: reports/20261128T170000Z.json (no secret is in it: commit it)"
    assert text.splitlines()[4] == ""


def test_a_note_is_shown_though_all_went_well() -> None:
    outcome = Outcome((Applied(create(participant(1))), Applied(update("batch-jobs"), "The proxy forces a budget.")))
    assert render_outcome(outcome) == (
        "Applied:\n"
        "  ~ batch-jobs  The proxy forces a budget.\n"
        "\n"
        "Apply complete! 1 created, 1 updated, 0 replaced, 0 deleted.\n"
    )


def test_an_apply_that_was_done_in_part(golden: Golden) -> None:
    golden("outcome_partial.txt", render_outcome(partly_done()))


def test_an_apply_that_was_interrupted(golden: Golden) -> None:
    golden("outcome_interrupted_ansi.txt", render_outcome(partly_done(interrupted=True), palette=ANSI))


def test_a_stopped_run_says_so() -> None:
    left = (NotAttempted(update("key"), "it was stopped"),)
    assert render_outcome(Outcome(left, interrupted="SIGTERM")).splitlines()[-3:] == [
        "Stopped by SIGTERM: what was running was awaited and saved; nothing more was started.",
        "",
        "Apply incomplete: 0 created, 0 updated, 0 replaced, 0 deleted; 0 failed, 1 not attempted.",
    ]


def test_a_stop_that_came_after_the_last_request_has_stopped_nothing() -> None:
    done = "Apply complete! 0 created, 1 updated, 0 replaced, 0 deleted.\n"
    assert render_outcome(Outcome((Applied(update("key")),), interrupted="SIGINT")) == done


def test_the_proxys_words_cannot_move_the_cursor() -> None:
    text = render_outcome(Outcome((Failed(update("key"), "no\x1b[2J\nway", "try\x07"),), notices=("\x9b1m",)))
    assert text == (
        "Failed:\n"
        "  ~ key  no\\u001b[2J\n"
        "      way\n"
        "      hint: try\\u0007\n"
        "\n"
        "note: \\u009b1m\n"
        "\n"
        "Apply incomplete: 0 created, 0 updated, 0 replaced, 0 deleted; 1 failed, 0 not attempted.\n"
    )


def applied(*changes: Change, command: Command = "apply") -> str:
    return render_outcome(Outcome(tuple(Applied(change) for change in changes)), command=command)


def test_what_old_values_had_spent_is_told_and_until_when_they_work() -> None:
    key = retiring("key").alias
    assert applied(replaced("key", ends=GRACE_ENDS, spend=1.23), replaced("other", spend=0.5)) == (
        "Applied:\n"
        f"  -/+ key  The old value had spent $1.23, and works on until 2026-11-29T17:00:00Z as {key}.\n"
        "  -/+ other  The old value had spent $0.50.\n"
        "\n"
        "Apply complete! 0 created, 0 updated, 2 replaced, 0 deleted.\n"
    )


def test_the_old_values_of_a_workshop_are_told_together() -> None:
    changes = [
        replaced(f"{WORKSHOP}-participant{number}", ends=GRACE_ENDS, member=participant(number), spend=number / 4)
        for number in range(1, 4)
    ]
    assert applied(*changes).splitlines()[1] == (
        f"  -/+ {WORKSHOP}-participant{{1..3}}  The old values had spent $1.50 in all, and work on until "
        f"2026-11-29T17:00:00Z as {WORKSHOP}-participant{{1..3}}.retired-*."
    )
    noted = [Applied(changes[0]), Applied(changes[1]), Applied(changes[2], "The proxy forces a budget.")]
    assert [line.split("  ")[1] for line in render_outcome(Outcome(tuple(noted))).splitlines()[1:3]] == [
        f"-/+ {WORKSHOP}-participant{{1,2}}",
        f"-/+ {WORKSHOP}-participant3",
    ]


def test_a_note_follows_what_the_old_value_had_spent() -> None:
    outcome = Outcome((Applied(replaced("key", spend=1), "The proxy forces a budget on key."),))
    assert render_outcome(outcome).splitlines()[1] == (
        "  -/+ key  The old value had spent $1.00. The proxy forces a budget on key."
    )


def test_what_failed_of_a_replacement_says_nothing_of_the_old_value() -> None:
    outcome = Outcome((Failed(replaced("key", spend=1), "The proxy refused."),))
    assert render_outcome(outcome).splitlines()[1] == "  -/+ key  The proxy refused."


@pytest.mark.parametrize(
    ("command", "changes", "line"),
    [
        (
            "apply",
            [
                *(moved(f"old{number}", f"new{number}") for number in range(2)),
                update("a", diff("duration", "x", "30d", Cause.RENEWED)),
                update("b"),
            ],
            "Apply complete! 0 created, 4 updated (2 moved, 1 renewed), 0 replaced, 0 deleted.",
        ),
        (
            "apply",
            [imported("a"), released("b"), left_missing("c"), over("d")],
            "Apply complete! 0 created, 0 updated, 0 replaced, 1 deleted, 1 imported, 1 forgotten, 1 released.",
        ),
        (
            "apply",
            [replace(replaced("new"), recorded=recorded("old", {}))],
            "Apply complete! 0 created, 0 updated, 1 replaced, 0 deleted.",
        ),
        ("import", [imported("a"), imported("b"), imported("c")], "Import complete! 3 imported."),
        ("import", [], "Import complete! 0 imported."),
        ("move", [moved("a", "b"), moved("c", "d")], "Move complete! 2 moved."),
        ("release", [released("a"), released("b")], "Release complete! 2 released."),
        (
            "refresh",
            [seen("a"), seen("b"), seen("c"), left_missing("d")],
            "Refresh complete! 3 accepted, 1 forgotten. The proxy was not touched.",
        ),
        ("refresh", [], "Refresh complete! 0 accepted, 0 forgotten. The proxy was not touched."),
    ],
)
def test_the_last_line(command: Command, changes: list[Change], line: str) -> None:
    assert applied(*changes, command=command).splitlines()[-1] == line


def test_an_incomplete_import() -> None:
    outcome = Outcome((Applied(imported("a")), Failed(imported("b"), "It is gone.")))
    assert outcome_line(outcome, "import") == "Import incomplete: 1 imported; 1 failed, 0 not attempted."


def test_an_apply_of_every_transition(golden: Golden) -> None:
    golden("outcome_transitions.txt", applied(*transitions().effective))


def test_the_silent_observer_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    observer: Observer = Silent()
    observer.started(1)
    observer.phase("reading back")
    observer.finished(Applied(update("key")))
    observer.ended()
    assert capsys.readouterr() == ("", "")
