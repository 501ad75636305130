"""What ``vkstate output`` hands out, in each format: masked, revealed, and to a file."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import time
from collections.abc import Iterator
from html import unescape

import pytest

from tests.end_to_end.test_main_job import workshop
from tests.workspace import Workspace

FORMATS = ["table", "json", "csv", "env", "txt", "markdown", "kubernetes", "cards"]
VALUE = re.compile(r"sk-[A-Za-z0-9_-]{32}")
GONE = """\
proxy: {url: 'sandbox://'}
keys:
  one: {models: [gpt-4], lifecycle: {on_missing: forget}}
  two: {models: [gpt-4], lifecycle: {on_missing: forget}}
  three: {models: [gpt-4]}
"""


@pytest.mark.parametrize("format_", FORMATS)
def test_output(workspace: Workspace, format_: str) -> None:
    workspace.configure(workshop(3))
    workspace.apply()
    before = workspace.files()
    values = workspace.values

    masked = workspace.ok("output", "--format", format_)
    assert masked.stderr == ""
    assert not any(value in masked.stdout for value in values.values())
    assert all(value[-4:] in masked.stdout for value in values.values())

    revealed = workspace.ok("output", "--format", format_, "--reveal")
    assert sorted(VALUE.findall(revealed.stdout)) == sorted(values.values())
    assert workspace.files() == before

    target = workspace.path / f"keys.{format_}"
    written = workspace.ok("output", "--format", format_, "--out", target.name)
    assert (written.stdout, written.stderr) == (
        "",
        f"3 keys were written to {target.name} (mode 0600), with their values.\n",
    )
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(VALUE.findall(target.read_text())) == sorted(values.values())


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("how", [("--target",), ()], ids=["option", "argument"])
def test_one_member_anew(workspace: Workspace, format_: str, how: tuple[str, ...]) -> None:
    workspace.configure(workshop(3))
    workspace.apply()
    ran = workspace.ok("output", "--format", format_, *how, "workshop:ai-workshop/participant2", "--out", "one")
    assert ran.stderr == "1 key was written to one (mode 0600), with its value.\n"
    assert VALUE.findall((workspace.path / "one").read_text()) == [workspace.values["ai-workshop-participant2"]]


@pytest.mark.parametrize("format_", FORMATS)
def test_the_command_that_shows_the_values_is_told(workspace: Workspace, format_: str) -> None:
    workspace.configure(workshop(3))
    workspace.apply()
    words = ["vkstate", "output", "*[12]", "--exclude", "*2", "--format", format_]
    told = workspace.ok(*words[1:]).stdout
    words = words[:-2] if format_ == "table" else words
    words += ["--out", "cards.html"] if format_ == "cards" else ["--reveal"]
    if format_ in ("json", "csv"):
        return
    command = shlex.join(words)
    assert command in unescape(told)
    ran = workspace.ok(*shlex.split(command)[1:])
    shown = ran.stdout if format_ != "cards" else (workspace.path / "cards.html").read_text()
    assert VALUE.findall(shown) == [workspace.values["ai-workshop-participant1"]]


@pytest.mark.parametrize(
    ("options", "summary", "hint"),
    [
        (("--per-page", "4"), "the option belongs to another format", "leave --per-page out"),
        (("--format", "cards", "--namespace", "x"), "the option belongs to another format", "leave --namespace out"),
        (("--format", "kubernetes", "--namespace", "A_b"), "this is not a namespace", None),
    ],
)
def test_an_option_of_another_format(
    workspace: Workspace, options: tuple[str, ...], summary: str, hint: str | None
) -> None:
    workspace.configure(workshop(1))
    ran = workspace.run("output", *options)
    assert (ran.code, ran.complaint[0]) == (64, f"error: {summary}")
    assert ran.complaint[-1] == f"hint: {hint or 'for example: --namespace workshop'}"


def test_options_of_the_formats(workspace: Workspace) -> None:
    workspace.configure(workshop(5))
    workspace.apply()
    assert "5 cards on 2 sheets of A4." in workspace.ok("output", "--format", "cards", "--per-page", "4").stdout
    assert "5 cards on 1 sheet of A4." in workspace.ok("output", "--format", "cards").stdout
    manifests = workspace.ok("output", "--format", "kubernetes", "--namespace", "spring", "--reveal").stdout
    assert manifests.count('\n  namespace: "spring"\n') == 5


def test_a_key_that_is_gone_is_not_handed_out(workspace: Workspace) -> None:
    workspace.configure(GONE)
    workspace.apply()
    workspace.sandbox().post("/key/delete", {"keys": [workspace.tokens["one"]]})
    workspace.apply()
    for reveal in ((), ("--reveal",)):
        ran = workspace.ok("output", "--json", *reveal)
        assert [key["alias"] for key in ran.document["keys"]] == ["three", "two"]
        assert ran.stderr == "note: 1 key is left out: deleted on the proxy.\n"
    workspace.sandbox().post("/key/delete", {"keys": [workspace.tokens["two"]]})
    workspace.apply()
    ran = workspace.ok("output", "--json")
    assert [key["alias"] for key in ran.document["keys"]] == ["three"]
    assert ran.stderr == "note: 2 keys are left out: deleted on the proxy.\n"
    assert workspace.ok("output", "--json", "three").stderr == ""
    refused = workspace.run("output", "--json", "one")
    assert (refused.code, refused.complaint) == (
        1,
        [
            "error: there is no key to hand out",
            "  one was deleted on the proxy, and on_missing: forget in the config leaves it so.",
            "hint: to make it anew, take on_missing: forget out of the config, then: vkstate apply",
        ],
    )


def test_a_retired_key_is_handed_out_where_a_target_names_no_other(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4]}, two: {models: [gpt-4]}}")
    workspace.apply()
    workspace.apply("--replace", "one", "--grace", "1h")
    [retired] = [alias for alias in workspace.keys if alias not in ("one", "two")]

    def given(*targets: str) -> list[str]:
        return [key["alias"] for key in workspace.ok("output", "--json", *targets).document["keys"]]

    assert given() == given("*") == ["one", "two"]
    assert given("one*") == ["one"]
    assert given("one.retired*") == given("*.retired-*") == given(retired) == [retired]
    assert given("one*", "*.retired-*") == ["one", retired]
    assert given("*.retired-*", "--exclude", "one.*") == []


def test_a_blocked_key_is_called_so(workspace: Workspace) -> None:
    workspace.configure("proxy: {url: 'sandbox://'}\nkeys: {one: {models: [gpt-4], blocked: true}}")
    workspace.apply()
    [key] = workspace.ok("output", "--json").document["keys"]
    assert key["status"] == "blocked"


@pytest.mark.usefixtures("central_europe")
def test_a_key_that_waits_for_its_workshop_says_so(workspace: Workspace) -> None:
    hours = "starts_at: '2099-12-01T09:00:00+01:00', ends_at: '2099-12-01T17:30:00+01:00'"
    workspace.configure(f"proxy: {{url: 'sandbox://'}}\nworkshops: {{day: {{count: 1, models: [gpt-4], {hours}}}}}\n")
    workspace.apply()
    [row] = csv.DictReader(io.StringIO(workspace.ok("output", "--format", "csv").stdout))
    assert (row["status"], row["opens"], row["expires"]) == (
        "blocked",
        "Tue 1 Dec 2099, 09:00 CET (UTC+1)",
        "Tue 1 Dec 2099, 17:30 CET (UTC+1)",
    )


@pytest.fixture
def central_europe() -> Iterator[None]:
    """This machine is in the zone of Berlin and Paris, which it need not know by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("central_europe")
