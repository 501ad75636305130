"""Laws of editing: whatever the config looks like, an edit means what it should and nothing else, or is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from vkstate.attributes import Json
from vkstate.canonical import same
from vkstate.config.comments import comments_of
from vkstate.config.content import read_content
from vkstate.config.editing import ConfigNotEdited, Edit, Put, Take, edited
from vkstate.config.notation import written
from vkstate.config.places import ConfigError

QUIET: Final = settings(
    max_examples=2 * settings().max_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
ENTRY: Final = ("workshops", "w")
VALUES: st.SearchStrategy[Json] = st.sampled_from(
    [True, False, 3, "2026-12-01T18:00:00+01:00", "a: b # c", "${env.X}", ""]
)
FIELDS = st.dictionaries(
    st.sampled_from(["count", "models", "duration", "blocked", "ends_at", "überall"]),
    st.sampled_from(
        [
            "3",
            "[m, n]",
            "3d",
            "true",
            "'2026'",
            "# because\n      3d",
            "'#none'",
            "|  # lines\n      a\n\n      #of it",
            "null",
            "",
            "${var.x}",
            "&here 1",
        ]
    ),
    max_size=4,
)
OVERRIDES = st.none() | st.dictionaries(
    st.sampled_from(["ann", "bob", "7"]),
    st.sampled_from(
        [
            "{}",
            "",
            "{blocked: true}",
            "{max_budget: 3}",
            "  # of hers\n        blocked: true",
            "\n        # alone\n        blocked: true  # why not",
            "{blocked: true,  # in braces\n        max_budget: 3}",
            "  # her budget\n        max_budget: 3  # low\n        # and\n        blocked: true",
        ]
    ),
    max_size=3,
)
COMMENTS = st.sampled_from(["", "  # why", "  # x: y", "\n    # below: {", "\n", "\n\n    # far below"])
LINE_ENDS = st.sampled_from(["\n", "\r\n"])


@dataclass(frozen=True)
class Drawn:
    """A config as somebody may have written it, with the comments that stand in it."""

    text: str
    comments: tuple[str, ...]


@st.composite
def configs(draw: st.DrawFn) -> Drawn:
    """A workshop in lines, with comments anywhere, between other sections."""
    lines = ["# top", "keys: {a: {models: [m]}}  # keys", "workshops:", "  w:  # w"]
    for name, value in draw(FIELDS).items():
        comment = "" if "\n" in value else draw(COMMENTS)
        lines += f"    {name}: {value}{comment}".split("\n")
    overrides = draw(OVERRIDES)
    if overrides is not None:
        lines.append(f"    overrides:{'' if overrides else ' {}'}{draw(st.sampled_from(['', '  # agreed']))}")
        for name, value in overrides.items():
            comment = draw(st.sampled_from(["", "  # of this one"]))
            told = f'      "{name}": {value}' if name == "7" else f"      {name}: {value}"
            lines += f"{told}{'' if '#' in value else comment}".split("\n")
    if draw(st.booleans()):
        lines += ["  v: {count: 1}  # v", "", "# end", "variables: {x: 1}"]
    line_end = draw(LINE_ENDS)
    text = line_end.join(lines) + (line_end if draw(st.booleans()) else "")
    return Drawn(text, tuple(line[line.index("# ") :] for line in lines if "# " in line))


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """What the commands ask for."""
    member = ("overrides", draw(st.sampled_from(["ann", "bob", "7", "eve"])))
    path = draw(
        st.sampled_from(
            [(*ENTRY, "blocked"), (*ENTRY, "ends_at"), (*ENTRY, *member, "blocked"), ("keys", "a", "blocked")]
        )
    )
    if draw(st.booleans()):
        return Take(path, kept=2)
    return Put(path, draw(VALUES), draw(st.sampled_from([None, "duration"])) if path[-1] == "ends_at" else None)


def meaning(text: str) -> dict[str, Json]:
    return read_content(text).value


def put(value: Json, edit: Put) -> dict[str, Json]:
    """A mapping with a field in it: what the edit should come to, said another way."""
    inner: dict[str, Json] = dict(value) if isinstance(value, dict) else {}
    at = inner
    for name in edit.path[:-1]:
        below = at.get(name)
        at[name] = dict(below) if isinstance(below, dict) else {}
        at = at[name]  # type: ignore[assignment]  # it was just made a mapping
    at.pop(edit.instead or "", None)
    at[edit.path[-1]] = edit.value.replace("$", "$$") if isinstance(edit.value, str) else edit.value
    return inner


@QUIET
@given(drawn=configs(), edit=edits())
def test_an_edit_means_what_it_should_or_is_refused(drawn: Drawn, edit: Edit) -> None:
    try:
        before = meaning(drawn.text)
    except ConfigError:
        assume(False)
    try:
        after = edited(drawn.text, [edit])
    except ConfigNotEdited:
        return
    if isinstance(edit, Put):
        assert same(meaning(after), put(before, edit))
    else:
        assert not same(meaning(after), before)
    assert Counter(drawn.comments) - Counter(comments_in(after)) - Counter(beside(drawn.text, edit)) == Counter()


def comments_in(text: str) -> list[str]:
    return [comment.text for comment in comments_of(text)]


def beside(text: str, edit: Edit) -> list[str]:
    """The comments in the line of a field that is taken out, where the field has that line for itself."""
    name = edit.path[-1]
    lines = (line.strip() for line in text.splitlines())
    own = [line for line in lines if line.startswith(f"{name}:") and "#" in line]
    return [line[line.index("#") :] for line in own] if isinstance(edit, Take) else []


@QUIET
@given(drawn=configs())
def test_every_comment_is_found_and_nothing_else(drawn: Drawn) -> None:
    try:
        meaning(drawn.text)
    except ConfigError:
        assume(False)
    assert comments_in(drawn.text) == list(drawn.comments)


@QUIET
@given(drawn=configs(), edit=edits())
def test_what_was_put_can_be_taken_out_again(drawn: Drawn, edit: Edit) -> None:
    """To the byte, where the field stood in a mapping that held something, or that nothing stood in but the field."""
    try:
        before = meaning(drawn.text)
    except ConfigError:
        assume(False)
    assume(isinstance(edit, Put))
    assert isinstance(edit, Put)
    at: Json = before
    for name in edit.path[:-1]:
        at = at.get(name) if isinstance(at, dict) else None
        if at is None:
            break
    assume(at is None or (isinstance(at, dict) and at and edit.path[-1] not in at and edit.instead not in at))
    try:
        after = edited(drawn.text, [edit])
        back = edited(after, [Take(edit.path, kept=2)])
    except ConfigNotEdited:
        return
    assert same(_without_nothing(meaning(back)), _without_nothing(before))
    if at is not None:
        assert back == drawn.text


def _without_nothing(value: Json) -> Json:
    """A value in which what holds nothing is left out."""
    if not isinstance(value, dict):
        return value
    inner = {name: _without_nothing(one) for name, one in value.items()}
    return {name: one for name, one in inner.items() if one not in (None, {})}


@QUIET
@given(value=VALUES)
def test_a_value_reads_back(value: Json) -> None:
    assert edited("keys: {a: {}}", [Put(("keys", "a", "x"), value)]) == f"keys: {{a: {{x: {written(value)}}}}}"
