"""A repository as a forge keeps it, with clones of it for people and a new one for each job: the example ``ci``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from tests.examples.conftest import EXAMPLES, MADE
from tests.launcher import launcher
from tests.workspace import OWN_VARIABLES, Json, Ran, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

EXAMPLE: Final = EXAMPLES / "ci"
PROJECT: Final = "keys"
NOTES: Final = "refs/notes/vkstate/plans"
SAVED: Final = "Save the state of the keys [skip ci]"
"""The message of the commits that CI makes."""


def git(directory: Path, environ: Mapping[str, str], *arguments: str) -> str:
    """Run git, and give what it prints, without the newline at its end."""
    done = subprocess.run(
        ["git", *arguments], check=False, cwd=directory, env=environ, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.rstrip("\n")


@dataclass
class Checkout:
    """A clone, of a person or of a job."""

    path: Path
    environ: dict[str, str]

    def git(self, *arguments: str) -> str:
        return git(self.path, self.environ, *arguments)

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        """Start a program at the root of the clone."""
        return subprocess.Popen(
            command,
            cwd=self.path,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *command: str | Path, code: int = 0) -> Ran:
        """Run a program at the root of the clone, to this exit code."""
        with self.start(*command) as process:
            return self.ended(process, code)

    def ended(self, process: subprocess.Popen[str], code: int) -> Ran:
        """Wait for a program that was started."""
        out, err = process.communicate(timeout=180)
        assert process.returncode == code, (process.args, process.returncode, out, err)
        return Ran(code, out, err)

    def script(self, name: str, *arguments: str, code: int = 0) -> Ran:
        """Run one of the example's scripts."""
        return self.run(f"ci/scripts/{name}.sh", *arguments, code=code)

    def vkstate(self, *arguments: str) -> Ran:
        """Run vkstate in the project, in this process; it is to succeed."""
        return Workspace(self.path).ok("-C", str(self.path / PROJECT), *arguments)

    def file(self, name: str) -> Path:
        """A file of the project."""
        return self.path / PROJECT / name


@dataclass
class Planned:
    """What the job of a pull request did."""

    ran: Ran
    comment: str
    fingerprint: str
    """As it was noted."""