def test_what_a_mail_merge_needs(workspace: Workspace) -> None:
    workspace.write("people.csv", "user,email,name,seat\np01,p01@example.com,First Participant,A1\np02,,,A2\n")
    workspace.configure(
        "proxy: {url: 'sandbox://', public_url: 'https://llm.example.com'}\nworkshops:\n"
        "  course: {roster: people.csv, models: [gpt-4], expires_at: '2099-12-01T18:00:00+01:00', max_budget: 10}\n"
    )
    workspace.apply()
    rows = list(csv.DictReader(io.StringIO(workspace.ok("output", "--format", "csv", "--reveal").stdout)))
    wanted = ("workshop", "user", "name", "email", "seat", "key", "api_base_url", "models", "expires", "max_budget")
    base, expires = "https://llm.example.com/v1", "Tue 1 Dec 2099, 18:00 CET (UTC+1)"
    values = workspace.values
    assert [tuple(row[name] for name in wanted) for row in rows] == [
        ("course", user, name, email, seat, values[f"course-{user}"], base, "gpt-4", expires, "10")
        for user, name, email, seat in (("p01", "First Participant", "p01@example.com", "A1"), ("p02", "p02", "", "A2"))
    ]


def test_output_as_json_has_the_shape_of_the_collection(workspace: Workspace) -> None:
    workspace.configure(workshop(1))
    workspace.apply()
    record = workspace.keys["ai-workshop-participant1"]
    value = workspace.values["ai-workshop-participant1"]
    document = {
        "proxy": "sandbox://",
        "api_endpoint": "sandbox://",
        "api_base_url": "sandbox:///v1",
        "user_count": 1,
        "state": "present",
        "changed": False,
        "keys": [
            {
                "alias": "ai-workshop-participant1",
                "user": "participant1",
                "user_id": "participant1@example.com",
                "key": None,
                "key_masked": f"sk-...{value[-4:]}",
                "key_id": record["token"],
                "models": ["gpt-4"],
                "duration": "3d",
                "expires_at": record["expires_at"],
                "max_budget": 50,
                "workshop": "ai-workshop",
                "status": "ready",
            }
        ],
    }
    assert workspace.ok("output", "--json").document == document
    assert workspace.ok("output", "--format", "json").document == document
    document["keys"][0]["key"] = value  # type: ignore[index]  # a list of objects, as above
    assert workspace.ok("output", "--json", "--reveal").document == document


