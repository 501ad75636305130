"""Reading a config: from a file to a :class:`Config`, or to every error in it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from vkstate.config.config import Config, ProxySettings
from vkstate.config.expand import Expansion
from vkstate.config.imports import import_targets, read_imports
from vkstate.config.interpolation import Noted, Scope
from vkstate.config.master_key import variables_of
from vkstate.config.moved import moves_of, sources_of
from vkstate.config.places import ConfigError, Located, Problems, Where
from vkstate.config.proxy import MASTER_KEY_PATH, proxy_settings
from vkstate.config.raw import Raw, RawMapping, RawScalar
from vkstate.config.removed import removed_of
from vkstate.config.schema.transitions import Safety
from vkstate.config.secret_store import secrets_settings
from vkstate.config.sentences import SECTIONS, unknown_field, validated
from vkstate.config.source import parse, read_text
from vkstate.config.tree import Node, TreeBuilder
from vkstate.config.variables import resolve_variables
from vkstate.config.workshops import add_workshop
from vkstate.safety import USUAL, Limits

_NO_PROXY: Final = (
    "is missing: a config says where the proxy is, as proxy: {url: https://litellm.example.com}, or sandbox:// to try "
    "vkstate"
)


def load(path: Path, *, variables: Mapping[str, str], environ: Mapping[str, str], text: str | None = None) -> Config:
    """The config in a file, interpolated, validated and expanded to desired keys.

    The master key is not fetched, and need not be there.

    :param variables: what ``--var`` and ``--var-file`` give, the former before the latter.
    :param environ: the environment, for ``${env.X}`` and ``VKSTATE_VAR_name``.
    :param text: what the file is to hold, in place of what it holds.
    :raises ConfigError: with every problem that was found, by place.
    """
    problems = Problems(str(path))
    seen = Noted(environ)
    if text is None:
        text = read_text(path, hint="vkstate init, or name the config: --config FILE")
    raw = parse(text.removeprefix("\ufeff"), problems.file)
    if not isinstance(raw, RawMapping):
        nothing = Located(_start(raw, problems.file), _not_a_config(raw))
        raise ConfigError([nothing], hint="vkstate init, in an empty directory, writes a config to begin with")
    root = _tree(raw, variables, seen, problems)
    warnings: list[str] = []
    proxy = _proxy(root, path.parent, problems, warnings)
    asked = read_imports(root.children.get("import"), problems)
    moved = root.children.get("moved")
    expansion = Expansion(path.parent, problems, warnings, frozenset(asked), sources_of(moved))
    _expand(root, expansion)
    imports = import_targets(asked, expansion)
    moves = moves_of(moved, root.children.get("workshops"), expansion)
    removed = removed_of(root.children.get("removed"), expansion)
    limits = _limits(root.children.get("safety"), problems)
    secrets = secrets_settings(root.children.get("secrets"), problems)
    problems.raise_if_any()
    assert proxy is not None  # noqa: S101 - a section that is not valid is a problem
    return Config(
        path,
        path.parent,
        proxy,
        expansion.keys,
        tuple(warnings),
        moves,
        removed,
        imports,
        limits,
        seen.names | variables_of(proxy.master_key),
        secrets,
        _rosters(root, path.parent),
    )


def _rosters(root: Node, directory: Path) -> tuple[Path, ...]:
    """The files that the workshops name as their rosters, each once."""
    workshops = root.children.get("workshops")
    of_each = [shop.children.get("roster") for shop in workshops.children.values()] if workshops else []
    return tuple(dict.fromkeys(directory / roster.text for roster in of_each if roster and roster.text))


def _start(raw: Raw | None, file: str) -> Where:
    return Where(file, raw.line, raw.column) if raw else Where(file, 1, 1)


def written_names(
    path: Path, section: str, *, variables: Mapping[str, str], environ: Mapping[str, str], text: str
) -> Mapping[str, str]:
    """What the names in a section are written as, by what they come to: ``${var.event}`` under ``ai-workshop``.

    :param text: what the file holds: a config that can be loaded.
    """
    problems = Problems(str(path))
    raw = parse(text.removeprefix("\ufeff"), problems.file)
    if not isinstance(raw, RawMapping):
        return {}
    where = Where(problems.file)
    filled = _tree(raw, variables, environ, problems).children.get(section) or Node(None, where)
    written = TreeBuilder(problems, None).build(raw, where).children.get(section) or Node(None, where)
    by_place = {(child.where.line, child.where.column): name for name, child in written.named()}
    return {name: by_place[child.where.line, child.where.column] for name, child in filled.named()}


def _not_a_config(raw: Raw | None) -> str:
    if raw is None:
        return "the config is empty: it says at least where the proxy is (proxy: url)"
    what = "a text" if isinstance(raw, RawScalar) else "a list"
    return f"the config is {what}: it must be a mapping with proxy, and with keys or workshops"


def _tree(raw: RawMapping, given: Mapping[str, str], environ: Mapping[str, str], problems: Problems) -> Node:
    """The config's tree: the variables first, since the rest may refer to them."""
    where = Where(problems.file, raw.line, raw.column)
    first, rest = _part(raw, variables=True), _part(raw, variables=False)
    declared = TreeBuilder(problems, Scope(environ)).build(first, where).children.get("variables")
    scope = Scope(environ, resolve_variables(declared, given, environ, problems))
    root = TreeBuilder(problems, scope, frozenset({MASTER_KEY_PATH})).build(rest, where)
    for name, node in root.named():
        if name not in SECTIONS and not node.broken:
            problems.add(node.where, unknown_field(name, SECTIONS))
    return root


def _part(raw: RawMapping, *, variables: bool) -> RawMapping:
    """The top level with nothing but the variables, or without them."""

    def chosen(entries: list[tuple[Raw, Raw]]) -> list[tuple[Raw, Raw]]:
        return [entry for entry in entries if (_name(entry[0]) == "variables") is variables]

    return RawMapping(chosen(raw.entries), chosen(raw.merged), raw.tag, raw.line, raw.column)


def _name(raw: Raw) -> str | None:
    return raw.text if isinstance(raw, RawScalar) else None


def _proxy(root: Node, directory: Path, problems: Problems, warnings: list[str]) -> ProxySettings | None:
    node = root.children.get("proxy")
    if node is None:
        problems.add(root.where.below("proxy"), _NO_PROXY)
        return None
    return proxy_settings(node, directory, problems, warnings)


def _expand(root: Node, expansion: Expansion) -> None:
    if defaults := root.children.get("defaults"):
        expansion.read_defaults(defaults)
    problems = expansion.problems
    _each(root.children.get("keys"), expansion.add_key, problems)
    _each(root.children.get("workshops"), lambda name, node: add_workshop(name, node, expansion), problems)


def _limits(node: Node | None, problems: Problems) -> Limits:
    model = validated(Safety, node, problems) if node and not node.broken else None
    return Limits(model.max_delete_percent, model.min_keys) if model else USUAL


def _each(section: Node | None, add: Callable[[str, Node], None], problems: Problems) -> None:
    if section is None or section.broken:
        return
    if not isinstance(section.value, dict | None):
        problems.add(section.where, "must be a mapping, with one entry for each name")
    for name, node in section.named():
        add(name, node)
