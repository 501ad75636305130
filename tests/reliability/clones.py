"""Several clones of one git repository, whose projects share a lineage and a proxy."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.proxies import Proxy, token_of
from tests.reliability.invariants import Broken, Row, all_rows, lineage_of, steady
from tests.workspace import Ran, Workspace

NOBODYS_SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
"""The developer's own settings of git count for nothing."""
_IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.com")


def git(directory: Path, *arguments: str) -> str:
    """Run git; what it prints."""
    done = subprocess.run(
        ["git", *_IDENTITY, *arguments],
        cwd=directory,
        env={**os.environ, **NOBODYS_SETTINGS},
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Clone:
    """One working tree, with the project at its top."""

    path: Path

    @property
    def workspace(self) -> Workspace:
        """The project; runs in this process need it to be the working directory, or ``-C``."""
        return Workspace(self.path)

    def run(self, *arguments: str) -> Ran:
        """Run the command line here, in this process."""
        return self.workspace.run("-C", str(self.path), *arguments)

    def ok(self, *arguments: str) -> Ran:
        """The same, and expect exit code 0."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran
        return ran

    def apply(self) -> Ran:
        """Apply, and see that a plan finds nothing to do."""
        ran = self.ok("apply", "--auto-approve")
        assert self.run("plan", "--detailed-exitcode").code == 0
        return ran

    def push(self) -> None:
        """Commit the config and the state, and push them."""
        git(self.path, "add", "vkstate.yaml", "vkstate.state.json", ".gitignore")
        git(self.path, "commit", "-q", "--allow-empty", "-m", "state")
        git(self.path, "push", "-q", "origin", "HEAD")

    def fetch(self) -> None:
        """Learn what the upstream has, and take nothing of it."""
        git(self.path, "fetch", "-q")

    def pull(self) -> None:
        """Take what the upstream has; where both have changed the state, theirs."""
        git(self.path, "checkout", "-q", "--", ".")
        git(self.path, "pull", "-q", "--rebase")


@dataclass
class Clones:
    """An upstream without a working tree, and its clones."""

    place: Path
    proxy: Proxy
    clones: list[Clone] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.upstream = self.place / "upstream.git"
        git(self.place, "init", "-q", "--bare", "-b", "main", str(self.upstream))

    def clone(self, name: str) -> Clone:
        """Another working tree."""
        git(self.place, "clone", "-q", str(self.upstream), name)
        clone = Clone(self.place / name)
        self.clones.append(clone)
        return clone

    def begin(self, config: str) -> Clone:
        """The first clone, with a config and an empty state, both pushed."""
        first = self.clone("first")
        first.workspace.write("vkstate.yaml", config)
        first.ok("init")
        git(first.path, "checkout", "-q", "-B", "main")
        first.push()
        return first

    @property
    def lineage(self) -> str:
        return str(self.clones[0].workspace.state["lineage"])

    def rows(self) -> list[Row]:
        """The keys that carry the lineage."""
        return [row for row in all_rows(self.proxy) if lineage_of(row) == self.lineage]

    def snapshot(self) -> dict[str, Row]:
        """Every key of the proxy by token, without what moves by itself."""
        return {row["token"]: steady(row) for row in all_rows(self.proxy)}

    def check(self) -> None:
        """See that every key of ours is recorded in a clone that has its value, and that no alias has two.

        :raises Broken: with all that does not hold.
        """
        if broken := list(self._broken()):
            raise Broken("\n".join(broken))

    def _broken(self) -> Iterator[str]:
        rows = self.rows()
        for row in rows:
            alias, token = row["key_alias"], row["token"]
            knows = [clone for clone in self.clones if token in clone.workspace.tokens.values()]
            has = [clone for clone in knows if token in clone.workspace.stored]
            if not has:
                yield f"{alias} ({token[:8]}) is recorded by {len(knows)} clones, and none of them has its value"
                continue
            answer = self.proxy.get("/v1/models", key=has[0].workspace.stored[token])
            if answer.status_code != 200:
                yield f"the value of {alias} ({token[:8]}) does not open the proxy: {answer.text}"
        counts = Counter(row["key_alias"] for row in rows)
        yield from (f"{alias} is borne by {count} keys" for alias, count in counts.items() if count > 1)
        for clone in self.clones:
            for token, value in clone.workspace.stored.items():
                if token_of(value) != token:
                    yield f"the secret store of {clone.path.name} has a wrong value for {token[:8]}"
