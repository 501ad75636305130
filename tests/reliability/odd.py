"""Odd cases to try: texts, JSON and files that are almost right, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import TypeAlias, TypeVar

import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.reliability.counts import counted
from tests.reliability.watchdog import soon
from vkstate.attributes import Json

Case = TypeVar("Case")

ODD_TEXTS = (
    "", " ", "\0", "\ufeff", "\x1b[31m", "\u202e", "\x85", "\u2028", "\r", "\r\n", "\t", "é", "e\u0301", "ﬁ", "İ", "🔑",
    "a" * 300, "z" * 5000, "../x", "/etc/passwd", "~", "%s", "{}", "{0}", "${env.SECRET}", "$$", "null", "NaN", "-1",
    "1e999", "[", "{", "'", '"', "\\", "\\u0000", "*", "?", "workshop:", "workshop:w", ":", "#", "|", "&a", "*a", "<<",
    "9" * 400, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "30d", "never",
)  # fmt: skip
NUMBERS: st.SearchStrategy[Json] = st.sampled_from(
    [0, -1, 1, 2**31, 2**63, 10**30, 10**400, -(10**400), 0.1, -0.0, 1e308, 5e-324, float("inf"), float("nan")]
)
TEXTS = st.sampled_from(ODD_TEXTS) | st.text(max_size=12)
HALF = "\ud800"
"""Half a character, which JSON has a form for, and UTF-8 has not."""
SCALARS: st.SearchStrategy[Json] = st.none() | st.booleans() | NUMBERS | TEXTS | st.just(HALF)
DEEP: st.SearchStrategy[Json] = st.sampled_from([60, 400]).map(lambda depth: _nested(depth))
JSONS: st.SearchStrategy[Json] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
Bend: TypeAlias = tuple[float, int, Json, str | float]
"""Where in a document, what is done there, with what value, and under which name; a number is a name that is there."""
BENDS: st.SearchStrategy[list[Bend]] = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 5), SCALARS | SCALARS | JSONS | DEEP, st.floats(0, 1) | TEXTS | st.just(HALF)
    ),
    min_size=1,
    max_size=3,
)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), TEXTS), min_size=1, max_size=4)


def short_and_long(sorts: Mapping[str, tuple[object, object, int, int]]) -> list[ParameterSet]:
    """The cases of several sorts: a law, what it is about, and how many of it are tried, by default and in a sweep."""
    few = [pytest.param(law, of, cases, id=name) for name, (law, of, cases, _) in sorts.items()]
    many = [
        pytest.param(law, of, cases, id=f"{name}-at_length", marks=pytest.mark.sweep)
        for name, (law, of, _, cases) in sorts.items()
    ]
    return few + many


def fuzz(cases: int, of: st.SearchStrategy[Case], law: Callable[[Case], object]) -> None:
    """Put so many cases to a law, each within its time; a failure names the smallest case that was found."""
    count = 0

    def law_in_time(case: Case) -> None:
        nonlocal count
        count += 1
        with soon():
            law(case)

    checked = settings(
        max_examples=cases,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )(given(of)(law_in_time))
    checked()
    assert count >= cases, f"only {count} different cases were found"
    counted(count, "fuzz cases")


def _nested(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = {"error": value}
    return value


def edited(text: str) -> st.SearchStrategy[str]:
    """A text with a few places overwritten, cut out or filled in."""
    return st.builds(_edit, st.just(text), EDITS)


def _edit(text: str, edits: Sequence[tuple[float, int, str]]) -> str:
    for place, length, put in edits:
        at = int(place * len(text))
        text = text[:at] + put + text[at + length :]
    return text


def torn(data: bytes) -> st.SearchStrategy[bytes]:
    """Bytes that were cut short, written over, or doubled."""
    cut = st.floats(0, 1).map(lambda part: data[: int(part * len(data))])
    over = st.builds(
        lambda part, put: data[: int(part * len(data))] + put + data[int(part * len(data)) + len(put) :],
        st.floats(0, 1),
        st.binary(min_size=1, max_size=6),
    )
    return cut | over | st.just(data + data) | st.binary(max_size=60)


def near(document: Json) -> st.SearchStrategy[Json]:
    """A document of which a few values are others, missing, or there under another name."""
    return BENDS.map(lambda bends: bent(document, bends))


def bent(document: Json, bends: Sequence[Bend]) -> Json:
    """A document with a few of its places changed; what the places are depends on the document."""
    changed: list[Json] = [deepcopy(document)]
    for at, how, value, name in bends:
        places = list(_places(changed))
        holder, key = places[int(at * (len(places) - 1))]
        other = places[int(name * (len(places) - 1))][1] if isinstance(name, float) else name
        if isinstance(holder, list):
            assert isinstance(key, int)
            holder[key] = deepcopy(value)
            if how < 2:
                holder.append(deepcopy(holder[0]))
        elif how == 0:
            del holder[str(key)]
        elif how == 1:
            holder[str(other)] = deepcopy(holder[str(key)])
        else:
            holder[str(key)] = deepcopy(value)
    return changed[0]


def _places(value: Json) -> Iterator[tuple[list[Json] | dict[str, Json], int | str]]:
    """Every place in a document, as what holds it and its name or number there."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield value, number
            yield from _places(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield value, name
            yield from _places(item)


def written(value: Json) -> str:
    """A document as JSON, also where it holds what JSON has no form for, or half a character."""
    return json.dumps(value)
