"""Reading live: the cheapest correct way, counted in requests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
import responses
from responses import matchers

from tests.litellm.fake import START, URL, FakeLiteLLM, iso, row, token_of
from vkstate.attributes import Json
from vkstate.executor.ports import Sought
from vkstate.keys import Alias, Live
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import MasterKeyRefused, NotAdmin
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import read_live


def _own(name: str, **fields: Json) -> dict[str, Json]:
    """A key of ours, older than everybody else's: it is on no first page."""
    stamped = row(name, stamp_id=f"id-{name}", created_at=iso(START - timedelta(days=9)))
    return {**stamped, **fields}


def _known(names: Iterable[str]) -> list[Sought]:
    return [Sought(token_of(name), f"id-{name}", Alias(name)) for name in names]


def _aliases(names: Iterable[str]) -> list[Alias]:
    return [Alias(name) for name in names]


PERMITTING: dict[str, Json] = {
    "object_permission_id": "p",
    "object_permission": {"object_permission_id": "p", "mcp_servers": ["s"]},
}


def _names(live: Live) -> set[str | None]:
    return {key.alias for key in live.keys}


@pytest.fixture
def proxy(connection: Connection) -> LiteLLMProxy:
    return LiteLLMProxy(connection)


VERSIONS = pytest.mark.parametrize(
    ("tokens_in_v2", "substring", "budgets_in_list"),
    [(True, False, False), (False, True, True)],
    ids=["1.72, 1.80", "1.105"],
)


