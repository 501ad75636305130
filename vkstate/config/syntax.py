"""What a YAML parser's complaint means to the person who wrote the file."""

from __future__ import annotations

import re
from typing import Final

from ruamel.yaml.error import MarkedYAMLError

_CONFLICT: Final = re.compile(r"^(?:<{7} |>{7} |={7}\r?$)", re.MULTILINE)
_BRACE_VALUE: Final = re.compile(r"(?:^|[:\-]\s+)\{[A-Za-z_]\w*\}")

_SENTENCES: Final = (
    # (the parser's words, or their beginning; ours)
    (r"found character '(?:\\t|\t)'", "a tab stands here: YAML indents and separates with spaces only"),
    (r"found character '([@`%])'", "a text that begins with {0} is written in quotes"),
    (r"found character '(.)'", "a value cannot begin with {0}"),
    (r"mapping values are not allowed here", "a ': ' is not expected here: mind the indentation, or quote the text"),
    (r"could not find expected ':'", "a name without its ': ' stands here: a field is written as name: value"),
    (
        r"expected <block end>, but found '<(?:block mapping start|block sequence start|scalar)>'",
        "the indentation does not fit the lines above",
    ),
    (r"expected <block end>", "this does not belong here: mind the indentation and the quotes"),
    (r"expected ',' or '(.)'", "a ',' or a closing {0} is missing before this place; it opens in line {opened}"),
    (r"found unexpected end of stream", "the quote that opens here is not closed"),
    (r"found unknown escape", "a backslash in double quotes begins an escape: double it or use single quotes"),
    (r"expected escape sequence", "a backslash in double quotes begins an escape: double it or use single quotes"),
    (r"expected alphabetic or numeric character", "a text that begins with * or & is written in quotes"),
    (r"found undefined tag handle", "a text that begins with ! is written in quotes"),
    (r"sequence entries are not allowed here", "a list item is not expected here: a list begins in a line of its own"),
    (r"expected the node content", "a value is missing here"),
    (r"expected chomping or indentation indicators", "a text that begins with | or > is written in quotes"),
)
_AT_THE_OPENING: Final = re.compile(r"found unexpected end of stream|could not find expected ':'")


def conflict_marker(text: str) -> int | None:
    """The line of the first git conflict marker in a text, if there is one."""
    found = _CONFLICT.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else None


def explain(error: MarkedYAMLError, text: str) -> tuple[int, int, str]:
    """Line and column (from 1) of a syntax error, and a sentence that says what to do about it."""
    problem = error.problem or ""
    mark = error.problem_mark or error.context_mark
    if error.context_mark is not None and _AT_THE_OPENING.match(problem):
        mark = error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.splitlines()
    written = lines[line] if line < len(lines) else ""
    return line + 1, column + 1, _special(problem, written, column) or _sentence(error, problem)


def _special(problem: str, written: str, column: int) -> str | None:
    if problem.startswith("expected ',' or") and written[:column].endswith("$"):
        return (
            'within [ ] and { } an interpolation is written in quotes: "${var.name}"; one that stands for a number or '
            "a flag without them, on a line of its own, as in: max_budget: ${var.name}"
        )
    if problem.startswith("expected <block end>") and _BRACE_VALUE.search(written):
        return "a text that begins with { is written in quotes"
    return None


def _sentence(error: MarkedYAMLError, problem: str) -> str:
    opened = error.context_mark.line + 1 if error.context_mark is not None else 0
    for pattern, sentence in _SENTENCES:
        if found := re.match(pattern, problem):
            return sentence.format(*found.groups(), opened=opened)
    return "this is not YAML: mind the indentation and the quotes"
