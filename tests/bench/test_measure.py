"""The arithmetic of the benchmarks."""

from __future__ import annotations

import pytest

from bench.measure import Measured, Series, Verdict, Verdicts, aligned, alternate, duration, order_of, table


def test_a_ratio_is_the_median_of_the_rounds_not_of_the_series() -> None:
    mine, theirs = Series((2.0, 10.0, 3.0)), Series((1.0, 10.0, 2.0))
    assert mine.ratio_to(theirs) == 1.5
    assert (mine.median, theirs.median) == (3.0, 2.0)


def test_a_ratio_needs_as_many_rounds_on_both_sides() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Series((1.0, 2.0)).ratio_to(Series((1.0,)))


def test_every_round_begins_with_another_contender() -> None:
    assert [order_of(["a", "b", "c"], number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_contenders_take_turns() -> None:
    seen: list[str] = []
    ended: list[int] = []

    def contender(name: str, seconds: float) -> dict[str, float]:
        seen.append(name)
        return {"apply": seconds, "destroy": 2 * seconds}

    measured = alternate({"a": lambda: contender("a", 1.0), "b": lambda: contender("b", 3.0)}, 3, ended.append)

    assert seen == ["a", "b", "b", "a", "a", "b"]
    assert ended == [1, 2, 3]
    assert measured == Measured(
        {
            "a": {"apply": Series((1.0, 1.0, 1.0)), "destroy": Series((2.0, 2.0, 2.0))},
            "b": {"apply": Series((3.0, 3.0, 3.0)), "destroy": Series((6.0, 6.0, 6.0))},
        }
    )
    assert measured.phases() == ["apply", "destroy"]
    assert measured.ratio("b", "a", "destroy") == 3.0


def test_a_table_holds_each_contender_against_its_own_base() -> None:
    measured = Measured({"bare": {"apply": Series((2.0, 4.0, 3.0))}, "ours": {"apply": Series((2.2, 4.4, 3.3))}})
    assert table(measured, {"ours": "bare"}, "apply") == (
        "      median   least    most         ratio\n"
        "bare  3.00 s  2.00 s  4.00 s\n"
        "ours  3.30 s  2.20 s  4.40 s  1.100 x bare"
    )


def test_verdicts_say_what_was_met_and_decide_the_exit_code() -> None:
    verdicts = Verdicts()
    verdicts.add("apply", 1.15, 1.15, " x")
    assert verdicts.exit_code == 0
    verdicts.add("requests of a plan", 7, 6)
    assert verdicts.exit_code == 1
    assert verdicts.text() == "met     apply: 1.15 x (at most 1.15 x)\nMISSED  requests of a plan: 7 (at most 6)"


def test_a_figure_just_above_its_limit_is_missed() -> None:
    assert Verdict("apply", 1.1501, 1.15).met is False


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.345, "12.35 s"), (1.0, "1.00 s"), (0.0483, "48.3 ms"), (0.001, "1.0 ms"), (0.0000125, "12.5 µs")],
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_columns_stand_under_each_other() -> None:
    assert aligned([("", "one"), ("long name", "2")]) == "           one\nlong name    2"
