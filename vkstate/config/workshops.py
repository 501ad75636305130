"""A workshop's members as desired keys.

What the members share is validated and merged once, whatever their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from vkstate.attributes import Sensitive, Value
from vkstate.config.aliases import alias_problem
from vkstate.config.expand import BUILT_IN, LIFECYCLE, Expansion
from vkstate.config.hours import ALWAYS, Hours, hours_of, opened_by_the_start, with_end
from vkstate.config.layers import NOTHING, Layer, check
from vkstate.config.people import People, Person, people_of
from vkstate.config.places import Problems, did_you_mean
from vkstate.config.schema.workshops import Override, Workshop
from vkstate.config.sentences import salvaged, validated
from vkstate.config.templates import Template, parse_template
from vkstate.config.tree import Node, with_names, without
from vkstate.keys import Member

DEFAULT_DOMAIN: Final = "example.com"
_NAMING: Final = (
    "count",
    "members",
    "roster",
    "spares",
    "user_prefix",
    "user_format",
    "alias_template",
    "user_id_template",
    "user_domain",
)
_BLOCKED: Final = "blocked"
_DEFAULT_ALIAS: Final = "{workshop}-{user}"


def add_workshop(name: str, node: Node, expansion: Expansion) -> None:
    """Add a desired key for every member of a workshop, or say what is wrong with it.

    What is valid is expanded even where something else is not, so that all problems are found in one run.
    """
    problems = expansion.problems
    node = with_names(node, "members")
    shared = without(node, "overrides")
    valid = validated(Workshop, without(shared, LIFECYCLE), problems)
    own = expansion.layer_from(valid, shared)
    overrides = _overrides(node.children.get("overrides"), expansion)
    model = valid or salvaged(without(shared, LIFECYCLE))
    hours = hours_of(model, node, problems) if node.sound else ALWAYS
    before = len(problems)
    nameable = _nameable(model, node)
    people = people_of(model, node, expansion.directory, problems, expansion.warnings) if nameable else None
    expansion.complete = expansion.complete and people is not None and len(problems) == before
    if people is None:
        return
    _check_overridden(node.children.get("overrides"), people, problems, secret=node.tainted)
    own = own and with_end(hours, node, own)
    workshop = _Workshop(name, node, model, people, own, overrides, hours, expansion)
    if templates := workshop.templates():
        workshop.add_members(*templates)
    else:
        expansion.complete = False


def _overrides(node: Node | None, expansion: Expansion) -> dict[str, Layer]:
    """What differs for single members, by name."""
    found: dict[str, Layer] = {}
    if node is None or node.broken:
        return found
    if not isinstance(node.value, dict | None):
        expansion.problems.add(node.where, "must be a mapping, with one entry for each member that differs")
    for user, child in node.named():
        if layer := expansion.layer(Override, child):
            found[user] = layer
    return found


def _check_overridden(node: Node | None, people: People, problems: Problems, *, secret: bool) -> None:
    users = {person.user for person in people.members}
    for user, child in node.named() if node else ():
        if user not in users and not child.broken:
            guess = "" if secret else did_you_mean(user, users)
            problems.add(child.where, f"there is no such member in the workshop{guess}")


def _nameable(model: Workshop, node: Node) -> bool:
    """Whether the members' names and aliases can be told: all that decides them could be read and is valid."""
    given = [(name, node.children[name]) for name in _NAMING if name in node.children]
    return not node.broken and all(
        child.sound and (child.value is None or getattr(model, name) is not None) for name, child in given
    )


