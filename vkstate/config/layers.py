"""What one mapping declares of a key, by flat path, and how an inner mapping overrides an outer one.

The order is: built-in defaults, ``defaults``, the workshop or key, the roster's columns, ``overrides``. An attribute is
overridden as a whole; of ``metadata``, ``object_permission``, ``extra`` and ``lifecycle`` each name is on its own.
``duration`` and ``expires_at`` replace each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from vkstate.attributes import ALWAYS_SENSITIVE, ATTRIBUTES, EXPIRY_PATHS, Home, Json, Kind, Sensitive, Value
from vkstate.canonical import flatten
from vkstate.config.places import Problems, Where
from vkstate.config.schema.attributes import KeyAttributes, Lifecycle
from vkstate.config.sentences import validated
from vkstate.config.tree import Node
from vkstate.keys import OnMissing

_NO_MODELS: Final = (
    "is missing: name the models that the key may use, here or in defaults, or write [all-proxy-models] where all are "
    "meant"
)
_NAME_FROM_OUTSIDE: Final = (
    "a name within an attribute cannot come from the environment, as names are shown and stored: write it out, or use "
    "${var.name} with a variable that does not come from there"
)
_FOLDED: Final = frozenset(name for name, attribute in ATTRIBUTES.items() if attribute.home is Home.METADATA)


@dataclass(frozen=True)
class Life:
    """What a mapping says of the lifecycle; None where it says nothing."""

    prevent_destroy: bool | None = None
    ignore_changes: frozenset[str] | None = None
    on_missing: OnMissing | None = None

    def over(self, outer: Life) -> Life:
        """This lifecycle laid over an outer one."""
        return Life(
            outer.prevent_destroy if self.prevent_destroy is None else self.prevent_destroy,
            outer.ignore_changes if self.ignore_changes is None else self.ignore_changes,
            self.on_missing or outer.on_missing,
        )


_UNSAID: Final = Life()


@dataclass(frozen=True)
class Layer:
    """Declared values by flat path, canonical, each with its place; and the lifecycle."""

    values: Mapping[str, Value]
    places: Mapping[str, Where] = field(default_factory=dict)
    life: Life = _UNSAID

    def over(self, outer: Layer) -> Layer:
        """This layer laid over an outer one."""
        values, places = dict(outer.values), dict(outer.places)
        if not EXPIRY_PATHS.isdisjoint(self.values):
            for path in EXPIRY_PATHS:
                values.pop(path, None)
        return Layer({**values, **self.values}, {**places, **self.places}, self.life.over(outer.life))


NOTHING: Final = Layer({})


def layer_of(model: KeyAttributes, node: Node, problems: Problems, life: Life = _UNSAID) -> Layer:
    """What a validated mapping declares.

    :param life: what it says under ``lifecycle``, which is validated on its own.
    """
    written = model.model_dump(include={*ATTRIBUTES, *EXPIRY_PATHS}, exclude_unset=True)
    if written.keys() >= EXPIRY_PATHS:
        later = max(EXPIRY_PATHS, key=lambda path: (node.children[path].where.order, path))
        problems.add(node.children[later].where, "duration and expires_at both say when the key ends: keep one of them")
    values: dict[str, Value] = {}
    places: dict[str, Where] = {}
    for name, value in written.items():
        for where in _secret_names(node.children[name]):
            problems.add(where, _NAME_FROM_OUTSIDE)
        for path, inner, at in _flat(name, value, node.children[name]):
            secret = path in ALWAYS_SENSITIVE or (at.tainted and path not in EXPIRY_PATHS)
            values[path] = Sensitive(inner) if secret else inner
            places[path] = at.where
    return Layer(values, places, life)


def life_of(node: Node | None, problems: Problems) -> Life:
    """What a ``lifecycle`` says; nothing where there is none, or where it is not valid: then the problems say why."""
    model = validated(Lifecycle, node, problems) if node and not node.broken else None
    if model is None:
        return _UNSAID
    said = model.model_fields_set
    return Life(
        model.prevent_destroy if "prevent_destroy" in said else None,
        frozenset(model.ignore_changes or ()) if "ignore_changes" in said else None,
        OnMissing(model.on_missing) if "on_missing" in said else None,
    )


def _secret_names(node: Node) -> Iterator[Where]:
    """The places of names, at any depth, that came from the environment."""
    for child in node.children.values():
        if child.secret_name:
            yield child.where
        yield from _secret_names(child)


def _flat(name: str, value: Json, node: Node) -> Iterator[tuple[str, Json, Node]]:
    attribute = ATTRIBUTES.get(name)
    if attribute is not None and attribute.kind is Kind.OPEN:
        for path, inner in flatten(name, value).items():
            yield path, inner, node.children[path.partition(".")[2]]
    else:
        yield name, flatten(name, value)[name], node


def check(layer: Layer, where: Where, problems: Problems) -> bool:
    """Whether all that is declared of one key goes together; where it does not, the problems say why.

    :param where: the place of the key or workshop, for what is missing.
    """
    before = len(problems)
    for path, sentence in _contradictions(layer):
        problems.add(layer.places.get(path) or where.below(path), sentence)
    return len(problems) == before


def _contradictions(layer: Layer) -> Iterator[tuple[str, str]]:
    values = layer.values
    if "models" not in values:
        yield "models", _NO_MODELS
    rotates, interval = _plain(values.get("auto_rotate")), _plain(values.get("rotation_interval"))
    if rotates and not interval:
        yield "auto_rotate", "needs a rotation_interval beside it: LiteLLM drops one without the other"
    if interval and not rotates:
        yield "rotation_interval", "needs auto_rotate: true beside it: LiteLLM drops one without the other"
    if _plain(values.get("key_type")) not in (None, "default") and _plain(values.get("allowed_routes")):
        yield "allowed_routes", "cannot stand beside key_type, which sets the routes itself: keep one of them"
    if _plain(values.get("soft_budget")) is not None and _plain(values.get("budget_id")) is not None:
        yield "soft_budget", "cannot stand beside budget_id: LiteLLM makes a budget for it in place of that one"
    for name in sorted(_FOLDED):
        if name in values and f"metadata.{name}" in values:
            yield f"metadata.{name}", f"is declared twice: LiteLLM keeps {name} under metadata too; keep one of them"


def _plain(value: Value) -> Value:
    return value.value if isinstance(value, Sensitive) else value
