"""Targets of ``--replace`` and ``--renew`` that name no key which could be given a value or time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.factories import NOW, aside, desired, gone, live, pending, planned, recorded, retired
from vkstate.keys import DesiredKey, LiveKey, OnMissing, RecordedKey
from vkstate.options import Options
from vkstate.safety import refuse_vain

WANT, HAVE, THERE = desired("a"), recorded("a"), live("a")
OLD = aside("a", "old")
OLD_ALIAS = retired("a", "old").alias


@pytest.mark.parametrize("option", ["replace", "renew"])
@pytest.mark.parametrize(
    ("target", "wanted", "have", "rows", "words", "hint"),
    [
        (
            "a",
            [desired("a", on_missing=OnMissing.FORGET)],
            [gone("a")],
            [],
            "a: it is missing on the proxy, and lifecycle.on_missing leaves it so.",
            "say on_missing: recreate for a in the config, and apply makes a new key",
        ),
        (
            OLD_ALIAS,
            [WANT],
            [HAVE, retired("a", "old", until=NOW + timedelta(hours=1))],
            [THERE, OLD],
            f"{OLD_ALIAS}: its successor is a.",
            "--{option} a",
        ),
        ("a", [desired("b")], [HAVE], [THERE], "a: the config does not declare it.", "leave out --{option} a"),
    ],
    ids=["gone", "retired", "not declared"],
)
def test_what_is_asked_of_a_key_that_cannot_have_it_is_a_problem(
    option: str,
    target: str,
    wanted: list[DesiredKey],
    have: list[RecordedKey],
    rows: list[LiveKey],
    words: str,
    hint: str,
) -> None:
    asked = Options(replace=(target,)) if option == "replace" else Options(renew=(target,))
    plan = planned(wanted, have, rows, options=asked)
    [problem] = refuse_vain(plan, replaces=asked.replace, renews=asked.renew).problems
    assert (problem.alias, problem.detail) == (target, f"--{option} can do nothing about {words}")
    assert problem.hint == hint.format(option=option)


def test_a_glob_is_about_those_that_can() -> None:
    old = retired("a", "old", until=NOW + timedelta(hours=1))
    plan = planned([WANT], [HAVE, old], [THERE, OLD])
    assert refuse_vain(plan, replaces=("a*",), renews=("a*",)) == plan
    assert [problem.alias for problem in refuse_vain(plan, replaces=("a.*", "a"), renews=()).problems] == [old.alias]


def test_what_is_about_to_come_or_was_interrupted_is_meant() -> None:
    """It has a new value anyway; the same command, given again after a crash, goes on."""
    for have, rows in (([], []), ([HAVE], []), ([pending("a")], [THERE])):
        plan = planned([WANT], have, rows, options=Options(replace=("a",)))
        assert refuse_vain(plan, replaces=("a",), renews=()).problems == ()
