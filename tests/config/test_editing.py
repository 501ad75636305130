"""Changing single fields of a config in place: what is written, what is left, and what is refused."""

from __future__ import annotations

import pytest

from vkstate.config.editing import ConfigNotEdited, Edit, Put, Take, edited

END = "2026-12-01T18:00:00+01:00"
CONFIG = """\
# what we own
proxy: {url: "sandbox://"}   # nobody's

keys:
  short: {models: [gpt-4], max_budget: 5}  # in braces
  long:
    models: [gpt-4]   # the only one
    max_budget: 5
    # to be raised

  bare:
  empty: {}
workshops:
  ${var.event}:   # the name varies
    count: 3
    duration: 3d  # three days
    overrides:
      user1: {max_budget: 3}
      # nobody else
"""
EVENT = ("workshops", "${var.event}")


def changed(after: str, before: str = CONFIG) -> tuple[list[str], list[str]]:
    """The lines that are gone, and those that are new."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("edit", "gone", "new"),
    [
        pytest.param(
            Put(("keys", "short", "blocked"), True),
            ["  short: {models: [gpt-4], max_budget: 5}  # in braces"],
            ["  short: {models: [gpt-4], max_budget: 5, blocked: true}  # in braces"],
            id="into braces",
        ),
        pytest.param(
            Put(("keys", "short", "max_budget"), 7),
            ["  short: {models: [gpt-4], max_budget: 5}  # in braces"],
            ["  short: {models: [gpt-4], max_budget: 7}  # in braces"],
            id="another value in braces",
        ),
        pytest.param(Put(("keys", "long", "blocked"), True), [], ["    blocked: true"], id="into lines"),
        pytest.param(Put(("keys", "bare", "blocked"), True), [], ["    blocked: true"], id="into nothing"),
        pytest.param(
            Put(("keys", "empty", "blocked"), True),
            ["  empty: {}"],
            ["  empty:", "    blocked: true"],
            id="into empty braces",
        ),
        pytest.param(
            Put((*EVENT, "ends_at"), END, instead="duration"),
            ["    duration: 3d  # three days"],
            [f"    ends_at: {END}  # three days"],
            id="instead of another",
        ),
        pytest.param(
            Put((*EVENT, "ends_at"), END, instead="expires_at"),
            [],
            [f"    ends_at: {END}"],
            id="instead of one that is not there",
        ),
        pytest.param(
            Put((*EVENT, "overrides", "user1", "blocked"), True),
            ["      user1: {max_budget: 3}"],
            ["      user1: {max_budget: 3, blocked: true}"],
            id="an override that is there",
        ),
        pytest.param(
            Put((*EVENT, "overrides", "7", "blocked"), True), [], ['      "7": {blocked: true}'], id="a new override"
        ),
        pytest.param(Take((*EVENT, "duration"), kept=2), ["    duration: 3d  # three days"], [], id="out of lines"),
        pytest.param(
            Take(("keys", "short", "max_budget"), kept=2),
            ["  short: {models: [gpt-4], max_budget: 5}  # in braces"],
            ["  short: {models: [gpt-4]}  # in braces"],
            id="the last out of braces",
        ),
        pytest.param(
            Take(("keys", "short", "models"), kept=2),
            ["  short: {models: [gpt-4], max_budget: 5}  # in braces"],
            ["  short: {max_budget: 5}  # in braces"],
            id="the first out of braces",
        ),
        pytest.param(
            Take((*EVENT, "overrides", "user1", "max_budget"), kept=4),
            ["      user1: {max_budget: 3}"],
            ["      user1: {}"],
            id="the only one, and its home stays",
        ),
    ],
)
def test_edited(edit: Edit, gone: list[str], new: list[str]) -> None:
    assert changed(edited(CONFIG, [edit])) == (gone, new)


def test_the_whole_text() -> None:
    """Where a new line goes: below the fields, and below the comments that belong to them."""
    after = edited(CONFIG, [Put(("keys", "long", "blocked"), True), Put((*EVENT, "starts_at"), END)])
    assert after == CONFIG.replace("    # to be raised\n", "    # to be raised\n    blocked: true\n").replace(
        "      # nobody else\n", f"      # nobody else\n    starts_at: {END}\n"
    )


def test_a_new_section_of_overrides() -> None:
    after = edited(
        "workshops:\n    w:\n        count: 3\n", [Put(("workshops", "w", "overrides", "u", "blocked"), True)]
    )
    assert after == "workshops:\n    w:\n        count: 3\n        overrides:\n            u: {blocked: true}\n"


def test_in_braces_throughout() -> None:
    text = "workshops: {w: {count: 3}, v: {count: 1, overrides: {}}}"
    put = [Put(("workshops", name, "overrides", "u", "blocked"), True) for name in ("w", "v")]
    assert edited(text, put) == (
        "workshops: {w: {count: 3, overrides: {u: {blocked: true}}}, v: {count: 1, overrides: {u: {blocked: true}}}}"
    )
    assert edited(edited(text, put[:1]), [Take(put[0].path, kept=2)]) == text


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("closed", [True, False])
def test_line_ends_stay(line_end: str, mark: str, closed: bool) -> None:
    text = mark + line_end.join(["keys:", "  a:", "    models: [m]"]) + (line_end if closed else "")
    put = Put(("keys", "a", "blocked"), True)
    after = edited(text, [put])
    assert after == text.removesuffix(line_end) + f"{line_end}    blocked: true" + (line_end if closed else "")
    assert edited(after, [Take(put.path, kept=2)]) == text


def test_comments_below_a_name_stay_above() -> None:
    text = "keys:\n  a:  # here\n    # and here\n"
    assert edited(text, [Put(("keys", "a", "blocked"), True)]) == f"{text}    blocked: true\n"


@pytest.mark.parametrize(
    ("text", "edit", "after"),
    [
        pytest.param(
            "keys:\n  a:  # the boss's key\n    blocked: true\n  b: {}\n",
            Take(("keys", "a", "blocked"), kept=2),
            "keys:\n  a: {}  # the boss's key\n  b: {}\n",
            id="beside the name of what is emptied",
        ),
        pytest.param(
            "keys:\n  a:  # c\n    # above\n    blocked: true  # ticket 12\n    # below",
            Take(("keys", "a", "blocked"), kept=2),
            "keys:\n  a: {}  # c\n    # above\n    # below",
            id="around the only field",
        ),
        pytest.param(
            "keys:\n  a:\n    blocked: true",
            Take(("keys", "a", "blocked"), kept=2),
            "keys:\n  a: {}",
            id="no line end",
        ),
        pytest.param(
            "workshops:\n  w:\n    overrides:  # agreed\n      ann:  # vip\n        blocked: true\n",
            Take(("workshops", "w", "overrides", "ann", "blocked"), kept=4),
            "workshops:\n  w:\n    overrides:  # agreed\n      ann: {}  # vip\n",
            id="only the field goes",
        ),
        pytest.param(
            "keys:\n  a:  # c\n    {blocked: true}  # d\n",
            Take(("keys", "a", "blocked"), kept=2),
            "keys:\n  a:  # c\n    {}  # d\n",
            id="around braces",
        ),
        pytest.param(
            "workshops:\n  w:\n    duration: # because\n      3d\n    count: 1\n",
            Put(("workshops", "w", "ends_at"), END, instead="duration"),
            f"workshops:\n  w:\n    ends_at: # because\n      {END}\n    count: 1\n",
            id="between a name that goes and its value",
        ),
    ],
)
def test_comments_stay(text: str, edit: Edit, after: str) -> None:
    assert edited(text, [edit]) == after


def test_dollars_are_meant_literally() -> None:
    assert edited("keys: {a: {}}", [Put(("keys", "a", "user_id"), "${x}")]) == 'keys: {a: {user_id: "$${x}"}}'


MAPPED = "To be written:\nkeys:\n  a:\n    blocked: true"


@pytest.mark.parametrize(
    ("text", "edit", "detail"),
    [
        pytest.param(
            "{keys: {a: {}}}",
            Put(("keys", "a", "blocked"), True),
            f"It is written in braces, {{ }}, where vkstate changes nothing. {MAPPED}",
            id="all in braces",
        ),
        pytest.param(
            "x: &x {models: [m]}\nkeys:\n  a: *x\n",
            Put(("keys", "a", "blocked"), True),
            f"What a holds stands elsewhere, or is no mapping. {MAPPED}",
            id="an alias",
        ),
        pytest.param(
            "keys:\n  a: &x {models: [m]}\n  b: *x\n",
            Put(("keys", "a", "blocked"), True),
            f"What a holds stands elsewhere, or is no mapping. {MAPPED}",
            id="an anchor",
        ),
        pytest.param(
            "keys:\n  a:\n    blocked: ${var.b}\n",
            Put(("keys", "a", "blocked"), True),
            f"The value of blocked comes from elsewhere, or is no plain one. {MAPPED}",
            id="a variable",
        ),
        pytest.param(
            "keys:\n  a:  # nothing yet\n    null\n",
            Put(("keys", "a", "blocked"), True),
            f"A comment stands where the first field of a belongs. {MAPPED}",
            id="a comment in place of fields",
        ),
        pytest.param(
            "x: &x {duration: 3d}\nworkshops:\n  w:\n    <<: *x\n    count: 1\n",
            Put(("workshops", "w", "ends_at"), END, instead="duration"),
            "There is no way to do it that leaves the rest as it is. To be written:\n"
            f"workshops:\n  w:\n    ends_at: {END}\nTo be taken out: workshops.w.duration",
            id="what is to go was merged",
        ),
        pytest.param(
            "x: &x {blocked: true}\nkeys:\n  a: {<<: *x, models: [m]}\n",
            Take(("keys", "a", "blocked"), kept=2),
            "blocked stands elsewhere. To be taken out: keys.a.blocked",
            id="a merged field",
        ),
        pytest.param(
            "workshops:\n  w:\n    overrides:\n      # lost her laptop\n      ann: {blocked: true}\n    count: 1\n",
            Take(("workshops", "w", "overrides", "ann", "blocked"), kept=2),
            "A comment would be lost. To be taken out: workshops.w.overrides.ann.blocked",
            id="a comment above",
        ),
        pytest.param(
            "workshops:\n  w:\n    count: 1\n    overrides:  # agreed\n      ann:  # vip\n        blocked: true\n",
            Take(("workshops", "w", "overrides", "ann", "blocked"), kept=2),
            "A comment would be lost. To be taken out: workshops.w.overrides.ann.blocked",
            id="comments beside names",
        ),
        pytest.param(
            "workshops:\n  w:\n    count: 1\n    overrides:\n      ann: {blocked: true}  # vip\n",
            Take(("workshops", "w", "overrides", "ann", "blocked"), kept=2),
            "A comment would be lost. To be taken out: workshops.w.overrides.ann.blocked",
            id="a comment beside braces",
        ),
        pytest.param(
            "keys: {a: {blocked: true, # why\n  models: [m]}}\n",
            Take(("keys", "a", "blocked"), kept=2),
            "A comment would be lost. To be taken out: keys.a.blocked",
            id="a comment within braces",
        ),
        pytest.param(
            "keys:\n  a:\n    blocked:\n      # why\n      true\n",
            Take(("keys", "a", "blocked"), kept=2),
            "A comment would be lost. To be taken out: keys.a.blocked",
            id="a comment above a value",
        ),
        pytest.param(
            "defaults: {models: [m]}\n",
            Put(("keys", "a", "blocked"), True),
            f"There is no section keys. {MAPPED}",
            id="no section",
        ),
    ],
)
def test_refused(text: str, edit: Edit, detail: str) -> None:
    with pytest.raises(ConfigNotEdited) as caught:
        edited(text, [edit])
    assert caught.value.detail == detail
    assert caught.value.hint == "edit the config by hand, then run: vkstate apply"
