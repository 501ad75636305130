"""Names that files and Kubernetes take, made of any alias; no two of them alike."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkstate.views.formats.naming import file_name, object_name

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""As the API server checks names of Secrets, with at most 253 characters."""

aliases = st.one_of(
    st.text(min_size=1, max_size=300),
    st.from_regex(r"[A-Za-z0-9_./@-]{1,230}", fullmatch=True),
    st.from_regex(r"[ab.-]{0,3}-[0-9a-f]{8}", fullmatch=True),
)


@pytest.mark.parametrize(
    ("alias", "file", "name"),
    [
        ("ai-workshop-participant1", "ai-workshop-participant1", "ai-workshop-participant1"),
        ("a.b", "a.b", "a.b"),
        ("Team_A", "Team_A", "team-a-#"),
        ("me@example.com", "me@example.com", "me-example.com-#"),
        ("a/b", "a_b-#", "a-b-#"),
        (".hidden", "_hidden-#", "hidden-#"),
        ("..", "_.-#", "key-#"),
        ("x.retired-0a1b2c3d", "x.retired-0a1b2c3d-#", "x.retired-0a1b2c3d-#"),
    ],
)
def test_an_alias_as_a_name(alias: str, file: str, name: str) -> None:
    digits = hashlib.sha256(alias.encode()).hexdigest()[:8]
    assert (file_name(alias), object_name(alias)) == (file.replace("#", digits), name.replace("#", digits))


@given(aliases)
def test_a_file_name_stays_in_its_directory(alias: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_@][A-Za-z0-9_.@-]*", file_name(alias))
    assert len(file_name(alias) + ".env") < 255


@given(aliases)
def test_kubernetes_takes_the_name(alias: str) -> None:
    assert SUBDOMAIN.fullmatch(object_name(alias))
    assert len(object_name(alias)) <= 253


@given(st.lists(aliases, unique=True, min_size=2))
def test_no_two_aliases_share_a_name(several: list[str]) -> None:
    assert len({file_name(alias) for alias in several}) == len(several)
    assert len({object_name(alias) for alias in several}) == len(several)
