"""``vkstate check``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vkstate.cli.options import AsJson, Identity, complete_alias
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import write
from vkstate.errors import ExitCode

if TYPE_CHECKING:
    from vkstate.cli.findings import Finding

As = Annotated[
    list[str] | None,
    typer.Option(
        "--as",
        metavar="TARGET",
        help="Present these keys to the proxy, and compare the models that they open with those they were given: an "
        "alias glob, workshop:NAME or workshop:NAME/MEMBER. Repeatable.",
        autocompletion=complete_alias,
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 on warnings too.")]


def check(
    shared: Shared,
    as_: As = None,
    strict: Strict = False,
    identity: Identity = None,
    as_json: AsJson = False,
) -> int:
    """See whether config, state and proxy are well.

    Looks at the config, the state, git, the secret store, the proxy (LiteLLM, database, clock), the master key's
    rights, and whether models, teams and attributes of the config are there. Changes nothing. Exits 1 where something
    is wrong.
    """
    from vkstate.cli.checking import Check
    from vkstate.cli.findings import Grade

    found = list(Check(shared, tried=as_ or (), identities=identity or ()).findings())
    failing = {Grade.WRONG, Grade.WARNING} if strict else {Grade.WRONG}
    fine = all(finding.grade not in failing for finding in found)
    shown = found if shared.verbose else _folded(found)
    write(_as_json(found, fine=fine) if as_json else "\n".join(map(_line, shown)))
    return ExitCode.OK if fine else ExitCode.ERROR


_MARKS = {"ok": "ok   ", "warning": "warn ", "wrong": "WRONG"}


_FEW = 10
"""Keys that are as they should be and still get a line each."""


def _folded(found: Sequence[Finding]) -> list[Finding]:
    """The findings, with one line in place of many keys that are all as they should be."""
    from vkstate.cli.findings import well

    good = [finding for finding in found if finding.alias is not None and finding.grade == "ok"]
    if len(good) <= _FEW:
        return list(found)
    said = f"{len(good):,} keys open the proxy, and may use just the models that they were given (-v names them)."
    others = [finding for finding in found if finding not in good]
    place = next((place for place, finding in enumerate(others) if finding.alias is not None), len(others))
    return [*others[:place], well("key", said), *others[place:]]


def _line(finding: Finding) -> str:
    from vkstate.views.words import prose

    text = finding.detail + (f"\nhint: {finding.hint}" if finding.hint else "")
    return f"{_MARKS[finding.grade]} {finding.what}: {prose(text, ' ' * 6)}"


def _as_json(found: Sequence[Finding], *, fine: bool) -> str:
    checks = [
        {
            "check": item.what,
            "grade": item.grade,
            "ok": item.grade != "wrong",
            "detail": item.detail,
            "hint": item.hint,
            "alias": item.alias,
        }
        for item in found
    ]
    return json.dumps({"format_version": 1, "ok": fine, "checks": checks}, indent=2)
