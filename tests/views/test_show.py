from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from vkstate.attributes import Json, Value
from vkstate.keys import Alias, Member, Recorded, Status
from vkstate.views.documents import dumped
from vkstate.views.show import ShownKey, alias_list, key_document, key_text, state_document, state_text
from vkstate.views.values import ANSI

from .samples import (
    ENDS,
    GRACE_ENDS,
    LINEAGE,
    NOW,
    PROXY,
    SEALED,
    WORKSHOP,
    live,
    participant,
    recorded,
    retiring,
    token_of,
)

Golden = Callable[[str, str], None]
CANARY = "canary-51aa"


def project() -> ShownKey:
    applied: dict[str, Value] = {
        "models": ["gpt-4"],
        "max_budget": 50,
        "duration": "3d",
        "metadata.logging": SEALED,
        "tags": SEALED,
    }
    answer: dict[str, Json] = {
        "models": [f"model-{number}" for number in range(12)],
        "max_budget": 60,
        "metadata.logging": CANARY,
        "metadata.callback_settings": {"password": CANARY},
        "tags": [CANARY],
        "config": {},
        "rpm_limit": 0,
        "blocked": False,
        "aliases": {},
        "user_id": None,
    }
    return ShownKey(
        recorded("my-dev-project", applied, prevent_destroy=True),
        live("my-dev-project", answer, spend=12.345678),
        asked=True,
        value_known=True,
    )


def whole_state() -> Recorded:
    keys = [
        replace(recorded("ai-workshop-2024-participant1", {"models": ["gpt-4"]}, participant(1)), expires_at=NOW),
        replace(recorded("my-dev-project", {"models": ["gpt-4"]}, prevent_destroy=True), expires_at=None),
        replace(recorded("pending-one", {}, status=Status.PENDING), created_at=None, expires_at=None),
        recorded("reaped", {}, status=Status.GONE),
        retiring("rotated"),
        retiring("rotated-at-once", None),
        replace(retiring("rotated-long-ago", NOW), expires_at=None),
    ]
    return Recorded(LINEAGE, {key.alias: key for key in keys}, frozenset({token_of("my-dev-project")}))


def test_a_key_with_what_is_live(golden: Golden) -> None:
    golden("show_key.txt", key_text(project(), now=NOW))


def test_a_key_in_full(golden: Golden) -> None:
    golden("show_key_verbose.txt", key_text(project(), now=NOW, verbose=True))


def test_a_key_as_json(golden: Golden) -> None:
    golden("show_key.json", dumped(key_document(project())))


def test_what_is_sensitive_is_not_shown_though_the_proxy_tells_it() -> None:
    key = project()
    shown = (key_text(key, now=NOW), key_text(key, now=NOW, verbose=True), json.dumps(key_document(key)))
    assert [text for text in shown if CANARY in text or SEALED.digest in text] == []


def test_a_recorded_member_without_asking_the_proxy() -> None:
    key = ShownKey(recorded("ws-p1", {"models": ["gpt-4"]}, Member("ws", "p1", 1), status=Status.PENDING))
    assert key_text(key, now=NOW, palette=ANSI) == (
        "\x1b[1mws-p1\x1b[0m\n"
        "  status         pending\n"
        f"  token          {token_of('ws-p1')}\n"
        "  value          not known here\n"
        "  workshop       ws, user p1\n"
        "  origin         created\n"
        "  created        2026-11-28T16:00:00Z\n"
        "  expires        2026-12-01T16:00:00Z (in 3 days)\n"
        "  pending since  2026-11-28T17:00:00Z\n"
        "\n"
        "  ATTRIBUTE  RECORDED\n"
        "  models     [gpt-4]\n"
    )
    assert key_document(key)["on_proxy"] is None


def test_a_key_that_is_gone() -> None:
    key = ShownKey(recorded("gone", {}), asked=True)
    assert key_text(key, now=ENDS).splitlines()[1:] == [
        "  status   ready, gone from the proxy",
        f"  token    {token_of('gone')}",
        "  value    not known here",
        "  origin   created",
        "  created  2026-11-28T16:00:00Z",
        "  expires  2026-12-01T16:00:00Z (expired less than a minute ago)",
    ]
    assert (key_document(key)["on_proxy"], key_document(key)["live"]) == (False, None)


