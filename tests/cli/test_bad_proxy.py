"""A proxy that is not what it should be: its own words for each cause, exit 1, nothing written, nothing changed."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.front import Doing, Drop, Pass, Say, Seen, fronted, say_json
from tests.workspace import Workspace
from vkstate.sandbox.exchange import Request
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

KEYS = "keys:\n  my-project: {models: [gpt-4]}\n"
COMMANDS = (("plan",), ("apply", "--auto-approve"))
LOCKING = frozenset({".vkstate/vkstate.state.json.lock"})
"""What taking the lock leaves behind."""


@pytest.fixture
def project(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project with an empty state."""
    workspace.configure("proxy: {url: 'http://127.0.0.1:1'}\n")
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    return workspace


def refused(project: Workspace, url: str, golden: Callable[[str, str], None], name: str, more: str = "") -> None:
    """Every command says the same, and leaves everything as it was."""
    project.write("vkstate.yaml", f"proxy: {{url: '{url}', timeout: 2s, retries: 0}}\n{KEYS}{more}")
    before = project.files()
    for command in COMMANDS:
        ran = project.run(*command)
        assert (ran.code, ran.stdout) == (1, ""), command
        golden(f"bad_proxy/{name}.txt", ran.stderr)
    after = project.files()
    assert {name: after[name] for name in after.keys() - LOCKING} == before


def test_a_key_that_does_not_see_ours_makes_nothing_forgotten(project: Workspace, tmp_path: Path) -> None:
    """To such a key ours look gone. Forgetting is writing, too: the rights are proved before."""
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        project.write("vkstate.yaml", f"proxy: {{url: '{front.url}'}}\n{KEYS}  other: {{models: [gpt-4]}}\n")
        project.apply()
        project.write("vkstate.yaml", f"proxy: {{url: '{front.url}'}}\n{KEYS}")
        before = project.state
        nothing = say_json(200, {"keys": [], "info": [], "total_count": 0, "current_page": 1, "total_pages": 0})
        refusal = {"error": {"message": "user not allowed", "type": "auth_error", "param": None, "code": "403"}}

        def blind(seen: Seen) -> Doing:
            return say_json(403, refusal) if seen.path == "/user/list" else nothing

        front.rule = blind
        for command in (("plan",), ("apply", "--auto-approve"), ("destroy", "--auto-approve")):
            ran = project.run(*command)
            assert (ran.code, ran.stderr.splitlines()[0]) == (1, "error: the key is not an admin's"), ran
        assert project.state == before


VIEWER = "user not allowed to access this route, role= proxy_admin_viewer. Trying to access: "


def viewer(seen: Seen) -> Doing:
    """As LiteLLM answers to the key of a user whose role is proxy_admin_viewer."""
    looks = seen.method == "GET" or seen.path == "/v2/key/info"
    error = {"message": f"{VIEWER}{seen.path}", "type": "auth_error", "param": "None", "code": "403"}
    return Pass() if looks else say_json(403, {"error": error})


def test_a_key_that_may_only_look_plans_and_applies_nothing(project: Workspace, tmp_path: Path) -> None:
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        project.write("vkstate.yaml", f"proxy: {{url: '{front.url}'}}\n{KEYS}  other: {{models: [gpt-4]}}\n")
        project.apply()
        before, calls = project.state, len(front.writes)
        plans = []
        changes = (
            "",
            "  other: {models: [gpt-4]}\n  more: {models: [gpt-4]}\n",
            "  other: {models: [], max_budget: 1}\n",
        )
        for change in (text.replace("[]", "[gpt-4]") for text in changes):
            project.write("vkstate.yaml", f"proxy: {{url: '{front.url}'}}\n{KEYS}{change}")
            front.rule = lambda _: Pass()
            plans.append(project.ok("plan").stdout)
            front.rule = viewer
            assert project.ok("plan").stdout == plans[-1]
            for command in (("apply", "--auto-approve"), ("destroy", "--auto-approve")):
                ran = project.run(*command)
                assert (ran.code, ran.stdout) == (1, "")
                said = "The key sees every key, and may change none: it is good for plans. LiteLLM said so (403)"
                way = "give proxy.master_key the proxy's LITELLM_MASTER_KEY, or a virtual key of a proxy_admin user"
                assert ran.complaint == [
                    "error: the key is not an admin's",
                    f"  {said} to POST {front.url}/key/update: {VIEWER}/key/update. No key was changed.",
                    f"hint: {way}",
                ]
        assert len({*plans}) == len(changes)
        assert (project.state, [seen for seen in front.writes[calls:] if seen.path != "/key/update"]) == (before, [])
        assert project.ok("spend").code == 0
        checks = project.run("check", "--json").document["checks"]
        assert [(one["grade"], one["detail"]) for one in checks if one["check"] in ("rights", "attributes")] == [
            ("warning", "The key sees every key, and may change none: it plans, and cannot apply.")
        ]


