"""Keys of admins on a real LiteLLM: one that may only look (role ``proxy_admin_viewer``), and one that may do all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.contract.proxies import Proxy
from tests.contract.test_teams import new_team
from tests.workspace import Json, Workspace

pytestmark = pytest.mark.live


@pytest.fixture
def viewer(proxy: Proxy) -> Iterator[str]:
    """The value of a key that may only look."""
    with of_user(proxy, "proxy_admin_viewer") as value:
        yield value


@contextmanager
def of_user(proxy: Proxy, role: str) -> Iterator[str]:
    """The value of a key whose user has this role."""
    user = proxy.alias(role)
    body = {"user_id": user, "user_role": role, "auto_create_key": False}
    assert proxy.post("/user/new", body).status_code == 200
    yield proxy.create(role, user_id=user)["key"]
    proxy.post("/user/delete", {"user_ids": [user]})


def test_it_sees_every_key(proxy: Proxy, viewer: str) -> None:
    """Those of others, of a team and of nobody, by each way in which vkstate reads them."""
    team = new_team(proxy, "team")
    mine = [
        proxy.create("of-another", user_id=proxy.alias("another"), metadata={"a": 1}),
        proxy.create("of-nobody"),
        proxy.create("of-a-team", team_id=team),
    ]
    for made in mine:
        listed = proxy.get("/key/list", key=viewer, return_full_object="true", key_alias=made["key_alias"]).json()
        assert [row["token"] for row in listed["keys"]] == [made["token"]]
    tokens = [made["token"] for made in mine]
    rows = proxy.post("/v2/key/info", {"keys": tokens}, key=viewer).json()["info"]
    assert {row["key_alias"] for row in rows} == {made["key_alias"] for made in mine}
    before = every_token(proxy, "")
    seen = every_token(proxy, viewer)
    assert before & every_token(proxy, "") <= seen, "what is there all the while is seen"
    assert seen >= set(tokens)


def every_token(proxy: Proxy, key: str) -> set[str]:
    """The tokens of all keys as one caller is told them."""
    found: set[str] = set()
    page, pages = 1, 1
    while page <= pages:
        answer = proxy.get("/key/list", key=key, page=page, size=100).json()
        found |= set(answer["keys"])
        page, pages = page + 1, answer["total_pages"]
    return found


def plan_of(workspace: Workspace) -> Json:
    """A plan in full, apart from how many keys others have at that moment."""
    document = workspace.ok("plan", "--json").document
    return {name: value for name, value in document.items() if name != "unmanaged"}


def test_it_plans_and_applies_nothing(
    workspace: Workspace, proxy: Proxy, viewer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, more = proxy.alias("one"), proxy.alias("more")
    first = f"proxy: {{url: '{proxy.base_url}'}}\nkeys:\n  {one}: {{models: [gpt-4], max_budget: 5}}\n"
    workspace.configure(first)
    workspace.apply()
    for config in (
        first,
        first.replace("max_budget: 5", "max_budget: 6"),
        first + f"  {more}: {{models: [gpt-4]}}\n",
        first.replace(one, more),
    ):
        workspace.configure(config)
        monkeypatch.setenv("LITELLM_MASTER_KEY", proxy.master_key)
        planned = plan_of(workspace)
        monkeypatch.setenv("LITELLM_MASTER_KEY", viewer)
        assert plan_of(workspace) == planned
        if config == first:
            continue
        before = workspace.state
        for command in ("apply", "destroy"):
            ran = workspace.run(command, "--auto-approve")
            assert (ran.code, ran.stdout, ran.complaint[0]) == (1, "", "error: the key is not an admin's")
            assert "The key sees every key, and may change none" in ran.complaint[1]
        assert workspace.state == before
        assert not proxy.listed(key_alias=more)["keys"]
    assert workspace.ok("spend").code == 0
    checks = workspace.run("check", "--json").document["checks"]
    assert [one["grade"] for one in checks if one["check"] == "rights"] == ["warning"]


def test_the_key_of_an_admin_user_is_as_good_as_the_master_key(
    workspace: Workspace, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = f"proxy: {{url: '{proxy.base_url}'}}\nkeys:\n  {proxy.alias('one')}: {{models: [gpt-4], max_budget: %d}}\n"
    with of_user(proxy, "proxy_admin") as value:
        monkeypatch.setenv("LITELLM_MASTER_KEY", value)
        for budget in (5, 6):
            workspace.configure(config % budget)
            workspace.apply()
        checks = workspace.run("check", "--json").document["checks"]
        assert [one["grade"] for one in checks if one["check"] == "rights"] == ["ok"]
        workspace.ok("destroy", "--auto-approve")
