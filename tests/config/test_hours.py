"""``starts_at`` and ``ends_at``: what they mean for the keys of a workshop, and what contradicts them."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.config.conftest import Project

START = "2026-12-01T09:00:00+01:00"
END = "2026-12-01T18:00:00+01:00"
BOTH = f"starts_at: {START}, ends_at: {END}"


def workshop(fields: str, rest: str = "") -> str:
    return f"{rest}workshops: {{w: {{members: [ann, bob], models: [m], {fields}}}}}\n"


def test_the_end_is_that_of_every_key(project: Project) -> None:
    keys = project.keys(workshop(f"ends_at: {END}", "defaults: {duration: 7d}\n"))
    assert [dict(key.declared) for key in keys.values()] == [
        {"models": ["m"], "user_id": f"{name}@example.com", "expires_at": "2026-12-01T17:00:00Z"}
        for name in ("ann", "bob")
    ]
    assert {key.ends_at for key in keys.values()} == {datetime.fromisoformat(END)}
    assert {key.starts_at for key in keys.values()} == {None}


def test_a_member_may_end_otherwise(project: Project) -> None:
    project.write("user,expires_at,duration\nann,2026-12-01T12:00:00Z,\nbob,,2h\neve,,\n", "p.csv")
    text = (
        f"workshops: {{w: {{roster: p.csv, models: [m], ends_at: {END}, overrides: {{eve: {{duration: never}}}}}}}}\n"
    )
    keys = project.keys(text)
    ends = {alias: (key.declared.get("expires_at"), key.declared.get("duration")) for alias, key in keys.items()}
    assert ends == {"w-ann": ("2026-12-01T12:00:00Z", None), "w-bob": (None, "2h"), "w-eve": (None, "never")}
    assert {key.ends_at for key in keys.values()} == {datetime.fromisoformat(END)}


def test_the_start_keeps_its_zone(project: Project) -> None:
    """A plan says it as the config does. Nothing is declared of it: the config does not know what time it is."""
    keys = project.keys(workshop(BOTH))
    assert [key.starts_at.isoformat() for key in keys.values() if key.starts_at] == [START, START]
    assert all("blocked" not in key.declared for key in keys.values())


@pytest.mark.parametrize(
    ("fields", "rest", "opened"),
    [
        pytest.param("blocked: true", "", [], id="all by hand"),
        pytest.param("blocked: false", "", ["w-ann", "w-bob"], id="nobody by hand"),
        pytest.param("overrides: {ann: {blocked: true}}", "", ["w-bob"], id="one by hand"),
        pytest.param("overrides: {ann: {blocked: false}}", "", ["w-bob"], id="one who may begin early"),
        pytest.param("overrides: {ann: {max_budget: 1}}", "", ["w-ann", "w-bob"], id="another override"),
        pytest.param("max_budget: 1", "defaults: {blocked: true}\n", [], id="defaults"),
        pytest.param("max_budget: 1", "defaults: {blocked: false}\n", ["w-ann", "w-bob"], id="defaults that open"),
    ],
)
def test_what_is_said_by_hand_wins(project: Project, fields: str, rest: str, opened: list[str]) -> None:
    keys = project.keys(workshop(f"{BOTH}, {fields}", rest))
    assert [alias for alias, key in keys.items() if key.starts_at] == opened


def test_a_column_of_the_roster_counts_too(project: Project) -> None:
    project.write("user,blocked\nann,true\nbob,false\neve,\n", "p.csv")
    keys = project.keys(f"workshops: {{w: {{roster: p.csv, models: [m], {BOTH}}}}}\n")
    assert [alias for alias, key in keys.items() if key.starts_at] == ["w-eve"]


IGNORED = "has no effect beside ignore_changes: [blocked], by which the keys would stay as they were created"
ZONE = "has no time zone: write it as 2026-12-01T18:00:00+01:00, or with Z for UTC"


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        pytest.param(
            f"duration: 3d, ends_at: {END}",
            ["ends_at: cannot stand beside duration, which says otherwise when the keys end: keep one of them"],
            id="duration",
        ),
        pytest.param(
            f"expires_at: {END}, ends_at: {END}",
            ["ends_at: cannot stand beside expires_at, which says otherwise when the keys end: keep one of them"],
            id="expires_at",
        ),
        pytest.param(f"starts_at: {END}, ends_at: {START}", ["ends_at: must be later than starts_at"], id="reversed"),
        pytest.param(
            f"starts_at: {END}, ends_at: {END}", ["ends_at: must be later than starts_at"], id="no time at all"
        ),
        pytest.param(
            f"starts_at: 2026-12-01T10:00:00+02:00, ends_at: {START}",
            ["ends_at: must be later than starts_at"],
            id="one instant in two zones",
        ),
        pytest.param("ends_at: 2026-12-01T18:00:00", [f"ends_at: '2026-12-01T18:00:00' {ZONE}"], id="no zone"),
        pytest.param(
            "starts_at: 2026-12-01T18:00:00", [f"starts_at: '2026-12-01T18:00:00' {ZONE}"], id="no zone either"
        ),
        pytest.param(
            "starts_at: tomorrow",
            ["starts_at: 'tomorrow' is not an instant: write it as 2026-12-01T18:00:00+01:00"],
            id="no instant",
        ),
        pytest.param(
            f"starts_at: {START}, lifecycle: {{ignore_changes: [blocked]}}",
            [f"starts_at: {IGNORED}"],
            id="changes are ignored",
        ),
    ],
)
def test_contradictions(project: Project, fields: str, problems: list[str]) -> None:
    found = [line.partition(": workshops.w.")[2] for line in project.problems(workshop(fields))]
    assert found == problems


def test_contradictions_are_told_beside_other_problems(project: Project) -> None:
    text = f"workshops: {{w: {{count: 0, models: [m], duration: 1d, ends_at: {END}}}}}\n"
    assert [line.partition(": workshops.w.")[2].partition(" ")[0] for line in project.problems(text)] == [
        "count:",
        "ends_at:",
    ]


def test_only_a_workshop_has_hours(project: Project) -> None:
    (line,) = project.problems(f"keys: {{one: {{models: [m], ends_at: {END}}}}}\n")
    assert line.partition(": keys.one.")[2] == "ends_at: unknown field here: it belongs to a workshop"
