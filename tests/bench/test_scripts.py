"""The pure parts of the benchmarks, and that each explains itself."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable

import pytest
import responses

from bench import apply_floor, client_time, parallelism, peers, plan_phases, plan_requests, scale, start
from bench.bare import session_for
from bench.live import (
    LiveProxy,
    Sent,
    delete_bodies,
    in_batches,
    list_queries,
    new_prefix,
    read_bodies,
    seconds_under_way,
    watched_requests,
)
from bench.measure import Measured, Series
from bench.projects import CommandFailed, project, workshop_config
from vkstate.attributes import Json
from vkstate.expiry import format_instant
from vkstate.keys import KeyValue, Token
from vkstate.plan import Action
from vkstate.state.parsing import parse

URL = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VKSTATE_LIVE_MASTER_KEY", "sk-bench")


@pytest.mark.parametrize(
    "parser",
    [one.parser for one in (apply_floor, client_time, parallelism, peers, plan_phases, plan_requests, scale, start)],
)
def test_each_benchmark_explains_itself(
    parser: Callable[[], ArgumentParser], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {parser().prog} [-h]")


def test_a_proxy_is_asked_for_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VKSTATE_LIVE_URL", raising=False)
    with pytest.raises(SystemExit) as ended:
        LiveProxy.from_environment()
    assert ended.value.code == ("error: this benchmark needs a proxy: set VKSTATE_LIVE_URL and VKSTATE_LIVE_MASTER_KEY")


def test_the_steps_of_a_plan_are_all_of_it() -> None:
    with project(workshop_config("sandbox://", "w", 3, "gpt-4")) as made:
        made.run_here("apply", "--auto-approve")
        whole, steps = plan_phases.timed_plan(made)
    assert sum(steps.values()) == pytest.approx(whole)
    assert min(steps.values()) >= 0, "no step counts twice"
    assert {name for name, seconds in steps.items() if not seconds} == {"git"}, "nobody commits the keys of the sandbox"


def test_batches_lose_nothing() -> None:
    assert in_batches([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    tokens = [Token(f"{number:064x}") for number in range(501)]
    assert [len(body["keys"]) for body in read_bodies(tokens)] == [500, 1]  # type: ignore[arg-type]  # a list of tokens
    assert delete_bodies(tokens[:100]) == [{"keys": tokens[:100]}]
    assert [query["page"] for query in list_queries(201)] == [1, 2, 3]


def test_prefixes_differ() -> None:
    assert new_prefix() != new_prefix()


def _page(numbers: range, total: int) -> dict[str, object]:
    rows = [{"token": f"t{number}", "key_alias": f"{'a' if number % 2 else 'b'}-{number}"} for number in numbers]
    return {"keys": rows, "total_count": total, "total_pages": 2}


@responses.activate
def test_keys_are_read_anew_where_one_came_meanwhile() -> None:
    for numbers, total in ((range(1, 4), 5), (range(3, 6), 6), (range(6, 3, -1), 6), (range(3, 0, -1), 6)):
        responses.get(f"{URL}/key/list", json=_page(numbers, total))
    assert [row["key_alias"] for row in LiveProxy(URL, "sk-bench").keys("a-")] == ["a-5", "a-3", "a-1"]
    assert len(responses.calls) == 4


@responses.activate
def test_keys_that_keep_coming_and_going_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    responses.get(f"{URL}/key/list", json=_page(range(1, 4), 5))
    assert [row["key_alias"] for row in LiveProxy(URL, "sk-bench").keys("a-")] == ["a-1", "a-3"]
    assert capsys.readouterr().err == "warning: keys came and went: 3 were read of 5\n"


def test_the_bare_loop_posts_what_vkstate_would() -> None:
    with project(workshop_config(URL, "bench-x", 2, "gpt-4")) as made:
        bodies, tokens = apply_floor.create_bodies(made.config().keys)
    shown: list[tuple[dict[str, Json], list[str]]] = []
    for body, token in zip(bodies, tokens, strict=True):
        rest = dict(body)
        assert KeyValue(str(rest.pop("key"))).token == token
        stamp = rest.pop("metadata")
        assert isinstance(stamp, dict)
        shown.append((rest, list(stamp)))
    common: dict[str, Json] = {"models": ["gpt-4"], "max_budget": 50, "duration": "259200s"}
    assert shown == [
        ({"key_alias": f"bench-x-{user}", "user_id": f"{user}@workshop.example.com", **common}, ["vkstate"])
        for user in ("participant1", "participant2")
    ]


def test_a_new_project_records_nothing_and_is_gone_at_the_end() -> None:
    with project(workshop_config(URL, "bench-x", 2, "gpt-4", parallelism=3)) as made:
        assert made.state().keys == {}
        assert made.config().proxy.parallelism == 3
        directory = made.directory
    assert not directory.exists()


def test_vkstate_runs_in_this_process_and_its_failure_is_told() -> None:
    with project(workshop_config(URL, "bench-x", 2, "gpt-4")) as made:
        assert made.run_here("state", "list") == ""
        with pytest.raises(CommandFailed, match=r"vkstate state show nobody ended with 64"):
            made.run_here("state", "show", "nobody")


@responses.activate
def test_requests_are_counted_by_method_and_path() -> None:
    responses.get(f"{URL}/key/list", json={})
    with session_for("sk-bench") as session:
        with watched_requests() as seen:
            session.get(f"{URL}/key/list?page=1", timeout=1)
            session.get(f"{URL}/key/list?page=2", timeout=1)
        session.get(f"{URL}/key/list", timeout=1)
    assert [one.what for one in seen] == ["GET /key/list", "GET /key/list"]
    assert plan_requests.summary(Counter(one.what for one in seen)) == "GET /key/list 2"
    assert seen[0].began < seen[0].ended <= seen[1].began


def test_requests_that_overlap_count_once() -> None:
    spans = [(5.0, 6.0), (1.0, 3.0), (2.0, 2.5), (2.5, 4.0)]
    assert seconds_under_way(Sent("GET /key/list", *span) for span in spans) == 4.0
    assert seconds_under_way([]) == 0


def test_heavy_packages_are_found_by_their_first_name() -> None:
    assert start.heavy_among(["json", "requests.adapters", "rich", "richer", "ruamel.yaml"]) == [
        "requests",
        "rich",
        "ruamel",
    ]


def test_what_a_command_imports_is_listed() -> None:
    assert {"typer", "vkstate.cli.app"} <= set(start.imported_by("--help"))


def test_a_scene_is_consistent_from_every_side() -> None:
    scene = client_time.Scene(12)
    first = scene.desired[next(iter(scene.desired))]
    assert (first.alias, first.declared["max_budget"]) == ("ai-workshop-person1", 100)
    assert scene.live.keys[0].expires_at == client_time.CREATED + client_time.LASTS
    assert scene.plan().counts == {Action.NO_OP: 12}
    assert scene.new.counts == {Action.CREATE: 12}
    assert parse(scene.state_text, place="state") == scene.state
    assert len(scene.load().keys) == 12


def test_rows_are_what_the_keys_ask_for() -> None:
    key = client_time.Scene(1).desired[next(iter(client_time.Scene(1).desired))]
    row = client_time.row_of(key)
    assert (row["key_alias"], row["models"], row["max_budget"], row["expires"]) == (
        "ai-workshop-person1",
        ["gpt-3.5-turbo", "gpt-4"],
        100,
        format_instant(client_time.CREATED + client_time.LASTS),
    )


def test_growth_compares_the_time_per_key() -> None:
    measured = Measured({"8": {"plan": Series((1.0,))}, "64": {"plan": Series((12.0,))}})
    assert client_time.growth(measured, [8, 64], "plan") == 1.5
