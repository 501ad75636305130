"""``${env.X}``, ``${env.X:-default}`` and ``${var.x}`` within texts; ``$$`` is a dollar sign.

A value that holds an ``${env.…}`` is tainted: it may be a secret, so that it is neither shown nor stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from vkstate.config.places import did_you_mean

_DOLLAR: Final = re.compile(r"\$\$|\$\{([^{}]*)(\}?)")
_ENVIRONMENT: Final = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_VARIABLE: Final = re.compile(rf"var\.({VARIABLE_NAME.pattern})")


@dataclass(frozen=True)
class EnvironmentRef:
    """``${env.NAME}``, or with a default that is used where the variable is unset or empty."""

    name: str
    default: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class VariableRef:
    """``${var.name}``."""

    name: str


Part: TypeAlias = str | EnvironmentRef | VariableRef


@dataclass(frozen=True)
class Variable:
    """A variable's text; None where it has no value, which has been reported where it is declared."""

    text: str | None = field(repr=False)
    tainted: bool = False


class Noted(Mapping[str, str]):
    """An environment that remembers which of its variables were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._names: set[str] = set()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._names)

    def __getitem__(self, name: str) -> str:
        self._names.add(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


@dataclass(frozen=True)
class Scope:
    """What references may refer to. ``variables`` is None where none may be used: among the variables themselves."""

    environ: Mapping[str, str] = field(repr=False)
    variables: Mapping[str, Variable] | None = None


@dataclass(frozen=True)
class Filled:
    """A text with its references replaced. It is ``broken`` where one of them has no value; ``problems`` say why."""

    text: str = field(repr=False)
    tainted: bool = False
    broken: bool = False
    problems: tuple[str, ...] = ()


def parts_of(text: str) -> tuple[Part, ...]:
    """A text as its literal pieces and references.

    :raises ValueError: a ``${`` that is none of the forms; with a sentence.
    """
    parts: list[Part] = []
    end = 0
    for found in _DOLLAR.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        parts.append("$" if found[0] == "$$" else _reference(found))
    parts.append(text[end:])
    return tuple(part for part in parts if part != "")


def _reference(found: re.Match[str]) -> Part:
    content = found[1]
    if not found[2]:
        name = re.match(r"(?:env|var)?[.A-Za-z0-9_-]*", content)
        raise ValueError(f"${{{name[0] if name else ''} is not closed: a }} is missing; a literal ${{ is written $${{")
    if environment := _ENVIRONMENT.fullmatch(content):
        default = environment[2]
        return EnvironmentRef(environment[1], None if default is None else default.replace("$$", "$"))
    if variable := _VARIABLE.fullmatch(content):
        return VariableRef(variable[1])
    shown = content.partition(":-")[0]
    raise ValueError(
        f"${{{shown}}} is none of ${{env.NAME}}, ${{env.NAME:-default}} and ${{var.name}}; "
        "a literal ${ is written $${"
    )


def is_literal(text: str) -> bool:
    """Whether a text says by itself what it means: it holds no reference, and nothing that was meant as one."""
    return "$" not in text or all(found[0] == "$$" for found in _DOLLAR.finditer(text))


def fill(text: str, scope: Scope) -> Filled:
    """A text with its references replaced. Nothing is raised: problems are part of the answer."""
    if "$" not in text:
        return Filled(text)
    try:
        return _fill(parts_of(text), scope)
    except ValueError as error:
        return Filled(text, broken=True, problems=(str(error),))


def _fill(parts: tuple[Part, ...], scope: Scope) -> Filled:
    pieces: list[str] = []
    problems: list[str] = []
    tainted = broken = False
    for part in parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = environment_value(part, scope) if isinstance(part, EnvironmentRef) else _variable_value(part, scope)
        if isinstance(value, str):
            problems.append(value)
            broken = True
        else:
            tainted = tainted or value.tainted
            broken = broken or value.text is None
            pieces.append(value.text or "")
    return Filled("".join(pieces), tainted, broken, tuple(problems))


def environment_value(ref: EnvironmentRef, scope: Scope) -> Variable | str:
    """What an environment reference stands for, or a sentence on why it has no value."""
    text = scope.environ.get(ref.name)
    if text is None or (text == "" and ref.default is not None):
        text = ref.default
    if text is None:
        return (
            f"the environment variable {ref.name} is not set: export it, or give a default: "
            f"${{env.{ref.name}:-default}}"
        )
    return Variable(text, tainted=True)


def _variable_value(ref: VariableRef, scope: Scope) -> Variable | str:
    if scope.variables is None:
        return f"${{var.{ref.name}}} cannot be used here: a variable may not depend on another"
    if ref.name not in scope.variables:
        wanted = did_you_mean(ref.name, scope.variables) or "; declare it under variables"
        return f"there is no variable {ref.name!r}{wanted}"
    return scope.variables[ref.name]
