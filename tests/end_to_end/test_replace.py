"""``--replace``: a new value under the same alias; the old one ends at once, or after its time of grace."""

from __future__ import annotations

import pytest

from tests.end_to_end.clock import Timed
from tests.front import rows_of
from tests.workspace import NOTE, Workspace

CONFIG = """\
proxy: {url: '%s'}
keys:
  one: {models: [gpt-4], max_budget: 10}
  two: {models: [gpt-4], max_budget: 10, duration: 90d}
workshops:
  red: {members: [ada, bob], models: [gpt-4], max_budget: 1, duration: 3d}
"""
EVERY = ["one", "red-ada", "red-bob", "two"]

AT_ONCE = """\
On sandbox://:

-/+ one  (new key value) old key is deleted once the new one works

At most $22.00 in all.

Plan: 0 to create, 0 to update, 1 to replace, 0 to delete.
Fingerprint: DIGITS
"""
WITH_GRACE = """\
On http://127.0.0.1:PORT:

-/+ one  (new key value) old value works on until INSTANT as one.retired-DIGITS
-/+ red-{ada,bob}  (new key value) old value works on until INSTANT
    as red-{ada,bob}.retired-*

At most $22.00 in all.
3 retired keys may still spend at most $12.00: one.retired-DIGITS, red-{ada,bob}.retired-*.

Plan: 0 to create, 0 to update, 3 to replace, 0 to delete.
Fingerprint: DIGITS

Applied:
  -/+ one  The old value had spent $0.00, and works on until INSTANT as one.retired-DIGITS.
  -/+ red-{ada,bob}  The old values had spent $0.00 in all, and work on until INSTANT as red-{ada,bob}.retired-*.

Apply complete! 0 created, 0 updated, 3 replaced, 0 deleted.
"""
STILL = """\
3 retired keys still have time: one.retired-DIGITS, red-{ada,bob}.retired-* until INSTANT.

No changes. The proxy matches the configuration.
"""
COLLECTED = """\
- one.retired-DIGITS  (replaced, and its time is over)
- red-{ada,bob}.retired-*  (replaced, and its time is over)
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two keys and two members on the sandbox."""
    workspace.configure(CONFIG % "sandbox://")
    workspace.apply()
    return workspace


@pytest.fixture
def remote(workspace: Workspace, server: Timed) -> Workspace:
    """The same keys on that server."""
    workspace.configure(CONFIG % server.front.url)
    workspace.apply()
    return workspace


def opens(project: Workspace, value: str) -> bool:
    """Whether a key value opens the sandbox."""
    return project.sandbox().chat(value).status_code == 200


def told(text: str, server: Timed) -> str:
    """A text without the port."""
    return text.replace(server.front.url, "http://127.0.0.1:PORT")


def test_at_once(project: Workspace) -> None:
    tokens, values, rows = project.tokens, project.values, rows_of(project.sandbox())
    assert opens(project, values["one"])
    planned = project.ok("plan", "--replace", "one")
    command = "To apply this very plan: vkstate apply --replace one --expect DIGITS\n"
    assert (planned.told, planned.stderr) == (AT_ONCE + command, NOTE)
    assert project.tokens == tokens, "a plan makes no value"

    applied = project.apply("--replace", "one")
    assert applied.stderr.splitlines()[-1] == (
        "note: 1 key has a new value. The old one works no longer. Hand the new one out: vkstate output one --out FILE"
    )
    assert applied.told == AT_ONCE + (
        "\nApplied:\n  -/+ one  The old value had spent $0.0015.\n\n"
        "note: Where the proxy runs several workers without Redis, the others may accept a deleted key for up to 60 s."
        "\n\nClosing report: reports/INSTANT.json (no secret is in it: commit it)\n"
        "  WORKSHOP       KEYS    SPENT  BUDGET  SHARE\n"
        "  (single keys)     1  $0.0015  $10.00   <1 %\n"
        "\nApply complete! 0 created, 0 updated, 1 replaced, 0 deleted.\n"
    )
    after = rows_of(project.sandbox())
    assert project.tokens["one"] == after["one"]["token"] != tokens["one"]
    assert {alias: after[alias] for alias in EVERY if alias != "one"} == {
        alias: rows[alias] for alias in EVERY if alias != "one"
    }
    assert sorted(after) == EVERY
    assert opens(project, project.values["one"])
    assert project.sandbox().chat(values["one"]).status_code == 401
    assert set(project.stored) == set(project.tokens.values()), "the store holds no value that opens nothing"
    project.consistent()
    [report] = project.reports
    assert [(line["alias"], line["token"], line["spend"]) for line in report["keys"]] == [
        ("one", tokens["one"], 0.0015)
    ]


