"""A proxy that asks to come later: what it turned away is sent again, and what is given up is told as it is."""

from __future__ import annotations

import threading
import time

import pytest

from tests.executor.fuse import Hook, fails
from tests.executor.scenes import mixed
from tests.executor.world import World, failing, said
from tests.factories import desired
from vkstate.executor import stop as stopping
from vkstate.executor.creation import ATTEMPTS
from vkstate.executor.ports import NotSent, Refused, TurnedAway
from vkstate.keys import Alias, Status
from vkstate.litellm.errors import Unreachable

LATER = TurnedAway("Come later.", hint="later")
NOT_SENT = NotSent("It was not sent.")
INTERRUPTED = "not attempted: The run was interrupted before it."


def test_a_create_is_sent_until_it_is_let_through_and_nothing_is_read_in_between() -> None:
    here = World().want([desired("a")])
    with failing(here, fails(LATER, "proxy.create", times=5 * ATTEMPTS)):
        assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls.count("proxy.create") == 5 * ATTEMPTS + 1
    assert "proxy.find" not in here.fuse.calls
    here.check()
    here.converged()


def test_a_create_that_was_turned_away_and_carried_out_is_found_by_its_token() -> None:
    here = World().want([desired("a")])

    def turn_away(name: str, _: object) -> None:
        if name == "proxy.create" and here.fuse.calls.count(name) == 1:
            raise LATER

    here.fuse.after.append(turn_away)
    assert said(here.apply()) == {"a": "applied"}
    assert here.fuse.calls.count("proxy.create") == 2
    here.check()
    here.converged()


def test_a_refusal_after_it_was_turned_away_leaves_it_pending() -> None:
    """What was turned away may arrive still."""
    here = World().want([desired("a")])
    first, second = fails(LATER, "proxy.create"), fails(Refused("No."), "proxy.create")

    def hook(name: str, about: object) -> None:
        first(name, about)
        second(name, about)

    with failing(here, hook):
        assert said(here.apply()) == {"a": "failed: Come later. When it was sent again: No."}
    assert here.journal.keys[Alias("a")].status is Status.PENDING
    here.reopen()
    here.apply()
    here.converged()


def interrupted(here: World, at: str) -> Hook:
    """A stop while the first call of a name waits to be sent."""
    give_up = fails(NOT_SENT, at)

    def hook(name: str, about: object) -> None:
        if name == at:
            here.stop.request("SIGINT")
            assert here.proxy.too_long(stopping.PATIENCE + 1)
        give_up(name, about)

    return hook


@pytest.mark.parametrize(
    ("at", "made"),
    [
        ("proxy.delete", set()),
        ("proxy.update", {"delete1", "delete2", "delete3"}),
        ("proxy.create", {"delete1", "delete2", "delete3", "update1", "update2", "update3"}),
    ],
)
def test_what_waits_at_a_stop_is_not_attempted(at: str, made: set[str]) -> None:
    here = mixed()
    with failing(here, interrupted(here, at)):
        words = said(here.apply())
    recorded_only = {"adopt", "gone"}
    assert {alias for alias, word in words.items() if word == "applied"} == made | recorded_only
    assert {word for alias, word in words.items() if alias not in made | recorded_only} == {INTERRUPTED}
    here.check()
    here.reopen()
    here.apply()
    here.converged()


def test_a_create_that_was_turned_away_before_the_stop_stays_pending() -> None:
    here = World().want([desired("a"), desired("b")])
    first = fails(LATER, "proxy.create")
    second = interrupted(here, "proxy.create")

    def hook(name: str, about: object) -> None:
        first(name, about)
        second(name, about)

    with failing(here, hook):
        assert said(here.apply()) == {"a": "failed: Come later.", "b": INTERRUPTED}
    assert {alias: record.status for alias, record in here.journal.keys.items()} == {"a": Status.PENDING}
    here.reopen()
    here.apply()
    here.converged()


def test_what_cannot_be_read_back_after_a_stop_stays_pending() -> None:
    here = World().want([desired("a"), desired("b")])
    give_up = fails(NOT_SENT, "proxy.newest")

    def hook(name: str, about: object) -> None:
        if name == "proxy.create":
            here.stop.request("SIGINT")
        if name == "proxy.newest":
            assert here.proxy.too_long(stopping.PATIENCE + 1)
        give_up(name, about)

    with failing(here, hook):
        words = said(here.apply())
    assert words == {
        "a": "failed: The proxy answered that it created a, but the key could not be read back: It was not sent. It is "
        "recorded as pending.",
        "b": INTERRUPTED,
    }
    assert {alias: record.status for alias, record in here.journal.keys.items()} == {"a": Status.PENDING}
    here.reopen()
    here.apply()
    here.converged()


def test_after_a_stop_nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = stopping.Stop()
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    assert not stop.cannot_wait(1000.0)
    stop.request("SIGINT")
    now[0] += stopping.PATIENCE - 1
    stop.request("SIGTERM")
    assert not stop.cannot_wait(1.0)
    assert stop.cannot_wait(1.1)
    now[0] += 100
    assert stop.cannot_wait(0.1)
    assert not stop.cannot_wait(0.0), "another request has to end first: that is no pause"


def test_who_waits_goes_away_when_the_run_is_in_trouble() -> None:
    here = World().want([desired("a"), desired("b")])
    waits = threading.Event()

    def hook(name: str, alias: object) -> None:
        if name == "proxy.create" and alias == "a":
            assert not here.proxy.too_long(60)
            waits.set()
            left = 1000
            while not here.proxy.too_long(60) and left:
                left -= 1
                time.sleep(0.01)
            raise NOT_SENT if left else AssertionError("it waits on")
        if name == "proxy.create" and alias == "b":
            assert waits.wait(10)
            raise Unreachable("Connection refused.")

    with failing(here, hook):
        words = said(here.apply(parallelism=2))
    assert words == {
        "a": "not attempted: The run had stopped: the proxy cannot be reached: Connection refused.",
        "b": "failed: Connection refused.",
    }
    here.reopen()
    here.apply()
    here.converged()


def test_a_stop_while_the_final_spend_is_read() -> None:
    """The plan's counts are reported in place of those that the proxy lets wait, and nothing is sent."""
    here = mixed()
    with failing(here, interrupted(here, "proxy.find")):
        words = said(here.apply())
    assert {alias for alias, word in words.items() if word == "applied"} == {"adopt", "gone"}
    assert {word for word in words.values() if word != "applied"} == {INTERRUPTED}
    assert [call for call in here.fuse.calls if call.startswith("proxy.")] == ["proxy.find"]
    here.reopen()
    here.apply()
    here.converged()
