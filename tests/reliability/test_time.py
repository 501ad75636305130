"""Clocks that disagree, hours that come twice, days that are not in every year, and ends that have passed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.proxies import instant
from tests.end_to_end.clock import Timed, timed
from tests.front import Doing, Drop, Pass, Seen, everything_passes, rows_of
from tests.reliability.gateway import Exchange
from tests.reliability.invariants import Guard
from tests.workspace import Workspace
from vkstate.errors import ExitCode
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY

CONFIG = """\
proxy: {url: '%s', retries: 0}
defaults: {models: [gpt-4]}
safety: {max_delete_percent: 100}
keys:
  lasting: {duration: 1d, max_budget: %d}
  until: {expires_at: '%s', max_budget: %d}
  endless: {duration: never}
workshops:
  ws: {count: 2, duration: 3d}
"""
SKEWS = {
    "years_behind": timedelta(days=-800),
    "a_minute_behind": timedelta(seconds=-70),
    "a_minute_ahead": timedelta(seconds=70),
    "years_ahead": timedelta(days=800),
}
"""The proxy's clock, as this machine sees it."""
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati")
EXACTLY = timedelta(seconds=4)
"""How exactly vkstate knows the proxy's clock: its ``Date`` header has whole seconds, and a run takes a moment."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Timed]:
    monkeypatch.setenv("LITELLM_MASTER_KEY", DEFAULT_MASTER_KEY)
    with timed(tmp_path / "timed.sqlite") as server:
        assert server.front.sandbox.generate({"key_alias": "theirs", "duration": "1d"}).status_code == 200
        yield server


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Lets this machine be somewhere else."""

    def moved(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield moved
    monkeypatch.undo()
    time.tzset()


def set_to(server: Timed, text: str) -> datetime:
    """Set the proxy's clock."""
    there = datetime.fromisoformat(text)
    server.clock.ahead = there - datetime.now(UTC)
    return there


def written(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def guarded(workspace: Workspace, server: Timed) -> Guard:
    guard = Guard(workspace, server.front.sandbox)
    guard.note_others(only={"theirs"})
    return guard


def ends(workspace: Workspace, server: Timed) -> dict[str, datetime | None]:
    """When each of our keys ends, as the proxy has it; the state has the same."""
    found: dict[str, datetime | None] = {}
    rows = rows_of(server.front.sandbox)
    for alias, record in workspace.keys.items():
        end = rows[alias]["expires"]
        found[alias] = instant(end) if end else None
        recorded = record.get("expires_at")
        assert found[alias] == (datetime.fromisoformat(recorded) if recorded else None), alias
    return found


def close(end: datetime | None, right: datetime) -> bool:
    """Whether a key ends at an instant, as exactly as vkstate can have it."""
    return end is not None and abs(end - right) < EXACTLY


def lasts(end: datetime | None, server: Timed, **units: float) -> bool:
    """Whether a key that was given so much time just now ends then by the proxy's clock."""
    return close(end, server.clock() + timedelta(**units))


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS)
def test_clocks_that_disagree(skew: timedelta, workspace: Workspace, server: Timed) -> None:
    """All that ends is counted on the proxy's clock, and nothing of it is drift."""
    server.clock.ahead = skew
    until = (server.clock() + timedelta(days=2)).replace(microsecond=0)
    workspace.configure(CONFIG % (server.front.url, 5, written(until), 5))
    guard = guarded(workspace, server)
    workspace.apply()
    first, state = ends(workspace, server), workspace.state_path.read_bytes()
    assert close(first["until"], until)
    assert first["endless"] is None
    assert lasts(first["lasting"], server, days=1)
    assert lasts(first["ws-user1"], server, days=3)
    workspace.apply()
    assert workspace.state_path.read_bytes() == state
    server.clock.forward(hours=5)
    workspace.configure(CONFIG % (server.front.url, 6, written(until), 6))
    workspace.apply()
    assert ends(workspace, server) == first, "another change moves no end"
    workspace.apply("--renew", "lasting")
    assert lasts(ends(workspace, server)["lasting"], server, days=1)
    old = workspace.values["lasting"]
    workspace.apply("--replace", "lasting", "--grace", "1h")
    assert lasts(ends(workspace, server)["lasting"], server, days=1)
    guard.check()
    assert server.opens(old)
    server.clock.forward(minutes=61)
    assert not server.opens(old)
    workspace.apply()
    assert sorted(workspace.keys) == ["endless", "lasting", "until", "ws-user1", "ws-user2"]
    guard.check()
    guard.converge()


@dataclass(frozen=True)
class Dateless:
    """The server answers, and something on the way takes the time from its answer."""

    def meet(self, exchange: Exchange) -> None:
        answer = exchange.forwarded()
        headers = {name: value for name, value in answer.headers.items() if name.lower() != "date"}
        assert headers != answer.headers
        exchange.send(replace(answer, headers=headers))


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS)
def test_a_proxy_that_does_not_tell_the_time(skew: timedelta, workspace: Workspace, server: Timed) -> None:
    """Then this machine's clock has to do: an instant is missed by the difference, a duration is not."""
    server.clock.ahead = skew
    server.front.rule = lambda _: Dateless()
    until = datetime.now(UTC) + timedelta(days=900)
    workspace.configure(CONFIG % (server.front.url, 5, written(until), 5))
    guard = guarded(workspace, server)
    workspace.apply()
    found = ends(workspace, server)
    assert lasts(found["lasting"], server, days=1)
    assert close(found["until"], until + skew)
    guard.check()
    guard.converge()
    assert ends(workspace, server) == found


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS)
def test_what_was_lost_is_waited_for_by_the_proxys_clock(skew: timedelta, workspace: Workspace, server: Timed) -> None:
    """A create that may still land is not forgotten earlier because this machine's clock is another one."""
    server.clock.ahead = skew
    front = server.front
    config = "proxy: {url: '%s', retries: 0}\ndefaults: {models: [gpt-4]}\nkeys:\n  kept: {}\n"
    workspace.configure(config % front.url)
    workspace.apply()
    workspace.configure(config % front.url + "  late: {}\n")

    def unreachable(seen: Seen) -> Doing:
        return Drop(done=False) if front.count("POST", "/key/generate") > 1 else Pass()

    front.rule = unreachable
    assert workspace.run("apply", "--auto-approve").code == 1
    front.rule = everything_passes
    assert workspace.keys["late"]["status"] == "pending"
    since = datetime.fromisoformat(workspace.keys["late"]["pending_since"])
    assert abs(since - server.clock()) < EXACTLY
    workspace.configure(config % front.url)
    for minutes, left in ((0, True), (9, True), (2, False)):
        server.clock.forward(minutes=minutes)
        workspace.ok("apply", "--auto-approve")
        assert ("late" in workspace.keys) is left, minutes
    guarded(workspace, server).converge()


