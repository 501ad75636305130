"""The ``secrets`` section: where key values are kept, and who may read them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vkstate.age import NotARecipient, recipient_of
from vkstate.config.schema.base import Strict, wrong


def _recipient(text: str) -> str:
    try:
        return recipient_of(text)
    except NotARecipient as error:
        raise wrong(str(error)) from None


class Secrets(Strict):
    """Where the key values are kept."""

    store: Literal["plain", "age"] = "plain"
    """plain: in .vkstate/, on this machine alone. age: encrypted beside the state, to be committed with it."""
    recipients: Annotated[list[Annotated[str, AfterValidator(_recipient)]], Field(min_length=1)] | None = None
    """Who may read the values of an age store: public keys, each age1…, ssh-ed25519 … or ssh-rsa …."""
