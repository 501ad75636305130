"""Why one key cannot be made or changed: the attribute, the reason and the next step, for all that LiteLLM may say."""

from __future__ import annotations

import pytest
import responses
from responses import matchers

from tests.litellm.fake import STAMP, URL, row, token_of, value_of
from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.executor.ports import AnswerLost, CreateOrder, Refused, Sought, UpdateOrder
from vkstate.expiry import Never
from vkstate.keys import Alias
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy

ALIAS = Alias("ws-user1")
SOUGHT = Sought(token_of("a"), STAMP.id, ALIAS)
TRIAL = "You must be a LiteLLM Enterprise user to use this feature. If you have a license please set `LITELLM_LICENSE`"
CREATE = f"POST {URL}/key/generate: LiteLLM said "
UPDATE = f"POST {URL}/key/update: LiteLLM said "


@pytest.fixture
def proxy(connection: Connection) -> LiteLLMProxy:
    return LiteLLMProxy(connection)


def _order(**declared: Json) -> CreateOrder:
    return CreateOrder(ALIAS, STAMP, {"models": ["gpt-4"], **declared}, Never(), value_of("a"))


def _error(message: str) -> Json:
    return {"error": {"message": message, "type": "internal_server_error", "param": "None", "code": "x"}}


def _refused(proxy: LiteLLMProxy, answers: responses.RequestsMock, order: CreateOrder, status: int, message: str) -> (
    tuple[type[VkstateError], str, str | None]
):  # fmt: skip
    answers.assert_all_requests_are_fired = False
    answers.add("POST", f"{URL}/key/generate", json=_error(message), status=status)
    answers.add("GET", f"{URL}/health/readiness", json={"db": "connected"})
    with pytest.raises(VkstateError) as caught:
        proxy.create(order)
    return type(caught.value), caught.value.detail, caught.value.hint


SOLD = "This feature is only available for LiteLLM Enterprise users"
GROUP = "Setting a model access group on a wildcard model is only available for LiteLLM Enterprise users."
BUDGETS = "Invalid model_max_budget: You must have an enterprise license to set model_max_budget."
NO_ORGANIZATION = (
    "Organization doesn't exist in db. Organization=nope. Create organization via `/organization/new` call."
)
NO_BUDGET = "end_user_budget_id=nope does not match any budget."
LABELS = ", or put mere labels under its metadata"


@pytest.mark.parametrize(
    ("status", "message", "declared", "said", "adds", "hint"),
    [
        (
            403,
            f"{{'error': '{SOLD}: tags. {TRIAL}'}}",
            {"tags": ["a"], "guardrails": ["b"]},
            f"{SOLD}: tags.",
            " tags needs a LiteLLM Enterprise licence.",
            f"remove tags from ws-user1{LABELS}",
        ),
        (
            403,
            f"{{'error': '{SOLD}. {TRIAL}'}}",
            {"guardrails": ["b"]},
            f"{SOLD}.",
            " guardrails needs a LiteLLM Enterprise licence.",
            "remove guardrails from ws-user1",
        ),
        (
            403,
            f"{{'error': '{SOLD}. {TRIAL}'}}",
            {"guardrails": ["b"], "tags": ["a"], "prompts": []},
            f"{SOLD}.",
            " guardrails and tags need a LiteLLM Enterprise licence.",
            f"remove guardrails and tags from ws-user1{LABELS}",
        ),
        (
            500,
            f"Internal Server Error, {BUDGETS} {TRIAL}",
            {"model_max_budget": {"gpt-4": {"budget_limit": 1}}},
            BUDGETS,
            " model_max_budget needs a LiteLLM Enterprise licence.",
            "remove model_max_budget from ws-user1",
        ),
        (
            403,
            f"{{'error': '{GROUP}{TRIAL}'}}",
            {},
            GROUP,
            " models needs a LiteLLM Enterprise licence.",
            "name the models of the access group one by one in models of ws-user1",
        ),
        (403, f"Something new. {TRIAL}", {}, "Something new.", " That needs a LiteLLM Enterprise licence.", None),
        (
            500,
            f"Internal Server Error, {NO_ORGANIZATION}",
            {"organization_id": "nope"},
            NO_ORGANIZATION,
            "",
            "create the organization in LiteLLM first, or correct organization_id of ws-user1",
        ),
        (
            404,
            "{'error': 'Project not found, project_id=nope'}",
            {"project_id": "nope"},
            "Project not found, project_id=nope.",
            "",
            "create the project in LiteLLM first, or correct project_id of ws-user1",
        ),
        (
            400,
            f"{{'error': '{NO_BUDGET}'}}",
            {"end_user_budget_id": "nope"},
            NO_BUDGET,
            "",
            "create the budget in LiteLLM first, or correct end_user_budget_id of ws-user1",
        ),
    ],
)
def test_a_create_that_is_refused_before_anything_is_written(
    status: int,
    message: str,
    declared: dict[str, Json],
    said: str,
    adds: str,
    hint: str | None,
    proxy: LiteLLMProxy,
    answers: responses.RequestsMock,
) -> None:
    detail = f"{CREATE}({status}): {said}{adds}"
    assert _refused(proxy, answers, _order(**declared), status, message) == (Refused, detail, hint)


