"""``vkstate output``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import typer

from vkstate.cli.options import Exclude, Globs, Identity, Target
from vkstate.cli.shared import Shared
from vkstate.cli.terminal import say, write
from vkstate.errors import ExitCode, VkstateError

if TYPE_CHECKING:
    from vkstate.views.handouts import Handout

_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Format(StrEnum):
    """How keys are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    ENV = "env"
    TXT = "txt"
    MARKDOWN = "markdown"
    KUBERNETES = "kubernetes"
    CARDS = "cards"


class PerPage(StrEnum):
    """How many cards come on a sheet."""

    FOUR = "4"
    EIGHT = "8"


class OtherFormat(VkstateError):
    """An option was given that means nothing to the format."""

    summary: ClassVar[str] = "the option belongs to another format"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class NotANamespace(VkstateError):
    """``--namespace`` is no name that Kubernetes takes."""

    summary: ClassVar[str] = "this is not a namespace"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


def output(
    shared: Shared,
    targets: Globs = None,
    target: Target = None,
    exclude: Exclude = None,
    format_: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the key values instead of masking them.")] = False,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Write to this file (mode 0600) instead, with the key values; env also to a directory: PATH/.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --out: write even where git would add it, or over another file.")
    ] = False,
    per_page: Annotated[
        PerPage | None, typer.Option("--per-page", help="With --format cards: cards on a sheet; default 8.")
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", metavar="NAME", help="With --format kubernetes: where the Secrets belong."),
    ] = None,
    identity: Identity = None,
) -> int:
    """Show the keys, or hand them out.

    Key values are masked; --reveal or --out PATH gives them. Reads the state and the secret store, and asks nothing of
    the proxy. Exits 3 where a value was asked for that this machine does not know.
    """
    from vkstate.cli.formats import chosen
    from vkstate.cli.handing_out import handout
    from vkstate.cli.handout_files import place_of, write_files
    from vkstate.cli.opening import say_closed, say_unknown
    from vkstate.cli.project import Project
    from vkstate.cli.screen import width
    from vkstate.cli.selecting import handed_out
    from vkstate.views.formats.env import env_files
    from vkstate.views.handouts import PENDING
    from vkstate.views.tables import UNCUT
    from vkstate.views.words import counted, verb

    written = chosen(format_, as_json=as_json, usual=Format.TABLE, json=Format.JSON)
    _check_options(written, per_page, namespace)
    project = Project(shared, identities=identity or ())  # which enters the directory that -C names
    place = None if out is None else place_of(out, divisible=written is Format.ENV)
    named = [*(targets or ()), *(target or ())]
    aliases, gone = handed_out(project, named, exclude)
    if gone:
        say(f"note: {counted(len(gone), 'key')} {verb(len(gone), 'is', 'are')} left out: deleted on the proxy.")
    given = handout(project, project.state, aliases, revealed_by=_revealing(written, named, exclude or ()))
    text = partial(_text, given, written, per_page=per_page or PerPage.EIGHT, namespace=namespace)
    if place:
        texts = env_files(given) if place.directory else {place.path.name: text(reveal=True, width=UNCUT)}
        write_files(project, place, texts, given, force=force)
    else:
        write(text(reveal=reveal, width=width()).rstrip("\n"))
    if (reveal or place) and (pending := sum(key.status == PENDING for key in given.keys)):
        what, exist = (verb(pending, "is", "are"), verb(pending, "it exists", "they exist"))
        say(f"warning: {counted(pending, 'key')} {what} pending: whether {exist} is settled by: vkstate apply")
    unknown = {key.alias: key.key_id for key in given.keys if key.key is None}
    if (reveal or place) and unknown:
        say_unknown(project, unknown)
        return ExitCode.PARTIAL
    say_closed(project, unknown)
    return ExitCode.OK


def _check_options(written: Format, per_page: PerPage | None, namespace: str | None) -> None:
    """See that every option that was given means something."""
    for option, given, format_ in (
        ("--per-page", per_page, Format.CARDS),
        ("--namespace", namespace, Format.KUBERNETES),
    ):
        if given is not None and written is not format_:
            raise OtherFormat(f"{option} is of --format {format_}, and this is {written}.", hint=f"leave {option} out")
    if namespace is not None and not _NAMESPACE.fullmatch(namespace):
        raise NotANamespace(
            "A namespace has 1 to 63 small letters, digits and dashes, and begins and ends with none of the latter.",
            hint="for example: --namespace workshop",
        )


def _revealing(written: Format, targets: Sequence[str], exclude: Sequence[str]) -> str:
    """The command that gives the same with the key values."""
    format_ = () if written is Format.TABLE else ("--format", written.value)
    shown = ("--out", "cards.html") if written is Format.CARDS else ("--reveal",)
    excluded = (word for one in exclude for word in ("--exclude", one))
    return shlex.join(("vkstate", "output", *targets, *excluded, *format_, *shown))


def _text(
    given: Handout, written: Format, *, per_page: PerPage, namespace: str | None, reveal: bool, width: int
) -> str:
    """The keys in a format, of which only that one's module is imported."""
    match written:
        case Format.TABLE:
            from vkstate.views.formats.table import as_table

            return as_table(given, reveal=reveal, width=width)
        case Format.JSON:
            from vkstate.views.formats.json import as_json

            return as_json(given, reveal=reveal)
        case Format.CSV:
            from vkstate.views.formats.csv import as_csv

            return as_csv(given, reveal=reveal)
        case Format.ENV:
            from vkstate.views.formats.env import as_env

            return as_env(given, reveal=reveal)
        case Format.TXT:
            from vkstate.views.formats.txt import as_txt

            return as_txt(given, reveal=reveal)
        case Format.MARKDOWN:
            from vkstate.views.formats.markdown import as_markdown

            return as_markdown(given, reveal=reveal)
        case Format.KUBERNETES:
            from vkstate.views.formats.kubernetes import as_kubernetes

            return as_kubernetes(given, reveal=reveal, namespace=namespace)
        case Format.CARDS:
            from vkstate.views.formats.cards import PerPage as Cards
            from vkstate.views.formats.cards import as_cards

            return as_cards(given, reveal=reveal, per_page=Cards(int(per_page)))