def test_with_grace(remote: Workspace, server: Timed) -> None:
    """The old value works until its time is over, whether or not somebody collects it; then a later apply does."""
    tokens, values = remote.tokens, remote.values
    applied = remote.apply("--replace", "one", "--replace", "workshop:red", "--grace", "24h")
    assert told(applied.told, server) == WITH_GRACE
    assert not remote.reports, "nothing was deleted"
    assert all(server.opens(value) for value in [*values.values(), *remote.values.values()])
    replaced = ["one", "red-ada", "red-bob"]
    retired = {f"{alias}.retired-{tokens[alias][:8]}": tokens[alias] for alias in replaced}
    assert {alias: token for alias, token in remote.tokens.items() if alias in retired} == retired
    assert sorted(rows_of(server.front.sandbox)) == sorted([*EVERY, *retired])
    assert remote.values["two"] == values["two"]
    assert not {remote.values[alias] for alias in replaced} & set(values.values())

    server.clock.forward(hours=23)
    planned = remote.run("plan", "--detailed-exitcode")
    assert (planned.code, planned.told) == (0, STILL)
    state = remote.state_path.read_bytes()
    remote.apply()
    assert remote.state_path.read_bytes() == state
    assert all(server.opens(value) for value in values.values())

    server.clock.forward(hours=1, seconds=5)
    assert [alias for alias in replaced if server.opens(values[alias])] == [], "over, though nobody has applied"
    due = remote.run("plan", "--detailed-exitcode")
    assert due.code == 2
    assert COLLECTED in due.told
    collected = remote.apply()
    assert collected.last_line == "Apply complete! 0 created, 0 updated, 0 replaced, 3 deleted."
    assert sorted(rows_of(server.front.sandbox)) == sorted(remote.tokens) == EVERY
    assert set(remote.stored) == set(remote.tokens.values())
    [report] = remote.reports
    assert {line["token"]: line["spend"] for line in report["keys"]} == dict.fromkeys(retired.values(), 0.0)
    assert [(line["alias"], line["replaced"]) for line in report["keys"]] == [(alias, True) for alias in replaced]
    assert all(server.opens(value) for value in remote.values.values())


def test_the_old_value_never_gains_time(remote: Workspace, server: Timed) -> None:
    """A time of grace beyond the old key's own end changes nothing of that end."""
    token, value = remote.tokens["red-ada"], remote.values["red-ada"]
    end = server.front.sandbox.info(token)["expires"]
    remote.apply("--replace", "red-ada", "--grace", "4w")
    assert server.front.sandbox.info(token)["expires"] == end
    server.clock.forward(days=3, seconds=5)
    assert not server.opens(value)
    remote.ok("plan")


