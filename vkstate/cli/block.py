"""``vkstate block`` and ``vkstate unblock``."""

from __future__ import annotations

from typing import Annotated

import typer

from vkstate.cli.options import AsJson, AutoApprove, DryRun, LockTimeout, Parallelism, complete_alias
from vkstate.cli.shared import Shared

Named = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET",
        help="The keys: alias globs, workshop:NAME or workshop:NAME/MEMBER.",
        autocompletion=complete_alias,
    ),
]


def block(
    shared: Shared,
    targets: Named,
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    parallelism: Parallelism = None,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Refuse keys for the time being, without losing them.

    Writes blocked: true to the config, at the key, at the workshop where workshop:NAME is given, or under overrides for
    a single member, and applies these keys. They keep their values; unblock opens them again. Values that they had
    before, and that a time of grace lets work on, end for good.
    """
    return _carried_out(shared, targets, dry_run, auto_approve, parallelism, lock_timeout, as_json, blocked=True)


def unblock(
    shared: Shared,
    targets: Named,
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    parallelism: Parallelism = None,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Open blocked keys again.

    Takes blocked: true out of the config, or writes blocked: false where something else would block the keys, and
    applies these keys. A workshop that has not started stays blocked until it does; a single member of it that nobody
    had blocked is opened.
    """
    return _carried_out(shared, targets, dry_run, auto_approve, parallelism, lock_timeout, as_json, blocked=False)


def _carried_out(
    shared: Shared,
    targets: list[str],
    dry_run: bool,
    auto_approve: bool,
    parallelism: int | None,
    lock_timeout: str,
    as_json: bool,
    *,
    blocked: bool,
) -> int:
    from vkstate.cli.applying import Run
    from vkstate.cli.blocking import Blocking
    from vkstate.cli.project import Project

    run = Run(
        "block" if blocked else "unblock",
        "apply",
        auto_approve=auto_approve,
        as_json=as_json,
        lock_timeout=lock_timeout,
        parallelism=parallelism,
        dry=dry_run,
    )
    return Blocking(Project(shared), targets, blocked).carry_out(run)
