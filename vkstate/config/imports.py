"""``import``: keys that exist on the proxy already and become this project's with the next apply."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from vkstate.config.entries import entries_of, is_discreet, is_glob
from vkstate.config.expand import Expansion
from vkstate.config.places import Located, Problems, did_you_mean
from vkstate.config.tree import Node, as_written
from vkstate.keys import Alias
from vkstate.targets import matches


def read_imports(node: Node | None, problems: Problems) -> dict[str, Node]:
    """What ``import`` names, in order, each text once; what is no name, or there twice, is a problem."""
    found: dict[str, Node] = {}
    for item in entries_of(node, problems, each="alias or glob"):
        name = as_written(item)
        if name.broken:
            continue
        if not isinstance(name.value, str) or not name.value:
            problems.add(name.where, "must be the alias of a key, or a glob")
        elif first := found.get(name.value):
            problems.add(name.where, f"is here a second time; the first is in line {first.where.line}")
        else:
            found[name.value] = name
    return found


def import_targets(asked: Mapping[str, Node], expansion: Expansion) -> tuple[str, ...]:
    """What is to be imported, as targets; one that names no declared key is a problem, and a glob a warning."""
    if expansion.complete:
        for text, node in asked.items():
            if not _names_a_key(text, expansion):
                _say_nameless(text, node, expansion)
    return tuple(asked)


def _names_a_key(target: str, expansion: Expansion) -> bool:
    return target in expansion.claims or any(
        matches(target, Alias(alias), claim.member) for alias, claim in expansion.claims.items()
    )


def _say_nameless(target: str, node: Node, expansion: Expansion) -> None:
    if is_glob(target):
        expansion.warnings.append(str(Located(node.where, "matches none of the keys that are declared here")))
        return
    discreet = is_discreet(node)
    name, argument = ("a key", "ALIAS") if discreet else (repr(target), shlex.quote(target))
    remedy = f": declare it under keys, or take it out here and run: vkstate import {argument} --write-config"
    guess = "" if discreet else did_you_mean(target, expansion.claims)
    expansion.problems.add(node.where, f"names {name}, which is declared nowhere{guess or remedy}")
