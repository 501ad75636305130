from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vkstate.attributes import Value
from vkstate.keys import Alias, Member
from vkstate.plan import Action, Caution, Change, Plan, Problem, Reason
from vkstate.views.human import render_plan
from vkstate.views.markdown import FOLDED, LONGEST, render_markdown
from vkstate.views.summary import Mode

from .rendered import rendered
from .samples import (
    PROXY,
    WORKSHOP,
    accepted,
    create,
    desired,
    diff,
    everything,
    imported,
    left_missing,
    live,
    moved,
    participant,
    plan_of,
    recorded,
    replaced,
    transitions,
    unchanged,
    update,
)

Golden = Callable[[str, str], None]
FINGERPRINT = "5f" * 32
GITHUB = 65_536


def markdown(plan: Plan, mode: Mode = "apply", *arguments: str, fingerprint: str | None = FINGERPRINT) -> str:
    return render_markdown(plan, proxy=PROXY, fingerprint=fingerprint, mode=mode, arguments=arguments)


def many(count: int) -> Plan:
    """Changes that stand on a line each."""
    return plan_of(*(update(f"key{number}", diff("max_budget", 1, number)) for number in range(2, count + 2)))


def test_every_action(golden: Golden) -> None:
    golden("plan.md", markdown(everything()))


def test_every_transition(golden: Golden) -> None:
    golden("plan_transitions.md", markdown(transitions(), "apply", "--replace", f"{WORKSHOP}-*", "--grace", "1d"))


def test_a_refresh(golden: Golden) -> None:
    golden("plan_refresh.md", markdown(accepted(), "refresh"))


def test_problems_and_warnings_come_first(golden: Golden) -> None:
    taken = [
        Problem(
            f"vkstate.yaml:12:3: the alias {WORKSHOP}-participant{number} exists on the proxy and is not ours: a key "
            "(created by @alice, user_id <b>bob</b>).",
            f"take it over: vkstate import '{WORKSHOP}-participant{number}'",
            Alias(f"{WORKSHOP}-participant{number}"),
            participant(number),
        )
        for number in range(1, 26)
    ]
    plan = plan_of(
        create(participant(26)),
        problems=[*taken, Problem("It answered:\n| no | way |", "ask #admins")],
        warnings=[Caution("the proxy no longer serves gpt-3.5-turbo, which ", (Alias("my-dev-project"),), " may use.")],
    )
    golden("plan_problems.md", markdown(plan))


def test_long_tables_are_folded(golden: Golden) -> None:
    golden("plan_folded.md", markdown(many(FOLDED + 1)))
    assert "<details>" not in markdown(many(FOLDED))


def test_nothing_to_do_is_said_in_a_line() -> None:
    assert markdown(plan_of(unchanged("quiet"))) == (
        "### No changes. The proxy matches the configuration.\n\nOn `https://litellm.example.com`\n"
    )


@pytest.mark.parametrize(
    ("mode", "arguments", "command"),
    [
        ("apply", (), f"vkstate apply --expect {FINGERPRINT}"),
        ("refresh", (), f"vkstate apply --refresh-only --expect {FINGERPRINT}"),
        ("apply", ("--target", "it's*"), f"vkstate apply --target 'it'\"'\"'s*' --expect {FINGERPRINT}"),
        ("destroy", (), None),
        ("import", (), None),
    ],
)
def test_the_command_that_applies_this_plan(mode: Mode, arguments: tuple[str, ...], command: str | None) -> None:
    text = markdown(plan_of(update("key", diff("max_budget", 1, 2))), mode, *arguments)
    fence = [f"```sh\n{command}\n```\n"] if command is not None else []
    assert re.findall(r"```.*```\n", text, re.DOTALL) == fence
    assert (f"\n\nFingerprint: `{FINGERPRINT}`\n" in text) is (command is not None)


@pytest.mark.parametrize("argument", ["x" * 5_000, "`" * 3, "a\nb"])
def test_arguments_that_do_not_fit_a_command_are_left_to_the_reader(argument: str) -> None:
    text = markdown(plan_of(update("key", diff("max_budget", 1, 2))), "apply", "--target", argument)
    assert text.endswith(
        "This very plan, and no other, is applied by this command, with the options of the plan added:\n"
        f"\n```sh\nvkstate apply --expect {FINGERPRINT}\n```\n"
    )


def test_without_a_fingerprint_there_is_no_command() -> None:
    for plan in (plan_of(unchanged("a")), plan_of(update("a"), problems=[Problem("No.", "mend it")])):
        assert FINGERPRINT not in markdown(plan)
    assert "ingerprint" not in markdown(plan_of(update("a")), fingerprint=None)


