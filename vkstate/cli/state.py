"""``vkstate state list`` and ``vkstate state show``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vkstate.cli.options import AsJson, Globs, complete_alias
from vkstate.cli.shared import Shared


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
    from vkstate.cli.selecting import NoSuchKey
    from vkstate.cli.showing import palette, width
    from vkstate.keys import Alias
    from vkstate.views.json import dumped
    from vkstate.views.show import ShownKey, key_document, key_text

    project = Project(shared)
    record = project.state.keys.get(Alias(alias))
    if record is None:
        raise NoSuchKey(
            f"{project.state_path} records no key {alias}.", hint="vkstate state list shows what is recorded"
        )
    known = record.token is not None and project.store.value_of(record.token) is not None
    shown = ShownKey(record, value_known=known)
    if as_json:
        sys.stdout.write(dumped(key_document(shown)))
    else:
        text = key_text(shown, now=datetime.now(UTC), verbose=shared.verbose, palette=palette(project), width=width())
        sys.stdout.write(text)
    return 0
