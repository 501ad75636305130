"""What a proxy is and can do, found by asking for features and never by its version string."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vkstate.attributes import ATTRIBUTES, Attribute, Json, Kind
from vkstate.errors import VkstateError
from vkstate.keys import Capabilities
from vkstate.litellm.client import Connection
from vkstate.litellm.errors import BadAnswer, NoDatabase, NotAdmin, NotLiteLLM, TlsFailed, Unreachable
from vkstate.litellm.faults import fault_of
from vkstate.litellm.transport import Answer
from vkstate.litellm.wire import ModelList, OpenApi, Version, parse

_PROBED: Final = {
    attribute.name: attribute
    for attribute in ATTRIBUTES.values()
    if attribute.updatable and attribute.name not in ("extra", "metadata")
}
"""The attributes that ``/key/update`` has a field for, in this or that version. ``metadata``, which each has, is left
out: sent with a virtual key, be it an admin's, LiteLLM reads it before anything is validated, and stumbles over a text
(401, seen on 1.80.17)."""

_GIVEN_ONCE: Final = {"soft_budget": "key", "organization_id": "auto_rotate", "project_id": "budget_limits"}
"""Attributes that ``/key/generate`` knew before ``/key/update`` did, each with a field that came together with it (of
1.72, 1.80 and 1.90)."""


@dataclass(frozen=True)
class Probed:
    """What a server can do, and whether the key that is presented may have it done; None: it cannot be told."""

    able: Capabilities
    may_change: bool | None


def probe(connection: Connection, *, writing: bool = True) -> Capabilities:
    """What ``/key/update`` of this server can do, see :func:`probe_rights`.

    :param writing: whether something is to be written: then a key that may only look is refused.
    :raises NotAdmin: the key may change none.
    """
    answer = _ask(connection)
    if writing and _only_looks(answer):
        raise _may_not_change(connection, answer)
    return _told(connection, answer).able


def probe_rights(connection: Connection) -> Probed:
    """What ``/key/update`` of this server can do, and for whom, in one request that changes nothing.

    A body in which every field has an impossible type is refused by LiteLLM's validation, before anything is looked up
    (422); the refusal names exactly the fields that this server knows, and comes to those only who may change keys.
    ``soft_budget`` is told by itself (1.105); ``auto_rotate`` came with "no expiry" (1.80), and ``budget_limits`` with
    the clearing of ``budget_duration`` (1.90). ``/routes`` does not serve: with a newer FastAPI it lists none of the
    key routes (seen on 1.80.17, 1.90.7, 1.105.0).

    Where a gateway answers in the server's place, everything counts as possible: every write is read back anyway. So it
    does to a key that may only look (a user's with the role ``proxy_admin_viewer``): LiteLLM refuses it for its role
    before it looks at the body (403, seen on 1.80.17 and 1.105.0).

    :raises VkstateError: the request was refused for another reason, or failed.
    """
    return _told(connection, _ask(connection))


def _ask(connection: Connection) -> Answer:
    return connection.exchange("POST", "/key/update", body={"key": _impossible(None)} | _IMPOSSIBLE)


def _told(connection: Connection, answer: Answer) -> Probed:
    if _only_looks(answer):
        return Probed(Capabilities(), may_change=False)
    if answer.status in (401, 403) or answer.status >= 500:
        raise connection.verdict(answer)
    known = {place[1] for place in fault_of(answer).invalid if len(place) > 1}
    if answer.status != 422 or not known:
        return Probed(Capabilities(), may_change=None)
    fixed = frozenset(name for name, mark in _GIVEN_ONCE.items() if mark in known and name not in known)
    able = Capabilities(
        clear_expiry="auto_rotate" in known,
        clear_budget_duration="budget_limits" in known,
        update_soft_budget="soft_budget" in known,
        fixed=fixed,
        unknown=frozenset(_PROBED.keys() - known - fixed | (set() if "auto_rotate" in known else {"key_type"})),
    )
    return Probed(able, may_change=True)


def _only_looks(answer: Answer) -> bool:
    return answer.status in (401, 403) and fault_of(answer).viewer


def _may_not_change(connection: Connection, answer: Answer) -> NotAdmin:
    words = connection.redaction.excerpt(fault_of(answer).message)
    return NotAdmin(
        "The key sees every key, and may change none: it is good for plans. LiteLLM said so "
        f"({answer.status}) to POST {connection.url}/key/update: {words.rstrip('.')}. No key was changed.",
        hint="give proxy.master_key the proxy's LITELLM_MASTER_KEY, or a virtual key of a proxy_admin user",
    )


def _impossible(attribute: Attribute | None) -> Json:
    """A value that no field for the attribute accepts, or none at all."""
    return "?" if attribute and attribute.kind in (Kind.OBJECT, Kind.OPEN) else {"?": "?"}


_IMPOSSIBLE: Final = {name: _impossible(attribute) for name, attribute in _PROBED.items()}


def searches_by_prefix(connection: Connection) -> bool:
    """Whether ``/key/list`` can search by a part of the alias (``substring_matching``, from 1.90 on).

    A server that knows the parameter refuses a value that is no boolean (422); an older one ignores it.
    """
    params = {"page": "1", "size": "1", "substring_matching": "?"}
    answer = connection.exchange("GET", "/key/list", params=params)
    return answer.status == 422 and ("query", "substring_matching") in fault_of(answer).invalid


def served_models(connection: Connection) -> frozenset[str]:
    """Every name that ``models`` of a key may hold on this proxy: models, entries with a wildcard (``openai/*``) and
    access groups, as ``/v1/models`` lists them to the master key (all versions).
    """
    parameters = ("return_wildcard_routes", "include_model_access_groups")
    answers = connection.each(lambda parameter: connection.get("/v1/models", {parameter: "true"}), parameters)
    return frozenset(model.id for answer in answers for model in parse(ModelList, answer, connection.url).data)


def prove_admin(connection: Connection) -> None:
    """See that the key which is presented sees every key: ``GET /user/list`` is an admin's (all versions), be it one
    who may only look, ``proxy_admin_viewer``, to whom ``/key/list`` and ``/v2/key/info`` show all (1.80.17, 1.105.0).

    An ordinary virtual key may pass ``/key/list``, with an incomplete answer.

    :raises NotAdmin: it may not.
    :raises MasterKeyRefused: the proxy does not know it.
    """
    answer = connection.exchange("GET", "/user/list", params={"page": "1", "page_size": "1"})
    if answer.status < 300:
        return
    fault = fault_of(answer)
    if answer.status in (401, 403) and fault.api and not fault.credential and not fault.no_database:
        words = connection.redaction.excerpt(fault.message)
        raise NotAdmin(
            f"GET {connection.url}/user/list: LiteLLM said ({answer.status}): {words.rstrip('.')}. The key works, but "
            "it does not see every key, so that ours would look gone.",
            hint="give proxy.master_key the proxy's LITELLM_MASTER_KEY, or a virtual key of a proxy_admin user; for a "
            "plan, one of a proxy_admin_viewer will do",
        )
    raise connection.verdict(answer)


def server_version(connection: Connection) -> str | None:
    """The version that LiteLLM tells, for people to read; None where it tells none.

    ``/health/readiness`` (1.72, 1.80), else ``/health/readiness/details`` (from 1.90 on), else ``/openapi.json``, which
    is large.
    """
    for path in ("/health/readiness", "/health/readiness/details"):
        answer = connection.exchange("GET", path, repeat=False)  # 503 where the database is away (1.72, 1.80)
        if answer.status < 300:
            try:
                version = parse(Version, answer, connection.url).litellm_version
            except (BadAnswer, NotLiteLLM):
                return None
            if version:
                return version
    answer = connection.exchange("GET", "/openapi.json")
    try:
        head = parse(OpenApi, answer, connection.url).info if answer.status < 300 else None
    except (BadAnswer, NotLiteLLM):
        return None
    return head.version if head and head.title == "LiteLLM API" else None


def is_licensed(connection: Connection) -> bool | None:
    """Whether the proxy says that it has LiteLLM's Enterprise licence; None where it does not tell.

    A licensed proxy calls itself ``Enterprise Edition`` at the head of ``/openapi.json``, unless its operator describes
    it otherwise (``DOCS_DESCRIPTION``; 1.72 to 1.105).
    """
    answer = connection.exchange("GET", "/openapi.json")
    try:
        head = parse(OpenApi, answer, connection.url).info if answer.status < 300 else None
    except (BadAnswer, NotLiteLLM):
        return None
    return head.description.startswith("Enterprise Edition") if head and head.description else None


@dataclass(frozen=True)
class Health:
    """What ``vkstate check`` tells of a proxy. None: it cannot be told. ``fault`` is the first thing that is wrong."""

    reachable: bool
    litellm: bool
    database: bool | None = None
    version: str | None = None
    clock_skew: timedelta | None = None
    """The server's clock minus ours; within about a second it is zero."""
    fault: VkstateError | None = None


def health(connection: Connection) -> Health:
    """Ask a proxy how it is, without using the master key's rights; never raises a :class:`VkstateError`."""
    try:
        answer = connection.exchange("GET", "/health/liveliness")
    except (Unreachable, TlsFailed) as error:
        return Health(reachable=False, litellm=False, fault=error)
    except VkstateError as error:
        return Health(reachable=True, litellm=False, clock_skew=connection.clock_skew, fault=error)
    if answer.status >= 500:  # whoever stands in front of a LiteLLM that is being started says so as well
        fault = connection.verdict(answer)
        return Health(reachable=True, litellm=False, clock_skew=connection.clock_skew, fault=fault)
    if answer.status != 200 or not _alive(answer.body):
        what = f"GET {connection.url}/health/liveliness answered {answer.status}, and not as LiteLLM does."
        other = NotLiteLLM(what, hint="check proxy.url in the config")
        return Health(reachable=True, litellm=False, clock_skew=connection.clock_skew, fault=other)
    database = connection.database()
    version, trouble = _version(connection)
    if database is False:
        trouble = NoDatabase(
            f"GET {connection.url}/health/readiness says that LiteLLM has no database, or has lost it.",
            hint="set DATABASE_URL for the proxy, or bring the database back",
        )
    return Health(True, True, database, version, connection.clock_skew, trouble)


def _version(connection: Connection) -> tuple[str | None, VkstateError | None]:
    try:
        return server_version(connection), None
    except VkstateError as error:
        return None, error


def _alive(body: bytes) -> bool:
    try:
        return bool(json.loads(body) == "I'm alive!")
    except (ValueError, RecursionError):
        return False
