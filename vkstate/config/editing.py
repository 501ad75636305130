"""Changing single fields of a config, which stays as it is otherwise: comments, order, quotes, indentation, line ends.

A field is put in its place, or taken out of it; nothing is written anew. The result is read again, and counts only if
it means what it meant before, apart from that field, and holds every comment that it held. Only what is said beside a
field that is taken out of lines goes with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final, TypeAlias

from vkstate.attributes import Json
from vkstate.config.comments import comments_of
from vkstate.config.content import Cut, as_literal, means, read_content, split_mark, with_cuts
from vkstate.config.layout import USUAL_STEP, Form, Layout, Section, layout_of
from vkstate.config.notation import entry, field_lines, written
from vkstate.errors import VkstateError

Path: TypeAlias = tuple[str, ...]
"""The names that lead to a field, from the top level on, as they are written: a ``${var.x}`` in one is left so."""


class ConfigNotEdited(VkstateError):
    """A field of the config cannot be changed without touching what is there besides. It is as it was."""

    summary: ClassVar[str] = "the config cannot be edited"


@dataclass(frozen=True)
class Put:
    """A field within a section gets a value, be it there already or not.

    ``instead`` is a field beside it that it takes the place of.
    """

    path: Path
    value: Json
    instead: str | None = None


@dataclass(frozen=True)
class Take:
    """A field within a section goes, and so does what holds nothing else; the first ``kept`` names of the path stay."""

    path: Path
    kept: int


Edit: TypeAlias = Put | Take


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text of a config with edits made, in their order.

    :param text: a config that can be loaded, line ends and byte order mark as they are in the file.
    :raises ConfigNotEdited: one cannot be made in place; with what to write by hand.
    :raises ConfigError: the text is not YAML.
    """
    mark, body = split_mark(text)
    for edit in edits:
        body = _made(body, edit)
    return mark + body


class _Unsuited(Exception):
    """An edit cannot be made in place; with a sentence."""


def _made(text: str, edit: Edit) -> str:
    before = read_content(text).value
    wanted = _put(before, edit) if isinstance(edit, Put) else _taken(before, edit.path, edit.kept)
    try:
        editor = _Editor(_layout(text))
        after = editor.made(edit)
    except _Unsuited as reason:
        raise _by_hand(str(reason), edit) from None
    if not means(after, wanted):
        raise _by_hand("There is no way to do it that leaves the rest as it is.", edit)
    stays = Counter(comment.text for comment in comments_of(text)) - Counter(editor.going(edit))
    if stays - Counter(comment.text for comment in comments_of(after)):
        raise _by_hand("A comment would be lost.", edit)
    return after


def _layout(text: str) -> Layout:
    if (layout := layout_of(text)) is None:
        raise _Unsuited("It is written in braces, { }, where vkstate changes nothing.")
    return layout


def _put(value: Json, edit: Put) -> dict[str, Json]:
    """A mapping as it should be with a field put into it."""
    first, *rest = edit.path
    inner = dict(value) if isinstance(value, dict) else {}
    if rest:
        return {**inner, first: _put(inner.get(first), Put(tuple(rest), edit.value, edit.instead))}
    if edit.instead is not None:
        inner.pop(edit.instead, None)
    return {**inner, first: as_literal(edit.value)}


def _taken(value: Json, path: Path, kept: int) -> dict[str, Json]:
    """A mapping as it should be with a field taken out of it."""
    first, *rest = path
    inner = dict(value) if isinstance(value, dict) else {}
    below = _taken(inner.get(first), tuple(rest), kept - 1) if rest else {}
    if rest and (below or kept > 0):
        return {**inner, first: below}
    return {name: one for name, one in inner.items() if name != first}


