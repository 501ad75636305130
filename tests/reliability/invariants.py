"""What holds at every instant, whatever was killed, lost or refused: checked against the proxy's own rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.contract.proxies import Proxy, token_of
from tests.workspace import Ran, Workspace

Row = dict[str, Any]

_MOVING = frozenset({"spend", "total_spend", "updated_at", "last_active"})
"""What a row changes by itself: spend is written some seconds after a call."""
NOTHING_TO_DO = "No changes. The proxy matches the configuration."


class Broken(AssertionError):
    """An invariant does not hold; the message names every one, so that a sweep can tell what happened."""


_PATIENCE = 20
"""How often a listing is begun anew where others make and delete keys meanwhile, which moves rows between pages."""


def all_rows(proxy: Proxy) -> list[Row]:
    """Every key of the proxy."""
    for _ in range(_PATIENCE):
        first = proxy.listed(size=100)
        pages = [first, *(proxy.listed(size=100, page=number) for number in range(2, first["total_pages"] + 1))]
        rows = [row for page in pages for row in page["keys"]]
        if {page["total_count"] for page in pages} == {len({row["token"] for row in rows})}:
            return rows
    raise TimeoutError("the proxy's keys change faster than they can be listed")


def lineage_of(row: Row) -> str | None:
    """The lineage that a row carries."""
    mark = (row["metadata"] or {}).get("vkstate")
    return mark.get("lineage") if isinstance(mark, dict) else None


def steady(row: Row) -> Row:
    """A row without what moves by itself."""
    return {name: value for name, value in row.items() if name not in _MOVING}


@dataclass
class Guard:
    """Watches one project on one proxy.

    ``prefix`` is the beginning of every alias that the test uses, on a proxy that others use too. ``valueless`` says
    that the proxy makes the values itself, so that a lost answer leaves a key that nobody can open. ``doubled`` are
    aliases that others have given to a second key.
    """

    workspace: Workspace
    proxy: Proxy
    prefix: str = ""
    valueless: bool = False
    others: Mapping[str, Row] = field(default_factory=dict)
    doubled: Collection[str] = ()
    _taken_in: set[str] = field(default_factory=set)
    """The tokens of keys that others made and the state took in at some time. It alone knows that, and may be lost."""

    def note_others(self, only: Collection[str]) -> None:
        """Remember the keys of others, which bear these aliases, as they are now."""
        self.others = {row["token"]: steady(row) for row in all_rows(self.proxy) if row["key_alias"] in only}

    @property
    def lineage(self) -> str:
        return str(self.workspace.state["lineage"])

    def rows(self) -> list[Row]:
        """The rows of the proxy that this test has to do with."""
        return [row for row in all_rows(self.proxy) if (row["key_alias"] or "").startswith(self.prefix)]

    def check(self) -> None:
        """Every invariant that holds at every instant.

        :raises Broken: with all that does not hold.
        """
        if broken := list(self._broken()):
            raise Broken("\n".join(broken))

    def _broken(self) -> Iterator[str]:
        rows = self.rows()
        ours = [row for row in rows if lineage_of(row) == self.lineage]
        recorded = {record["token"]: alias for alias, record in self.workspace.keys.items() if record.get("token")}
        stored = self.workspace.stored
        keys = self.workspace.keys.values()
        self._taken_in |= {record["token"] for record in keys if record.get("token") and record["origin"] != "created"}
        for row in ours:
            alias, token = row["key_alias"], row["token"]
            if self.valueless and token not in recorded:
                continue
            if token not in recorded:
                yield f"{alias} ({token[:8]}) carries our lineage, and the state does not know it"
            elif token not in stored and token not in self._taken_in:
                yield f"{alias} ({token[:8]}) is recorded, and nobody has its value"
            elif token in stored and not self._opens(stored[token], row):
                yield f"the value of {alias} ({token[:8]}) does not open the proxy"
        aliases = Counter(row["key_alias"] for row in rows if row["key_alias"])
        mine = {row["key_alias"] for row in ours}
        yield from (
            f"{alias} is borne by {count} keys"
            for alias, count in aliases.items()
            if count > 1 and alias in mine and alias not in self.doubled
        )
        now = {row["token"]: steady(row) for row in all_rows(self.proxy)} if self.others else {}
        for token, before in self.others.items():
            if now.get(token) != before:
                yield f"the key {before['key_alias']} of others has changed"
        for token, value in stored.items():
            if token_of(value) != token:
                yield f"the secret store has a wrong value for {token[:8]}"

    def _opens(self, value: str, row: Row) -> bool:
        """Whether a value is accepted; one that is blocked or has ended is not, and that is right."""
        answer = self.proxy.get("/v1/models", key=value)
        if answer.status_code == 200:
            return True
        ended = answer.status_code in (400, 401) and "expired" in answer.text.lower()
        return bool(row["blocked"]) or ended

    def converge(self, *arguments: str) -> Ran:
        """Apply once more, and see that everything is well and that nothing is left to do.

        :raises Broken: it did not converge.
        """
        ran = self.workspace.run("apply", "--auto-approve", *arguments)
        if ran.code != 0:
            raise Broken(f"the next apply ended with {ran.code}:\n{ran.stdout}\n{ran.stderr}")
        self.check()
        again = self.workspace.run("plan", "--detailed-exitcode")
        if (again.code, again.last_line) != (0, NOTHING_TO_DO):
            raise Broken(f"the plan after it finds something:\n{again.stdout}\n{again.stderr}")
        return ran
