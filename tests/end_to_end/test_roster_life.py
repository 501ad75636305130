"""People come, go and are called otherwise: only their keys are touched, as the log of the requests shows."""

from __future__ import annotations

import pytest

from tests.end_to_end.clock import Timed
from tests.front import rows_of
from tests.workspace import Workspace

CONFIG = """\
proxy: {url: '%s'}
workshops:
  ws:
    roster: people.csv
    models: [gpt-4]
    max_budget: 5
%s"""
PEOPLE = {"ann": "1", "bob": "2", "cat": "3", "dan": "4", "eve": "5"}


def roster(project: Workspace, people: dict[str, str]) -> None:
    lines = ["user,seat", *(f"{user},{seat}" for user, seat in people.items())]
    project.write("people.csv", "\n".join(lines) + "\n")


def configure(project: Workspace, server: Timed, rest: str = "") -> None:
    project.configure(CONFIG % (server.front.url, rest))


@pytest.fixture
def project(workspace: Workspace, server: Timed) -> Workspace:
    """Five people, each with a key."""
    roster(workspace, PEOPLE)
    configure(workspace, server)
    workspace.apply()
    return workspace


def touched(project: Workspace, server: Timed) -> tuple[list[str], list[str], list[str]]:
    """What an apply creates, by alias, and what it updates and deletes, by the alias that the key had before."""
    named = {token: alias for alias, token in project.tokens.items()}
    seen = len(server.front.writes)
    project.apply()
    sent = [(one.path, one.body) for one in server.front.writes[seen:]]
    created = [body["key_alias"] for path, body in sent if path == "/key/generate"]
    updated = [named[body["key"]] for path, body in sent if path == "/key/update" and body["key"] in named]
    deleted = [named[token] for path, body in sent if path == "/key/delete" for token in body["keys"]]
    return sorted(created), sorted(updated), sorted(deleted)


def test_somebody_comes(project: Workspace, server: Timed) -> None:
    roster(project, {"zoe": "0", **PEOPLE})
    assert touched(project, server) == (["ws-zoe"], [], [])


def test_somebody_goes(project: Workspace, server: Timed) -> None:
    roster(project, {user: seat for user, seat in PEOPLE.items() if user != "bob"})
    assert touched(project, server) == ([], [], ["ws-bob"])


def test_the_order_means_nothing(project: Workspace, server: Timed) -> None:
    roster(project, dict(reversed(PEOPLE.items())))
    assert touched(project, server) == ([], [], [])


def test_a_seat_changes_no_key(project: Workspace, server: Timed) -> None:
    roster(project, {**PEOPLE, "bob": "22"})
    assert touched(project, server) == ([], [], [])


def renamed(project: Workspace) -> None:
    roster(project, {("bill" if user == "bob" else user): seat for user, seat in PEOPLE.items()})


def test_another_name_is_another_key_and_the_plan_asks(project: Workspace, server: Timed) -> None:
    renamed(project)
    assert (
        "hint: if ws-bob was renamed to ws-bill, say so in the config, under moved, and it keeps its key value: "
        "- {from: ws-bob, to: ws-bill}\n"
    ) in project.ok("plan").stdout
    assert touched(project, server) == (["ws-bill"], [], ["ws-bob"])


def test_another_name_of_the_same_key(project: Workspace, server: Timed) -> None:
    token, value = project.tokens["ws-bob"], project.values["ws-bob"]
    renamed(project)
    configure(project, server, "moved: [{from: ws-bob, to: ws-bill}]\n")
    assert touched(project, server) == ([], ["ws-bob"], [])
    assert (project.tokens["ws-bill"], project.values["ws-bill"]) == (token, value)
    assert rows_of(server.front.sandbox)["ws-bill"]["user_id"] == "bill@example.com"
    configure(project, server)
    project.converged()


SPARES = "    spares: 2\n"


def test_spares_and_a_late_comer(project: Workspace, server: Timed) -> None:
    """Who comes late gets a key that is there already, with the value that is printed already."""
    configure(project, server, SPARES)
    assert touched(project, server) == (["ws-spare1", "ws-spare2"], [], [])
    value = project.values["ws-spare1"]
    assert server.opens(value)
    roster(project, {**PEOPLE, "zoe": "6"})
    moved = "moved: [{from: ws-spare1, to: ws-zoe}]\n"
    configure(project, server, SPARES + moved)
    assert touched(project, server) == ([], ["ws-spare1"], [])
    assert project.values["ws-zoe"] == value
    row = rows_of(server.front.sandbox)["ws-zoe"]
    assert (row["user_id"], row["metadata"]["vkstate"]["user"]) == ("zoe@example.com", "zoe")
    assert sorted(project.keys) == [*(f"ws-{user}" for user in PEOPLE), "ws-spare2", "ws-zoe"]


def test_the_next_spare_is_given_away_and_no_new_one_appears(project: Workspace, server: Timed) -> None:
    configure(project, server, SPARES)
    project.apply()
    for number, user in ((1, "yan"), (2, "zoe")):
        people = {**PEOPLE, "yan": "6"} if number == 1 else {**PEOPLE, "yan": "6", "zoe": "7"}
        roster(project, people)
        given = [f"  - {{from: ws-spare{n}, to: ws-{who}}}\n" for n, who in ((1, "yan"), (2, "zoe")) if n <= number]
        configure(project, server, f"{SPARES}moved:\n{''.join(given)}")
        assert touched(project, server) == ([], [f"ws-spare{number}"], []), user
    assert [alias for alias in project.keys if "spare" in alias] == []


def test_a_move_that_is_taken_out_makes_a_new_spare(project: Workspace, server: Timed) -> None:
    configure(project, server, SPARES)
    project.apply()
    roster(project, {**PEOPLE, "zoe": "6"})
    configure(project, server, f"{SPARES}moved: [{{from: ws-spare1, to: ws-zoe}}]\n")
    project.apply()
    configure(project, server, SPARES)
    assert touched(project, server) == (["ws-spare1"], [], [])


COUNTED = "proxy: {url: '%s'}\nworkshops:\n  ws: {count: 3, models: [gpt-4], %s}\n"


def test_counted_members_that_are_named_are_the_same(workspace: Workspace, server: Timed) -> None:
    """How a workshop says who is in it makes no other key: nothing is planned, in either direction."""
    workspace.configure(COUNTED % (server.front.url, "max_budget: 1"))
    workspace.apply()
    state = workspace.state_path.read_bytes()
    counted = COUNTED % (server.front.url, "max_budget: 1")
    workspace.configure(counted.replace("count: 3", "members: [user1, user2, user3]"))
    workspace.converged()
    assert touched(workspace, server) == ([], [], [])
    assert workspace.state_path.read_bytes() == state
    workspace.configure(counted)
    workspace.converged()


def test_padded_names(workspace: Workspace, server: Timed) -> None:
    workspace.configure(COUNTED % (server.front.url, "user_format: 'p{n:02}'"))
    ran = workspace.apply()
    assert ran.stdout.splitlines()[2] == "+ ws-p{01..03}  models=[gpt-4] duration=30d"
    assert list(workspace.keys) == ["ws-p01", "ws-p02", "ws-p03"]
