"""Spares, and the names of counted members: who is in a workshop without a name of his own."""

from __future__ import annotations

import pytest

from tests.config.conftest import Project
from vkstate.keys import Member

ROSTER = "user,email,seat\nann,a@example.com,1\n"


def aliases(project: Project, workshop: str, rest: str = "") -> list[str]:
    return list(project.keys(f"workshops: {{w: {{models: [m], {workshop}}}}}\n{rest}"))


def problems(project: Project, workshop: str, rest: str = "") -> list[str]:
    lines = project.problems(f"workshops: {{w: {{models: [m], {workshop}}}}}\n{rest}")
    return [line.partition(": workshops.w")[2] or line for line in lines]


@pytest.mark.parametrize("who", ["count: 1", "members: [user1]", "roster: p.csv"])
def test_spares_are_members_that_nobody_is_yet(project: Project, who: str) -> None:
    project.write("user\nuser1\n", "p.csv")
    keys = project.keys(f"workshops: {{w: {{models: [m], spares: 2, max_budget: 3, {who}}}}}\n")
    assert list(keys) == ["w-spare1", "w-spare2", "w-user1"]
    assert keys["w-spare2"].member == Member("w", "spare2")
    assert dict(keys["w-spare2"].declared) == {
        "duration": "30d", "max_budget": 3, "models": ["m"], "user_id": "spare2@example.com"
    }  # fmt: skip


def test_a_spare_may_have_overrides(project: Project) -> None:
    keys = project.keys(
        "workshops: {w: {models: [m], members: [a], spares: 1, overrides: {spare1: {max_budget: 1}}}}\n"
    )
    assert {alias: key.declared.get("max_budget") for alias, key in keys.items()} == {"w-a": None, "w-spare1": 1}


def test_a_spare_that_moved_gives_to_somebody_is_none_any_more(project: Project) -> None:
    project.write(ROSTER + "eve,e@example.com,2\n", "p.csv")
    moved = "moved: [{from: w-spare1, to: w-eve}]\n"
    assert aliases(project, "roster: p.csv, spares: 2", moved) == ["w-ann", "w-eve", "w-spare2"]


def test_a_member_of_that_name_is_still_declared(project: Project) -> None:
    """Only spares make way by themselves: who stands in the list is meant."""
    (line,) = problems(project, "members: [spare1, eve]", "moved: [{from: w-spare1, to: w-eve}]\n")
    assert line.endswith(
        "moved[0].from: is still declared, at vkstate.yaml:2:40: take it out there, or take the move out"
    )


def test_a_template_may_use_only_what_a_spare_has(project: Project) -> None:
    project.write(ROSTER, "p.csv")
    lines = problems(project, "roster: p.csv, spares: 2, alias_template: '{workshop}-{seat}'")
    assert lines == [".spares: a spare has no {seat}, and a template of the workshop needs it"]
    assert problems(project, "count: 2, spares: 2, alias_template: '{workshop}-{n}'") == [
        ".spares: a spare has no {n}, and a template of the workshop needs it"
    ]


def test_a_spare_and_a_member_of_one_name(project: Project) -> None:
    assert problems(project, "members: [spare2], spares: 3") == [
        ".spares: makes a spare spare2, and a member is called so already"
    ]


@pytest.mark.parametrize("spares", ["0", "-1", "10001", "two"])
def test_a_number_of_spares_is_one(project: Project, spares: str) -> None:
    assert len(problems(project, f"count: 1, spares: {spares}")) == 1


@pytest.mark.parametrize(
    ("form", "users"),
    [
        ("user{n:03d}", ["user001", "user002"]),
        ("participant{n:02}", ["participant01", "participant02"]),
        ("{n:02}-seat", ["01-seat", "02-seat"]),
        ("p{n}", ["p1", "p2"]),
        ("x{{y{n}", ["x{y1", "x{y2"]),
    ],
)
def test_user_format(project: Project, form: str, users: list[str]) -> None:
    text = f"workshops: {{w: {{models: [m], count: 2, alias_template: '{{n}}-w', user_format: '{form}'}}}}\n"
    keys = project.keys(text)
    assert [key.member for key in keys.values()] == [Member("w", user, n) for n, user in enumerate(users, 1)]


def test_more_members_than_digits(project: Project) -> None:
    assert aliases(project, "count: 10, user_format: 'p{n:01}'")[-1] == "w-p10"


def test_a_width_in_other_templates(project: Project) -> None:
    keys = project.keys(
        "workshops: {w: {models: [m], count: 1, alias_template: 'w-{n:03}', user_id_template: 'u{n:02d}@x.org'}}\n"
    )
    assert {alias: key.declared["user_id"] for alias, key in keys.items()} == {"w-001": "u01@x.org"}


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            "count: 1, user_format: 'p{n}', user_prefix: q",
            ".user_format: has no effect beside user_prefix: keep one of them",
        ),
        (
            "members: [a], user_format: 'p{n}'",
            ".user_format: has no meaning here: only counted members are named by it",
        ),
        ("count: 1, user_format: p", ".user_format: must hold {n}, or else all members have the same name"),
        (
            "count: 1, user_format: 'p{user}'",
            ".user_format: has the unknown placeholder {user}; there are {n}",
        ),
        (
            "count: 1, user_format: 'p{n:3}'",
            ".user_format: has a format in {n} that is none: a number of three digits is {n:03}",
        ),
        (
            "count: 1, alias_template: 'w-{user:03}'",
            ".alias_template: has a format in {user}: only a number has one, as {n:03}",
        ),
    ],
)
def test_bad_formats(project: Project, fields: str, line: str) -> None:
    assert problems(project, fields) == [line]
