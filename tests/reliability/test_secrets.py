"""A canary in every place where a secret may be: none leaves it, whatever is done."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.canaries import STORE, found_in, leaks
from tests.reliability.vault import CHANGED, ENVIRON, MASTER_KEY, SENSITIVE, SOURCES, Vault, logged, opened, script
from vkstate.errors import ExitCode

LOOKING = (
    ("validate",), ("validate", "--json"), ("plan",), ("plan", "-v"), ("plan", "--json"),
    ("plan", "--format", "markdown"), ("plan", "-v", "--destroy"), ("plan", "--refresh-only"), ("show",),
    ("show", "--json"), ("state", "list"), ("state", "show", "one"), ("state", "show", "one", "-v"),
    ("state", "show", "one", "--json"), ("output",), ("output", "--json"), ("output", "--format", "csv"),
    ("output", "--format", "env"), ("refresh", "--dry-run"), ("refresh", "--dry-run", "--json"),
    ("state", "rebuild", "--dry-run"), ("state", "rebind", "--dry-run"), ("state", "mv", "one", "new", "--dry-run"),
    ("state", "rm", "one", "--dry-run"), ("plan", "--replace", "*", "--grace", "1h", "-v"),
    ("plan", "--renew", "*", "--json"), ("schema",), ("version",),
)  # fmt: skip
"""Commands that change nothing."""
REFUSED = (
    ("apply",), ("destroy",), ("apply", "--json"), ("plan", "--target", "nobody"), ("apply", "--expect", "a" * 64),
    ("plan", "--nonsense"), ("state", "show", "nobody"), ("import", "nobody", "--auto-approve"), ("nonsense",),
    ("apply", "none.json"), ("show", "vkstate.state.json"), ("apply", "--grace", "1h"),
)  # fmt: skip


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    with opened(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """A umask that leaves everything open to everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_to_all")
def test_a_whole_life(vault: Vault) -> None:
    """Every command, at every stage of a project."""
    with logged() as log:
        live(vault)
    seen_to(vault, log.getvalue())


@pytest.mark.usefixtures("open_to_all")
@pytest.mark.parametrize("source", sorted(SOURCES.keys() - {"environment"}))
def test_every_source_of_the_master_key(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, monkeypatch, source) as vault, logged() as log:
        for command in (
            ("plan", "-v"),
            ("apply", "--auto-approve", "-v"),
            ("plan", "--json"),
            ("destroy", "--auto-approve"),
        ):
            done(vault, *command)
        seen_to(vault, log.getvalue())


def seen_to(vault: Vault, log: str) -> None:
    """See that nothing was shown, logged, or left where git would take it along."""
    assert found_in(log, vault.secrets) == []
    vault.check()
    assert leaks(vault.workspace.path, vault.values | {MASTER_KEY, *ENVIRON.values()}, but=vault.asked_for) == {}


def live(vault: Vault) -> None:
    """Create, look, change, drift, replace, import, move, release, destroy."""
    look(vault, but=("state show", "state mv", "state rm", "plan --re", "refresh", "state re"))
    done(vault, "plan", "--out", "create.json")
    done(vault, "apply", "create.json", "-v")
    vault.configure(budget=7, count=4)
    done(vault, "plan", "--out", "change.json")
    for options in ((), ("-v",), ("--json",), ("--format", "markdown")):
        done(vault, "show", "change.json", *options)
    look(vault)
    done(vault, "apply", "--auto-approve", "--json", "-v")
    drift(vault)
    look(vault)
    done(vault, "refresh", "--auto-approve")
    done(vault, "apply", "--auto-approve", "-v")
    done(
        vault,
        "apply",
        "--auto-approve",
        "--replace",
        "one",
        "--grace",
        "1h",
        "--secrets-out",
        str(asked(vault, "new.json")),
    )
    done(vault, "output", "--out", str(asked(vault, "handout.json")), "--format", "json")
    assert len(found_in((vault.workspace.path / "handout.json").read_bytes(), vault.values)) == 6
    theirs = vault.proxy.create("theirs", metadata={"token": "a"})
    vault.values.add(theirs["key"])
    vault.workspace.write("values.csv", f"key\n{theirs['key']}\n")
    asked(vault, "values.csv").chmod(0o600)
    done(vault, "import", "theirs", "--write-config", "--values", "values.csv", "--auto-approve", "-v")
    done(vault, "state", "mv", "two", "second", "--auto-approve")
    done(vault, "state", "rm", "theirs", "--auto-approve")
    vault.configure(budget=7, count=4)
    config = vault.workspace.path / "vkstate.yaml"
    config.write_text(config.read_text().replace("  two:", "  second:"))
    for command in REFUSED:
        assert vault.run(*command).code not in (ExitCode.OK, ExitCode.PARTIAL), command
    look(vault)
    done(vault, "destroy", "--auto-approve", "-v")
    done(vault, "plan")


