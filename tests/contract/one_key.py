"""A project with one key, what its proxy can do, and a key's way through the values of an attribute.

What a server can do is asked of it here by other means than vkstate's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.contract.attribute_cases import LICENSED, PLAIN, REFERRING, Case, Json
from tests.contract.proxies import MODEL, Proxy
from tests.workspace import Ran, Workspace


@dataclass(frozen=True)
class Abilities:
    """What a server can do, as its own answers tell."""

    created: frozenset[str]
    """The fields that ``/key/generate`` knows."""
    updated: frozenset[str]
    """The fields that ``/key/update`` knows."""
    clears_budget_duration: bool
    clears_expiry: bool

    def to_and_fro(self, name: str, value: Json) -> bool:
        """Whether a key can be given a value and another one later, be it none."""
        if name == "budget_duration" and not self.clears_budget_duration:
            return False
        if value == "never" and not self.clears_expiry:
            return False
        return name in self.updated or name not in self.created


def abilities(proxy: Proxy) -> Abilities:
    """Ask a server, with two requests that it refuses and a key that is tried on."""
    made = proxy.create("tried", budget_duration="30d", duration="1h")["token"]
    proxy.update(made, budget_duration=None)
    proxy.update(made, duration="-1")
    row = proxy.info(made)
    return Abilities(
        _fields(proxy, "/key/generate"),
        _fields(proxy, "/key/update"),
        row["budget_duration"] is None,
        row["expires"] is None,
    )


def _fields(proxy: Proxy, path: str) -> frozenset[str]:
    """The fields of a body: each is sent with a string and with an object, one of which it refuses."""
    names = [case.name for case in PLAIN] + [*REFERRING, *LICENSED, "project_id"]
    known: set[str] = set()
    for impossible in ("?", {"?": "?"}):
        response = proxy.post(path, {"key": {"?": "?"}, **dict.fromkeys(names, impossible)})
        assert response.status_code == 422, response.text
        known |= {str(item["loc"][1]) for item in response.json()["detail"] if len(item["loc"]) > 1}
    return frozenset(known)


def yaml_of(value: Json) -> str:
    """A value as the config has it: YAML's JSON, in which a dollar sign is doubled and ASCII is enough for any text."""
    match value:
        case dict():
            return "{" + ", ".join(f"{yaml_of(name)}: {yaml_of(item)}" for name, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(yaml_of, value)) + "]"
        case str():
            return f'"{"".join(map(_escaped, value))}"'
        case _:
            return json.dumps(value)


def _escaped(char: str) -> str:
    if char == "$":
        return "$$"
    return char if " " <= char <= "~" and char not in '"\\' else f"\\U{ord(char):08X}"


@dataclass(frozen=True)
class OneKey:
    """A project with one key on a proxy."""

    workspace: Workspace
    proxy: Proxy
    url: str
    able: Abilities

    @property
    def alias(self) -> str:
        return self.proxy.alias("one")

    def declare(self, attributes: Mapping[str, Json]) -> None:
        """Write the config of the one key."""
        self.declare_all({self.alias: attributes})

    def declare_all(self, keys: Mapping[str, Mapping[str, Json]]) -> None:
        """Write the config."""
        lines = [f"  {alias}: {yaml_of({'models': [MODEL], **keys[alias]})}\n" for alias in keys]
        self.workspace.configure(f"proxy: {{url: '{self.url}'}}\nkeys:\n{''.join(lines)}")

    def becomes(self, attributes: Mapping[str, Json]) -> Ran:
        """Declare, apply, and see that a second plan finds nothing to do."""
        self.declare(attributes)
        return self.workspace.apply()

    def refuses(self, attributes: Mapping[str, Json], sentence: str) -> None:
        """Declare what this server cannot do: the plan says so, and nothing is sent."""
        before = self.row
        self.declare(attributes)
        for command in (("plan",), ("apply", "--auto-approve")):
            ran = self.workspace.run(*command)
            assert ran.code == 1, ran
            assert f"error: {self.alias}: {sentence}\n" in ran.stdout, ran
        assert self.row == before

    @property
    def row(self) -> Json:
        return self.proxy.info(self.workspace.tokens[self.alias])

    def held(self, name: str) -> Json:
        """What the proxy holds, read past vkstate; None where it is nothing."""
        row = self.row
        match name:
            case "soft_budget":
                return (row["litellm_budget_table"] or {}).get("soft_budget")
            case "object_permission":
                listed = self.proxy.listed(key_hash=self.workspace.tokens[self.alias])["keys"][0]
                permission = listed["object_permission"]
                return {part: permission[part] for part in permission if part != "object_permission_id"}
            case "metadata":
                return {key: value for key, value in row["metadata"].items() if key != "vkstate"}
            case "key_type":  # LiteLLM keeps it itself from 1.105 on, and what it does from 1.80 on
                return {"llm_api_routes": "llm_api", "management_routes": "management"}.get(row["allowed_routes"][0])
            case "budget_limits":
                return [{key: window[key] for key in window if key != "reset_at"} for window in row[name] or []]
            case _:
                return row[name] if name in row else row["metadata"].get(name)


