from __future__ import annotations

from dataclasses import replace

import pytest

from vkstate.attributes import UNSET
from vkstate.keys import Alias, Retired, Stamp, Status
from vkstate.plan import Action, Cause, Change, Reason
from vkstate.views.changes import block_rows, likeness, line_items, reason_texts

from .samples import (
    GRACE_ENDS,
    LINEAGE,
    SEALED,
    WORKSHOP,
    desired,
    diff,
    imported,
    left_missing,
    live,
    moved,
    over,
    participant,
    recorded,
    released,
    replaced,
    retiring,
    seen,
    still_retired,
    token_of,
    update,
)


def text_of(change: Change, person: str | None = None) -> str:
    """What follows the alias in a line."""
    return " ".join(item.text for item in line_items(change, person))


OLD_STAMP = Stamp(LINEAGE, "0123456789abcdef", participant(1)).form()
OTHER_STAMP = Stamp("9b0e7d4a-1111-4f55-8f7b-aaaaaaaaaaaa", "fedcba9876543210").form()
NEW_STAMP = Stamp(LINEAGE, "0123456789abcdef").form()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (moved("old", "new"), "(moved from old) key_alias: old → new (moved)"),
        (
            moved("old", "new", diff("max_budget", 5, 10)),
            "(moved from old) key_alias: old → new (moved), max_budget: 5 → 10 (config changed)",
        ),
        (
            replace(moved("old", "new"), diffs=(diff("key_alias", "old", "new", Cause.MOVED, already_live=True),)),
            "(moved from old) key_alias: old → new (moved; already so on the proxy)",
        ),
        (
            replace(replaced("new"), recorded=recorded("old", {})),
            "(moved from old) (new key value) old key is deleted once the new one works",
        ),
        (replaced("key"), "(new key value) old key is deleted once the new one works"),
        (
            replaced("key", ends=GRACE_ENDS),
            f"(new key value) old value works on until 2026-11-29T17:00:00Z as key.retired-{token_of('key')[:8]}",
        ),
        (
            replaced("key", diff("max_budget", 5, 10), diff("models", ["a"], ["b"])),
            (
                "(new key value) max_budget: 5 → 10, models: [a] → [b] (config changed), "
                "old key is deleted once the new one works"
            ),
        ),
        (
            replace(replaced("key"), reason=Reason.INTERRUPTED),
            "(its create was interrupted) (new key value) old key is deleted once the new one works",
        ),
        (
            replace(replaced("key"), reason=Reason.INTERRUPTED, retires=None),
            "(its create was interrupted) (new key value) old key is deleted first",
        ),
        (replace(replaced("key"), retires=None, live=None), "(new key value)"),
        (over("key"), "(replaced, and its time is over)"),
        (
            replace(over("key"), action=Action.UPDATE, reason=Reason.RETIRING, diffs=(diff("expires_at", "a", "b"),)),
            "(replaced, and still has time) expires_at: a → b (config changed)",
        ),
        (released("key"), "(lives on as nobody's)"),
        (left_missing("key"), "(missing on the proxy, and left so by on_missing)"),
        (imported("key"), "(imported)"),
        (
            imported("key", diff("max_budget", 20, 50)),
            "(imported) max_budget: 20 → 50 (config changed)",
        ),
        (
            replace(imported("key"), reason=Reason.TAKEN, diffs=()),
            "(replaced outside vkstate, and taken over by --adopt-replaced)",
        ),
        (
            update("key", diff("duration", "2026-11-01T00:00:00Z", "30d", Cause.RENEWED)),
            "expires_at: 2026-11-01T00:00Z → 30d from now (renewed)",
        ),
        (
            seen("key", diff("max_budget", 10, 999, Cause.OUTSIDE, already_live=True)),
            "max_budget: 10 → 999 (changed outside vkstate)",
        ),
        (seen("key", status=Status.PENDING), "(its create has arrived)"),
        (seen("key", status=Status.GONE), "(back on the proxy)"),
        (
            replace(update("key"), recorded=replace(recorded("key", {}), status=Status.GONE)),
            "(back on the proxy) (only the record changes)",
        ),
        (
            update("key", diff("metadata.vkstate", UNSET, NEW_STAMP, Cause.OUTSIDE)),
            "metadata.vkstate: - → our mark (changed outside vkstate)",
        ),
        (
            update("key", diff("metadata.vkstate", OTHER_STAMP, NEW_STAMP, Cause.OUTSIDE)),
            (
                "metadata.vkstate: {lineage:9b0e7d4a-1111-4f55-8f7b-aaaaaaaaaaaa,id:fedcba9876543210} → "
                f"{{lineage:{LINEAGE},id:0123456789abcdef}} (changed outside vkstate)"
            ),
        ),
    ],
)
def test_what_a_line_says(change: Change, text: str) -> None:
    assert text_of(change) == text


