"""pydantic's errors as sentences with places: one line for each, and nothing repeated that may be a secret."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vkstate.attributes import ATTRIBUTES, EXPIRY_PATHS
from vkstate.config.places import Problems, did_you_mean, listed, looks_like_key, similar
from vkstate.config.schema.attributes import Lifecycle
from vkstate.config.schema.base import CUSTOM, Strict, fields_of
from vkstate.config.schema.document import Document
from vkstate.config.schema.proxy import MasterKeyPlace, Proxy
from vkstate.config.schema.secret_store import Secrets
from vkstate.config.schema.transitions import Safety
from vkstate.config.schema.workshops import Workshop
from vkstate.config.tree import Node

Model = TypeVar("Model", bound=Strict)

SECTIONS: Final = frozenset(fields_of(Document))
"""What may stand at the top level."""

_EXPECTED: Final = {
    "string_type": "a text",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of names and values",
    "model_type": "a mapping of names and values",
    "model_attributes_type": "a mapping of names and values",
}
_KEY_FIELDS: Final = frozenset({*ATTRIBUTES, *EXPIRY_PATHS, "lifecycle"})
_HOMES: Final = (
    ("to a workshop", Workshop),
    ("to proxy", Proxy),
    ("to proxy.master_key", MasterKeyPlace),
    ("under lifecycle", Lifecycle),
    ("under safety", Safety),
    ("under secrets", Secrets),
)
_ELSEWHERE: Final = {
    "key_alias": "the alias of a key is the name of its entry under keys",
    "alias": "the alias of a key is the name of its entry under keys; a workshop makes it by alias_template",
    "key": "vkstate makes the key value itself when it creates the key",
    "spend": "LiteLLM counts the spend; it cannot be declared",
    "user": "a key's user is its user_id; the members of a workshop are given by count, members or roster",
}
_LONGEST_SHOWN: Final = 60


def validated(model: type[Model], node: Node, problems: Problems) -> Model | None:
    """A mapping of the config as its model, or None where it is not valid: then the problems say why.

    A mapping without content (null) counts as an empty one.
    """
    value = {} if node.value is None and not node.broken else node.value
    try:
        return model.model_validate(value)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            _report(error, model, node, problems)
    return None


def salvaged(node: Node) -> Workshop:
    """What is valid in a workshop that is not, so that the rest of it can be checked in the same run."""
    value = node.value if isinstance(node.value, dict) else {}
    try:
        return Workshop.model_validate(value)
    except ValidationError as invalid:
        bad = {error["loc"][0] for error in invalid.errors(include_url=False, include_input=False)}
    return Workshop.model_validate({name: inner for name, inner in value.items() if name not in bad})


def unknown_field(name: str, known: frozenset[str], *, extra: bool = False) -> str:
    """The sentence on a field that is not known where it stands.

    :param extra: whether it stands where ``extra`` would pass on a field of LiteLLM.
    """
    if f"{name}s" in known and name in _ELSEWHERE:  # key for keys, at the top level
        return f"unknown field; did you mean {name}s?"
    if elsewhere := _elsewhere(name, known):
        return f"unknown field here: {elsewhere}"
    if near := similar(name, known):
        return f"unknown field; did you mean {near}?"
    passing = "; a field that only a newer LiteLLM has goes under extra" if extra else ""
    return f"unknown field{passing}"


def _elsewhere(name: str, known: frozenset[str]) -> str | None:
    if name in SECTIONS:
        return f"{name} stands at the top level"
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if name in _KEY_FIELDS and not known >= _KEY_FIELDS:
        return "it belongs to a key, a workshop or defaults"
    for home, model in _HOMES:
        if name in model.model_fields and not known >= set(model.model_fields):
            return f"it belongs {home}"
    return None


def _report(error: ErrorDetails, model: type[Strict], node: Node, problems: Problems) -> None:
    at, rest = _find(node, error["loc"])
    if at.broken:
        return
    if error["type"] == "missing":
        name = str(rest[-1])
        problems.add(at.where.below(name), f"is missing: {_description(_model_at(model, error['loc'][:-1]), name)}")
    elif error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])
        known = frozenset(fields_of(_model_at(model, error["loc"][:-1])))
        problems.add(at.where, unknown_field(name, known, extra="extra" in known))
    else:
        problems.add(at.where, _sentence(error, at))


def _find(node: Node, loc: tuple[str | int, ...]) -> tuple[Node, list[str | int]]:
    """The deepest node that a pydantic location names, and what of the location has no node (tags of unions)."""
    rest: list[str | int] = []
    for part in loc:
        if part in node.children:
            node = node.children[part]
        else:
            rest.append(part)
    return node, rest


def _model_at(model: type[Strict], loc: tuple[str | int, ...]) -> type[Strict]:
    """The model that describes the mapping at a location."""
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    return model


def _models_in(annotation: object) -> Iterator[type[Strict]]:
    if isinstance(annotation, type):
        if issubclass(annotation, Strict):
            yield annotation
        return
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)


def _description(model: type[BaseModel], name: str) -> str:
    text = (fields_of(model)[name].description or "").replace("\n", " ")
    return text[:1].lower() + text[1:].rstrip(".")


def _sentence(error: ErrorDetails, at: Node) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    secret = at.tainted or (isinstance(value, str) and looks_like_key(value))
    if kind == CUSTOM:
        return str(context["discreet" if secret else "sentence"])
    it_is = "" if secret else f": it is {_shown(value)}"
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, not {_described(value, secret=secret)}{_advice(kind, value, secret=secret)}"
    if kind == "greater_than_equal":
        least = context["ge"]
        return f"must not be negative{it_is}" if least == 0 else f"must be at least {least}{it_is}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}{it_is}"
    if kind == "literal_error":
        names = [name.strip("'") for name in str(context["expected"]).replace(" or ", ", ").split(", ")]
        meant = "" if secret else did_you_mean(str(value), names)
        return f"must be {listed(names)}{it_is}{meant}"
    if kind == "too_short":
        return "must not be empty"
    return f"is not valid ({error['msg'].lower()})"


def _described(value: object, *, secret: bool) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "a flag" if secret else str(value).lower()
        case int() | float():
            return "a number" if secret else f"the number {_shown(value)}"
        case str():
            return "a text" if secret else f"the text {_shown(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _advice(kind: str, value: object, *, secret: bool) -> str:
    match kind, value:
        case "string_type", bool() | int() | float():
            return ": write it in quotes"
        case "list_type", str() if value.startswith("-"):
            return ": a list item is a dash, a space and the value"
        case "list_type", str() | int() | float():
            return "" if secret else f": write [{value if isinstance(value, str) else _shown(value)}]"
        case "float_type" | "int_type", str() if value.strip().lstrip("-").replace(".", "", 1).isdigit():
            return ": write it without quotes"
        case "bool_type", str() if value.casefold() in ("true", "false"):
            return ": write it without quotes"
        case "bool_type", str() if value.casefold() in ("yes", "on", "no", "off"):
            return ": YAML 1.2 reads only true and false as flags"
        case _:
            return ""