@pytest.mark.parametrize("step", [timedelta(hours=-3), timedelta(hours=3), timedelta(days=-400)], ids=str)
def test_the_proxys_clock_is_set_in_mid_run(step: timedelta, workspace: Workspace, server: Timed) -> None:
    """Each key that was made is recorded with the end that it has; what is not so is said, and the next run does it."""
    until = written(server.clock() + timedelta(days=2))
    workspace.configure(CONFIG % (server.front.url, 5, until, 5))
    guard = guarded(workspace, server)

    def setting(seen: Seen) -> Doing:
        if seen.path == "/key/generate" and server.front.count("POST", "/key/generate") == 3:
            server.clock.ahead = step
        return Pass()

    server.front.rule = setting
    ran = workspace.run("apply", "--auto-approve", "--parallelism", "1")
    assert ran.code in (0, 3), ran
    server.front.rule = everything_passes
    guard.check()
    guard.converge()
    assert sorted(ends(workspace, server)) == ["endless", "lasting", "until", "ws-user1", "ws-user2"]


@pytest.mark.parametrize(
    "start", ["2027-03-28T00:59:30Z", "2027-10-31T00:59:30Z"], ids=["an_hour_is_skipped", "an_hour_comes_twice"]
)
def test_daylight_saving(start: str, workspace: Workspace, server: Timed, in_zone: Callable[[str], None]) -> None:
    """A day has 24 hours, wherever this machine stands; an instant is what its offset says."""
    in_zone("Europe/Berlin")
    began = set_to(server, start)
    day = start[:10]
    workspace.configure(
        f"proxy: {{url: '{server.front.url}'}}\ndefaults: {{models: [gpt-4]}}\nkeys:\n"
        "  a-day: {duration: 1d}\n  a-week: {duration: 1w}\n"
        f"  summer: {{expires_at: {day}T02:30:00+02:00}}\n  winter: {{expires_at: {day}T02:30:00+01:00}}\n"
    )
    guard = guarded(workspace, server)
    ran = workspace.run("apply", "--auto-approve")
    assert ran.code == 1, "half past two in summer was half an hour ago"
    assert ": summer would end at 2027-" in ran.stdout
    server.clock.forward(hours=-1)
    workspace.apply()
    found = ends(workspace, server)
    assert lasts(found["a-day"], server, hours=24)
    assert lasts(found["a-week"], server, hours=7 * 24)
    assert close(found["winter"], began + timedelta(minutes=30.5))
    assert close(found["summer"], began - timedelta(minutes=29.5))
    server.clock.forward(minutes=45)
    told = workspace.ok("plan").stdout
    assert told.startswith("warning: expired keys stay as they are: summer.")
    guard.check()
    guard.converge()


