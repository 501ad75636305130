"""LiteLLM's answers as they come over the wire (1.72 to 1.105), as far as vkstate reads them.

Strict: a known field of the wrong type is an impossible shape, and fails loudly as
:class:`~vkstate.litellm.errors.BadAnswer`. Fields that a newer LiteLLM adds are kept. What a field means is decided in
``vkstate.litellm.rows`` alone.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, RootModel, SecretStr, ValidationError

from vkstate.litellm.errors import BadAnswer
from vkstate.litellm.transport import Answer
from vkstate.litellm.verdict import not_json


def _utc_ms(instant: datetime) -> datetime:
    """In UTC, truncated to milliseconds: LiteLLM stores milliseconds, and answers a create with microseconds."""
    try:
        utc = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("it lies outside the years 1 to 9999 in UTC") from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


Instant = Annotated[datetime, AfterValidator(_utc_ms)]
"""``…:36.095000Z`` (list), ``…:36.095000+00:00`` (info, v2, update) and ``…:36.095331Z`` (generate); whole seconds may
lack the fraction."""

JsonObject = dict[str, JsonValue]
Texts = list[str]


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False)


class BudgetTable(_Wire):
    """``litellm_budget_table``: the budget row that a key is linked to."""

    soft_budget: float | None = None


class Row(_Wire):
    """A key, as ``/key/list``, ``/v2/key/info`` and ``/key/update`` answer it.

    Which fields are there differs by endpoint and version: ``model_fields_set`` tells. The token is missing in
    ``/v2/key/info`` from 1.90 on.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    token: str | None = None
    key_alias: str | None = None
    key_name: str | None = None
    spend: float | None = None
    total_spend: float | None = None
    created_at: Instant | None = None
    created_by: str | None = None
    expires: Instant | None = None
    last_active: Instant | None = None
    metadata: JsonObject | None = None
    litellm_budget_table: BudgetTable | None = None
    object_permission: JsonObject | None = None
    object_permission_id: str | None = None

    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    org_id: str | None = None
    project_id: str | None = None
    agent_id: str | None = None
    budget_id: str | None = None
    models: Texts | None = None
    access_group_ids: Texts | None = None
    allowed_routes: Texts | None = None
    allowed_cache_controls: Texts | None = None
    key_type: str | None = None
    max_budget: float | None = None
    budget_duration: str | None = None
    budget_limits: list[JsonValue] | None = None
    budget_fallbacks: JsonObject | None = None
    model_max_budget: JsonObject | None = None
    max_parallel_requests: int | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    tpd_limit: int | None = None
    blocked: bool | None = None
    auto_rotate: bool | None = None
    rotation_interval: str | None = None
    permissions: JsonObject | None = None
    aliases: JsonObject | None = None
    config: JsonObject | None = None
    router_settings: JsonObject | None = None

    @property
    def listed(self) -> bool:
        """Whether the row comes from ``/key/list``: it names the organization ``org_id`` (all versions)."""
        return "org_id" in self.model_fields_set

    @property
    def complete(self) -> bool:
        """Whether the row shows all that ``/v2/key/info`` shows. ``/key/list`` lacks ``budget_id`` on 1.72 and 1.80,
        and ``litellm_budget_table`` before 1.105."""
        if "budget_id" not in self.model_fields_set:
            return False
        return self.budget_id is None or self.litellm_budget_table is not None

    @property
    def permits_unseen(self) -> bool:
        """Whether the key has an object permission that the row does not show: only ``/key/list`` shows it on all
        versions, ``/key/info`` from 1.90 on, ``/key/update`` on 1.105, and ``/v2/key/info`` never."""
        return self.object_permission_id is not None and self.object_permission is None


class ListPage(_Wire):
    """``GET /key/list?return_full_object=true``."""

    keys: list[Row]
    total_count: int
    total_pages: int


class TokenPage(_Wire):
    """``GET /key/list`` without full objects."""

    keys: list[str]
    total_count: int
    total_pages: int


class BulkInfo(_Wire):
    """``POST /v2/key/info``; unknown keys are simply missing, the order is by spend."""

    info: list[Row]


class TeamMember(_Wire):
    """One member of a team."""

    user_id: str | None = None


class TeamRow(_Wire):
    """One team of ``/v2/team/list``."""

    team_id: str
    team_alias: str | None = None
    models: Texts | None = None
    members_with_roles: list[TeamMember] | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None


class TeamPage(_Wire):
    """``GET /v2/team/list``."""

    teams: list[TeamRow]
    total: int


class BudgetRows(RootModel[list[JsonObject]]):
    """``POST /budget/info``: those of the asked budgets that exist."""


class Generated(_Wire):
    """``POST /key/generate``: only the key value is believed, and only where the proxy made it."""

    key: SecretStr


class ModelName(_Wire):
    """One entry of ``/v1/models``."""

    id: str


class ModelList(_Wire):
    """``GET /v1/models``."""

    data: list[ModelName]


class ModelFacts(_Wire):
    """``model_info`` of one entry of ``/model/info``."""

    access_groups: Texts | None = None


class ModelEntry(_Wire):
    """One entry of ``/model/info``."""

    model_name: str
    model_info: ModelFacts | None = None


class ModelEntries(_Wire):
    """``GET /model/info``."""

    data: list[ModelEntry]


class Version(_Wire):
    """``/health/readiness`` (1.72, 1.80), ``/health/readiness/details`` (from 1.90 on)."""

    litellm_version: str | None = None


class ApiTitle(_Wire):
    """``info`` of ``/openapi.json``."""

    title: str
    version: str
    description: str | None = None


class OpenApi(_Wire):
    """``GET /openapi.json``, its head only."""

    info: ApiTitle


_Model = TypeVar("_Model", bound=BaseModel)


def parse(model: type[_Model], answer: Answer, base_url: str) -> _Model:
    """A 2xx answer in the form that its endpoint answers in.

    :raises NotLiteLLM: it is no JSON at all.
    :raises BadAnswer: it is JSON, in an impossible shape.
    """
    what = f"{answer.request.method} {base_url}{answer.request.path}"
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid" and not _is_json(answer.body):
        raise not_json(what)
    place = ".".join(str(part) for part in first["loc"]) or "the answer"
    raise BadAnswer(
        f"{what} answered {answer.status} in a shape that this vkstate does not know: {place}: {first['msg']}.",
        hint="vkstate knows LiteLLM 1.72 to 1.105; a newer vkstate may know this one. What the proxy is: vkstate check",
    )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
