"""Laws that hold for any text: a config is loaded or refused, and never anything else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vkstate.attributes import ATTRIBUTES, Json
from vkstate.canonical import flatten, reveal
from vkstate.config.config import Config
from vkstate.config.interpolation import Scope, fill
from vkstate.config.loader import load
from vkstate.config.places import ConfigError
from vkstate.config.scalars import resolve
from vkstate.config.sentences import SECTIONS

QUIET = settings(max_examples=2 * settings().max_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FRAGMENTS = st.sampled_from(
    [
        "proxy:", "url: sandbox://", "keys:", "workshops:", "variables:", "defaults:", "models: [m]", "count: 3", "- a",
        "  ", "\n", "\n  ", "\n    ", "\t", "{", "}", "[", "]", ": ", "&a ", "*a", "<<: ", "${env.X}", "${var.x}", "${",
        "$$", "'", '"', "|", ">", "!!int ", "!x ", "#", "---", "...", "%YAML 1.1", "? ", "0x", "1e9", "~", "é",
        "\ufeff", "\x85",
        "sk-aaaaaaaaaaaaaaaaaaaaaaaa", "lifecycle:", "metadata:", "roster: p.csv", "members:", "overrides:", "dev:",
    ]
)  # fmt: skip
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def loaded(text: str | bytes, roster: str | None = None, environ: Mapping[str, str] | None = None) -> Config | None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "vkstate.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
        if roster is not None:
            (Path(directory) / "p.csv").write_text(roster, encoding="utf-8", errors="replace", newline="")
        try:
            return load(path, variables={}, environ=environ or {"X": "5"})
        except ConfigError as refused:
            error = refused
    own = [problem.where.order for problem in error.problems if problem.where.file == str(path)]
    assert own == sorted(own)
    assert error.detail
    assert error.hint
    return None


@QUIET
@given(st.text(max_size=200) | st.lists(FRAGMENTS, max_size=30).map("".join))
def test_any_text_is_loaded_or_refused(text: str) -> None:
    loaded(text)


@QUIET
@given(st.binary(max_size=100))
def test_any_bytes_are_loaded_or_refused(data: bytes) -> None:
    loaded(data)


@QUIET
@given(st.sampled_from([*ATTRIBUTES, "duration", "expires_at", "lifecycle"]), JSONS)
def test_any_value_of_any_field_is_loaded_or_refused(name: str, value: Json) -> None:
    document = {"proxy": {"url": "sandbox://"}, "keys": {"dev": {"models": ["m"], name: value}}}

    if config := loaded(json.dumps(document)):
        declared = config.keys[0].declared
        assert {
            path: inner
            for path, inner in declared.items()
            if path.partition(".")[0] in ATTRIBUTES
            and flatten(path.partition(".")[0], _nested(path, reveal(inner))) != {path: reveal(inner)}
        } == {}


def _nested(path: str, value: Json) -> Json:
    key = path.partition(".")[2]
    return {key: value} if key or path.endswith(".") else value


@QUIET
@given(st.sampled_from(sorted(SECTIONS)), JSONS | st.dictionaries(st.text(), JSONS))
def test_any_section_is_loaded_or_refused(name: str, value: Json) -> None:
    loaded(json.dumps({"proxy": {"url": "sandbox://"}} | {name: value}))


@QUIET
@given(st.text(max_size=100) | st.text(alphabet='user,;\t"\n\rab1.$', max_size=60).map("user,".__add__))
def test_any_roster_is_loaded_or_refused(roster: str) -> None:
    loaded("proxy: {url: 'sandbox://'}\nworkshops: {w: {roster: p.csv, models: [m]}}\n", roster)


@QUIET
@given(st.text(max_size=30))
def test_any_template_is_loaded_or_refused(template: str) -> None:
    workshop = {"members": ["a"], "models": ["m"], "user_id_template": template}

    loaded(json.dumps({"proxy": {"url": "sandbox://"}, "workshops": {"w": workshop}}))


@given(st.text(alphabet="-+.0123456789eExoabcdefinaINF_:~nulTtrue "))
def test_a_plain_scalar_has_a_value_or_a_reason(text: str) -> None:
    try:
        value = resolve(text)
    except ValueError:
        return
    assert value is None or isinstance(value, bool | int | float) or value == text


@given(st.text())
def test_a_text_with_doubled_dollars_comes_back(text: str) -> None:
    filled = fill(text.replace("$", "$$"), Scope({}, {}))

    assert (filled.text, filled.tainted, filled.broken) == (text, False, False)


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_the_environment_gives_is_never_interpolated_again(value: str, around: str) -> None:
    around = around.replace("$", "")

    assert fill(f"{around}${{env.X}}{around}", Scope({"X": value}, {})).text == f"{around}{value}{around}"
