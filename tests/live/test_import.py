"""Keys that others made, taken over on a real LiteLLM: as they are, with entries that leave nothing to do."""

from __future__ import annotations

import pytest

from tests.contract.proxies import MODEL, OTHER_MODEL, Json, Proxy
from tests.factories import FOREIGN_LINEAGE
from tests.workspace import Workspace

pytestmark = pytest.mark.live


def steady(row: Json) -> Json:
    """A row without our mark, and without what moves by itself or with every update."""
    moving = ("spend", "updated_at", "updated_by", "last_active", "total_spend", "settings_updated_at", "status")
    left = {name: value for name, value in row.items() if name not in moving}
    return {
        **left,
        "models": sorted(row["models"]),
        "metadata": {name: value for name, value in row["metadata"].items() if name != "vkstate"},
    }


def everything(proxy: Proxy) -> dict[str, Json]:
    """A key with every attribute that this release takes without a licence."""
    body: dict[str, Json] = {
        "user_id": "somebody@example.com",
        "models": [MODEL, OTHER_MODEL],
        "duration": "40d",
        "max_budget": 12.5,
        "soft_budget": 3,
        "budget_duration": "30d",
        "tpm_limit": 1000,
        "rpm_limit": 0,
        "max_parallel_requests": 4,
        "model_rpm_limit": {MODEL: 2},
        "model_tpm_limit": {MODEL: 200},
        "blocked": True,
        "aliases": {"fast": MODEL},
        "permissions": {"allow_pii_controls": True},
        "allowed_cache_controls": ["no-cache"],
        "object_permission": {"vector_stores": ["store"]},
        "metadata": {"team": "red", "nested": {"a": [1, None, 1.5]}, "tags": ["label"], "price": "${env.X} $$"},
    }
    if proxy.since(80):
        body |= {
            "key_type": "llm_api",
            "auto_rotate": True,
            "rotation_interval": "30d",
            "router_settings": {"num_retries": 2},
            "rpm_limit_type": "best_effort_throughput",
        }
    if proxy.since(90):
        body |= {"budget_limits": [{"budget_duration": "1d", "max_budget": 1.0}], "access_group_ids": ["group"]}
    return body


KINDS: dict[str, dict[str, Json]] = {
    "plain": {"models": [MODEL]},
    "all-models": {},
    "odd one!": {"models": [MODEL], "metadata": {"odd key": "väl\nue", "empty": {}, "list": [[]]}},
    "team's": {"models": [MODEL, MODEL]},
    "short": {"models": [MODEL], "duration": "1s"},
    "soft": {"models": [MODEL], "soft_budget": 0},
    "weekly": {"models": [MODEL], "max_budget": 1, "budget_duration": "7d"},
}


def test_entries_leave_nothing_to_do(workspace: Workspace, proxy: Proxy) -> None:
    """Whatever the key and whatever the defaults; and destroy deletes what was imported."""
    kinds = {**KINDS, "everything": everything(proxy)}
    made = {name: proxy.create(name, **body) for name, body in kinds.items()}
    before = {name: steady(proxy.info(answer["token"])) for name, answer in made.items()}
    workspace.write("values.csv", "key\n" + "".join(f"{answer['key']}\n" for answer in made.values()))
    workspace.configure(
        f"# ours\nproxy: {{url: '{proxy.base_url}'}}\ndefaults:\n"
        f"  user_id: team@example.com\n  max_budget: 20   # for everybody\n  rpm_limit: 60\n  duration: 7d\n"
        f"  models: [{OTHER_MODEL}]\n  metadata: {{team: blue, seat: 1}}\n"
    )
    ran = workspace.ok("import", f"{proxy.prefix}*", "--write-config", "--values", "values.csv", "--auto-approve")
    assert ran.last_line == f"Import complete! {len(kinds)} imported."
    workspace.converged()
    assert workspace.ok("plan", "--refresh-only").last_line == "No changes. The state matches the proxy."
    assert {name: steady(proxy.info(answer["token"])) for name, answer in made.items()} == before
    assert workspace.values == {proxy.alias(name): answer["key"] for name, answer in made.items()}
    text = (workspace.path / "vkstate.yaml").read_text()
    assert text.startswith("# ours\n")
    assert "  max_budget: 20   # for everybody\n" in text
    state = workspace.state_path.read_bytes()
    assert workspace.apply().last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted."
    assert workspace.state_path.read_bytes() == state
    destroyed = workspace.ok("destroy", "--auto-approve")
    assert destroyed.last_line == f"Destroy complete! {len(kinds)} deleted. 0 of {len(kinds)} remain."
    assert not any(proxy.exists(answer["token"]) for answer in made.values())


