"""``import``: what is to be taken over, and aliases that only exist already."""

from __future__ import annotations

import pytest

from tests.config.conftest import PROXY, Project

KEYS = "defaults: {models: [m]}\nkeys: {dev: , 12: }\nworkshops: {w: {members: [ann, bob]}}\n"


def test_aliases_globs_and_workshops(project: Project) -> None:
    config = project.load(PROXY + KEYS + "import: [dev, w-ann, 'd*', workshop:w, workshop:w/bob, 12]\n")

    assert config.imports == ("dev", "w-ann", "d*", "workshop:w", "workshop:w/bob", "12")
    assert config.warnings == ()


ODD = [
    "a",
    "two words",
    "-dash-",
    "a/../b",
    "workshop:w",
    "[a-z]*?",
    "é" * 300,
    "tab\tand\nline",
    "sk-abcdefghijklmnopqrstuvwx",
]


@pytest.mark.parametrize("alias", ODD)
def test_an_alias_that_import_names_may_have_any_form(project: Project, alias: str) -> None:
    text = f"keys:\n  {_quoted(alias)}: {{models: [m]}}\nimport:\n  - {_quoted(alias)}\n"
    config = project.load(PROXY + text)

    assert [key.alias for key in config.keys] == [alias]
    assert config.imports == (alias,)


def _quoted(alias: str) -> str:
    return '"' + alias.replace("\t", "\\t").replace("\n", "\\n") + '"'


def test_a_glob_gives_no_leave(project: Project) -> None:
    assert project.problems("keys: {two words: {models: [m]}}\nimport: ['two*']\n") == [
        (
            "vkstate.yaml:2:8: keys.'two words': is no alias, since it holds ' ': an alias is made of A-Z a-z 0-9 _ . "
            "/ @ and -"
        )
    ]


def test_members_of_a_workshop_with_an_odd_name_are_judged_one_by_one(project: Project) -> None:
    workshop = "workshops:\n  my ws: {members: [ann, bob], models: [m]}\n"

    assert list(project.keys(workshop + "import: [my ws-ann, my ws-bob]\n")) == ["my ws-ann", "my ws-bob"]
    assert project.problems(workshop + "import: [my ws-ann]\n") == [
        (
            "vkstate.yaml:3:26: workshops.'my ws'.members[1]: the alias 'my ws-bob' made of it is no alias, "
            "since it holds ' ': an alias is made of A-Z a-z 0-9 _ . / @ and -"
        )
    ]


def test_everything_that_cannot_be_meant_is_reported_at_once(project: Project) -> None:
    assert project.problems(
        KEYS + "import: [dve, old key, workshop:v, dev, dev, '', ~, [x], {a: b}, sk-abcdefghijklmnopqrstuvwx]\n"
    ) == [
        "vkstate.yaml:5:10: import[0]: names 'dve', which is declared nowhere; did you mean dev?",
        (
            "vkstate.yaml:5:15: import[1]: names 'old key', which is declared nowhere: declare it under keys, "
            "or take it out here and run: vkstate import 'old key' --write-config"
        ),
        (
            "vkstate.yaml:5:24: import[2]: names 'workshop:v', which is declared nowhere: declare it under keys, "
            "or take it out here and run: vkstate import workshop:v --write-config"
        ),
        "vkstate.yaml:5:41: import[4]: is here a second time; the first is in line 5",
        "vkstate.yaml:5:46: import[5]: must be the alias of a key, or a glob",
        "vkstate.yaml:5:50: import[6]: must be the alias of a key, or a glob",
        "vkstate.yaml:5:53: import[7]: must be the alias of a key, or a glob",
        "vkstate.yaml:5:58: import[8]: must be the alias of a key, or a glob",
        (
            "vkstate.yaml:5:66: import[9]: names a key, which is declared nowhere: declare it under keys, or "
            "take it out here and run: vkstate import ALIAS --write-config"
        ),
    ]


def test_a_glob_that_matches_nothing_is_a_warning(project: Project) -> None:
    assert project.load(PROXY + KEYS + "import: ['x*', 'd*']\n").warnings == (
        "vkstate.yaml:5:10: import[0]: matches none of the keys that are declared here",
    )


def test_a_key_value_may_not_come_from_a_variable(project: Project) -> None:
    [line] = project.problems(
        "variables: {v: '${env.K}'}\nimport: ['${var.v}']\n", {"K": "sk-abcdefghijklmnopqrstuvwx"}
    )
    assert line == (
        "vkstate.yaml:3:10: import[0]: names a key, which is declared nowhere: declare it under keys, or take it out "
        "here and run: vkstate import ALIAS --write-config"
    )
    error = project.error(PROXY + "variables: {v: }\nimport: ['${var.v}']\n", variables={"v": "sk-" + 20 * "a"})
    assert error.detail == (
        "vkstate.yaml:3:10: import[0]: the value of a variable stands here, and this looks like a key value, and none "
        "may stand in a config: revoke it if anybody else has seen it, and write ${env.NAME} where a secret is needed"
    )


def test_a_name_from_outside_is_not_repeated(project: Project) -> None:
    assert project.problems("keys: {hidden-1: {models: [m]}}\nimport: ['${env.A}']\n", {"A": "hidden"}) == [
        (
            "vkstate.yaml:3:10: import[0]: names a key, which is declared nowhere: declare it under keys, or take it "
            "out here and run: vkstate import ALIAS --write-config"
        )
    ]


def test_what_has_no_value_is_reported_once(project: Project) -> None:
    assert project.problems(
        "moved: '${var.x}'\nremoved: [{alias: '${var.x}'}]\nimport: ['${var.x}']\nsafety: {min_keys: '${var.x}'}\n"
    ) == [
        "vkstate.yaml:2:1: moved: there is no variable 'x'; declare it under variables",
        "vkstate.yaml:3:12: removed[0].alias: there is no variable 'x'; declare it under variables",
        "vkstate.yaml:4:10: import[0]: there is no variable 'x'; declare it under variables",
        "vkstate.yaml:5:10: safety.min_keys: there is no variable 'x'; declare it under variables",
    ]


INCOMPLETE = {
    "a name that cannot be read": "keys: {'${var.x}': {models: [m]}}\n",
    "people that are not told": "workshops: {w: {models: [m]}}\n",
    "people that cannot be read": "workshops: {w: {members: ['${var.x}'], models: [m]}}\n",
    "a template that is none": "workshops: {w: {members: [a], models: [m], alias_template: '{'}}\n",
    "a roster with a bad line": "workshops: {w: {roster: p.csv, models: [m]}}\n",
    "an empty cell": "workshops: {w: {roster: q.csv, models: [m], alias_template: 'w-{seat}'}}\n",
    "counted members that clash": "keys: {w-user1: {models: [m]}}\nworkshops: {w: {count: 2, models: [m]}}\n",
}


@pytest.mark.parametrize("text", INCOMPLETE.values(), ids=INCOMPLETE)
def test_nothing_is_said_of_names_while_not_all_keys_are_known(project: Project, text: str) -> None:
    project.write("user,seat\nann\n", "p.csv")
    project.write("user,seat\nann,\n", "q.csv")

    assert len(project.problems(f"{text}import: [w-ann, 'x*']\n")) == 1


def test_a_key_that_is_declared_though_not_valid_is_known(project: Project) -> None:
    assert project.problems("keys: {dev: {models: [m], max_budget: -1}}\nimport: [dev]\n") == [
        "vkstate.yaml:2:27: keys.dev.max_budget: must not be negative: it is -1"
    ]
