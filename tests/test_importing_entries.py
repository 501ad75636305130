"""What is recorded of an imported key, and the entry that a config gets for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import CREATED, EMPTY_ROW, ENDS, FOREIGN_LINEAGE, LINEAGE, NOW, desired, live
from vkstate.attributes import ATTRIBUTES, Attribute, Home, Json, Kind, Sensitive, Value
from vkstate.canonical import canonical, flatten
from vkstate.importing import Entry, Terms, as_found, disputed, entry_of
from vkstate.keys import Alias, DesiredKey, LiveKey, OnMissing

BUDGET = "5f5366cc-831a-44a1-9655-e97f8c973464"
MODELS: Mapping[str, Json] = {"models": ["gpt-4"]}


def key(**attributes: Json) -> LiveKey:
    """A key of somebody else's without an end; its user id is its alias, ``bot``."""
    return live("bot", {**EMPTY_ROW, **MODELS, "user_id": "bot", **attributes}, lineage=None, expires_at=None)


def fields(row: LiveKey, **terms: set[str]) -> Mapping[str, Json]:
    """The fields of an entry, without those that every entry has."""
    said = entry_of(row, Terms(**{name: frozenset(paths) for name, paths in terms.items()})).fields
    return {name: value for name, value in said.items() if name not in ("models", "duration")}


def folded(name: str, value: Json) -> dict[str, Json]:
    """A folded attribute as a row shows it: under its own name, and under metadata."""
    return {name: canonical(name, value), f"metadata.{name}": value}


