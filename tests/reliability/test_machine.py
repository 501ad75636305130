"""Stories that Hypothesis makes up: see ``machine``."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability.counts import counted
from tests.reliability.machine import Machine
from tests.reliability.stand import token_hex, token_urlsafe
from tests.workspace import OWN_VARIABLES

SHORT = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=15,
    stateful_step_count=12,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, derandomize=False, max_examples=100, stateful_step_count=30, print_blob=False)
SEEDS = [int(text) for text in os.environ.get("VKSTATE_SEEDS", "").split()] or random.Random("machine").sample(
    range(10**6), 10
)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Machine, "place", tmp_path, raising=False)
    monkeypatch.setattr(secrets, "token_urlsafe", token_urlsafe)
    monkeypatch.setattr(secrets, "token_hex", token_hex)
    Machine.counted.clear()
    yield
    for what, times in sorted(Machine.counted.items()):
        counted(times, f"{what}, by the machine")


def test_short_stories() -> None:
    run_state_machine_as_test(Machine, settings=SHORT)


@pytest.mark.sweep
@pytest.mark.parametrize("number", SEEDS)
def test_long_stories(number: int) -> None:
    print(f"VKSTATE_SEEDS={number}")
    run_state_machine_as_test(seed(number)(type("Machine", (Machine,), {})), settings=LONG)
