"""What vkstate is at when it is disturbed: a project in some state on a proxy, and the command that is about to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.contract.proxies import Proxy
from tests.reliability.invariants import Guard
from tests.workspace import Workspace

MEMBERS = 6


@dataclass
class Stage:
    """A project and its proxy. ``prefix`` begins every alias."""

    workspace: Workspace
    proxy: Proxy
    url: str
    prefix: str = ""

    def configure(
        self, *, keys: str = "", members: int = MEMBERS, budget: int = 5, name: str = "ws", rest: str = ""
    ) -> None:
        """Write a config with a workshop, two keys and what else is given."""
        workshop = f"workshops:\n  {self.prefix}{name}: {{count: {members}, max_budget: {budget}}}\n" if members else ""
        self.workspace.configure(
            f"proxy: {{url: '{self.url}', timeout: 30s}}\n"
            "defaults: {models: [gpt-4], duration: 1d}\n"
            "safety: {max_delete_percent: 100}\n"
            f"keys:\n  {self.prefix}one: {{max_budget: {budget}, metadata: {{team: '{budget}'}}}}\n"
            f"  {self.prefix}two: {{max_budget: {budget}}}\n{keys}{workshop}{rest}"
        )

    def applied(self) -> None:
        """Bring the proxy to what the config says."""
        self.workspace.apply()


@dataclass(frozen=True)
class Scene:
    """A stage that is set, and the arguments of the command that is disturbed.

    ``settled_by`` are those of the command by which the disturbed one is made good, where ``apply`` is not the one.
    """

    name: str
    set_up: Callable[[Stage], None]
    arguments: tuple[str, ...] = ("apply", "--auto-approve")
    settled_by: tuple[str, ...] = ()


def guarded(scene: Scene, stage: Stage) -> Guard:
    """Set a scene's stage, beside two keys of others."""
    others = [f"{stage.prefix}theirs{number}" for number in (1, 2)]
    for alias in others:
        assert stage.proxy.generate({"key_alias": alias, "metadata": {"owner": "x"}}).status_code == 200
    stage.workspace.configure(f"proxy: {{url: '{stage.url}'}}\n")
    scene.set_up(stage)
    guard = Guard(stage.workspace, stage.proxy, stage.prefix)
    guard.note_others(only=others)
    return guard


def fresh(stage: Stage) -> None:
    """Nothing is there yet."""
    stage.configure()


def changed(stage: Stage) -> None:
    """Every key is to be changed."""
    stage.configure()
    stage.applied()
    stage.configure(budget=7)


def shrunk(stage: Stage) -> None:
    """Most members left, and somebody is new."""
    stage.configure()
    stage.applied()
    stage.configure(members=1, keys=f"  {stage.prefix}new: {{max_budget: 1}}\n")


def steady(stage: Stage) -> None:
    """Nothing is to be changed."""
    stage.configure()
    stage.applied()


def moved(stage: Stage) -> None:
    """The workshop has another name, and so has a key."""
    stage.configure()
    stage.applied()
    old, new = f"{stage.prefix}ws", f"{stage.prefix}renamed"
    stage.configure(
        name="renamed",
        rest=f"moved:\n  - {{from: 'workshop:{old}', to: 'workshop:{new}'}}\n",
    )


def drifted(stage: Stage) -> None:
    """Somebody has changed every key."""
    steady(stage)
    for token in stage.workspace.tokens.values():
        assert stage.proxy.update(token, max_budget=99).status_code == 200


def to_import(stage: Stage) -> None:
    """Keys that others made are declared, to be imported."""
    for number in range(1, MEMBERS + 1):
        made = stage.proxy.generate(
            {"key_alias": f"{stage.prefix}ws-user{number}", "models": ["gpt-4"], "max_budget": 3}
        )
        assert made.status_code == 200, made.text
    stage.configure(rest=f"import: ['{stage.prefix}ws-*']\n")


def let_go(stage: Stage) -> None:
    """The workshop's keys are to live on as nobody's."""
    steady(stage)
    stage.configure(members=0, rest=f"removed: [{{alias: 'workshop:{stage.prefix}ws', destroy: false}}]\n")


def others_keys(stage: Stage) -> None:
    """Keys that others made are declared, and the config does not say that they are to be imported."""
    to_import(stage)
    stage.configure()


def lost(stage: Stage) -> None:
    """The state is gone."""
    steady(stage)
    stage.workspace.state_path.unlink()


SCENES = (
    Scene("create", fresh),
    Scene("update", changed),
    Scene("delete", shrunk),
    Scene("destroy", steady, ("destroy", "--auto-approve")),
    Scene("replace", steady, ("apply", "--auto-approve", "--replace", "*")),
    Scene("replace with grace", steady, ("apply", "--auto-approve", "--replace", "*", "--grace", "1h")),
    Scene("move", moved),
    Scene("refresh", drifted, ("refresh", "--auto-approve")),
    Scene("import", to_import),
    Scene("release", let_go),
)
IMPORT, REBUILD = ("import", "ws-*", "--auto-approve"), ("state", "rebuild", "--auto-approve")
STATE_SCENES = (
    Scene("state mv", moved, ("state", "mv", "workshop:ws", "workshop:renamed", "--auto-approve")),
    Scene("state rm", let_go, ("state", "rm", "workshop:ws", "--auto-approve")),
    Scene("state rebuild", lost, REBUILD, settled_by=REBUILD),
    Scene("import command", others_keys, IMPORT, settled_by=IMPORT),
)
"""Commands that are about the state."""
NAMES = [scene.name.replace(" ", "_") for scene in SCENES]
"""For the names of tests."""
