"""The scan of a project for secrets finds what it should, and passes over what git does not commit."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.reliability.canaries import Watch, found_in, leaks, would_be_committed
from tests.workspace import Workspace
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

SECRET = 'sk-canary/"+é-71f0c2d9e8'


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"Bearer {SECRET}.",
        '"sk-canary/\\"+\\u00e9-71f0c2d9e8"',
        f"https://x/?key={quote(SECRET, safe='')}&y",
        SECRET.encode().hex(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"a{SECRET}".encode()).decode(),
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
    ],
)
def test_every_spelling_is_found(text: str, before: str) -> None:
    assert found_in(before + text, [SECRET, "another"]) == [SECRET]


@pytest.mark.parametrize("text", ["", "sk-canary", "a" * 64, SECRET[:-1], base64.b64encode(b"another thing").decode()])
def test_other_texts_are_not(text: str) -> None:
    assert found_in(text, [SECRET]) == []


def test_what_git_ignores_is_not_committed(tmp_path: Path) -> None:
    texts = {".gitignore": "*.log\n", "a.txt": "a", "b.log": "b", "sub/c": "c", "sub/.gitignore": "*\n"}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sorted(path.name for path in would_be_committed(tmp_path)) == [".gitignore", "a.txt"]


def test_a_secret_in_the_tree_is_found(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text(f"x {SECRET} y")
    (tmp_path / "asked.json").write_text(SECRET)
    assert leaks(tmp_path, [SECRET], but=[tmp_path / "asked.json"]) == {"notes": 1}


def test_a_project_as_init_makes_it(workspace: Workspace) -> None:
    """Its ignored directory holds every value; what a commit takes along holds none, until somebody puts one there."""
    workspace.ok("init")
    workspace.ok("apply", "--auto-approve")
    watch = Watch(workspace.path)
    watch.check(DEFAULT_MASTER_KEY)
    assert len(watch.values) == 27
    names = {str(path.relative_to(workspace.path)) for path in would_be_committed(workspace.path)}
    assert names == {".gitignore", "vkstate.state.json", "vkstate.yaml"}
    notes = workspace.write("notes.txt", f"the key: {min(watch.values)}")
    with pytest.raises(AssertionError, match="secrets would be committed"):
        watch.check()
    notes.unlink()


def test_the_directory_ignores_itself(workspace: Workspace) -> None:
    """Also where nobody has a line for it in a .gitignore of the project."""
    workspace.ok("init")
    workspace.ok("apply", "--auto-approve")
    (workspace.path / ".gitignore").unlink()
    Watch(workspace.path).check(DEFAULT_MASTER_KEY)
