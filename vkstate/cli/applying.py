"""The way of ``apply`` and ``destroy``: lock, plan, show, ask, execute, say what became of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from vkstate.cli.planning import Planned, Wish, planned
from vkstate.cli.project import Project
from vkstate.cli.showing import observer, show_outcome, show_plan
from vkstate.cli.signals import stoppable
from vkstate.cli.terminal import NoTerminal, ask_yes, say
from vkstate.errors import ExitCode, VkstateError
from vkstate.executor.outcome import Outcome
from vkstate.executor.run import execute
from vkstate.executor.stop import Stop
from vkstate.expiry import parse_duration
from vkstate.plan import Action, Plan
from vkstate.state.journal import FileJournal
from vkstate.views.outcome import Command


class NotApplicable(VkstateError):
    """The plan has problems; nothing was sent."""

    summary: ClassVar[str] = "the plan cannot be applied"


class ValuesWouldBeLost(VkstateError):
    """CI would mint key values into a store that dies with the runner."""

    summary: ClassVar[str] = "the new key values would be lost"


class WrongDuration(VkstateError):
    """``--lock-timeout`` is no duration."""

    summary: ClassVar[str] = "the lock timeout is not a duration"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


@dataclass(frozen=True)
class Run:
    """How an ``apply`` or a ``destroy`` was asked for."""

    command: Command
    wish: Wish
    auto_approve: bool
    as_json: bool
    lock_timeout: str
    parallelism: int | None
    reports: bool = True
    secrets_out: Path | None = None
    accept_lost_values: bool = False


def carry_out(project: Project, run: Run, question: Callable[[Planned], str]) -> int:
    """Plan and execute under the lock, and return the exit code.

    :param question: what is asked before anything is changed, ending in a question mark.
    """
    with (
        project.locked(lock_seconds(run.lock_timeout), f"vkstate {run.command}"),
        project.connected() as connection,
    ):
        result = planned(project, connection, run.wish)
        plan = result.plan
        if not run.as_json or plan.problems:
            show_plan(project, plan, as_json=run.as_json)
        if plan.problems:
            raise NotApplicable(_count(len(plan.problems)), hint="solve what is named above, then plan again")
        if plan.effective:
            _keep_values_somewhere(project, run, plan)
            _consent(run, result, question)
        return _execute(project, run, result)


def lock_seconds(text: str) -> float:
    """The seconds of ``--lock-timeout``; ``0s`` does not wait."""
    if text in ("0", "0s"):
        return 0.0
    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise WrongDuration(f"--lock-timeout: {error}.", hint="for example: --lock-timeout 60s") from None


def _count(problems: int) -> str:
    what = "1 problem stands" if problems == 1 else f"{problems} problems stand"
    return f"{what} in the way. Nothing was sent and nothing was written."


def _keep_values_somewhere(project: Project, run: Run, plan: Plan) -> None:
    """In CI, refuse to mint values into a plain store: they would die with the runner."""
    minted = len(plan.of(Action.CREATE, Action.REPLACE))
    if not minted or not os.environ.get("CI") or project.store.encrypted:
        return
    if run.secrets_out or run.accept_lost_values:
        return
    raise ValuesWouldBeLost(
        f"CI is set, and this plan makes {minted} new key values. The secret store in .vkstate/ is not in git: after "
        "this job nobody would know them.",
        hint="add --secrets-out FILE and keep that file, or --accept-lost-values",
    )


def _consent(run: Run, result: Planned, question: Callable[[Planned], str]) -> None:
    if run.auto_approve:
        return
    if run.as_json:
        raise NoTerminal("With --json nothing is asked.", hint="look at vkstate plan first, then add --auto-approve")
    ask_yes(question(result))


def _execute(project: Project, run: Run, result: Planned) -> int:
    journal = FileJournal(
        project.state_file,
        result.state,
        project.store,
        proxy=project.config.proxy.url,
        clock=lambda: datetime.now(UTC),
        reports=run.reports,
    )
    stop = Stop()
    try:
        with stoppable(stop):
            outcome = execute(
                result.plan,
                result.recorded,
                proxy=result.proxy,
                journal=journal,
                parallelism=run.parallelism or project.config.proxy.parallelism,
                observer=observer(project),
                stop=stop,
            )
    except KeyboardInterrupt:
        _leave_at_once(stop)
    show_outcome(project, outcome, run.command, as_json=run.as_json)
    if run.secrets_out:
        _hand_out(project, outcome, run.secrets_out)
    return exit_code(outcome)


def exit_code(outcome: Outcome) -> int:
    """What a finished run means to the shell."""
    if outcome.interrupted and not outcome.complete:
        return ExitCode.TERMINATED if outcome.interrupted == "SIGTERM" else ExitCode.INTERRUPTED
    if outcome.complete:
        return ExitCode.OK
    return ExitCode.PARTIAL if outcome.applied else ExitCode.ERROR


def _leave_at_once(stop: Stop) -> None:
    """End the process after a second signal: workers may hang in the network, and nobody waits for them."""
    say("Stopped at once. What was sent and not answered is recorded as pending; the next apply settles it.")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.TERMINATED if stop.signal == "SIGTERM" else ExitCode.INTERRUPTED)


def _hand_out(project: Project, outcome: Outcome, path: Path) -> None:
    """Write the values of the keys that this run made."""
    from vkstate.cli.handing_out import write_created

    made = {result.change.alias for result in outcome.applied if result.change.action is Action.CREATE}
    count = write_created(project, made, path)
    say(f"{count} key values were written to {path} (mode 0600).")