def test_a_live_key_that_is_not_ours() -> None:
    answer = replace(live("other", {"max_budget": None}, participant(3), spend=1), last_active=None, expires_at=None)
    key = ShownKey(None, replace(answer, alias=None), asked=True)
    assert key_text(key, now=NOW) == (
        "(no alias)\n"
        "  status      not managed here\n"
        f"  token       {token_of('other')}\n"
        "  value       not known here\n"
        f"  workshop    {WORKSHOP}, user participant3\n"
        "  created     2026-11-28T16:00:00Z\n"
        "  expires     never\n"
        "  spend       $1.00\n"
        "  created by  default_user_id\n"
    )
    assert key_document(key) == {
        "alias": None,
        "status": "unmanaged",
        "on_proxy": True,
        "id": None,
        "token": token_of("other"),
        "value_known": False,
        "workshop": WORKSHOP,
        "user": "participant3",
        "origin": None,
        "created_at": "2026-11-28T16:00:00Z",
        "expires_at": None,
        "pending_since": None,
        "prevent_destroy": False,
        "awaits_start": False,
        "retired": None,
        "applied": None,
        "live": {
            "attributes": {"max_budget": None},
            "spend": 1,
            "created_by": "default_user_id",
            "last_active": None,
        },
    }


def test_the_state_as_a_table(golden: Golden) -> None:
    golden("show_state.txt", state_text(whole_state(), proxy=PROXY, serial=7, now=NOW))


def test_the_state_as_json(golden: Golden) -> None:
    golden("show_state.json", dumped(state_document(whole_state(), proxy=PROXY, serial=7)))


def test_an_empty_state() -> None:
    empty = Recorded(LINEAGE, {})
    assert state_text(empty, proxy=None, serial=0, now=NOW) == (
        f"State {LINEAGE}, serial 0, not bound to a proxy yet\n\nNo keys are recorded.\n"
    )
    assert state_document(empty, proxy=None, serial=0)["keys"] == []
    assert alias_list([]) == ""


def test_aliases_one_a_line() -> None:
    keys = [*list(whole_state().keys.values())[:3], recorded("odd\nalias", {})]
    assert alias_list(keys) == "ai-workshop-2024-participant1\nmy-dev-project\npending-one\nodd\\nalias\n"


def facts_of(key: ShownKey) -> dict[str, str]:
    """What is said of a key besides its attributes, by its label."""
    lines = key_text(key, now=NOW).split("\n\n")[0].splitlines()[1:]
    parted = (line.strip().partition("  ") for line in lines)
    return {label: text.strip() for label, _, text in parted}


def test_a_retired_key_says_until_when_it_works() -> None:
    facts = [facts_of(ShownKey(retiring("key", ends))) for ends in (GRACE_ENDS, NOW, None)]
    assert [(fact["status"], fact["works until"]) for fact in facts] == [
        ("retired: key has a new value", "2026-11-29T17:00:00Z (in 24 hours)"),
        ("retired: key has a new value", "2026-11-28T17:00:00Z (expired less than a minute ago)"),
        ("retired: key has a new value", "key works"),
    ]
    assert facts_of(ShownKey(retiring("key"), asked=True))["status"] == (
        "retired: key has a new value, gone from the proxy"
    )
    documents = [key_document(ShownKey(retiring("key", ends)))["retired"] for ends in (GRACE_ENDS, None)]
    assert documents == [
        {"successor": "key", "delete_after": "2026-11-29T17:00:00Z"},
        {"successor": "key", "delete_after": None},
    ]
    assert key_document(ShownKey(recorded("key", {})))["retired"] is None


def test_a_key_that_is_left_missing() -> None:
    record = recorded("key", {}, status=Status.GONE)
    gone = "gone: somebody else deleted it, and on_missing leaves it so"
    assert [
        facts_of(key)["status"]
        for key in (ShownKey(record), ShownKey(record, asked=True), ShownKey(record, live("key", {}), asked=True))
    ] == [gone, gone, "gone"]
    assert key_document(ShownKey(record))["status"] == "gone"


def test_a_hostile_alias_stays_on_its_line() -> None:
    hostile = recorded("evil\x1b[31m\nx", {"metadata.evil\x07": "\x1b"}, Member("w\x1b", "u\x1b"))
    text = key_text(ShownKey(hostile), now=NOW)
    table = state_text(Recorded(LINEAGE, {Alias("evil"): hostile}), proxy="\x1b", serial=1, now=NOW)
    assert [line for line in (text + table).splitlines() if not line.isprintable()] == []
