"""Ways to make, keep and delete the keys of a workshop: vkstate, and what people use instead of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from bench.live import KEY_VARIABLE
from bench.projects import CONFIG, STATE, workshop_config
from vkstate.state.file import StateFile
from vkstate.state.model import State, mint_lineage

BUDGET: Final = 50


@dataclass(frozen=True)
class Task:
    """The keys that are wanted: those of one workshop, named as the Ansible collection names them."""

    url: str
    prefix: str
    count: int
    model: str

    @property
    def members(self) -> Iterator[tuple[str, str]]:
        """Alias and user id of each."""
        for number in range(1, self.count + 1):
            user = f"participant{number}"
            yield f"{self.prefix}-{user}", f"{user}@workshop.example.com"


class Contender(ABC):
    """One way to do it, in a directory of its own. ``words`` is the end of what its last program said."""

    name: ClassVar[str]
    words: str = ""

    def __init__(self, task: Task, directory: Path) -> None:
        self.task = task
        self.directory = directory
        self.prepare()

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Write what is needed; not counted."""

    @abstractmethod
    def create(self) -> None:
        """Make the keys; asked a second time, do what somebody does who runs it again."""

    @abstractmethod
    def delete(self) -> None:
        """Delete them, as far as this way knows how."""

    def run(self, *command: str, **more: str) -> None:
        """Run a program of it; whatever its exit code, what counts is what the proxy has afterwards."""
        ended = subprocess.run(
            command,
            cwd=self.directory,
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        self.words = ended.stdout.replace(os.environ[KEY_VARIABLE], "(master key)")[-500:]


class Vkstate(Contender):
    name = "vkstate"

    def prepare(self) -> None:
        task = self.task
        (self.directory / CONFIG).write_text(workshop_config(task.url, task.prefix, task.count, task.model))
        StateFile(self.directory / STATE).write(State.empty(mint_lineage()))

    def create(self) -> None:
        self.run(sys.executable, "-m", "vkstate", "apply", "--auto-approve", "--accept-lost-values", **_path())

    def delete(self) -> None:
        self.run(sys.executable, "-m", "vkstate", "destroy", "--auto-approve", **_path())


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


class Curl(Contender):
    name = "a loop of curl"

    def create(self) -> None:
        task = self.task
        bodies = [
            {"key_alias": alias, "user_id": user, "models": [task.model], "duration": "3d", "max_budget": BUDGET}
            for alias, user in task.members
        ]
        self._post("/key/generate", bodies)

    def delete(self) -> None:
        self._post("/key/delete", [{"key_aliases": [alias]} for alias, _ in self.task.members])

    def _post(self, path: str, bodies: Sequence[object]) -> None:
        (self.directory / "bodies").write_text("".join(f"{json.dumps(body)}\n" for body in bodies))
        loop = (
            'while IFS= read -r body; do curl -sS -o answer -H "Authorization: Bearer $KEY" '
            f"-H 'Content-Type: application/json' -d \"$body\" {self.task.url}{path}; done < bodies"
        )
        self.run("sh", "-c", loop, KEY=os.environ[KEY_VARIABLE])


class Client(Contender):
    name = "litellm-proxy keys"
    program: ClassVar[str]

    def create(self) -> None:
        for alias, user in self.task.members:
            named = ("--key-alias", alias, "--user-id", user, "--models", self.task.model, "--duration", "3d")
            self._keys("generate", *named, "--config", json.dumps({"max_budget": BUDGET}))

    def delete(self) -> None:
        self._keys("delete", "--key-aliases", ",".join(alias for alias, _ in self.task.members))

    def _keys(self, *command: str) -> None:
        self.run(
            self.program,
            "keys",
            *command,
            LITELLM_PROXY_URL=self.task.url,
            LITELLM_PROXY_API_KEY=os.environ[KEY_VARIABLE],
            HOME=str(self.directory),
        )


class AsCode(Contender):
    name = "litellm-as-code"
    program: ClassVar[str]

    def prepare(self) -> None:
        task = self.task
        keys = [
            {"key_alias": alias, "user_id": user, "models": [task.model], "duration": "3d", "max_budget": BUDGET}
            for alias, user in task.members
        ]
        (self.directory / "spec.yml").write_text(json.dumps({"virtual_keys": keys}))

    def create(self) -> None:
        self._reconcile()

    def delete(self) -> None:
        (self.directory / "spec.yml").write_text(json.dumps({"virtual_keys": []}))
        self._reconcile("--prune")

    def _reconcile(self, *options: str) -> None:
        access = {"LITELLM_BASE_URL": self.task.url, "LITELLM_API_KEY": os.environ[KEY_VARIABLE]}
        self.run(self.program, *options, "spec.yml", **access)


class Collection(Contender):
    name = "the Ansible collection"
    place: ClassVar[str]

    def create(self) -> None:
        self._play("present")

    def delete(self) -> None:
        self._play("absent")

    def _play(self, state: str) -> None:
        task = self.task
        variables = {
            "litellm_vkey_state": state,
            "litellm_vkey_api_url": task.url,
            "litellm_vkey_master_key": f"{{{{ lookup('env', '{KEY_VARIABLE}') }}}}",
            "litellm_vkey_multi_user": True,
            "litellm_vkey_alias": task.prefix,
            "litellm_vkey_user_count": task.count,
            "litellm_vkey_user_prefix": "participant",
            "litellm_vkey_user_domain": "workshop.example.com",
            "litellm_vkey_models": [task.model],
            "litellm_vkey_duration": "3d",
            "litellm_vkey_max_budget": BUDGET,
        }
        role = {"ansible.builtin.include_role": {"name": "litemaas.virtual_keys.manage_keys"}, "vars": variables}
        play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [role]}]
        (self.directory / "play.yml").write_text(json.dumps(play))
        self.run(
            "ansible-playbook",
            "play.yml",
            ANSIBLE_COLLECTIONS_PATH=self.place,
            ANSIBLE_HOME=str(self.directory),
            HOME=str(self.directory),
        )
