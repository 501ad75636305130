"""What a proxy is and can do."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
import responses
from responses import matchers

from tests.litellm.fake import MASTER_KEY, URL, body_of
from tests.litellm.fields import created, updated
from vkstate.attributes import ATTRIBUTES, Json
from vkstate.errors import VkstateError
from vkstate.executor.ports import Refused
from vkstate.keys import Capabilities
from vkstate.litellm.capabilities import (
    Health,
    Probed,
    health,
    probe,
    probe_rights,
    prove_admin,
    searches_by_prefix,
    served_models,
    server_version,
)
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import (
    BadAnswer,
    MasterKeyRefused,
    NoDatabase,
    NotAdmin,
    NotLiteLLM,
    ServerFault,
    Unreachable,
)


def _invalid(*names: str) -> Json:
    return {
        "detail": [{"type": "string_type", "loc": ["body", name], "msg": "Input should be valid"} for name in names]
    }


def _error(message: str, type_: str = "auth_error") -> Json:
    return {"error": {"message": message, "type": type_, "param": "None", "code": "401"}}


@pytest.mark.parametrize(
    ("release", "clears", "fixed"),
    [
        ("1.72.9", (False, False, False), {"soft_budget"}),
        ("1.80.17", (True, False, False), {"soft_budget", "organization_id"}),
        ("1.90.7", (True, True, False), {"soft_budget", "project_id"}),
        ("1.105.0", (True, True, True), set()),
    ],
)
def test_the_fields_that_a_refusal_names_are_what_the_server_can_do(
    release: str,
    clears: tuple[bool, bool, bool],
    fixed: set[str],
    connection: Connection,
    answers: responses.RequestsMock,
) -> None:
    answers.add("POST", f"{URL}/key/update", json=_invalid(*updated(release)), status=422)
    unknown = ATTRIBUTES.keys() - created(release) - {"extra"}
    assert probe(connection) == Capabilities(*clears, fixed=frozenset(fixed), unknown=frozenset(unknown))


def test_what_is_asked_has_no_possible_type(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("POST", f"{URL}/key/update", json=_invalid("key"), status=422)
    probe(connection)
    asked = body_of(answers.calls[0].request)
    assert asked.keys() == ATTRIBUTES.keys() - {"key_type", "extra", "metadata"} | {"key"}
    assert (asked["key"], asked["max_budget"], asked["models"], asked["blocked"]) == ({"?": "?"},) * 4
    assert (asked["permissions"], asked["model_rpm_limit"]) == ("?",) * 2


@pytest.mark.parametrize(("status", "body"), [(404, {"detail": "Not Found"}), (422, {"detail": "no"}), (200, {})])
def test_a_gateway_that_answers_instead_makes_everything_possible(
    status: int, body: Json, connection: Connection, answers: responses.RequestsMock
) -> None:
    answers.add("POST", f"{URL}/key/update", json=body, status=status)
    assert probe(connection) == Capabilities()


@pytest.mark.parametrize(("status", "cause"), [(401, MasterKeyRefused), (500, ServerFault)])
def test_a_probe_that_fails_says_why(
    status: int, cause: type[VkstateError], connection: Connection, answers: responses.RequestsMock
) -> None:
    answers.add("POST", f"{URL}/key/update", json=_error("no"), status=status)
    answers.add("GET", f"{URL}/health/readiness", json={"db": "connected"})
    with pytest.raises(cause):
        probe(connection)


@pytest.mark.parametrize(
    ("status", "body", "able"),
    [
        (422, {"detail": [{"loc": ["query", "substring_matching"], "msg": "not a boolean"}]}, True),
        (422, {"detail": [{"loc": ["query", "size"], "msg": "too small"}]}, False),
        (200, {"keys": [], "total_count": 0, "total_pages": 0}, False),
    ],
)
def test_the_search_by_a_part_of_the_alias(
    status: int, body: Json, able: bool, connection: Connection, answers: responses.RequestsMock
) -> None:
    answers.add("GET", f"{URL}/key/list", json=body, status=status)
    assert searches_by_prefix(connection) is able


def test_served_models_are_names_wildcards_and_groups(connection: Connection, answers: responses.RequestsMock) -> None:
    for parameter, names in (
        ("return_wildcard_routes", ["gpt-4", "openai/*"]),
        ("include_model_access_groups", ["gpt-4", "beta"]),
    ):
        answers.add(
            "GET",
            f"{URL}/v1/models",
            json={"object": "list", "data": [{"id": name, "object": "model"} for name in names]},
            match=[matchers.query_param_matcher({parameter: "true"})],
        )
    assert served_models(connection) == {"gpt-4", "openai/*", "beta"}


def test_models_in_an_impossible_shape(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", f"{URL}/v1/models", json={"data": ["gpt-4"]})
    with pytest.raises(BadAnswer):
        served_models(connection)


def test_an_admin_is_proved_by_the_list_of_users(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", f"{URL}/user/list", json={"users": []})
    prove_admin(connection)


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (401, _error("Authentication Error, Only proxy admin can be used to…"), NotAdmin),
        (401, _error("Authentication Error, not allowed. Your role=internal_user"), NotAdmin),
        (403, {"detail": {"error": "Only admins"}}, NotAdmin),
        (401, _error("Invalid proxy server token passed.", "token_not_found_in_db"), MasterKeyRefused),
        (400, _error("No connected db.", "no_db_connection"), NoDatabase),
        (404, {"detail": "Not Found"}, NotLiteLLM),
    ],
)
def test_who_is_no_admin(
    status: int, body: Json, cause: type[VkstateError], connection: Connection, answers: responses.RequestsMock
) -> None:
    answers.assert_all_requests_are_fired = False
    answers.add("GET", f"{URL}/user/list", json=body, status=status)
    answers.add("GET", f"{URL}/health/readiness", json={"db": "connected"})
    with pytest.raises(VkstateError) as caught:
        prove_admin(connection)
    assert type(caught.value) is cause
    if cause is NotAdmin:
        assert caught.value.detail.endswith(
            " The key works, but it does not see every key, so that ours would look gone."
        )
        assert caught.value.hint == (
            "give proxy.master_key the proxy's LITELLM_MASTER_KEY, or a virtual key of a proxy_admin user; for a plan, "
            "one of a proxy_admin_viewer will do"
        )


VIEWER = _error("user not allowed to access this route, role= proxy_admin_viewer. Trying to access: /key/update")


def test_what_a_server_can_do_is_not_told_to_who_may_only_look(
    connection: Connection, answers: responses.RequestsMock
) -> None:
    answers.add("POST", f"{URL}/key/update", json=VIEWER, status=403)
    assert probe(connection, writing=False) == Capabilities()
    with pytest.raises(NotAdmin, match="may change none"):
        probe(connection)
    assert probe_rights(connection) == Probed(Capabilities(), may_change=False)


def test_who_may_change_keys_is_told_by_the_validation_alone(
    connection: Connection, answers: responses.RequestsMock
) -> None:
    known = {"detail": [{"loc": ["body", "key"], "msg": "no"}]}
    answers.add("POST", f"{URL}/key/update", json=known, status=422)
    assert probe_rights(connection).may_change is True


@pytest.mark.parametrize("status", [200, 400, 404, 422])
def test_what_another_answers_tells_no_rights(
    status: int, connection: Connection, answers: responses.RequestsMock
) -> None:
    answers.add("POST", f"{URL}/key/update", json={"detail": "Not Found"}, status=status)
    assert probe_rights(connection) == Probed(Capabilities(), may_change=None)


def test_who_is_refused_for_another_reason_is_told_why(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("POST", f"{URL}/key/update", json=_error("a gateway says no"), status=403)
    with pytest.raises(Refused, match="a gateway says no"):
        probe_rights(connection)


_NEW = {"status": "healthy", "db": "connected"}


@pytest.mark.parametrize(
    ("replies", "version"),
    [
        ([("/health/readiness", 200, {**_NEW, "litellm_version": "1.80.17"})], "1.80.17"),
        (
            [("/health/readiness", 200, _NEW), ("/health/readiness/details", 200, {"litellm_version": "1.105.0"})],
            "1.105.0",
        ),
        (
            [
                ("/health/readiness", 200, _NEW),
                ("/health/readiness/details", 404, {"detail": "Not Found"}),
                ("/openapi.json", 200, {"info": {"title": "LiteLLM API", "version": "1.90.7"}, "paths": {}}),
            ],
            "1.90.7",
        ),
        (
            [
                ("/health/readiness", 200, _NEW),
                ("/health/readiness/details", 401, {}),
                ("/openapi.json", 200, {"info": {"title": "Other", "version": "2"}}),
            ],
            None,
        ),
        (
            [
                ("/health/readiness", 404, {}),
                ("/health/readiness/details", 404, {}),
                ("/openapi.json", 404, {}),
            ],
            None,
        ),
        ([("/health/readiness", 200, [])], None),
    ],
    ids=["1.80", "1.105", "openapi", "another title", "hidden", "shape"],
)
def test_the_version(
    replies: list[tuple[str, int, Json]], version: str | None, connection: Connection, answers: responses.RequestsMock
) -> None:
    for path, status, body in replies:
        answers.add("GET", f"{URL}{path}", json=body, status=status)
    assert server_version(connection) == version


def _alive(answers: responses.RequestsMock, body: Json = "I'm alive!", status: int = 200) -> None:
    answers.add("GET", f"{URL}/health/liveliness", json=body, status=status)


def test_a_healthy_proxy(connection: Connection, answers: responses.RequestsMock) -> None:
    _alive(answers)
    answers.add("GET", f"{URL}/health/readiness", json={"db": "connected", "litellm_version": "1.80.17"})
    assert health(connection) == Health(True, True, True, "1.80.17", None, None)


def test_the_clocks_are_compared(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", f"{URL}/health/liveliness", json="I'm alive!", headers={"Date": "Tue, 01 Jan 2030 12:00:00 GMT"})
    answers.add("GET", f"{URL}/health/readiness", json={"db": "connected", "litellm_version": "1.80.17"})
    skew = health(connection).clock_skew
    assert skew is not None
    assert abs(connection.now().timestamp() - 1_893_499_200) < 10
    assert skew != timedelta(0)


def test_a_proxy_without_database(connection: Connection, answers: responses.RequestsMock) -> None:
    _alive(answers)
    answers.add("GET", f"{URL}/health/readiness", json={"db": "Not connected", "litellm_version": "1.80.17"})
    found = health(connection)
    assert (found.reachable, found.litellm, found.database, found.version) == (True, True, False, "1.80.17")
    assert isinstance(found.fault, NoDatabase)


@pytest.mark.parametrize(("body", "status"), [("ok", 200), ("I'm alive!", 404), ({"detail": "Not Found"}, 404)])
def test_another_server(body: Json, status: int, connection: Connection, answers: responses.RequestsMock) -> None:
    _alive(answers, body, status)
    found = health(connection)
    assert (found.reachable, found.litellm, found.database, found.version) == (True, False, None, None)
    assert isinstance(found.fault, NotLiteLLM)


def test_a_web_page(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", f"{URL}/health/liveliness", body="<html>")
    assert isinstance(health(connection).fault, NotLiteLLM)


def test_a_redirect_is_reachable_and_no_litellm(connection: Connection, answers: responses.RequestsMock) -> None:
    answers.add("GET", f"{URL}/health/liveliness", status=301, headers={"Location": "https://other.example.com/"})
    found = health(connection)
    assert (found.reachable, found.litellm, type(found.fault).__name__) == (True, False, "Redirected")


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Connection(f"http://127.0.0.1:{port}", MASTER_KEY) as connection:
        found = health(connection)
    assert (found.reachable, found.litellm) == (False, False)
    assert isinstance(found.fault, Unreachable)


@pytest.mark.parametrize(
    ("url", "verify", "warnings"),
    [
        ("https://litellm.example.com", True, ()),
        ("http://127.0.0.1:4000", True, ()),
        ("http://localhost:4000", True, ()),
        ("http://[::1]:4000", True, ()),
        ("http://proxy.localhost", False, ()),
        ("https://litellm.example.com/", "/ca.pem", ()),
        (
            "http://a.example.com",
            True,
            ("http://a.example.com is not encrypted: the master key and every key value can be read on the way.",),
        ),
        (
            "https://litellm.example.com/",
            False,
            ("The certificate of https://litellm.example.com is not checked (proxy.verify_tls: false).",),
        ),
        ("sandbox://local", True, ()),
    ],
)
def test_warnings_of_the_way_there(url: str, verify: bool | str, warnings: tuple[str, ...]) -> None:
    assert Connection(url, MASTER_KEY, verify=verify).warnings == warnings
