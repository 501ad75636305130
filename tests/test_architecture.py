"""The shape of the code: imports run one way, files stay small enough to read, the core does no I/O."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "vkstate"
MOST_LINES = 400
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_imports_run_one_way(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0, capsys.readouterr().out


def test_a_file_can_be_read_in_one_sitting() -> None:
    assert [path for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES] == []


def test_a_module_says_what_it_is_for() -> None:
    assert [path for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.name == "__init__.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_importing_a_package_imports_nothing(path: Path) -> None:
    """Only so does ``vkstate --help`` start fast."""
    imports = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__")
    ]
    assert imports == []


def test_the_type_information_is_shipped() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_every_directory_of_tests_is_a_package() -> None:
    directories = {path.parent for path in TESTS}
    assert [directory for directory in directories if not (directory / "__init__.py").exists()] == []
