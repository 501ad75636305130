"""States to test with: two fixed ones, and whatever Hypothesis thinks of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import strategies as st

from vkstate.attributes import ATTRIBUTES, Json, Kind, Sealed, Value
from vkstate.canonical import flatten
from vkstate.keys import Alias, KeyValue, Member, Origin, RecordedKey, Retired, Status, Token
from vkstate.state.model import State

LINEAGE = "5b6f0a4e-1c1e-4c55-9a3b-0d2f7f4f9a01"
PROXY = "https://litellm.example.com"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CANARY = "sk-canary-0123456789abcdef"


def clock() -> datetime:
    """A clock that has stopped at noon."""
    return NOON


def value(number: int) -> KeyValue:
    """A key value."""
    return KeyValue(f"sk-{number:032d}")


def key(
    number: int, *, applied: dict[str, Value] | None = None, alias: str | None = None, status: Status = Status.READY
) -> RecordedKey:
    """A recorded key with nothing special about it."""
    return RecordedKey(
        alias=Alias(alias or f"key-{number}"),
        status=status,
        id=f"{number:016x}",
        token=value(number).token,
        origin=Origin.CREATED,
        applied={"models": ["gpt-4"], "max_budget": 10} if applied is None else applied,
    )


def state(*keys: RecordedKey, serial: int = 1, proxy: str | None = PROXY) -> State:
    """A state with these keys."""
    return State(LINEAGE, serial, proxy, {each.alias: each for each in keys})


_text = st.text(st.characters(codec="utf-8"), max_size=12)
_name = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text
json_values: st.SearchStrategy[Json] = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_name, inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$sensitive", "$$sensitive"]), inner, min_size=1, max_size=1)
    ),
    max_leaves=5,
)
_instants = st.datetimes(timezones=st.just(UTC)).map(
    lambda instant: instant.replace(microsecond=instant.microsecond // 1000 * 1000)
)
_tokens = st.integers().map(lambda number: Token(hashlib.sha256(str(number).encode()).hexdigest()))
_members = st.builds(Member, workshop=_text, user=_text, number=st.none() | st.integers(min_value=1))


@st.composite
def _applied(draw: st.DrawFn) -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name in draw(st.sets(st.sampled_from(sorted(ATTRIBUTES)), max_size=5)):
        is_open = ATTRIBUTES[name].kind is Kind.OPEN
        drawn = draw(st.dictionaries(_name, json_values, max_size=3) if is_open else json_values)
        for path, item in flatten(name, drawn).items():
            flat[path] = Sealed("sha256:" + draw(_name)) if draw(st.booleans()) else item
    if draw(st.booleans()):
        flat["duration"] = draw(st.sampled_from(["3d", "never"]))
    return flat


@st.composite
def _retired(draw: st.DrawFn, alias: str) -> Retired:
    successor = draw(_name.filter(lambda name: name != alias))
    return Retired(Alias(successor), draw(st.none() | _instants))


@st.composite
def _recorded(draw: st.DrawFn, alias: str) -> RecordedKey:
    status = draw(st.sampled_from(Status))
    optional: Callable[[st.SearchStrategy[datetime]], st.SearchStrategy[datetime | None]] = st.none().__or__
    return RecordedKey(
        alias=Alias(alias),
        status=status,
        id=draw(_name),
        token=draw(st.none() | _tokens) if status is Status.PENDING else draw(_tokens),
        origin=draw(st.sampled_from(Origin)),
        applied=draw(_applied()),
        member=draw(st.none() | _members),
        created_at=draw(optional(_instants)),
        expires_at=draw(optional(_instants)),
        prevent_destroy=draw(st.booleans()),
        pending_since=draw(optional(_instants)),
        server_defaults=draw(st.dictionaries(_name, json_values, max_size=2)),
        retired=draw(st.none() | _retired(alias)),
        awaits_start=draw(st.booleans()),
    )


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any state that vkstate can hold."""
    aliases = draw(st.sets(_name, max_size=4))
    keys = {Alias(alias): draw(_recorded(alias)) for alias in aliases}
    return State(draw(_name), draw(st.integers(min_value=0)), draw(st.none() | _name), keys)
