"""From a project to its plan: the state is read, then the proxy, then the pure parts are asked in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from vkstate.cli.project import Project
from vkstate.cli.terminal import say
from vkstate.errors import ExitCode, VkstateError
from vkstate.executor.orders import sought
from vkstate.keys import Alias, Capabilities, DesiredKey, Live, Member, Recorded, Status
from vkstate.litellm.capabilities import probe, prove_admin, served_models
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import read_live
from vkstate.plan import Action, Plan
from vkstate.planner import plan as make_plan
from vkstate.safety import check_models, limit_deletes, refuse_empty
from vkstate.state.model import State
from vkstate.targets import Selection, restrict, unmatched


class NothingTargeted(VkstateError):
    """A target names no key."""

    summary: ClassVar[str] = "a target matches nothing"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


@dataclass(frozen=True)
class Wish:
    """What a plan is asked for. ``destroy`` desires nothing."""

    destroy: bool = False
    selection: Selection = field(default_factory=Selection)
    allow_deletes: int | None = None


@dataclass(frozen=True)
class Planned:
    """A plan with what it was made from, and the proxy that it would change."""

    plan: Plan
    state: State
    recorded: Recorded
    desired: dict[Alias, DesiredKey]
    proxy: LiteLLMProxy


def planned(project: Project, connection: Connection, wish: Wish) -> Planned:
    """The plan of a project. What is needed only for writing is asked of the proxy only where the plan writes.

    :raises VkstateError: config, state or proxy cannot be read, or a target names nothing.
    """
    desired = {} if wish.destroy else {key.alias: key for key in project.config.keys}
    state = project.state
    project.bound()
    recorded = Recorded(state.lineage, state.keys, project.store.tokens())
    for warning in project.store.warnings:
        say(f"warning: {warning}")
    _check_targets(wish.selection, recorded, project)
    proxy = LiteLLMProxy(connection)
    live = _read(proxy, recorded, desired, project.config.proxy.parallelism)
    plan = make_plan(desired, recorded, live, Capabilities(), connection.now())
    served: frozenset[str] | None = None
    if plan.effective or plan.problems:  # a key that does not see all makes ours look gone: forgetting is writing, too
        able, served = _asked(connection, plan, models=project.config.proxy.check_models != "off")
        plan = make_plan(desired, recorded, live, able, connection.now())
    return Planned(_checked(plan, project, served, wish, recorded, desired), state, recorded, desired, proxy)


def _asked(connection: Connection, plan: Plan, *, models: bool) -> tuple[Capabilities, frozenset[str] | None]:
    """What only a plan that writes needs to know, asked at once: the rights, what the server can do, what it serves
    (None: not asked, as the plan gives nobody a model).
    """
    able = Capabilities()
    served: frozenset[str] | None = None

    def ask_abilities() -> None:
        nonlocal able
        able = probe(connection)

    def ask_models() -> None:
        nonlocal served
        served = served_models(connection)

    questions: list[Callable[[], None]] = [lambda: prove_admin(connection)]
    if plan.of(Action.UPDATE, Action.ADOPT):
        questions.append(ask_abilities)
    if models and _gives_models(plan):
        questions.append(ask_models)
    connection.each(lambda question: question(), questions)
    return able, served


def _check_targets(selection: Selection, recorded: Recorded, project: Project) -> None:
    """Refuse a target that names nothing. What the config names counts for a destroy too, which may be repeated."""
    members: dict[Alias, Member | None] = {alias: key.member for alias, key in recorded.keys.items()}
    members |= {key.alias: key.member for key in project.config.keys}
    if missed := unmatched(selection, list(members.items())):
        raise NothingTargeted(
            f"No key is named by {', '.join(missed)}, neither in the config nor in the state.",
            hint="vkstate state list shows the aliases; quote a glob, so that the shell leaves it alone",
        )


def _read(proxy: LiteLLMProxy, recorded: Recorded, desired: dict[Alias, DesiredKey], parallelism: int) -> Live:
    known = [item for record in recorded.keys.values() if (item := sought(record))]
    unsettled = {alias for alias, record in recorded.keys.items() if record.status is Status.PENDING}
    return read_live(proxy, known, (desired.keys() - recorded.keys.keys()) | unsettled, parallelism=parallelism)


def _checked(
    plan: Plan,
    project: Project,
    served: frozenset[str] | None,
    wish: Wish,
    recorded: Recorded,
    desired: dict[Alias, DesiredKey],
) -> Plan:
    """The plan after the filters, in the order in which they narrow it."""
    if not wish.destroy:
        plan = refuse_empty(plan, desired)
    plan = restrict(plan, wish.selection)
    if wish.destroy:
        return plan
    plan = limit_deletes(plan, recorded=len(recorded.keys), allowed=wish.allow_deletes)
    if served is not None and _gives_models(plan):
        plan = check_models(plan, served, project.config.proxy.check_models)
    return plan


def _gives_models(plan: Plan) -> bool:
    """Whether the plan gives a key models that it did not have."""
    return any(
        change.action in (Action.CREATE, Action.REPLACE) or any(diff.path == "models" for diff in change.diffs)
        for change in plan.changes
    )