def test_the_table_tells_what_the_text_tells() -> None:
    """Each line of the text is a row, with the same words."""
    text = render_plan(transitions(), proxy=PROXY, width=10_000)
    lines = text.split("\n\n")[1].splitlines()
    rows = rendered(markdown(transitions())).rows[1:]
    assert [" ".join(row).split() for row in rows] == [line.split() for line in lines]


def test_a_plan_that_is_too_long_says_what_it_leaves_out() -> None:
    plan = many(2_000)
    text = markdown(plan)
    assert LONGEST - 500 < len(text) <= LONGEST < GITHUB
    [left_out] = re.findall(
        r"^([0-9,]+) of 2,000 changes are left out here: `vkstate plan` shows them\.$", text, re.MULTILINE
    )
    assert len(rendered(text).rows) - 1 == 2_000 - int(left_out.replace(",", ""))
    assert text.endswith(f"vkstate apply --expect {FINGERPRINT}\n```\n")


def test_problems_and_warnings_leave_room_for_changes() -> None:
    plan = replace(
        many(100),
        problems=tuple(Problem(f"problem {letter * 90}", "mend it") for letter in map(chr, range(0x4E00, 0x4F00))),
        warnings=tuple(Caution(f"warning {letter * 90}") for letter in map(chr, range(0x4E00, 0x4F00))),
    )
    text = markdown(plan)
    assert len(rendered(text).rows) == 101
    assert re.findall(r"^[0-9]+ more \w+ are left out here: `vkstate plan` shows them\.$", text, re.MULTILINE) == [
        "143 more problems are left out here: `vkstate plan` shows them.",
        "124 more warnings are left out here: `vkstate plan` shows them.",
    ]


def test_a_change_of_very_much_is_cut_short() -> None:
    change = update("key", *(diff(f"metadata.key{number}", 1, 2) for number in range(500)))
    [_, row] = rendered(markdown(plan_of(change))).rows
    assert row[2].endswith(" and 381 more")


texts = st.text(st.sampled_from("`|\\<>&@#$*_[]~!:-/. \n\x1b\u202e0aé") | st.characters(), max_size=60)
members = st.builds(Member, texts.filter(bool), texts.filter(bool)) | st.none()


@st.composite
def hostile_plans(draw: st.DrawFn) -> Plan:
    """A plan in which everything that others may have written is hostile."""
    aliases = draw(st.lists(texts, min_size=1, max_size=6, unique=True))
    repeat = draw(st.sampled_from([1, 1, 1, 1_000]))
    changes: list[Change] = []
    for alias in aliases:
        member, other = draw(members), draw(texts)
        declared: dict[str, Value] = {f"metadata.{draw(texts)}": draw(texts) * repeat, "models": [draw(texts)]}
        changes.append(
            draw(
                st.sampled_from(
                    [
                        Change(Alias(alias), Action.CREATE, Reason.NEW, desired(alias, declared, member)),
                        update(alias, diff(f"metadata.{other * repeat}", other, other + "x"), member=member),
                        moved(other, alias, before=member, after=member),
                        replaced(alias, member=member, spend=1.0),
                        imported(alias, member=member),
                        left_missing(alias, known=True),
                        Change(
                            Alias(alias * repeat),
                            Action.DELETE,
                            Reason.NOT_DESIRED,
                            recorded=recorded(alias, {}, member),
                            live=live(alias, {}, member),
                        ),
                    ]
                )
            )
        )
    return plan_of(
        *changes,
        problems=[Problem(draw(texts) * repeat, draw(texts), Alias(aliases[0]))] * draw(st.integers(0, 1)),
        warnings=[Caution(draw(texts) * repeat)] * draw(st.integers(0, 2)),
        left_out=[draw(texts)],
        unmanaged=draw(st.integers(0, 3)),
    )


@settings(max_examples=50)
@given(hostile_plans(), st.sampled_from([PROXY, "https://x/`|<b>@a", "https://x/" + "y" * 70_000]))
def test_whatever_others_wrote_stays_text(plan: Plan, proxy: str) -> None:
    text = render_markdown(plan, proxy=proxy, fingerprint=FINGERPRINT)
    assert len(text) <= LONGEST
    shown = rendered(text)
    assert set(shown.tags) <= {
        *("h3", "p", "strong", "br", "code", "pre", "details", "summary"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    assert {len(row) for row in shown.rows} <= {3}
    assert re.findall(r"[@#$<>`*\[\]\\|]", shown.prose) == []
    assert [line for line in text.splitlines() if not line.isprintable()] == []