def look(vault: Vault, but: tuple[str, ...] = ("nothing",)) -> None:
    for command in LOOKING:
        if not " ".join(command).startswith(but):
            done(vault, *command)
    for command in (("check",), ("check", "--json")):
        ran = vault.run(*command)
        assert ran.code in (ExitCode.OK, ExitCode.ERROR), ran
        assert "does not serve (sensitive)" in ran.stdout, ran


def done(vault: Vault, *arguments: str) -> None:
    ran = vault.run(*arguments)
    assert ran.code == 0, (arguments, ran)


def asked(vault: Vault, name: str) -> Path:
    """A file that is asked to hold key values."""
    path = vault.workspace.path / name
    vault.asked_for.add(path)
    return path


def drift(vault: Vault) -> None:
    """Somebody changes what is sensitive on the proxy."""
    tokens = vault.workspace.tokens
    mark = vault.proxy.info(tokens["one"])["metadata"]["vkstate"]
    changed = {"user_id": CHANGED, "metadata": {"vkstate": mark, "password": CHANGED, "logging": [{"x": CHANGED}]}}
    assert vault.proxy.update(tokens["one"], **changed).status_code == 200
    assert vault.proxy.update(tokens["two"], models=[CHANGED], config={"token": CHANGED}).status_code == 200


@pytest.mark.parametrize("source", SOURCES)
def test_programs_that_are_started(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No argument of a child is a secret. Its environment holds no more than ours, and git's not even what is secret
    there.
    """
    real = shutil.which("git")
    assert real
    with opened(tmp_path, monkeypatch, source) as vault:
        script(tmp_path / "elsewhere" / "git", f'exec {real} "$@"')
        vault.workspace.run_forked("init")
        for command in (("plan",), ("apply", "--auto-approve"), ("show",), ("destroy", "--auto-approve")):
            ran = vault.workspace.run_forked(*command)
            assert ran.code == 0, ran
            vault.values |= set(vault.workspace.stored.values())
        children = re.split(r"^--- ", (tmp_path / "elsewhere" / "children").read_text(), flags=re.MULTILINE)[1:]
    names = {child.partition("\n")[0] for child in children}
    assert names == {"git", *({"command": ["master-key"], "kubernetes": ["kubectl"]}.get(source, []))}
    for child in children:
        known = set() if child.startswith("git\n") else set(ENVIRON.values())
        assert set(found_in(child, {MASTER_KEY, *SENSITIVE, *vault.values})) <= known, child


def test_every_file_with_a_value_is_private_from_its_first_byte(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the unfinished versions of it, which a crash would leave behind."""
    opened_with: dict[str, int] = {}
    real = os.open

    def watched(path: str | Path, flags: int, mode: int = 0o777, **more: int) -> int:
        if flags & os.O_CREAT:
            opened_with[Path(path).name] = mode
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", watched)
    done(vault, "apply", "--auto-approve", "--secrets-out", str(asked(vault, "new.json")))
    done(vault, "output", "--out", str(asked(vault, "handout.csv")), "--format", "csv")
    made = {re.sub(r"\.[0-9a-f]{16}\.tmp$", "", name): mode for name, mode in opened_with.items()}
    assert {name: mode for name, mode in made.items() if name in (".keys.json", ".new.json", ".handout.csv")} == {
        ".keys.json": 0o600,
        ".new.json": 0o600,
        ".handout.csv": 0o600,
    }
    vault.check()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666, 0o604])
def test_a_store_that_others_could_read_is_closed(vault: Vault, mode: int) -> None:
    done(vault, "apply", "--auto-approve")
    store = vault.workspace.path / STORE
    store.chmod(mode)
    ran = vault.run("plan")
    assert (ran.code, stat.S_IMODE(store.stat().st_mode)) == (0, 0o600)
    assert f"could be read by others (mode {mode:04o})" in ran.stderr
    vault.check()


def test_the_handout_is_the_one_door(vault: Vault) -> None:
    """Key values come out where they are asked for, and there alone."""
    done(vault, "apply", "--auto-approve")
    for way in (("--json",), ("--format", "csv"), ("--format", "env"), ()):
        ran = vault.workspace.ok("output", "--reveal", *way)
        assert set(found_in(ran.stdout, vault.secrets)) == vault.values, way
        assert found_in(ran.stderr, vault.secrets) == [], way
    vault.check()
