"""``moved``: which moves a config asks for, and what cannot be meant by one."""

from __future__ import annotations

from tests.config.conftest import PROXY, Project
from vkstate.options import Move

KEYS = "defaults: {models: [m]}\nkeys: {new: , newer: }\nworkshops: {autumn: {members: [ann]}}\n"


def moves(project: Project, text: str) -> tuple[Move, ...]:
    """The moves of a config whose line 5 the text begins in."""
    config = project.load(PROXY + KEYS + text)
    assert config.warnings == ()
    return config.moves


def test_keys_and_workshops_move_in_the_order_of_the_config(project: Project) -> None:
    assert moves(
        project,
        "moved:\n"
        "  - {from: old, to: new}\n"
        "  - to: workshop:autumn\n"
        "    from: workshop:spring/1\n"
        "  - {from: 'an odd one!', to: autumn-ann}\n",
    ) == (
        Move("old", "new", "vkstate.yaml:6:5"),
        Move("workshop:spring/1", "workshop:autumn", "vkstate.yaml:7:5"),
        Move("an odd one!", "autumn-ann", "vkstate.yaml:9:5"),
    )


def test_old_entries_may_stay_and_go_on_to_others(project: Project) -> None:
    assert moves(project, "moved: [{from: a1, to: a2}, {from: a2, to: new}, {from: b1, to: new}]\n") == (
        Move("a1", "a2", "vkstate.yaml:5:9"),
        Move("a2", "new", "vkstate.yaml:5:29"),
        Move("b1", "new", "vkstate.yaml:5:50"),
    )


def test_what_moves_to_nothing_is_worth_a_warning(project: Project) -> None:
    """An old entry may outlive the key that it led to, so that it is no error."""
    config = project.load(
        PROXY + KEYS + "moved:\n"
        "  - {from: a, to: newe}\n"
        "  - {from: b, to: xyz}\n"
        "  - {from: workshop:spring, to: workshop:autum}\n"
        "  - {from: c, to: '${env.A}'}\n",
        environ={"A": "newes"},
    )
    old = "is declared nowhere: an old entry may stay, but nothing moves there any more"
    assert config.warnings == (
        "vkstate.yaml:6:15: moved[0].to: is declared nowhere; did you mean newer?",
        f"vkstate.yaml:7:15: moved[1].to: {old}",
        "vkstate.yaml:8:29: moved[2].to: is declared nowhere; did you mean workshop:autumn?",
        f"vkstate.yaml:9:15: moved[3].to: {old}",
    )


def test_names_are_interpolated_and_taken_as_they_are_written(project: Project) -> None:
    config = project.load(
        PROXY
        + "variables: {v: new}\nmoved: [{from: 007, to: '${var.v}'}, {from: true, to: sk-learn-workshop-2024-x}]\n"
    )

    assert [(move.source, move.target) for move in config.moves] == [
        ("007", "new"),
        ("true", "sk-learn-workshop-2024-x"),
    ]