@pytest.mark.parametrize(
    ("options", "replaced"),
    [
        (("--replace", "red-*"), ["red-ada", "red-bob"]),
        (("--replace", "workshop:red"), ["red-ada", "red-bob"]),
        (("--replace", "workshop:red/bob"), ["red-bob"]),
        (("--replace", "workshop:*/a*"), ["red-ada"]),
        (("--replace", "*", "--target", "workshop:red"), ["red-ada", "red-bob"]),
        (("--replace", "*", "--exclude", "two"), ["one", "red-ada", "red-bob"]),
        (("--replace", "one", "--replace", "two"), ["one", "two"]),
        (("--replace", "*"), EVERY),
    ],
)
def test_which_keys(project: Workspace, options: tuple[str, ...], replaced: list[str]) -> None:
    tokens = project.tokens
    assert project.planned(*options) == [(alias, "replace", "asked for by --replace") for alias in replaced]
    project.apply(*options)
    assert [alias for alias in EVERY if project.tokens[alias] != tokens[alias]] == replaced
    assert sorted(rows_of(project.sandbox())) == EVERY


def test_again_and_again(remote: Workspace, server: Timed) -> None:
    """Every value that was given out works for the time that was promised for it."""
    values = [remote.values["one"]]
    for hours in (3, 2, 1):
        remote.apply("--replace", "one", "--grace", f"{hours}h")
        values.append(remote.values["one"])
    assert [server.opens(value) for value in values] == [True] * 4
    left = []
    for _ in range(4):
        remote.apply()
        left.append([server.opens(value) for value in values])
        server.clock.forward(hours=1, seconds=1)
    assert left == [
        [True, True, True, True],
        [True, True, False, True],
        [True, False, False, True],
        [False, False, False, True],
    ]
    assert sorted(remote.tokens) == EVERY


def test_nothing_matched(project: Workspace) -> None:
    state = project.state_path.read_bytes()
    for command in (("plan",), ("apply", "--auto-approve")):
        ran = project.run(*command, "--replace", "one", "--replace", "three")
        assert (ran.code, ran.stdout) == (64, "")
        assert ran.complaint == [
            "error: a target matches nothing",
            "  No key is named by three, neither in the config nor in the state.",
            "hint: vkstate state list shows the aliases; quote a glob, so that the shell leaves it alone",
        ]
    assert project.state_path.read_bytes() == state


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ("--grace", "1h"),
            [
                "error: the time of grace cannot be used",
                "  --grace says how long a replaced value works on, and nothing is replaced.",
                "hint: add --replace TARGET",
            ],
        ),
        (
            ("--replace", "one", "--grace", "1d12h"),
            [
                "error: the time of grace cannot be used",
                (
                    "  --grace: '1d12h' is not a duration: write one whole number and one unit of s, m, h, d or w, "
                    "such as 36h."
                ),
                "hint: for example: --grace 24h",
            ],
        ),
        (
            ("--replace", "one", "--grace", "0s"),
            [
                "error: the time of grace cannot be used",
                "  --grace: '0s' would end the key at once: the shortest is 1s, and a key without an end is 'never'.",
                "hint: for example: --grace 24h",
            ],
        ),
    ],
)
def test_a_time_of_grace_that_makes_no_sense(
    project: Workspace, options: tuple[str, ...], complaint: list[str]
) -> None:
    ran = project.run("plan", *options)
    assert (ran.code, ran.stdout, ran.complaint) == (64, "", complaint)


def test_a_protected_key(project: Workspace) -> None:
    project.configure((CONFIG % "sandbox://").replace("90d", "90d, lifecycle: {prevent_destroy: true}"))
    project.apply()
    tokens = project.tokens
    ran = project.run("apply", "--auto-approve", "--replace", "*")
    assert ran.code == 1
    assert (
        "error: --replace would end the value of two, which lifecycle.prevent_destroy protects.\n"
        "hint: set prevent_destroy: false for two in the config, then run the command again; or leave it out: "
        "--exclude two\n"
    ) in ran.stdout
    assert project.tokens == tokens
    project.apply("--replace", "*", "--exclude", "two")
    assert [alias for alias in EVERY if project.tokens[alias] == tokens[alias]] == ["two"]