class TestWhatAnEntrySays:
    def test_a_key_with_a_little_of_everything(self) -> None:
        row = live(
            "bot",
            {
                **EMPTY_ROW,
                **MODELS,
                "user_id": "a@example.com",
                "team_id": "t1",
                "max_budget": 12.5,
                "budget_duration": "30d",
                "rpm_limit": 0,
                "blocked": True,
                "aliases": {"fast": "gpt-4"},
                "budget_limits": [{"budget_duration": "1d", "max_budget": 1}],
                **folded("model_rpm_limit", {"gpt-4": 3}),
                **folded("tags", ["b", "a", "a"]),
                "metadata.cost_center": "4711",
                "metadata.nothing": None,
                "metadata.nested": {"x": [1]},
                "object_permission.vector_stores": ["v"],
                "object_permission.agents": [],
                "object_permission.mcp_tool_search_enabled": False,
                "extra.new_in_2.0": 7,
            },
            lineage=None,
        )
        assert entry_of(row) == Entry(
            {
                "user_id": "a@example.com",
                "models": ["gpt-4"],
                "expires_at": "2026-04-16T12:00:00Z",
                "team_id": "t1",
                "max_budget": 12.5,
                "budget_duration": "30d",
                "budget_limits": [{"budget_duration": "1d", "max_budget": 1}],
                "rpm_limit": 0,
                "model_rpm_limit": {"gpt-4": 3},
                "blocked": True,
                "aliases": {"fast": "gpt-4"},
                "tags": ["a", "b"],
                "object_permission": {"vector_stores": ["v"]},
                "metadata": {"cost_center": "4711", "nested": {"x": [1]}, "nothing": None},
            }
        )
        assert list(entry_of(row).fields)[:3] == ["user_id", "models", "expires_at"]
        assert list(entry_of(row).fields)[-2:] == ["object_permission", "metadata"]

    def test_an_empty_key(self) -> None:
        row = live("bot", {**EMPTY_ROW, "models": ["all-proxy-models"]}, lineage=None, expires_at=None)
        assert entry_of(row).fields == {"user_id": None, "models": ["all-proxy-models"], "duration": "never"}

    def test_a_row_that_shows_little(self) -> None:
        """What a server does not show is not declared, the user id excepted, which would be the alias."""
        row = live("bot", MODELS, lineage=None, expires_at=None)
        assert entry_of(row).fields == {"user_id": None, "models": ["gpt-4"], "duration": "never"}

    @pytest.mark.parametrize(("user_id", "said"), [("bot", {}), ("Bot", {"user_id": "Bot"}), (None, {"user_id": None})])
    def test_the_user_id_goes_without_saying_where_it_is_the_alias(
        self, user_id: str | None, said: dict[str, Json]
    ) -> None:
        assert fields(key(user_id=user_id)) == said

    @pytest.mark.parametrize(
        ("end", "said"),
        [
            (None, ("duration", "never")),
            (ENDS, ("expires_at", "2026-04-16T12:00:00Z")),
            (datetime(2020, 2, 29, 23, 59, 59, 95000, tzinfo=UTC), ("expires_at", "2020-02-29T23:59:59.095Z")),
        ],
    )
    def test_the_expiry_is_always_said_exactly(self, end: datetime | None, said: tuple[str, str]) -> None:
        entry = entry_of(live("bot", MODELS, lineage=None, expires_at=end))
        assert {name: value for name, value in entry.fields.items() if name in ("duration", "expires_at")} == {
            said[0]: said[1]
        }

    @pytest.mark.parametrize(
        ("attributes", "said"),
        [
            ({"soft_budget": 3, "budget_id": BUDGET}, {"soft_budget": 3}),
            ({"soft_budget": 3, "budget_id": "team-budget"}, {"budget_id": "team-budget"}),
            ({"budget_id": BUDGET}, {"budget_id": BUDGET}),
            ({"soft_budget": 0, "budget_id": BUDGET}, {"soft_budget": 0}),
        ],
        ids=["made by LiteLLM", "named by somebody", "without a soft limit", "zero"],
    )
    def test_a_budget_that_litellm_made_is_said_by_what_it_was_made_for(
        self, attributes: dict[str, Json], said: dict[str, Json]
    ) -> None:
        assert fields(key(**attributes)) == said

    @pytest.mark.parametrize(
        ("attributes", "said"),
        [
            ({"key_type": "llm_api", "allowed_routes": ["llm_api_routes"]}, {"key_type": "llm_api"}),
            ({"key_type": "read_only", "allowed_routes": ["info_routes"]}, {"key_type": "read_only"}),
            ({"key_type": "management", "allowed_routes": ["management_routes"]}, {"key_type": "management"}),
            (
                {"key_type": "llm_api", "allowed_routes": ["/chat/completions"]},
                {"allowed_routes": ["/chat/completions"]},
            ),
            ({"key_type": "llm_api", "allowed_routes": []}, {"key_type": "llm_api"}),
            ({"key_type": None, "allowed_routes": ["llm_api_routes"]}, {"allowed_routes": ["llm_api_routes"]}),
            ({"key_type": "novel", "allowed_routes": ["x"]}, {"allowed_routes": ["x"]}),
        ],
    )
    def test_routes_that_follow_from_the_type_are_not_said_twice(
        self, attributes: dict[str, Json], said: dict[str, Json]
    ) -> None:
        assert fields(key(**attributes)) == said

    def test_folded_attributes_that_are_empty_are_said_nowhere(self) -> None:
        assert fields(key(**folded("tags", []), **folded("guardrails", None), **folded("tpm_limit_type", ""))) == {}

    def test_our_mark_is_never_said(self) -> None:
        row = live("bot", {**EMPTY_ROW, **MODELS, "user_id": "bot"}, lineage=FOREIGN_LINEAGE, expires_at=None)
        assert entry_of(row).fields == {"models": ["gpt-4"], "duration": "never"}


class TestWhatAnEntryDoesNotSay:
    def test_what_may_hold_credentials(self) -> None:
        attributes: dict[str, Json] = {
            "config": {"api_key": "x"},
            "metadata.logging": [{"callback_vars": {"secret": "y"}}],
            "metadata.callback_settings": {"a": 1},
            "metadata.note": "z",
        }
        entry = entry_of(key(**attributes))
        assert entry.fields == {"models": ["gpt-4"], "duration": "never", "metadata": {"note": "z"}}
        assert entry.hidden == ("config", "metadata.callback_settings", "metadata.logging")
        assert (entry.unsaid, entry.ignored) == ((), ())

    def test_what_the_config_refuses(self) -> None:
        row = key(max_budget=-1, budget_duration="1w", **{"metadata.odd": "sk-"})
        entry = entry_of(row, Terms(frozenset({"max_budget", "budget_duration", "metadata.odd", "tpm_limit"})))
        assert entry.fields == {"models": ["gpt-4"], "duration": "never"}
        assert entry.unsaid == ("max_budget", "budget_duration", "metadata.odd")

    def test_a_folded_attribute_that_is_refused_is_said_under_metadata(self) -> None:
        row = key(**folded("prompts", {"not": "a list"}))
        assert fields(row) == {"prompts": {"not": "a list"}}
        entry = entry_of(row, Terms(frozenset({"prompts"})))
        assert entry == Entry({"models": ["gpt-4"], "duration": "never", "metadata": {"prompts": {"not": "a list"}}})
        entry = entry_of(row, Terms(frozenset({"prompts", "metadata.prompts"})))
        assert entry == Entry({"models": ["gpt-4"], "duration": "never"}, unsaid=("metadata.prompts",))

    def test_a_user_id_that_is_refused(self) -> None:
        entry = entry_of(key(user_id="odd"), Terms(frozenset({"user_id"})))
        assert (entry.fields, entry.unsaid) == ({"models": ["gpt-4"], "duration": "never"}, ("user_id",))


