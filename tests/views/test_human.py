from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from vkstate.attributes import UNSET, Value
from vkstate.keys import Alias, Member
from vkstate.plan import Action, AttributeDiff, Cause, Caution, Change, Problem, Reason
from vkstate.views.human import problem_lines, render_plan
from vkstate.views.summary import summary_line, told_problems
from vkstate.views.values import ANSI

from .samples import (
    PROXY,
    SEALED,
    WORKSHOP,
    create,
    delete,
    desired,
    diff,
    everything,
    live,
    participant,
    plan_of,
    recorded,
    unchanged,
    update,
)

Golden = Callable[[str, str], None]


def lines_of(*changes: Change) -> list[str]:
    """The lines of changes in a plan's text."""
    return render_plan(plan_of(*changes), proxy=PROXY).split("\n\n")[1].splitlines()


def test_a_destroy_without_keys_says_so() -> None:
    left_out = replace(plan_of(), left_out=(Alias("a"),))
    assert render_plan(plan_of(), proxy=PROXY, mode="destroy") == "Nothing to destroy: no key is recorded.\n"
    assert render_plan(left_out, proxy=PROXY, mode="destroy").endswith("Nothing to destroy.\n")


def test_every_action_compact(golden: Golden) -> None:
    golden("plan.txt", render_plan(everything(), proxy=PROXY))


def test_every_action_in_colour(golden: Golden) -> None:
    golden("plan_ansi.txt", render_plan(everything(), proxy=PROXY, palette=ANSI))


def test_every_action_verbose(golden: Golden) -> None:
    golden("plan_verbose.txt", render_plan(everything(), proxy=PROXY, verbose=True))


def test_colour_changes_nothing_else() -> None:
    plain = render_plan(everything(), proxy=PROXY)
    coloured = render_plan(everything(), proxy=PROXY, palette=ANSI)
    for code in set(ANSI.codes.values()):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured.replace("\x1b[0m", "") == plain


def test_a_new_workshop_is_one_line() -> None:
    plan = plan_of(*(create(participant(number)) for number in range(1, 26)))
    assert render_plan(plan, proxy=PROXY) == (
        "On https://litellm.example.com:\n"
        "\n"
        "+ ai-workshop-2024-participant{1..25}  models=[gpt-4] max_budget=50 duration=3d\n"
        "\n"
        "At most $1,250.00 in all.\n"
        "\n"
        "Plan: 25 to create, 0 to update, 0 to replace, 0 to delete.\n"
    )


def test_nothing_to_do() -> None:
    plan = plan_of(unchanged("quiet"), unmanaged=1)
    assert render_plan(plan, proxy=PROXY) == (
        "1 other key on the proxy is not managed here.\n\nNo changes. The proxy matches the configuration.\n"
    )


def test_an_empty_plan_is_one_line() -> None:
    assert render_plan(plan_of(), proxy=PROXY) == "No changes. The proxy matches the configuration.\n"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ([], "No changes. The proxy matches the configuration."),
        ([unchanged("a")], "No changes. The proxy matches the configuration."),
        ([delete(participant(1))], "Plan: 0 to create, 0 to update, 0 to replace, 1 to delete."),
        (
            [Change(Alias("a"), Action.FORGET, Reason.GONE)],
            "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 to forget.",
        ),
        (
            [Change(Alias("a"), Action.ADOPT, Reason.INTERRUPTED)],
            "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 to adopt.",
        ),
    ],
)
def test_the_last_line(changes: list[Change], line: str) -> None:
    plan = plan_of(*changes)
    assert summary_line(plan) == line
    assert render_plan(plan, proxy=PROXY).splitlines()[-1] == line