def test_a_retired_key_whose_successor_moves() -> None:
    record = retiring("old")
    change = Change(
        record.alias,
        Action.UPDATE,
        Reason.MOVED,
        recorded=record,
        live=live(record.alias, {}),
        becomes=replace(record, retired=Retired(Alias("new"), GRACE_ENDS)),
    )
    assert text_of(change) == "(its successor is now new) (only the record changes)"


def test_long_aliases_are_not_shortened_where_keys_move() -> None:
    old, new = "o" * 200, "n" * 200
    assert text_of(moved(old, new)) == f"(moved from {old}) key_alias: {old} → {new} (moved)"


def test_a_person_stands_for_the_user_and_a_star_for_the_token() -> None:
    change = replaced(f"{WORKSHOP}-participant1", ends=GRACE_ENDS, member=participant(1))
    assert text_of(change, "participant{1..3}") == (
        f"(new key value) old value works on until 2026-11-29T17:00:00Z as {WORKSHOP}-participant{{1..3}}.retired-*"
    )
    same = f"(new key value) old value works on until 2026-11-29T17:00:00Z as {retiring(change.alias).alias}"
    assert [text_of(change), text_of(change, "participant1")] == [same, same]


def test_members_are_alike_though_their_aliases_and_tokens_differ() -> None:
    def members(workshop: str, *, spend: float) -> list[Change]:
        return [
            replaced(
                f"{workshop}-participant{number}", ends=GRACE_ENDS, member=participant(number), spend=spend * number
            )
            for number in (1, 2)
        ]

    one, other = members(WORKSHOP, spend=1)
    assert likeness(one) == likeness(other)
    assert likeness(one) != likeness(replace(other, retires=retiring(other.alias, None, other.member)))


def test_reasons_are_words_without_brackets() -> None:
    assert reason_texts(moved("old", "new")) == ["moved from old"]
    assert reason_texts(replaced("key")) == ["new key value"]
    assert reason_texts(update("key", diff("max_budget", 1, 2))) == []


def test_the_rows_of_a_replacement() -> None:
    graceful = replaced("key", diff("max_budget", 5, 10), ends=GRACE_ENDS, spend=1.23, tags=SEALED)
    assert block_rows(graceful) == {
        "models": "[gpt-4]",
        "max_budget": "5 → 10 (config changed)",
        "duration": "30d",
        "tags": "(sensitive)",
        "old value": f"works on until 2026-11-29T17:00:00Z as key.retired-{token_of('key')[:8]}",
        "old token": token_of("key"),
        "spend so far": "$1.23",
    }
    assert block_rows(replaced("key"))["old key"] == "is deleted once the new one works"
    assert block_rows(Change(Alias("key"), Action.REPLACE, Reason.DIFFERS, desired("key", {}))) == {}


def test_the_rows_of_what_is_imported_released_and_collected() -> None:
    assert block_rows(imported("key")) == {
        "models": "[gpt-4]",
        "max_budget": "50",
        "duration": "30d",
        "metadata.vkstate": f"- → {{lineage:{LINEAGE},id:{token_of('key')[:16]}}} (config changed)",
        "token": token_of("key"),
    }
    assert block_rows(released("key")) == {
        "models": "[gpt-4]",
        "metadata.vkstate": "our mark is taken off",
        "token": token_of("key"),
    }
    assert block_rows(over("key")) == {"token": token_of("key"), "spend": "$2.50"}


def test_a_protection_that_is_only_recorded_is_shown_of_a_key_that_is_made_anew() -> None:
    want = replace(desired("key", {}), prevent_destroy=None)
    change = Change(Alias("key"), Action.CREATE, Reason.MISSING, want, recorded("key", {}, prevent_destroy=True))
    assert block_rows(change) == {"prevent_destroy": "true"}


def test_names_cannot_move_the_cursor() -> None:
    hostile = "evil\x1b[31m\n"
    changes = [
        moved(hostile, hostile + "x"),
        replaced(hostile, ends=GRACE_ENDS),
        still_retired(hostile),
        update("key", diff("metadata.vkstate", {"lineage": hostile}, {"lineage": "x"})),
    ]
    texts = [text_of(change) for change in changes]
    texts += [text for change in changes for row in block_rows(change).items() for text in row]
    assert [text for text in texts if not text.isprintable()] == []


@pytest.mark.parametrize("status", [Status.GONE, Status.PENDING])
def test_of_a_key_that_is_not_there_only_the_record_is_renamed(status: Status) -> None:
    record = recorded("old", {}, status=status)
    becomes = replace(record, alias=Alias("new"))
    change = Change(Alias("new"), Action.UPDATE, Reason.MOVED, recorded=record, becomes=becomes)
    assert reason_texts(change) == ["moved from old", "only the record changes"]
