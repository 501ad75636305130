from __future__ import annotations

from vkstate.views.tables import cells, clipped, table


def test_columns_are_aligned_by_what_a_terminal_shows() -> None:
    rows = [("Zoë", "1"), ("日本", "22"), ("e\u0301", "3")]
    assert table(("NAME", "NUMBER"), rows, width=80) == (
        "  NAME  NUMBER",
        "  Zoë   1",
        "  日本  22",
        "  e\u0301     3",
    )


def test_only_yielding_columns_are_cut() -> None:
    rows = [("a" * 20, "b" * 20, "c" * 20)]
    assert table(("A", "B", "C"), rows, width=50, yielding=(1, 0), indent=0) == (
        "A" + " " * 17 + "  B         C",
        "a" * 17 + "…  bbbbbbb…  " + "c" * 20,
    )


def test_a_column_yields_no_further_than_its_header_and_eight() -> None:
    rows = [("a" * 20, "b" * 20)]
    assert table(("A", "A LONG HEADER"), rows, width=1, yielding=(0, 1), indent=0) == (
        "A         A LONG HEADER",
        "aaaaaaa…  bbbbbbbbbbbb…",
    )


def test_an_optional_column_is_left_out_where_it_is_empty() -> None:
    rows = [("a", "", "1", ""), ("b", "", "22", "x")]
    assert table(("A", "B", "C", "D"), rows, width=80, optional=(1, 2, 3), right=(2,)) == (
        "  A   C  D",
        "  a   1",
        "  b  22  x",
    )


def test_a_table_without_rows_is_its_header() -> None:
    assert table(("A", "B"), [], width=80) == ("  A  B",)


def test_wide_characters_are_clipped_by_columns() -> None:
    assert [cells("日本"), clipped("日本語", 5), clipped("日本語", 6), clipped("abc", 3)] == [
        4,
        "日本…",
        "日本語",
        "abc",
    ]