def test_what_a_key_that_may_only_look_leaves_undone_is_not_told_as_done(project: Workspace, tmp_path: Path) -> None:
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        project.write("vkstate.yaml", f"proxy: {{url: '{front.url}'}}\n{KEYS}")
        project.apply()
        before = project.files()
        front.rule = viewer
        blocking = project.run("block", "my-project", "--auto-approve")
        assert blocking.stdout.splitlines() == [
            "--- vkstate.yaml",
            "+++ vkstate.yaml",
            "@@ -3 +3 @@",
            "-  my-project: {models: [gpt-4]}",
            "+  my-project: {models: [gpt-4], blocked: true}",
            "",
        ]
        assert blocking.stderr.splitlines()[:2] == [
            "vkstate.yaml was not changed.",
            "error: the key is not an admin's",
        ]
        moving = project.run("state", "mv", "my-project", "another", "--auto-approve")
        assert moving.stderr.splitlines()[0] == "error: the key is not an admin's"
        assert "still declares" not in moving.stderr
        assert (blocking.code, moving.code) == (1, 1)
        assert project.files() == before


def test_nothing_listens(project: Workspace, golden: Callable[[str, str], None]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused(project, f"http://127.0.0.1:{port}", golden, "dead")


def test_no_such_host(project: Workspace, golden: Callable[[str, str], None]) -> None:
    refused(project, "https://no-such-host.invalid", golden, "no_such_host")


def test_plain_http_where_tls_is_expected(
    project: Workspace, tmp_path: Path, golden: Callable[[str, str], None]
) -> None:
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        refused(project, front.url.replace("http://", "https://"), golden, "no_tls")


def test_wrong_master_key(
    project: Workspace, tmp_path: Path, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-not-the-right-one-at-all")
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        refused(project, front.url, golden, "wrong_master_key")
        assert front.writes == []


def test_no_master_key(
    project: Workspace, tmp_path: Path, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LITELLM_MASTER_KEY")
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        refused(project, front.url, golden, "no_master_key")
        assert front.seen == []


def test_an_ordinary_key_in_place_of_the_master_key(
    project: Workspace, tmp_path: Path, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may list keys, its own; that must not be taken for all keys of the proxy."""
    key = "sk-an-ordinary-key-of-somebody"
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        body = json.dumps({"key": key, "key_alias": "ordinary", "user_id": "somebody"}).encode()
        made = front.app.respond(
            _request("POST", "/key/generate", {"authorization": f"Bearer {DEFAULT_MASTER_KEY}"}, body)
        )
        assert made.status == 200
        monkeypatch.setenv("LITELLM_MASTER_KEY", key)
        refused(project, front.url, golden, "not_an_admin")
        assert front.writes == []


def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> Request:
    return Request.to(method, path, {"content-type": "application/json", **headers}, body)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("web_page", Say(200, b"<!doctype html><title>Hello</title>", {"content-type": "text/html"})),
        ("web_404", Say(404, b"<html><h1>404 Not Found</h1></html>", {"content-type": "text/html"})),
        ("other_api", say_json(404, {"detail": "Not Found"})),
        ("other_json", say_json(200, {"hello": "world"})),
        ("gateway_down", Say(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"})),
        ("redirect_to_login", Say(302, b"", {"location": "https://sso.example.com/login?next=%2Fkey%2Flist"})),
        ("redirect_to_https", Say(308, b"", {"location": "https://llm.example.com/key/list?page=1"})),
    ],
)
def test_not_litellm(
    project: Workspace, tmp_path: Path, golden: Callable[[str, str], None], name: str, answer: Say
) -> None:
    with fronted(tmp_path / "elsewhere.sqlite", lambda _: answer) as front:
        refused(project, front.url, golden, name)
        assert {seen.path for seen in front.seen} <= {"/key/list", "/health/readiness"}


def test_no_database(project: Workspace, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    """As LiteLLM 1.105 answers without DATABASE_URL."""

    def rule(seen: Seen) -> Doing:
        if seen.path == "/health/readiness":
            return say_json(200, {"status": "healthy", "db": "Not connected"})
        message = "Authentication Error, Database not connected"
        return say_json(500, {"error": {"message": message, "type": "auth_error", "param": "None", "code": "500"}})

    with fronted(tmp_path / "elsewhere.sqlite", rule) as front:
        refused(project, front.url, golden, "no_database")


def test_a_database_that_is_away(project: Workspace, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    def rule(seen: Seen) -> Doing:
        if seen.path == "/health/readiness":
            return say_json(503, {"status": "healthy", "db": "disconnected"})
        message = "Authentication Error, FATAL: terminating connection due to administrator command"
        return say_json(500, {"error": {"message": message, "type": "auth_error", "param": "None", "code": "500"}})

    with fronted(tmp_path / "elsewhere.sqlite", rule) as front:
        refused(project, front.url, golden, "database_away")


def test_no_answer(project: Workspace, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    with fronted(tmp_path / "elsewhere.sqlite", lambda _: Drop(done=False)) as front:
        refused(project, front.url, golden, "no_answer")


def test_a_model_that_is_not_served(project: Workspace, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        project.write(
            "vkstate.yaml",
            f"proxy: {{url: '{front.url}'}}\nkeys:\n  one: {{models: [gpt-4, gpt4]}}\n  two: {{models: [llama]}}\n",
        )
        state = project.state_path.read_bytes()
        plan = project.run("plan")
        assert plan.code == 1
        golden("bad_proxy/model_not_served.txt", plan.stdout + plan.stderr)
        apply = project.run("apply", "--auto-approve")
        assert (apply.code, apply.stdout) == (1, plan.stdout)
        golden("bad_proxy/model_not_served_apply.txt", apply.stderr)
        assert front.writes == []
        assert project.state_path.read_bytes() == state
        assert project.values == {}


def test_served_models_are_checked_as_the_config_says(project: Workspace, tmp_path: Path) -> None:
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        for mode, warned in (("off", False), ("warn", True)):
            project.write(
                "vkstate.yaml",
                f"proxy: {{url: '{front.url}', check_models: {mode}}}\nkeys:\n  one-{mode}: {{models: [llama]}}\n",
            )
            ran = project.ok("plan", "--target", f"one-{mode}")
            assert ("the proxy does not serve the model llama" in ran.stdout) is warned


def test_destroy_says_it_too(project: Workspace, golden: Callable[[str, str], None], tmp_path: Path) -> None:
    """With keys in the state, destroy must reach the proxy; it drops nothing that it could not ask about."""
    with fronted(tmp_path / "elsewhere.sqlite") as front:
        project.write("vkstate.yaml", f"proxy: {{url: '{front.url}', timeout: 2s, retries: 0}}\n{KEYS}")
        project.apply()
        url = front.url
    before = project.files()
    ran = project.run("destroy", "--auto-approve")
    assert (ran.code, ran.stdout) == (1, "")
    golden("bad_proxy/dead.txt", ran.stderr)
    assert url in ran.stderr
    assert project.files() == before


def test_check_tells_what_is_wrong(project: Workspace, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    page = Say(200, b"<!doctype html>", {"content-type": "text/html"})
    with fronted(tmp_path / "elsewhere.sqlite", lambda _: page) as front:
        project.write("vkstate.yaml", f"proxy: {{url: '{front.url}', retries: 0}}\n{KEYS}")
        ran = project.run("check")
        assert (ran.code, ran.stderr) == (1, "")
        golden("check/web_page.txt", ran.stdout)
        ran = project.run("check", "--json")
        assert (ran.code, ran.document["ok"]) == (1, False)
        assert [(one["check"], one["ok"]) for one in ran.document["checks"]] == [
            ("config", True),
            ("state", True),
            ("git", True),
            ("secret store", True),
            ("proxy", False),
        ]
    ran = project.run("check")
    assert (ran.code, ran.stderr) == (1, "")
    golden("check/dead.txt", ran.stdout)
