"""The fields of LiteLLM's key requests, by release.

Source: ``GenerateKeyRequest`` and ``UpdateKeyRequest`` in ``litellm/proxy/_types.py`` of each release, and what that
file says is folded into ``metadata`` (``LiteLLM_ManagementEndpoint_MetadataFields`` and ``…_Premium``).
"""

from __future__ import annotations

from typing import Final

# fmt: off
CREATED: Final = {
    "1.72.9": (
        "aliases", "allowed_cache_controls", "allowed_routes", "blocked", "budget_duration", "budget_id", "config",
        "duration", "enforced_params", "guardrails", "key", "key_alias", "max_budget", "max_parallel_requests",
        "metadata", "model_max_budget", "model_rpm_limit", "model_tpm_limit", "models", "object_permission",
        "permissions", "rpm_limit", "send_invite_email", "soft_budget", "spend", "tags", "team_id", "tpm_limit",
        "user_id",
    ),
    "1.80.17": (
        "allowed_passthrough_routes", "allowed_vector_store_indexes", "auto_rotate", "key_type", "organization_id",
        "prompts", "rotation_interval", "router_settings", "rpm_limit_type", "tpm_limit_type",
    ),
    "1.90.7": (
        "access_group_ids", "agent_id", "budget_limits", "disable_global_guardrails", "mcp_rpm_limit", "policies",
        "project_id",
    ),
    "1.105.0": (
        "budget_fallbacks", "default_estimated_output_tokens", "default_estimated_output_tokens_per_model",
        "enable_prompt_caching", "end_user_budget_id", "tag_rpm_limit", "throttle_on_budget_exceeded", "tpd_limit",
    ),
}
# fmt: on
"""The fields of ``/key/generate`` that each release added to those before; none was taken away."""

ONLY_CREATED: Final = {
    "1.72.9": {"send_invite_email", "soft_budget"},
    "1.80.17": {"key_type", "organization_id", "send_invite_email", "soft_budget"},
    "1.90.7": {"key_type", "project_id", "send_invite_email", "soft_budget"},
    "1.105.0": {"key_type", "send_invite_email"},
}
"""The fields that ``/key/update`` of a release does not have."""

ONLY_UPDATED: Final = {"temp_budget_increase", "temp_budget_expiry"}
"""The fields that only ``/key/update`` has, in every release."""

FOLDED: Final = {
    "model_rpm_limit", "model_tpm_limit", "default_estimated_output_tokens",
    "default_estimated_output_tokens_per_model", "mcp_rpm_limit", "tag_rpm_limit", "rpm_limit_type", "tpm_limit_type",
    "enforced_params", "temp_budget_increase", "temp_budget_expiry", "allowed_vector_store_indexes",
    "throttle_on_budget_exceeded", "enable_prompt_caching", "end_user_budget_id",
}  # fmt: skip
FOLDED_WITH_A_LICENCE: Final = {
    "disable_global_guardrails", "guardrails", "policies", "tags", "prompts", "allowed_passthrough_routes",
}  # fmt: skip
"""The folded fields of 1.105.0 that a key's requests have; others are of teams, or older names."""

RELEASES: Final = tuple(CREATED)


def created(release: str) -> set[str]:
    """The fields of ``/key/generate`` of a release."""
    return {name for each in RELEASES[: RELEASES.index(release) + 1] for name in CREATED[each]}


def updated(release: str) -> set[str]:
    """The fields of ``/key/update`` of a release."""
    return (created(release) - ONLY_CREATED[release]) | ONLY_UPDATED
