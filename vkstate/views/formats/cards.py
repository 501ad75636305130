"""Keys as a page of cards to print and cut: one card a key, four or eight to a sheet of A4.

One HTML file without scripts, links or anything else that is loaded from elsewhere. The QR code holds the key value and
nothing else, so that whoever scans it can paste it.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Final

import segno

from vkstate.views.formats.cards_style import STYLE
from vkstate.views.handouts import EXPIRED, NO_BASE_URL, READY, Handout, HandoutKey
from vkstate.views.tables import cells
from vkstate.views.words import counted, verb

# Nothing is loaded and nothing runs, even if a name could break out of its element.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_COLUMNS: Final = 2
_LEFT, _TOP, _WIDTH, _HEIGHT = 9.0, 10.0, 96.0, 276.5
"""Millimetres: where the cards begin on a sheet, how wide one is, how high all are."""
_TICK: Final = 5.0
_MODELS: Final = {"all-proxy-models": "all models of the proxy", "all-team-models": "all models of the team"}
"""LiteLLM's special names, which are no models that anybody could ask for."""
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class PerPage(IntEnum):
    """How many cards come on a sheet."""

    FOUR = 4
    EIGHT = 8


_ONE_LINE: Final = 36
"""Characters of a key value that stand on one line; those that vkstate makes have 35."""
_SOME_LINES: Final = 100
_SCANNABLE: Final = 300
"""Characters beyond which a code would be too fine to print."""
_TWO_LINES: Final = 80
_FACTS: Final = 4
"""What a card says below the key as a rule: base URL, models, expiry, budget."""
_SHORT: Final = 18
_MIDDLE: Final = 30
"""Terminal columns of a name that is set large, or larger than others."""
_ROOM: Final = {PerPage.FOUR: 200, PerPage.EIGHT: 120}
"""Characters of models that a card takes; of further ones it says how many there are."""


def as_cards(handout: Handout, *, reveal: bool = False, per_page: PerPage = PerPage.EIGHT) -> str:
    """The page, in the order of the keys. What is too long for a card is wrapped; key value and base URL are never cut.

    A key that is not shown, or not known, has a sentence in its place and no QR code.
    """
    title = _title(handout)
    batches = [handout.keys[start : start + per_page] for start in range(0, len(handout.keys), per_page)]
    sheets = (
        _sheet(handout, batch, per_page, reveal=reveal, foot=(title, f"sheet {number} of {len(batches)}"))
        for number, batch in enumerate(batches, 1)
    )
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            '<meta name="referrer" content="no-referrer">',
            '<meta name="robots" content="noindex">',
            f"<title>{_text(title)}</title>",
            f"<style>\n{STYLE}</style>",
            "</head>",
            f'<body class="{per_page.name.lower()}">',
            *_about(handout, title, len(batches), reveal=reveal),
            *sheets,
            "</body>",
            "</html>\n",
        )
    )


def _title(handout: Handout) -> str:
    workshops = [workshop for workshop, _ in handout.by_workshop() if workshop is not None]
    return f"Keys of {', '.join(workshops)}" if workshops else "Keys"


def _about(handout: Handout, title: str, sheets: int, *, reveal: bool) -> Iterator[str]:
    """What is said on a screen and not printed."""
    number = len(handout.keys)
    yield f'<div class="about"><h1 dir="auto">{_text(title)}</h1>'
    yield f"<p>{counted(number, 'card')} on {counted(sheets, 'sheet')} of A4. Print at 100 %, and cut along the marks."
    if reveal:
        yield f"This page holds the key {verb(number, 'value', 'values')}: delete it once the cards are handed out.</p>"
    else:
        yield f"The key values are left out; <code>{_text(handout.revealed_by)}</code> has them.</p>"
    yield "</div>"