class TestWhatDefaultsSay:
    def test_that_the_key_has_none_is_said(self) -> None:
        row = key(rpm_limit=5, user_id=None)
        assert fields(row, inherited={"max_budget", "allowed_routes", "tags", "rpm_limit", "user_id"}) == {
            "user_id": None,
            "rpm_limit": 5,
            "allowed_routes": None,
            "max_budget": None,
            "tags": None,
        }

    def test_what_went_without_saying_is_said(self) -> None:
        row = key(soft_budget=3, budget_id=BUDGET, key_type="llm_api", allowed_routes=["llm_api_routes"])
        assert fields(row) == {"key_type": "llm_api", "soft_budget": 3}
        assert fields(row, inherited={"user_id", "budget_id", "allowed_routes"}) == {
            "user_id": "bot",
            "budget_id": BUDGET,
            "soft_budget": 3,
            "allowed_routes": ["llm_api_routes"],
        }

    def test_what_cannot_be_said_otherwise_is_ignored(self) -> None:
        row = key(rpm_limit=5, **{"metadata.team": "blue"})
        terms = Terms(stubborn=frozenset({"rpm_limit", "metadata.seat", "config"}), ignored=frozenset({"tpm_limit"}))
        entry = entry_of(row, terms)
        assert entry.fields["lifecycle"] == {"ignore_changes": ["config", "metadata.seat", "rpm_limit", "tpm_limit"]}
        assert entry.fields["metadata"] == {"team": "blue"}
        assert "rpm_limit" not in entry.fields
        assert (entry.ignored, entry.unsaid) == (("config", "metadata.seat", "rpm_limit"), ())

    def test_what_defaults_leave_alone_needs_no_word(self) -> None:
        assert fields(key(), ignored={"max_budget"}) == {}

    def test_a_dispute_is_first_answered_and_then_avoided(self) -> None:
        once = Terms().disputing(frozenset({"max_budget", "metadata.team", "extra.x", "object_permission.agents"}))
        assert once == Terms(
            inherited=frozenset({"max_budget", "metadata.team", "extra.x", "object_permission.agents"}),
            stubborn=frozenset({"metadata.team", "extra.x", "object_permission.agents"}),
        )
        assert once.disputing(frozenset({"max_budget"})).stubborn == once.stubborn | {"max_budget"}

    def test_what_is_refused_cannot_answer_a_dispute(self) -> None:
        terms = Terms(frozenset({"max_budget"})).disputing(frozenset({"max_budget", "rpm_limit"}))
        assert terms.stubborn == {"max_budget"}


def declared_by(entry: Entry) -> DesiredKey:
    """The key that a config without defaults asks for by an entry."""
    declared: dict[str, Value] = {"user_id": "bot"}
    for name, value in entry.fields.items():
        declared |= flatten(name, value)
    return desired("bot", declared)


WORDS = st.text("abc", min_size=1, max_size=3)
FORMS: Mapping[Kind, st.SearchStrategy[Json]] = {
    Kind.STRING: WORDS,
    Kind.NUMBER: st.one_of(st.integers(-3, 3), st.floats(0, 9, allow_nan=False)),
    Kind.INTEGER: st.integers(-3, 3),
    Kind.BOOLEAN: st.booleans(),
    Kind.SET: st.lists(WORDS, max_size=3).map(lambda words: [*words]),
    Kind.LIST: st.lists(WORDS.map(lambda word: {word: 1}), max_size=2).map(lambda items: [{**item} for item in items]),
    Kind.OBJECT: st.dictionaries(WORDS, st.one_of(st.none(), st.integers(0, 3)), max_size=2).map(lambda item: {**item}),
}