@dataclass(frozen=True)
class _Editor:
    layout: Layout

    def made(self, edit: Edit) -> str:
        """The text with one edit made."""
        cuts = self._putting(edit) if isinstance(edit, Put) else self._taking(edit)
        return with_cuts(self.layout.text, cuts)

    def _chain(self, path: Path) -> list[Section]:
        """The sections that a path leads through, as far as they are there."""
        chain: list[Section] = []
        entries = self.layout.sections
        for name in path:
            if name not in entries:
                break
            chain.append(entries[name])
            entries = chain[-1].entries
        return chain

    def _putting(self, edit: Put) -> list[Cut]:
        chain = self._chain(edit.path)
        if len(chain) == len(edit.path):
            return [self._filling(edit, chain[-1])]
        if not chain:
            raise _Unsuited(f"There is no section {edit.path[0]}.")
        parent, name, *rest = chain[-1], *edit.path[len(chain) :]
        value = edit.value
        for outer in reversed(rest):
            value = {outer: value}
        if edit.instead is not None and (old := parent.entries.get(edit.instead)) and old.form is Form.SCALAR:
            between = self.layout.text[old.start : old.value]  # a comment may stand there
            return [Cut(old.name, old.close, f"{written(name)}:{between if between.strip() else ' '}{written(value)}")]
        in_braces = any(section.form is Form.FLOW_MAPPING for section in chain)
        return self._adding(parent, edit.path[len(chain) - 1], name, value, in_braces=in_braces)

    def _filling(self, edit: Put, section: Section) -> Cut:
        """What gives a field that is there another value."""
        if section.form is Form.SCALAR and "${" not in self.layout.text[section.value : section.close]:
            return Cut(section.value, section.close, written(edit.value))
        if section.form is Form.NOTHING:
            return Cut(section.start, section.close, f" {written(edit.value)}")
        raise _Unsuited(f"The value of {edit.path[-1]} comes from elsewhere, or is no plain one.")

    def _adding(self, parent: Section, title: str, name: str, value: Json, *, in_braces: bool) -> list[Cut]:
        """What adds a field to a mapping."""
        layout = self.layout
        if parent.form is Form.FLOW_MAPPING:
            return [Cut(parent.end, parent.end, f", {_pair(name, value)}")]
        if parent.form is Form.NOTHING and in_braces:
            return [Cut(parent.start, parent.close, f" {{{_pair(name, value)}}}")]
        if parent.form is Form.NOTHING:
            if "#" in layout.text[parent.start : parent.close]:
                raise _Unsuited(f"A comment stands where the first field of {title} belongs.")
            column = parent.name - layout.line_start(parent.name) + layout.step
            emptied = [Cut(parent.start, parent.close)] if parent.close > parent.start else []
            return [*emptied, self._lines(layout.below(parent.close, column), name, value, column)]
        if parent.form is Form.MAPPING:
            return [self._lines(layout.below(parent.close, parent.column), name, value, parent.column)]
        raise _Unsuited(f"What {title} holds stands elsewhere, or is no mapping.")

    def _lines(self, place: int, name: str, value: Json, column: int) -> Cut:
        """Whole lines at the start of a line, or behind a last line that no line end closes."""
        layout = self.layout
        told = field_lines(name, value, column, layout.step)
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            told = entry(name, value, column, layout.step)
        lines = "\n".join(told).replace("\n", layout.line_end)
        starts = layout.starts_line(place)
        return Cut(place, place, f"{lines}{layout.line_end}" if starts else f"{layout.line_end}{lines}")

    def _taking(self, edit: Take) -> list[Cut]:
        chain = self._chain(edit.path)
        depth = len(edit.path)
        if len(chain) < depth:
            raise _Unsuited(f"{edit.path[-1]} stands elsewhere.")
        while depth - 1 > edit.kept and len(chain[depth - 2].entries) == 1:
            depth -= 1
        return self._without(chain[depth - 1], chain[depth - 2], edit.path[depth - 2])

    def going(self, edit: Edit) -> list[str]:
        """The comments beside the value of a field that is taken out of lines; not those in lines of their own."""
        chain = self._chain(edit.path)
        if isinstance(edit, Put) or chain[-2].form is not Form.MAPPING:
            return []
        layout, start, end = self.layout, chain[-1].value, self.layout.below(chain[-1].close, 0)
        inside = [comment for comment in comments_of(layout.text) if start <= comment.place < end]
        return [one.text for one in inside if layout.text[layout.line_start(one.place) : one.place].strip()]

    def _without(self, section: Section, parent: Section, title: str) -> list[Cut]:
        """What takes an entry out of a mapping. Where nothing is left, what stands beside the name of that stays."""
        alone = len(parent.entries) == 1
        if parent.form is Form.FLOW_MAPPING:
            return [Cut(parent.value, parent.close, "{}") if alone else self._from_braces(parent, section)]
        if parent.form is Form.MAPPING:
            emptied = [Cut(parent.start, parent.start, " {}")] if alone else []
            return [*emptied, self._line(section)]
        raise _Unsuited(f"What {title} holds stands elsewhere, or is no mapping.")

    def _from_braces(self, parent: Section, section: Section) -> Cut:
        neighbours = list(parent.entries.values())
        for before, after in pairwise(neighbours):
            if after == section:
                return Cut(before.close, section.close)
        return Cut(section.name, neighbours[1].name)

    def _line(self, section: Section) -> Cut:
        """The lines of an entry, from its name to the end of the line in which its value ends."""
        layout = self.layout
        start, end = layout.line_start(section.name), layout.below(section.close, 0)
        if layout.text[start : section.name].strip():
            raise _Unsuited("Something else stands in the same line.")
        if end == len(layout.text) and not layout.starts_line(end):
            start = len(layout.text[:start].rstrip("\r\n"))
        return Cut(start, end)


def _pair(name: str, value: Json) -> str:
    return f"{written(name)}: {written(value)}"


_OUT: Final = "To be taken out: "


def _by_hand(sentence: str, edit: Edit) -> ConfigNotEdited:
    first, *rest = edit.path
    if isinstance(edit, Take):
        what = f"{_OUT}{'.'.join(edit.path)}"
    else:
        value = edit.value
        for outer in reversed(rest):
            value = {outer: value}
        lines = "\n".join(_unfolded(first, value, 0))
        gone = f"\n{_OUT}{'.'.join((*edit.path[:-1], edit.instead))}" if edit.instead is not None else ""
        what = f"To be written:\n{lines}{gone}"
    return ConfigNotEdited(f"{sentence} {what}", hint="edit the config by hand, then run: vkstate apply")


def _unfolded(name: str, value: Json, column: int) -> list[str]:
    """The lines of a field, each name in one of its own."""
    if not isinstance(value, dict):
        return list(field_lines(name, value, column, USUAL_STEP))
    inner = [line for one, below in value.items() for line in _unfolded(one, below, column + USUAL_STEP)]
    return [f"{' ' * column}{written(name)}:", *inner]
