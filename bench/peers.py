"""vkstate beside other ways to make, keep and delete the keys of a workshop: wall time, requests, and what is right.

Every contender makes the same keys, is run again without a change, and deletes them. After each step the proxy is
asked which keys there are, and which of them have the models, user, budget and end that were asked for.

The contenders: ``vkstate``; a shell loop around curl; LiteLLM's own client (``--litellm-client PROGRAM``, once a key);
litellm-as-code (``--litellm-as-code PROGRAM``), which never deletes; the Ansible collection (``--collection DIR``, a
directory in which ``ansible_collections/litemaas/virtual_keys`` lies).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from bench.bare import TIMEOUT
from bench.live import LiveProxy, new_prefix
from bench.measure import Series, aligned, duration, order_of, seconds_of
from bench.projects import CONFIG, STATE, workshop_config
from bench.relay import Relay, relayed
from vkstate.state.file import StateFile
from vkstate.state.model import State, mint_lineage

KEY: Final = "VKSTATE_LIVE_MASTER_KEY"
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
        self.words = ended.stdout.replace(os.environ[KEY], "(master key)")[-500:]


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
        self.run("sh", "-c", loop, KEY=os.environ[KEY])


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
            LITELLM_PROXY_API_KEY=os.environ[KEY],
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
        self.run(self.program, "spec.yml", LITELLM_BASE_URL=self.task.url, LITELLM_API_KEY=os.environ[KEY])

    def delete(self) -> None:
        (self.directory / "spec.yml").write_text(json.dumps({"virtual_keys": []}))
        self.run(self.program, "--prune", "spec.yml", LITELLM_BASE_URL=self.task.url, LITELLM_API_KEY=os.environ[KEY])


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
            "litellm_vkey_master_key": f"{{{{ lookup('env', '{KEY}') }}}}",
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


@dataclass(frozen=True)
class Step:
    """One step of one contender: ``right`` and ``there`` are counted after it."""

    seconds: float
    requests: int
    right: int
    there: int


class Contest:
    """The same work for every contender, on one proxy."""

    def __init__(self, proxy: LiveProxy, relay: Relay, count: int) -> None:
        self._proxy = proxy
        self._relay = relay
        self._count = count
        self._model = proxy.served_model()

    def trial(self, contender: type[Contender]) -> list[Step]:
        """Create, run again, delete; whatever is left is cleared away afterwards, uncounted."""
        task = Task(self._relay.url, new_prefix(), self._count, self._model)
        with tempfile.TemporaryDirectory(prefix="vkstate-bench-") as name:
            one = contender(task, Path(name))
            try:
                steps = [self._step(task, work) for work in (one.create, one.create)]
                if steps[-1].right != task.count:
                    print(f"{one.name}: not every key is right. It said last:\n{one.words}", file=sys.stderr)
                return [*steps, self._step(task, one.delete)]
            finally:
                self._clear(task)

    def _step(self, task: Task, work: Callable[[], None]) -> Step:
        before = self._relay.count
        seconds = seconds_of(work)
        sent = self._relay.count - before
        rows = list(self._rows(task))
        wanted = dict(task.members)
        right = {row["key_alias"] for row in rows if _is_right(row, wanted, task.model)}
        return Step(seconds, sent, len(right), len(rows))

    def _rows(self, task: Task) -> Iterator[dict[str, object]]:
        """The keys of this trial, read as barely as can be: newest first, until others come."""
        size, page = 100, 1
        with self._proxy.session() as session:
            while True:
                asked: dict[str, str | int] = {"return_full_object": "true", "size": size, "page": page}
                answer = session.get(f"{self._proxy.url}/key/list", params=asked, timeout=TIMEOUT)
                answer.raise_for_status()
                document = answer.json()
                yield from (row for row in document["keys"] if str(row["key_alias"]).startswith(f"{task.prefix}-"))
                if page >= document["total_pages"]:
                    return
                page += 1

    def _clear(self, task: Task) -> None:
        tokens = [str(row["token"]) for row in self._rows(task)]
        with self._proxy.session() as session:
            for start in range(0, len(tokens), 100):
                body = {"keys": tokens[start : start + 100]}
                session.post(f"{self._proxy.url}/key/delete", json=body, timeout=TIMEOUT).raise_for_status()


def _is_right(row: dict[str, object], wanted: dict[str, str], model: str) -> bool:
    return (
        row["user_id"] == wanted.get(str(row["key_alias"]))
        and row["models"] == [model]
        and row["max_budget"] == BUDGET
        and row["expires"] is not None
    )


def contenders(given: argparse.Namespace) -> list[type[Contender]]:
    """Those that can be run here."""
    found: list[type[Contender]] = [Vkstate]
    if shutil.which("curl"):
        found.append(Curl)
    if given.litellm_client:
        Client.program = given.litellm_client
        found.append(Client)
    if given.litellm_as_code:
        AsCode.program = given.litellm_as_code
        found.append(AsCode)
    if given.collection:
        Collection.place = given.collection
        found.append(Collection)
    return found


def report(steps: dict[str, list[list[Step]]], count: int) -> str:
    """For each step a table: medians, and the ratio to vkstate round by round."""
    tables: list[str] = []
    for number, title in enumerate((f"create {count}", "run again, nothing changed", f"delete {count}")):
        rows: list[Sequence[str]] = [(title, "time", "x vkstate", "requests", "right", "there")]
        own = Series(tuple(trial[number].seconds for trial in steps[Vkstate.name]))
        for name, trials in steps.items():
            series = Series(tuple(trial[number].seconds for trial in trials))
            last = trials[-1][number]
            ratio = f"{series.ratio_to(own):.1f}"
            rows.append((name, duration(series.median), ratio, str(last.requests), str(last.right), str(last.there)))
        tables.append(aligned(rows))
    return "\n\n".join(tables)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Needs VKSTATE_LIVE_URL (plain HTTP) and VKSTATE_LIVE_MASTER_KEY.",
    )
    made.add_argument("--keys", type=int, default=100, help="keys of a trial; default 100")
    made.add_argument("--rounds", type=int, default=3, help="trials of each contender, taking turns; default 3")
    made.add_argument("--litellm-client", metavar="PROGRAM", help="LiteLLM's litellm-proxy (or lite)")
    made.add_argument("--litellm-as-code", metavar="PROGRAM", help="the program of the package litellm-as-code")
    made.add_argument("--collection", metavar="DIR", help="where ansible_collections/litemaas/virtual_keys lies")
    return made


@contextmanager
def _relay(proxy: LiveProxy) -> Iterator[Relay]:
    try:
        with relayed(proxy.url) as relay:
            yield relay
    except ValueError as error:
        sys.exit(f"error: {error}")


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    proxy = LiveProxy.from_environment()
    running = {one.name: one for one in contenders(given)}
    steps: dict[str, list[list[Step]]] = {name: [] for name in running}
    with _relay(proxy) as relay:
        contest = Contest(proxy, relay, given.keys)
        print(f"{given.keys} keys, {given.rounds} rounds, {proxy.total_keys()} other keys there")
        for number in range(given.rounds):
            for name in order_of(list(running), number):
                print(f"round {number + 1} of {given.rounds}: {name}", file=sys.stderr)
                steps[name].append(contest.trial(running[name]))
    print(f"\n{report(steps, given.keys)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
