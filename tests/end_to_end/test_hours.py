"""The day of a workshop on a server whose clock can be put forward: blocked, open, extended, over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.proxies import instant
from tests.end_to_end.clock import Timed
from tests.end_to_end.terminal import terminal
from tests.end_to_end.test_kill import killed
from tests.front import Doing, Pass, Say, Seen, rows_of, say_json
from tests.workspace import Workspace

CONFIG = """\
proxy: {url: '%s'}   # the gateway
keys:
  bot: {models: [gpt-4], max_budget: 5}   # not of the workshop
workshops:
  event:
    count: 3        # as many as there are chairs
    models: [gpt-4]
    %s
    # the end
"""
CONFIG_END = """\
--- vkstate.yaml
+++ vkstate.yaml
@@ -8 +8 @@
-    ends_at: %s
+    ends_at: %s
"""
REFUSED: Say = say_json(500, {"error": {"message": "no", "type": "internal_server_error", "code": "500"}})


def at(server: Timed, **units: float) -> datetime:
    """An instant by the server's clock, in whole seconds."""
    return (server.clock() + timedelta(**units)).replace(microsecond=0)


def told(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def hours(project: Workspace, server: Timed, fields: str) -> None:
    project.configure(CONFIG % (server.front.url, fields))


def ends(server: Timed) -> dict[str, datetime]:
    """When the keys end, in whole seconds, by alias."""
    rows = rows_of(server.front.sandbox)
    return {alias: instant(row["expires"]).replace(microsecond=0) for alias, row in rows.items() if alias != "bot"}


def config(project: Workspace) -> str:
    return (project.path / "vkstate.yaml").read_text(encoding="utf-8")


def about(one: datetime, other: datetime) -> bool:
    return abs(one - other) <= timedelta(seconds=2)


@pytest.fixture
def begun(workspace: Workspace, server: Timed) -> tuple[Workspace, datetime]:
    """A workshop that runs for two more hours, with its keys."""
    end = at(server, hours=2)
    hours(workspace, server, f"ends_at: {told(end)}")
    workspace.apply()
    return workspace, end


def test_keys_open_with_the_first_apply_after_the_start(workspace: Workspace, server: Timed) -> None:
    start = at(server, hours=1)
    hours(workspace, server, f"starts_at: {told(start)}")
    planned = workspace.run("plan")
    assert f"+ event-user{{1..3}}  models=[gpt-4] duration=30d blocked until {told(start)}\n" in planned.stdout
    fingerprint = planned.last_line
    server.clock.forward(minutes=50)
    assert workspace.run("plan").last_line == fingerprint
    workspace.apply()
    value = workspace.values["event-user1"]
    assert not server.opens(value)
    assert server.opens(workspace.values["bot"])
    assert f"3 keys are blocked until {told(start)}: event-user{{1..3}}.\n" in workspace.ok("plan").stdout
    server.clock.forward(minutes=11)
    assert not server.opens(value), "only an apply opens them"
    seen = len(server.front.writes)
    ran = workspace.apply()
    assert ran.stdout.splitlines()[2] == "~ event-user{1..3}  blocked: true → false (its workshop has started)"
    assert len(server.front.writes) - seen == 3
    assert server.opens(value)


def test_a_block_that_is_lifted_is_not_explained_by_the_start(workspace: Workspace, server: Timed) -> None:
    hours(workspace, server, f"starts_at: {told(at(server, hours=1))}")
    workspace.apply()
    assert [record["awaits_start"] for record in workspace.keys.values() if "workshop" in record] == [True] * 3
    assert "  blocked   until its workshop starts, and somebody applies\n" in (
        workspace.ok("state", "show", "event-user1").stdout
    )
    server.clock.forward(hours=2)
    workspace.apply()
    assert not any("awaits_start" in record for record in workspace.keys.values())
    workspace.ok("block", "event-user1", "--auto-approve")
    assert "awaits_start" not in workspace.keys["event-user1"]
    ran = workspace.ok("unblock", "event-user1", "--auto-approve")
    assert "~ event-user1  blocked: true → false (config changed)" in ran.stdout.splitlines()
    assert server.opens(workspace.values["event-user1"])
    workspace.converged()


def test_a_state_that_was_lost_before_the_start(workspace: Workspace, server: Timed) -> None:
    """What is made anew of the proxy's keys has nothing to do either."""
    hours(workspace, server, f"starts_at: {told(at(server, hours=1))}")
    workspace.apply()
    lineage = workspace.state["lineage"]
    workspace.state_path.unlink()
    workspace.ok("state", "rebuild", "--lineage", lineage, "--auto-approve")
    workspace.converged()
    assert workspace.keys["event-user1"]["applied"]["blocked"] is True


def test_a_workshop_that_has_started_makes_open_keys(workspace: Workspace, server: Timed) -> None:
    hours(workspace, server, f"starts_at: {told(at(server, hours=-1))}")
    ran = workspace.apply()
    assert "+ event-user{1..3}  models=[gpt-4] duration=30d\n" in ran.stdout
    assert server.opens(workspace.values["event-user3"])


def test_block_and_unblock_a_key(begun: tuple[Workspace, datetime], server: Timed) -> None:
    project, _ = begun
    before, value = config(project), project.values["bot"]
    seen = len(server.front.writes)
    ran = project.ok("block", "bot", "--auto-approve")
    assert ran.stdout.splitlines()[3:5] == [
        "-  bot: {models: [gpt-4], max_budget: 5}   # not of the workshop",
        "+  bot: {models: [gpt-4], max_budget: 5, blocked: true}   # not of the workshop",
    ]
    assert [seen.body["key"] for seen in server.front.writes[seen:]] == [project.tokens["bot"]]
    assert not server.opens(value)
    project.converged()
    again = project.ok("block", "bot", "--auto-approve")
    assert again.stdout.startswith("No changes. The proxy matches the configuration.\n")
    project.ok("unblock", "bot", "--auto-approve")
    assert server.opens(value)
    assert (config(project), project.values["bot"]) == (before, value)
    project.converged()


def test_block_a_workshop_a_member_and_open_both(begun: tuple[Workspace, datetime], server: Timed) -> None:
    project, _ = begun
    before, values = config(project), project.values
    project.ok("block", "event-user2", "--auto-approve")
    assert "    overrides:\n      user2: {blocked: true}\n" in config(project)
    assert [server.opens(values[f"event-user{n}"]) for n in (1, 2, 3)] == [True, False, True]
    project.ok("block", "workshop:event", "--auto-approve")
    assert "    blocked: true\n" in config(project)
    assert [server.opens(values[f"event-user{n}"]) for n in (1, 2, 3)] == [False, False, False]
    assert server.opens(values["bot"])
    project.converged()
    project.ok("unblock", "workshop:event/user1", "--auto-approve")
    assert "      user1: {blocked: false}\n" in config(project)
    assert [server.opens(values[f"event-user{n}"]) for n in (1, 2, 3)] == [True, False, False]
    project.ok("unblock", "workshop:event", "--auto-approve")
    assert [server.opens(values[f"event-user{n}"]) for n in (1, 2, 3)] == [True, True, True]
    assert config(project) == before.replace(
        "    # the end\n", "    # the end\n    overrides:\n      user1: {blocked: false}\n"
    )
    project.converged()


def test_a_member_may_be_opened_before_the_start(workspace: Workspace, server: Timed) -> None:
    start = at(server, hours=1)
    hours(workspace, server, f"starts_at: {told(start)}")
    workspace.apply()
    whole = workspace.ok("unblock", "workshop:event", "--auto-approve")
    assert whole.last_line.startswith("Apply complete! 0 created, 0 updated")
    assert (
        f"note: these keys stay blocked until {told(start)}, when their workshop starts: event-user{{1..3}}. To open "
        "them now, take starts_at out of the config and run: vkstate apply; or open a single member: vkstate unblock "
        "workshop:event/user1\n"
    ) in whole.stderr
    workspace.ok("unblock", "event-user1", "--auto-approve")
    values = workspace.values
    assert [server.opens(values[f"event-user{n}"]) for n in (1, 2, 3)] == [True, False, False]
    server.clock.forward(hours=2)
    workspace.apply()
    assert [server.opens(values[f"event-user{n}"]) for n in (1, 2, 3)] == [True, True, True]


def test_a_block_that_is_lifted_before_the_start_leaves_the_rest_to_the_start(
    workspace: Workspace, server: Timed
) -> None:
    start = at(server, hours=1)
    hours(workspace, server, f"starts_at: {told(start)}")
    before = config(workspace)
    workspace.apply()
    workspace.ok("block", "event-user1", "--auto-approve")
    ran = workspace.ok("unblock", "event-user1", "--auto-approve")
    assert [line for line in ran.stderr.splitlines() if line.startswith("note: ") and "blocked until" in line] == [
        (
            f"note: event-user1 stays blocked until {told(start)}, when its workshop starts: this lifts the block by "
            "hand only. To open it now, run once more: vkstate unblock event-user1"
        )
    ]
    assert config(workspace) == before
    assert not server.opens(workspace.values["event-user1"])
    workspace.converged()
    again = workspace.ok("unblock", "event-user1", "--auto-approve")
    assert f"note: event-user1 is opened before its workshop starts, which is at {told(start)}.\n" in again.stderr
    assert "    overrides:\n      user1: {blocked: false}\n" in config(workspace)
    assert server.opens(workspace.values["event-user1"])
    workspace.converged()
    third = workspace.ok("unblock", "event-user1", "--auto-approve")
    assert "is opened before" not in third.stderr


def test_a_block_ends_the_grace_of_an_old_value(begun: tuple[Workspace, datetime], server: Timed) -> None:
    """Who holds a leaked value has it of before the replacement: blocking the key ends that, too."""
    project, _ = begun
    leaked, aside = project.values["bot"], f"bot.retired-{project.tokens['bot'][:8]}"
    project.apply("--replace", "bot", "--grace", "1d")
    value = project.values["bot"]
    assert (server.opens(leaked), server.opens(value)) == (True, True)
    ran = project.ok("block", "bot", "--auto-approve")
    assert ran.stdout.splitlines()[8:10] == [
        "~ bot  blocked: false → true (config changed)",
        f"- {aside}  (replaced, and the key in its place is blocked)",
    ]
    assert (server.opens(leaked), server.opens(value)) == (False, False)
    project.converged()
    project.ok("unblock", "bot", "--auto-approve")
    assert (server.opens(leaked), server.opens(value)) == (False, True)
    project.converged()


def test_what_is_replaced_while_it_is_to_be_blocked_has_no_grace(
    begun: tuple[Workspace, datetime], server: Timed
) -> None:
    project, _ = begun
    leaked = project.values["bot"]
    project.configure(config(project).replace("max_budget: 5}", "max_budget: 5, blocked: true}"))
    project.apply("--replace", "bot", "--grace", "1d")
    assert (server.opens(leaked), server.opens(project.values["bot"])) == (False, False)
    assert project.keys.keys() == {"bot", "event-user1", "event-user2", "event-user3"}
    project.converged()


def test_an_edit_alone_needs_consent_too(workspace: Workspace, server: Timed) -> None:
    """Before the start, an unblocked workshop stays blocked: nothing changes but the config."""
    hours(workspace, server, f"starts_at: {told(at(server, hours=1))}")
    before = config(workspace)
    workspace.apply()
    workspace.ok("block", "workshop:event", "--auto-approve")
    blocked = config(workspace)
    assert blocked != before
    ran = workspace.run("unblock", "workshop:event")
    assert (ran.code, ran.complaint[1]) == (
        64,
        "  This changes the config, and there is no terminal on which to ask whether it should.",
    )
    assert config(workspace) == blocked
    with terminal(workspace, "unblock", "workshop:event") as screen:
        screen.expect("Write this to vkstate.yaml?")
        screen.type(b"yes\n")
        assert screen.wait() == 0
    assert config(workspace) == before
    workspace.converged()


def test_what_somebody_blocked_stays_so_when_the_workshop_starts(workspace: Workspace, server: Timed) -> None:
    hours(workspace, server, f"starts_at: {told(at(server, hours=1))}")
    workspace.apply()
    workspace.ok("block", "event-user1", "--auto-approve")
    server.clock.forward(hours=2)
    workspace.apply()
    values = workspace.values
    assert [server.opens(values[f"event-user{n}"]) for n in (1, 2, 3)] == [False, True, True]


def test_extend(begun: tuple[Workspace, datetime], server: Timed) -> None:
    project, end = begun
    values, before = project.values, config(project)
    later = end + timedelta(hours=2)
    ran = project.ok("extend", "event", "2h", "--auto-approve")
    assert ran.stdout.startswith(CONFIG_END % (told(end), told(later)))
    assert config(project) == before.replace(told(end), told(later))
    assert set(ends(server).values()) == {later} or all(about(one, later) for one in ends(server).values())
    project.converged()
    server.clock.forward(hours=3)
    assert server.opens(values["event-user1"])
    assert project.values == values
    project.ok("extend", "workshop:event", "30m", "--auto-approve")
    assert f"ends_at: {told(later + timedelta(minutes=30))}" in config(project)


def test_extend_with_a_key_that_is_gone(workspace: Workspace, server: Timed) -> None:
    """It is left missing, never gets the new end, and does not hold back the others'."""
    end = at(server, hours=2)
    hours(workspace, server, f"ends_at: {told(end)}\n    lifecycle: {{on_missing: forget}}")
    workspace.apply()
    server.front.sandbox.post("/key/delete", {"keys": [workspace.tokens["event-user2"]]})
    for hour in (1, 2, 3):
        ran = workspace.ok("extend", "event", "1h", "--auto-approve")
        assert "extends nothing twice" not in ran.stderr
        later = end + timedelta(hours=hour)
        assert f"ends_at: {told(later)}\n" in config(workspace)
        assert ends(server).keys() == {"event-user1", "event-user3"}
        assert all(about(one, later) for one in ends(server).values())
        workspace.converged()


def test_an_extended_workshop_that_was_over(begun: tuple[Workspace, datetime], server: Timed) -> None:
    project, _ = begun
    value = project.values["event-user1"]
    server.clock.forward(hours=5)
    assert not server.opens(value)
    now = server.clock()
    project.ok("extend", "event", "2h", "--auto-approve")
    assert server.opens(value)
    assert all(about(one, now + timedelta(hours=2)) for one in ends(server).values())
    project.converged()


def test_a_duration_becomes_an_end(workspace: Workspace, server: Timed) -> None:
    hours(workspace, server, "duration: 3h   # one afternoon")
    workspace.apply()
    last = max(ends(server).values())
    workspace.ok("extend", "event", "2h", "--auto-approve")
    (line,) = [line for line in config(workspace).splitlines() if "ends_at" in line]
    written = datetime.fromisoformat(line.split()[1])
    assert line == f"    ends_at: {told(written)}   # one afternoon"
    assert about(written, last + timedelta(hours=2))
    assert "duration" not in config(workspace)
    assert all(about(one, written) for one in ends(server).values())
    workspace.converged()


def test_until(begun: tuple[Workspace, datetime], server: Timed) -> None:
    project, end = begun
    zoned = (end + timedelta(hours=1)).astimezone(datetime.fromisoformat("2026-01-01T00:00:00+01:00").tzinfo)
    project.ok("extend", "event", "--until", zoned.isoformat(), "--auto-approve")
    assert f"    ends_at: {zoned.isoformat()}\n" in config(project)
    assert all(about(one, zoned) for one in ends(server).values())
    project.converged()
    ran = project.run("extend", "event", "--until", told(end), "--auto-approve")
    assert (ran.code, ran.complaint) == (
        1,
        [
            "error: the workshop cannot be extended",
            f"  event would end at {told(end)}, and now ends at {told(zoned.astimezone(UTC))}. Nothing was changed.",
            "hint: to end it earlier, write ends_at to the config and run: vkstate apply",
        ],
    )


def test_a_member_who_ends_earlier_is_named(workspace: Workspace, server: Timed) -> None:
    end, early = at(server, hours=2), at(server, hours=1)
    hours(workspace, server, f"ends_at: {told(end)}\n    overrides: {{user2: {{expires_at: {told(early)}}}}}")
    workspace.apply()
    ran = workspace.ok("extend", "event", "2h", "--auto-approve")
    later = end + timedelta(hours=2)
    assert (
        f"warning: the workshop event ends at {told(later)}, and these keys end before that: event-user2.\n"
        in ran.stdout
    )
    found = ends(server)
    assert about(found["event-user2"], early)
    assert about(found["event-user3"], later)


@pytest.mark.parametrize("applied", [0, 1, 2])
def test_an_extension_that_died_does_not_extend_twice(
    begun: tuple[Workspace, datetime], server: Timed, applied: int
) -> None:
    """However far it came: doing it again ends at the same instant, and only a third time extends once more."""
    project, end = begun
    denied = {project.tokens[f"event-user{n}"] for n in range(applied + 1, 4)}

    def rule(seen: Seen) -> Doing:
        refused = seen.path == "/key/update" and str(seen.body["key"]) in denied
        return REFUSED if refused else Pass()

    server.front.rule = rule
    ran = project.run("extend", "event", "2h", "--auto-approve", "--parallelism", "1")
    assert ran.code == (3 if applied else 1)
    server.front.rule = lambda _: Pass()
    later = end + timedelta(hours=2)
    assert f"ends_at: {told(later)}" in config(project)
    again = project.ok("extend", "event", "2h", "--auto-approve")
    assert (
        f"note: event is to end at {told(later)} as the config says, and not all keys do so yet: this run goes on with "
        "that, and extends nothing twice.\n"
    ) in again.stderr
    assert again.last_line == f"Apply complete! 0 created, {3 - applied} updated, 0 replaced, 0 deleted."
    assert f"ends_at: {told(later)}" in config(project)
    assert all(about(one, later) for one in ends(server).values())
    project.ok("extend", "event", "2h", "--auto-approve")
    assert f"ends_at: {told(later + timedelta(hours=2))}" in config(project)


@pytest.mark.parametrize("done", [False, True], ids=["lost", "done"])
@pytest.mark.parametrize("number", [1, 3])
def test_an_extension_that_was_killed_does_not_extend_twice(
    begun: tuple[Workspace, datetime], server: Timed, number: int, done: bool
) -> None:
    """A process that dies at its first or its last request leaves a config that the same command carries out."""
    project, end = begun
    later, values = end + timedelta(hours=2), project.values
    killed(project, server.front, "extend", "event", "2h", "--auto-approve", at=number, done=done)
    assert f"ends_at: {told(later)}" in config(project)
    project.ok("extend", "event", "2h", "--auto-approve")
    assert f"ends_at: {told(later)}" in config(project)
    assert all(about(one, later) for one in ends(server).values())
    assert project.values == values
    project.converged()


COMMANDS = {
    ("extend", "event", "2h"): "give event its new end",
    ("block", "workshop:event"): "block workshop:event",
    ("block", "bot"): "block bot",
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
class TestConsent:
    """Nothing is written, neither here nor there, before somebody agreed."""

    def test_no(self, begun: tuple[Workspace, datetime], server: Timed, command: tuple[str, ...]) -> None:
        project, _ = begun
        files, seen = project.files(), len(server.front.writes)
        with terminal(project, *command) as screen:
            screen.expect(f"Write this to vkstate.yaml, and {COMMANDS[command]} on {server.front.url}?")
            screen.type(b"no\n")
            assert screen.wait() == 4
        assert (project.files(), len(server.front.writes)) == (files, seen)

    def test_yes(self, begun: tuple[Workspace, datetime], server: Timed, command: tuple[str, ...]) -> None:
        project, _ = begun
        with terminal(project, *command) as screen:
            screen.expect("Write this to vkstate.yaml, and ")
            screen.type(b"yes\n")
            assert screen.wait() == 0
        project.converged()

    @pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
    def test_nobody_to_ask(
        self, begun: tuple[Workspace, datetime], server: Timed, command: tuple[str, ...], options: tuple[str, ...]
    ) -> None:
        project, _ = begun
        files, seen = project.files(), len(server.front.writes)
        assert project.run(*command, *options).code == 64
        assert (project.files(), len(server.front.writes)) == (files, seen)

    def test_dry(self, begun: tuple[Workspace, datetime], server: Timed, command: tuple[str, ...]) -> None:
        project, _ = begun
        files, seen = project.files(), len(server.front.writes)
        ran = project.ok(*command, "--dry-run")
        assert ran.stdout.startswith("--- vkstate.yaml\n+++ vkstate.yaml\n@@ ")
        assert (project.files(), len(server.front.writes)) == (files, seen)

    def test_a_plan_with_problems(
        self, begun: tuple[Workspace, datetime], server: Timed, command: tuple[str, ...]
    ) -> None:
        """Somebody else's key bears the alias of one of ours: nothing is written."""
        project, _ = begun
        for alias in ("event-user1", "bot"):
            server.front.sandbox.post("/key/delete", {"keys": [project.tokens[alias]]})
            server.front.sandbox.create(alias, models=["gpt-4"])
        files, seen = project.files(), len(server.front.writes)
        assert project.run(*command, "--auto-approve").code == 1
        assert (project.files(), len(server.front.writes)) == (files, seen)


def test_events(begun: tuple[Workspace, datetime], server: Timed) -> None:
    project, end = begun
    ran = project.ok("extend", "event", "2h", "--auto-approve", "--json")
    first, *_, last = ran.events
    later = end + timedelta(hours=2)
    assert first == {
        "type": "config_edit",
        "path": "vkstate.yaml",
        "diff": (CONFIG_END % (told(end), told(later))).splitlines(),
    }
    assert (last["type"], last["updated"]) == ("summary", 3)


def test_the_config_that_somebody_else_wrote_meanwhile(begun: tuple[Workspace, datetime], server: Timed) -> None:
    project, _ = begun
    with terminal(project, "block", "bot") as screen:
        screen.expect("Write this to vkstate.yaml, and ")
        (project.path / "vkstate.yaml").write_text(config(project) + "# mine\n", encoding="utf-8")
        screen.type(b"yes\n")
        assert screen.wait() == 1
        screen.expect("the config has changed meanwhile")
    assert config(project).endswith("# mine\n")
    assert "blocked" not in config(project)
