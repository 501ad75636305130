"""``vkstate secrets list``, ``add-recipient``, ``remove-recipient``, ``rekey`` and ``migrate``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from vkstate.cli.options import AsJson, DryRun, Identity, LockTimeout
from vkstate.cli.shared import Shared

RecipientGiven = Annotated[
    str, typer.Argument(metavar="RECIPIENT", help="A public key: age1…, 'ssh-ed25519 …' or 'ssh-rsa …'.")
]


class Store(StrEnum):
    """Where values are kept."""

    PLAIN = "plain"
    AGE = "age"


def list_values(shared: Shared, identity: Identity = None, as_json: AsJson = False) -> int:
    """List whose values are kept, and who may read them.

    No value is shown. What an identity opens is told where one is at hand.
    """
    from vkstate.cli.project import Project
    from vkstate.cli.rekeying import listing_of
    from vkstate.cli.screen import width
    from vkstate.cli.terminal import write
    from vkstate.views.documents import dumped
    from vkstate.views.secret_store import store_document, store_lines

    project = Project(shared, identities=identity or ())
    listing = listing_of(project)
    project.say_of_store()
    write(dumped(store_document(listing)).rstrip("\n") if as_json else "\n".join(store_lines(listing, width=width())))
    return 0


def add_recipient(
    shared: Shared,
    recipient: RecipientGiven,
    identity: Identity = None,
    dry_run: DryRun = False,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Let one more person read the values.

    Adds the recipient to the config and encrypts every value anew, which takes an identity that opens them. Commit the
    config and the encrypted store, both.
    """
    from vkstate.cli.project import Project
    from vkstate.cli.rekeying import Rekeying, adding

    return Rekeying(Project(shared, identities=identity or ()), dry_run, lock_timeout, as_json).carry_out(
        "add-recipient", adding(recipient)
    )


def remove_recipient(
    shared: Shared,
    recipient: RecipientGiven,
    identity: Identity = None,
    dry_run: DryRun = False,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Let one person read the values no longer.

    Takes the recipient out of the config and encrypts every value anew. What stands in git's history can be read with
    the old key as before: to shut somebody out, give the keys new values with apply --replace.
    """
    from vkstate.cli.project import Project
    from vkstate.cli.rekeying import Rekeying, removing

    return Rekeying(Project(shared, identities=identity or ()), dry_run, lock_timeout, as_json).carry_out(
        "remove-recipient", removing(recipient), shuts_out=True
    )


def rekey(
    shared: Shared,
    identity: Identity = None,
    dry_run: DryRun = False,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Encrypt to the config's recipients what is encrypted to others.

    Entries that are encrypted to exactly these already are left as they are. Exits 3 where some cannot be opened.
    """
    from vkstate.cli.project import Project
    from vkstate.cli.rekeying import Rekeying

    return Rekeying(Project(shared, identities=identity or ()), dry_run, lock_timeout, as_json).carry_out("rekey", None)


def migrate(
    shared: Shared,
    to: Annotated[Store, typer.Option("--to", help="Where the values are to be kept.")],
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", metavar="RECIPIENT", help="With --to age: who may read them. Repeatable."),
    ] = None,
    identity: Identity = None,
    dry_run: DryRun = False,
    lock_timeout: LockTimeout = "0s",
    as_json: AsJson = False,
) -> int:
    """Move the values to the other store, and say so in the config.

    Each value is kept in its new place before it is taken out of the old one. Where the config names that store
    already, what is left in the other one is moved.
    """
    from vkstate.cli.migrating import Migration
    from vkstate.cli.project import Project

    project = Project(shared, identities=identity or ())
    return Migration(project, to.value, tuple(recipient or ()), dry_run, lock_timeout, as_json).carry_out()
