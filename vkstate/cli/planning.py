"""From a project to its plan: the state is read, then the proxy, then the pure parts are asked in turn."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Final

from vkstate.attributes import LATER
from vkstate.cli.declared_secrets import refuse_secrets
from vkstate.cli.project import Project
from vkstate.cli.showing import reading
from vkstate.cli.terminal import say
from vkstate.differences import declared_of
from vkstate.errors import ExitCode, VkstateError
from vkstate.executor.orders import sought
from vkstate.expiry import parse_duration
from vkstate.keys import Alias, Capabilities, DesiredKey, Live, Member, Recorded, Status
from vkstate.litellm.capabilities import probe, prove_admin, served_models
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.reader import read_live
from vkstate.litellm.teams import read_teams
from vkstate.options import Options
from vkstate.plan import Action, Plan
from vkstate.planner import plan as make_plan
from vkstate.refresh import refresh
from vkstate.safety import check_models, limit_deletes, refuse_empty, refuse_vain
from vkstate.state.holder import holder_of
from vkstate.state.model import State
from vkstate.targets import Selection, matches, restrict, unmatched
from vkstate.teams import Teams, check_teams, sought_teams

_ON_WHAT_WAS_FOUND: Final = frozenset({Action.UPDATE, Action.DELETE})
"""What is done to a key that was found. Every other action relies on a key not being found, and only a master key that
sees all keys can tell that.
"""


class NothingTargeted(VkstateError):
    """A target names no key."""

    summary: ClassVar[str] = "a target matches nothing"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


@dataclass(frozen=True)
class Wish:
    """What a plan is asked for on the command line.

    ``destroy`` desires nothing. ``refresh_only`` accepts what is live into the state, and asks nothing of the proxy.
    ``replace`` and ``renew`` are targets; ``grace`` is how long the old value of a replaced key works on, a duration as
    it was written.
    """

    destroy: bool = False
    selection: Selection = field(default_factory=Selection)
    allow_deletes: int | None = None
    replace: tuple[str, ...] = ()
    grace: str | None = None
    renew: tuple[str, ...] = ()
    adopt_replaced: bool = False
    refresh_only: bool = False


@dataclass(frozen=True)
class Planned:
    """A plan with what it was made from, and the proxy that it would change."""

    plan: Plan
    state: State
    recorded: Recorded
    proxy: LiteLLMProxy


def planned(project: Project, connection: Connection, wish: Wish, *, writing: bool = True) -> Planned:
    """The plan of a project. What is needed only for writing is asked of the proxy only where the plan writes.

    :param writing: whether the plan is to be carried out: then the key that is presented must be allowed to.
    :raises VkstateError: config, state or proxy cannot be read, or a target names nothing.
    """
    config = project.config
    declared = {key.alias: key for key in config.keys}
    desired = {} if wish.destroy else declared
    recorded = known_here(project)
    _check_targets(wish, recorded, project)
    proxy = LiteLLMProxy(connection)
    with reading(project, connection):
        live = read(proxy, recorded, desired, config.proxy.parallelism)
    options = Options(
        replace=wish.replace,
        grace=None if wish.grace is None else timedelta(seconds=parse_duration(wish.grace)),
        renew=wish.renew,
        imports=config.imports,
        moves=config.moves,
        removed=config.removed,
        adopt_replaced=wish.adopt_replaced,
    )

    def made(able: Capabilities) -> Plan:
        if wish.refresh_only:
            return refresh(recorded, live, declared)
        return make_plan(desired, recorded, live, able, connection.now(), options)

    models = config.proxy.check_models != "off"
    plan, told = asked_and_made(connection, made, models=models, writing=writing and not wish.refresh_only)
    plan = _checked(plan, project, told, wish, recorded, desired)
    refuse_secrets(plan, project.secrets())
    return Planned(plan, project.state, recorded, proxy)


def read_beside_others(project: Project) -> None:
    """Read the state without its lock, and say so where somebody else works on it meanwhile."""
    before = holder_of(project.state_path)
    project.bound()
    if holder := before or holder_of(project.state_path):
        say(f"note: another run is under way, by {holder}. What it has not finished yet looks interrupted here.")


def known_here(project: Project) -> Recorded:
    """What this machine knows of the project's keys: its state, which must belong to the proxy, and its store."""
    state = project.state
    project.bound()
    recorded = Recorded(state.lineage, state.keys, project.store.tokens())
    project.say_of_store()
    return recorded