@pytest.mark.parametrize(
    ("action", "reason", "line"),
    [
        (Action.CREATE, Reason.NEW, "+ key  models=[gpt-4] duration=3d"),
        (Action.CREATE, Reason.MISSING, "+ key  (missing on the proxy) models=[gpt-4] duration=3d"),
        (Action.CREATE, Reason.NEVER_SENT, "+ key  (its create was never carried out) models=[gpt-4] duration=3d"),
        (Action.ADOPT, Reason.INTERRUPTED, "< key  (its create was interrupted)"),
        (Action.ADOPT, Reason.STATE_BEHIND, "< key  (missing from the state)"),
        (Action.FORGET, Reason.GONE, ". key  (gone from the proxy)"),
        (Action.FORGET, Reason.TAKEN_OVER, ". key  (its alias now belongs to another key)"),
        (Action.DELETE, Reason.NOT_DESIRED, "- key"),
        (Action.UPDATE, Reason.DIFFERS, "~ key  (only the record changes)"),
        (Action.REPLACE, Reason.DIFFERS, "-/+ key  (new key value)"),
    ],
)
def test_a_reason_is_said_where_it_is_not_obvious(action: Action, reason: Reason, line: str) -> None:
    declared: dict[str, Value] = {"models": ["gpt-4"], "duration": "3d", "user_id": "key"}
    assert lines_of(Change(Alias("key"), action, reason, desired("key", declared))) == [line]


def test_a_user_id_is_shown_where_it_does_not_follow_from_the_alias() -> None:
    single = Change(Alias("key"), Action.CREATE, Reason.NEW, desired("key", {"user_id": "someone@example.com"}))
    assert lines_of(single) == ["+ key  user_id=someone@example.com"]


def test_why_is_said_once_where_it_is_the_same() -> None:
    change = update("key", diff("max_budget", 5, 10), diff("models", ["a"], ["b"]), diff("tpm_limit", 7, UNSET))
    assert lines_of(change) == ["~ key  max_budget: 5 → 10, models: [a] → [b], tpm_limit: 7 → - (config changed)"]


def test_drift_is_told_apart_from_intent() -> None:
    change = update("key", diff("max_budget", 999, 10, Cause.OUTSIDE))
    assert lines_of(change) == ["~ key  max_budget: 999 → 10 (changed outside vkstate)"]


def test_what_the_proxy_already_has_is_said() -> None:
    change = update("key", diff("max_budget", 5, 10, already_live=True))
    assert lines_of(change) == ["~ key  max_budget: 5 → 10 (config changed; already so on the proxy)"]


def test_a_changed_protection_is_shown() -> None:
    change = Change(
        Alias("key"),
        Action.UPDATE,
        Reason.DIFFERS,
        desired("key", {}, prevent_destroy=True),
        recorded("key", {}),
        live("key", {}),
        (diff("lifecycle.prevent_destroy", False, True, already_live=True),),
    )
    assert lines_of(change) == ["~ key  prevent_destroy: false → true (config changed)"]
    verbose = render_plan(plan_of(change), proxy=PROXY, verbose=True)
    assert verbose.split("\n\n")[1].splitlines()[1] == "    prevent_destroy  false → true (config changed)"


def member_update(number: int, *diffs: AttributeDiff) -> Change:
    member = participant(number)
    return update(f"{WORKSHOP}-{member.user}", *diffs, member=member)


def test_members_whose_user_ids_move_alike_are_one_line() -> None:
    changes = [
        member_update(number, diff("user_id", f"participant{number}@old.example", f"participant{number}@new.example"))
        for number in range(1, 13)
    ]
    assert lines_of(*changes) == [
        "~ ai-workshop-2024-participant{1..12}",
        "    user_id: participant{1..12}@old.example → participant{1..12}@new.example (config changed)",
    ]


def test_members_whose_user_ids_move_apart_are_not() -> None:
    changes = [
        member_update(n, diff("user_id", f"{n}@a.example", f"{name}@b.example")) for n, name in ((1, "x"), (2, "y"))
    ]
    assert lines_of(*changes) == [
        "~ ai-workshop-2024-participant1  user_id: 1@a.example → x@b.example (config changed)",
        "~ ai-workshop-2024-participant2  user_id: 2@a.example → y@b.example (config changed)",
    ]


def test_members_that_change_differently_are_apart() -> None:
    changes = [member_update(number, diff("max_budget", 50, 60 + number % 2)) for number in range(1, 7)]
    assert lines_of(*changes) == [
        "~ ai-workshop-2024-participant{1,3,5}  max_budget: 50 → 61 (config changed)",
        "~ ai-workshop-2024-participant{2,4,6}  max_budget: 50 → 60 (config changed)",
    ]


