"""The teams of a proxy, by ``/v2/team/list`` (1.72 to 1.105): paged, and without the keys of each team, all of which
``/team/list`` tells."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from vkstate.litellm.client import Connection
from vkstate.litellm.faults import fault_of
from vkstate.litellm.wire import TeamPage, TeamRow, parse
from vkstate.teams import Team, Teams

PATH: Final = "/v2/team/list"
_PAGE: Final = "100"
"""Teams a page: the most that LiteLLM gives (422 above)."""


def read_teams(connection: Connection, ids: Collection[str]) -> Teams:
    """What the proxy says of the teams with these ids, in a request for each, and of others where one is missing.

    Where it does not tell, ``unread`` says why; an error of the proxy as a whole is none of the teams.

    :raises VkstateError: the proxy cannot be asked, or answers nonsense.
    """
    pages = connection.each(lambda team_id: _page(connection, {"team_id": team_id, "page_size": "1"}), sorted(ids))
    found: dict[str, Team] = {}
    for page in pages:
        if isinstance(page, str):
            return Teams(unread=page)
        found |= {row.team_id: _team(row) for row in page.teams}
    missing = frozenset(ids) - found.keys()
    if not missing:
        return Teams(found)
    others, total = _others(connection, missing)
    return Teams(found, missing, others, total)


def has_team(connection: Connection, team_id: str) -> bool:
    """Whether a team exists; True where that cannot be told."""
    page = _page(connection, {"team_id": team_id, "page_size": "1"})
    return isinstance(page, str) or any(row.team_id == team_id for row in page.teams)


def _others(connection: Connection, missing: Collection[str]) -> tuple[tuple[Team, ...], int]:
    """Those that bear a missing id as their alias, then the newest; and how many there are.

    LiteLLM finds all whose alias contains the text, whatever its case.
    """
    asked = [{"team_alias": alias, "page_size": _PAGE} for alias in sorted(missing)]
    pages = connection.each(lambda params: _page(connection, params), [*asked, {"page_size": _PAGE}])
    told = [page for page in pages if not isinstance(page, str)]
    teams = {row.team_id: _team(row) for page in told for row in page.teams}
    named = [team for team in teams.values() if team.alias in missing]
    newest = [team for team in teams.values() if team.alias not in missing]
    return (*named, *newest), told[-1].total if told else 0


def _page(connection: Connection, params: Mapping[str, str]) -> TeamPage | str:
    """One page; or why this key or this server does not show it."""
    answer = connection.exchange("GET", PATH, params=params)
    if answer.status < 300:
        return parse(TeamPage, answer, connection.url)
    words = connection.redaction.excerpt(fault_of(answer).message).rstrip(".")
    return f"GET {PATH}: {answer.status} {words}".rstrip()


def _team(row: TeamRow) -> Team:
    return Team(
        id=row.team_id,
        alias=row.team_alias,
        models=tuple(row.models or ()),
        members=frozenset(member.user_id for member in row.members_with_roles or () if member.user_id),
        tpm_limit=row.tpm_limit,
        rpm_limit=row.rpm_limit,
    )
