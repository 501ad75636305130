"""How a client finds out what it is talking to (health, version, routes)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from tests.contract.proxies import Proxy


def test_alive_needs_no_key(proxy: Proxy) -> None:
    for path in ("/health/liveliness", "/health/liveness"):
        response = proxy.get(path, key=None)
        assert (response.status_code, response.json()) == (200, "I'm alive!")


def test_readiness_needs_no_key_and_tells_the_version_only_before_1_90(proxy: Proxy) -> None:
    response = proxy.get("/health/readiness", key=None)
    body = response.json()
    assert response.status_code == 200
    assert body["db"] == "connected"
    if proxy.since(90):
        assert body == {"status": "healthy", "db": "connected"}
    else:
        assert body["litellm_version"].startswith(f"1.{proxy.release[1]}.")


def test_readiness_details_tell_the_version_to_an_admin(proxy: Proxy) -> None:
    response = proxy.get("/health/readiness/details")
    if not proxy.since(90):
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})
        return
    body = response.json()
    assert (response.status_code, body["status"], body["db"]) == (200, "healthy", "connected")
    assert body["litellm_version"].startswith(f"1.{proxy.release[1]}.")
    assert proxy.get("/health/readiness/details", key=None).status_code == 401


def test_openapi_names_the_product_its_version_and_its_routes(proxy: Proxy) -> None:
    body = proxy.get("/openapi.json", key=None).json()
    assert body["info"]["title"] == "LiteLLM API"
    assert body["info"]["version"].startswith(f"1.{proxy.release[1]}.")
    assert {"/key/generate", "/key/update", "/key/delete", "/key/list", "/key/info"} <= set(body["paths"])
    assert "/v2/key/info" not in body["paths"]


def test_openapi_tells_which_filters_the_listing_knows(proxy: Proxy) -> None:
    listing = proxy.get("/openapi.json", key=None).json()["paths"]["/key/list"]["get"]
    names = {parameter["name"] for parameter in listing["parameters"] if parameter["in"] == "query"}
    assert {"page", "size", "key_alias", "key_hash", "return_full_object", "sort_by"} <= names
    assert ("substring_matching" in names) is proxy.since(90)
    assert ("search" in names) is proxy.since(105)
    assert ("expires" in names) is proxy.since(105)


def test_the_absence_of_a_route_from_the_list_of_routes_proves_nothing(proxy: Proxy) -> None:
    response = proxy.get("/routes", key=None)
    assert response.status_code == 200
    routes = {route["path"]: route["methods"] for route in response.json()["routes"]}
    assert sorted(routes["/openapi.json"]) == ["GET", "HEAD"]


def test_an_unknown_path_a_wrong_method_and_a_trailing_slash(proxy: Proxy) -> None:
    unknown = proxy.get("/no/such/path")
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Not Found"})
    wrong = proxy.get("/key/generate")
    assert (wrong.status_code, wrong.json()) == (405, {"detail": "Method Not Allowed"})
    slash = proxy.get("/key/list/")
    assert (slash.status_code, slash.headers["location"].endswith("/key/list")) == (307, True)


def test_the_date_header_is_the_clock_of_the_server(proxy: Proxy) -> None:
    answered = parsedate_to_datetime(proxy.get("/health/liveliness").headers["date"])
    created = datetime.fromisoformat(proxy.create("clock")["created_at"])
    assert abs(answered - datetime.now(UTC)) < timedelta(seconds=5)
    assert abs(answered - created) < timedelta(seconds=5)
