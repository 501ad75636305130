"""Workshops: who is in one, what each member declares, and everything that is wrong with one."""

from __future__ import annotations

import pytest

from tests.config.conftest import Project
from vkstate.attributes import Value
from vkstate.keys import Alias, DesiredKey, Member


def test_counted_members_have_the_names_of_the_ansible_collection(project: Project) -> None:
    keys = project.keys(
        "variables: {event: ai-workshop-2024}\n"
        "workshops:\n  ${var.event}:\n    count: 11\n    user_prefix: participant\n"
        "    user_domain: workshop.example.com\n"
        "    models: [gpt-4]\n    duration: 3d\n    max_budget: 50\n"
        "    overrides: {participant7: {max_budget: 100, lifecycle: {prevent_destroy: true}}}\n"
    )

    shared: dict[str, Value] = {"models": ["gpt-4"], "max_budget": 50, "duration": "3d"}
    assert list(keys) == [f"ai-workshop-2024-participant{number}" for number in range(1, 12)]
    assert keys["ai-workshop-2024-participant11"] == DesiredKey(
        Alias("ai-workshop-2024-participant11"),
        shared | {"user_id": "participant11@workshop.example.com"},
        "vkstate.yaml:4:3",
        Member("ai-workshop-2024", "participant11", 11),
    )
    assert keys["ai-workshop-2024-participant7"] == DesiredKey(
        Alias("ai-workshop-2024-participant7"),
        shared | {"user_id": "participant7@workshop.example.com", "max_budget": 100},
        "vkstate.yaml:4:3",
        Member("ai-workshop-2024", "participant7", 7),
        prevent_destroy=True,
    )


def test_named_members(project: Project) -> None:
    keys = project.keys(
        "defaults: {user_id: everybody, max_budget: 1, expires_at: '2030-01-01T00:00:00Z'}\n"
        "workshops:\n  w:\n    members:\n      - alice\n      - bob\n    models: [m]\n"
        "    overrides:\n      bob: {user_id: bob@corp.example, duration: never}\n"
    )

    assert keys == {
        "w-alice": DesiredKey(
            Alias("w-alice"),
            {"models": ["m"], "max_budget": 1, "user_id": "alice@example.com", "expires_at": "2030-01-01T00:00:00Z"},
            "vkstate.yaml:6:9",
            Member("w", "alice"),
        ),
        "w-bob": DesiredKey(
            Alias("w-bob"),
            {"models": ["m"], "max_budget": 1, "user_id": "bob@corp.example", "duration": "never"},
            "vkstate.yaml:7:9",
            Member("w", "bob"),
        ),
    }


def test_members_are_named_as_it_is_written(project: Project) -> None:
    keys = project.keys(
        "workshops:\n  w: {members: [7, 007, 1.10, true, no], models: [m], overrides: {007: {max_budget: 1}}}\n"
    )

    assert {alias: key.declared.get("max_budget") for alias, key in keys.items()} == {
        "w-7": None,
        "w-007": 1,
        "w-1.10": None,
        "w-no": None,
        "w-true": None,
    }


def test_templates(project: Project) -> None:
    keys = project.keys(
        "workshops:\n  w:\n    count: 2\n    models: [m]\n    alias_template: 'x-{n}.{workshop}'\n"
        "    user_id_template: '{{{user}}}'\n"
        "  v:\n    members: [a]\n    models: [m]\n    user_id: shared\n"
    )

    assert {alias: key.declared["user_id"] for alias, key in keys.items()} == {
        "v-a": "shared",
        "x-1.w": "{user1}",
        "x-2.w": "{user2}",
    }


