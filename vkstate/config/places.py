"""Where something stands in a file, and the errors that name such places."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from vkstate.errors import VkstateError

_KEY_SHAPE: Final = re.compile(r"(?:(?<![A-Za-z0-9_-])|(?<=:-))sk-[A-Za-z0-9_-]{20,}")
_ANY_KEY: Final = re.compile(r"sk-[A-Za-z0-9_-]+")
_PLAIN_NAME: Final = re.compile(r"[^\s'\"\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Where:
    """A place: a file as it was named, a line and a column counted from 1, and the dotted path of the field."""

    file: str
    line: int | None = None
    column: int | None = None
    path: str = ""

    def __str__(self) -> str:
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number is not None)])

    @property
    def order(self) -> tuple[str, int, int]:
        """A sort key within and across files; what concerns a whole file comes first."""
        return (self.file, self.line or 0, self.column or 0)

    def below(self, name: str | int) -> Where:
        """The place of a field that is not there: that of what should hold it, under the field's own path."""
        return Where(self.file, self.line, self.column, child_path(self.path, name))


@dataclass(frozen=True, slots=True)
class Located:
    """One problem of a config: its place, and a sentence that says what is wrong and what would be right."""

    where: Where
    sentence: str

    def __str__(self) -> str:
        path = f"{self.where.path}: " if self.where.path else ""
        return f"{self.where}: {path}{self.sentence}"


class ConfigError(VkstateError):
    """The config cannot be used. ``problems`` holds every reason that was found, sorted by place."""

    summary: ClassVar[str] = "the config is not valid"

    def __init__(self, problems: Iterable[Located], *, hint: str) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), hint=hint)


class ConfigMissing(ConfigError):
    """There is no file to read."""

    summary: ClassVar[str] = "the config cannot be read"


class Problems:
    """Collects the problems of one run, so that all of them are reported together."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[tuple[str, int, int], str], Located] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, where: Where, sentence: str) -> None:
        """Note a problem, once per place and sentence (an anchor's content is read again at each of its aliases)."""
        self._found.setdefault((where.order, sentence), Located(where, sentence))

    def raise_if_any(self, *, hint: str | None = None) -> None:
        """End the run if there is any problem.

        :raises ConfigError: with all problems, those of the config itself before those of other files, by place.
        """
        if self._found:
            by_place = sorted(self._found.values(), key=lambda one: (one.where.file != self.file, *one.where.order))
            raise ConfigError(by_place, hint=hint or f"correct {self._files()}, then run: vkstate validate")

    def _files(self) -> str:
        return " and ".join(sorted({one.where.file for one in self._found.values()}))


def looks_like_key(text: str) -> bool:
    """Whether a text holds what looks like a key value: ``sk-`` and 20 or more of its characters."""
    return _KEY_SHAPE.search(text) is not None


def redacted(text: str) -> str:
    """A text of somebody else's making, without anything in it that begins as a key value does."""
    return _ANY_KEY.sub("sk-…", text)


def child_path(path: str, name: str | int) -> str:
    """The dotted path of a field or an item below another."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    shown = "sk-…" if looks_like_key(name) and path != "keys" else name
    shown = shown if _PLAIN_NAME.fullmatch(shown) else repr(shown)
    return f"{path}.{shown}" if path else shown


def similar(name: str, options: Iterable[str]) -> str | None:
    """The option that was most probably meant by a misspelt name, if any is near enough."""
    known = {option.casefold(): option for option in sorted(options, reverse=True)}
    near = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.6)
    return known[near[0]] if near else None


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """The end of a sentence about a misspelt name: a question with the likely name, or nothing."""
    near = similar(name, options)
    return f"; did you mean {near}?" if near else ""


def listed(names: Iterable[str], last: str = "or") -> str:
    """Names as a sentence gives them: ``a, b or c``."""
    *rest, end = names
    return f"{', '.join(rest)} {last} {end}" if rest else end