BARE = f"{CREATE}(500): Internal Server Error."
MOST_LIKELY = f"{BARE} It says no more than that where its database refuses a key; most likely "


@pytest.mark.parametrize(
    ("declared", "detail", "hint"),
    [
        ({}, BARE, "try again; then look at the proxy's log"),
        (
            {"permissions": {"get_spend_routes": True}},
            f"{MOST_LIKELY}permissions.get_spend_routes needs a LiteLLM Enterprise licence.",
            "correct permissions of ws-user1",
        ),
        (
            {"user_id": "a\0", "aliases": {"\0": "gpt-4"}, "allowed_routes": ["a"]},
            f"{MOST_LIKELY}user_id holds a NUL character; aliases holds a NUL character.",
            "correct user_id or aliases of ws-user1",
        ),
    ],
)
def test_a_bare_500_names_what_most_likely_causes_it(
    declared: dict[str, Json],
    detail: str,
    hint: str,
    proxy: LiteLLMProxy,
    answers: responses.RequestsMock,
) -> None:
    answered = _refused(proxy, answers, _order(**declared), 500, "{'error': 'Internal Server Error.'}")
    assert answered == (AnswerLost, detail, hint)


@pytest.mark.parametrize(
    ("status", "found", "answered"),
    [
        (
            200,
            [],
            (
                Refused,
                "The budget that budget_id of ws-user1 names does not exist on the proxy.",
                "create the budget in LiteLLM first, or correct budget_id of ws-user1",
            ),
        ),
        (
            200,
            [{"budget_id": "b"}],
            (
                AnswerLost,
                f"{MOST_LIKELY}the budget that budget_id names does not exist.",
                "correct budget_id of ws-user1",
            ),
        ),
        (
            404,
            {"detail": "Not Found"},
            (
                AnswerLost,
                f"{MOST_LIKELY}the budget that budget_id names does not exist.",
                "correct budget_id of ws-user1",
            ),
        ),
    ],
)
def test_after_a_bare_500_a_budget_is_looked_up(
    status: int,
    found: Json,
    answered: tuple[type[VkstateError], str, str],
    proxy: LiteLLMProxy,
    answers: responses.RequestsMock,
) -> None:
    asked = matchers.json_params_matcher({"budgets": ["b"]})
    answers.add("POST", f"{URL}/budget/info", json=found, status=status, match=[asked])
    order = _order(budget_id="b")
    assert _refused(proxy, answers, order, 500, "{'error': 'Internal Server Error.'}") == answered


def test_a_team_that_does_not_exist_is_refused_before_anything_is_sent(
    proxy: LiteLLMProxy, answers: responses.RequestsMock
) -> None:
    asked = matchers.query_param_matcher({"team_id": "t", "page_size": "1"})
    answers.add("GET", f"{URL}/v2/team/list", json={"teams": [], "total": 0}, match=[asked])
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            proxy.create(_order(team_id="t"))
        assert caught.value.detail == "The team that team_id of ws-user1 names does not exist on the proxy."
        assert caught.value.hint == "create the team in LiteLLM first, or correct team_id of ws-user1"
    assert len(answers.calls) == 1


