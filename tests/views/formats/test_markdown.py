from __future__ import annotations

from dataclasses import replace

from tests.views.rendered import rendered
from tests.views.samples import ENDS, handout, handout_key, value_of
from vkstate.views.formats.markdown import as_markdown

HOSTILE = "<b>x</b> | `y` [z](https://example.com) @all #1 $a$\n# h"


def test_a_wiki_shows_exactly_the_values() -> None:
    keys = [handout_key(f"ws-{name}", name, "ws", details={"name": name.title()}) for name in ("ada", "grace")]
    seen = rendered(as_markdown(handout(*keys), reveal=True))
    assert seen.rows == [
        ["Name", "User", "Key", "Models", "Expires", "Budget"],
        *(
            [
                name.title(),
                name,
                value_of(f"ws-{name}").reveal(),
                "gpt-3.5-turbo, gpt-4",
                "Tue 1 Dec 2026, 16:00 UTC",
                "$50.00",
            ]
            for name in ("ada", "grace")
        ),
    ]


def test_no_name_becomes_markup() -> None:
    key = handout_key("alias", HOSTILE, HOSTILE, details={"name": f"{HOSTILE}!"})
    seen = rendered(as_markdown(replace(handout(replace(key, models=(HOSTILE,))), base_url=HOSTILE)))
    assert set(seen.tags) <= {"h2", "table", "thead", "tbody", "tr", "th", "td", "code", "p", "br"}
    assert {len(row) for row in seen.rows} == {6}


def test_a_status_is_shown_where_it_matters() -> None:
    key = handout_key("ws-one", "one", "ws")
    assert rendered(as_markdown(handout(key))).rows[0] == ["User", "Key", "Models", "Expires", "Budget"]
    late = replace(key, status="expired")
    header, row = rendered(as_markdown(handout(late))).rows
    assert (header[-1], row[-1]) == ("Status", "expired")

    starting = replace(key, status="blocked", opens_at=ENDS)
    assert rendered(as_markdown(handout(starting))).rows[1][-1] == "blocked until Tue 1 Dec 2026, 16:00 UTC"