@dataclass(frozen=True)
class _Workshop:
    name: str
    node: Node
    model: Workshop
    people: People
    own: Layer | None
    overrides: Mapping[str, Layer]
    hours: Hours
    expansion: Expansion

    @property
    def _has_user_id(self) -> bool:
        return "user_id" in self.model.model_fields_set

    def templates(self) -> tuple[Template, Template | None] | None:
        """How aliases and user ids are made (None where the workshop gives all of them one), if both can be."""
        before = len(self.expansion.problems)
        alias = self._template("alias_template", _DEFAULT_ALIAS)
        user_id: Template | None = None
        if not self._has_user_id:
            domain = self.model.user_domain or DEFAULT_DOMAIN
            user_id = self._template("user_id_template", f"{{user}}@{domain.replace('{', '{{').replace('}', '}}')}")
        for field, reason in self._without_effect():
            self.expansion.problems.add(
                self.node.children[field].where, f"has no effect beside {reason}: keep one of them"
            )
        if alias and not alias.names - {"workshop"}:
            where = self.node.children["alias_template"].where
            self.expansion.problems.add(where, "must hold {user}, or else all members have the same alias")
        self._check_name(alias)
        return (alias, user_id) if alias and len(self.expansion.problems) == before else None

    def _without_effect(self) -> list[tuple[str, str]]:
        found = []
        if self.model.user_id_template is not None and self._has_user_id:
            found.append(("user_id_template", "user_id"))
        if self.model.user_domain is not None and self._has_user_id:
            found.append(("user_domain", "user_id"))
        elif self.model.user_domain is not None and self.model.user_id_template is not None:
            found.append(("user_domain", "user_id_template"))
        return found

    def _template(self, field: str, default: str) -> Template | None:
        text = getattr(self.model, field)
        known = {"workshop", "user"} | self.people.placeholders
        try:
            return parse_template(default if text is None else text, known)
        except ValueError as error:
            at = self.node.children[field]
            self.expansion.problems.add(at.where, "is not a valid template" if at.tainted else str(error))
            return None

    def _check_name(self, alias: Template | None) -> None:
        """Say of the workshop, and not of each member, that its name cannot be part of an alias.

        Where ``import`` names what may be a member of it, each member's alias is judged by itself.
        """
        if alias and "workshop" in alias.names and not any(self.name in named for named in self.expansion.imported):
            secret = self.node.secret_name
            if problem := alias_problem(f"a{self.name}a", discreet=secret):
                self.expansion.problems.add(self.node.where, f"cannot be part of an alias: {problem}")

    def add_members(self, alias: Template, user_id: Template | None) -> None:
        """Claim every member's alias and add the desired keys, where all that is declared goes together."""
        problems, defaults = self.expansion.problems, self.expansion.defaults
        base = None if defaults is None or self.own is None else self.own.over(defaults.over(BUILT_IN))
        if base is not None and not check(base, self.node.where, problems):
            base = None
        for person in self.people.members:
            values = self._values(person, alias, user_id)
            if values is None:
                self.expansion.complete = False
                continue
            name = alias.fill(values)
            if person.spare and name in self.expansion.leaving:
                continue  # moved gives it to somebody
            if not self._claim(name, person):
                if person.own_place:
                    continue
                self.expansion.complete = False
                return  # what is wrong with one counted member is wrong with the rest
            if base is not None:
                derived = {} if user_id is None else {"user_id": self._user_id(user_id, values)}
                self._desire(name, person, base, derived, self.overrides.get(person.user, NOTHING))

    def _user_id(self, template: Template, values: Mapping[str, str]) -> Value:
        """A derived user id; sensitive where the template or the domain came from the environment."""
        made_by = [self.node.children.get(field) for field in ("user_id_template", "user_domain")]
        filled = template.fill(values)
        return Sensitive(filled) if any(node is not None and node.tainted for node in made_by) else filled

    def _values(self, person: Person, *templates: Template | None) -> Mapping[str, str] | None:
        """What fills the placeholders for one member, or None where a cell that is needed is empty."""
        values = {**person.cells, "workshop": self.name, "user": person.user}
        if person.number is not None:
            values["n"] = str(person.number)
        empty = sorted({name for one in templates if one for name in one.names if not values.get(name)})
        for name in empty:
            needed = f"a spare has no {{{name}}}" if person.spare else f"the cell {name} is empty"
            self.expansion.problems.add(person.where, f"{needed}, and a template of the workshop needs it")
        return None if empty else values

    def _claim(self, alias: str, person: Person) -> bool:
        secret = self.node.tainted or self.node.secret_name
        shown = "the alias made of it " if secret else f"the alias {alias!r} made of it "
        return self.expansion.claim(alias, person.where, self._member(person), discreet=secret, shown=shown)

    def _member(self, person: Person) -> Member:
        return Member(self.name, person.user, person.number)

    def _desire(self, alias: str, person: Person, base: Layer, derived: Mapping[str, Value], override: Layer) -> None:
        layer, declared = base, {**base.values, **derived}
        if override is not NOTHING or person.declared is not NOTHING:
            shared = Layer(declared, base.places, base.life)
            layer = override.over(person.declared.over(shared))
            declared = dict(layer.values)
            if not check(layer, person.where, self.expansion.problems):
                return
        hours = self.hours
        if hours.starts_at and not opened_by_the_start(base.values, person.declared, override):
            hours = replace(hours, starts_at=None)
        if hours.starts_at and _BLOCKED in (layer.life.ignore_changes or ()):
            self.expansion.problems.add(
                self.node.children["starts_at"].where,
                "has no effect beside ignore_changes: [blocked], by which the keys would stay as they were created",
            )
        self.expansion.desire(alias, declared, layer, person.where, self._member(person), person.details, hours)
