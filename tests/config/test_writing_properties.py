"""Laws of adding keys: whatever the config and whatever is added, it loads as both together, and nothing is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vkstate.attributes import Json
from vkstate.canonical import flatten, same
from vkstate.config.loader import load
from vkstate.config.places import looks_like_key
from vkstate.config.writing import ConfigNotExtended, with_keys
from vkstate.errors import VkstateError
from vkstate.keys import DesiredKey

QUIET: Final = settings(
    max_examples=2 * settings().max_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
FOLDED: Final = "vkstate"

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12).filter(
    lambda text: not looks_like_key(text)
)
WORDS = st.sampled_from(["12", "1e3", "no", "null", "~", "a: b", "# a", "$x", "${env.X}", "<<", "- a", "a\nb", "", " "])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | WORDS
)
NAMES = (TEXTS | WORDS).filter(bool)
JSONS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
METADATA = st.dictionaries(NAMES.filter(lambda name: name != FOLDED), JSONS, max_size=4)
ALIASES = NAMES | st.text(alphabet="abc*?[]{}:#&!|>'\"%@`,-. \t\\$", min_size=1, max_size=8) | st.just("x" * 1200)
FRAGMENTS = st.sampled_from(
    [
        "keys:", "import:", "\n", "  ", "a", ": ", "- ", "[", "]", "{", "}", "#", "&x ", "*x", "|", ">", "'", "? ", "~",
        "...", "---", "\r\n", "\t", "<<: ",
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Existing:
    """A config as somebody may have written it, with what of it is to be kept, line by line.

    ``unclosed`` says that it ends within a text that would be another one with a line end.
    """

    text: str
    kept: tuple[str, ...]
    unclosed: bool


@st.composite
def existing(draw: st.DrawFn) -> Existing:
    """A config of sections in any order, with comments, anchors and odd spacing between."""
    step = " " * draw(st.sampled_from([1, 2, 4]))
    keys, emptied_keys = draw(st.sampled_from(_keys(step)))
    names, emptied_names = draw(st.sampled_from(_imports(step)))
    style = draw(st.sampled_from(["|", "|-", "|+", ">", ">+"]))
    fixed = [
        ["proxy:", f"{step}url: sandbox://  # here", ""],
        ["defaults: &d", f"{step}models: [m]"],
        ["variables:", f"{step}text: {style}", f"{step * 2}some"],
    ]
    order = draw(st.permutations([*fixed, keys, names]))
    filler = st.sampled_from(["", "# aside", f"{step}# indented", "   ", "#"])
    lines = [line for section in order for line in (*section, *draw(st.lists(filler, max_size=3)))]
    if draw(st.booleans()):
        lines = ["---", *lines]
    if draw(st.booleans()):
        lines = [*lines, "...", "# the end"]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    last = draw(st.sampled_from(["", end]))
    changed = {**emptied_keys, **emptied_names}
    kept = tuple(changed.get(line, line) for line in lines)
    text = mark + end.join(lines) + last
    unclosed = not text.endswith(end) and text.rstrip().endswith("some")
    return Existing(text, tuple(line for line in kept if line is not None), unclosed)


def _keys(step: str) -> list[tuple[list[str], Mapping[str, str | None]]]:
    """Ways to write ``keys``, each with lines that change when an entry is added, None where one goes."""
    return [
        ([], {}),
        (["keys:"], {}),
        (["keys: # none"], {}),
        (["keys: ~  # none"], {"keys: ~  # none": "keys:  # none"}),
        (["keys: {}"], {"keys: {}": "keys:"}),
        (["keys:", f"{step}{{ }}"], {f"{step}{{ }}": None}),
        (["keys:", f"{step}old:", f"{step}# other: {{}}"], {}),
        (["'keys':", f"{step}old: {{metadata: {{a: [b,", "c]}}  # x", f"{step}other: {{}}"], {}),
        (["keys:", f"{step}old:", f"{step * 2}metadata:", f"{step * 3}n: |+", f"{step * 4}text", "", ""], {}),
        (
            ["keys:", f"{step}? old", f"{step}: max_budget: 1", "", "# between", f"{step}other: &o", f"{step}more: *o"],
            {},
        ),
    ]


def _imports(step: str) -> list[tuple[list[str], Mapping[str, str | None]]]:
    """Ways to write ``import``, likewise; what it names is among the aliases that may be added."""
    return [
        ([], {}),
        (["import:"], {}),
        (["import: []"], {"import: []": "import:"}),
        (["import: ['*']"], {"import: ['*']": "import: ['*'"}),
        (["import:", "- '*'  # all"], {}),
        (["import:", f"{step}- '*'", f"{step}# more", f'{step}-   "**"'], {}),
    ]


def loaded(text: str) -> tuple[Mapping[str, DesiredKey], Sequence[str]]:
    """The keys of a config by alias, and what it imports."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "vkstate.yaml"
        path.write_bytes(text.encode())
        config = load(path, variables={}, environ={})
    return {str(key.alias): key for key in config.keys}, config.imports