def test_output_for_a_shell(workspace: Workspace) -> None:
    workspace.configure(
        "proxy: {url: 'sandbox://', public_url: 'https://llm.example.com'}\nkeys: {one: {models: [gpt-4]}}"
    )
    workspace.apply()
    ran = workspace.ok("output", "one", "--format", "env", "--reveal")
    assigned = dict(line.split("=", 1) for line in shlex.split(ran.stdout, comments=True))
    assert assigned == {
        "OPENAI_API_KEY": workspace.values["one"],
        "OPENAI_BASE_URL": "https://llm.example.com/v1",
    }


def test_a_key_that_may_not_exist_is_handed_out_with_a_warning(workspace: Workspace) -> None:
    workspace.configure(workshop(1))
    workspace.apply()
    state = workspace.state
    [record] = state["keys"].values()
    record |= {"status": "pending", "pending_since": record.pop("created_at")}
    del record["expires_at"]
    workspace.state_path.write_text(json.dumps(state, indent=2, sort_keys=True) + "\n")
    assert workspace.ok("output").stderr == ""
    ran = workspace.ok("output", "--reveal")
    assert ran.stderr == "warning: 1 key is pending: whether it exists is settled by: vkstate apply\n"
    assert ran.stdout.splitlines()[2].split()[-3:] == ["-", "$50.00", "pending"]
    workspace.apply()
    assert workspace.ok("output", "--reveal").stderr == ""


def test_a_value_that_is_not_here_is_exit_3(workspace: Workspace) -> None:
    workspace.configure(workshop(2))
    workspace.apply()
    (workspace.path / ".vkstate" / "keys.json").unlink()
    assert workspace.ok("output").stderr == ""
    for asked in (("--reveal",), ("--out", "keys.txt")):
        ran = workspace.run("output", *asked)
        assert ran.code == 3
        assert ran.stderr.splitlines()[-1] == (
            "warning: the secret store of this machine does not hold the value of ai-workshop-participant1, "
            "ai-workshop-participant2."
        )
    assert ran.stderr.splitlines()[0] == "2 keys were written to keys.txt (mode 0600), with 0 of 2 values."
    workspace.converged()