def test_wherever_this_machine_stands(workspace: Workspace, server: Timed, in_zone: Callable[[str], None]) -> None:
    """State, plan and handout are the same in every zone."""
    until = written(server.clock() + timedelta(days=2))
    workspace.configure(CONFIG % (server.front.url, 5, until, 5))
    told: set[tuple[str, ...]] = set()
    states: set[bytes] = set()
    for zone in ZONES:
        in_zone(zone)
        workspace.apply()
        looks = [("plan", "-v"), ("output", "--json"), ("state", "show", "until"), ("plan", "--destroy")]
        told.add(tuple(workspace.ok(*look).stdout for look in looks))
        states.add(workspace.state_path.read_bytes())
    assert (len(told), len(states)) == (1, 1), told


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2028-02-28T12:00:00Z", "1d", "2028-02-29T12:00:00Z"),
        ("2028-02-29T12:00:00Z", "1d", "2028-03-01T12:00:00Z"),
        ("2028-02-29T12:00:00Z", "365d", "2029-02-28T12:00:00Z"),
        ("2027-02-28T12:00:00Z", "1d", "2027-03-01T12:00:00Z"),
        ("2027-12-31T23:30:00Z", "1h", "2028-01-01T00:30:00Z"),
    ],
)
def test_a_leap_day(start: str, duration: str, end: str, workspace: Workspace, server: Timed) -> None:
    set_to(server, start)
    config = "proxy: {url: '%s'}\nkeys:\n  one: {models: [gpt-4], %s}\n"
    workspace.configure(config % (server.front.url, f"duration: {duration}"))
    workspace.apply()
    assert close(ends(workspace, server)["one"], datetime.fromisoformat(end))
    workspace.configure(config % (server.front.url, "expires_at: '2032-02-29T23:59:59Z'"))
    workspace.apply()
    assert close(ends(workspace, server)["one"], datetime(2032, 2, 29, 23, 59, 59, tzinfo=UTC))
    guarded(workspace, server).converge()


@pytest.mark.parametrize(
    "day", ["2027-02-29T12:00:00Z", "2100-02-29T12:00:00Z", "2028-02-30T12:00:00Z", "2026-12-31T23:59:60Z"]
)
def test_a_day_that_does_not_exist(day: str, workspace: Workspace, server: Timed) -> None:
    """Also a second that clocks do not have: refused with its place, before anything is asked of the proxy."""
    workspace.write(
        "vkstate.yaml", f"proxy: {{url: '{server.front.url}'}}\nkeys:\n  one: {{models: [gpt-4], expires_at: {day}}}\n"
    )
    ran = workspace.run("apply", "--auto-approve")
    assert (ran.code, server.front.seen) == (1, [])
    assert ran.complaint[1] == (
        f"  vkstate.yaml:3:26: keys.one.expires_at: '{day}' is not an instant: write it as 2026-12-01T18:00:00+01:00"
    )


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS)
def test_an_end_that_has_passed(skew: timedelta, workspace: Workspace, server: Timed) -> None:
    """By the proxy's clock, whatever this machine's says: no key is made that would be dead at once."""
    server.clock.ahead = skew
    config = "proxy: {url: '%s'}\nkeys:\n  one: {models: [gpt-4], expires_at: '%s'}\n"
    passed = written(server.clock() - timedelta(seconds=30))
    workspace.configure(config % (server.front.url, passed))
    ran = workspace.run("apply", "--auto-approve")
    assert (ran.code, server.front.writes, workspace.keys) == (1, [], {})
    assert f"vkstate.yaml:3:3: one would end at {passed}, which has passed." in ran.stdout
    workspace.configure(config % (server.front.url, written(server.clock() + timedelta(seconds=50))))
    workspace.ok("plan", "--out", "saved.plan")
    workspace.apply()
    assert server.opens(workspace.values["one"])
    guard = guarded(workspace, server)
    server.clock.forward(minutes=1)
    assert not server.opens(workspace.values["one"])
    guard.converge()
    assert workspace.run("apply", "--auto-approve", "--renew", "one").code == 1, "to the same end, which has passed"
    later = written(server.clock() + timedelta(hours=1))
    workspace.configure(config % (server.front.url, later))
    workspace.apply()
    assert server.opens(workspace.values["one"])
    guard.check()


def test_an_end_that_passes_between_plan_and_apply(workspace: Workspace, server: Timed) -> None:
    """A plan that was saved in time is not carried out when it is too late."""
    config = "proxy: {url: '%s'}\nkeys:\n  one: {models: [gpt-4], expires_at: '%s'}\n"
    workspace.configure(config % (server.front.url, written(server.clock() + timedelta(minutes=5))))
    workspace.ok("plan", "--out", "saved.plan")
    server.clock.forward(minutes=6)
    ran = workspace.run("apply", "saved.plan")
    assert (ran.code, server.front.writes) == (ExitCode.STALE, []), ran
    assert "which has passed" in ran.stdout
