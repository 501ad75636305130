"""The options that several commands take, each said once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def complete_alias(incomplete: str) -> list[str]:
    """The recorded aliases that begin so, for shell completion; none where there is no readable state here."""
    from vkstate.keys import natural_order

    try:
        keys = json.loads(Path("vkstate.state.json").read_text(encoding="utf-8"))["keys"]
        return sorted((alias for alias in keys if alias.startswith(incomplete)), key=natural_order)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="TARGET",
        help="Only these keys: an alias glob, workshop:NAME or workshop:NAME/MEMBER. Repeatable.",
        autocompletion=complete_alias,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="TARGET", help="Not these keys. Repeatable.", autocompletion=complete_alias),
]
AllowDeletes = Annotated[
    int | None,
    typer.Option(
        "--allow-deletes", metavar="N", min=0, help="Let the plan delete up to N keys, be it more than 30 % of them."
    ),
]
Replace = Annotated[
    list[str] | None,
    typer.Option(
        "--replace",
        metavar="TARGET",
        help="Give these keys a new value under the same alias. Repeatable.",
        autocompletion=complete_alias,
    ),
]
Grace = Annotated[
    str | None,
    typer.Option(
        "--grace",
        metavar="DURATION",
        help="With --replace: how long the old value works on, such as 24h. Default: until the new one works.",
    ),
]
Renew = Annotated[
    list[str] | None,
    typer.Option(
        "--renew",
        metavar="TARGET",
        help="Give these keys their duration anew, with the same value. Repeatable.",
        autocompletion=complete_alias,
    ),
]
AdoptReplaced = Annotated[
    bool,
    typer.Option("--adopt-replaced", help="Take over keys that bear the alias of one of ours which is gone."),
]
RefreshOnly = Annotated[
    bool, typer.Option("--refresh-only", help="Accept what is on the proxy into the state, and change nothing there.")
]
NoReport = Annotated[
    bool, typer.Option("--no-report", help="Keep no closing report of what deleted keys had spent, nor show it.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]
Parallelism = Annotated[
    int | None,
    typer.Option(
        "--parallelism", metavar="N", min=1, max=32, help="Requests at a time; default 8, or as the config says."
    ),
]
LockTimeout = Annotated[
    str,
    typer.Option(
        "--lock-timeout", metavar="DURATION", help="How long to wait for the lock, such as 30s; 0s: not at all."
    ),
]
Identity = Annotated[
    list[Path] | None,
    typer.Option(
        "--identity",
        metavar="FILE",
        help="What opens encrypted values: an age identity or an ssh key. Repeatable. Default: VKSTATE_AGE_IDENTITY.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Globs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TARGET",
        help="Only these keys: alias globs, workshop:NAME or workshop:NAME/MEMBER.",
        autocompletion=complete_alias,
    ),
]