def test_no_control_character_reaches_the_terminal() -> None:
    hostile = "evil\x1b]0;title\x07\n+ fake"
    change = Change(
        Alias(hostile),
        Action.UPDATE,
        Reason.DIFFERS,
        desired(hostile, {f"metadata.{hostile}": hostile}, Member(hostile, hostile)),
        recorded(hostile, {}, Member(hostile, hostile)),
        live(hostile, {}),
        (diff(f"metadata.{hostile}", hostile, "x"),),
    )
    plan = plan_of(
        change,
        problems=[Problem(hostile, hostile, Alias(hostile))],
        warnings=[Caution(hostile, (Alias(hostile),), hostile)],
        left_out=[hostile],
    )
    for verbose in (False, True):
        text = render_plan(plan, proxy=f"https://x/{hostile}", verbose=verbose)
        assert [line for line in text.splitlines() if not line.isprintable()] == []
        assert "\n+ fake" not in text


def test_problems_end_in_a_refusal(golden: Golden) -> None:
    taken = [
        Problem(
            f"A key with the alias {WORKSHOP}-participant{number} exists on the proxy and is not ours.",
            f"vkstate import {WORKSHOP}-participant{number}",
            Alias(f"{WORKSHOP}-participant{number}"),
        )
        for number in range(1, 26)
    ]
    other = [
        Problem("The state is behind.\nIt was written by another clone.", "git pull", Alias("my-dev-project")),
        Problem("The proxy does not serve gpt-5; it serves gpt-4 and gpt-4o.", "edit models in vkstate.yaml:12:5"),
    ]
    plan = plan_of(
        create(participant(26)),
        unchanged("waiting", Reason.UNSETTLED),
        problems=[*taken, *other],
        warnings=[Caution("one thing"), Caution("another thing")],
        left_out=["project1", "project2", "project3"],
        unmanaged=1250,
    )
    golden("plan_problems.txt", render_plan(plan, proxy=PROXY))


def test_problems_without_changes_do_not_say_that_all_is_well() -> None:
    plan = plan_of(problems=[Problem("The config yields no keys.", "add keys to vkstate.yaml")])
    assert render_plan(plan, proxy=PROXY) == (
        "error: The config yields no keys.\n"
        "hint: add keys to vkstate.yaml\n"
        "\n"
        "This plan cannot be applied: 1 problem must be solved first.\n"
    )


def test_the_same_problem_of_several_keys_names_them_where_the_sentence_does_not() -> None:
    members = {Alias(f"ws-{user}"): Member("ws", user) for user in ("ann", "bob")}
    problems = [Problem("This server cannot clear budget_duration.", "see --replace", alias) for alias in members]
    assert problem_lines(told_problems(problems, members)) == [
        "error: ws-{ann,bob}: This server cannot clear budget_duration.",
        "hint: see --replace",
    ]


def test_a_problem_about_no_key_is_not_joined_with_one_about_a_key() -> None:
    problems = [Problem("It is broken.", "mend it"), Problem("It is broken.", "mend it", Alias("key"))]
    assert problem_lines(told_problems(problems, {})) == [
        "error: It is broken.",
        "hint: mend it",
        "error: key: It is broken.",
        "hint: mend it",
    ]


def test_verbose_shows_the_whole_of_a_long_value() -> None:
    plan = plan_of(
        Change(Alias("key"), Action.CREATE, Reason.NEW, desired("key", {"tags": SEALED}, prevent_destroy=True)),
        update("other", diff("models", ["model-0"], [f"model-{number}" for number in range(30)])),
    )
    assert render_plan(plan, proxy=PROXY, verbose=True).split("\n\n")[1].splitlines() == [
        "+ key",
        "    tags             (sensitive)",
        "    prevent_destroy  true",
        "~ other",
        f"    models  [model-0] → [{','.join(f'model-{number}' for number in range(30))}] (config changed)",
        f"    token   {recorded('other', {}).token}",
    ]


def test_a_narrow_terminal_breaks_between_attributes() -> None:
    plan = plan_of(*(create(participant(number)) for number in range(1, 26)))
    assert render_plan(plan, proxy=PROXY, width=60).split("\n\n")[1] == (
        "+ ai-workshop-2024-participant{1..25}  models=[gpt-4]\n    max_budget=50 duration=3d"
    )


def test_an_expiry_that_moves_is_a_difference_like_any_other() -> None:
    change = update("key", diff("expires_at", "2026-12-02T16:00:00Z", "2026-12-01T16:00:00Z", Cause.OUTSIDE))
    assert lines_of(change) == [
        "~ key  expires_at: 2026-12-02T16:00:00Z → 2026-12-01T16:00:00Z (changed outside vkstate)"
    ]
