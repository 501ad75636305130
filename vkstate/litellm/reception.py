"""How a proxy receives one of its own keys: what ``GET /v1/models`` answers to it (1.72 to 1.105)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from vkstate.keys import KeyValue
from vkstate.litellm.client import Connection
from vkstate.litellm.faults import Fault, fault_of
from vkstate.litellm.wire import ModelEntries, ModelList, parse

PATH: Final = "/v1/models"
_QUERY: Final = {"return_wildcard_routes": "true"}
"""So that a name with ``*`` is listed as it stands, beside what LiteLLM knows that it matches (from 1.80 on)."""

_TEAM_BLOCKED: Final = re.compile(r"Team=.* is blocked", re.DOTALL)


class Standing(Enum):
    """What a key is to the proxy."""

    WELCOME = auto()
    UNKNOWN = auto()
    EXPIRED = auto()
    BLOCKED = auto()
    TEAM_BLOCKED = auto()
    NO_TEAM = auto()
    """The team that it names does not exist."""
    SPENT = auto()
    """A budget is used up: its own, or that of its user or team."""
    BARRED = auto()
    """Its routes do not include this one, which says nothing of the others."""
    REFUSED = auto()
    """For another reason, which ``words`` tell."""


@dataclass(frozen=True)
class Reception:
    """``models`` are the names that the proxy lists to a welcome key; ``words`` are LiteLLM's own, fit to be shown."""

    standing: Standing
    models: frozenset[str] = frozenset()
    words: str = ""


def listed_models(connection: Connection) -> frozenset[str]:
    """The names that the proxy lists to the master key, in the way in which :func:`receive` asks.

    :raises VkstateError: the proxy cannot be asked, told apart by cause (see ``vkstate.litellm.errors``).
    """
    return frozenset(model.id for model in parse(ModelList, connection.get(PATH, _QUERY), connection.url).data)


def access_groups(connection: Connection) -> Mapping[str, frozenset[str]]:
    """The models of each access group (``/model/info``, 1.72 to 1.105), which LiteLLM lists in its place to a key that
    names it.

    :raises VkstateError: the proxy cannot be asked, told apart by cause (see ``vkstate.litellm.errors``).
    """
    members: defaultdict[str, set[str]] = defaultdict(set)
    for entry in parse(ModelEntries, connection.get("/model/info"), connection.url).data:
        for group in (entry.model_info and entry.model_info.access_groups) or ():
            members[group].add(entry.model_name)
    return {group: frozenset(models) for group, models in members.items()}


def receive(connection: Connection, value: KeyValue) -> Reception:
    """How the proxy receives a key. Its value is sent as the bearer token, and shown nowhere.

    :raises VkstateError: the proxy cannot be asked, or has no database: then it knows no key.
    """
    answer = connection.exchange("GET", PATH, params=_QUERY, bearer=value.reveal())
    if answer.status < 300:
        return Reception(
            Standing.WELCOME, frozenset(model.id for model in parse(ModelList, answer, connection.url).data)
        )
    fault = fault_of(answer)
    secrets = (value.reveal(), value.token)
    standing = _standing(fault)
    unclear = standing in (Standing.UNKNOWN, Standing.REFUSED)
    if answer.status >= 500 or not fault.api or fault.no_database or (unclear and connection.database() is False):
        raise connection.verdict(answer, secrets)
    return Reception(standing, words=connection.redaction.excerpt(fault.message, secrets))


def _standing(fault: Fault) -> Standing:
    by_type = {
        "token_not_found_in_db": Standing.UNKNOWN,
        "expired_key": Standing.EXPIRED,
    }
    if fault.type in by_type:
        return by_type[fault.type]
    if fault.spent:
        return Standing.SPENT
    if "Key is blocked" in fault.message:
        return Standing.BLOCKED
    if _TEAM_BLOCKED.search(fault.message):
        return Standing.TEAM_BLOCKED
    if fault.reference == "team_id":
        return Standing.NO_TEAM
    if "not allowed to call this route" in fault.message:
        return Standing.BARRED
    return Standing.REFUSED
