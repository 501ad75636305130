"""What ``vkstate check`` looks at, one finding after the other; it goes on as far as the answers allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vkstate.attributes import Sensitive
from vkstate.cli.project import Project
from vkstate.errors import VkstateError
from vkstate.litellm.capabilities import Health, health, prove_admin, served_models
from vkstate.litellm.client import Connection
from vkstate.safety import is_served, models_of
from vkstate.views.words import counted

MOST_SKEW: Final = timedelta(seconds=30)
"""A clock that is further off makes an absolute expiry surprising, though vkstate goes by the server's."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``detail`` is a sentence; ``hint`` the next command or edit."""

    what: str
    ok: bool
    detail: str
    hint: str | None = None


def findings(project: Project) -> Iterator[Finding]:
    """Everything that can be told, beginning with what the rest depends on."""
    try:
        config = project.config
    except VkstateError as error:
        yield _wrong("config", error)
        return
    yield Finding("config", True, f"{config.path} declares {counted(len(config.keys), 'key')}.")
    yield from _state(project)
    try:
        with project.connected() as connection:
            yield from _proxy(project, connection)
    except VkstateError as error:
        yield _wrong("master key", error)


def _state(project: Project) -> Iterator[Finding]:
    try:
        state = project.state
        project.bound()
        stored = project.store.tokens()
    except VkstateError as error:
        yield _wrong("state", error)
        return
    yield Finding(
        "state", True, f"{project.state_path} records {counted(len(state.keys), 'key')}, serial {state.serial}."
    )
    missing = [alias for alias, record in state.keys.items() if record.token not in stored]
    if missing:
        named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        yield Finding("secret store", True, f"The value of {named} is not on this machine.")
    else:
        yield Finding("secret store", True, "It holds the value of every recorded key.")


def _proxy(project: Project, connection: Connection) -> Iterator[Finding]:
    seen = health(connection)
    yield _reached(project.config.proxy.url, seen)
    if not (seen.reachable and seen.litellm):
        return
    yield Finding("database", seen.database is not False, _database(seen), seen.fault.hint if seen.fault else None)
    if seen.clock_skew is not None:
        yield _clock(seen.clock_skew)
    try:
        prove_admin(connection)
        yield Finding("rights", True, "The master key may manage every key.")
        yield _models(project, served_models(connection))
    except VkstateError as error:
        yield _wrong("rights", error)


def _reached(url: str, seen: Health) -> Finding:
    if seen.reachable and seen.litellm:
        version = f"LiteLLM {seen.version}" if seen.version else "LiteLLM, of a version that it does not tell"
        return Finding("proxy", True, f"{url} is {version}.")
    if seen.fault:
        return _wrong("proxy", seen.fault)
    return Finding("proxy", False, f"{url} does not answer as LiteLLM does.", "check proxy.url in the config")


def _database(seen: Health) -> str:
    if seen.database is False:
        return "LiteLLM has no database, or has lost it: it cannot keep keys."
    return "connected." if seen.database else "LiteLLM does not tell whether it is connected."


def _clock(skew: timedelta) -> Finding:
    seconds = skew.total_seconds()
    if abs(skew) <= MOST_SKEW:
        return Finding("clock", True, "The server's clock and this machine's agree.")
    way = "ahead of" if seconds > 0 else "behind"
    detail = f"The server's clock is {abs(seconds):.0f} s {way} this machine's; keys expire by the server's."
    return Finding("clock", False, detail, "set both clocks by NTP")


def _models(project: Project, served: frozenset[str]) -> Finding:
    missing = {
        "(sensitive)" if isinstance(key.declared["models"], Sensitive) else model
        for key in project.config.keys
        for model in models_of(key)
        if not is_served(model, served)
    }
    if not missing:
        return Finding("models", True, "The proxy serves every model of the config.")
    detail = (
        f"The proxy does not serve {', '.join(sorted(missing))}. It serves {', '.join(sorted(served)[:8]) or 'none'}."
    )
    return Finding("models", False, detail, "correct the names in the config, or add the models to the proxy")


def _wrong(what: str, error: VkstateError) -> Finding:
    return Finding(what, False, f"{error.summary}. {error.detail}", error.hint)
