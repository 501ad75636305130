"""Every error of the package says what kind of failure it is in one style, and maps to an exit code."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import vkstate
from vkstate.errors import ExitCode, VkstateError


def every_error() -> list[type[VkstateError]]:
    """The root and all of its descendants, in every module of the package."""
    for module in pkgutil.walk_packages(vkstate.__path__, "vkstate."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def below(error: type[VkstateError]) -> Iterator[type[VkstateError]]:
        yield error
        for child in error.__subclasses__():
            yield from below(child)

    ours = {error for error in below(VkstateError) if error.__module__.startswith("vkstate.")}
    return sorted(ours, key=lambda error: (error.__module__, error.__qualname__))


ERRORS = every_error()
PROPER_NAMES = ("LiteLLM", "TLS", "HTTP", "JSON", "YAML", "UTF-8", "CSV")


def test_errors_are_found() -> None:
    assert len(ERRORS) > 10


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{error.__module__}.{error.__qualname__}")
def test_the_style_of_a_summary(error: type[VkstateError]) -> None:
    summary = error.summary
    assert summary
    assert summary == summary.strip()
    assert "\n" not in summary
    assert summary[0].islower() or summary.startswith(PROPER_NAMES)
    assert summary[-1] not in ".!:?"
    assert len(summary) <= 80
    assert isinstance(error.exit_code, ExitCode)
    assert error.exit_code not in (ExitCode.OK, ExitCode.CHANGES)


def test_one_summary_stands_for_one_kind() -> None:
    summaries: dict[str, list[str]] = {}
    for error in ERRORS:
        if "summary" in vars(error):
            summaries.setdefault(error.summary, []).append(error.__qualname__)
    assert {summary: names for summary, names in summaries.items() if len(names) > 1} == {}


def test_an_error_carries_detail_and_hint() -> None:
    error = VkstateError("It broke.", hint="run it again")
    assert (error.detail, error.hint, str(error)) == ("It broke.", "run it again", "vkstate failed: It broke.")
    assert VkstateError("It broke.").hint is None


def test_exit_codes_are_the_documented_ones() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "ERROR": 1,
        "CHANGES": 2,
        "PARTIAL": 3,
        "CANCELLED": 4,
        "LOCKED": 5,
        "STALE": 6,
        "USAGE": 64,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }
