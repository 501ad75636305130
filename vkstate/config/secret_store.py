"""From the ``secrets`` section to the settings of the secret store."""

from __future__ import annotations

from vkstate.age import Recipient
from vkstate.config.config import SecretsSettings
from vkstate.config.places import Problems
from vkstate.config.schema.secret_store import Secrets
from vkstate.config.sentences import validated
from vkstate.config.tree import Node


def secrets_settings(node: Node | None, problems: Problems) -> SecretsSettings:
    """What the section says; where it is not valid, the problems say why."""
    model = validated(Secrets, node, problems) if node and not node.broken else None
    if node is None or model is None:
        return SecretsSettings()
    named = node.children.get("recipients")
    if model.store == "plain":
        if named:
            problems.add(named.where, "belongs to an encrypted store: write store: age, or take the recipients out")
        return SecretsSettings()
    if named is None or model.recipients is None:
        if named is None or not named.broken:
            where = named.where if named else node.where.below("recipients")
            problems.add(where, "is missing: without one nobody could ever read the values; age-keygen makes one")
        return SecretsSettings()
    recipients = [Recipient(text) for text in model.recipients]
    for number, recipient in enumerate(recipients):
        if recipient in recipients[:number]:
            problems.add(named.children[number].where, "is here a second time")
    return SecretsSettings("age", tuple(recipients))
