"""``vkstate state list``, ``show``, ``mv`` and ``rm``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vkstate.cli.options import AsJson, AutoApprove, DryRun, Globs, LockTimeout, complete_alias
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say

if TYPE_CHECKING:
    from vkstate.cli.project import Project
    from vkstate.plan import Plan


def list_keys(shared: Shared, targets: Globs = None, as_json: AsJson = False) -> int:
    """List the recorded aliases, one a line."""
    import json

    from vkstate.cli.project import Project
    from vkstate.cli.selecting import selected
    from vkstate.keys import natural_order
    from vkstate.views.show import alias_list

    project = Project(shared)
    aliases = sorted(selected(project, targets), key=natural_order)
    if as_json:
        sys.stdout.write(json.dumps(aliases, indent=2) + "\n")
    else:
        sys.stdout.write(alias_list([project.state.keys[alias] for alias in aliases]))
    return 0


def show_key(
    shared: Shared,
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="The key.", autocompletion=complete_alias)],
    as_json: AsJson = False,
) -> int:
    """Show what the state records of one key."""
    from datetime import UTC, datetime

    from vkstate.cli.project import Project
    from vkstate.cli.screen import palette, width
    from vkstate.cli.selecting import NoSuchKey
    from vkstate.keys import Alias
    from vkstate.views.documents import dumped
    from vkstate.views.show import ShownKey, key_document, key_text

    project = Project(shared)
    record = project.state.keys.get(Alias(alias))
    if record is None:
        raise NoSuchKey(
            f"{project.state_path} records no key {alias}.", hint="vkstate state list shows what is recorded"
        )
    known = record.token is not None and record.token in project.store.tokens()
    shown = ShownKey(record, value_known=known)
    if as_json:
        sys.stdout.write(dumped(key_document(shown)))
    else:
        text = key_text(shown, now=datetime.now(UTC), verbose=shared.verbose, palette=palette(project), width=width())
        sys.stdout.write(text)
    return 0


def move_key(
    shared: Shared,
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="A recorded alias, or workshop:NAME.", autocompletion=complete_alias)
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="The new alias, or workshop:NAME as in the config.")],
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Rename a key, in the state and on the proxy.

    Its value stays the same. A workshop moves to another that the config declares already, member by member. To have
    everybody's next apply do it, write it into the config instead, under moved.
    """
    from vkstate.cli.applying import Run, carry_out
    from vkstate.cli.project import Project
    from vkstate.cli.restating import planned_move
    from vkstate.errors import ExitCode
    from vkstate.options import Move

    project = Project(shared)
    move = Move(source, target, "vkstate state mv")
    run = Run("state mv", "move", auto_approve=auto_approve, as_json=as_json, lock_timeout=lock_timeout, dry=dry_run)

    def question(plan: Plan) -> str:
        return f"Rename {_keys(plan)} on {project.config.proxy.url}?"

    code = carry_out(project, run, lambda connection: planned_move(project, connection, move), question)
    if code in (ExitCode.OK, ExitCode.PARTIAL):
        _say_declared(project, source)
    return code


def _say_declared(project: Project, source: str) -> None:
    """Say that the config has the old name still: the next plan would make a key under it, and delete the other."""
    config = project.config
    workshops = {f"workshop:{key.member.workshop}" for key in config.keys if key.member}
    if source in workshops or any(key.alias == source for key in config.keys):
        say(f"warning: {project.config_path} still declares {source}: rename it there as well, before the next apply.")


def remove_key(
    shared: Shared,
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET",
            help="The keys: alias globs, workshop:NAME or workshop:NAME/MEMBER.",
            autocompletion=complete_alias,
        ),
    ],
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Forget keys without deleting them.

    They live on as nobody's: vkstate takes its mark off them, so that another project may import them. What the config
    still declares is found there by the next plan as a key that is not ours.
    """
    from vkstate.cli.applying import Run, carry_out
    from vkstate.cli.project import Project
    from vkstate.cli.restating import planned_release
    from vkstate.cli.selecting import selected

    project = Project(shared)
    run = Run("state rm", "release", auto_approve=auto_approve, as_json=as_json, lock_timeout=lock_timeout, dry=dry_run)

    def question(plan: Plan) -> str:
        return f"Let go of {_keys(plan)} on {project.config.proxy.url}? They are not deleted."

    return carry_out(
        project,
        run,
        lambda connection: planned_release(project, connection, selected(project, targets)),
        question,
    )


def _keys(plan: Plan) -> str:
    from vkstate.views.words import counted

    return counted(len(plan.effective), "key")