def test_an_expired_key(remote: Workspace, server: Timed) -> None:
    """It gets a new value and its whole duration; grace does not bring the old one back."""
    value = remote.values["red-ada"]
    server.clock.forward(days=4)
    assert not server.opens(value)
    remote.ok("apply", "--auto-approve", "--replace", "red-ada", "--grace", "1h")
    assert server.opens(remote.values["red-ada"])
    assert not server.opens(value)
    server.clock.forward(hours=2)
    remote.ok("apply", "--auto-approve")
    assert sorted(rows_of(server.front.sandbox)) == EVERY


def test_a_key_that_is_missing(project: Workspace) -> None:
    """There is nothing to replace: it is made anew, with a new value, as it would be anyway."""
    token = project.tokens["one"]
    project.sandbox().post("/key/delete", {"keys": [token]})
    assert project.planned("--replace", "one", "--grace", "1h") == [("one", "create", "missing on the proxy")]
    project.apply("--replace", "one", "--grace", "1h")
    assert project.tokens["one"] != token
    assert sorted(project.tokens) == EVERY


def test_a_key_that_is_new(project: Workspace) -> None:
    project.configure((CONFIG % "sandbox://").replace("  two:", "  three: {models: [gpt-4]}\n  two:"))
    assert project.planned("--replace", "three") == [("three", "create", "new in the config")]


def test_what_cannot_be_changed_on_a_key(project: Workspace) -> None:
    """The hint of the problem works as it is written."""
    project.configure((CONFIG % "sandbox://").replace("90d", "90d, key_type: llm_api"))
    planned = project.run("plan", "--json")
    [problem] = planned.document["problems"]
    assert problem["hint"] == "keep key_type as it was, or give two a new key value: --replace two"
    old = project.tokens["two"]
    project.apply("--replace", "two")
    assert project.tokens["two"] != old
    assert project.sandbox().info(project.tokens["two"])["allowed_routes"] == ["llm_api_routes"]


def test_the_new_key_is_as_the_config_says_now(project: Workspace) -> None:
    """What has changed in the config goes into the new key; what somebody did to the old one does not."""
    project.sandbox().update(project.tokens["one"], max_budget=999, rpm_limit=7)
    project.configure((CONFIG % "sandbox://").replace("one: {models: [gpt-4]", "one: {models: [gpt-3.5-turbo]"))
    project.apply("--replace", "one")
    row = rows_of(project.sandbox())["one"]
    assert (row["models"], row["max_budget"], row["rpm_limit"]) == (["gpt-3.5-turbo"], 10.0, None)


def test_the_share_that_may_be_replaced(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nworkshops:\n  w: {count: 12, models: [gpt-4]}\n")
    workspace.apply()
    ran = workspace.run("apply", "--auto-approve", "--replace", "w-user[1-4]", "--grace", "1h")
    assert ran.code == 1
    assert (
        "error: this plan deletes or replaces 4 of 12 keys, and at most 30 % of them, here 3, may go unasked.\n"
        "hint: if that is meant, repeat the command with --allow-deletes 4\n"
    ) in ran.stdout
    workspace.apply("--replace", "w-user[1-4]", "--grace", "1h", "--allow-deletes", "4")
    assert len(workspace.tokens) == 16
    again = workspace.run("plan", "--replace", "w-user[5-8]")
    assert "this plan deletes or replaces 4 of 12 keys" in again.stdout, "retired keys make the share no larger"


@pytest.mark.parametrize("option", ["--replace", "--renew"])
def test_a_key_that_stays_away(project: Workspace, option: str) -> None:
    """What is asked of it would come to nothing without a word."""
    project.configure((CONFIG % "sandbox://").replace("  one: {", "  one: {lifecycle: {on_missing: forget}, "))
    project.sandbox().post("/key/delete", {"keys": [project.tokens["one"]]})
    project.apply()
    ran = project.run("apply", "--auto-approve", option, "one")
    assert (ran.code, ran.stdout.splitlines()[:2]) == (
        1,
        [
            (
                f"error: {option} can do nothing about one: it is missing on the proxy, and lifecycle.on_missing "
                "leaves it so."
            ),
            "hint: say on_missing: recreate for one in the config, and apply makes a new key",
        ],
    )
    project.converged()
