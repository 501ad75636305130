"""What is declared, sent, stored and read back is the same: round trips, as properties."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.litellm.fake import STAMP, START, token_of, value_of
from vkstate.attributes import ATTRIBUTES, Home, Json, Kind
from vkstate.canonical import canonical, flatten, is_clear
from vkstate.executor.ports import CreateOrder, Sought, UpdateOrder
from vkstate.expiry import Expiry, Never
from vkstate.keys import Alias, LiveKey, Member, Stamp
from vkstate.litellm.convert import generate_body, update_body
from vkstate.litellm.rows import live_key
from vkstate.litellm.wire import Row

ALIAS = Alias("ws-user1")


def _live(fields: dict[str, Json]) -> LiveKey:
    return live_key(Row.model_validate_json(json.dumps(fields)), token_of("a"))


def _create(declared: dict[str, Json], expiry: Expiry | None = None, stamp: Stamp = STAMP) -> CreateOrder:
    return CreateOrder(ALIAS, stamp, declared, expiry or Never(), value_of("a"))


def _update(
    assign: dict[str, Json] | None = None, clear: set[str] | None = None, expiry: Expiry | None = None
) -> UpdateOrder:
    sought = Sought(token_of("a"), STAMP.id, ALIAS)
    return UpdateOrder(sought, STAMP, assign or {}, frozenset(clear or ()), expiry)


@given(
    lineage=st.text(min_size=1),
    key_id=st.text(min_size=1),
    member=st.none() | st.builds(Member, st.text(), st.text(), st.none() | st.integers(0, 10**6)),
)
def test_a_stamp_comes_back_as_it_was_written(lineage: str, key_id: str, member: Member | None) -> None:
    stamp = Stamp(lineage, key_id, member)
    assert _live({"metadata": {"vkstate": stamp.form()}}).stamp == stamp


def _values(kind: Kind) -> st.SearchStrategy[Json]:
    texts = st.text(min_size=1, max_size=5)
    plain: st.SearchStrategy[Json] = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | texts
    match kind:
        case Kind.STRING:
            return texts
        case Kind.NUMBER:
            return st.floats(0, 10**6) | st.integers(0, 10**6)
        case Kind.INTEGER:
            return st.integers(0, 10**6)
        case Kind.BOOLEAN:
            return st.booleans()
        case Kind.SET:
            return st.lists(texts, min_size=1, max_size=4).map(list)
        case Kind.LIST:
            return st.lists(plain, min_size=1, max_size=3).map(list)
        case _:
            return st.dictionaries(texts, plain, min_size=1, max_size=3).map(dict)


_PLAIN = [attribute for attribute in ATTRIBUTES.values() if attribute.kind is not Kind.OPEN]


@st.composite
def _declarations(draw: st.DrawFn) -> dict[str, Json]:
    chosen = draw(st.lists(st.sampled_from(_PLAIN), unique_by=lambda attribute: attribute.name))
    declared: dict[str, Json] = {}
    for attribute in chosen:
        declared |= flatten(attribute.name, draw(_values(attribute.kind)))
    own = draw(st.dictionaries(st.sampled_from(["a", "b.c", "d"]), st.integers(), max_size=3))
    return declared | {f"metadata.{key}": value for key, value in own.items()}


@given(_declarations())
def test_what_is_created_is_read_back_as_declared(declared: dict[str, Json]) -> None:
    body = generate_body(_create(declared), START)
    shown = _live(_stored(body)).attributes
    assert {path: shown.get(path, canonical(path, None)) for path in declared} == declared


@given(_declarations(), _declarations())
def test_an_update_makes_one_declaration_the_other(before: dict[str, Json], after: dict[str, Json]) -> None:
    stored = _stored(generate_body(_create(before), START))
    clear = frozenset(before.keys() - after.keys())
    body = update_body(replace(_update(after), clear=clear), _live(stored), START)
    budget: Json = {"soft_budget": body.pop("soft_budget")} if "soft_budget" in body else stored["litellm_budget_table"]
    shown = _live({**stored, **body, "litellm_budget_table": budget}).attributes
    assert {path: shown.get(path, canonical(path, None)) for path in after} == after
    assert [path for path in clear if path in shown and not is_clear(path, shown[path])] == []


def _stored(body: dict[str, Json]) -> dict[str, Json]:
    """The row that LiteLLM makes of a create: folded attributes in metadata, the soft budget in its own table."""
    stored = {key: value for key, value in body.items() if key != "key"}
    metadata = stored["metadata"]
    assert isinstance(metadata, dict)
    for attribute in ATTRIBUTES.values():
        if attribute.home is Home.METADATA and attribute.name in stored:
            metadata[attribute.name] = stored.pop(attribute.name)
    return {
        **stored,
        "budget_id": stored.get("budget_id"),
        "litellm_budget_table": {"soft_budget": stored.pop("soft_budget", None)},
    }
