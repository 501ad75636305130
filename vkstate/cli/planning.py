"""From a project to its plan: the state is read, then the proxy, then the pure parts are asked in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from vkstate.cli.project import Project
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
    _check_targets(wish.selection, recorded, desired)
    proxy = LiteLLMProxy(connection)
    live = _read(proxy, recorded, desired, project.config.proxy.parallelism)
    plan = make_plan(desired, recorded, live, Capabilities(), connection.now())
    if any(change.needs_request for change in plan.changes) or plan.problems:
        prove_admin(connection)
        if plan.of(Action.UPDATE, Action.ADOPT):
            plan = make_plan(desired, recorded, live, probe(connection), connection.now())
    return Planned(_checked(plan, project, connection, wish, recorded, desired), state, recorded, desired, proxy)


def _check_targets(selection: Selection, recorded: Recorded, desired: dict[Alias, DesiredKey]) -> None:
    members: dict[Alias, Member | None] = {alias: key.member for alias, key in recorded.keys.items()}
    members |= {alias: key.member for alias, key in desired.items()}
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
    connection: Connection,
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
    if project.config.proxy.check_models != "off" and _gives_models(plan):
        plan = check_models(plan, served_models(connection), project.config.proxy.check_models)
    return plan


def _gives_models(plan: Plan) -> bool:
    """Whether the plan gives a key models that it did not have."""
    return any(
        change.action in (Action.CREATE, Action.REPLACE) or any(diff.path == "models" for diff in change.diffs)
        for change in plan.changes
    )
