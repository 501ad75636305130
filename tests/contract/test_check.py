"""``vkstate check --as``: what a key opens, told apart as the proxy tells it; on the sandbox and on a real LiteLLM."""

from __future__ import annotations

import json
import time

import pytest

from tests.contract.proxies import MODEL, OTHER_MODEL, Json, Proxy
from tests.contract.test_teams import new_team
from tests.workspace import Workspace


def apply(project: Workspace, proxy: Proxy, keys: dict[str, str]) -> None:
    """Make these keys, each an alias of the test's with its attributes as YAML."""
    lines = [f"  {proxy.alias(name)}: {{{attributes}}}" for name, attributes in keys.items()]
    project.configure(f"proxy: {{url: '{proxy.base_url}'}}\nkeys:\n" + "\n".join(lines) + "\n")
    project.ok("apply", "--auto-approve")


def tried(project: Workspace, proxy: Proxy, *options: str) -> dict[str, tuple[str, str]]:
    """Grade and sentence of every key that is tried, by its name in the test; the exit code agrees with them."""
    ran = project.run("check", "--json", "--as", proxy.alias("*"), *options)
    checks: list[Json] = ran.document["checks"]
    wrong = [check for check in checks if check["grade"] == "wrong"]
    assert (ran.code, ran.document["ok"]) == ((1, False) if wrong else (0, True))
    for value in (*project.stored.values(), proxy.master_key):
        assert value not in ran.stdout + ran.stderr
    return {
        check["alias"].removeprefix(proxy.prefix): (check["grade"], check["detail"].replace(proxy.prefix, ""))
        for check in checks
        if check["alias"]
    }


def named(names: frozenset[str]) -> str:
    """Names as a sentence lists them."""
    *first, last = sorted(names)
    return f"{', '.join(first)} and {last}"


def test_keys_that_open_what_they_should(project: Workspace, proxy: Proxy) -> None:
    apply(
        project,
        proxy,
        {
            "one": f"models: [{MODEL}]",
            "two": f"models: [{MODEL}, {OTHER_MODEL}]",
            "all": "models: [all-proxy-models]",
            "team": "models: [all-team-models]",
            "none": "models: [no-default-models]",
            "star": "models: ['*']",
        },
    )
    every = named(proxy.served)
    assert tried(project, proxy) == {
        "one": ("ok", f"one opens the proxy, and may use {MODEL}."),
        "two": ("ok", f"two opens the proxy, and may use {OTHER_MODEL} and {MODEL}."),
        "all": ("ok", f"all opens the proxy, and may use {every}."),
        "team": ("ok", f"team opens the proxy, and may use {every}."),
        "none": ("ok", "none opens the proxy, and may use no model."),
        "star": ("ok", "star opens the proxy, and may use *."),
    }


def test_a_wildcard(project: Workspace, proxy: Proxy) -> None:
    apply(project, proxy, {"wild": "models: ['openai/*']"})
    assert tried(project, proxy) == {"wild": ("ok", "wild opens the proxy, and may use openai/*.")}


def test_keys_that_open_nothing(project: Workspace, proxy: Proxy) -> None:
    red = new_team(proxy, "red")
    assert proxy.post("/team/block", {"team_id": red}).status_code == 200
    apply(
        project,
        proxy,
        {
            "blocked": f"models: [{MODEL}], blocked: true",
            "blocked-by-others": f"models: [{MODEL}]",
            "expired": f"models: [{MODEL}], duration: 2s",
            "deleted": f"models: [{MODEL}]",
            "spent": f"models: [{MODEL}], max_budget: 0",
            "barred": f"models: [{MODEL}], allowed_routes: [/key/info]",
            "of-a-blocked-team": f"models: [{MODEL}], team_id: {red}",
            "lost": f"models: [{MODEL}]",
        },
    )
    tokens = {alias.removeprefix(proxy.prefix): token for alias, token in project.tokens.items()}
    assert proxy.update(tokens["blocked-by-others"], blocked=True).status_code == 200
    assert proxy.post("/key/delete", {"keys": [tokens["deleted"]]}).status_code == 200
    forget_value(project, tokens["lost"])
    time.sleep(2)
    assert tried(project, proxy) == {
        "blocked": ("warning", "blocked opens nothing: it is blocked, as it was applied."),
        "blocked-by-others": ("wrong", "blocked-by-others opens nothing: it is blocked, and not by this project."),
        "expired": ("wrong", "expired opens nothing: it has expired."),
        "deleted": ("wrong", "deleted opens nothing: the proxy does not know the key. Somebody deleted it there."),
        "spent": ("wrong", "spent opens nothing: its budget is spent, or that of its user or team."),
        "barred": ("warning", "barred may not ask which models it may use: its routes do not include /v1/models."),
        "of-a-blocked-team": ("wrong", "of-a-blocked-team opens nothing: its team is blocked."),
        "lost": ("wrong", "lost cannot be tried. Its value is not on this machine."),
    }