def test_a_key_made_anew_from_its_entry_is_the_same(workspace: Workspace, proxy: Proxy) -> None:
    """What the entry says is all that there was to say."""
    made = proxy.create("everything", **everything(proxy))
    before = steady(proxy.info(made["token"]))
    workspace.configure(f"proxy: {{url: '{proxy.base_url}'}}\n")
    workspace.ok("import", proxy.alias("everything"), "--write-config", "--auto-approve")
    text = (workspace.path / "vkstate.yaml").read_text()
    if "tags:" in text:  # as a label it needs no licence only under metadata
        workspace.write(
            "vkstate.yaml", text.replace("    tags: [label]\n", "").replace("{nested", "{tags: [label], nested")
        )
    workspace.ok("destroy", "--auto-approve")
    workspace.apply()
    after = steady(proxy.info(workspace.tokens[proxy.alias("everything")]))
    own = ("token", "key_name", "created_at", "created_by", "expires", "budget_id", "object_permission_id")
    moved = (*own, "budget_reset_at", "key_rotation_at", "litellm_budget_table", "object_permission", "budget_limits")
    assert {name: value for name, value in after.items() if name not in moved} == {
        name: value for name, value in before.items() if name not in moved
    }


def test_a_workshop_of_a_hundred(workspace: Workspace, proxy: Proxy) -> None:
    """As the Ansible collection makes it; two of it have changed since, and one belongs to another project."""
    name = f"{proxy.prefix}ai-workshop-x"
    for number in range(1, 101):
        proxy.create(
            f"ai-workshop-x-participant{number}",
            user_id=f"participant{number}@example.com",
            models=[MODEL],
            duration="3d",
            max_budget=60 if number == 7 else 50,
        )
    config = (
        f"proxy: {{url: '{proxy.base_url}'}}\nworkshops:\n  {name}: {{count: %d, user_prefix: participant, "
        f"models: [{MODEL}], duration: 3d, max_budget: 50}}\n"
    )
    workspace.configure(config % 100)
    mark = {"vkstate": {"lineage": FOREIGN_LINEAGE, "id": "0" * 16}}
    taken = proxy.create("ai-workshop-x-other", models=[MODEL], metadata=mark)["token"]
    refused = workspace.run("import", f"{name}-*", "--auto-approve")
    assert (refused.code, refused.stdout.count(FOREIGN_LINEAGE), workspace.keys) == (1, 1, {})
    assert proxy.info(taken)["metadata"] == mark
    ran = workspace.ok("-v", "import", f"{name}-participant*", "--auto-approve")
    assert ran.last_line == "Import complete! 100 imported."
    requests = [line for line in ran.stderr.splitlines() if line.startswith(("  GET ", "  POST "))]
    assert len([line for line in requests if "POST /key/update ->" in line]) == 101
    assert len(requests) <= 215
    plan = workspace.ok("plan")
    assert f"~ {name}-participant7  max_budget: 60 → 50 (config changed)\n" in plan.stdout
    assert "Plan: 0 to create, 1 to update, 0 to replace, 0 to delete." in plan.stdout
    assert workspace.apply().last_line == "Apply complete! 0 created, 1 updated, 0 replaced, 0 deleted."
    member = proxy.info(workspace.tokens[f"{name}-participant7"])
    assert (member["max_budget"], member["metadata"]["vkstate"]["user_number"]) == (50.0, 7)
    assert workspace.ok("destroy", "--auto-approve").last_line == "Destroy complete! 100 deleted. 0 of 100 remain."
    assert proxy.exists(taken)


def test_by_the_config(workspace: Workspace, proxy: Proxy) -> None:
    """``import:`` adopts, makes good what differs, converges, and may stay."""
    kept = proxy.create("kept", models=[MODEL], max_budget=99, rpm_limit=7, metadata={"seat": 1}, user_id="x")
    proxy.create("glob-1", models=[OTHER_MODEL])
    proxy.create("glob-2", models=[MODEL])
    config = (
        f"proxy: {{url: '{proxy.base_url}'}}\ndefaults: {{models: [{MODEL}]}}\nkeys:\n"
        f"  {proxy.alias('kept')}: {{max_budget: 10, metadata: {{team: red}}, duration: 30d}}\n"
        f"  {proxy.alias('glob-1')}: {{}}\n  {proxy.alias('glob-2')}: {{}}\n  {proxy.alias('new')}: {{}}\n"
        f"import: [{proxy.alias('kept')}, {proxy.alias('glob-*')}]\n"
    )
    workspace.configure(config)
    ran = workspace.apply()
    assert ran.last_line == "Apply complete! 1 created, 0 updated, 0 replaced, 0 deleted, 3 imported."
    row = proxy.info(kept["token"])
    assert (row["max_budget"], row["rpm_limit"], row["user_id"]) == (10.0, 7, proxy.alias("kept"))
    assert (row["metadata"]["team"], row["metadata"]["seat"], row["expires"] is not None) == ("red", 1, True)
    state = workspace.state_path.read_bytes()
    assert workspace.apply().last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 0 deleted."
    assert workspace.state_path.read_bytes() == state
    assert proxy.chat(kept["key"]).status_code == 200
