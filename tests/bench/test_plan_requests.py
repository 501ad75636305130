"""What plans cost, on a served sandbox: it searches as the newest LiteLLM does."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.live import DATABASE_VARIABLE, KEY_VARIABLE, URL_VARIABLE, LiveProxy
from bench.plan_requests import Figure, main, report
from tests.front import Front
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


def test_every_scene_is_planned_and_nothing_is_left(
    front: Front, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(URL_VARIABLE, front.url)
    monkeypatch.setenv(KEY_VARIABLE, DEFAULT_MASTER_KEY)
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    assert main(["--keys", "2", "--foreign", "0", "1", "--many", "3", "--rounds", "1"]) == 0
    shown = capsys.readouterr().out.splitlines()
    read = "GET /key/list 1, POST /v2/key/info 1"
    new = "GET /key/list 1, GET /user/list 1, GET /v1/models 2"
    assert shown[7:12] == [
        f"2 keys, no change beside 0: {read}",
        f"2 keys, all new beside 2: {new}",
        f"2 keys, no change beside 1: {read}",
        f"2 keys, all new beside 3: {new}",
        f"3 keys, no change beside 0: {read}",
    ]
    assert shown[13:] == [
        "met     requests, 2 keys beside 0: 2 (at most 12)",
        "met     requests, 2 keys, all new, beside 2: 4 (at most 10)",
        "met     requests, 2 keys beside 1: 2 (at most 12)",
        "met     requests, 2 keys, all new, beside 3: 4 (at most 10)",
        "met     requests, 3 keys beside 0: 2 (at most 15)",
    ]
    assert LiveProxy(front.url, DEFAULT_MASTER_KEY).total_keys() == 0


def test_the_report_says_what_each_plan_sent() -> None:
    figures = [
        Figure("100 keys, no change", 20_000, Counter({"POST /v2/key/info": 1, "GET /key/list": 1}), 0.125, 1.5),
        Figure("100 keys, all new", 20_100, Counter({"GET /key/list": 3}), 0.25),
    ]
    assert report(figures).splitlines() == [
        "plan of              keys of others  requests      time  x bare reads",
        "100 keys, no change          20,000         2  125.0 ms          1.50",
        "100 keys, all new            20,100         3  250.0 ms",
        "",
        "100 keys, no change beside 20,000: GET /key/list 1, POST /v2/key/info 1",
        "100 keys, all new beside 20,100: GET /key/list 3",
    ]
