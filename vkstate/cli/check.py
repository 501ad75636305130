"""``vkstate check``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vkstate.cli.options import AsJson
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import write
from vkstate.errors import ExitCode

if TYPE_CHECKING:
    from vkstate.cli.checking import Finding


def check(shared: Shared, as_json: AsJson = False) -> int:
    """See whether config, state and proxy are well.

    Looks at the config, the state, the secret store, the proxy (LiteLLM, database, clock), the master key's rights and
    the models. Changes nothing. Exits 1 where something is wrong.
    """
    from vkstate.cli.checking import findings
    from vkstate.cli.project import Project

    found = list(findings(Project(shared)))
    write(_as_json(found) if as_json else "\n".join(_line(finding) for finding in found))
    return ExitCode.OK if all(finding.ok for finding in found) else ExitCode.ERROR


def _line(finding: Finding) -> str:
    mark = "ok   " if finding.ok else "WRONG"
    hint = f"\n      hint: {finding.hint}" if finding.hint else ""
    return f"{mark} {finding.what}: {finding.detail}{hint}"


def _as_json(found: list[Finding]) -> str:
    checks = [{"check": item.what, "ok": item.ok, "detail": item.detail, "hint": item.hint} for item in found]
    return json.dumps({"format_version": 1, "ok": all(item.ok for item in found), "checks": checks}, indent=2)