def _sheet(
    handout: Handout, keys: Sequence[HandoutKey], per_page: PerPage, *, reveal: bool, foot: tuple[str, str]
) -> str:
    rows = per_page // _COLUMNS
    return "\n".join(
        (
            '<section class="sheet">',
            _marks(-(-len(keys) // _COLUMNS), min(len(keys), _COLUMNS), _HEIGHT / rows),
            '<ul class="cards">',
            *(_card(handout, key, per_page, reveal=reveal) for key in keys),
            "</ul>",
            f'<div class="foot"><span dir="auto">{_text(foot[0])}</span><span>{_text(foot[1])}</span></div>',
            "</section>",
        )
    )


def _marks(rows: int, columns: int, height: float) -> str:
    """Where to cut: strokes at the edges of the sheet, and faint lines between the cards."""
    across = [_LEFT + column * _WIDTH for column in range(columns + 1)]
    down = [_TOP + row * height for row in range(rows + 1)]
    right, bottom = across[-1], down[-1]
    ticks = [f"M{x:g} {start:g}v{_TICK:g}" for x in across for start in (_TOP - _TICK - 1, bottom + 1)]
    ticks += [f"M{start:g} {y:g}h{_TICK:g}" for y in down for start in (_LEFT - _TICK - 1, right + 1)]
    lines = [f"M{x:g} {_TOP:g}V{bottom:g}" for x in across] + [f"M{_LEFT:g} {y:g}H{right:g}" for y in down]
    return (
        '<svg viewBox="0 0 210 296.5" aria-hidden="true" fill="none">'
        f'<path stroke="#9a9a9a" stroke-width=".12" stroke-dasharray=".6 1" d="{"".join(lines)}"/>'
        f'<path stroke="#000" stroke-width=".2" d="{"".join(ticks)}"/></svg>'
    )


def _card(handout: Handout, key: HandoutKey, per_page: PerPage, *, reveal: bool) -> str:
    value = key.value(reveal=reveal)
    facts = list(_facts(handout, key, per_page))
    dense = _is_dense(handout, key, value, full=len(facts) > _FACTS)
    return "\n".join(
        (
            f'<li class="card{" dense" if dense else ""}">',
            "<header>",
            *([] if key.workshop is None else [f'<p class="workshop clamp" dir="auto">{_text(key.workshop)}</p>']),
            f'<h2 class="name clamp{_size(key.name)}" dir="auto">{_text(key.name)}</h2>',
            *([] if key.alias == key.name else [f'<p class="alias clamp" dir="ltr">{_text(key.alias)}</p>']),
            "</header>",
            f'<div class="qr">{"" if value is None or len(value) > _SCANNABLE else _qr(value)}</div>',
            f'<div class="key"><span class="label">Key</span>{_shown(key, value)}</div>',
            "<dl>",
            *(f'<dt class="label">{label}</dt><dd{more}>{text}</dd>' for label, more, text in facts),
            "</dl>",
            "</li>",
        )
    )


def _is_dense(handout: Handout, key: HandoutKey, value: str | None, *, full: bool) -> bool:
    """Whether what may not be cut is so long that all else has to give way.

    :param full: more is said below the key than usual.
    """
    lengths = ((value or "", _ONE_LINE), (handout.api_base_url, _TWO_LINES), (key.alias, _TWO_LINES))
    return any(cells(text) > room for text, room in lengths) or (full and len(", ".join(key.models)) > _TWO_LINES)


def _size(name: str) -> str:
    taken = cells(name)
    return " short" if taken <= _SHORT else " middle" if taken <= _MIDDLE else ""


def _shown(key: HandoutKey, value: str | None) -> str:
    if value is None:
        why = "not known on this machine" if key.key is None else f"left out here: {key.key.masked}"
        return f'<p class="none">{_text(why)}</p>'
    size = "" if len(value) <= _ONE_LINE else ' class="long"' if len(value) <= _SOME_LINES else ' class="longest"'
    return f'<code{size} dir="ltr">{_text(value)}</code>'


def _qr(value: str) -> str:
    code = segno.make_qr(value, error="m")
    drawn = code.svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None)
    return drawn.replace("<svg ", '<svg role="img" aria-label="QR code of the key" ', 1)


def _facts(handout: Handout, key: HandoutKey, per_page: PerPage) -> Iterator[tuple[str, str, str]]:
    """Label, attributes and text of what a member has to know besides the key."""
    if handout.opens:
        yield "Base URL", ' class="url" dir="ltr"', _text(handout.api_base_url)
    else:
        yield "Base URL", "", _text(f"none; {NO_BASE_URL}")
    if key.models:
        yield (
            "Models",
            "",
            f'<span class="models clamp" dir="auto">{_text(_models(key.models, _ROOM[per_page]))}</span>',
        )
    if key.local_opening is not None:
        yield "Opens", "", _text(key.local_opening)
    yield ("Expired" if key.status == EXPIRED else "Expires"), "", _text(key.local_expiry)
    if key.budget is not None:
        yield "Budget", "", _text(key.budget)
    if key.local_opening is None and key.status not in (READY, EXPIRED):
        yield "Status", "", _text(key.status)


def _models(models: Sequence[str], room: int) -> str:
    """As many models as there is room for, and how many more there are."""
    names = [_MODELS.get(model, model) for model in models]
    kept = 1
    while kept < len(names) and len(", ".join(names[: kept + 1])) <= room:
        kept += 1
    more = [f"and {len(names) - kept:,} more"] if kept < len(names) else []
    return ", ".join((*names[:kept], *more))


def _text(text: str) -> str:
    """Text of an element: no markup, no control characters, and none that reorder what stands around them. Those that
    join letters and emoji stay."""
    kept = (char for char in text if char not in _REORDERING)
    return html.escape("".join("\ufffd" if unicodedata.category(char) in ("Cc", "Cs") else char for char in kept))