@dataclass
class Told:
    """What the proxy told of itself for a plan that writes; None: it was not asked."""

    able: Capabilities = field(default_factory=Capabilities)
    served: frozenset[str] | None = None
    teams: Teams | None = None


def asked_and_made(
    connection: Connection, made: Callable[[Capabilities], Plan], *, models: bool = False, writing: bool = True
) -> tuple[Plan, Told]:
    """A plan, and what the proxy tells of itself. What only a plan that writes needs is asked only where it does.

    :param made: the plan, for what the server can do.
    :param models: whether to ask what is served.
    :param writing: whether the plan is to be carried out.
    """
    plan = made(Capabilities())
    if not (plan.effective or plan.problems):  # a key that does not see all makes ours look gone: that is writing, too
        return plan, Told()
    told = _asked(connection, plan, models=models, writing=writing)
    return made(told.able), told


def _asked(connection: Connection, plan: Plan, *, models: bool, writing: bool) -> Told:
    """What only a plan that writes needs to know, asked at once: the rights, what the server can do, what it serves."""
    told = Told()
    teams = sought_teams(plan)

    def ask_abilities() -> None:
        told.able = probe(connection, writing=writing)

    def ask_models() -> None:
        told.served = served_models(connection)

    def ask_teams() -> None:
        told.teams = read_teams(connection, teams)

    questions: list[Callable[[], None]] = []
    if plan.problems or any(change.action not in _ON_WHAT_WAS_FOUND for change in plan.effective):
        questions.append(lambda: prove_admin(connection))
    made = [change.desired for change in plan.of(Action.CREATE, Action.REPLACE) if change.desired]
    sends = writing and any(change.needs_request for change in plan.effective)
    if sends or plan.of(Action.UPDATE, Action.ADOPT) or any(declared_of(key, LATER) for key in made):
        questions.append(ask_abilities)
    if models and any(change.desired for change in plan.changes):
        questions.append(ask_models)
    if teams:
        questions.append(ask_teams)
    connection.each(lambda question: question(), questions)
    return told


def _check_targets(wish: Wish, recorded: Recorded, project: Project) -> None:
    """Refuse a target that names nothing. What the config names counts for a destroy too, which may be repeated."""
    members: dict[Alias, Member | None] = {alias: key.member for alias, key in recorded.keys.items()}
    members |= {key.alias: key.member for key in project.config.keys}
    asked = Selection((*wish.selection.targets, *wish.replace, *wish.renew), wish.selection.excludes)
    if missed := unmatched(asked, list(members.items())):
        raise NothingTargeted(
            f"No key is named by {', '.join(missed)}, neither in the config nor in the state.",
            hint="vkstate state list shows the aliases; quote a glob, so that the shell leaves it alone",
        )
    for option, targets in (("--replace", wish.replace), ("--renew", wish.renew)):
        for target in targets:
            named = [alias for alias, member in members.items() if matches(target, alias, member)]
            if not any(wish.selection.selects(alias, members[alias]) for alias in named):
                say(f"note: {option} {target} does nothing: --target and --exclude leave out what it names.")


def read(proxy: LiteLLMProxy, recorded: Recorded, desired: Collection[Alias], parallelism: int) -> Live:
    """What the planner has to see of the proxy: our keys, and every row under an alias that is newly desired."""
    known = [item for record in recorded.keys.values() if (item := sought(record))]
    unsettled = {alias for alias, record in recorded.keys.items() if record.status is Status.PENDING}
    return read_live(proxy, known, (set(desired) - recorded.keys.keys()) | unsettled, parallelism=parallelism)


def _checked(
    plan: Plan,
    project: Project,
    told: Told,
    wish: Wish,
    recorded: Recorded,
    desired: dict[Alias, DesiredKey],
) -> Plan:
    """The plan after the filters, in the order in which they narrow it."""
    if not (wish.destroy or wish.refresh_only):
        plan = refuse_vain(plan, replaces=wish.replace, renews=wish.renew)
        plan = refuse_empty(plan, desired, lets_go=any(not one.destroy for one in project.config.removed))
    plan = restrict(plan, wish.selection)
    if wish.destroy or wish.refresh_only:
        return plan
    owned = sum(key.retired is None for key in recorded.keys.values())  # a retired key is no second one
    plan = limit_deletes(plan, recorded=owned, allowed=wish.allow_deletes, limits=project.config.safety)
    if told.served is not None:
        plan = check_models(plan, told.served, project.config.proxy.check_models)
    return plan if told.teams is None else check_teams(plan, told.teams)
