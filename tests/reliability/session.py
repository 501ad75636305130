"""One project's life as a shell session: each command is foretold, run, and held against what was foretold."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.reliability.aftermath import Aftermath
from tests.reliability.invariants import NOTHING_TO_DO, Broken, Guard
from tests.reliability.model import Config, Want, World, mark_of, matches, member_of, seen
from tests.reliability.oracle import Expected, Wish, expected, expected_move, expected_release, kind_of, rebuilt
from tests.reliability.stand import CALM, Calm, Kill, Stand, Trouble
from tests.workspace import Ran

USAGE = 64
STALE = 6


@dataclass
class Session:
    """A project that is edited, run and disturbed. ``story`` tells it all, ``counted`` how often what was done."""

    stand: Stand
    counted: Counter[str]
    config: Config = field(default_factory=Config)
    story: list[str] = field(default_factory=list)
    doubled: set[str] = field(default_factory=set)
    """The aliases that somebody has given to a second key."""
    saved: tuple[Wish, Expected, Config, World] | None = None
    """What was asked for when a plan was saved, what it was to be, and what it was made of."""

    def __post_init__(self) -> None:
        self.guard = Guard(self.stand.workspace, self.stand.proxy)
        self.stand.workspace.configure(self.config.text)

    @property
    def now(self) -> datetime:
        """The server's clock."""
        return self.stand.clock()

    @property
    def world(self) -> World:
        return seen(self.stand.workspace)

    def fail(self, complaints: Sequence[str], ran: Ran | None = None) -> None:
        """Fail with the whole story, where there is anything to complain about.

        :raises Broken: there is.
        """
        if complaints:
            said = [ran.stdout, ran.stderr] if ran else []
            raise Broken("\n".join(["", *self.story, *(f"=> {one}" for one in complaints), *said]))

    def edit(self, config: Config) -> None:
        """Write another config."""
        config = config.tidy()
        if config != self.config:
            self.config = config
            self.counted["edits of the config"] += 1
            self.stand.workspace.write("vkstate.yaml", config.text)
            self.story += ["$ cat vkstate.yaml", *(f"    {line}" for line in config.text.splitlines()[3:])]

    def plan_of(self, wish: Wish) -> Expected:
        """What a wish must lead to now."""
        return expected(self.config, self.world, wish, self.now)

    def _run(self, arguments: tuple[str, ...], trouble: Trouble = CALM) -> tuple[Ran | None, bool]:
        """Run a command; also whether it was disturbed."""
        self.counted[f"runs of {arguments[0]}"] += 1
        self.story.append(f"$ vkstate {shlex.join(arguments)}{trouble}")
        ran, faults = self.stand.run(arguments, trouble)
        self.counted["kills"] += ran is None
        self.counted["faults"] += faults
        if isinstance(trouble, Kill) and ran is not None:
            self.story.append("    # it had ended before")
        return ran, ran is None or faults > 0

    def apply(self, wish: Wish, trouble: Trouble = CALM) -> None:
        """``apply``, ``destroy`` or ``refresh``."""
        before, then = self.world, self.now
        wanted = expected(self.config, before, wish, then)
        ways = () if wish.mode == "refresh" or not isinstance(trouble, Calm) else ("--parallelism", "8")
        ran, disturbed = self._run((wish.mode, "--auto-approve", "--json", *wish.options, *ways), trouble)
        if self._names_nothing(wish, before) and ran is not None:
            self._refused(before, ran, USAGE)
        else:
            self._judge(wanted, before, then, ran, disturbed)

    def _names_nothing(self, wish: Wish, before: World) -> bool:
        """Whether an option names no key at all."""
        members = {alias: member_of(record) for alias, record in before.records.items()}
        members |= {alias: want.member for alias, want in self.config.wants.items()}
        asked = (*wish.targets, *wish.excludes, *wish.replaces, *wish.renews)
        return not all(any(matches(target, *key) for key in members.items()) for target in asked)

    def _refused(self, before: World, ran: Ran, *codes: int) -> None:
        complaints = [] if ran.code in codes else [f"it ended with {ran.code}, and should with {codes}"]
        self.fail([*complaints, *self._unchanged(before)], ran)

    def _unchanged(self, before: World) -> Iterator[str]:
        after = self.world
        if (after.state, after.raw, after.values) != (before.state, before.raw, before.values):
            yield f"something has changed: {before} has become {after}"

    def _judge(self, wanted: Expected, before: World, then: datetime, ran: Ran | None, disturbed: bool) -> None:
        """See that a run did what it had to, and said so."""
        aftermath = Aftermath(wanted, before, self.world, then)
        if ran is None:
            complaints = [*aftermath.complaints(())]
        elif wanted.problems and not (disturbed and ran.events[0]["type"] != "plan"):
            complaints = [*_problems(wanted, ran), *self._unchanged(before)]
        else:
            done = {event["alias"] for event in ran.events if event["type"] == "applied"}
            complaints = [*_account(wanted, ran, disturbed), *aftermath.complaints(done)]
        self.fail(complaints, ran)
        self.watch()

    def watch(self) -> None:
        """See that what holds at every instant holds."""
        self.guard.doubled = self.doubled
        try:
            self.guard.check()
        except Broken as broken:
            self.fail([str(broken)])

    def look(self) -> None:
        """Commands that only read, and tell the truth."""
        before = self.world
        wanted = self.plan_of(Wish())
        ran, _ = self._run(("plan", "--json"))
        assert ran is not None
        told = {change["alias"]: change["action"] for change in ran.document["changes"]}
        complaints = [*_problems(wanted, ran)] if wanted.problems else []
        if told != wanted.told:
            complaints.append(f"it plans {told}, and should {wanted.told}")
        self.fail([*complaints, *self._unchanged(before)], ran)
        ran, _ = self._run(("output", "--json", "--reveal"))
        assert ran is not None
        held = self.stand.workspace.stored
        handed = {key["alias"]: key["key"] for key in ran.document["keys"]}
        right = {
            alias: held.get(record.get("token", ""))
            for alias, record in before.records.items()
            if "retired" not in record and record["status"] != "gone"
        }
        self.fail([] if handed == right else [f"it hands out {handed}, and should {right}"], ran)

    def save_plan(self, wish: Wish) -> None:
        """``plan --out``."""
        before, wanted = self.world, self.plan_of(wish)
        modes = {"destroy": ("--destroy",), "refresh": ("--refresh-only",)}.get(wish.mode, ())
        ran, _ = self._run(("plan", "--out", "saved.plan", *modes, *wish.options))
        assert ran is not None
        if self._names_nothing(wish, before):
            self._refused(before, ran, USAGE)
        else:
            self._refused(before, ran, 1 if wanted.problems else 0)
            if not wanted.problems:
                self.saved = wish, wanted, self.config, before

    def apply_saved(self, trouble: Trouble = CALM) -> None:
        """``apply saved.plan``: that very plan, or none."""
        if self.saved is None:
            return
        wish, then_wanted, config, world = self.saved
        before, then = self.world, self.now
        wanted = expected(self.config, before, wish, then)
        ran, disturbed = self._run(("apply", "saved.plan", "--json"), trouble)
        same = (config, world.state, world.raw) == (self.config, before.state, before.raw)
        if ran is not None and ran.code == STALE and not (same and wanted == then_wanted):
            self._refused(before, ran, STALE)
        elif ran is not None and self._names_nothing(wish, before):
            self._refused(before, ran, USAGE, STALE)
        else:
            if ran is not None and ran.code == 0 and _gist(wanted) != _gist(then_wanted):
                self.fail([f"{_gist(then_wanted)} was saved, and {_gist(wanted)} was done"], ran)
            self._judge(wanted, before, then, ran, disturbed)

    def move(self, source: str, target: str, trouble: Trouble = CALM) -> None:
        """``state mv``."""
        before, then = self.world, self.now
        wanted = expected_move(self.config, before, source, target, then)
        ran, disturbed = self._run(("state", "mv", source, target, "--auto-approve", "--json"), trouble)
        if wanted is None:
            if ran is not None:
                self._refused(before, ran, 1, USAGE)
        else:
            self._judge(wanted, before, then, ran, disturbed)

    def release(self, target: str, trouble: Trouble = CALM) -> None:
        """``state rm``."""
        before, then = self.world, self.now
        wanted = expected_release(before, target, then)
        ran, disturbed = self._run(("state", "rm", target, "--auto-approve", "--json"), trouble)
        if wanted is None:
            if ran is not None:
                self._refused(before, ran, 1, USAGE)
        else:
            self._judge(wanted, before, then, ran, disturbed)

    def rebuild(self, *, lost: bool = False) -> None:
        """``state rebuild``; ``lost``: after the state file went away."""
        before = self.world
        if lost:
            self.story.append("$ rm vkstate.state.json")
            self.stand.workspace.state_path.unlink()
        right, left_over = rebuilt(before, lost=lost)
        ran, _ = self._run(("state", "rebuild", "--auto-approve"))
        assert ran is not None
        if right is None:
            self.story += ["$ git restore vkstate.state.json"] * lost
            self.stand.workspace.write("vkstate.state.json", before.state)
            self._refused(before, ran, 1)
            return
        after = self.world
        found = {alias: record.get("token") for alias, record in after.records.items()}
        complaints = [] if found == right else [f"it records {found}, and should {right}"]
        complaints += [] if after.raw == before.raw else ["it changed the proxy"]
        code = 3 if left_over else 0
        complaints += [] if ran.code == code else [f"it ended with {ran.code}, and should with {code}"]
        self.fail(complaints, ran)
        self.watch()

    def take_over(self, alias: str) -> None:
        """``import``: a key is ours from now on, and nothing of it changes but that."""
        before = self.world
        rows, want = before.bearing(alias), self.config.wants.get(alias)
        known = {record.get("token") for record in before.records.values()}
        ran, _ = self._run(("import", alias, "--auto-approve", "--json"))
        assert ran is not None
        if len(rows) == 1 and rows[0]["token"] in known:
            self._refused(before, ran, 0)
        elif len(rows) != 1 or want is None or alias in before.records or not _is_free(rows[0], before.lineage):
            self._refused(before, ran, 1, USAGE)
        else:
            self.fail([*self._taken_over(before, want, rows[0]["token"])], ran)
            self.watch()

    def _taken_over(self, before: World, want: Want, token: str) -> Iterator[str]:
        after = self.world
        record = after.records.get(want.alias, {})
        right = dict(before.rows[token])
        mark = {"lineage": before.lineage, "id": record.get("id")}
        mark |= {"workshop": want.member[0], "user": want.member[1]} if want.member else {}
        right["metadata"] = {**right["metadata"], "vkstate": mark}
        moving = ("updated_at", "updated_by", "settings_updated_at")
        if {**after.rows[token], **dict.fromkeys(moving)} != {**right, **dict.fromkeys(moving)}:
            yield f"{want.alias} was {before.rows[token]}, and is {after.rows[token]}"
        if (record.get("token"), record.get("status")) != (token, "ready"):
            yield f"{want.alias} is recorded as {record}"
        rest = {name: row for name, row in after.raw.items() if name != token}
        if rest != {name: row for name, row in before.raw.items() if name != token}:
            yield "other keys have changed"

    def nothing_to_do(self) -> None:
        """A plan finds nothing."""
        ran, _ = self._run(("plan", "--detailed-exitcode"))
        assert ran is not None
        if (ran.code, ran.last_line) != (0, NOTHING_TO_DO):
            self.fail(["the plan finds something to do"], ran)