@pytest.mark.parametrize(("status", "body"), [(200, {"teams": [{"team_id": "t"}], "total": 1}), (404, {"detail": "x"})])
def test_a_key_of_a_team_that_exists_or_may_exist_is_made(
    status: int, body: Json, proxy: LiteLLMProxy, answers: responses.RequestsMock
) -> None:
    answers.add("GET", f"{URL}/v2/team/list", json=body, status=status)
    answers.add("POST", f"{URL}/key/generate", json={"key": value_of("a").reveal()})
    for _ in range(2):
        assert proxy.create(_order(team_id="t")) is None
    assert [call.request.method for call in answers.calls] == ["GET", "POST", "POST"]


NO_KEY_FOR_BUDGET = "Foreign key constraint failed on the field: `LiteLLM_VerificationToken_budget_id_fkey (index)`"
NO_TEAM = "Team doesn't exist in db. Team=t. Create team via `/team/new` call."


@pytest.mark.parametrize(
    ("status", "message", "assign", "detail", "hint"),
    [
        (
            403,
            f"{{'error': '{SOLD}: prompts. {TRIAL}'}}",
            {"prompts": ["a"]},
            f"{SOLD}: prompts. prompts needs a LiteLLM Enterprise licence.",
            "remove prompts from ws-user1",
        ),
        (
            400,
            f"Authentication Error, {NO_KEY_FOR_BUDGET}",
            {"budget_id": "b"},
            f"{NO_KEY_FOR_BUDGET}.",
            "create the budget in LiteLLM first, or correct budget_id of ws-user1",
        ),
        (
            404,
            f"{{'error': \"{NO_TEAM}\"}}",
            {"team_id": "t"},
            NO_TEAM,
            "create the team in LiteLLM first, or correct team_id of ws-user1",
        ),
        (400, "No.", {"max_budget": 1}, "No.", None),
    ],
)
def test_an_update_that_is_refused(
    status: int,
    message: str,
    assign: dict[str, Json],
    detail: str,
    hint: str | None,
    proxy: LiteLLMProxy,
    answers: responses.RequestsMock,
) -> None:
    answers.assert_all_requests_are_fired = False
    answers.add("POST", f"{URL}/v2/key/info", json={"info": [row("a")]})
    answers.add("POST", f"{URL}/key/update", json=_error(message), status=status)
    answers.add("GET", f"{URL}/health/readiness", json={"db": "connected"})
    with pytest.raises(Refused) as caught:
        proxy.update(UpdateOrder(SOUGHT, STAMP, assign))
    assert (caught.value.detail, caught.value.hint) == (f"{UPDATE}({status}): {detail}", hint)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_has_models_which_its_new_team_has_not(
    status: int, proxy: LiteLLMProxy, answers: responses.RequestsMock
) -> None:
    """401 on 1.72 and 1.80, which is not said of the master key."""
    body = {"error": {"message": "team not allowed to access model", "type": "team_model_access_denied"}}
    answers.add("POST", f"{URL}/key/update", json=body, status=status)
    with pytest.raises(Refused) as caught:
        proxy.update(UpdateOrder(SOUGHT, STAMP, {"team_id": "t"}))
    moves = "LiteLLM moves a key into a team only where the team has all models that the key has."
    assert caught.value.detail == f"{UPDATE}({status}): team not allowed to access model. {moves}"
    assert caught.value.hint == (
        "give the team these models in LiteLLM, or give ws-user1 a new key value: --replace ws-user1"
    )


def test_what_is_sensitive_is_not_repeated(proxy: LiteLLMProxy, answers: responses.RequestsMock) -> None:
    order = CreateOrder(ALIAS, STAMP, {"organization_id": "the-org"}, Never(), value_of("a"), sensitive=("the-org",))
    _, detail, _ = _refused(proxy, answers, order, 500, "Organization doesn't exist in db. Organization=the-org.")
    assert detail == f"{CREATE}(500): Organization doesn't exist in db. Organization=***."