@VERSIONS
class TestSmallProxy:
    """All keys are on the first page."""

    def test_one_page_answers_all_that_it_can(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(20)
        table: Json = {"soft_budget": 3.0}
        fake.add(*(_own(f"u{number}", budget_id="b", litellm_budget_table=table) for number in range(50)))
        live = read_live(proxy, _known(f"u{number}" for number in range(50)), _aliases(["foreign-3", "new"]))
        assert _names(live) == {f"u{number}" for number in range(50)} | {"foreign-3"}
        assert live.total == 70
        assert {key.attributes.get("soft_budget") for key in live.keys if key.alias != "foreign-3"} == {3}
        assert fake.asked == ({"list": 1} if budgets_in_list else {"list": 1, "info": 1})

    def test_what_is_missing_on_the_page_is_asked_for_by_token(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.add(_own("a"), row("b", alias="gone"))
        for new, lists in (([], 2), (["new"], 1)):  # by token: whoever bears the alias is looked for afterwards
            live = read_live(proxy, _known(["a", "gone"]), _aliases(new))
            assert {key.token for key in live.keys} == {token_of("a"), token_of("b")}
            assert fake.asked == {"list": lists, "info": 1}
            fake.asked.clear()

    def test_our_keys_read_alike_however_many_keys_others_have(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.add(_own("a", budget_id=None, **PERMITTING))
        few = read_live(proxy, _known(["a"]), _aliases(["new"]))  # which makes the page come first
        fake.fill(100)
        many = read_live(proxy, _known(["a"]), [])
        one, other = (live.keys[0].attributes for live in (few, many))
        assert one["object_permission.mcp_servers"] == other["object_permission.mcp_servers"] == ["s"]
        assert {path: value for path, value in one.items() if path != "organization_id"} == other

    def test_an_empty_proxy(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        assert read_live(proxy, [], _aliases(["a"])) == Live((), 0)
        assert fake.asked == {"list": 1}


@VERSIONS
class TestLargeProxy:
    """Most keys are somebody else's."""

    def test_a_thousand_keys_of_ours_beside_five_thousand_cost_three_requests(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(5000)
        names = [f"ws-user{number}" for number in range(1000)]
        fake.add(*(_own(name) for name in names))
        live = read_live(proxy, _known(names), [])
        assert (_names(live), live.total) == (set(names), 6000)
        assert fake.asked == {"list": 1, "info": 2}
        assert [call.request.url for call in fake.mock.calls if call.request.method == "GET"] == [
            f"{URL}/key/list?page=1&size=1"
        ]

    def test_of_more_keys_than_a_page_holds_those_that_are_gone_are_looked_for_by_alias(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.add(_own("u0"), row("x", alias="u1"), row("y", alias="new"), row("z"))
        live = read_live(proxy, _known(f"u{number}" for number in range(101)), _aliases(["new"]))
        assert {key.token for key in live.keys} == {token_of(name) for name in ("u0", "x", "y")}
        assert live.total == 4
        assert fake.asked == {"list": 2, "info": 1}

    def test_of_no_keys_at_all_none_is_looked_for_by_alias(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        live = read_live(proxy, _known(f"u{number}" for number in range(101)), _aliases(["new"]))
        assert live == Live((), 0)
        assert fake.asked == {"list": 1, "info": 1}

    @pytest.mark.parametrize(("foreign", "permitting", "lists"), [(300, 3, 1 + 3), (300, 15, 1 + 5), (900, 15, 1 + 15)])
    def test_what_object_permissions_hold_is_listed_one_by_one_or_whole(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, foreign: int, permitting: int, lists: int,
        proxy: LiteLLMProxy, fake: FakeLiteLLM,
    ) -> None:  # fmt: skip
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(foreign)
        names = [f"u{number}" for number in range(20)]
        fake.add(*(_own(name, **(PERMITTING if number < permitting else {})) for number, name in enumerate(names)))
        live = read_live(proxy, _known(names), [])
        assert {key.alias for key in live.keys if key.attributes.get("object_permission.mcp_servers") == ["s"]} == set(
            names[:permitting]
        )
        assert _names(live) == set(names)
        assert fake.asked == {"list": lists, "info": 1}

    def test_new_aliases_by_what_they_share_where_the_server_can(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(5000)
        fake.add(row("x", alias="ws-user7"), row("y", alias="WS-USER8"), row("z", alias="ws-user-other"))
        live = read_live(proxy, [], _aliases(f"ws-user{number}" for number in range(50)))
        assert _names(live) == {"ws-user7"}
        assert fake.asked == {"list": 1 + (2 if substring else 1 + 50)}

    def test_a_prefix_that_half_the_proxy_shares_is_given_up(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(5000)
        live = read_live(proxy, [], _aliases(f"foreign-{number}" for number in range(10)))
        assert _names(live) == {f"foreign-{number}" for number in range(10)}
        assert fake.asked == {"list": 1 + 1 + substring + 10}

    def test_few_aliases_are_looked_up_one_by_one(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(500)
        live = read_live(proxy, [], _aliases(["foreign-7", "new", "other"]))
        assert (_names(live), fake.asked) == ({"foreign-7"}, {"list": 4})

    def test_many_aliases_on_few_pages_are_listed(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(350)
        wanted = [f"foreign-{number}" for number in range(300, 320)] + [f"n{number}x.y" for number in range(30)]
        live = read_live(proxy, [], _aliases(wanted))
        assert _names(live) == {f"foreign-{number}" for number in range(300, 320)}
        assert fake.asked["list"] <= 1 + 4 + substring * 2

    def test_the_alias_of_a_key_that_is_gone_or_renamed_is_looked_up(
        self, tokens_in_v2: bool, substring: bool, budgets_in_list: bool, proxy: LiteLLMProxy, fake: FakeLiteLLM
    ) -> None:
        fake.tokens_in_v2, fake.substring, fake.budgets_in_list = tokens_in_v2, substring, budgets_in_list
        fake.fill(500)
        fake.add(_own("kept"), _own("moved", key_alias="elsewhere"))
        fake.add(row("r1", alias="gone"), row("r2", alias="moved"))
        live = read_live(proxy, _known(["kept", "moved", "gone"]), [])
        assert {key.token for key in live.keys} == {token_of(name) for name in ("kept", "moved", "r1", "r2")}


def test_a_listing_that_changes_while_it_is_read_is_read_again(proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
    fake.substring = False
    fake.fill(350)
    fake.deletes_while_reading = [token_of(f"foreign-{number}") for number in range(5)]
    wanted = [f"foreign-{number}" for number in range(90, 110)]
    live = read_live(proxy, [], _aliases(wanted))
    assert _names(live) == set(wanted)


def test_a_listing_that_stays_incomplete_is_replaced_by_look_ups(
    connection: Connection, answers: responses.RequestsMock
) -> None:
    """A server that repeats rows of one page on the next and leaves others out, every time."""
    rows = [row(f"k{number}") for number in range(150)]
    for _ in range(3):
        answers.add("GET", f"{URL}/key/list", json={"keys": rows[:100], "total_count": 150, "total_pages": 2})
        answers.add("GET", f"{URL}/key/list", json={"keys": rows[50:100], "total_count": 150, "total_pages": 2})
    wanted = ["k120", "a", "b", "c", "d", "e"]
    for name in sorted(wanted):
        found = [one for one in rows if one["key_alias"] == name]
        query = matchers.query_param_matcher({"key_alias": name}, strict_match=False)
        answers.add("GET", f"{URL}/key/list", json={"keys": found, "total_count": 1, "total_pages": 1}, match=[query])
    live = read_live(LiteLLMProxy(connection, parallelism=1), [], _aliases(wanted), parallelism=1)
    assert _names(live) == {"k120"}


def test_counts_that_agree_do_not_hide_a_key_that_slipped_between_two_pages(
    proxy: LiteLLMProxy, answers: responses.RequestsMock
) -> None:
    """The newest key was deleted after the rows of the first page were read, and before they were counted."""
    rows = [row(f"k{number}") for number in range(151)]
    for page in (rows[:100], rows[101:], rows[1:101], rows[101:], rows[1:101]):
        answers.add("GET", f"{URL}/key/list", json={"keys": page, "total_count": 150, "total_pages": 2})
    wanted = [f"k{number}" for number in range(96, 106)]
    assert _names(read_live(proxy, [], _aliases(wanted))) == set(wanted)


@pytest.mark.parametrize(
    ("status", "message", "cause"),
    [
        (401, "Authentication Error, Invalid proxy server token passed.", MasterKeyRefused),
        (403, "{'error': \"No 'user_id' is associated with your API key.\"}", NotAdmin),
    ],
)
@pytest.mark.parametrize("owned", [1, 101], ids=["page", "count"])
def test_the_first_answer_proves_the_master_key(
    owned: int, status: int, message: str, cause: type[Exception], proxy: LiteLLMProxy, answers: responses.RequestsMock
) -> None:
    answers.assert_all_requests_are_fired = False
    answers.add("GET", f"{URL}/key/list", json={"error": {"message": message, "type": "auth_error"}}, status=status)
    answers.add("GET", f"{URL}/health/readiness", json={"db": "connected"})
    answers.add("POST", f"{URL}/v2/key/info", json={"error": {"message": message, "type": "auth_error"}}, status=status)
    with pytest.raises(cause):
        read_live(proxy, _known(f"u{number}" for number in range(owned)), [])
