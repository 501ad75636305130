"""Adding keys to a config, which stays as it is otherwise: comments, anchors, quotes, indentation and line ends.

Text is inserted at its place; nothing is written anew. The result is read again, and counts only if it holds what was
there before and what was to be added, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from vkstate.attributes import Json
from vkstate.canonical import same
from vkstate.config.content import Content, Cut, as_literal, means, read_content, split_mark, with_cuts
from vkstate.config.layout import USUAL_STEP, Form, Layout, Section, layout_of
from vkstate.config.notation import WIDTH, entry, item, literal, written
from vkstate.config.places import ConfigError
from vkstate.errors import VkstateError


class ConfigNotExtended(VkstateError):
    """Something cannot be added to the config without touching what is there. It is as it was."""

    summary: ClassVar[str] = "the config cannot be extended"


def with_keys(
    text: str, entries: Mapping[str, Mapping[str, Json]], *, imports: Sequence[str] = (), then: str = "vkstate plan"
) -> str:
    """The text of a config with entries added at the end of ``keys``, and names at the end of ``import``.

    :param text: a config that can be loaded, line ends and byte order mark as they are in the file.
    :param entries: by alias, the attributes as they are to stand there; texts are meant literally, so that a ``$`` is
        doubled.
    :param imports: aliases; those that ``import`` names already are left out.
    :param then: the command to run once somebody has added them by hand.
    :raises ConfigNotExtended: this cannot be done in place, or an entry cannot stand in a config at all; where it can,
        with what to add by hand.
    :raises ConfigError: the text is not YAML.
    """
    mark, body = split_mark(text)
    before = read_content(body)
    there = [alias for alias in entries if literal(alias) in before.node("keys").children]
    if there:
        raise ConfigNotExtended(
            f"Under keys, there is an entry for {', '.join(there)} already.", hint="run: vkstate validate"
        )
    known = {child.text for child in before.node("import").children.values()}
    names = [name for name in dict.fromkeys(imports) if literal(name) not in known]
    if not entries and not names:
        return text
    fragment = _fragment(entries, names)
    _check_fragment(fragment, entries, names)
    try:
        added = _insert(body, entries, names)
    except _Unsuited as reason:
        raise _by_hand(str(reason), fragment, then) from None
    if not means(added, _extended(before, entries, names)):
        raise _by_hand("There is no place for it that leaves the rest as it is.", fragment, then)
    return mark + added


def _extended(content: Content, entries: Mapping[str, Mapping[str, Json]], names: Sequence[str]) -> Json:
    """The content as it should be with additions."""
    sections = content.value
    keys, listed = sections.get("keys"), sections.get("import")
    if entries:
        new = {literal(alias): as_literal(dict(inner)) for alias, inner in entries.items()}
        sections["keys"] = {**(keys if isinstance(keys, dict) else {}), **new}
    if names:
        sections["import"] = [*(listed if isinstance(listed, list) else []), *map(literal, names)]
    return sections


class _Unsuited(Exception):
    """A section cannot be added to in place; with a sentence."""


def _insert(text: str, entries: Mapping[str, Mapping[str, Json]], names: Sequence[str]) -> str:
    layout = layout_of(text)
    if layout is None:
        raise _Unsuited("It is written in braces, { }, where vkstate adds nothing.")
    additions = _Additions(layout)
    if entries:
        additions.add("keys", Form.MAPPING, lambda column: _entries(entries, column, layout.step))
    if names and (section := layout.sections.get("import")) and section.form is Form.FLOW_LIST:
        additions.add_in_brackets(section, names)
    elif names:
        additions.add("import", Form.LIST, lambda column: _items(names, column))
    return additions.text()


class _Additions:
    """Collects what is to be inserted into one text."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._cuts: list[Cut] = []
        self._new: list[str] = []

    def add(self, name: str, form: Form, lines: Callable[[int], Iterable[str]]) -> None:
        """Add entries at the end of a section, or a section of them at the end of the text.

        :param lines: the entries at a given indentation.
        """
        layout = self._layout
        column = layout.column + layout.step
        section = layout.sections.get(name)
        if section is None:
            self._new.append("\n".join([f"{' ' * layout.column}{name}:", *lines(column)]))
            return
        if section.form is Form.NOTHING:
            value = layout.text[section.start : section.end]
            if "#" in value:
                raise _Unsuited(f"A comment stands where the first entry of {name} belongs.")
            self._cuts.append(Cut(section.start, section.end))
        elif section.form is form:
            column = section.column
        else:
            raise _Unsuited(f"Under {name}, entries do not stand in lines of their own, so that vkstate adds none.")
        self._put(layout.below(section.end, column), "\n".join(lines(column)))

    def add_in_brackets(self, section: Section, names: Sequence[str]) -> None:
        """Add items at the end of a list in brackets; each in a line of its own where the line would grow too long."""
        layout = self._layout
        added = "".join(f", {written(name)}" for name in names)
        line = layout.text[layout.line_start(section.end) : layout.below(section.end, 0)]
        if len(line.rstrip()) + len(added) > WIDTH:
            pad = " " * (layout.column + layout.step)
            added = "".join(f",{layout.line_end}{pad}{written(name)}" for name in names)
        self._cuts.append(Cut(section.end, section.end, added))

    def _put(self, place: int, lines: str) -> None:
        """Insert whole lines at the start of a line, or behind a last line that no line end closes."""
        layout = self._layout
        lines = lines.replace("\n", layout.line_end)
        text = f"{lines}{layout.line_end}" if layout.starts_line(place) else f"{layout.line_end}{lines}"
        self._cuts.append(Cut(place, place, text))

    def text(self) -> str:
        """The text with everything inserted."""
        layout = self._layout
        if self._new:
            blank = "\n" if layout.wants_blank_line else ""
            self._put(layout.end, blank + "\n\n".join(self._new))
        return with_cuts(layout.text, self._cuts)


def _entries(entries: Mapping[str, Mapping[str, Json]], column: int, step: int) -> Iterator[str]:
    for alias, value in entries.items():
        yield from entry(alias, value, column, step)


def _items(names: Sequence[str], column: int) -> Iterator[str]:
    return (item(name, column) for name in names)


def _fragment(entries: Mapping[str, Mapping[str, Json]], names: Sequence[str]) -> str:
    """What is to be added, as a config of its own."""
    lines = ["keys:", *_entries(entries, USUAL_STEP, USUAL_STEP)] if entries else []
    lines += ["import:", *_items(names, USUAL_STEP)] if names else []
    return "\n".join(lines)


def _check_fragment(fragment: str, entries: Mapping[str, Mapping[str, Json]], names: Sequence[str]) -> None:
    """See that what is to be added can stand in a config at all."""
    try:
        read = read_content(fragment)
        read.problems.raise_if_any()
    except ConfigError as error:
        found = "\n".join(f"{one.where.path}: {one.sentence}" for one in error.problems)
        raise ConfigNotExtended(found, hint="leave it out of the config, or write it in another way") from None
    if not same(read.root.value, _extended(read_content(""), entries, names)):
        raise ConfigNotExtended("There is a value that YAML does not hold.", hint="write the entry by hand")


def _by_hand(sentence: str, fragment: str, then: str) -> ConfigNotExtended:
    return ConfigNotExtended(
        f"{sentence} To be added:\n{fragment}", hint=f"add these lines to the config by hand, then run: {then}"
    )
