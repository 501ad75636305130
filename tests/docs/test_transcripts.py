"""What the pages show being typed gives what they show."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT, Block, blocks, pages
from tests.docs.transcripts import Answer, Step, answers, has_transcripts, normal, rewritten
from vkstate.cli.app import run

_PAGE: Final = """\
<!-- file: vkstate.yaml -->
```yaml
proxy: {url: "https://litellm.example.com"}
keys: {my-key: {models: [gpt-4]}}
```

```console
$ vkstate validate
WRONG
$ echo $?
0
$ cat vkstate.yaml | head -n 1
```
"""
_RIGHT: Final = """\
<!-- file: vkstate.yaml -->
```yaml
proxy: {url: "https://litellm.example.com"}
keys: {my-key: {models: [gpt-4]}}
```

```console
$ vkstate validate
vkstate.yaml is valid: 1 single key, 0 keys in 0 workshops.

$ echo $?
0
$ cat vkstate.yaml | head -n 1
proxy: {url: "https://litellm.example.com"}
```
"""


def _shown_in() -> list[Path]:
    return [page for page in pages() if has_transcripts(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", _shown_in(), ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_show_what_really_happens(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if "$ age-keygen " in text and shutil.which("age-keygen") is None:
        pytest.skip("age-keygen, which the page types, is not installed")
    wrong = [answer for answer in answers(text) if not answer.as_shown]
    shown = [(answer.step.command, normal(answer.step.shown)) for answer in wrong]
    assert [(answer.step.command, normal(answer.text)) for answer in wrong] == shown, "python -m tests.docs"


def _snippets() -> list[Block]:
    """The parts of configs that the pages show without running them."""
    found = (block for page in pages() for block in blocks(page.read_text(encoding="utf-8")))
    return [block for block in found if block.language == "yaml" and not block.mark]


@pytest.mark.parametrize("snippet", _snippets(), ids=lambda block: block.lines[0])
def test_parts_of_a_config_are_valid(
    snippet: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = "" if snippet.text.startswith("proxy:") else 'proxy: {url: "sandbox://"}\n'
    (tmp_path / "vkstate.yaml").write_text(proxy + snippet.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    given = ["--var", "owner=me"] if "  owner:  " in snippet.text else []
    assert run(["validate", *given]) == 0, capsys.readouterr().err


def test_a_wrong_answer_is_noticed_and_put_right() -> None:
    assert [answer.as_shown for answer in answers(_PAGE)] == [False, True, False]
    assert rewritten(_PAGE) == _RIGHT
    assert rewritten(_RIGHT) == _RIGHT


@pytest.mark.parametrize(
    ("shown", "fits"),
    [
        ("one", False),
        ("…", True),
        ("one\n…", True),
        ("…\nthree (3)", True),
        ("one\n…\nthree (3)", True),
        ("…\ntwo\n…", True),
        ("one…", False),
        ("…\nthree (4)", False),
        ("…\ntwo", False),
    ],
)
def test_lines_can_be_left_out(shown: str, *, fits: bool) -> None:
    step = Step("count", tuple(shown.split("\n")), (0, 0))
    assert Answer(step, ("one", "two", "three (3)")).as_shown == fits


def test_what_differs_from_run_to_run_is_the_same() -> None:
    one = ("sending", "a  sk-...abcd   2026-11-26T05:46:33.235Z", f'"id": "{"0" * 16}", {"a" * 64}')
    other = ("a sk-...b-_d  2026-11-26T05:46:33Z".replace("a ", "a  ", 1), f'"id": "{"1" * 16}", {"b" * 64}')
    assert normal(one) == normal(other)