def shown(attribute: Attribute) -> st.SearchStrategy[dict[str, Json]]:
    """What a row may show of an attribute, be it nothing."""
    if attribute.kind is Kind.OPEN:
        names = st.sampled_from(["one", "two", "mcp_servers", "logging"])
        return st.dictionaries(names, st.one_of(st.none(), WORDS), max_size=2).map(
            lambda item: flatten(attribute.name, {**item})
        )
    values = st.one_of(st.none(), FORMS[attribute.kind])
    if attribute.home is Home.METADATA:
        return st.one_of(st.just({}), values.map(lambda value: folded(attribute.name, value)))
    return values.map(lambda value: {attribute.name: canonical(attribute.name, value)})


ROWS = st.tuples(*map(shown, ATTRIBUTES.values())).map(
    lambda parts: live(
        "bot",
        {**{path: value for part in parts for path, value in part.items()}, "models": ["gpt-4"]},
        lineage=None,
        expires_at=None,
    )
)


@given(ROWS)
def test_an_entry_asks_nothing_of_a_key(row: LiveKey) -> None:
    """And it is the same as long as nothing is learnt."""
    entry = entry_of(row)
    assert disputed(declared_by(entry), row, LINEAGE, NOW) == frozenset()
    assert entry_of(row, Terms()) == entry
    assert not {"config", "metadata.logging"} & declared_by(entry).declared.keys()


@given(ROWS, st.sets(st.sampled_from([name for name in ATTRIBUTES if name != "models"]), max_size=6))
def test_refusals_and_disputes_come_to_an_end(row: LiveKey, refused: set[str]) -> None:
    """Whatever a config refuses and its defaults ask, the second entry leaves only what it ignores in dispute."""
    asked: dict[str, Value] = {
        "max_budget": 77,
        "rpm_limit": 8,
        "tags": ["x"],
        "metadata.team": "y",
        "config": Sensitive(1),
    }
    terms = Terms(frozenset(refused))
    for _ in range(3):
        entry = entry_of(row, terms)
        ignored = frozenset(entry.ignored)
        wish = DesiredKey(row_alias(row), {**asked, **declared_by(entry).declared}, "", ignore_changes=ignored)
        found = disputed(wish, row, LINEAGE, NOW)
        terms = terms.disputing(found)
    assert found == frozenset()


def row_alias(row: LiveKey) -> Alias:
    """The alias of a key that has one."""
    assert row.alias is not None
    return Alias(row.alias)


class TestWhatIsRecorded:
    def test_what_is_live_and_declared(self) -> None:
        wanted = desired(
            "bot", max_budget=5, also={"metadata.team": "red", "extra.x": 1}, ignore_changes=["max_budget"]
        )
        row = key(max_budget=9, user_id=None, **{"metadata.team": "blue"})
        assert as_found(wanted, row).declared == {
            "duration": "never",
            "max_budget": 9,
            "metadata.team": "blue",
            "models": ["gpt-4"],
            "user_id": None,
        }

    def test_protection_and_membership_go_along(self) -> None:
        wanted = DesiredKey(desired("bot").alias, {}, "here", prevent_destroy=True, on_missing=OnMissing.ERROR)
        found = as_found(wanted, key())
        assert (found.prevent_destroy, found.on_missing, found.place) == (True, OnMissing.ERROR, "here")

    def test_a_duration_that_the_key_was_given_stays_one(self) -> None:
        row = live("bot", MODELS, lineage=None, expires_at=ENDS, created_at=CREATED)
        assert as_found(desired("bot"), row).declared["duration"] == "30d"
        assert as_found(desired("bot", duration="7d"), row).declared["expires_at"] == "2026-04-16T12:00:00Z"

    def test_what_is_set_at_creation_is_believed_where_it_is_not_shown(self) -> None:
        wanted = desired("bot", key_type="llm_api")
        row = key()
        shown_type = {path: value for path, value in row.attributes.items() if path != "key_type"}
        assert as_found(wanted, live("bot", shown_type, lineage=None)).declared["key_type"] == "llm_api"
        assert as_found(wanted, row).declared["key_type"] is None