def test_a_roster(project: Project) -> None:
    project.write(
        "user,email,max_budget,models,duration,seat,name,blocked\n"
        'ann,ann@corp.example,5,"m1; m2",,A1,"Ann, the first",true\n'
        "\n"
        "bob,,,,7d,,Bob,\n"
        ",,,,,,,\n",
        "participants.csv",
    )

    keys = project.keys(
        "workshops:\n  w:\n    roster: participants.csv\n    models: [m]\n    max_budget: 1\n    blocked: false\n"
        "    overrides: {ann: {max_budget: 9}}\n    alias_template: '{workshop}.{user}'\n"
    )

    assert keys == {
        "w.ann": DesiredKey(
            Alias("w.ann"),
            {
                "models": ["m1", "m2"],
                "max_budget": 9,
                "user_id": "ann@corp.example",
                "duration": "30d",
                "blocked": True,
            },
            "participants.csv:2",
            Member("w", "ann"),
            details={"email": "ann@corp.example", "seat": "A1", "name": "Ann, the first"},
        ),
        "w.bob": DesiredKey(
            Alias("w.bob"),
            {"models": ["m"], "max_budget": 1, "user_id": "bob@example.com", "duration": "7d", "blocked": False},
            "participants.csv:4",
            Member("w", "bob"),
            details={"name": "Bob"},
        ),
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_roster_as_spreadsheets_write_it(project: Project, delimiter: str, end: str, mark: bytes) -> None:
    lines = [["user", "name, in full", "seat"], ["ann", "Ännchen", "1"], ["bob", "B", "2"], ["", "", ""]]
    text = end.join(delimiter.join(f'"{cell}"' for cell in line) for line in lines) + end
    project.write(mark + text.encode(), "p.csv")

    keys = project.keys("workshops: {w: {roster: p.csv, models: [m]}}\n")

    assert {alias: dict(key.details) for alias, key in keys.items()} == {
        "w-ann": {"name, in full": "Ännchen", "seat": "1"},
        "w-bob": {"name, in full": "B", "seat": "2"},
    }


def test_a_cell_fills_a_placeholder_and_must_then_be_there(project: Project) -> None:
    project.write("user,seat\nann,A1\nbob,\n", "p.csv")

    assert project.problems("workshops: {w: {roster: p.csv, models: [m], user_id_template: '{user}+{seat}@x'}}\n") == [
        "p.csv:3: the cell seat is empty, and a template of the workshop needs it"
    ]


def test_a_column_that_may_be_a_slip_is_a_warning(project: Project) -> None:
    project.write("user,max_bugdet,seat\nann,5,A1\n", "p.csv")

    config = project.load("proxy: {url: 'sandbox://'}\nworkshops: {w: {roster: p.csv, models: [m]}}\n")

    assert config.warnings == (
        "p.csv:1: the column 'max_bugdet' is only carried to the handout: name it max_budget if that is what is meant",
    )


def test_a_slip_beside_the_right_column_is_a_warning_too(project: Project) -> None:
    project.write("user,max_budget,max_bugdet,e-mail,emial,seat\nann,5,6,A1,a@example.com,7\n", "p.csv")

    config = project.load("proxy: {url: 'sandbox://'}\nworkshops: {w: {roster: p.csv, models: [m]}}\n")

    assert config.warnings == (
        "p.csv:1: the column 'max_bugdet' is only carried to the handout: did you mean max_budget, which is here too?",
        "p.csv:1: the column 'e-mail' is only carried to the handout: name it email if that is what is meant",
        "p.csv:1: the column 'emial' is only carried to the handout: name it email if that is what is meant",
    )


ROSTERS = {
    "empty": ("", ["p.csv:1: the roster is empty: its first line names the columns, one of them user"]),
    "nobody": ("user,email\n", ["p.csv:1: the roster names nobody: below its header there is no line"]),
    "no user": ("name;email\nx;y\n", ["p.csv:1: there is no column named user, only 'name' and 'email'"]),
    "users": (
        "users,email\nx,y\n",
        ["p.csv:1: there is no column named user, only 'users' and 'email'; should 'users' be it?"],
    ),
    "case": (
        "User,Max_Budget\nx,1\n",
        [
            "p.csv:1: the column 'User' is written user",
            "p.csv:1: the column 'Max_Budget' is written max_budget",
        ],
    ),
    "twice": ("user,seat,seat\nx,1,2\n", ["p.csv:1: the column 'seat' is here twice"]),
    "key value as a column": (
        "user,sk-abcdefghijklmnopqrstuvwx\nx,1\n",
        [
            (
                "p.csv:1: column 2: this looks like a key value, and none may stand in a config: "
                "revoke it if anybody else has seen it, and write ${env.NAME} where a secret is needed"
            )
        ],
    ),
    "nameless": ("user,\nx,1\n", ["p.csv:1: column 2 has no name"]),
    "object": (
        "user,metadata\nx,1\n",
        ["p.csv:1: the column 'metadata' cannot stand in a roster: give metadata under overrides"],
    ),
    "part of an object": (
        "user,metadata.team\nx,1\n",
        ["p.csv:1: the column 'metadata.team' cannot stand in a roster: give metadata under overrides"],
    ),
    "two ids": (
        "user,email,user_id\nx,1,2\n",
        ["p.csv:1: email and user_id both say what the user_id is: keep one of the columns"],
    ),
    "cells": (
        "user,seat\nx\ny,1,2\n",
        [
            "p.csv:2: the number of cells here is 1, and that of columns 2",
            "p.csv:3: the number of cells here is 3, and that of columns 2",
        ],
    ),
    "nameless person": ("user,seat\n,1\n", ["p.csv:2: user: must not be empty"]),
    "the same person": ("user\nx1\ny1\nx1\n", ["p.csv:4: user: 'x1' is already in line 2"]),
    "no alias": (
        "user\nAnn Ö\n",
        [
            (
                "p.csv:2: the alias 'w-Ann Ö' made of it is no alias, since it holds ' ' and 'Ö': "
                "an alias is made of A-Z a-z 0-9 _ . / @ and -"
            ),
        ],
    ),
    "values": (
        "user,max_budget,duration,tpm_limit,blocked\nx1,5€,3,1.5,yes\n",
        [
            "p.csv:2: max_budget: must be a number, not the text '5€'",
            (
                "p.csv:2: duration: '3' is not a duration: "
                "write one whole number and one unit of s, m, h, d or w, such as 3d or 3h"
            ),
            "p.csv:2: tpm_limit: must be a whole number, not the number 1.5",
            "p.csv:2: blocked: must be true or false, not the text 'yes': YAML 1.2 reads only true and false as flags",
        ],
    ),
    "infinite": (
        "user,max_budget\nx1,.inf\n",
        ["p.csv:2: max_budget: infinity and not-a-number are not numbers that LiteLLM takes"],
    ),
    "both ends": (
        "user,duration,expires_at\nx1,3d,2030-01-01T00:00Z\n",
        ["p.csv:2: expires_at: duration and expires_at both say when the key ends: keep one of them"],
    ),
    "quotes": ('user\nx1\n"y1\n', ["p.csv:3: this is not CSV: unexpected end of data; mind the quotes"]),
    "key value": (
        "user,note\nx1,sk-abcdefghijklmnopqrstuvwx\n",
        [
            (
                "p.csv:2: note: this looks like a key value, and none may stand in a config: "
                "revoke it if anybody else has seen it, and write ${env.NAME} where a secret is needed"
            )
        ],
    ),
}


@pytest.mark.parametrize(("roster", "lines"), ROSTERS.values(), ids=ROSTERS)
def test_a_bad_roster_is_named_line_by_line(project: Project, roster: str, lines: list[str]) -> None:
    project.write(roster, "p.csv")

    problems = project.problems("workshops: {w: {roster: p.csv, models: [m]}}\n")

    assert sorted(problems) == sorted(lines)


def test_a_roster_that_is_not_there(project: Project) -> None:
    assert project.problems("workshops: {w: {roster: p.csv, models: [m]}}\n") == [
        "vkstate.yaml:2:17: workshops.w.roster: p.csv: there is no such file"
    ]


def test_a_roster_that_is_a_directory(project: Project) -> None:
    (project.directory / "people").mkdir()

    assert project.problems("workshops: {w: {roster: people, models: [m]}}\n") == [
        "vkstate.yaml:2:17: workshops.w.roster: people: this is a directory"
    ]


def test_a_roster_in_latin1(project: Project) -> None:
    project.write("user,name\nann,Ännchen\n".encode("latin-1"), "p.csv")

    error = project.error("proxy: {url: 'sandbox://'}\nworkshops: {w: {roster: p.csv, models: [m]}}\n")

    assert error.detail == "p.csv:2:5: this is not UTF-8: save the file as UTF-8 text"
    assert error.hint == "correct p.csv, then run: vkstate validate"


WORKSHOPS = {
    "zero": ("{count: 0, models: [m]}", ["7: workshops.w.count: must be at least 1: it is 0"]),
    "huge": ("{count: 10001, models: [m]}", ["7: workshops.w.count: must be at most 10000: it is 10001"]),
    "nobody": (
        "{members: [], models: [m]}",
        ["7: workshops.w.members: must name at least one member; to end a workshop, take it out of the config"],
    ),
    "no way": (
        "{models: [m]}",
        ["3: workshops.w: must have exactly one of count, members and roster, which say who is in it: it has none"],
    ),
    "two ways": (
        "{count: 1, members: [a], models: [m]}",
        [
            (
                "3: workshops.w: must have exactly one of count, members and roster, which say who is in it: "
                "it has count and members"
            )
        ],
    ),
    "twice": (
        "{members: [a, b, a], models: [m]}",
        ["23: workshops.w.members[2]: is here a second time; the first is in line 3"],
    ),
    "no names": (
        "{members: [~, [a], ' '], models: [m]}",
        [
            "17: workshops.w.members[0]: must be a text, not nothing",
            "20: workshops.w.members[1]: must be a text, not a list",
            "25: workshops.w.members[2]: must not be empty",
        ],
    ),
    "the same as written": (
        "{members: [1, '1'], models: [m]}",
        ["20: workshops.w.members[1]: is here a second time; the first is in line 3"],
    ),
    "prefix": (
        "{members: [a], models: [m], user_prefix: p}",
        ["34: workshops.w.user_prefix: has no meaning here: only counted members are named by it"],
    ),
    "domain": (
        "{members: [a], models: [m], user_domain: '@x'}",
        ["34: workshops.w.user_domain: must be a domain such as workshop.example.com, without the @"],
    ),
    "unused domain": (
        "{members: [a], models: [m], user_domain: x, user_id_template: '{user}'}",
        ["34: workshops.w.user_domain: has no effect beside user_id_template: keep one of them"],
    ),
    "unused template": (
        "{members: [a], models: [m], user_id: x, user_id_template: '{user}'}",
        ["46: workshops.w.user_id_template: has no effect beside user_id: keep one of them"],
    ),
    "unused domain beside an id": (
        "{members: [a], models: [m], user_id: x, user_domain: y}",
        ["46: workshops.w.user_domain: has no effect beside user_id: keep one of them"],
    ),
    "unknown placeholder": (
        "{members: [a], models: [m], alias_template: '{usr}'}",
        [
            (
                "34: workshops.w.alias_template: has the unknown placeholder {usr}; did you mean user?; "
                "there are {user} or {workshop}"
            )
        ],
    ),
    "n without count": (
        "{members: [a], models: [m], alias_template: '{user}{n}'}",
        ["34: workshops.w.alias_template: has the unknown placeholder {n}; there are {user} or {workshop}"],
    ),
    "format": (
        "{count: 1, models: [m], alias_template: '{n:>3}'}",
        ["30: workshops.w.alias_template: has a format in {n} that is none: a number of three digits is {n:03}"],
    ),
    "brace": (
        "{count: 1, models: [m], user_id_template: '{n'}",
        [
            (
                "30: workshops.w.user_id_template: has an unmatched brace: "
                "a placeholder is {name}, a literal brace is written twice"
            )
        ],
    ),
    "one alias": (
        "{count: 2, models: [m], alias_template: '{workshop}'}",
        ["30: workshops.w.alias_template: must hold {user}, or else all members have the same alias"],
    ),
    "counted badly": (
        "{count: 2, models: [m], user_prefix: 'p '}",
        [
            (
                "3: workshops.w: the alias 'w-p 1' made of it is no alias, since it holds ' ': "
                "an alias is made of A-Z a-z 0-9 _ . / @ and -"
            )
        ],
    ),
    "overrides": (
        "{members: [alice], models: [m], overrides: {alcie: {}, bob: 5}}",
        [
            "50: workshops.w.overrides.alcie: there is no such member in the workshop; did you mean alice?",
            "61: workshops.w.overrides.bob: must be a mapping of names and values, not the number 5",
            "61: workshops.w.overrides.bob: there is no such member in the workshop",
        ],
    ),
    "overrides that are none": (
        "{members: [alice], models: [m], overrides: [a]}",
        ["38: workshops.w.overrides: must be a mapping, with one entry for each member that differs"],
    ),
    "a bad override": (
        "{members: [a], models: [m], overrides: {a: {models: [], auto_rotate: true}}}",
        [
            (
                "50: workshops.w.overrides.a.models: must not be empty, which LiteLLM reads as all models: "
                "name the models, or write [all-proxy-models] where that is meant"
            )
        ],
    ),
    "a contradicting override": (
        "{members: [a], models: [m], overrides: {a: {auto_rotate: true}}}",
        [
            (
                "50: workshops.w.overrides.a.auto_rotate: needs a rotation_interval beside it: "
                "LiteLLM drops one without the other"
            )
        ],
    ),
    "all at once": (
        "{members: [a, a], max_budget: -1, user_prefix: p, overrides: {b: {max_bugdet: 1}}}",
        [
            "20: workshops.w.members[1]: is here a second time; the first is in line 3",
            "24: workshops.w.max_budget: must not be negative: it is -1",
            "40: workshops.w.user_prefix: has no meaning here: only counted members are named by it",
            "68: workshops.w.overrides.b: there is no such member in the workshop",
            "72: workshops.w.overrides.b.max_bugdet: unknown field; did you mean max_budget?",
        ],
    ),
}


@pytest.mark.parametrize(("workshop", "lines"), WORKSHOPS.values(), ids=WORKSHOPS)
def test_a_bad_workshop(project: Project, workshop: str, lines: list[str]) -> None:
    found = project.problems(f"workshops:\n  w: {workshop}\n")

    assert [line.removeprefix("vkstate.yaml:3:") for line in found] == lines


def test_a_bad_name_is_reported_once_and_not_for_each_member(project: Project) -> None:
    assert project.problems("workshops:\n  my ws: {count: 100, models: [m]}\n") == [
        "vkstate.yaml:3:3: 'my ws'".replace("3: '", "3: workshops.'")
        + ": cannot be part of an alias: is no alias, since it holds ' ': an alias is made of A-Z a-z 0-9 _ . / @ and -"
    ]


def test_overrides_of_single_members_are_checked_with_what_they_share(project: Project) -> None:
    keys = project.keys(
        "workshops:\n  w:\n    count: 2\n    models: [m]\n    rotation_interval: 7d\n    auto_rotate: true\n"
        "    lifecycle: {ignore_changes: [models]}\n"
        "    overrides: {user1: {rotation_interval: 1d}, user2: }\n"
    )

    assert [(key.declared["rotation_interval"], key.ignore_changes) for key in keys.values()] == [
        ("1d", frozenset({"models"})),
        ("7d", frozenset({"models"})),
    ]
