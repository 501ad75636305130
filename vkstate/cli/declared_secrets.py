"""The last look at a plan before it is shown: no key value and no master key may stand in what it would record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from vkstate.attributes import Json, Sealed, Sensitive, Unset, Value
from vkstate.errors import VkstateError
from vkstate.plan import Change, Plan
from vkstate.state.secret_scan import find_secret


class SecretInPlan(VkstateError):
    """An attribute, or a name, holds a secret. Neither the plan nor the error shows it."""

    summary: ClassVar[str] = "a secret stands where it would be shown and recorded"


def refuse_secrets(plan: Plan, secrets: Iterable[str]) -> None:
    """Keep a plan from being shown or carried out that holds a secret in clear.

    :param secrets: every secret in memory.
    :raises SecretInPlan: it does; names the key and the path.
    """
    known = [*secrets]
    told = [(change, list(_told(change))) for change in plan.changes]
    if not _holds([values for _, values in told], known):  # one look at all, which nearly always is the only one
        return
    for change, values in told:
        for path, value in values:
            if _holds([path, value], known):
                raise _refusal(change, path, known)


def _refusal(change: Change, path: str, secrets: Sequence[str]) -> SecretInPlan:
    whose = "one key" if _holds(change.alias, secrets) else change.alias
    what = f"a name in its {path.partition('.')[0]}" if _holds(path, secrets) else path
    places = [f"out of {change.desired.place}"] if change.desired else []
    if change.live and _holds(change.live.attributes.get(path), secrets):
        places.append("off the key on the proxy")
    return SecretInPlan(
        f"{whose}: {what} holds a secret (a key value or the master key), which would be shown, and written to the "
        "state, a file for git. Nothing was sent and nothing was written.",
        hint=f"take it {' and '.join(places)}; where an attribute must hold it, write it as ${{env.NAME}}",
    )


def _told(change: Change) -> Iterator[tuple[str, object]]:
    """What is recorded of a change if it is carried out, and what is shown as its outcome, by path."""
    yield "alias", change.alias
    if member := change.member:
        yield "workshop", member.workshop
        yield "user", member.user
    for diff in change.diffs:
        yield diff.path, _clear(diff.after)
    for values in (
        change.becomes.applied if change.becomes else {},
        change.desired.declared if change.desired else {},
    ):
        for path, value in values.items():
            yield path, _clear(value)


def _clear(value: Value | Unset) -> Json:
    return None if isinstance(value, Sensitive | Sealed | Unset) else value


def _holds(value: object, secrets: Sequence[str]) -> bool:
    return find_secret(json.dumps(value, ensure_ascii=False), secrets) is not None
