"""Adding keys to a config: exactly what is written, and where; and when it is left to people."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from vkstate.attributes import Json
from vkstate.config.places import ConfigError
from vkstate.config.writing import ConfigNotExtended, with_keys

NEW: Mapping[str, Mapping[str, Json]] = {"new": {"models": ["m"], "max_budget": 5}}

PLACES = {
    "after the last entry and its comments": (
        ("proxy: {url: x}\n"
        "keys:\n"
        "  a: {models: [m]}   # first\n"
        "  # b: {models: [m]}\n"
        "\n"
        "    # and so on\n"
        "\n"
        "# the rest\n"
        "workshops: {}\n"
        "import: [a]  # one\n"),
        ("proxy: {url: x}\n"
        "keys:\n"
        "  a: {models: [m]}   # first\n"
        "  # b: {models: [m]}\n"
        "\n"
        "    # and so on\n"
        "  new:\n"
        "    models: [m]\n"
        "    max_budget: 5\n"
        "\n"
        "# the rest\n"
        "workshops: {}\n"
        "import: [a, new]  # one\n"),
    ),
    "neither section": (
        "proxy:\n  url: x\n",
        "proxy:\n  url: x\n\nkeys:\n  new:\n    models: [m]\n    max_budget: 5\n\nimport:\n  - new\n",
    ),
    "below a blank line that is there": (
        "proxy:\n  url: x\n  \n",
        "proxy:\n  url: x\n  \nkeys:\n  new:\n    models: [m]\n    max_budget: 5\n\nimport:\n  - new\n",
    ),
    "no final line end": (
        "keys:\n  a:\nimport:\n- b",
        "keys:\n  a:\n  new:\n    models: [m]\n    max_budget: 5\nimport:\n- b\n- new",
    ),
    "no final line end, the other section missing": (
        "keys:\n  a:",
        "keys:\n  a:\n  new:\n    models: [m]\n    max_budget: 5\n\nimport:\n  - new",
    ),
    "empty sections": (
        "keys:   # none yet\n  # such as\n\nimport:\nproxy: {}\n",
        "keys:   # none yet\n  # such as\n  new:\n    models: [m]\n    max_budget: 5\n\nimport:\n  - new\nproxy: {}\n",
    ),
    "null and empty brackets": (
        "keys: ~ # none\nimport: [\n]\n",
        "keys: # none\n  new:\n    models: [m]\n    max_budget: 5\nimport:\n  - new\n",
    ),
    "empty braces in a line of their own": (
        "proxy: {}\nkeys:\n  {}\n# end\n",
        "proxy: {}\nkeys:\n  new:\n    models: [m]\n    max_budget: 5\n# end\n\nimport:\n  - new\n",
    ),
    "Windows line ends": (
        "proxy: {}\r\nkeys:\r\n  a:\r\n\r\nimport: []\r\n",
        "proxy: {}\r\nkeys:\r\n  a:\r\n  new:\r\n    models: [m]\r\n    max_budget: 5\r\n\r\nimport:\r\n  - new\r\n",
    ),
    "a byte order mark": (
        "\ufeffkeys:\n  a:\nimport: [a]\n",
        "\ufeffkeys:\n  a:\n  new:\n    models: [m]\n    max_budget: 5\nimport: [a, new]\n",
    ),
    "its own indentation": (
        "---\n# all of it is indented\n  'keys' :\n      a:\n          models: [m]\n  import:\n      - a\n...\n",
        ("---\n# all of it is indented\n  'keys' :\n      a:\n          models: [m]\n"
        "      new:\n          models: [m]\n          max_budget: 5\n  import:\n      - a\n      - new\n...\n"),
    ),
    "sections before the end of the document": (
        "proxy:\n    url: x\n...\n# aside\n",
        ("proxy:\n    url: x\n\nkeys:\n    new:\n        models: [m]\n        max_budget: 5\n\nimport:\n    - new\n"
        "...\n# aside\n"),
    ),
    "blank lines that belong to a text": (
        "keys:\n  a:\n    metadata:\n      n: |+\n        text\n\n\nimport:\n  - |-\n    a\n\n\nproxy: {}\n",
        ("keys:\n  a:\n    metadata:\n      n: |+\n        text\n\n\n  new:\n    models: [m]\n    max_budget: 5\n"
        "import:\n  - |-\n    a\n  - new\n\n\nproxy: {}\n"),
    ),
    "a text at the end": (
        "variables:\n  v: >+\n    a\n",
        "variables:\n  v: >+\n    a\nkeys:\n  new:\n    models: [m]\n    max_budget: 5\n\nimport:\n  - new\n",
    ),
    "anchors, merges, explicit names and values over several lines": (
        ("base: &base {models: [m]}\nkeys:\n  ? a\n  : <<: *base\n    tags: [x,\n      y]  # two\n  b: *base\n"
        "import: [\n  a,  # first\n  b   # last\n]\n"),
        ("base: &base {models: [m]}\nkeys:\n  ? a\n  : <<: *base\n    tags: [x,\n      y]  # two\n  b: *base\n"
        "  new:\n    models: [m]\n    max_budget: 5\n"
        "import: [\n  a,  # first\n  b, new   # last\n]\n"),
    ),
    "a name that is imported already": (
        "keys:\n  a:\nimport: [a, \"new\"]\n",
        "keys:\n  a:\n  new:\n    models: [m]\n    max_budget: 5\nimport: [a, \"new\"]\n",
    ),
    "comments of what follows": (
        "import:\n- a\n# p\nproxy: {}\nkeys:\n a:\n # b:\n# z\n",
        "import:\n- a\n- new\n# p\nproxy: {}\nkeys:\n a:\n # b:\n new:\n  models: [m]\n  max_budget: 5\n# z\n",
    ),
    "indentation by one": (
        "keys:\n a:\n",
        "keys:\n a:\n new:\n  models: [m]\n  max_budget: 5\n\nimport:\n - new\n",
    ),
    "a list that is not indented": (
        "import:\n- a\n",
        "import:\n- a\n- new\n\nkeys:\n  new:\n    models: [m]\n    max_budget: 5\n",
    ),
    "a name that is no text": (
        "? [a]\n: b\nkeys:\nimport:\n",
        "? [a]\n: b\nkeys:\n  new:\n    models: [m]\n    max_budget: 5\nimport:\n  - new\n",
    ),
    "no value at all": (
        "---\n",
        "---\n\nkeys:\n  new:\n    models: [m]\n    max_budget: 5\n\nimport:\n  - new\n",
    ),
    "nothing": (
        "",
        "keys:\n  new:\n    models: [m]\n    max_budget: 5\n\nimport:\n  - new\n",
    ),
    "nothing but a comment": (
        "# to come\n",
        "# to come\n\nkeys:\n  new:\n    models: [m]\n    max_budget: 5\n\nimport:\n  - new\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "extended"), PLACES.values(), ids=PLACES)
def test_what_is_added_and_where(text: str, extended: str) -> None:
    assert with_keys(text, NEW, imports=["new"]) == extended


def test_nothing_to_add_changes_nothing() -> None:
    text = "keys: {a: 1}\nimport: [b]  \n"

    assert with_keys(text, {}, imports=["b"]) == text


def test_keys_alone_and_names_alone() -> None:
    assert with_keys("keys:\n", NEW) == "keys:\n  new:\n    models: [m]\n    max_budget: 5\n"
    assert with_keys("keys: {a: {}}\n", {}, imports=["a"]) == "keys: {a: {}}\n\nimport:\n  - a\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_in_brackets_that_grows_too_long_is_broken(end: str) -> None:
    names = [f"participant-{number}" for number in range(3)]
    before = f"proxy: {{}}{end}# {'x' * 120}{end}import: ["
    first = "a" * (120 - len("import: [, participant-0, participant-1, participant-2]  # all"))

    assert with_keys(f"{before}{first}]  # all{end}", {}, imports=names) == (
        f"{before}{first}, participant-0, participant-1, participant-2]  # all{end}"
    )
    assert with_keys(f"{before}{first}a]  # all{end}", {}, imports=names) == (
        f"{before}{first}a,{end}  participant-0,{end}  participant-1,{end}  participant-2]  # all{end}"
    )


NOTATION: dict[str, tuple[Json, str]] = {
    "words": (["gpt-4", "a/b.c@d", "7d", "_x"], "[gpt-4, a/b.c@d, 7d, _x]"),
    "what is no text to some reader": (
        ["true", "Null", "no", "On", "y", "12", "0x1F", "1e3", "2030-01-01", "~", ""],
        '["true", "Null", "no", "On", "y", "12", "0x1F", "1e3", "2030-01-01", "~", ""]',
    ),
    "signs": (
        ["a b", "a:b", "#a", "*a", "-a", "{a}", "a'b", 'a"b', "a\\b"],
        '["a b", "a:b", "#a", "*a", "-a", "{a}", "a\'b", "a\\"b", "a\\\\b"]',
    ),
    "dollars": (["$", "${env.X}", "a$$b"], '["$$", "$${env.X}", "a$$$$b"]'),
    "characters": (
        ["é😀", "a\nb\r\t", "\x07\x85\u2028\ufeff\U000e0001"],
        '["é😀", "a\\nb\\r\\t", "\\x07\\x85\\u2028\\ufeff\\U000e0001"]',
    ),
    "numbers and flags": ([1, -2.5, 1e16, 1e-07, True, False, None], "[1, -2.5, 1e+16, 1e-07, true, false, null]"),
    "nothing": ([[], {}, [[]], {"a": {}}], "[[], {}, [[]], {a: {}}]"),
    "names": ({"a b": 1, "12": 2, "$": 3, "no": 4}, '{"a b": 1, "12": 2, "$$": 3, "no": 4}'),
}


@pytest.mark.parametrize(("value", "written"), NOTATION.values(), ids=NOTATION)
def test_how_values_are_written(value: Json, written: str) -> None:
    assert with_keys("keys:\n", {"new": {"metadata": value}}) == f"keys:\n  new:\n    metadata: {written}\n"


def test_what_is_too_long_for_a_line_is_written_in_several() -> None:
    long = "x" * 60
    entry: dict[str, Json] = {
        "models": [long, long],
        "metadata": {"team": "a", "notes": [long, long], "deep": {"one": long, "two": [{"x": long, "z": [long]}]}},
        "tags": [],
        "user_id": long + long,
    }

    assert with_keys("keys:\n", {"new": entry, "none": {}}) == (
        "keys:\n"
        "  new:\n"
        "    models:\n"
        f"      - {long}\n"
        f"      - {long}\n"
        "    metadata:\n"
        "      team: a\n"
        "      notes:\n"
        f"        - {long}\n"
        f"        - {long}\n"
        "      deep:\n"
        f"        one: {long}\n"
        "        two:\n"
        f"          - {{x: {long}, z: [{long}]}}\n"
        "    tags: []\n"
        f"    user_id: {long}{long}\n"
        "  none: {}\n"
    )


def test_a_line_holds_120_characters_and_no_more() -> None:
    fits = "x" * (120 - len("    tags: [a, ]"))

    assert with_keys("keys:\n", {"new": {"tags": ["a", fits]}}) == f"keys:\n  new:\n    tags: [a, {fits}]\n"
    assert with_keys("keys:\n", {"new": {"tags": ["a", f"{fits}x"]}}) == (
        f"keys:\n  new:\n    tags:\n      - a\n      - {fits}x\n"
    )


def test_a_name_may_be_longer_than_yaml_looks_ahead() -> None:
    name = "x" * 1001

    assert with_keys("keys:\n", {name[1:]: {name[1:]: []}}) == f"keys:\n  {name[1:]}:\n    {name[1:]}: []\n"
    assert with_keys("keys:\n", {"new": {name: [{name[1:]: 1}]}}) == (
        f"keys:\n  new:\n    ? {name}\n    :\n      - {{{name[1:]}: 1}}\n"
    )
    assert with_keys("keys:\r\n", {name: {"metadata": {"a": [{name: 1}], name: 1}}}) == (
        f"keys:\r\n  ? {name}\r\n  :\r\n    metadata:\r\n      a:\r\n        - {{? {name} : 1}}\r\n"
        f"      ? {name}\r\n      : 1\r\n"
    )


FRAGMENT = "keys:\n  new:\n    models: [m]\n    max_budget: 5\nimport:\n  - new"
CLOSED = "Under {}, entries do not stand in lines of their own, so that vkstate adds none."
MEANING = "There is no place for it that leaves the rest as it is."

BY_HAND = {
    "keys in braces": ("keys: {a: {}}\n", CLOSED.format("keys")),
    "keys with an anchor": ("keys: &all\n  a:\n", CLOSED.format("keys")),
    "keys from elsewhere": ("base: &b {a: {}}\nkeys: *b\n", CLOSED.format("keys")),
    "keys that are a list": ("keys:\n  - a\n", CLOSED.format("keys")),
    "import that is a mapping": ("import:\n  a: b\n", CLOSED.format("import")),
    "import that is a text": ("import: a\n", CLOSED.format("import")),
    "keys with a tag": ("keys: !!map\n  a:\n", CLOSED.format("keys")),
    "keys that are a text": ("keys: 'null'\n", CLOSED.format("keys")),
    "null with an anchor": ("keys: &none ~\n", CLOSED.format("keys")),
    "a comment in empty braces": ("keys: { # none\n}\n", "A comment stands where the first entry of keys belongs."),
    "JSON": ('{"proxy": {}}\n', "It is written in braces, { }, where vkstate adds nothing."),
    "a config with an anchor": ("&all\nproxy: {}\n", "It is written in braces, { }, where vkstate adds nothing."),
    "keys from a merge": ("base: &b\n  keys: {a: {}}\n<<: *b\n", MEANING),
    "a text that has no line end": ("proxy: {}\nvariables:\n  v: |\n    a", MEANING),
    "keys twice": ("keys:\n  a:\nkeys:\n  b:\n", MEANING),
    "an empty value in a line of its own": ("keys:\n  ? a\n  :\n", MEANING),
    "a colon where none is looked for": ("? keys\n# a: b\n:\n", MEANING),
}


@pytest.mark.parametrize(("text", "sentence"), BY_HAND.values(), ids=BY_HAND)
def test_what_cannot_be_extended_in_place_is_left_to_people(text: str, sentence: str) -> None:
    with pytest.raises(ConfigNotExtended) as caught:
        with_keys(text, NEW, imports=["new"])

    assert caught.value.summary == "the config cannot be extended"
    assert caught.value.detail == f"{sentence} To be added:\n{FRAGMENT}"
    assert caught.value.hint == "add these lines to the config by hand, then run: vkstate plan"


def test_an_entry_that_is_there_is_not_added_again() -> None:
    with pytest.raises(ConfigNotExtended) as caught:
        with_keys('keys: {"a$$b": {}, c: {}}\n', {"a$b": {}, "c": {}, "d": {}})

    assert caught.value.detail == "Under keys, there is an entry for a$b, c already."
    assert caught.value.hint == "run: vkstate validate"


KEY = "sk-abcdefghijklmnopqrstuvwx"
UNFIT: dict[str, tuple[Json, str]] = {
    "a key value": (
        {"n": [KEY]},
        (
            "keys.new.metadata.n[0]: this looks like a key value, and none may stand in a config: "
            "revoke it if anybody else has seen it, and write ${env.NAME} where a secret is needed"
        ),
    ),
    "NUL": ({"n": "a\0"}, "keys.new.metadata.n: the text holds a NUL character, which LiteLLM's database cannot store"),
    "half a character": ({"n": "\ud800"}, "keys.new.metadata.n: the text holds half a character (a lone surrogate)"),
    "too large": ({"n": 10**400}, "keys.new.metadata.n: the number is too large"),
    "no name": ({"": 1}, "keys.new.metadata: a name is missing before the ':'"),
    "infinite": ({"n": float("inf")}, "There is a value that YAML does not hold."),
}


@pytest.mark.parametrize(("value", "detail"), UNFIT.values(), ids=UNFIT)
def test_what_cannot_stand_in_a_config_is_not_written_nor_shown(value: Json, detail: str) -> None:
    with pytest.raises(ConfigNotExtended) as caught:
        with_keys("keys:\n", {"new": {"metadata": value}})

    assert caught.value.detail == detail
    assert KEY not in f"{caught.value!r} {caught.value}"


def test_an_alias_may_look_like_a_key_value() -> None:
    assert with_keys("keys:\n", {f"{KEY}$": {}}, imports=[f"{KEY}$"]) == (
        f'keys:\n  "{KEY}$$": {{}}\n\nimport:\n  - "{KEY}$$"\n'
    )


def test_what_is_not_yaml_cannot_be_extended() -> None:
    with pytest.raises(ConfigError):
        with_keys("a: b: c\n", NEW)
