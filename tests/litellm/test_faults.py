"""Every form of error that LiteLLM answers in (1.72 to 1.105), and the cause and the words that people get for it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import responses

from tests.litellm.fake import MASTER_KEY, URL, value_of
from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.executor.ports import Refused
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import (
    MasterKeyRefused,
    NoDatabase,
    NotAdmin,
    NotLiteLLM,
    ServerFault,
)
from vkstate.litellm.faults import fault_of
from vkstate.litellm.transport import Answer, Request

UP: Json = {"status": "connected", "db": "connected"}
DOWN: Json = {"status": "healthy", "db": "disconnected"}


def _error(message: str, type_: str = "auth_error", param: str | None = "None", code: str = "401") -> str:
    return json.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}})


@dataclass(frozen=True)
class Case:
    """An answer, what it means where the database is there, and the words of the server that are shown."""

    status: int
    body: str
    cause: type[VkstateError]
    words: str
    asks_for_database: bool = False


_NO_LICENCE = "This feature is only available for LiteLLM Enterprise users: tags. You must be a LiteLLM Enterprise user"
_BAD_TOKEN = (
    "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...rong, Key Hash (Token) =0ff. "
    "Unable to find token in cache"
)
CASES = {
    "no key": Case(
        401,
        _error("Authentication Error, No api key passed in."),
        MasterKeyRefused,
        "No api key passed in",
        asks_for_database=True,
    ),
    "unknown key": Case(
        401,
        _error(_BAD_TOKEN, "token_not_found_in_db", "key"),
        MasterKeyRefused,
        _BAD_TOKEN.removeprefix("Authentication Error, "),
        True,
    ),
    "not a key": Case(
        401,
        _error(f"Authentication Error, LiteLLM Virtual Key expected. Received={MASTER_KEY}, expected 'sk-'."),
        MasterKeyRefused,
        "LiteLLM Virtual Key expected. Received=***, expected 'sk-'",
        True,
    ),
    "expired key, 1.80": Case(
        400,
        _error("Authentication Error - Expired Key. Key Expiry time 2030-01-01", "expired_key", MASTER_KEY, "400"),
        MasterKeyRefused,
        "Expired Key. Key Expiry time 2030-01-01",
    ),
    "expired key, 1.105": Case(
        401,
        _error("Authentication Error - Expired Key. Key Expiry time 2030-01-01", "expired_key"),
        MasterKeyRefused,
        "Expired Key. Key Expiry time 2030-01-01",
    ),
    "blocked key": Case(
        401,
        _error("Authentication Error, Key is blocked. Update via `/key/unblock` if you're admin."),
        MasterKeyRefused,
        "Key is blocked. Update via `/key/unblock` if you're admin",
        True,
    ),
    "a virtual key": Case(
        401,
        _error("Authentication Error, Only proxy admin can be used to generate, delete, update info for new keys"),
        NotAdmin,
        "Only proxy admin can be used to generate, delete, update info for new keys",
    ),
    "a viewer": Case(
        403,
        _error("user not allowed to access this route, role= proxy_admin_viewer.", "auth_error", None, "403"),
        NotAdmin,
        "user not allowed to access this route, role= proxy_admin_viewer",
    ),
    "a key without user": Case(
        403,
        _error("{'error': \"No 'user_id' is associated with your API key.\"}", "internal_server_error", "None", "403"),
        NotAdmin,
        "No 'user_id' is associated with your API key",
    ),
    "no database, list": Case(
        500, _error("Authentication Error, Database not connected", code="500"), NoDatabase, "Database not connected"
    ),
    "no database, generate 1.72": Case(
        500,
        _error("Connect Proxy to database to generate keys", code="500"),
        NoDatabase,
        "Connect Proxy to database to generate keys",
    ),
    "no database, generate": Case(
        500, _error("{'error': 'DB not connected. See docs'}", code="500"), NoDatabase, "DB not connected. See docs"
    ),
    "no database, update": Case(400, _error("Not connected to DB!", code="400"), NoDatabase, "Not connected to DB!"),
    "no database, other callers": Case(
        400, _error("No connected db.", "no_db_connection", None, "400"), NoDatabase, "No connected db"
    ),
    "plain 500": Case(500, "Internal Server Error", ServerFault, "Internal Server Error", True),
    "json 500": Case(
        500,
        json.dumps({"error": {"message": "Internal server error", "type": "internal_server_error"}}),
        ServerFault,
        "Internal server error",
        True,
    ),
    "driver words, none": Case(500, _error("Authentication Error, ", code="500"), ServerFault, "", True),
    "unknown route": Case(404, json.dumps({"detail": "Not Found"}), NotLiteLLM, ""),
    "a page": Case(404, "<html><h1>Welcome</h1></html>", NotLiteLLM, ""),
    "a gateway's refusal": Case(403, "<html>Forbidden</html>", NotLiteLLM, ""),
    "other json": Case(404, json.dumps({"message": "no Route matched"}), NotLiteLLM, ""),
    "a json list": Case(400, "[]", NotLiteLLM, ""),
    "enterprise": Case(
        403,
        _error(_NO_LICENCE, "bad_request_error", "None", "403"),
        Refused,
        "This feature is only available for LiteLLM Enterprise users: tags",
    ),
    "enterprise as 500": Case(
        500,
        _error("Internal Server Error, Invalid model_max_budget: You must have an enterprise license", code="500"),
        Refused,
        "Invalid model_max_budget: You must have an enterprise license",
    ),
    "upper bound": Case(
        400, _error("{'error': 'over max limit'}", code="400"), Refused, "over max limit", asks_for_database=True
    ),
    "validation with the whole body": Case(
        422,
        json.dumps(
            {
                "detail": [
                    {
                        "type": "int_parsing",
                        "loc": ["body", "tpm_limit"],
                        "msg": "Input should be a valid integer",
                        "input": {"key": value_of("a").reveal(), "tpm_limit": "x"},
                    },
                    {"type": "missing", "loc": ["body"], "msg": "Field required"},
                ]
            }
        ),
        Refused,
        "tpm_limit: Input should be a valid integer; the request: Field required",
    ),
    "detail object": Case(
        400, json.dumps({"detail": {"error": "Maximum 500 keys"}}), Refused, "Maximum 500 keys", asks_for_database=True
    ),
    "detail text": Case(400, json.dumps({"detail": "nothing to do"}), Refused, "nothing to do", True),
    "error text": Case(400, json.dumps({"error": "nothing to do"}), Refused, "nothing to do", True),
    "a broken repr": Case(400, _error("{'error': <object>}", code="400"), Refused, "{'error': <object>}", True),
}


def _answered(answers: responses.RequestsMock, case: Case, readiness: Json, status: int = 200) -> None:
    answers.add("POST", f"{URL}/key/update", body=case.body, status=case.status)
    if case.asks_for_database:
        answers.add("GET", f"{URL}/health/readiness", json=readiness, status=status)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_error_has_its_cause_and_shows_the_servers_words(
    case: Case, answers: responses.RequestsMock, connection: Connection
) -> None:
    _answered(answers, case, UP)
    with pytest.raises(VkstateError) as caught:
        connection.call("POST", "/key/update", body={})
    error = caught.value
    assert type(error) is case.cause
    assert error.detail.startswith(f"POST {URL}/key/update: ")
    if case.words:
        assert f"LiteLLM said ({case.status}): {case.words}." in error.detail
    assert MASTER_KEY not in repr(error) + str(error)
    assert value_of("a").reveal() not in repr(error) + str(error)


@pytest.mark.parametrize(
    ("readiness", "status"),
    [
        (DOWN, 503),
        ({"detail": "Service Unhealthy (no database)"}, 503),
        ({"status": "healthy", "db": "Not connected"}, 200),
    ],
    ids=["1.90", "1.72", "never had one"],
)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.asks_for_database])
def test_a_database_that_is_away_is_told_whatever_it_looks_like(
    name: str, readiness: Json, status: int, answers: responses.RequestsMock, connection: Connection
) -> None:
    _answered(answers, CASES[name], readiness, status)
    with pytest.raises(NoDatabase):
        connection.call("POST", "/key/update", body={})


def test_a_driver_text_as_401_is_a_database_that_is_away(
    answers: responses.RequestsMock, connection: Connection
) -> None:
    answers.add("GET", f"{URL}/key/list", body=_error("Authentication Error, FATAL: shutting down"), status=401)
    answers.add("GET", f"{URL}/health/readiness", json=DOWN, status=503)
    with pytest.raises(NoDatabase) as caught:
        connection.get("/key/list")
    assert caught.value.detail == (
        f"GET {URL}/key/list: LiteLLM said (401): FATAL: shutting down. LiteLLM keeps virtual keys in its "
        "database, and it has none, or has lost it."
    )
    assert caught.value.hint == "set DATABASE_URL for the proxy, or bring the database back; then: vkstate check"


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"db": 3}'])
def test_a_readiness_that_tells_nothing_decides_nothing(
    body: str, answers: responses.RequestsMock, connection: Connection
) -> None:
    answers.add("GET", f"{URL}/key/list", body=_error(_BAD_TOKEN, "token_not_found_in_db"), status=401)
    answers.add("GET", f"{URL}/health/readiness", body=body)
    with pytest.raises(MasterKeyRefused):
        connection.get("/key/list")


def test_the_wrong_master_key_in_full_words(answers: responses.RequestsMock, connection: Connection) -> None:
    answers.add("GET", f"{URL}/key/list", body=_error("No api key passed in."), status=401)
    answers.add("GET", f"{URL}/health/readiness", json=UP)
    with pytest.raises(MasterKeyRefused) as caught:
        connection.get("/key/list")
    assert str(caught.value) == (
        f"the master key was refused: GET {URL}/key/list: LiteLLM said (401): No api key passed in. The key that "
        "vkstate presents is not one that this proxy accepts."
    )
    assert caught.value.hint == "check proxy.master_key: it is the proxy's LITELLM_MASTER_KEY"


def test_a_gateway_that_fails_is_not_taken_for_litellm(answers: responses.RequestsMock, connection: Connection) -> None:
    answers.add("POST", f"{URL}/key/generate", body="<html>Bad Gateway</html>", status=502)
    answers.add("GET", f"{URL}/health/readiness", body="<html>Bad Gateway</html>", status=502)
    with pytest.raises(ServerFault) as caught:
        connection.post("/key/generate", {}, repeat=False)
    assert caught.value.detail == (
        f"POST {URL}/key/generate: LiteLLM, or a gateway in front of it, answered 502: no words."
    )


def _fault_flags(status: int, body: str) -> set[str]:
    fault = fault_of(Answer(Request("POST", "/key/update"), status, {}, body.encode()))
    names = (
        "no_database",
        "credential",
        "not_admin",
        "no_such_key",
        "alias_taken",
        "client_values_refused",
        "enterprise",
    )
    return {name for name in names if getattr(fault, name)}


_GONE = "Authentication Error: invalid user key - user key does not exist in db. User Key=abc"
_TAKEN = "Key with alias 'x' already exists. Unique key aliases across all keys are required."


@pytest.mark.parametrize(
    ("status", "body", "flags"),
    [
        (401, _error(_GONE), {"no_such_key"}),
        (404, _error("Key not found.", "not_found_error", "key", "404"), {"no_such_key"}),
        (404, _error("{'error': 'No keys found'}", "internal_server_error"), {"no_such_key"}),
        (404, _error("Key not found in database", "not_found_error", "key", "404"), {"no_such_key"}),
        (400, _error(_TAKEN, "bad_request_error", "key_alias", "400"), {"alias_taken"}),
        (403, _error("{'error': 'Custom API key values are disabled by your administrator. Keys must be …'}", "x"),
         {"client_values_refused"}),
        (403, _error(_NO_LICENCE), {"enterprise"}),
        (404, json.dumps({"detail": "Not Found"}), set()),
    ],
    ids=["gone 1.72", "gone 1.90", "none deleted", "info", "alias", "own values", "enterprise", "route"],
)  # fmt: skip
def test_what_concerns_one_key_is_told_by_words_and_param(status: int, body: str, flags: set[str]) -> None:
    assert _fault_flags(status, body) == flags
