"""The proxy as the executor writes to it: what is sent once, what is repeated, and how outcomes are told apart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import responses
from responses import matchers

from tests.litellm.fake import STAMP, URL, FakeLiteLLM, body_of, row, token_of, value_of
from tests.litellm.hasty import hasty
from tests.litellm.scripted import answer, hang, reset, serving
from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.executor.ports import (
    AliasTaken,
    AnswerLost,
    ClientValuesRefused,
    CreateOrder,
    Proxy,
    Refused,
    Sought,
    TurnedAway,
    UpdateOrder,
)
from vkstate.expiry import Lasting, Never, Until
from vkstate.keys import Alias
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import MasterKeyRefused, NoDatabase, NotLiteLLM, Unreachable
from vkstate.litellm.proxy import LiteLLMProxy

ALIAS = Alias("ws-user1")
ORDER = CreateOrder(ALIAS, STAMP, {"models": ["gpt-4"]}, Never(), value_of("a"))
SOUGHT = Sought(token_of("a"), STAMP.id, ALIAS)
UP = {"db": "connected"}


@pytest.fixture
def proxy(connection: Connection) -> LiteLLMProxy:
    return LiteLLMProxy(connection, parallelism=2)


def test_it_is_a_proxy(proxy: LiteLLMProxy) -> None:
    port: Proxy = proxy
    assert abs(port.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert repr(proxy) == f"LiteLLMProxy('{URL}')"


def _error(message: str, param: str | None = None) -> Json:
    return {"error": {"message": message, "type": "internal_server_error", "param": param, "code": "x"}}


class TestCreate:
    def test_an_own_value_is_sent_and_not_returned(self, proxy: LiteLLMProxy, answers: responses.RequestsMock) -> None:
        answers.add("POST", f"{URL}/key/generate", json={"key": value_of("a").reveal(), "token": "x"})
        assert proxy.create(ORDER) is None
        assert body_of(answers.calls[0].request) == {
            "key_alias": "ws-user1",
            "key": value_of("a").reveal(),
            "models": ["gpt-4"],
            "metadata": {"vkstate": {"lineage": "lineage-1", "id": "00000000000000a1"}},
        }

    def test_a_value_that_the_proxy_made_is_returned(
        self, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.add("POST", f"{URL}/key/generate", json={"key": value_of("b").reveal()})
        assert proxy.create(replace(ORDER, value=None)) == value_of("b")

    def test_a_value_that_the_proxy_made_all_the_same_is_returned(
        self, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.add("POST", f"{URL}/key/generate", json={"key": value_of("b").reveal()})
        assert proxy.create(ORDER) == value_of("b")

    @pytest.mark.parametrize(
        ("status", "message", "param", "outcome"),
        [
            (400, "Key with alias 'ws-user1' already exists. Unique key aliases.", "key_alias", AliasTaken),
            (403, "{'error': 'Custom API key values are disabled by your administrator.'}", None, ClientValuesRefused),
            (403, "This feature is only available for LiteLLM Enterprise users: tags", None, Refused),
            (500, "Invalid model_max_budget: You must have an enterprise license", None, Refused),
            (400, "max_budget cannot be negative. Received: -1.0", None, Refused),
            (422, "unprocessable", None, Refused),
            (500, "Internal Server Error.", None, AnswerLost),
            (500, "Unsupported duration unit, passed duration: 30", None, AnswerLost),
            (500, "Internal Server Error, Organization doesn't exist in db. Organization=nope.", None, Refused),
            (500, "Something is wrong: Organization doesn't exist in db.", None, AnswerLost),
            (404, "{'error': 'Project not found, project_id=nope'}", None, Refused),
            (502, "bad gateway", None, AnswerLost),
            (503, "later", None, TurnedAway),
            (408, "took too long", None, AnswerLost),
            (409, "conflict", None, AnswerLost),
            (500, "{'error': 'DB not connected'}", None, AnswerLost),
            (401, "Invalid proxy server token passed", None, MasterKeyRefused),
        ],
    )  # fmt: skip
    def test_each_outcome_keeps_the_servers_words(
        self,
        status: int,
        message: str,
        param: str | None,
        outcome: type[VkstateError],
        proxy: LiteLLMProxy,
        answers: responses.RequestsMock,
    ) -> None:
        answers.assert_all_requests_are_fired = False
        answers.add("POST", f"{URL}/key/generate", json=_error(message, param), status=status)
        answers.add("GET", f"{URL}/health/readiness", json=UP)
        with pytest.raises(VkstateError) as caught:
            proxy.create(ORDER)
        assert type(caught.value) is outcome
        words = (
            message.removeprefix("{'error': '").removesuffix("'}").removeprefix("Internal Server Error, ").rstrip(".")
        )
        assert words in caught.value.detail
        assert [call.request.path_url for call in answers.calls].count("/key/generate") == 1

    @pytest.mark.parametrize("body", ["<html>", "{}", '{"key": null}', "[]"])
    def test_a_yes_that_cannot_be_read_is_an_answer_lost(
        self, body: str, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.add("POST", f"{URL}/key/generate", body=body)
        with pytest.raises(AnswerLost):
            proxy.create(ORDER)

    def test_another_server_is_told(self, proxy: LiteLLMProxy, answers: responses.RequestsMock) -> None:
        answers.add("POST", f"{URL}/key/generate", json={"detail": "Not Found"}, status=404)
        with pytest.raises(NotLiteLLM):
            proxy.create(ORDER)

    def test_a_reset_and_a_timeout_are_answers_lost_and_nothing_is_sent_again(self, pauses: list[float]) -> None:
        with (
            serving(reset, hang) as script,
            Connection(script.url, "sk-x", gate=hasty(pauses), timeout=0.3) as connection,
        ):
            for _ in range(2):
                with pytest.raises(AnswerLost):
                    LiteLLMProxy(connection).create(ORDER)
            assert len(script.seen) == 2
        with Connection(script.url, "sk-x", gate=hasty(pauses)) as connection, pytest.raises(Unreachable):
            LiteLLMProxy(connection).create(ORDER)
        assert pauses == []


class TestUpdate:
    def test_the_answer_is_the_read_back(self, proxy: LiteLLMProxy, answers: responses.RequestsMock) -> None:
        sent = {"key": token_of("a"), "max_budget": 7}
        answers.add(
            "POST",
            f"{URL}/key/update",
            json={**row("ws-user1"), "key": token_of("a"), "max_budget": 7.0},
            match=[matchers.json_params_matcher(sent)],
        )
        live = proxy.update(UpdateOrder(SOUGHT, STAMP, {"max_budget": 7}))
        assert (live.token, live.alias, live.attributes["max_budget"]) == (token_of("a"), "ws-user1", 7)

    def test_metadata_is_read_merged_and_sent_whole(self, proxy: LiteLLMProxy, answers: responses.RequestsMock) -> None:
        now = row("ws-user1", metadata={"theirs": 1, "gone": 2})
        answers.add(
            "POST",
            f"{URL}/v2/key/info",
            json={"info": [now]},
            match=[matchers.json_params_matcher({"keys": [token_of("ws-user1")]})],
        )
        whole = {"theirs": 1, "ours": 3, "vkstate": {"lineage": "lineage-1", "id": STAMP.id}}
        answers.add(
            "POST",
            f"{URL}/key/update",
            json={**now, "metadata": whole},
            match=[matchers.json_params_matcher({"key": token_of("ws-user1"), "metadata": whole})],
        )
        sought = replace(SOUGHT, token=token_of("ws-user1"))
        live = proxy.update(UpdateOrder(sought, STAMP, {"metadata.ours": 3}, frozenset({"metadata.gone"})))
        assert (live.metadata, live.stamp) == (whole, STAMP)

    def test_an_answer_without_the_row_is_followed_by_reading(
        self, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.add("POST", f"{URL}/key/update", json={"key": token_of("a"), "max_budget": 7.0})
        answers.add("POST", f"{URL}/v2/key/info", json={"info": [{"max_budget": 8.0, "key_alias": "ws-user1"}]})
        assert proxy.update(UpdateOrder(SOUGHT, STAMP, {"max_budget": 7})).attributes["max_budget"] == 8

    def test_a_soft_budget_is_read_back_since_no_answer_shows_it(
        self, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.add("POST", f"{URL}/key/update", json=row("ws-user1", budget_id="b"))
        table: Json = {"soft_budget": 3.0}
        answers.add("POST", f"{URL}/v2/key/info", json={"info": [row("a", budget_id="b", litellm_budget_table=table)]})
        live = proxy.update(UpdateOrder(SOUGHT, STAMP, {"soft_budget": 3}))
        assert live.attributes["soft_budget"] == 3

    def test_what_only_the_answer_shows_is_kept_beside_what_was_read_back(
        self, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        dropped: Json = {"object_permission_id": "p", "mcp_servers": []}
        answers.add(
            "POST", f"{URL}/key/update", json=row("a", budget_id="b", max_budget=7.0, object_permission=dropped)
        )
        table: Json = {"soft_budget": 3.0}
        again = row("a", budget_id="b", max_budget=8.0, litellm_budget_table=table, object_permission_id="p")
        answers.add("POST", f"{URL}/v2/key/info", json={"info": [again]})
        assign: dict[str, Json] = {"soft_budget": 3, "object_permission.mcp_servers": ["s1"]}
        shown = proxy.update(UpdateOrder(SOUGHT, STAMP, assign)).attributes
        assert {path: shown[path] for path in (*assign, "max_budget")} == {
            "soft_budget": 3,
            "object_permission.mcp_servers": [],
            "max_budget": 8,
        }

    @pytest.mark.parametrize("listed", [True, False])
    def test_an_object_permission_that_the_answer_leaves_out_is_listed(
        self, listed: bool, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        held: Json = {"object_permission_id": "p", "agents": ["kept"], "mcp_servers": []}
        answered = row("a", max_budget=7.0, object_permission=None, object_permission_id="p")
        answers.add("POST", f"{URL}/key/update", json=answered)
        keys: list[Json] = [{**answered, "object_permission": held, "org_id": None}] if listed else []
        query = {"page": "1", "size": "100", "key_hash": token_of("a"), "return_full_object": "true"}
        answers.add(
            "GET",
            f"{URL}/key/list",
            json={"keys": keys, "total_count": len(keys), "total_pages": len(keys)},
            match=[matchers.query_param_matcher(query)],
        )
        shown = proxy.update(UpdateOrder(SOUGHT, STAMP, {"object_permission.mcp_servers": ["dropped"]})).attributes
        assert {path: value for path, value in shown.items() if path.startswith("object_permission.")} == (
            {"object_permission.agents": ["kept"], "object_permission.mcp_servers": []} if listed else {}
        )
        assert shown["max_budget"] == 7

    @pytest.mark.parametrize(
        ("status", "message", "param"),
        [
            (401, "Authentication Error: invalid user key - user key does not exist in db. User Key=x", None),
            (404, "Key not found.", "key"),
        ],
    )
    def test_a_key_that_is_gone_refuses(
        self, status: int, message: str, param: str | None, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.add("POST", f"{URL}/key/update", json=_error(message, param), status=status)
        with pytest.raises(Refused) as caught:
            proxy.update(UpdateOrder(SOUGHT, STAMP, {"max_budget": 7}))
        assert caught.value.detail == "The key ws-user1 is gone from the proxy: somebody deleted it since it was read."

    def test_a_key_that_is_gone_before_its_metadata_was_read_refuses(
        self, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.add("POST", f"{URL}/v2/key/info", json={"info": []})
        with pytest.raises(Refused):
            proxy.update(UpdateOrder(SOUGHT, STAMP, {"metadata.a": 7}))

    @pytest.mark.parametrize(
        ("status", "message", "outcome"),
        [
            (400, "Key with alias 'x' already exists. Unique key aliases are required.", AliasTaken),
            (400, "Invalid duration format", Refused),
            (403, "This feature is only available for LiteLLM Enterprise users", Refused),
            (500, "something", AnswerLost),
            (503, "later", AnswerLost),
        ],
    )
    def test_other_outcomes(
        self,
        status: int,
        message: str,
        outcome: type[VkstateError],
        proxy: LiteLLMProxy,
        answers: responses.RequestsMock,
    ) -> None:
        answers.assert_all_requests_are_fired = False
        answers.add("POST", f"{URL}/key/update", json=_error(message), status=status)
        answers.add("GET", f"{URL}/health/readiness", json=UP)
        with pytest.raises(VkstateError) as caught:
            proxy.update(UpdateOrder(SOUGHT, STAMP, {"max_budget": 7}))
        assert type(caught.value) is outcome

    def test_a_400_of_a_database_that_is_away_is_not_a_refusal(
        self, proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.add("POST", f"{URL}/key/update", json=_error("Authentication Error, "), status=400)
        answers.add("GET", f"{URL}/health/readiness", json={"db": "disconnected"}, status=503)
        with pytest.raises(NoDatabase):
            proxy.update(UpdateOrder(SOUGHT, STAMP, {"max_budget": 7}))

    def test_a_lost_answer_is_asked_for_again_with_the_time_that_is_left(self, pauses: list[float]) -> None:
        until = datetime.now(UTC) + timedelta(seconds=100)
        with (
            serving(hang, answer(200, row("ws-user1"))) as script,
            Connection(script.url, "sk-x", gate=hasty(pauses), timeout=1.1) as connection,
        ):
            LiteLLMProxy(connection).update(UpdateOrder(SOUGHT, STAMP, {}, frozenset(), Until(until)))
        first, second = (int(json.loads(seen.body)["duration"].removesuffix("s")) for seen in script.seen)
        assert first == 100
        assert second < first

    def test_repeating_that_does_not_help_is_an_answer_lost(self, pauses: list[float]) -> None:
        with (
            serving(*[reset] * 3) as script,
            Connection(script.url, "sk-x", gate=hasty(pauses), retries=1) as connection,
            pytest.raises(AnswerLost),
        ):
            LiteLLMProxy(connection).update(UpdateOrder(SOUGHT, STAMP, {}, frozenset(), Lasting(60)))
        assert len(script.seen) == 3


class TestDelete:
    def test_by_token(self, proxy: LiteLLMProxy, fake: FakeLiteLLM) -> None:
        fake.add(row("a"), row("b"))
        proxy.delete([token_of("a"), token_of("gone")])
        proxy.delete([token_of("gone")])
        proxy.delete([])
        assert (list(fake.rows), fake.asked) == ([token_of("b")], {"delete": 2})

    @pytest.mark.parametrize(
        ("status", "outcome"), [(400, Refused), (403, Refused), (500, AnswerLost), (504, AnswerLost)]
    )
    def test_other_outcomes(
        self, status: int, outcome: type[VkstateError], proxy: LiteLLMProxy, answers: responses.RequestsMock
    ) -> None:
        answers.assert_all_requests_are_fired = False
        answers.add("POST", f"{URL}/key/delete", json=_error("no"), status=status)
        answers.add("GET", f"{URL}/health/readiness", json=UP)
        with pytest.raises(VkstateError) as caught:
            proxy.delete([token_of("a")])
        assert type(caught.value) is outcome

    def test_it_is_repeated_after_a_reset_and_may_take_a_minute(self, pauses: list[float]) -> None:
        with (
            serving(*[reset] * 9) as script,
            Connection(script.url, "sk-x", gate=hasty(pauses), retries=2) as connection,
            pytest.raises(AnswerLost),
        ):
            LiteLLMProxy(connection).delete([token_of("a")])
        assert len(script.seen) == 4
