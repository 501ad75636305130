"""What holds for every page: links lead somewhere, and no address is made up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, pages

_LINK: Final = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_HOST: Final = re.compile(r"https?://([A-Za-z0-9.-]+)")
_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)

every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made of the headings everywhere."""
    titles = (found[1].replace("`", "").lower() for found in _HEADING.finditer(prose(page)))
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles}


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for found in _LINK.finditer(prose(page)):
        path, _, anchor = found[1].partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            broken.append(found[1])
    assert broken == []


@every_page
def test_addresses_are_examples_or_of_this_machine(page: Path) -> None:
    hosts = set(_HOST.findall(page.read_text(encoding="utf-8")))
    assert {host for host in hosts if not host.endswith("example.com") and host != "127.0.0.1"} == set()


@every_page
def test_fences_are_closed_and_lines_end_cleanly(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert sum(line.lstrip().startswith("```") for line in text.splitlines()) % 2 == 0


def test_every_page_of_the_docs_is_reached_from_the_readme() -> None:
    linked = {found[1].partition("#")[0] for found in _LINK.finditer(prose(ROOT / "README.md"))}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - linked == set()


def test_every_example_is_in_the_list_of_examples() -> None:
    linked = {found[1] for found in _LINK.finditer(prose(ROOT / "examples" / "README.md"))}
    there = {f"{place.name}/README.md" for place in (ROOT / "examples").iterdir() if place.is_dir()}
    assert linked == there
