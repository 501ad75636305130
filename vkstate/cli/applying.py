"""The way of ``apply`` and ``destroy``: lock, plan, show, ask, execute, say what became of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from vkstate.cli.elsewhere import from_here
from vkstate.cli.expecting import Expected
from vkstate.cli.lock_timeout import lock_seconds
from vkstate.cli.own_files import refuse_own
from vkstate.cli.planning import Planned
from vkstate.cli.project import Project
from vkstate.cli.showing import progress, say_warnings, show_outcome, show_plan, show_plan_event
from vkstate.cli.signals import stoppable
from vkstate.cli.terminal import NoTerminal, ask_yes, hush, say
from vkstate.errors import ExitCode, VkstateError
from vkstate.executor.outcome import Outcome
from vkstate.executor.run import execute
from vkstate.executor.stop import Stop
from vkstate.keys import Alias, RecordedKey
from vkstate.litellm.client import Connection
from vkstate.plan import Action, Plan
from vkstate.state.exposed import refuse_addable
from vkstate.state.journal import FileJournal
from vkstate.views.outcome import Command
from vkstate.views.reissue import reissue_note
from vkstate.views.summary import counted_problems
from vkstate.views.words import counted, verb


class NotApplicable(VkstateError):
    """The plan has problems; nothing was sent."""

    summary: ClassVar[str] = "the plan cannot be applied"


class ValuesWouldBeLost(VkstateError):
    """CI would mint key values into a store that dies with the runner."""

    summary: ClassVar[str] = "the new key values would be lost"


class SecretsFileUnusable(VkstateError):
    """``--secrets-out`` names a file that cannot be written, or that should not be."""

    summary: ClassVar[str] = "the new key values cannot be written there"


@dataclass(frozen=True)
class Run:
    """How a command that changes something was asked for.

    ``name`` is the command as it is typed, ``command`` the kind of its outcome's words. With ``expected`` nothing but
    that very plan is carried out, and nothing is asked. ``dry`` shows the plan and leaves it at that.
    """

    name: str
    command: Command
    auto_approve: bool = False
    as_json: bool = False
    lock_timeout: str = "0s"
    parallelism: int | None = None
    reports: bool = True
    secrets_out: Path | None = None
    accept_lost_values: bool = False
    expected: Expected | None = None
    dry: bool = False

    @property
    def asks_nobody(self) -> bool:
        """Whether the plan is carried out as soon as it is made."""
        return self.auto_approve or self.expected is not None


def carry_out(
    project: Project,
    run: Run,
    make: Callable[[Connection], Planned],
    question: Callable[[Plan], str],
    *,
    beforehand: Callable[[], None] | None = None,
    asks: Callable[[], bool] = bool,
) -> int:
    """Plan and execute under the lock, and return the exit code.

    :param make: the plan, made while the lock is held.
    :param question: what is asked before anything is changed, ending in a question mark.
    :param beforehand: writes what has to be on this machine before the state and the proxy are changed.
    :param asks: whether that alone needs consent, where the plan changes nothing.
    """
    timeout = lock_seconds(run.lock_timeout)
    project.precheck()
    with (
        nullcontext() if run.dry else project.locked(timeout, f"vkstate {run.name}"),
        project.connected() as connection,
    ):
        project.in_git(writing=not run.dry)
        result = make(connection)
        plan = result.plan
        if not run.as_json:
            show_plan(project, plan, run.command, expectable=run.name == "apply")
        elif run.dry or plan.problems:
            show_plan_event(project, plan, run.command)
        else:
            say_warnings(plan)
        if run.expected:
            run.expected.check(plan, project.config.proxy.url)
        if plan.problems:
            raise NotApplicable(_in_the_way(plan), hint="solve what is named above, then plan again")
        if run.dry:
            return ExitCode.OK
        if plan.effective or asks():
            _keep_values_somewhere(project, run, plan)
            _consent(run, plan, question)
        if beforehand:
            beforehand()
        return _execute(project, run, result)


def _in_the_way(plan: Plan) -> str:
    problems = counted_problems(plan)
    stand = "stands" if problems == counted(1, "problem") else "stand"
    return f"{problems} {stand} in the way. Nothing was sent and nothing was written."


def _keep_values_somewhere(project: Project, run: Run, plan: Plan) -> None:
    """See, before anything is sent, that the values to be minted will not be lost with this machine."""
    minted = len(plan.of(Action.CREATE, Action.REPLACE))
    if not minted:
        return
    if run.secrets_out:
        refuse_own(project, run.secrets_out)
        _check_writable(run.secrets_out)
        refuse_addable(run.secrets_out, hidden=project.hidden)
        return
    if not _in_ci() or project.store.encrypted or run.accept_lost_values:
        return
    if project.is_sandbox:  # its keys lie beside their values, and go with them
        return
    raise ValuesWouldBeLost(
        f"CI is set, and this plan makes {counted(minted, 'new key value')}. The "
        "secret store in .vkstate/ is not in git: after this job nobody would know them.",
        hint="add --secrets-out FILE and keep that file, or --accept-lost-values; or have them encrypted, to be "
        "committed: vkstate secrets migrate --to age",
    )


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def _check_writable(path: Path) -> None:
    """A file that cannot be written is found out now, and not once its values exist; one that exists may be the only
    place that holds the values of an earlier run.
    """
    if os.path.lexists(path):
        raise SecretsFileUnusable(
            f"--secrets-out: {path} exists already, and may hold the values of an earlier run. Nothing was sent.",
            hint="move that file away, or name another one",
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise SecretsFileUnusable(
            f"--secrets-out: {path.parent} is no directory that can be written to. Nothing was sent.",
            hint="make that directory, or name another file",
        )


def _consent(run: Run, plan: Plan, question: Callable[[Plan], str]) -> None:
    if run.asks_nobody:
        return
    if run.as_json:
        raise NoTerminal("With --json nothing is asked.", hint="look at vkstate plan first, then add --auto-approve")
    if any(change.needs_request for change in plan.effective):
        ask_yes(question(plan))
    else:
        ask_yes(question(plan), changes="state" if plan.effective else "config")


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
    shown = progress(project) if any(change.needs_request for change in result.plan.effective) else None
    watched = result.proxy.connection.watched_by(shown) if shown else nullcontext()
    try:
        with _handing_out(project, run, result.plan), stoppable(stop), watched:
            outcome = execute(
                result.plan,
                result.recorded,
                proxy=result.proxy,
                journal=journal,
                parallelism=run.parallelism or project.config.proxy.parallelism,
                just_planned=run.asks_nobody,
                observer=shown,
                stop=stop,
            )
    except KeyboardInterrupt:
        _leave_at_once(stop)
    try:
        show_outcome(project, outcome, run.command, as_json=run.as_json, report=journal.report_path)
    except BrokenPipeError:  # whoever read the plan has seen enough; what was done does not change by that
        hush()
    if not run.as_json:
        _say_new_values(project, run, outcome, result.recorded.keys, journal.state.keys)
    return exit_code(outcome)


def _say_new_values(
    project: Project,
    run: Run,
    outcome: Outcome,
    before: Mapping[Alias, RecordedKey],
    after: Mapping[Alias, RecordedKey],
) -> None:
    file = None if run.secrets_out is None else str(run.secrets_out)
    if note := reissue_note(outcome, before, after, file=file):
        directory = project.shared.chdir
        say(from_here(note, None if directory is None else str(directory)))


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


@contextmanager
def _handing_out(project: Project, run: Run, plan: Plan) -> Iterator[None]:
    """Write ``--secrets-out`` however the run ends, with the values of what was recorded by then as well."""
    try:
        yield
    except BaseException:
        with suppress(VkstateError):
            _hand_out(project, run, plan)
        raise
    _hand_out(project, run, plan)


def _hand_out(project: Project, run: Run, plan: Plan) -> None:
    """Write the values of the keys that this run made, or that it sent and got no answer for."""
    if not run.secrets_out:
        return
    from vkstate.cli.handing_out import write_created

    count = write_created(project, [change.alias for change in plan.of(Action.CREATE, Action.REPLACE)], run.secrets_out)
    if count:
        say(f"{counted(count, 'new key value')} {verb(count, 'was', 'were')} written to {run.secrets_out} (mode 0600).")
    else:
        say(f"There are no new key values: {run.secrets_out} was not written.")
