"""Reading YAML: what is not YAML is explained, and what is has YAML 1.2's meaning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.config.conftest import PROXY, Project
from vkstate.config.loader import load
from vkstate.config.places import ConfigError, ConfigMissing
from vkstate.config.source import decode

IN_FLOW = (
    'within [ ] and { } an interpolation is written in quotes: "${var.name}"; one that stands for a number or a flag '
    "without them, on a line of its own, as in: max_budget: ${var.name}"
)
SYNTAX = {
    "tab as indentation": (
        "proxy:\n\turl: x\n",
        "vkstate.yaml:2:1: a tab stands here: YAML indents and separates with spaces only",
    ),
    "tab after a colon": (
        "proxy:\tx\n",
        "vkstate.yaml:1:7: a tab stands here: YAML indents and separates with spaces only",
    ),
    "at sign": ("a: @b\n", "vkstate.yaml:1:4: a text that begins with @ is written in quotes"),
    "two colons": (
        "a: b: c\n",
        "vkstate.yaml:1:5: a ': ' is not expected here: mind the indentation, or quote the text",
    ),
    "no colon": (
        "a: 1\nb\nc: 3\n",
        "vkstate.yaml:2:1: a name without its ': ' stands here: a field is written as name: value",
    ),
    "indentation": ("a:\n    b: 1\n  c: 2\n", "vkstate.yaml:3:3: the indentation does not fit the lines above"),
    "open quote": ("a: 'b\nc: d\n", "vkstate.yaml:1:4: the quote that opens here is not closed"),
    "open list": (
        "models: [a, b\nkeys:\n  a: b\n",
        "vkstate.yaml:2:5: a ',' or a closing ] is missing before this place; it opens in line 1",
    ),
    "interpolation in a list": (
        "models: [${var.x}]\n",
        f"vkstate.yaml:1:11: {IN_FLOW}",
    ),
    "interpolation in a mapping": (
        "a: {b: ${env.x}}\n",
        f"vkstate.yaml:1:9: {IN_FLOW}",
    ),
    "unquoted template": (
        "alias_template: {workshop}-{user}\n",
        "vkstate.yaml:1:27: a text that begins with { is written in quotes",
    ),
    "bare star": ("models: [*]\n", "vkstate.yaml:1:11: a text that begins with * or & is written in quotes"),
    "unknown anchor": (
        "models: *all\n",
        (
            "vkstate.yaml:1:9: *all refers to an anchor &all that is not above; "
            "a text that begins with * is written in quotes"
        ),
    ),
    "anchor within itself": (
        "a: &a [*a]\n",
        "vkstate.yaml:1:8: *a stands within its own anchor &a, so that it would hold itself",
    ),
    "merge of a text": (
        "a: {<<: b}\n",
        "vkstate.yaml:1:5: << merges mappings: write <<: *anchor or <<: [*one, *other]",
    ),
    "backslash": (
        'a: "\\q"\n',
        "vkstate.yaml:1:6: a backslash in double quotes begins an escape: double it or use single quotes",
    ),
    "impossible character": ('a: "\\UFFFFFFFF"\n', "vkstate.yaml:1:1: what follows this place cannot be read as YAML"),
    "control character": (
        "a: 1\nb: \x07\n",
        "vkstate.yaml:2:4: a control character stands here, which YAML does not take",
    ),
    "two documents": (
        "proxy: {}\n---\nproxy: {}\n",
        "vkstate.yaml:2:1: a second document begins here (---): a config is one document",
    ),
    "conflict": (
        "proxy:\n<<<<<<< HEAD\n  url: a\n=======\n  url: b\n>>>>>>> theirs\n",
        "vkstate.yaml:2:1: a git conflict marker stands here: resolve the conflict first",
    ),
    "undefined tag": ("a: !e!x b\n", "vkstate.yaml:1:4: a text that begins with ! is written in quotes"),
    "folding": ("a: >x\n  b\n", "vkstate.yaml:1:5: a text that begins with | or > is written in quotes"),
    "anything else": ("a: !<x y\n", "vkstate.yaml:1:7: this is not YAML: mind the indentation and the quotes"),
    "too deep": ("[" * 60, "vkstate.yaml:1:51: values are nested more than 50 deep here"),
}


@pytest.mark.parametrize(("text", "line"), SYNTAX.values(), ids=SYNTAX)
def test_an_error_of_syntax_is_one_line_in_plain_words(project: Project, text: str, line: str) -> None:
    error = project.error(text)

    assert error.detail == line
    assert error.hint == "correct vkstate.yaml, then run: vkstate validate"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\n\n", "null\n"])
def test_an_empty_config_is_an_error(project: Project, text: str) -> None:
    error = project.error(text)

    assert error.detail == "vkstate.yaml:1:1: the config is empty: it says at least where the proxy is (proxy: url)"
    assert error.hint == "vkstate init, in an empty directory, writes a config to begin with"


@pytest.mark.parametrize(("text", "what"), [("just words\n", "a text"), ("- a\n- b\n", "a list")])
def test_a_config_is_a_mapping(project: Project, text: str, what: str) -> None:
    assert project.error(text).detail == (
        f"vkstate.yaml:1:1: the config is {what}: it must be a mapping with proxy, and with keys or workshops"
    )


def test_a_missing_file_leads_to_init(project: Project) -> None:
    with pytest.raises(ConfigMissing) as caught:
        load(Path("vkstate.yaml"), variables={}, environ={})

    assert caught.value.summary == "the config cannot be read"
    assert caught.value.detail == "vkstate.yaml: there is no such file"
    assert caught.value.hint == "vkstate init, or name the config: --config FILE"


def test_a_directory_is_not_a_config(project: Project) -> None:
    with pytest.raises(ConfigError) as caught:
        load(project.directory, variables={}, environ={})

    assert caught.value.detail == f"{project.directory}: this is a directory"


def test_text_that_is_not_utf8_has_a_place(project: Project) -> None:
    error = project.error(b"proxy:\n  url: caf\xe9\n")

    assert error.detail == "vkstate.yaml:2:11: this is not UTF-8: save the file as UTF-8 text"
    assert error.hint == "file vkstate.yaml, which tells the encoding; then save it as UTF-8"


def test_utf16_is_not_utf8() -> None:
    with pytest.raises(ConfigError) as caught:
        decode("proxy: {}".encode("utf-16"), "vkstate.yaml")

    assert str(caught.value.problems[0].where) == "vkstate.yaml:1:1"


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text(project: Project) -> None:
    config = project.load(b"\xef\xbb\xbfproxy:\r\n  url: sandbox://\r\n  retries: 5\r\n")

    assert config.proxy.retries == 5


def test_aliases_and_merge_keys_share_what_is_written_once(project: Project) -> None:
    keys = project.keys(
        "defaults: &shared\n  metadata: {team: a}\n"
        "keys:\n"
        "  one: &one {models: [m1], max_budget: 5, metadata: {own: 1}}\n"
        "  two: {<<: *one, max_budget: 7}\n"
        "  three: {<<: [{models: [m2]}, *one], metadata: *m}\n".replace("metadata: *m", "tpm_limit: 3")
    )

    assert {alias: key.declared["models"] for alias, key in keys.items()} == {
        "one": ["m1"],
        "three": ["m2"],
        "two": ["m1"],
    }
    assert keys["two"].declared["max_budget"] == 7
    assert keys["three"].declared["max_budget"] == 5


def test_an_error_in_an_anchor_is_reported_once_though_it_is_used_twice(project: Project) -> None:
    problems = project.problems("keys:\n  one: &a {models: [m], max_budget: -1}\n  two: *a\n  three: {<<: *a}\n")

    assert problems == ["vkstate.yaml:3:25: keys.one.max_budget: must not be negative: it is -1"]


def test_yaml_12_reads_words_and_clocks_as_texts(project: Project) -> None:
    keys = project.keys(
        "keys:\n  one:\n    models: [m]\n    metadata:\n"
        "      a: no\n      b: on\n      c: 1:20\n      d: 0o17\n      e: 2026-01-01\n      f: 1_000\n      g: 1e3\n"
        "      h: ~\n      i: True\n      j: '5'\n      k: 0x1F\n      l: .5\n"
        "      m: !!str 5\n      n: ! 6\n      o: y\n"
    )

    assert {path[9:]: value for path, value in keys["one"].declared.items() if path.startswith("metadata.")} == {
        "a": "no", "b": "on", "c": "1:20", "d": 15, "e": "2026-01-01", "f": "1_000", "g": 1000, "h": None, "i": True,
        "j": "5", "k": 31, "l": 0.5, "m": "5", "n": "6", "o": "y",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (".inf", "infinity and not-a-number are not numbers that LiteLLM takes"),
        (".nan", "infinity and not-a-number are not numbers that LiteLLM takes"),
        ("1e999", "the number is too large"),
        ("9" * 400, "the number is too large"),
        ("!!binary aGk=", "the tag !!binary has no meaning in a config"),
        ("!secret x", "the tag !secret has no meaning in a config"),
        ('"\\0"', "the text holds a NUL character, which LiteLLM's database cannot store"),
        ('"\\ud800"', "the text holds half a character (a lone surrogate)"),
    ],
)
def test_a_value_that_litellm_cannot_keep_is_an_error(project: Project, value: str, sentence: str) -> None:
    assert project.problems(
        f"keys:\n  one: {{models: [m]}}\n  two:\n    models: [m]\n    metadata:\n      x: {value}\n"
    ) == [f"vkstate.yaml:7:7: keys.two.metadata.x: {sentence}"]


def test_a_name_given_twice_names_both_lines(project: Project) -> None:
    assert project.problems("keys:\n  one: {models: [m]}\n  two: {models: [m]}\n  one: {models: [n]}\n") == [
        "vkstate.yaml:5:3: keys.one: the name is here a second time; it is already in line 3"
    ]


def test_json_is_yaml_escapes_included(project: Project) -> None:
    keys = project.load(json.dumps({"proxy": {"url": "sandbox://"}, "keys": {"dev": {"models": ["😀"]}}})).keys

    assert keys[0].declared["models"] == ["😀"]


def test_tags_of_collections(project: Project) -> None:
    assert project.problems("keys: !!map\n  dev: {models: !!seq [m], tags: !!set [t], metadata: !x {}}\n") == [
        "vkstate.yaml:3:28: keys.dev.tags: the tag !!set has no meaning in a config",
        "vkstate.yaml:3:45: keys.dev.metadata: the tag !x has no meaning in a config",
    ]


def test_an_anchored_text_can_be_used_again(project: Project) -> None:
    keys = project.keys("keys: {dev: {models: [&m gpt-4], team_id: *m, metadata: {*m : 1}}}\n")

    assert keys["dev"].declared["team_id"] == "gpt-4"
    assert keys["dev"].declared["metadata.gpt-4"] == 1


def test_a_name_is_a_text(project: Project) -> None:
    assert project.problems(
        'keys:\n  {{ alias }}: {models: [m]}\n  \'\': {models: [m]}\n  "\\0": {}\n  "\\ud800": {}\n'
    ) == [
        "vkstate.yaml:3:3: keys: a name is a text, not a list or mapping; a text that begins with { or [ is quoted",
        "vkstate.yaml:4:3: keys: a name is missing before the ':'",
        "vkstate.yaml:5:3: keys: the text holds a NUL character, which LiteLLM's database cannot store",
        "vkstate.yaml:6:3: keys: the text holds half a character (a lone surrogate)",
    ]


def test_aliases_of_aliases_do_not_grow_without_bound(project: Project) -> None:
    text = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    for outer, inner in zip("bcdefg", "abcdef", strict=True):
        text += f"{outer}: &{outer} [{', '.join([f'*{inner}'] * 10)}]\n"

    assert project.error(PROXY + text).detail == "vkstate.yaml: the config holds more than 200000 values"
