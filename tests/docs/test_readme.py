"""The README's two commands do what they say, and its picture is that of the code."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

from tests.docs.pages import ROOT, block_under
from tests.launcher import launcher

README: Final = ROOT / "README.md"
_SET_UP: Final = ("python3 -m venv .venv", ".venv/bin/pip install --quiet .")


def test_the_sandbox_command_does_the_main_job(tmp_path: Path) -> None:
    block = block_under(README, "sandbox command")
    assert block.language == "bash"
    assert block.lines[:2] == _SET_UP
    # An installation takes long and needs a package index: this one stands in for it.
    launcher(tmp_path / ".venv" / "bin")
    (tmp_path / "new").mkdir()
    environ = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(block.lines[2:])],
        check=False,
        cwd=tmp_path,
        env={**environ, "TMPDIR": str(tmp_path / "new")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^(?:Apply|Destroy) .*$", done.stdout, re.MULTILINE) == [
        "Apply complete! 27 created, 0 updated, 0 replaced, 0 deleted.",
        "Destroy complete! 27 deleted. 0 of 27 remain.",
    ]
    assert "ai-workshop: 25 keys" in done.stdout
    assert not re.search(r"sk-[A-Za-z0-9_-]{20}", done.stdout + done.stderr)


def test_the_test_command_can_be_taken_out_of_the_page_by_ci() -> None:
    taken = subprocess.run(
        ["bash", "-c", "sed -n '/<!-- test command -->/,/```$/p' README.md | sed -e '1,/```/d' -e '/```/d'"],
        check=True,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    block = block_under(README, "test command")
    assert block.language == "bash"
    assert taken == block.text
    assert taken.splitlines() == [
        "python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[dev]'",
        ".venv/bin/pytest -q -n 3",
    ]


def test_ci_takes_the_test_command_so() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "sed -n '/<!-- test command -->/,/```$/p' README.md | sed -e '1,/```/d' -e '/```/d'" in script


def test_the_picture_shows_the_layers_that_are_enforced() -> None:
    contract, *_ = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [layer.replace("vkstate.", "") for layer in contract["layers"] if layer != "vkstate.__main__"]
    text = README.read_text(encoding="utf-8")
    shown = re.findall(
        r"^  ([a-z]+(?: \| [a-z]+)*)(?:  |$)", text[text.index("Imports run downwards only") :], re.MULTILINE
    )
    assert shown == layers
