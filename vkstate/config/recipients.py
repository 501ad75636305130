"""Changing who may read key values, in the config's own text: every other byte of it stays, comments included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vkstate.age import NotARecipient, Recipient, recipient_of
from vkstate.attributes import Json
from vkstate.config.content import Cut, means, read_content, split_mark, with_cuts
from vkstate.config.editing import ConfigNotEdited, Edit, Put, Take, edited
from vkstate.config.layout import USUAL_STEP, Form, Layout, layout_of
from vkstate.config.notation import WIDTH, item, written

_SECTION: Final = "secrets"
_STORE: Final = (_SECTION, "store")
_RECIPIENTS: Final = (_SECTION, "recipients")
_HINT: Final = "edit the config by hand; then vkstate secrets list says what remains to be done"


def with_age_store(text: str, recipients: Sequence[Recipient]) -> str:
    """A config whose values are kept encrypted to these, where it kept them plain.

    :param text: a config that can be loaded, line ends and byte order mark as they are in the file.
    :raises ConfigNotEdited: it cannot be done in place; with what to write by hand.
    """
    mark, body = split_mark(text)
    before = read_content(body).value
    section: dict[str, Json] = {"store": "age", "recipients": list(recipients)}
    if _SECTION in before:
        return _edited(text, [Put(_STORE, "age"), Put(_RECIPIENTS, list(recipients))])
    layout = layout_of(body)
    by_hand = "\n".join(["To be added:", *_section_lines(recipients, 0, USUAL_STEP)])
    if layout is None:
        raise _by_hand("It is written in braces, { }, where vkstate adds nothing.", by_hand)
    lines = _section_lines(recipients, layout.column, layout.step)
    added = _line(layout, layout.end, "\n".join([*([""] if layout.wants_blank_line else []), *lines]))
    return mark + _sure(with_cuts(body, [added]), {**before, _SECTION: section}, by_hand)


def with_plain_store(text: str) -> str:
    """A config whose values are kept plain, where it kept them encrypted; for ``text`` and errors see above."""
    return _edited(text, [Take(_RECIPIENTS, 1), Put(_STORE, "plain")])


def with_recipient(text: str, recipient: Recipient) -> str:
    """A config with one more recipient; for ``text`` and errors see above."""
    mark, body = split_mark(text)
    layout, before = layout_of(body), read_content(body).value
    listed = _listed(before)
    by_hand = f"To be added under {'.'.join(_RECIPIENTS)}: {recipient}"
    place = layout and _SECTION in layout.sections and layout.sections[_SECTION].entries.get(_RECIPIENTS[1])
    if not layout or not place or place.form not in (Form.LIST, Form.FLOW_LIST):
        raise _by_hand("The recipients stand elsewhere, or in braces.", by_hand)
    if place.form is Form.FLOW_LIST:
        line = layout.text[layout.line_start(place.end) : layout.below(place.end, 0)].rstrip()
        pad = f"{layout.line_end}{' ' * (layout.column + 2 * layout.step)}"
        between = " " if len(line) + len(recipient) < WIDTH else pad
        cut = Cut(place.end, place.end, f",{between}{written(recipient)}")
    else:
        cut = _line(layout, layout.below(place.end, place.column), item(recipient, place.column))
    return mark + _sure(with_cuts(body, [cut]), _with_listed(before, [*listed, recipient]), by_hand)


def without_recipient(text: str, recipient: Recipient) -> str:
    """A config with one recipient fewer, and at least one left; for ``text`` and errors see above."""
    mark, body = split_mark(text)
    before = read_content(body).value
    listed = _listed(before)
    number = next((number for number, one in enumerate(listed) if _means(one, recipient)), None)
    rest: list[Json] = [one for index, one in enumerate(listed) if index != number]
    by_hand = f"To be taken out of {'.'.join(_RECIPIENTS)}: {recipient}"
    layout, node = layout_of(body), _recipients_node(body)
    cut = _taken(layout, node, number) if layout and node and number is not None else None
    if cut is None:
        raise _by_hand("It does not stand there as it is, or not in a line of its own.", by_hand)
    return mark + _sure(with_cuts(body, [cut]), _with_listed(before, rest), by_hand)


def _edited(text: str, edits: Sequence[Edit]) -> str:
    try:
        return edited(text, edits)
    except ConfigNotEdited as error:
        error.hint = _HINT
        raise


def _listed(content: dict[str, Json]) -> list[Json]:
    section = content.get(_SECTION)
    listed = section.get(_RECIPIENTS[1]) if isinstance(section, dict) else None
    return listed if isinstance(listed, list) else []


def _with_listed(content: dict[str, Json], listed: Json) -> dict[str, Json]:
    section = content.get(_SECTION)
    return {**content, _SECTION: {**(section if isinstance(section, dict) else {}), _RECIPIENTS[1]: listed}}


def _means(written_there: Json, recipient: Recipient) -> bool:
    try:
        return isinstance(written_there, str) and recipient_of(written_there) == recipient
    except NotARecipient:  # a variable stands there
        return False


def _section_lines(recipients: Sequence[Recipient], column: int, step: int) -> list[str]:
    """The section of an encrypted store, each recipient in a line of its own."""
    inner = " " * (column + step)
    items = [item(recipient, column + 2 * step) for recipient in recipients]
    return [f"{' ' * column}{_SECTION}:", f"{inner}store: age", f"{inner}{_RECIPIENTS[1]}:", *items]


def _line(layout: Layout, place: int, lines: str) -> Cut:
    """Whole lines at the start of a line, or behind a last line that no line end closes."""
    lines = lines.replace("\n", layout.line_end)
    starts = layout.starts_line(place)
    return Cut(place, place, f"{lines}{layout.line_end}" if starts else f"{layout.line_end}{lines}")


def _recipients_node(text: str) -> SequenceNode | None:
    """Where the recipients stand, item by item."""
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    for name in _RECIPIENTS:
        if not isinstance(node, MappingNode):
            return None
        node = next((value for key, value in node.value if isinstance(key, ScalarNode) and key.value == name), None)
    return node if isinstance(node, SequenceNode) else None


def _taken(layout: Layout, node: SequenceNode, number: int) -> Cut | None:
    """What takes an item out of a list; None where something else stands in its line."""
    items: list[Node] = node.value
    start, end = items[number].start_mark.index, items[number].end_mark.index
    if node.flow_style:
        if number:
            return Cut(items[number - 1].end_mark.index, end)
        return Cut(start, items[1].start_mark.index) if len(items) > 1 else None
    first, below = layout.line_start(start), layout.below(end, 0)
    if layout.text[first:start].strip() != "-":
        return None
    if below == len(layout.text) and not layout.starts_line(below):
        first = len(layout.text[:first].rstrip("\r\n"))
    return Cut(first, below)


def _sure(text: str, wanted: dict[str, Json], by_hand: str) -> str:
    """The text, if it means what it should."""
    if not means(text, wanted):
        raise _by_hand("There is no way to do it that leaves the rest as it is.", by_hand)
    return text


def _by_hand(sentence: str, what: str) -> ConfigNotEdited:
    return ConfigNotEdited(
        f"{sentence} {what}",
        hint=_HINT,
    )
