"""From the validated sections to desired keys: one a key, one a member of each workshop, every alias once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vkstate.attributes import Value
from vkstate.config.aliases import alias_problem
from vkstate.config.hours import ALWAYS, Hours
from vkstate.config.layers import NOTHING, Layer, check, layer_of, life_of
from vkstate.config.places import Problems, Where
from vkstate.config.schema.attributes import KeyAttributes
from vkstate.config.schema.keys import Defaults, Key
from vkstate.config.sentences import validated
from vkstate.config.tree import Node, without
from vkstate.keys import Alias, DesiredKey, Member, OnMissing, natural_order

BUILT_IN: Final = Layer({"duration": "30d"})
"""What holds where nothing else is said; a key's user_id is its alias, besides."""

LIFECYCLE: Final = "lifecycle"
"""The field that is no attribute, and is validated on its own."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Where an alias is declared, be its key valid or not, and whose key it is."""

    where: Where
    member: Member | None = None


@dataclass
class Expansion:
    """Collects the desired keys of one config, and the problems on the way.

    ``imported`` are the texts that ``import`` names: aliases that stand there may have any form. ``leaving`` are those
    that ``moved`` leads away from: a spare that stands there is somebody's. ``defaults`` is None
    where they are not valid: then nothing is said of what a key lacks. ``complete`` says that every alias that was
    meant is among the claims.
    """

    directory: Path
    problems: Problems
    warnings: list[str]
    imported: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    defaults: Layer | None = NOTHING
    complete: bool = True
    claims: dict[str, Claim] = field(default_factory=dict)
    _keys: dict[str, DesiredKey] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[DesiredKey, ...]:
        """What is desired so far, in natural order."""
        return tuple(sorted(self._keys.values(), key=lambda key: natural_order(key.alias)))

    def read_defaults(self, node: Node) -> None:
        """Take ``defaults`` as what every later key and workshop starts from."""
        self.defaults = self.layer(Defaults, node)

    def add_key(self, alias: str, node: Node) -> None:
        """Add a single key of ``keys``."""
        own = self.layer(Key, node)
        if node.broken:
            self.complete = False
            return
        if not self.claim(alias, node.where, discreet=node.secret_name) or own is None or self.defaults is None:
            return
        merged = own.over(self.defaults.over(BUILT_IN.over(Layer({"user_id": alias}))))
        if check(merged, node.where, self.problems):
            self.desire(alias, merged.values, merged, node.where)

    def layer(self, model: type[KeyAttributes], node: Node) -> Layer | None:
        """What a mapping declares, or None where it is not valid or could not be read.

        What is wrong with its lifecycle keeps nothing else of it from being checked.
        """
        return self.layer_from(validated(model, without(node, LIFECYCLE), self.problems), node)

    def layer_from(self, valid: KeyAttributes | None, node: Node) -> Layer | None:
        """What a mapping declares that has been validated already, but for its lifecycle."""
        life = life_of(node.children.get(LIFECYCLE), self.problems)
        attributes = without(node, LIFECYCLE)
        return layer_of(valid, attributes, self.problems, life) if valid and attributes.sound else None

    def claim(self, alias: str, where: Where, member: Member | None = None, *, discreet: bool, shown: str = "") -> bool:
        """Whether an alias can be given to a key, and has not been given to another.

        :param discreet: the alias came from the environment, and is not repeated.
        :param shown: what precedes the sentence where the path does not name the alias.
        """
        if first := self.claims.get(alias):
            self.problems.add(
                where, f"{shown}is the alias of another key already, at {first.where} ({first.where.path})"
            )
            return False
        self.claims[alias] = Claim(where, member)
        if alias not in self.imported and (problem := alias_problem(alias, discreet=discreet)):
            self.problems.add(where, f"{shown}{problem}")
            return False
        return True

    def desire(
        self,
        alias: str,
        declared: Mapping[str, Value],
        layer: Layer,
        where: Where,
        member: Member | None = None,
        details: Mapping[str, str] | None = None,
        hours: Hours = ALWAYS,
    ) -> None:
        """Add a desired key; its alias has been claimed."""
        self._keys[alias] = DesiredKey(
            Alias(alias),
            declared,
            str(where),
            member,
            layer.life.prevent_destroy,
            layer.life.ignore_changes or frozenset(),
            details or {},
            layer.life.on_missing or OnMissing.RECREATE,
            hours.starts_at,
            hours.ends_at,
        )
