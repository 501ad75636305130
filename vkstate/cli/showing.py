"""How plans and outcomes are put on stdout, and progress on stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vkstate.attributes import Json
from vkstate.cli.project import Project
from vkstate.cli.screen import palette, width
from vkstate.cli.terminal import say
from vkstate.executor.outcome import Outcome
from vkstate.fingerprint import fingerprint
from vkstate.plan import Plan
from vkstate.views.documents import dumped, line
from vkstate.views.events import outcome_events
from vkstate.views.human import WIDTH, render_plan
from vkstate.views.json import plan_document
from vkstate.views.outcome import Command, render_outcome
from vkstate.views.summary import Mode, cautions
from vkstate.views.words import prose

if TYPE_CHECKING:
    from vkstate.litellm.client import Connection
    from vkstate.views.progress import Bar, Lines


def show_plan(
    project: Project, plan: Plan, mode: Mode, *, expectable: bool = True, arguments: Sequence[str] | None = None
) -> None:
    """Print a plan for people.

    :param expectable: whether 'vkstate apply --expect' could be held to it: then its fingerprint is shown.
    :param arguments: what ``vkstate apply`` must be told to make the same plan, where the command is to be shown.
    """
    url = project.config.proxy.url
    text = render_plan(
        plan,
        proxy=url,
        mode=mode,
        fingerprint=fingerprint(plan, url) if expectable else None,
        arguments=arguments,
        verbose=project.shared.verbose,
        palette=palette(project),
        width=width(WIDTH),
    )
    sys.stdout.write(text)
    sys.stdout.flush()


def say_warnings(plan: Plan) -> None:
    """Say a plan's warnings where the plan itself is not shown."""
    for sentence in cautions(plan):
        say(f"warning: {prose(sentence)}")


def show_plan_as_markdown(project: Project, plan: Plan, mode: Mode, arguments: Sequence[str]) -> None:
    """Print a plan for a comment on a pull request.

    :param arguments: what ``vkstate apply`` must be told to make the same plan.
    """
    from vkstate.views.markdown import render_markdown

    url = project.config.proxy.url
    sys.stdout.write(
        render_markdown(plan, proxy=url, fingerprint=fingerprint(plan, url), mode=mode, arguments=arguments)
    )
    sys.stdout.flush()


def show_plan_document(project: Project, plan: Plan, mode: Mode) -> None:
    """Print a plan as one document of JSON."""
    sys.stdout.write(dumped(_document(project, plan, mode)))
    sys.stdout.flush()


def show_plan_event(project: Project, plan: Plan, mode: Mode) -> None:
    """Print a plan as one line of JSON, among the events of a run."""
    sys.stdout.write(line({"type": "plan", **_document(project, plan, mode)}))
    sys.stdout.flush()


def _document(project: Project, plan: Plan, mode: Mode) -> dict[str, Json]:
    url = project.config.proxy.url
    return plan_document(plan, proxy=url, mode=mode, fingerprint=fingerprint(plan, url))


def show_outcome(
    project: Project, outcome: Outcome, command: Command, *, as_json: bool, report: Path | None = None
) -> None:
    """Print how a run ended.

    :param report: where its closing report is, if it has one.
    """
    place = None if report is None else from_here(report)
    if as_json:
        sys.stdout.write(outcome_events(outcome, command, place))
    else:
        text = render_outcome(outcome, command=command, report=place, palette=palette(project), width=width())
        sys.stdout.write("\n" + text)
    sys.stdout.flush()


def from_here(path: Path) -> str:
    """A path as it is typed here: by its own name below the working directory, else whole."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def progress(project: Project) -> Bar | Lines:
    """Progress on stderr: a bar on a terminal, a line every few seconds elsewhere."""
    from vkstate.views.progress import Bar, Lines

    if sys.stderr.isatty():
        return Bar(sys.stderr, colour=not project.shared.no_color)
    return Lines(sys.stderr)


@contextmanager
def reading(project: Project, connection: Connection) -> Iterator[None]:
    """Show how reading comes on, where it takes its time."""
    shown = progress(project)
    alarm = threading.Timer(shown.patience, shown.still_reading)
    alarm.daemon = True
    alarm.start()
    try:
        with connection.watched_by(shown):
            yield
    finally:
        alarm.cancel()
        alarm.join()
        shown.ended()
