"""The calls in vkstate's source that touch disk, lock, network or another process, found by reading it."""

from __future__ import annotations

import ast
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path, PurePath
from typing import Final

import filelock
import requests
import urllib3.response

QUIET_MODULES: Final = frozenset(
    {
        *("__future__", "abc", "collections", "concurrent", "contextlib", "dataclasses", "datetime", "decimal"),
        *("email", "enum", "errno", "functools", "hashlib", "io", "ipaddress", "itertools", "json", "math", "random"),
        *("re", "shlex", "ssl", "stat", "types", "typing", "urllib", "pydantic", "vkstate"),
    }
)
"""Imports that touch nothing outside, or are vkstate's own. A call through any other import is of interest."""

_REQUESTS: Final = frozenset({"get", "options", "head", "post", "put", "patch", "delete"})
"""Methods of a session whose names others have, too: told apart by what they are called on."""
_OTHERS: Final = frozenset({"read", "write"})
"""Methods of files whose names ours have, too: ``vkstate.state`` opens no Python file, see ``open``."""


def _public(kind: type, without: type = object) -> set[str]:
    return {name for name in set(dir(kind)) - set(dir(without)) if not name.startswith("_")}


_METHODS: Final = {
    **dict.fromkeys(_public(FileIO) - _OTHERS, "file"),
    **dict.fromkeys(_public(urllib3.response.HTTPResponse) - _public(FileIO) - _public(dict), "HTTPResponse"),
    **dict.fromkeys(_public(socket.socket), "socket"),
    **dict.fromkeys(_public(requests.Session) - _public(dict) - _REQUESTS, "Session"),
    **dict.fromkeys(_public(filelock.BaseFileLock), "FileLock"),
    **dict.fromkeys(_public(Path, PurePath), "Path"),
}
"""Whose method a call of this name most likely is."""


@dataclass(frozen=True)
class Site:
    """A call in the source: what is called, and in which function, named as ``co_qualname`` does."""

    module: str
    where: str
    name: str


@dataclass
class _Reader(ast.NodeVisitor):
    module: str
    found: list[Site] = field(default_factory=list)
    _imports: dict[str, str] = field(default_factory=dict)
    _scopes: list[str] = field(default_factory=list)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            first = alias.name.split(".")[0]
            self._note(alias.asname or first, alias.name if alias.asname else first)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._note(alias.asname or alias.name, f"{node.module}.{alias.name}")

    def _note(self, name: str, meaning: str) -> None:
        if meaning.split(".")[0] not in QUIET_MODULES:
            self._imports[name] = meaning

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within(node.name, node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._within(node.name, node, inner="<locals>")

    def _within(self, name: str, node: ast.AST, inner: str = "") -> None:
        before = self._scopes
        self._scopes = [*before, name, *([inner] if inner else [])]
        for child in ast.iter_child_nodes(node):
            self.visit(child)
        self._scopes = before

    def visit_Call(self, node: ast.Call) -> None:
        if name := self._touching(node):
            scopes = self._scopes[:-1] if self._scopes and self._scopes[-1] == "<locals>" else self._scopes
            self.found.append(Site(self.module, ".".join(scopes), name))
        self.generic_visit(node)

    def _touching(self, node: ast.Call) -> str | None:
        match node.func:
            case ast.Name(id="open" | "exec" | "eval" | "__import__" as name):
                return name
            case ast.Name(id=name):
                return self._imports.get(name)
            case ast.Attribute(attr=attribute, value=value):
                words = ast.unparse(node.func)
                root = words.split(".")[0]
                if root in self._imports and "(" not in words:
                    return words.replace(root, self._imports[root], 1)
                if attribute == "replace" and not (len(node.args) == 1 and not node.keywords):
                    return None  # of a text, or of an instant
                if attribute in _REQUESTS:
                    return f"Session.{attribute}" if "session" in ast.unparse(value).lower() else None
                owner = _METHODS.get(attribute)
                return f"{owner}.{attribute}" if owner else None
            case _:
                return None


def sites_in(source: str, module: str) -> list[Site]:
    """The sites of one module, in order."""
    reader = _Reader(module)
    reader.visit(ast.parse(source))
    return reader.found


def sites_below(package: Path) -> Iterator[Site]:
    """The sites of every module of a package."""
    for path in sorted(package.rglob("*.py")):
        yield from sites_in(path.read_text(encoding="utf-8"), path.stem)