@QUIET
@given(existing(), st.dictionaries(ALIASES, METADATA, min_size=1, max_size=3))
def test_what_is_added_loads_beside_what_was_there(before: Existing, entries: Mapping[str, Mapping[str, Json]]) -> None:
    keys, names = loaded(before.text)
    entries = {alias: metadata for alias, metadata in entries.items() if alias not in keys}
    attributes: dict[str, dict[str, Json]] = {
        alias: {"models": ["m"], "metadata": dict(metadata)} for alias, metadata in entries.items()
    }
    try:
        text = with_keys(before.text, attributes, imports=list(entries))
    except ConfigNotExtended:
        assert before.unclosed
        return

    new_keys, new_names = loaded(text)
    assert new_names == (*names, *(name for name in entries if name not in names))
    assert new_keys.keys() == {*keys, *entries}
    for alias, key in new_keys.items():
        if alias in keys:
            assert dict(key.declared) == dict(keys[alias].declared)
        else:
            assert same(_shown(key), flatten("metadata", attributes[alias]["metadata"]))
    _check_kept(before, text)


def _shown(key: DesiredKey) -> dict[str, Json]:
    values = {path: value for path, value in key.declared.items() if path.startswith("metadata.")}
    return {path: _plain(value) for path, value in values.items()}


def _plain(value: object) -> Json:
    assert value is None or isinstance(value, bool | int | float | str | list | dict), "nothing here is sensitive"
    return value


def _check_kept(before: Existing, text: str) -> None:
    """See that the lines of before are all there still, in their order and with their line ends."""
    end = "\r\n" if "\r\n" in before.text else "\n"
    assert ("\r" in text) == (end == "\r\n")
    assert text.startswith("\ufeff") == before.text.startswith("\ufeff")
    lines = iter(text.removeprefix("\ufeff").split(end))
    missing = [line for line in before.kept if not any(line == now or _grown(line, now) for now in lines)]
    assert missing == []


def _grown(line: str, now: str) -> bool:
    """Whether a line is that of a list in brackets which has got more items."""
    return line == "import: ['*'" and now.startswith(line)


@QUIET
@given(st.dictionaries(ALIASES, METADATA, min_size=1, max_size=3))
def test_adding_one_by_one_is_adding_at_once(entries: Mapping[str, Mapping[str, Json]]) -> None:
    text = one_by_one = "proxy: {url: 'sandbox://'}\nkeys:\nimport:\n"
    for alias, metadata in entries.items():
        one_by_one = with_keys(one_by_one, {alias: metadata}, imports=[alias])

    assert with_keys(text, entries, imports=list(entries)) == one_by_one


@QUIET
@given(st.text(max_size=80) | st.lists(FRAGMENTS, max_size=25).map("".join))
def test_any_text_is_extended_or_refused(text: str) -> None:
    try:
        added = with_keys(text, {"new": {"models": ["m"]}}, imports=["new"])
    except VkstateError:
        return
    assert len(added) > len(text)
    assert with_keys(added, {}, imports=["new"]) == added
