"""The keys of the example ``from-ansible``, made on a real LiteLLM as the collection makes them, and taken over."""

from __future__ import annotations

import pytest

from tests.contract.proxies import Proxy
from tests.examples.test_from_ansible import EXAMPLE, PARTICIPANTS, WORKSHOP, bodies
from tests.workspace import Workspace

pytestmark = pytest.mark.live


def test_they_are_taken_over_as_they_are(workspace: Workspace, proxy: Proxy) -> None:
    made = {alias: proxy.generate({**body, "key_alias": proxy.alias(alias)}).json() for alias, body in bodies().items()}
    before = {alias: proxy.info(answer["token"]) for alias, answer in made.items()}
    config = (EXAMPLE / "vkstate.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("url: sandbox://", f"url: {proxy.base_url}"),
        ("  my-dev-project:", f"  {proxy.alias('my-dev-project')}:"),
        (f"  {WORKSHOP}:", f"  {proxy.alias(WORKSHOP)}:"),
        ("    max_budget: 50\n", ""),  # the collection sends none for a workshop
    ):
        assert config.count(old) == 1, old
        config = config.replace(old, new)
    workspace.configure(config)
    workspace.write("values.csv", "key\n" + "".join(f"{answer['key']}\n" for answer in made.values()))

    targets = (f"{proxy.alias(WORKSHOP)}-*", proxy.alias("my-dev-project"))
    imported = workspace.ok("import", *targets, "--values", "values.csv", "--auto-approve")
    assert imported.last_line == "Import complete! 26 imported."
    workspace.converged()
    assert workspace.values == {proxy.alias(alias): answer["key"] for alias, answer in made.items()}
    for alias, answer in made.items():
        row, was = proxy.info(answer["token"]), before[alias]
        assert (row["expires"], row["user_id"], row["models"]) == (was["expires"], was["user_id"], was["models"])
        assert {name: value for name, value in row["metadata"].items() if name != "vkstate"} == was["metadata"]

    result = workspace.ok("output", "--json", "--reveal", f"workshop:{proxy.alias(WORKSHOP)}").document
    assert [(key["user"], key["key"]) for key in result["keys"]] == [
        (f"participant{number}", made[alias]["key"]) for number, alias in enumerate(PARTICIPANTS, start=1)
    ]
    assert proxy.chat(result["keys"][0]["key"]).status_code == 200
    assert workspace.ok("destroy", "--auto-approve").last_line == "Destroy complete! 26 deleted. 0 of 26 remain."
