"""No call that touches the outside is without a point: a new one fails here until it has its name, or its reason."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import vkstate
from tests.front import fronted
from tests.reliability.calls import Site, sites_below, sites_in
from tests.reliability.points import HARMLESS, OWN, PURE, SYSTEM, Watch, methods_of
from tests.reliability.scenes import SCENES
from tests.reliability.sealed_scenes import SEALED_SCENES
from tests.reliability.test_points import Theatre
from tests.workspace import OWN_VARIABLES, Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

ROOT = Path(vkstate.__file__).parent
SITES = [*sites_below(ROOT / "state"), *sites_below(ROOT / "litellm")]

AFTER_ANOTHER_FAILURE = {
    ("DurableFile._drop", "os.close"): "a write that failed",
    ("DurableFile._drop", "Path.unlink"): "a write that failed",
    ("StateFile.rescue", "tempfile.mkdtemp"): "a state that could be saved nowhere near",
    ("StateLock.__enter__", "FileLock.release"): "a lock without its word",
    ("sweep_leftovers", "Path.unlink"): "a writer that was killed",
    ("examine", "Path.chmod"): "a directory that others may read",
    ("PlainStore._close", "Path.chmod"): "a store that others may read",
    ("_open_to_others", "Path.stat"): "the naming of an identity's file",
}
"""What no undisturbed run passes, and what comes before it."""


def test_every_call_has_a_point_or_a_reason() -> None:
    assert {site.name for site in SITES} == {*SYSTEM, *HARMLESS}
    assert not set(SYSTEM) & set(HARMLESS)


def test_every_class_that_makes_such_calls_is_watched() -> None:
    classes = {site.where.split(".")[0] for site in SITES if site.name in SYSTEM and "." in site.where}
    assert classes - {kind.__name__ for kind in OWN} == {"Git"}, "its one call is a point"
    methods = {f"{kind.__name__}.{name}" for kind in OWN for name in vars(kind)}
    assert methods >= PURE


def test_every_point_is_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A point that no run comes to would prove nothing."""
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    theatre = Theatre(tmp_path, monkeypatch.chdir)
    passed = {point.call for scene in (*SCENES, *SEALED_SCENES) for point in theatre.points(scene)}
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    passed |= {point.call for point in in_git_over_http(tmp_path / "git", monkeypatch).passed}
    known = {(site.where, site.name) for site in SITES if site.name in SYSTEM}
    assert known - {(call.where, call.name) for call in passed} == set(AFTER_ANOTHER_FAILURE)
    own = {f"{kind.__name__}.{name}" for kind in OWN for name in methods_of(kind)}
    unpassed = {
        "FileJournal.rescue",
        "StateFile.rescue",
        "StateFile.repair",
        "Connection.database",
        "Connection.__enter__",
    }
    assert own - {call.name for call in passed if not call.where} == unpassed | {"Connection.__exit__"}


def in_git_over_http(place: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """What a run passes in a git repository, against a server."""
    place.mkdir()
    monkeypatch.chdir(place)
    git = shutil.which("git")
    assert git, "git is needed to see what is asked of it"
    subprocess.run([git, "init", "-q"], check=True)
    workspace, watch = Workspace(place), Watch()
    with fronted(place.with_suffix(".sqlite")) as front:
        workspace.configure(f"proxy: {{url: '{front.url}'}}\nkeys: {{one: {{models: [gpt-4]}}}}\n")
        with watch.watching():
            workspace.ok("apply", "--auto-approve", "--secrets-out", ".vkstate/new.json")
    return watch


def test_a_new_call_is_found() -> None:
    source = """
import os, pathlib, shutil
from tempfile import mkstemp
import requests as r

class Keeper:
    def put(self, path, text):
        os.link(path, "x")
        path.with_name("y").write_text(text.replace("a", "b"))
        def inner():
            self.session.post("u")
            mkstemp()
        with open(path) as f:
            f.truncate(0)
        path.replace("z")
        r.get("u")
        shutil.rmtree(path)
        self.names.get("u")
"""
    assert sites_in(source, "keeper") == [
        Site("keeper", "Keeper.put", "os.link"),
        Site("keeper", "Keeper.put", "Path.write_text"),
        Site("keeper", "Keeper.put.<locals>.inner", "Session.post"),
        Site("keeper", "Keeper.put.<locals>.inner", "tempfile.mkstemp"),
        Site("keeper", "Keeper.put", "open"),
        Site("keeper", "Keeper.put", "file.truncate"),
        Site("keeper", "Keeper.put", "Path.replace"),
        Site("keeper", "Keeper.put", "requests.get"),
        Site("keeper", "Keeper.put", "shutil.rmtree"),
    ]
