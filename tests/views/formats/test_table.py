from __future__ import annotations

from dataclasses import replace

from tests.views.handouts import workshop_day
from tests.views.samples import WORKSHOP, handout, handout_key, value_of
from vkstate.views.formats.cards import as_cards
from vkstate.views.formats.markdown import as_markdown
from vkstate.views.formats.table import as_table


def test_a_revealed_value_is_never_cut() -> None:
    text = as_table(workshop_day(), reveal=True, width=20)
    assert value_of(f"{WORKSHOP}-participant1").reveal() in text


def test_a_table_fits_its_terminal() -> None:
    long = handout(replace(handout_key("a" * 90, "user", None), models=tuple(f"model-{n}" for n in range(20))))
    assert max(len(line) for line in as_table(long, width=100).splitlines()[:3]) == 100


def test_a_key_that_is_not_created_yet_has_no_expiry_yet() -> None:
    pending = replace(handout_key("key", "user", None), expires_at=None, key_masked=None, status="pending")
    assert as_table(handout(pending)).splitlines()[2] == (
        "  key    -    gpt-3.5-turbo, gpt-4  -        $50.00  pending"
    )


def test_a_budget_that_begins_anew_says_when() -> None:
    key = replace(handout_key("key", "user", None), max_budget=5, budget_duration="30d")
    for text in (as_table(handout(key)), as_markdown(handout(key)), as_cards(handout(key))):
        assert "$5.00 per 30d" in text


def test_no_control_character_reaches_the_terminal() -> None:
    evil = "evil\x1b[31m\nx"
    key = replace(handout_key(evil, evil, evil), models=(evil,), key_masked=evil)
    text = as_table(replace(handout(key), base_url=evil))
    assert [line for line in text.splitlines() if not line.isprintable()] == []
