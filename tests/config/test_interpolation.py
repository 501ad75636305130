"""References to the environment and to variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.conftest import PROXY, Project
from vkstate.attributes import Sensitive
from vkstate.config.interpolation import EnvironmentRef, Filled, Scope, Variable, VariableRef, fill, parts_of
from vkstate.config.places import ConfigError
from vkstate.config.variables import load_var_file

SCOPE = Scope({"SET": "value", "EMPTY": ""}, {"x": Variable("7"), "none": Variable(None), "env": Variable("s", True)})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", ("plain",)),
        ("a$b $5", ("a$b $5",)),
        ("$${env.X}", ("$", "{env.X}")),
        ("a${env.X}b", ("a", EnvironmentRef("X"), "b")),
        ("${env.X:-}", (EnvironmentRef("X", ""),)),
        ("${env.X:-d:-$$e}", (EnvironmentRef("X", "d:-$e"),)),
        ("$$${var.a-b}", ("$", VariableRef("a-b"))),
    ],
)
def test_parts(text: str, parts: tuple[object, ...]) -> None:
    assert parts_of(text) == parts


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "${foo}",
            "${foo} is none of ${env.NAME}, ${env.NAME:-default} and ${var.name}; a literal ${ is written $${",
        ),
        (
            "${ env.X }",
            "${ env.X } is none of ${env.NAME}, ${env.NAME:-default} and ${var.name}; a literal ${ is written $${",
        ),
        (
            "${env.X-d}",
            "${env.X-d} is none of ${env.NAME}, ${env.NAME:-default} and ${var.name}; a literal ${ is written $${",
        ),
        ("${env.X", "${env.X is not closed: a } is missing; a literal ${ is written $${"),
        ("${env.X:-${env.Y}}", "${env.X is not closed: a } is missing; a literal ${ is written $${"),
        ("${", "${ is not closed: a } is missing; a literal ${ is written $${"),
    ],
)
def test_what_is_no_reference_is_an_error(text: str, sentence: str) -> None:
    assert fill(text, SCOPE) == Filled(text, broken=True, problems=(sentence,))


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("a $$ b", Filled("a $ b")),
        ("${env.SET}", Filled("value", tainted=True)),
        ("${env.EMPTY}", Filled("", tainted=True)),
        ("${env.EMPTY:-d}", Filled("d", tainted=True)),
        ("${env.UNSET:-}", Filled("", tainted=True)),
        ("n${var.x}", Filled("n7")),
        ("${var.env}", Filled("s", tainted=True)),
        ("${var.none}", Filled("", broken=True)),
        (
            "${env.UNSET} ${var.y}",
            Filled(
                " ",
                broken=True,
                problems=(
                    "the environment variable UNSET is not set: export it, or give a default: ${env.UNSET:-default}",
                    "there is no variable 'y'; declare it under variables",
                ),
            ),
        ),
        (
            "${var.en}",
            Filled("", broken=True, problems=("there is no variable 'en'; did you mean env?",)),
        ),
    ],
)
def test_fill(text: str, filled: Filled) -> None:
    assert fill(text, SCOPE) == filled


def test_an_unquoted_value_is_typed_after_interpolation_and_a_quoted_one_is_not(project: Project) -> None:
    keys = project.keys(
        "variables: {b: 50, on: 'true', m: 'a'}\n"
        "keys:\n  ${var.m}b:\n    models: ['${var.m}']\n    max_budget: ${var.b}\n    blocked: ${var.on}\n"
        '    metadata: {text: "${var.b}"}\n'
    )

    assert keys["ab"].declared == {
        "duration": "30d",
        "user_id": "ab",
        "models": ["a"],
        "max_budget": 50,
        "blocked": True,
        "metadata.text": "50",
    }


def test_values_from_the_environment_are_sensitive_path_by_path(project: Project) -> None:
    keys = project.keys(
        "variables: {team: '${env.TEAM}'}\n"
        "keys:\n  one:\n    models: [m, '${env.MODEL}']\n    max_budget: ${env.BUDGET}\n    duration: ${env.LIFE}\n"
        "    user_id: ${env.ME:-me}\n    tpm_limit: 5\n    team_id: ${var.team}\n"
        "    metadata: {plain: 1, secret: {deep: ['${env.TEAM}']}, logging: [], callback_settings: {a: 1}}\n"
        "    config: {a: b}\n    extra: {x: '${env.TEAM}', y: 1}\n"
        "workshops:\n  w:\n    members: ['${env.ME:-me}']\n    models: [m]\n    user_domain: ${env.TEAM}.example\n",
        {"MODEL": "m2", "BUDGET": "5", "LIFE": "7d", "TEAM": "t"},
    )

    assert keys["one"].declared == {
        "duration": "7d",
        "user_id": Sensitive("me"),
        "models": Sensitive(["m", "m2"]),
        "max_budget": Sensitive(5),
        "tpm_limit": 5,
        "team_id": Sensitive("t"),
        "metadata.plain": 1,
        "metadata.secret": Sensitive({"deep": ["t"]}),
        "metadata.logging": Sensitive([]),
        "metadata.callback_settings": Sensitive({"a": 1}),
        "config": Sensitive({"a": "b"}),
        "extra.x": Sensitive("t"),
        "extra.y": 1,
    }
    assert keys["w-me"].declared == {"duration": "30d", "models": ["m"], "user_id": Sensitive("me@t.example")}


CANARY = "hunter2-canary"


@pytest.mark.parametrize("made_by", ["user_domain: '${env.X}.example'", "user_id_template: '{user}@${env.X}.example'"])
def test_a_user_id_that_is_made_of_the_environment_is_sensitive(project: Project, made_by: str) -> None:
    keys = project.keys(f"workshops:\n  w:\n    count: 1\n    models: [m]\n    {made_by}\n", {"X": "t"})
    assert keys["w-user1"].declared["user_id"] == Sensitive("user1@t.example")


@pytest.mark.parametrize(
    ("declared", "path"),
    [
        ("metadata: {'${env.S}': 1}", "metadata"),
        ("extra: {'${env.S}': 1}", "extra"),
        ("object_permission: {'${env.S}': [a]}", "object_permission"),
        ("metadata: {a: [{'${env.S}': 1}]}", "metadata.a[0]"),
        ("aliases: {'${env.S}': m}", "aliases"),
        ("aliases: {'${var.v}': m}", "aliases"),
    ],
)
def test_a_name_within_an_attribute_may_not_come_from_the_environment(
    project: Project, declared: str, path: str
) -> None:
    text = f"variables: {{v: '${{env.S}}'}}\nkeys:\n  one:\n    models: [m]\n    {declared}\n"
    [problem] = project.problems(text, {"S": CANARY})
    reference = "${var.v}" if "var.v" in declared else "${env.S}"
    assert problem == (
        f"vkstate.yaml:6:{declared.index(chr(39)) + 5}: keys.one.{path}.{reference}: a name within an attribute cannot "
        "come from the environment, as names are shown and stored: write it out, or use ${var.name} with a variable "
        "that does not come from there"
    )


@pytest.mark.parametrize(
    "text",
    [
        "keys:\n  one: {models: [m], max_budget: '${env.S}'}\n",
        "keys:\n  one: {models: [m], duration: '${env.S}'}\n",
        "keys:\n  one: {models: [m], expires_at: '${env.S}'}\n",
        "keys:\n  one: {models: [m], budget_duration: '${env.S}'}\n",
        "keys:\n  one: {models: [m], key_type: '${env.S}'}\n",
        "keys:\n  one: {models: '${env.S}'}\n",
        "keys:\n  one: {models: [m], metadata: '${env.S}'}\n",
        "keys:\n  one: {models: [m], blocked: '${env.S}'}\n",
        "keys:\n  one: {models: [m], lifecycle: {ignore_changes: ['${env.S}']}}\n",
        "keys:\n  one: {models: [m], '${env.S}': 1}\n",
        "keys:\n  '${env.S} !': {models: [m]}\n",
        "keys:\n  '${env.S}': {models: []}\n",
        "keys:\n  '${env.S}': {models: [m]}\n  hunter2-canary: {models: [m]}\n",
        "workshops:\n  w: {members: ['${env.S}!'], models: [m]}\n",
        "workshops:\n  w: {members: ['${env.S}', '${env.S}'], models: [m]}\n",
        "workshops:\n  w: {members: ['${env.S}'], models: [m], overrides: {hunter: {}}}\n",
        "workshops:\n  w: {members: [a], models: [m], alias_template: '{${env.S}}'}\n",
        "workshops:\n  w: {roster: '${env.S}', models: [m]}\n",
        "workshops:\n  w: {count: '${env.S}', models: [m]}\n",
        "workshops:\n  '${env.S}!': {count: 2, models: [m]}\n",
        "variables: {v: '${env.S}'}\nkeys:\n  one: {models: [m], max_budget: '${var.v}'}\n",
    ],
)
def test_a_sensitive_value_is_never_repeated(project: Project, text: str) -> None:
    error = project.error(PROXY + text, environ={"S": CANARY})

    assert CANARY not in error.detail.replace("keys.hunter2-canary", "")
    assert CANARY not in repr(error.__cause__)


@pytest.mark.parametrize("section", ["url", "timeout", "check_models", "retries", "ca_file", "public_url"])
def test_a_sensitive_setting_of_the_proxy_is_never_repeated(project: Project, section: str) -> None:
    url = "" if section == "url" else "  url: sandbox://\n"

    error = project.error(f"proxy:\n{url}  {section}: '${{env.S}}'\n", environ={"S": CANARY})

    assert [str(problem.where.path) for problem in error.problems] == [f"proxy.{section}"]
    assert CANARY not in error.detail


def test_variables_come_from_the_command_line_then_the_environment_then_the_default(project: Project) -> None:
    text = (
        PROXY
        + "variables:\n  a: {default: 1, description: a limit}\n  b: 1\n  c: 1\n  d: 1.50\n"
        + "keys:\n  kk:\n    models: [m]\n    tpm_limit: ${var.a}\n    rpm_limit: ${var.b}\n    tpd_limit: ${var.c}\n"
        + "    metadata: {d: 'v${var.d}'}\n"
    )

    config = project.load(
        text, variables={"a": "3"}, environ={"VKSTATE_VAR_a": "2", "VKSTATE_VAR_b": "2", "VKSTATE_VAR_zz": "9"}
    )

    assert config.keys[0].declared == {
        "duration": "30d",
        "user_id": "kk",
        "models": ["m"],
        "tpm_limit": 3,
        "rpm_limit": 2,
        "tpd_limit": 1,
        "metadata.d": "v1.50",
    }


def test_every_problem_with_variables_is_reported_once(project: Project) -> None:
    error = project.error(
        PROXY
        + "variables:\n  event:\n  size: {defalt: 5}\n  list: [1]\n  deep: {default: {a: 1}}\n  other: ${var.event}\n"
        + "  1st: 5\n  named: {description: 5, default: 1}\n"
        + "keys:\n  ${var.event}:\n    models: ['${var.event}', '${var.evnt}']\n    tpm_limit: ${var.size}\n",
        variables={"evnet": "x", "zzz": "y"},
    )

    assert error.detail.splitlines() == [
        "vkstate.yaml: there is no variable 'evnet' to give a value to; did you mean event?",
        (
            "vkstate.yaml: there is no variable 'zzz' to give a value to, "
            "and the config declares it nowhere under variables"
        ),
        (
            "vkstate.yaml:3:3: variables.event: has no value: give it a default, or run with --var event=…, "
            "or with VKSTATE_VAR_event set"
        ),
        "vkstate.yaml:4:10: variables.size.defalt: unknown field; did you mean default?",
        "vkstate.yaml:5:3: variables.list: must be a default, or a mapping with default and description",
        "vkstate.yaml:6:10: variables.deep.default: must be a text, a number or a flag, as a variable is",
        "vkstate.yaml:7:3: variables.other: ${var.event} cannot be used here: a variable may not depend on another",
        (
            "vkstate.yaml:8:3: variables.1st: is no name for a variable: it begins with a letter, "
            "and has letters, digits, _ and -"
        ),
        "vkstate.yaml:9:11: variables.named.description: must be a text, not the number 5: write it in quotes",
        "vkstate.yaml:12:30: keys.${var.event}.models[1]: there is no variable 'evnt'; did you mean event?",
    ]


def test_a_file_of_variables_is_taken_as_written(project: Project) -> None:
    project.write("a: ${env.X}\nb: 007\nc: true\nd: '$$'\n", "vars.yaml")

    assert load_var_file(Path("vars.yaml")) == {"a": "${env.X}", "b": "007", "c": "true", "d": "$$"}


def test_an_empty_file_of_variables_gives_none(project: Project) -> None:
    project.write("# none yet\n", "vars.yaml")

    assert load_var_file(Path("vars.yaml")) == {}


def test_a_bad_file_of_variables_names_its_places(project: Project) -> None:
    project.write("a: [1]\nb:\nc: {d: 1}\na: 2\n", "vars.yaml")

    with pytest.raises(ConfigError) as caught:
        load_var_file(Path("vars.yaml"))

    assert caught.value.detail.splitlines() == [
        "vars.yaml:1:1: a: must be a text, a number or a flag",
        "vars.yaml:2:1: b: has no value",
        "vars.yaml:3:1: c: must be a text, a number or a flag",
        "vars.yaml:4:1: a: the name is here a second time; it is already in line 1",
    ]
    assert caught.value.hint == "correct vars.yaml"


@pytest.mark.parametrize(
    ("text", "line"), [("- a\n", "vars.yaml:1:1: a file of variables is a mapping: write each as name: value")]
)
def test_a_file_of_variables_is_a_mapping(project: Project, text: str, line: str) -> None:
    project.write(text, "vars.yaml")

    with pytest.raises(ConfigError) as caught:
        load_var_file(Path("vars.yaml"))

    assert caught.value.detail == line


def test_a_missing_file_of_variables(project: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        load_var_file(Path("vars.yaml"))

    assert (caught.value.summary, caught.value.detail, caught.value.hint) == (
        "the file of variables cannot be read",
        "vars.yaml: there is no such file",
        "name a file that exists: --var-file FILE",
    )