def forget_value(project: Workspace, token: str) -> None:
    """Take a value out of the secret store."""
    store = project.path / ".vkstate" / "keys.json"
    document = json.loads(store.read_text(encoding="utf-8"))
    del document["keys"][token]
    store.write_text(json.dumps(document), encoding="utf-8")


def test_models_that_others_changed(project: Workspace, proxy: Proxy) -> None:
    names = ("narrowed", "widened", "exchanged", "opened")
    apply(project, proxy, dict.fromkeys(names, f"models: [{MODEL}]"))
    for name, models in zip(names, ([OTHER_MODEL], [MODEL, OTHER_MODEL], ["nope"], []), strict=True):
        assert proxy.update(project.tokens[proxy.alias(name)], models=models).status_code == 200
    rest = named(proxy.served - {MODEL})
    assert tried(project, proxy) == {
        "narrowed": (
            "wrong",
            f"narrowed may not use {MODEL}, which it was given and may use {OTHER_MODEL}, which it was not given.",
        ),
        "widened": ("wrong", f"widened may use {OTHER_MODEL}, which it was not given."),
        "exchanged": (
            "wrong",
            f"exchanged may not use {MODEL}, which it was given and may use nope, which it was not given.",
        ),
        "opened": ("wrong", f"opened may use {rest}, which it was not given."),
    }
    project.ok("apply", "--auto-approve")
    assert {grade for grade, _ in tried(project, proxy).values()} == {"ok"}


def test_a_model_that_is_not_served(project: Workspace, proxy: Proxy) -> None:
    project.configure(
        f"proxy: {{url: '{proxy.base_url}', check_models: 'off'}}\n"
        f"keys: {{{proxy.alias('one')}: {{models: [nope, {MODEL}]}}}}\n"
    )
    project.ok("apply", "--auto-approve")
    assert tried(project, proxy) == {"one": ("wrong", "one may use nope, which the proxy does not serve.")}


def test_keys_of_a_team(project: Workspace, proxy: Proxy) -> None:
    red = new_team(proxy, "red", models=[MODEL])
    apply(
        project,
        proxy,
        {
            "team": f"models: [all-team-models], team_id: {red}",
            "within": f"models: [{MODEL}], team_id: {red}",
            "beyond": f"models: [{MODEL}, {OTHER_MODEL}], team_id: {red}",
        },
    )
    assert tried(project, proxy) == {
        "team": ("ok", f"team opens the proxy, and may use {MODEL}."),
        "within": ("ok", f"within opens the proxy, and may use {MODEL}."),
        "beyond": (
            "wrong",
            f"beyond is told that it may use {OTHER_MODEL}, which its team red ({red}) has not.",
        ),
    }


def test_strictly(project: Workspace, proxy: Proxy) -> None:
    apply(project, proxy, {"blocked": f"models: [{MODEL}], blocked: true"})
    assert project.run("check", "--as", proxy.alias("blocked")).code == 0
    ran = project.run("check", "--as", proxy.alias("blocked"), "--strict", "--json")
    assert (ran.code, ran.document["ok"]) == (1, False)


def test_models_that_came_from_the_environment(
    project: Workspace, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_MODEL", MODEL)
    apply(project, proxy, {"one": "models: ['${env.SECRET_MODEL}']"})
    assert tried(project, proxy) == {"one": ("ok", "one opens the proxy, and may use (sensitive).")}
    monkeypatch.setenv("SECRET_MODEL", OTHER_MODEL)
    sentence = "one opens the proxy. Its models are sensitive, and were not declared so here: not compared."
    assert tried(project, proxy) == {"one": ("warning", sentence)}