def holds(held: Json, value: Json) -> bool:
    """Whether what is held is what was asked for; the order of names in a list means nothing."""
    if isinstance(value, dict) and isinstance(held, dict):
        return all(holds(held.get(key), item) for key, item in value.items())
    if isinstance(value, list) and isinstance(held, list) and all(isinstance(item, str) for item in value):
        return sorted(value) == sorted(held)
    return bool(held == value)


def nothing(held: Json) -> bool:
    """Whether what is held is what a key has of which nothing was said."""
    if isinstance(held, dict):
        return all(map(nothing, held.values()))
    return held is None or held is False or held in ([], "", "default")


def through_its_life(key: OneKey, case: Case) -> None:
    """Set an attribute, change it, and take it out of the config; each time the next plan finds nothing to do.

    What this server cannot do is said in the plan, by name, and nothing is sent.
    """
    name = case.name
    first = {**case.beside, **case.also, name: case.first}
    second = {**case.beside, **(case.also if case.second else {}), name: case.second}
    made = key.becomes(first)
    if name not in key.able.created:
        ignored = f"warning: this LiteLLM does not know {name}, which {key.alias} would have, and ignores it.\n"
        assert ignored in made.stdout, made
        key.becomes(second)
        key.becomes(case.beside)
        return
    assert holds(key.held(name), case.first), (key.held(name), case.first)
    if name not in key.able.updated:
        sentence = _FIXED.get(
            name, f"this LiteLLM cannot change {name} on an existing key, but only give it to a new one."
        )
        key.refuses(second, sentence)
        key.refuses(case.beside, sentence)
        return
    key.becomes(second)
    assert holds(key.held(name), case.second), (key.held(name), case.second)
    if name == "budget_duration" and not key.able.clears_budget_duration:
        key.refuses(case.beside, "this LiteLLM cannot clear budget_duration on an existing key (1.90 and later can).")
    elif not case.required:
        key.becomes(case.beside)
        assert nothing(key.held(name)) or (name, key.held(name)) == ("user_id", key.alias), key.held(name)


_FIXED: Final = {
    "soft_budget": "this LiteLLM cannot change soft_budget on an existing key (1.105 can).",
    "key_type": "LiteLLM sets key_type only when a key is created, so that an existing key cannot be given another.",
}


def ends_and_does_not(key: OneKey, first: Mapping[str, Json], second: Mapping[str, Json]) -> None:
    """Give a key an end, move it, and take it away."""
    for declared in (first, second):
        key.becomes(declared)
        assert key.row["expires"] is not None
    if key.able.clears_expiry:
        key.becomes({"duration": "never"})
        assert key.row["expires"] is None
    else:
        sentence = "this LiteLLM cannot take the expiry from an existing key (1.80 and later can)."
        key.refuses({"duration": "never"}, sentence)


def passes_through(key: OneKey) -> None:
    """``extra`` is sent; where LiteLLM does not know the field, nothing comes of it, and no drift either."""
    for declared in ({"extra": {"shiny_new": {"a": 1}}}, {"extra": {"shiny_new": {"a": 2}}}, {}):
        key.becomes(declared)
    assert "shiny_new" not in key.row


def keeps_what_is_declared_by_its_other_name(key: OneKey) -> None:
    """What LiteLLM folds into ``metadata`` can be declared there as well: moved there and back it stays on the key."""
    first: Json = {"gpt-4": 7}
    other: Json = {"gpt-4": 8}
    for attributes, value in (
        ({"model_rpm_limit": first}, first),
        ({"metadata": {"model_rpm_limit": first}}, first),
        ({"model_rpm_limit": other}, other),
        ({"metadata": {"model_rpm_limit": first}}, first),
    ):
        key.becomes(attributes)
        assert key.row["metadata"]["model_rpm_limit"] == value
    key.becomes({})
    assert "model_rpm_limit" not in key.row["metadata"]