def _is_free(row: object, lineage: str) -> bool:
    """Whether no other project has marked a key."""
    assert isinstance(row, dict)
    return bool(mark_of(row).get("lineage", lineage) == lineage)


def _gist(wanted: Expected) -> list[tuple[str, str, str]]:
    """What a plan is about: alias, action, key."""
    return sorted((fate.alias, fate.action, fate.row["token"] if fate.row else "") for fate in wanted.fates.values())


def _problems(wanted: Expected, ran: Ran) -> Iterator[str]:
    """What is wrong with the problems that a run tells of."""
    document = ran.document if ran.stdout.startswith("{\n") else ran.events[0]
    told = {(kind_of(problem["detail"]), problem["alias"]) for problem in document.get("problems", ())}
    if told != wanted.problems:
        yield f"it tells of {sorted(told, key=str)}, and should of {sorted(wanted.problems, key=str)}"
    if ran.code != 1:
        yield f"it ended with {ran.code}, and there are problems"


def _account(wanted: Expected, ran: Ran, disturbed: bool) -> Iterator[str]:
    """What is wrong with what a run says that it did."""
    *results, last = ran.events
    if "vkstate has a bug" in ran.stderr:
        yield "it says that it has a bug"
    if last["type"] == "error":
        if not disturbed or ran.code != 1 or results:
            yield f"it ended with {ran.code}: {last['detail']}"
        return
    told = {result["alias"]: result["action"] for result in results}
    if told != wanted.told:
        yield f"it did {told}, and should {wanted.told}"
    failed = {result["alias"] for result in results if result["type"] != "applied"}
    hindered = {alias for alias, fate in wanted.fates.items() if fate.hindered}
    if not disturbed and failed != hindered:
        yield f"{failed or 'nothing'} failed, and {hindered or 'nothing'} should"
    code = 0 if not failed else 3 if len(failed) < len(results) else 1
    if ran.code != code:
        yield f"it ended with {ran.code}, and should with {code}"
