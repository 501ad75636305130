"""Nothing is imported that the command does not use: for every command, the packages that it imports, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from tests.age_people import person
from tests.cli import module_probe
from tests.workspace import Json, Workspace
from vkstate.cli.commands import COMMANDS, Family

CONFIG: Final = """\
proxy: {url: 'sandbox://'}
keys: {one: {models: [gpt-4]}, two: {models: [gpt-4]}}
workshops: {w: {count: 2, models: [gpt-4], ends_at: '2036-01-01T00:00:00Z'}}
"""


class Uses(NamedTuple):
    """What a command may import: libraries, and the packages of vkstate besides that of the command line."""

    libraries: str
    packages: str


ALONE: Final = Uses("", "")
READS_STATE: Final = Uses("pydantic", "state views")
READS_BOTH: Final = Uses("pydantic ruamel", "config state views")
ASKS_PROXY: Final = Uses("pydantic requests ruamel urllib3", "config executor litellm state views")
ASKS_SANDBOX: Final = Uses(f"{ASKS_PROXY.libraries} sqlite3", f"{ASKS_PROXY.packages} sandbox")
CHANGES: Final = Uses(f"{ASKS_SANDBOX.libraries} filelock", ASKS_SANDBOX.packages)
REWRITES: Final = Uses("filelock pydantic ruamel", "config state views")
SEALS: Final = Uses(f"{REWRITES.libraries} pyrage", REWRITES.packages)

RUNS: Final[tuple[tuple[str, Uses], ...]] = (
    ("version", ALONE),
    ("validate", Uses("pydantic ruamel", "config views")),
    ("schema", Uses("pydantic", "config")),
    ("plan --out p.json", ASKS_SANDBOX),
    ("apply --auto-approve", CHANGES),
    ("show", READS_BOTH),
    ("show p.json", READS_STATE),
    ("output", READS_BOTH),
    ("output --format cards --out cards.html", Uses("pydantic ruamel segno", "config state views")),
    ("spend", ASKS_SANDBOX),
    ("check", ASKS_SANDBOX),
    ("refresh --auto-approve", CHANGES),
    ("extend w 1h --auto-approve", CHANGES),
    ("block one --auto-approve", CHANGES),
    ("unblock one --auto-approve", CHANGES),
    ("import one --auto-approve", CHANGES),
    ("state list", READS_STATE),
    ("state show one", READS_BOTH),
    ("state mv two three --auto-approve", CHANGES),
    ("state rm three --auto-approve", CHANGES),
    ("state rebuild --auto-approve", CHANGES),
    ("state rebind --auto-approve", REWRITES),
    ("destroy --auto-approve", CHANGES),
    ("sandbox serve --port 0", Uses("pydantic sqlite3", "sandbox state")),
    ("secrets list", READS_BOTH),
    ("secrets migrate --to age --recipient {one}", SEALS),
    ("secrets add-recipient {other} --identity {identity}", SEALS),
    ("secrets remove-recipient {other} --identity {identity}", SEALS),
    ("secrets rekey", SEALS),
    ("init", Uses("pydantic", "state")),
)
"""Every command, run in one project from above to below."""


class Probe:
    """A process that tells which modules a command imports."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module_probe.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def modules(self, workspace: Workspace, *arguments: str) -> set[str]:
        """The modules that there are at the end of a command, which succeeds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"argv": arguments, "cwd": str(workspace.path)}) + "\n")
        self.process.stdin.flush()
        answer: Json = json.loads(self.process.stdout.readline())
        assert answer["code"] == 0, arguments
        return set(answer["modules"])


@pytest.fixture
def probe() -> Iterator[Probe]:
    made = Probe()
    with made.process:
        yield made


def uses(modules: set[str]) -> Uses:
    """What these modules are of, apart from what every command imports: typer, and that of the command line."""
    libraries = {module.partition(".")[0] for module in modules} & set(module_probe.LIBRARIES)
    ours = {module.split(".")[1] for module in modules if module.startswith("vkstate.") and module.count(".") > 1}
    return Uses(" ".join(sorted(libraries)), " ".join(sorted(ours - {"cli"})))


def test_a_command_imports_what_it_uses(workspace: Workspace, probe: Probe) -> None:
    workspace.configure(CONFIG)
    one, other = person(), person()
    identity = one.file(workspace.path / "identity.txt")
    people = {"one": one.recipient, "other": other.recipient, "identity": identity}
    found = {}
    for line, _ in RUNS:
        arguments = [word.format_map(people) for word in line.split()]
        found[line] = uses(probe.modules(workspace, *arguments))
    expected = {line: Uses(*(" ".join(sorted(part.split())) for part in allowed)) for line, allowed in RUNS}
    assert found == expected


def test_a_proxy_is_asked_without_the_sandbox(workspace: Workspace, probe: Probe) -> None:
    workspace.configure(CONFIG)
    url = "http://127.0.0.1:1"
    workspace.configure(CONFIG.replace("sandbox://", url).replace("proxy: {", "proxy: {master_key: sk-none, "))
    modules = probe.modules(workspace, "spend")
    assert uses(modules) == ASKS_PROXY


def test_every_command_is_run_here() -> None:
    entries = {
        f"{name} {inner}" if inner else name
        for name, command in COMMANDS.items()
        for inner in (command.entries if isinstance(command, Family) else [""])
    }
    assert {entry for entry in entries if not any(f"{line} ".startswith(f"{entry} ") for line, _ in RUNS)} == set()
