"""The changelog is in the form of Keep a Changelog, and knows the version."""

from __future__ import annotations

import re
from typing import Final

from tests.docs.pages import ROOT
from vkstate import __version__

TEXT: Final = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
_KINDS: Final = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_newest_entry_is_of_this_version() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (?:Unreleased|\d{4}-\d{2}-\d{2})$", TEXT, re.MULTILINE)
    assert versions[0] == __version__
    assert versions == sorted(versions, key=lambda text: [int(part) for part in text.split(".")], reverse=True)
    assert len(versions) == len(re.findall(r"^## ", TEXT, re.MULTILINE))


def test_changes_are_of_the_known_kinds() -> None:
    assert set(re.findall(r"^### (.+)$", TEXT, re.MULTILINE)) - _KINDS == set()
