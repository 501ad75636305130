"""Reading the keys that aliases and globs name: the cheapest correct way, counted in requests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.litellm.fake import START, FakeLiteLLM, iso, row, token_of
from vkstate.attributes import Json
from vkstate.keys import Alias
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import Matching, read_matching


def read(connection: Connection, *targets: str, globs: tuple[str, ...] = ()) -> Matching:
    """The keys that are named, which must have been read completely."""
    found = read_matching(LiteLLMProxy(connection), [Alias(target) for target in targets], globs)
    assert found is not None
    return found


def old(name: str, **fields: Json) -> dict[str, Json]:
    """A key that is older than everybody else's: it is on no first page."""
    return {**row(name, created_at=iso(START - timedelta(days=9))), **fields}


def names(found: Matching) -> list[str]:
    return sorted(key.alias or "" for key in found.keys)


def team(fake: FakeLiteLLM, **fields: Json) -> None:
    """Ten keys that a glob names, and some that it does not."""
    fake.add(*(old(f"team-a/{number}", **fields) for number in range(10)))
    fake.add(old("TEAM-A/11"), old("a team-a/12"), old("team-a"))


SERVERS = pytest.mark.parametrize(
    ("tokens_in_v2", "substring", "budgets_in_list"),
    [(True, False, False), (False, True, False), (False, True, True)],
    ids=["1.72, 1.80", "1.90", "1.105"],
)


@SERVERS
class TestWhatIsRead:
    @pytest.mark.parametrize("others", [0, 5000])
    def test_exactly_what_is_named(
        self,
        tokens_in_v2: bool,
        substring: bool,
        budgets_in_list: bool,
        others: int,
        connection: Connection,
        fake: FakeLiteLLM,
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(others)
        team(fake)
        fake.add(
            old("alone"), row("twice", alias="alone"), row("bare", alias=""), row("nobody's") | {"key_alias": None}
        )
        found = read(connection, "alone", "missing", globs=("team-a/*",))
        assert names(found) == ["alone", "alone", *(f"team-a/{number}" for number in range(10))]
        assert found.total == others + 17
        assert found.seen >= {"alone", "team-a/1", "TEAM-A/11", "a team-a/12"}
        assert all(key.attributes["soft_budget"] is None for key in found.keys)

    def test_a_glob_is_also_an_alias_to_the_letter(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, connection: Connection, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(500)
        fake.add(old("team[1]"), old("team1"), old("team2"))
        assert names(read(connection, globs=("team[1]",))) == ["team1", "team[1]"]

    def test_budgets_and_permissions_are_seen(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, connection: Connection, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(500)
        permission: Json = {"object_permission_id": "p", "mcp_servers": ["s"]}
        table: Json = {"soft_budget": 3.0}
        team(fake, budget_id="b", litellm_budget_table=table, object_permission_id="p", object_permission=permission)
        found = read(connection, globs=("team-a/*",))
        shown = [
            {path: key.attributes.get(path) for path in ("budget_id", "soft_budget", "object_permission.mcp_servers")}
            for key in found.keys
        ]
        assert shown == [{"budget_id": "b", "soft_budget": 3, "object_permission.mcp_servers": ["s"]}] * 10


class TestCost:
    def test_one_request_where_all_keys_are_on_one_page(self, connection: Connection, fake: FakeLiteLLM) -> None:
        team(fake)
        read(connection, "team-a", globs=("*",))
        assert fake.asked == {"list": 1}

    def test_older_servers_show_budgets_in_one_more(self, connection: Connection, fake: FakeLiteLLM) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = True, False, False
        fake.add(*(old(f"k{number}") for number in range(80)))
        read(connection, globs=("*",))
        assert fake.asked == {"list": 1, "info": 1}

    def test_a_workshop_of_a_hundred_beside_five_thousand(self, connection: Connection, fake: FakeLiteLLM) -> None:
        """The first page, whether the server can search, and the pages of what it finds."""
        fake.fill(5000)
        fake.add(*(old(f"ai-workshop-x-participant{number}") for number in range(1, 101)))
        assert len(read(connection, globs=("ai-workshop-x-*",)).keys) == 100
        assert fake.asked == {"list": 3}

    def test_without_a_search_all_keys_are_listed(self, connection: Connection, fake: FakeLiteLLM) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = True, False, False
        fake.fill(5000)
        fake.add(*(old(f"ai-workshop-x-participant{number}") for number in range(1, 101)))
        assert len(read(connection, "foreign-7", globs=("ai-workshop-x-*",)).keys) == 101
        assert fake.asked == {"list": 53, "info": 1}

    @pytest.mark.parametrize("glob", ["*-a/1", "te*", "[t]eam-a/1", "?eam-a/1", "te\\am*"])
    def test_a_glob_that_begins_with_little_is_no_search(
        self, glob: str, connection: Connection, fake: FakeLiteLLM
    ) -> None:
        fake.fill(500)
        fake.add(old("team-a/1"), old("te\\am"))
        assert len(read(connection, globs=(glob,)).keys) == (2 if glob == "te*" else 1)
        assert fake.asked == {"list": 7}

    def test_more_globs_than_pages_are_no_search(self, connection: Connection, fake: FakeLiteLLM) -> None:
        fake.fill(200)
        team(fake)
        globs = tuple(f"team-a/{number}*" for number in range(9))
        assert len(read(connection, globs=globs).keys) == 9
        assert fake.asked == {"list": 4}

    def test_aliases_are_looked_up(self, connection: Connection, fake: FakeLiteLLM) -> None:
        fake.fill(5000)
        team(fake)
        assert names(read(connection, "team-a/3", "foreign-4999", "missing")) == ["foreign-4999", "team-a/3"]
        assert fake.asked == {"list": 4}

    def test_a_row_that_litellm_cannot_read(self, connection: Connection, fake: FakeLiteLLM) -> None:
        team(fake)
        fake.poisoned = token_of("team-a/3")
        assert names(read(connection, globs=("team-a/*",))) == [f"team-a/{number}" for number in range(10)]


def test_a_listing_that_stays_incomplete_is_no_answer(connection: Connection, fake: FakeLiteLLM) -> None:
    """A key that goes while pages are read makes another one slip between them."""
    fake.fill(1000)
    gone = iter(range(1000))

    def lose_one(*_: object) -> dict[str, Json]:
        fake.rows.pop(token_of(f"foreign-{next(gone)}"), None)
        return {}

    listed = fake._listed
    fake._listed = lambda one: {**listed(one), **lose_one()}  # type: ignore[method-assign]  # while it is read
    assert read_matching(LiteLLMProxy(connection), [], ["*"]) is None