@dataclass
class Forge:
    """The bare repository, and what happens around it. Everything is below ``place``."""

    place: Path
    url: str
    """Of the proxy."""
    recipient: str
    """Who can read the key values."""
    prefix: str = ""
    """Of every alias, where the proxy has others' keys too."""
    master_key: str = DEFAULT_MASTER_KEY
    origin: Path = field(init=False)
    person: Checkout = field(init=False)
    _clones: int = 0

    def __post_init__(self) -> None:
        self.origin = self.place / "origin.git"
        self.bin = launcher(self.place / "bin", pidfile=self.place / "pid").parent
        self.command("pip")
        (self.place / "home").mkdir()
        git(self.place, self._environ(), "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin))
        self.person = self._clone({"GIT_AUTHOR_NAME": "you", "GIT_AUTHOR_EMAIL": "you@example.com"})
        self.person.environ |= {"GIT_COMMITTER_NAME": "you", "GIT_COMMITTER_EMAIL": "you@example.com"}
        shutil.copytree(EXAMPLE / PROJECT, self.person.path / PROJECT, ignore=MADE)
        shutil.copytree(EXAMPLE / "scripts", self.person.path / "ci" / "scripts")
        shutil.copy(EXAMPLE / "requirements.txt", self.person.path / "ci")
        config = self.person.file("vkstate.yaml")
        config.write_text(self._own(config.read_text(encoding="utf-8")), encoding="utf-8")
        self.person.vkstate("init")
        self.person.git("add", "--all")
        self.person.git("commit", "--quiet", "--message", "Begin")
        self.person.git("push", "--quiet", "--set-upstream", "origin", "HEAD:main")

    def _own(self, config: str) -> str:
        """The example's config, for this proxy and this recipient."""
        (theirs,) = [line for line in config.splitlines() if line.startswith("    - age1")]
        for old, new in (
            ("url: sandbox://", f"url: {self.url}"),
            (theirs, f"    - {self.recipient}"),
            ("billing-service", f"{self.prefix}billing-service"),
            ("prompt-course", f"{self.prefix}prompt-course"),
        ):
            assert config.count(old) == 1, old
            config = config.replace(old, new)
        return config

    def command(self, name: str) -> None:
        """Make a command that does nothing but note what it was given."""
        path = self.bin / name
        path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{self.place}/{name}"\n', encoding="utf-8")
        path.chmod(0o755)

    def given(self, name: str) -> list[str]:
        """What such a command was given, a line for each time."""
        return (self.place / name).read_text(encoding="utf-8").splitlines()

    def _environ(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in OWN_VARIABLES and not name.startswith(("VKSTATE_", "GIT_", "GITLAB_"))
        }
        return {
            **kept,
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.place / "home"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LITELLM_MASTER_KEY": self.master_key,
        }

    def _clone(self, environ: Mapping[str, str]) -> Checkout:
        self._clones += 1
        path = self.place / f"clone-{self._clones}"
        git(self.place, self._environ(), "clone", "--quiet", str(self.origin), str(path))
        return Checkout(path, {**self._environ(), **environ})

    def job(self, branch: str = "main", **environ: str) -> Checkout:
        """A job on a branch, as a runner begins it: a new clone, no branch checked out, set up."""
        job = self._clone({"CI": "true", "PROJECT": PROJECT, **environ})
        job.git("checkout", "--quiet", "--detach", f"origin/{branch}")
        job.script("setup")
        return job

    def propose(self, branch: str, *edits: tuple[str, str], name: str = "vkstate.yaml") -> None:
        """Push a branch off main in which a file of the project is edited."""
        self.person.git("fetch", "--quiet")
        self.person.git("checkout", "--quiet", "-B", branch, "origin/main")
        path = self.person.file(name)
        text = path.read_text(encoding="utf-8")
        for old, new in edits:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        self.person.git("commit", "--quiet", "--all", "--allow-empty", "--message", f"Propose {branch}")
        self.person.git("push", "--quiet", "--force", "origin", branch)

    def plan(self, branch: str, code: int = 0) -> Planned:
        """Run the job of a pull request."""
        job = self.job(branch)
        ran = job.script("plan", "main", "comment.md", code=code)
        comment = (job.path / "comment.md").read_text(encoding="utf-8")
        return Planned(ran, comment, self.noted(job))

    def apply(self, job: Checkout, fingerprint: str = "", code: int = 0) -> Ran:
        """Run both steps of an apply, as the workflows do."""
        ran = job.script("apply", "main", fingerprint, code=code)
        job.script("commit-state", "main")
        return ran

    def noted(self, job: Checkout) -> str:
        """The fingerprint that is noted for what a job has checked out; empty where there is none."""
        return job.run("sh", "-c", f"cd {PROJECT} && ../ci/scripts/reviewed.sh show").stdout.strip()

    def note(self, job: Checkout, fingerprint: str) -> None:
        """Note a fingerprint for what a job has checked out."""
        job.run("sh", "-c", f"cd {PROJECT} && ../ci/scripts/reviewed.sh save {fingerprint}")

    def merge(self, branch: str, how: Literal["merge", "squash", "rebase"] = "merge", *, push: bool = True) -> None:
        """Merge a branch as a forge does; without ``push`` only in the person's clone."""
        self.person.git("fetch", "--quiet")
        match how:
            case "merge":
                self.pull()
                self.person.git("merge", "--quiet", "--no-ff", "--no-edit", branch)
            case "squash":
                self.pull()
                self.person.git("merge", "--quiet", "--squash", branch)
                self.person.git("commit", "--quiet", "--message", f"Squash {branch}")
            case "rebase":
                self.person.git("checkout", "--quiet", branch)
                self.person.git("rebase", "--quiet", "origin/main")
        if push:
            self.person.git("push", "--quiet", "origin", "HEAD:main")

    def pull(self) -> None:
        """Bring the person's clone to what main is."""
        self.person.git("fetch", "--quiet")
        self.person.git("checkout", "--quiet", "-B", "main", "--track", "origin/main")

    def committed(self, name: str) -> Json:
        """A JSON file of the project, as it is in main."""
        return json.loads(self.bare("show", f"main:{PROJECT}/{name}"))

    def statuses(self) -> dict[str, str]:
        """By alias, the status that main's state records."""
        return {alias: record["status"] for alias, record in self.committed("vkstate.state.json")["keys"].items()}

    def log(self) -> list[str]:
        """The messages of main's commits, newest first, without those of merges."""
        # By their order in the history: by their dates, those of one second come as they happen to.
        return self.bare("log", "--topo-order", "--no-merges", "--format=%s", "main").splitlines()

    def bare(self, *arguments: str) -> str:
        """Run git in the repository itself."""
        return git(self.origin, self._environ(), *arguments)

    def before_the_next_push(self, job: Checkout, command: str) -> None:
        """Have a job's next push preceded by a command, as by somebody who is faster."""
        hook = job.path / ".git" / "hooks" / "pre-push"
        hook.write_text(f'#!/bin/sh\nrm "$0"\nunset GIT_DIR GIT_PREFIX\n{command}\n', encoding="utf-8")
        hook.chmod(0o755)

    @property
    def pid(self) -> int:
        """The process of the vkstate that was started last."""
        return int((self.place / "pid").read_text(encoding="utf-8"))
