from __future__ import annotations

from collections.abc import Callable

import pytest

from vkstate.executor.outcome import Applied, Failed, NotAttempted, Observer, Outcome, Silent
from vkstate.keys import Alias, Member
from vkstate.plan import Action, Change, Reason
from vkstate.views.outcome import outcome_line, render_outcome
from vkstate.views.values import ANSI

from .samples import create, delete, everything, participant, update

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
    assert outcome_line(outcome, "destroy") == "Destroy complete! 1 deleted, 1 forgotten."


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
        "Destroy incomplete: 1 deleted; 1 failed, 0 not attempted. 1 of 2 remains.\n"
    )


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
    assert render_outcome(Outcome((), interrupted="SIGTERM")) == (
        "Stopped by SIGTERM: what was running was awaited and saved; nothing more was started.\n"
        "\n"
        "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted.\n"
    )


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


def test_the_silent_observer_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    observer: Observer = Silent()
    observer.started(1)
    observer.phase("reading back")
    observer.finished(Applied(update("key")))
    observer.ended()
    assert capsys.readouterr() == ("", "")
