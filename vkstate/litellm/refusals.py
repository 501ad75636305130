"""Why LiteLLM does not make or change one key, in words that name the attribute and the next step.

Its own words often do neither: a field that needs a licence may go unnamed (1.72), and what its database refuses is a
bare ``Internal Server Error.`` (``/key/generate``, 1.72 to 1.105).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Final

from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.keys import Alias
from vkstate.litellm.convert import ENTERPRISE
from vkstate.litellm.faults import Fault

_THINGS: Final = {
    "team_id": "team",
    "organization_id": "organization",
    "project_id": "project",
    "budget_id": "budget",
    "end_user_budget_id": "budget",
}
"""Attributes that name something else, which must exist."""


def explained(error: VkstateError, fault: Fault, alias: Alias, body: Mapping[str, Json]) -> VkstateError:
    """The error of a write, with the attribute that it is about and what to do, as far as that can be told.

    :param body: what was sent.
    """
    if fault.enterprise:
        return _licence(error, fault, alias, body)
    if fault.reference:
        return type(error)(error.detail, hint=_correct(fault.reference, alias))
    if fault.beyond_team:
        detail = f"{error.detail} LiteLLM moves a key into a team only where the team has all models that the key has."
        hint = f"give the team these models in LiteLLM, or give {alias} a new key value: --replace {quote(alias)}"
        return type(error)(detail, hint=hint)
    if fault.bare and (likely := list(_likely(body))):
        names = " or ".join(name for name, _ in likely)
        reasons = "; ".join(reason for _, reason in likely)
        detail = f"{error.detail} It says no more than that where its database refuses a key; most likely {reasons}."
        return type(error)(detail, hint=f"correct {names} of {alias}")
    return error


def unknown(attribute: str, alias: Alias) -> tuple[str, str]:
    """Detail and hint for a key that names something which does not exist on the proxy."""
    return (
        f"The {_THINGS[attribute]} that {attribute} of {alias} names does not exist on the proxy.",
        _correct(attribute, alias),
    )


def _correct(attribute: str, alias: Alias) -> str:
    return f"create the {_THINGS[attribute]} in LiteLLM first, or correct {attribute} of {alias}"


def _licence(error: VkstateError, fault: Fault, alias: Alias, body: Mapping[str, Json]) -> VkstateError:
    asked = [name for name in ENTERPRISE if body.get(name)]
    if "model access group" in fault.message:
        asked = ["models"]
    named = [name for name in asked if name in fault.message] or asked
    if not named:
        return type(error)(f"{error.detail} That needs a LiteLLM Enterprise licence.", hint=error.hint)
    names = " and ".join(named)
    needs = "needs" if len(named) == 1 else "need"
    hint = f"remove {names} from {alias}" + (", or put mere labels under its metadata" if "tags" in named else "")
    if named == ["models"]:
        hint = f"name the models of the access group one by one in models of {alias}"
    return type(error)(f"{error.detail} {names} {needs} a LiteLLM Enterprise licence.", hint=hint)


def _likely(body: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Which attributes of a create are known to make a database refuse it, and why."""
    if body.get("budget_id"):
        yield "budget_id", "the budget that budget_id names does not exist"
    permissions = body.get("permissions")
    if isinstance(permissions, dict) and "get_spend_routes" in permissions:
        yield "permissions", "permissions.get_spend_routes needs a LiteLLM Enterprise licence"
    for name, value in body.items():
        if name != "key" and _holds_nul(value):
            yield name, f"{name} holds a NUL character"


def _holds_nul(value: Json) -> bool:
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(_holds_nul, value))
        case dict():
            return any(_holds_nul(name) or _holds_nul(item) for name, item in value.items())
        case _:
            return False
