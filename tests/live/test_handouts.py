"""What is handed out opens a real LiteLLM, in whatever form a member got it."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.contract.proxies import MODEL, Proxy
from tests.views.formats.browser import Browser, needs_browser, needs_scanner, scanned
from tests.workspace import Workspace

pytestmark = pytest.mark.live


@pytest.fixture
def members(workspace: Workspace, proxy: Proxy) -> list[str]:
    """A workshop of three; the aliases."""
    workspace.configure(
        f"proxy: {{url: '{proxy.base_url}'}}\nworkshops:\n"
        f"  {proxy.prefix}w: {{count: 3, models: [{MODEL}], duration: 1h, max_budget: 1}}\n"
    )
    workspace.apply()
    return sorted(workspace.keys)


def opens(proxy: Proxy, value: str, base_url: str) -> bool:
    """Whether a value gets the list of its models from a base URL as it is handed out."""
    assert base_url == f"{proxy.base_url}/v1"
    answer = proxy.get(f"{base_url.removeprefix(proxy.base_url)}/models", key=value)
    return answer.status_code == 200 and [model["id"] for model in answer.json()["data"]] == [MODEL]


def written(workspace: Workspace, format_: str, name: str) -> str:
    """What a handout to a file holds."""
    workspace.ok("output", "--format", format_, "--out", name)
    return (workspace.path / name).read_text()


def test_values_of_every_text(workspace: Workspace, proxy: Proxy, members: list[str], tmp_path: Path) -> None:
    base_url = f"{proxy.base_url}/v1"
    rows = list(csv.DictReader(written(workspace, "csv", "keys.csv").splitlines()))
    assert [row["alias"] for row in rows] == members
    assert all(opens(proxy, row["key"], row["api_base_url"]) for row in rows)

    document = json.loads(written(workspace, "json", "keys.json"))
    assert all(opens(proxy, key["key"], document["api_base_url"]) for key in document["keys"])

    workspace.ok("output", "--format", "env", "--out", f"{tmp_path / 'handed'}/")
    for alias in members:
        text = (tmp_path / "handed" / f"{alias}.env").read_text()
        assigned = dict(line.split("=", 1) for line in shlex.split(text, comments=True))
        assert opens(proxy, assigned["OPENAI_API_KEY"], assigned["OPENAI_BASE_URL"])

    saved = re.findall(r"^Key: (.*)\nAlias: (.*)$", written(workspace, "txt", "keys.txt"), re.MULTILINE)
    assert [alias for _, alias in saved] == members
    assert all(opens(proxy, value, base_url) for value, _ in saved)

    secrets = list(YAML(typ="safe").load_all(written(workspace, "kubernetes", "keys.yaml")))
    assert [secret["metadata"]["name"] for secret in secrets] == members
    assert all(opens(proxy, *secret["stringData"].values()) for secret in secrets)


@needs_browser
@needs_scanner
def test_the_code_on_a_card(workspace: Workspace, proxy: Proxy, members: list[str], tmp_path: Path) -> None:
    [codes] = scanned(Browser(tmp_path).printed(written(workspace, "cards", "cards.html")))
    assert sorted(codes) == sorted(workspace.values[alias] for alias in members)
    assert all(opens(proxy, code, f"{proxy.base_url}/v1") for code in codes)
