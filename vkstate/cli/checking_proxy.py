"""What ``vkstate check`` asks a proxy: what it is, what it can do, and whether that is what the config needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Final

from vkstate.attributes import Sensitive
from vkstate.cli.findings import Finding, failed, named, warning, well, wrong
from vkstate.config.config import Config
from vkstate.differences import declared_of
from vkstate.errors import VkstateError
from vkstate.keys import Alias, DesiredKey
from vkstate.litellm.capabilities import Health, health, is_licensed, probe_rights, prove_admin, served_models
from vkstate.litellm.client import Connection
from vkstate.litellm.convert import ENTERPRISE
from vkstate.litellm.teams import read_teams
from vkstate.models import is_served
from vkstate.safety import models_of
from vkstate.teams import beyond_team, missing_teams, team_of

UNUSUAL_SKEW: Final = timedelta(seconds=30)
GREAT_SKEW: Final = timedelta(minutes=5)
"""vkstate goes by the server's clock. People go by theirs: an end that is minutes away from what they see surprises."""

_NEEDS_LICENCE: Final = frozenset(ENTERPRISE) | {"enforced_params"}


def proxy_findings(config: Config, connection: Connection) -> Generator[Finding, None, bool]:
    """What can be told of the proxy; returns whether it takes the master key for an admin's."""
    seen = health(connection)
    yield _reached(config.proxy.url, seen)
    if not (seen.reachable and seen.litellm):
        return False
    yield _database(seen)
    if seen.clock_skew is not None:
        yield _clock(seen.clock_skew)
    try:
        prove_admin(connection)
    except VkstateError as error:
        yield failed("rights", error)
        return False
    unknown: frozenset[str] = frozenset()
    try:
        told = probe_rights(connection)
    except VkstateError as error:
        yield failed("rights", error)
    else:
        yield _rights(told.may_change)
        unknown = told.able.unknown
    try:
        yield from _models(config, connection)
        yield from _teams(config, connection)
        yield from _attributes(config, connection, unknown)
    except VkstateError as error:
        yield failed("proxy", error)
    return True


def _reached(url: str, seen: Health) -> Finding:
    if seen.reachable and seen.litellm:
        version = f"LiteLLM {seen.version}" if seen.version else "LiteLLM, of a version that it does not tell"
        return well("proxy", f"{url} is {version}.")
    if seen.fault:
        return failed("proxy", seen.fault)
    return wrong("proxy", f"{url} does not answer as LiteLLM does.", "check proxy.url in the config")


def _database(seen: Health) -> Finding:
    if seen.database is False:
        said = "LiteLLM has no database, or has lost it: it cannot keep keys."
        return wrong("database", said, seen.fault.hint if seen.fault else None)
    return well("database", "connected." if seen.database else "LiteLLM does not tell whether it is connected.")


def _rights(may_change: bool | None) -> Finding:
    """What a key that sees every key may do besides."""
    if may_change is None:
        return warning("rights", "The key sees every key. The proxy does not tell whether it may change them.")
    if may_change:
        return well("rights", "The master key may manage every key.")
    return warning("rights", "The key sees every key, and may change none: it plans, and cannot apply.")


def _clock(skew: timedelta) -> Finding:
    seconds = skew.total_seconds()
    if abs(skew) <= UNUSUAL_SKEW:
        return well("clock", "The server's clock and this machine's agree.")
    way = "ahead of" if seconds > 0 else "behind"
    detail = f"The server's clock is {abs(seconds):.0f} s {way} this machine's; keys expire by the server's."
    return (wrong if abs(skew) > GREAT_SKEW else warning)("clock", detail, "set both clocks by NTP")


def _models(config: Config, connection: Connection) -> Iterator[Finding]:
    served = served_models(connection)
    missing = {
        "(sensitive)" if isinstance(key.declared["models"], Sensitive) else model
        for key in config.keys
        for model in models_of(key)
        if not is_served(model, served)
    }
    if not missing:
        yield well("models", "The proxy serves every model of the config.")
        return
    detail = (
        f"The proxy does not serve {', '.join(sorted(missing))}. It serves {', '.join(sorted(served)[:8]) or 'none'}."
    )
    hint = "correct the names in the config, or add the models to the proxy"
    yield (wrong if config.proxy.check_models == "error" else warning)("models", detail, hint)


def _teams(config: Config, connection: Connection) -> Iterator[Finding]:
    keys = [(key, team) for key in config.keys if (team := team_of(key))]
    if not keys:
        return
    teams = read_teams(connection, {team for _, team in keys})
    if teams.unread is not None:
        yield warning("teams", f"The proxy does not tell its teams: {teams.unread}.")
        return
    problems = list(missing_teams(keys, teams))
    for problem in problems:
        yield wrong("teams", _sentence(problem.detail), problem.hint)
    for caution in beyond_team(keys, teams):
        yield warning("teams", _sentence(f"{caution.before}{named(caution.aliases)}{caution.after}"))
    if not problems:
        yield well("teams", "The proxy has every team of the config.")


def _attributes(config: Config, connection: Connection, unknown: frozenset[str]) -> Iterator[Finding]:
    """What the config declares and this LiteLLM does not know, or keeps for those who pay."""
    vain = _declaring(config.keys, unknown)
    for name, aliases in sorted(vain.items()):
        said = f"This LiteLLM does not know {name}, which {named(aliases)} would have, and ignores it."
        yield warning("attributes", said, f"take {name} out of the config, or upgrade the proxy")
    gated = {name: aliases for name, aliases in _declaring(config.keys, _NEEDS_LICENCE).items() if name not in vain}
    if not gated or is_licensed(connection):
        return
    for name, aliases in sorted(gated.items()):
        does = "takes the key, and refuses its requests" if name == "enforced_params" else "refuses the key"
        said = (
            f"{name} of {named(aliases)} needs a LiteLLM Enterprise licence, and this proxy does not say that it has "
            f"one: without it, LiteLLM {does}."
        )
        yield warning("attributes", said, f"take {name} out of the config, or license the proxy")


def _declaring(keys: tuple[DesiredKey, ...], names: frozenset[str]) -> dict[str, list[Alias]]:
    """Which keys declare some of these attributes, by attribute."""
    found: defaultdict[str, list[Alias]] = defaultdict(list)
    for key in keys:
        for path in declared_of(key, names):
            found[path].append(key.alias)
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
