"""From the validated sections to desired keys: one a key, one a member of each workshop, every alias once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vkstate.attributes import Value
from vkstate.config.aliases import alias_problem
from vkstate.config.layers import NOTHING, Layer, check, layer_of
from vkstate.config.places import Problems, Where
from vkstate.config.schema.attributes import KeyAttributes
from vkstate.config.schema.keys import Defaults, Key
from vkstate.config.sentences import validated
from vkstate.config.tree import Node
from vkstate.keys import Alias, DesiredKey, Member, natural_order

BUILT_IN: Final = Layer({"duration": "30d"})
"""What holds where nothing else is said; a key's user_id is its alias, besides."""


@dataclass
class Expansion:
    """Collects the desired keys of one config, and the problems on the way.

    ``defaults`` is None where they are not valid: then nothing is said of what a key lacks.
    """

    directory: Path
    problems: Problems
    warnings: list[str]
    defaults: Layer | None = NOTHING
    _keys: dict[str, DesiredKey] = field(default_factory=dict)
    _places: dict[str, Where] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[DesiredKey, ...]:
        """What is desired so far, in natural order."""
        return tuple(sorted(self._keys.values(), key=lambda key: natural_order(key.alias)))

    def read_defaults(self, node: Node) -> None:
        """Take ``defaults`` as what every later key and workshop starts from."""
        model = validated(Defaults, node, self.problems)
        self.defaults = layer_of(model, node, self.problems) if model and node.sound else None

    def add_key(self, alias: str, node: Node) -> None:
        """Add a single key of ``keys``."""
        own = self.layer(validated(Key, node, self.problems), node)
        if node.broken:
            return
        if not self.claim(alias, node.where, discreet=node.secret_name) or own is None or self.defaults is None:
            return
        merged = own.over(self.defaults.over(BUILT_IN.over(Layer({"user_id": alias}))))
        if check(merged, node.where, self.problems):
            self.desire(alias, merged.values, merged, node.where)

    def layer(self, model: KeyAttributes | None, node: Node) -> Layer | None:
        """What a mapping declares, or None where it is not valid or could not be read."""
        return layer_of(model, node, self.problems) if model and node.sound else None

    def claim(self, alias: str, where: Where, *, discreet: bool, shown: str = "") -> bool:
        """Whether an alias can be given to a key, and has not been given to another.

        :param discreet: the alias came from the environment, and is not repeated.
        :param shown: what precedes the sentence where the path does not name the alias.
        """
        if problem := alias_problem(alias, discreet=discreet):
            self.problems.add(where, f"{shown}{problem}")
            return False
        if first := self._places.get(alias):
            self.problems.add(where, f"{shown}is the alias of another key already, at {first} ({first.path})")
            return False
        self._places[alias] = where
        return True

    def desire(
        self,
        alias: str,
        declared: Mapping[str, Value],
        layer: Layer,
        where: Where,
        member: Member | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Add a desired key; its alias has been claimed."""
        self._keys[alias] = DesiredKey(
            Alias(alias),
            declared,
            str(where),
            member,
            layer.prevent_destroy or False,
            layer.ignore_changes or frozenset(),
            details or {},
        )