def test_everything_that_cannot_be_meant_is_reported_at_once(project: Project) -> None:
    assert project.problems(
        KEYS + "moved:\n"
        "  - {from: new, to: newer}\n"
        "  - {from: autumn-ann, to: new}\n"
        "  - {from: workshop:autumn, to: workshop:winter}\n"
        "  - {from: x1, to: workshop:autumn}\n"
        "  - {from: workshop:x, to: new}\n"
        "  - {from: y1, to: y1}\n"
        "  - {from: z1, to: z2}\n"
        "  - {from: z1, to: z3}\n"
        "  - {from: z2, to: z4}\n"
        "  - {from: z4, to: z1}\n"
        "  - {form: a}\n"
        "  - {from: '', to: [b], why: c}\n"
        "  - old\n"
        "  - {from: 'workshop:', to: 'workshop:'}\n"
    ) == [
        (
            "vkstate.yaml:6:6: moved[0].from: is still declared, at vkstate.yaml:3:8: take it out there, "
            "or take the move out"
        ),
        (
            "vkstate.yaml:7:6: moved[1].from: is still declared, at vkstate.yaml:4:32: take it out there, "
            "or take the move out"
        ),
        (
            "vkstate.yaml:8:6: moved[2].from: is still declared, at vkstate.yaml:4:13: take it out there, "
            "or take the move out"
        ),
        "vkstate.yaml:9:16: moved[3].to: must be a workshop where from is one, and a key where that is one",
        "vkstate.yaml:10:24: moved[4].to: must be a workshop where from is one, and a key where that is one",
        "vkstate.yaml:11:16: moved[5].to: is the same as from",
        "vkstate.yaml:13:6: moved[7].from: moves a second time; the first is in line 12",
        "vkstate.yaml:15:16: moved[9].to: closes a circle of moves: z4 -> z1 -> z2 -> z4",
        (
            "vkstate.yaml:16:5: moved[10].from: is missing: the alias that the key had, or workshop:NAME; "
            "the config declares nothing under it any more"
        ),
        (
            "vkstate.yaml:16:5: moved[10].to: is missing: the alias that it has now, or workshop:NAME: "
            "a key or workshop of this config"
        ),
        "vkstate.yaml:16:6: moved[10].form: unknown field; did you mean from?",
        "vkstate.yaml:17:6: moved[11].from: must not be empty",
        "vkstate.yaml:17:16: moved[11].to: must be a text, not a list",
        "vkstate.yaml:17:25: moved[11].why: unknown field",
        "vkstate.yaml:18:5: moved[12]: must be a mapping of names and values, not the text 'old'",
        "vkstate.yaml:19:6: moved[13].from: names no workshop: write workshop:NAME",
        "vkstate.yaml:19:25: moved[13].to: names no workshop: write workshop:NAME",
        "vkstate.yaml:19:25: moved[13].to: is the same as from",
    ]


def test_two_keys_cannot_change_places(project: Project) -> None:
    assert project.problems("moved: [{from: a1, to: b1}, {from: b1, to: a1}]\n") == [
        "vkstate.yaml:2:40: moved[1].to: closes a circle of moves: b1 -> a1 -> b1"
    ]


def test_a_key_that_is_declared_though_not_valid_cannot_move_away(project: Project) -> None:
    assert project.problems("keys:\n  dev: {models: [m], max_budget: -1}\nmoved: [{from: dev, to: bot}]\n") == [
        "vkstate.yaml:3:22: keys.dev.max_budget: must not be negative: it is -1",
        (
            "vkstate.yaml:4:10: moved[0].from: is still declared, at vkstate.yaml:3:3: take it out there, "
            "or take the move out"
        ),
    ]


def test_a_glob_means_nothing_in_a_move(project: Project) -> None:
    config = project.load(
        PROXY + "keys: {'a*': {models: [m]}}\nimport: ['a*']\nmoved: [{from: 'b*', to: 'a*'}, {from: c1, to: 'a*'}]\n"
    )

    assert config.warnings == (
        "vkstate.yaml:4:10: moved[0].from: names one key and no more: *, ? and [ are characters like others here",
    )
    assert [move.source for move in config.moves] == ["b*", "c1"]


def test_names_from_outside_are_not_repeated(project: Project) -> None:
    secret = "sk-abcdefghijklmnopqrstuvwx"
    environ = {"A": secret, "B": "hidden"}
    lines = project.problems(
        "moved:\n"
        "  - {from: '${env.A}', to: '${env.B}'}\n"
        "  - {from: '${env.B}', to: '${env.A}'}\n"
        f"  - {{from: {secret}, to: {secret}-2}}\n"
        f"  - {{from: {secret}-2, to: {secret}}}\n",
        environ,
    )

    assert lines == [
        "vkstate.yaml:4:24: moved[1].to: closes a circle of moves",
        "vkstate.yaml:5:6: moved[2].from: moves a second time; the first is in line 3",
    ]
