"""What can be chosen about a sandbox; everything else is as in LiteLLM 1.105.0 with the master key and no licence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vkstate.sandbox.jsons import Json

LITELLM_VERSION = "1.105.0"
"""The LiteLLM release whose key API the sandbox copies."""

DEFAULT_MODELS = ("gpt-4", "gpt-3.5-turbo", "openai/granite-3-2-8b-instruct", "openai/mistral-7b-instruct")
DEFAULT_MASTER_KEY = "sk-sandbox-master-key"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Settings:
    """The switches of one sandbox."""

    models: tuple[str, ...] = DEFAULT_MODELS
    """The model names it serves, in the order in which ``/v1/models`` lists them."""
    master_key: str = field(default=DEFAULT_MASTER_KEY, repr=False)
    disable_custom_api_keys: bool = False
    """``general_settings.disable_custom_api_keys``: a create that brings its own key value is refused with 403."""
    default_key_generate_params: Mapping[str, Json] = field(default_factory=dict)
    """``litellm_settings.default_key_generate_params``: fills what a create leaves out (or sends empty)."""
    clock: Callable[[], datetime] = _now
    """The server's clock; gives aware datetimes. The ``Date`` header follows it too."""
