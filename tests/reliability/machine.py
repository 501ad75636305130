"""Edits, runs, other people, time, faults and kills in any order, each step held against what had to come of it.

A failure tells the whole story as a shell session; Hypothesis has made it as short as it can.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from itertools import count
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.reliability.ending import ends_well
from tests.reliability.model import Config, Entry
from tests.reliability.oracle import Wish
from tests.reliability.others import ATTRIBUTES, EXISTENCE, FOREIGN, MARKS, NAMES, does, makes
from tests.reliability.session import Session
from tests.reliability.stand import CALM, FAULTS, PATHS, Fault, Faults, Kill, Stand, Trouble

SINGLE: Final = ("one", "two", "three")
WORKSHOPS: Final = ("ws", "other")
USERS: Final = ("ada", "bob")
TARGETS: Final = (*SINGLE, "*", "t*", "ws-*", "ws-ada", "workshop:ws", "workshop:other")
LATER: Final = {"37 minutes": 37, "5 hours": 300, "31 hours": 1860, "9 days": 9 * 1440 + 17}
"""So long that no end ever falls together with a moment at which something is run."""

_Value = TypeVar("_Value")

entries = st.builds(
    Entry,
    budget=st.sampled_from([5, 1, None, "unsaid"]),
    team=st.sampled_from(["unsaid", "a", "b"]),
    life=st.sampled_from(["1d", "2d", "never", "until"]),
    protect=st.sampled_from([None, None, None, True, False]),
    missing=st.sampled_from(["recreate", "recreate", "forget", "error"]),
    ignores=st.sampled_from([False, False, False, True]),
)
members = st.sampled_from([("ada", "bob"), ("ada",), ("bob",)])
targets: st.SearchStrategy[tuple[str, ...]] = st.lists(st.sampled_from(TARGETS), max_size=1).map(tuple)
wishes = st.one_of(
    st.just(Wish()),
    st.just(Wish()),
    st.builds(
        Wish,
        targets=targets,
        excludes=targets,
        replaces=targets,
        grace=st.sampled_from([None, "1h"]),
        renews=targets,
        adopts=st.booleans(),
    ).map(lambda wish: wish if wish.replaces else replace(wish, grace=None)),
)
faults = st.builds(
    Fault, path=st.sampled_from(PATHS), nth=st.integers(min_value=1, max_value=4), what=st.sampled_from(FAULTS)
)
troubles: st.SearchStrategy[Trouble] = st.one_of(
    st.just(CALM),
    st.just(CALM),
    st.builds(Kill, st.integers(min_value=1, max_value=400)),
    st.builds(Faults, st.lists(faults, min_size=1, max_size=3).map(tuple)),
)
aliases: st.SearchStrategy[str] = st.runner().flatmap(lambda machine: st.sampled_from(machine.living))


def _step(method: Callable[..., None]) -> Callable[..., None]:
    """A step of a story, which is fine only once it came to its end."""

    @wraps(method)
    def run(machine: Machine, **given: object) -> None:
        machine.fine = False
        method(machine, **given)
        machine.counted["steps"] += 1
        machine.fine = True

    return run


class Machine(RuleBasedStateMachine):
    """One project, from its first config to its end."""

    place: ClassVar[Path]
    """Where the projects lie."""
    counted: ClassVar[Counter[str]] = Counter()
    """How often each thing was done, by all machines together."""
    _numbers: ClassVar[count[int]] = count()

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(Stand(self.place / str(next(self._numbers))), self.counted)
        until = self.session.now + timedelta(days=3, hours=3, minutes=3)
        self.until = until.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.fine = True
        """Whether every step so far came to its end."""

    def teardown(self) -> None:
        if self.fine:
            ends_well(self.session)
            self.counted["stories"] += 1
        shutil.rmtree(self.session.stand.path)

    @property
    def living(self) -> list[str]:
        """The aliases of the keys on the proxy, a crowd of others apart."""
        found = {row["key_alias"] for row in self.session.world.rows.values()}
        return sorted(alias for alias in found if not alias.startswith("theirs"))

    @property
    def config(self) -> Config:
        return self.session.config

    def _entry(self, entry: Entry) -> Entry:
        return replace(entry, life=self.until) if entry.life == "until" else entry

    @initialize(one=entries, ws=entries, crowd=st.sampled_from([1, 1, 110]))
    @_step
    def begin(self, one: Entry, ws: Entry, crowd: int) -> None:
        """A project that was applied once, beside one key of somebody else's, or more than a page of them."""
        for number in range(crowd):
            made = self.session.stand.proxy.generate({"key_alias": f"theirs{number}"})
            assert made.status_code == 200
        self.session.edit(Config(keys={"one": self._entry(one)}, workshops={"ws": (USERS, self._entry(ws))}))
        self.session.apply(Wish())

    @rule(alias=st.sampled_from(SINGLE), entry=entries)
    @_step
    def declare(self, alias: str, entry: Entry) -> None:
        self.session.edit(replace(self.config, keys={**self.config.keys, alias: self._entry(entry)}))

    @rule(alias=st.sampled_from(SINGLE))
    @_step
    def leave_out(self, alias: str) -> None:
        self.session.edit(replace(self.config, keys=_without(self.config.keys, alias)))

    @rule(name=st.sampled_from(WORKSHOPS), users=members, entry=entries)
    @_step
    def declare_workshop(self, name: str, users: tuple[str, ...], entry: Entry) -> None:
        workshops = {**self.config.workshops, name: (users, self._entry(entry))}
        self.session.edit(replace(self.config, workshops=workshops))

    @rule(name=st.sampled_from(WORKSHOPS))
    @_step
    def leave_out_workshop(self, name: str) -> None:
        self.session.edit(replace(self.config, workshops=_without(self.config.workshops, name)))

    @rule(source=st.sampled_from(SINGLE), to=st.sampled_from(SINGLE), follow=st.booleans())
    @_step
    def declare_move(self, source: str, to: str, follow: bool) -> None:
        """Ask for a move; ``follow`` gives the entry its new name as well."""
        keys = dict(self.config.keys)
        entry = keys.pop(source, None)
        keys |= {to: entry} if entry and follow else {}
        rest = tuple(move for move in self.config.moved if move[0] != source)
        if source != to:
            self.session.edit(replace(self.config, keys=keys, moved=((source, to), *rest)))

    @rule(source=st.sampled_from(WORKSHOPS))
    @_step
    def declare_workshop_moved(self, source: str) -> None:
        target = next(name for name in WORKSHOPS if name != source)
        workshops = dict(self.config.workshops)
        workshops |= {target: workshops.pop(source)} if source in workshops else {}
        move = (f"workshop:{source}", f"workshop:{target}")
        rest = tuple(one for one in self.config.moved if one[0] not in move)
        self.session.edit(replace(self.config, workshops=workshops, moved=(move, *rest)))

    @rule(name=st.sampled_from([*SINGLE, "workshop:ws", "ws-ada"]), destroy=st.booleans())
    @_step
    def declare_removed(self, name: str, destroy: bool) -> None:
        """Take a key out of the config, and say what is to become of it."""
        keys, workshops = _without(self.config.keys, name), dict(self.config.workshops)
        if name.startswith("w") and "ws" in workshops:
            users, entry = workshops.pop("ws")
            left = tuple(user for user in users if f"ws-{user}" != name)
            workshops |= {"ws": (left, entry)} if left and ":" not in name else {}
        rest = tuple(one for one in self.config.removed if one[0] != name)
        config = replace(self.config, keys=keys, workshops=workshops, removed=((name, destroy), *rest))
        self.session.edit(config)

    @rule(alias=st.sampled_from(SINGLE), entry=entries)
    @_step
    def declare_imported(self, alias: str, entry: Entry) -> None:
        keys = {**self.config.keys, alias: self._entry(entry)}
        self.session.edit(replace(self.config, keys=keys, imports=(*self.config.imports, alias)))

    @rule(wish=wishes, trouble=troubles)
    @_step
    def apply(self, wish: Wish, trouble: Trouble) -> None:
        self.session.apply(wish, trouble)

    @rule(replaces=st.sampled_from(TARGETS), grace=st.sampled_from([None, "1h"]), trouble=troubles)
    @_step
    def replace_values(self, replaces: str, grace: str | None, trouble: Trouble) -> None:
        self.session.apply(Wish(replaces=(replaces,), grace=grace), trouble)

    @rule(name=st.sampled_from(TARGETS), trouble=troubles)
    @_step
    def destroy(self, name: str, trouble: Trouble) -> None:
        self.session.apply(Wish("destroy", targets=(name,)), trouble)

    @rule(only=targets, trouble=troubles)
    @_step
    def refresh(self, only: tuple[str, ...], trouble: Trouble) -> None:
        self.session.apply(Wish("refresh", targets=only), trouble)

    @rule(wish=wishes)
    @_step
    def save_plan(self, wish: Wish) -> None:
        self.session.save_plan(wish)

    @precondition(lambda self: self.session.saved is not None)
    @rule(trouble=troubles)
    @_step
    def apply_saved_plan(self, trouble: Trouble) -> None:
        self.session.apply_saved(trouble)

    @rule(source=st.sampled_from(SINGLE), to=st.sampled_from(SINGLE), trouble=troubles)
    @_step
    def state_mv(self, source: str, to: str, trouble: Trouble) -> None:
        self.session.move(source, to, trouble)

    @rule(source=st.sampled_from(WORKSHOPS), to=st.sampled_from(WORKSHOPS), trouble=troubles)
    @_step
    def state_mv_workshop(self, source: str, to: str, trouble: Trouble) -> None:
        self.session.move(f"workshop:{source}", f"workshop:{to}", trouble)

    @rule(to=st.sampled_from(TARGETS), trouble=troubles)
    @_step
    def state_rm(self, to: str, trouble: Trouble) -> None:
        self.session.release(to, trouble)

    @rule(lost=st.booleans())
    @_step
    def state_rebuild(self, lost: bool) -> None:
        self.session.rebuild(lost=lost)

    @rule(alias=st.sampled_from(SINGLE))
    @_step
    def take_over(self, alias: str) -> None:
        self.session.take_over(alias)

    @rule()
    @_step
    def look(self) -> None:
        self.session.look()

    @rule(passes=st.sampled_from(sorted(LATER)))
    @_step
    def later(self, passes: str) -> None:
        self.session.story.append(f"# {passes} pass")
        self.session.stand.clock.forward(minutes=LATER[passes])

    @precondition(lambda self: self.living)
    @rule(what=st.sampled_from(sorted(ATTRIBUTES)), alias=aliases)
    @_step
    def somebody_changes(self, what: str, alias: str) -> None:
        does(self.session, what, alias)

    @precondition(lambda self: self.living)
    @rule(what=st.sampled_from(sorted(EXISTENCE)), alias=aliases)
    @_step
    def somebody_takes_away(self, what: str, alias: str) -> None:
        does(self.session, what, alias)

    @precondition(lambda self: self.living)
    @rule(what=st.sampled_from(sorted(NAMES)), alias=aliases)
    @_step
    def somebody_confuses(self, what: str, alias: str) -> None:
        does(self.session, what, alias)

    @precondition(lambda self: self.living)
    @rule(what=st.sampled_from(sorted(MARKS)), alias=aliases)
    @_step
    def somebody_claims(self, what: str, alias: str) -> None:
        does(self.session, what, alias)

    @rule(alias=st.sampled_from([*SINGLE, "ws-ada", "other-bob"]), marked=st.sampled_from([False, False, True]))
    @_step
    def somebody_makes(self, alias: str, marked: bool) -> None:
        mark = {"metadata": {"vkstate": {"lineage": FOREIGN, "id": "0123456789abcdef"}}}
        makes(self.session, alias, **(mark if marked else {"max_budget": 3}))


def _without(mapping: Mapping[str, _Value], name: str) -> dict[str, _Value]:
    return {key: value for key, value in mapping.items() if key != name}
