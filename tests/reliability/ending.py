"""How every story has to end: once nobody disturbs any more, each problem goes away by its own hint, an apply brings
everything right, a plan finds nothing, and a destroy leaves nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.reliability.model import Config, Entry, Row, World
from tests.reliability.oracle import Expected, Wish, is_marked
from tests.reliability.others import does
from tests.reliability.session import Session

PATIENCE = 30
"""Steps after which it counts as never ending."""


def ends_well(session: Session) -> None:
    """Bring a project to its end.

    :raises Broken: it does not come to it.
    """
    session.story.append("# from here on nobody disturbs; an hour passes")
    session.stand.clock.forward(minutes=61)
    _converges(session)
    session.nothing_to_do()
    _unprotect(session)
    _converges(session)
    session.apply(Wish("destroy"))
    left = [row["key_alias"] for row in session.world.rows.values() if session.world.is_ours(row)]
    session.fail([f"{alias} is left" for alias in left])
    session.fail([f"{alias} is recorded still" for alias in session.world.records])


def _converges(session: Session) -> None:
    """Follow hints until a plan has no problem, and apply it."""
    adopts, wanted = False, Expected()
    for _ in range(PATIENCE):
        wanted = session.plan_of(Wish(adopts=adopts))
        if not wanted.problems:
            hindered = any(fate.hindered for fate in wanted.fates.values())
            session.apply(Wish(adopts=adopts))
            if not hindered:
                return
            continue
        kind, alias = min(wanted.problems, key=lambda problem: (_LAST.get(problem[0], 0), problem[1] or ""))
        if kind == "replaced outside" and _can_be_taken(session.world, session.world.bearing(alias or "")):
            adopts = True
        else:
            _follow(session, kind, alias or "")
    session.fail([f"after {PATIENCE} steps there is no end of {sorted(wanted.problems, key=str)}"])


_LAST = {"renamed here": 1}
"""What is settled only once the rest is."""


def _follow(session: Session, kind: str, alias: str) -> None:
    """Do what the hint of a problem says."""
    config, world = session.config, session.world
    match kind:
        case "empty":
            session.edit(replace(config, keys={"three": Entry()}))
        case "protected":
            session.edit(_back(config, alias, replace(Entry(), protect=False)))
        case "past":
            session.edit(_changed(config, alias, lambda entry: replace(entry, life="1d")))
        case "missing":
            session.edit(_changed(config, alias, lambda entry: replace(entry, missing="recreate")))
        case "undeclared" | "crowded":
            session.edit(replace(config, moved=()))
        case "nothing to import":
            session.edit(replace(config, imports=tuple(one for one in config.imports if one != alias)))
        case "state behind":
            session.rebuild()
        case "renamed here":
            _settle_owner(session, alias)
        case "not ours" if _can_be_taken(world, world.bearing(alias)) and alias not in world.records:
            session.take_over(alias)
        case "renamed away" | "target taken" | "not ours" | "other project's" | "several" | "replaced outside":
            _clear(session, alias)
        case _:
            session.fail([f"nobody knows how to solve {kind} of {alias}"])


def _settle_owner(session: Session, alias: str) -> None:
    """Bring back the key that bears the alias of another; or where it is desired no more, let it move there."""
    world, wants = session.world, session.config.wants
    tokens = {row["token"] for row in world.bearing(alias)}
    owner = next(name for name, record in world.records.items() if record.get("token") in tokens)
    stays = owner in wants or any(source == owner for source, _ in session.config.moved)
    if not stays and alias not in world.records and "retired" not in world.records[owner]:
        session.edit(replace(session.config, moved=((owner, alias),)))
    elif session.plan_of(Wish(excludes=(alias,))).problems:
        does(session, "renames", alias)
    else:
        session.apply(Wish(excludes=(alias,)))


def _can_be_taken(world: World, rows: list[Row]) -> bool:
    return len(rows) == 1 and not is_marked(rows[0])


def _clear(session: Session, alias: str) -> None:
    """Have the other keys under an alias deleted, of several all but ours."""
    known = {record.get("token") for record in session.world.records.values()}
    rows = session.world.bearing(alias)
    strangers = [row for row in rows if row["token"] not in known]
    if strangers:
        session.story.append(f"# somebody deletes the other keys under {alias}")
        body = {"keys": [row["token"] for row in strangers]}
        assert session.stand.proxy.post("/key/delete", body).status_code == 200
    else:
        does(session, "renames", alias)


def _unprotect(session: Session) -> None:
    """Lift all protection, as a config says it."""
    config = session.config
    keys = {alias: replace(entry, protect=False) for alias, entry in config.keys.items()}
    workshops = {name: (users, replace(entry, protect=False)) for name, (users, entry) in config.workshops.items()}
    session.edit(replace(config, keys=keys, workshops=workshops))


def _back(config: Config, alias: str, entry: Entry) -> Config:
    """A config that has a key again."""
    workshop, dash, user = alias.rpartition("-")
    if not dash:
        return replace(config, keys={**config.keys, alias: entry})
    users, _ = config.workshops.get(workshop, ((), entry))
    return replace(config, workshops={**config.workshops, workshop: ((*users, user), entry)})


def _changed(config: Config, alias: str, changed: Callable[[Entry], Entry]) -> Config:
    """A config that says something else of a key, or of its whole workshop."""
    if alias in config.keys:
        return replace(config, keys={**config.keys, alias: changed(config.keys[alias])})
    workshop = alias.rpartition("-")[0]
    users, entry = config.workshops[workshop]
    return replace(config, workshops={**config.workshops, workshop: (users, changed(entry))})
