"""The benchmarks of a proxy under pressure: the gateway that turns requests away, and who copes with it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from bench import parallelism, pressure
from bench.measure import Measured, Series
from bench.throttle import Bucket, throttled
from tests.front import fronted, rows_of
from vkstate.sandbox.settings import DEFAULT_MASTER_KEY


def test_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        pressure.parser().parse_args(["--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: python -m bench.pressure [-h]")


def test_a_bucket_admits_a_burst_and_then_so_many_a_second() -> None:
    now = [0.0]
    bucket = Bucket(rate=4, burst=2, clock=lambda: now[0])
    seen: list[bool] = []
    for _ in range(12):
        seen.append(bucket.admits())
        now[0] += 0.125
    assert seen == [True, True, True, False, True, False, True, False, True, False, True, False]
    now[0] += 100
    assert [bucket.admits() for _ in range(3)] == [True, True, False]


def test_a_gateway_says_when_to_come_back_and_passes_on_what_it_admits(tmp_path: Path) -> None:
    now = [0.0]
    bucket = Bucket(rate=1, burst=1, clock=lambda: now[0])
    with fronted(tmp_path / "sandbox.sqlite") as front, throttled(front.url, bucket, 503, "7") as gateway:
        headers = {"Authorization": f"Bearer {DEFAULT_MASTER_KEY}"}
        first, second = (requests.get(f"{gateway.url}/key/list?size=1", headers=headers, timeout=10) for _ in range(2))
    assert (first.status_code, first.json()["total_count"]) == (200, 0)
    assert (second.status_code, second.headers["Retry-After"]) == (503, "7")
    assert (gateway.admitted, gateway.turned_away) == (1, 1)


@pytest.mark.parametrize(("tries", "made"), [(8, 3), (1, 1)])
def test_the_bare_loop_waits_and_tries_again_so_often(
    tries: int, made: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr("time.sleep", pass_by)
    monkeypatch.setattr("random.uniform", lambda _, most: most)
    bucket = Bucket(rate=1, burst=1, clock=lambda: now[0])
    with fronted(tmp_path / "sandbox.sqlite") as front, throttled(front.url, bucket) as gateway:
        bodies = [{"key_alias": f"key{number}", "models": ["gpt-4"]} for number in range(3)]
        failed = pressure.Loop(gateway.url, DEFAULT_MASTER_KEY, threads=1, tries=tries).post_all(
            "/key/generate", bodies
        )
        assert failed == 3 - made
        assert len(rows_of(front.sandbox)) == made


def test_a_report_holds_both_against_the_ideal() -> None:
    def phases(seconds: float, admitted: float, away: float, failed: float) -> dict[str, Series]:
        names = ("apply", "admitted", "turned away", "keys not made")
        return {name: Series((one,)) for name, one in zip(names, (seconds, admitted, away, failed), strict=True)}

    measured = Measured({"vkstate": phases(12.0, 60, 9, 0), "each on its own": phases(16.0, 50, 63, 1)})
    assert pressure.report(measured, ideal=lambda requests: requests / 5) == (
        "                  median  to the ideal  admitted  turned away  not made, at most\n"
        "vkstate          12.00 s        1.00 x        60            9                  0\n"
        "each on its own  16.00 s        1.60 x        50           63                  1\n"
        "vkstate to each on its own: 0.75 x"
    )


def test_others_ask_as_long_as_the_work_goes_on() -> None:
    asked: list[float] = []
    others = parallelism.Others(lambda: asked.append(time.perf_counter()), between=0.001)
    with others.asking():
        while len(asked) < 5:
            time.sleep(0.001)
    assert len(others.seconds) == len(asked) >= 5

    once = parallelism.Others(lambda: None, between=60)
    with once.asking():
        pass
    assert len(once.seconds) == 1
