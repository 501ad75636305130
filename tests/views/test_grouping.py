from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vkstate.keys import Alias, Member
from vkstate.plan import Action, Change, Reason
from vkstate.views.grouping import Group, gather, listing, members_of, personal, without_alias

from .samples import (
    WORKSHOP,
    create,
    delete,
    live,
    moved,
    participant,
    plan_of,
    recorded,
    replaced,
    retiring,
    still_retired,
    update,
)


def changes_of(workshop: str, users: list[str], template: str = "{workshop}-{user}") -> list[Change]:
    return [
        Change(
            Alias(template.format(workshop=workshop, user=user)),
            Action.DELETE,
            Reason.NOT_DESIRED,
            recorded=recorded(template.format(workshop=workshop, user=user), {}, Member(workshop, user)),
        )
        for user in users
    ]


def names_of(changes: list[Change]) -> list[str]:
    return [group.name for group in gather(changes, lambda _: None)]


def expanded(name: str) -> list[str]:
    """What a shell makes of a compact alias."""
    found = re.fullmatch(r"([^{]*)\{(.*)\}([^}]*)", name)
    if found is None:
        return [name]
    before, inside, after = found.groups()
    return [f"{before}{part}{after}" for item in inside.split(",") for part in counted_out(item)]


def counted_out(item: str) -> Iterator[str]:
    if (span := re.fullmatch(r"([0-9]+)\.\.([0-9]+)", item)) is None:
        yield item
        return
    first, last = span.groups()
    width = max(len(first), len(last)) if any(end.startswith("0") and end != "0" for end in (first, last)) else 0
    yield from (str(number).zfill(width) for number in range(int(first), int(last) + 1))


@pytest.mark.parametrize(
    ("users", "names"),
    [
        ([f"user{number}" for number in range(1, 26)], ["ws-user{1..25}"]),
        (["user1", "user2", "user3", "user5", "user7", "user8"], ["ws-user{1..3,5,7,8}"]),
        ([f"user{number:02}" for number in range(8, 12)], ["ws-user{08..11}"]),
        ([f"user{number:02}" for number in range(98, 102)], ["ws-user{98..101}"]),
        (["user08", "user09", "user10", "user100"], ["ws-user{08..10,100}"]),
        (["user0", "user1", "user2"], ["ws-user{0..2}"]),
        (["alice", "bob"], ["ws-{alice,bob}"]),
        (["alice", "alfred"], ["ws-{alfred,alice}"]),
        (["alice1", "bob2"], ["ws-{alice1,bob2}"]),
        (["alice", "user1", "user2", "user3"], ["ws-alice", "ws-user{1..3}"]),
        (["7", "8", "9"], ["ws-{7..9}"]),
        (["alone"], ["ws-alone"]),
        (["user1"], ["ws-user1"]),
        (["1..3", "alice"], ["ws-1..3", "ws-alice"]),
        (["a,b", "c{d}", "e…", "f", "g"], ["ws-a,b", "ws-c{d}", "ws-e…", "ws-{f,g}"]),
        (["a\x1b[31m", "b", "c"], ["ws-a\\u001b[31m", "ws-{b,c}"]),
    ],
)
def test_members_become_one_line(users: list[str], names: list[str]) -> None:
    assert names_of(changes_of("ws", users)) == names


def test_a_long_list_of_names_counts_its_rest() -> None:
    users = [f"{letter}-person" for letter in "abcdefghijklmnop"]
    assert names_of(changes_of("ws", users)) == ["ws-{a-person,b-person,c-person,d-person,… 12 more}"]


def test_a_long_list_of_ranges_counts_members_not_ranges() -> None:
    users = [f"user{number}" for hundred in range(1, 13) for number in range(hundred * 100, hundred * 100 + 50)]
    assert names_of(changes_of("ws", users)) == ["ws-user{100..149,200..249,300..349,400..449,… 400 more}"]


def test_an_alias_template_may_put_the_user_anywhere() -> None:
    assert names_of(changes_of("ws", ["p1", "p2", "p3"], "{user}.{workshop}")) == ["p{1..3}.ws"]
    assert names_of(changes_of("ws", ["ann", "bob"], "key-{user}-{workshop}")) == ["key-{ann,bob}-ws"]


def test_retired_keys_of_a_workshop_are_one_glob() -> None:
    users = ["p1", "p2", "p4"]
    retired = [still_retired(f"ws-{user}", member=Member("ws", user)) for user in users]
    [group] = gather(retired, lambda _: None)
    assert (group.name, group.person) == ("ws-p{1,2,4}.retired-*", "p{1,2,4}")
    assert names_of([*changes_of("ws", users), *retired]) == ["ws-p{1,2,4}", "ws-p{1,2,4}.retired-*"]


def test_one_retired_key_is_told_whole() -> None:
    change = still_retired("ws-p1", member=Member("ws", "p1"))
    assert gather([change], lambda _: None) == (Group(change.alias, (change,), "p1"),)


def test_several_retired_keys_of_one_member_are_one_glob() -> None:
    member = Member("ws", "p1")
    one, other = still_retired("ws-p1", member=member), still_retired("ws-p1", member=member)
    later = replace(other, alias=Alias("ws-p1.retired-0123abcd"))
    assert names_of([one, later]) == ["ws-p1.retired-*"]


def test_retired_keys_that_are_nobodys_stay_alone() -> None:
    aliases = [Alias(f"project.retired-0123456{number}") for number in range(3)]
    assert listing(aliases, {}) == "project.retired-01234560, project.retired-01234561, project.retired-01234562"


def test_the_aliases_that_members_had_and_will_have_are_theirs() -> None:
    member = participant(1)
    plan = plan_of(
        moved("old-participant1", "new-participant1", after=member),
        replaced("ws-participant1", member=member),
        update("single"),
    )
    aside = retiring("ws-participant1").alias
    assert members_of(plan) == dict.fromkeys(("old-participant1", "new-participant1", "ws-participant1", aside), member)


@pytest.mark.parametrize(
    ("text", "person", "told"),
    [
        ("ws-p1", "p{1..3}", "ws-p{1..3}"),
        ("ws-p10", "p{1..3}", "ws-p10"),
        ("xp1", "p{1..3}", "xp1"),
        ("p1@example.com", "p{1..3}", "p{1..3}@example.com"),
        ("p1/p10/p1", "p{1..3}", "p{1..3}/p10/p{1..3}"),
        ("p1p1-p1", "p{1..3}", "p1p1-p{1..3}"),
        ("", "p{1..3}", ""),
        ("ws-p1.retired-0123abcd", "p{1..3}", "ws-p{1..3}.retired-*"),
        ("ws-p1.retired-0123abcd", "p1", "ws-p1.retired-0123abcd"),
        ("ws-p1.retired-0123abcd", None, "ws-p1.retired-0123abcd"),
        ("ws-p1.retired-0123abcde", "p{1..3}", "ws-p{1..3}.retired-0123abcde"),
    ],
)
def test_a_person_stands_for_the_user(text: str, person: str | None, told: str) -> None:
    assert personal(text, Member("ws", "p1"), person) == told
    assert personal(text, None, person) == text
    assert personal(text, Member("ws", ""), person).startswith(text[:4]), "nobody stands nowhere"


def test_an_alias_without_its_user_stays_alone() -> None:
    changes = [
        Change(Alias(f"imported-{number}"), Action.FORGET, Reason.GONE, live=live("x", {}, participant(number + 5)))
        for number in range(2)
    ]
    assert names_of(changes) == ["imported-0", "imported-1"]


def test_single_keys_stay_alone() -> None:
    assert names_of([update("project1"), update("project2")]) == ["project1", "project2"]


def test_only_what_is_alike_is_grouped_in_the_order_of_the_first() -> None:
    changes = [create(participant(1)), delete(participant(2)), create(participant(3)), delete(participant(4))]
    groups = gather(changes, lambda change: change.action)
    assert groups == (
        Group(f"{WORKSHOP}-participant{{1,3}}", (changes[0], changes[2]), "participant{1,3}"),
        Group(f"{WORKSHOP}-participant{{2,4}}", (changes[1], changes[3]), "participant{2,4}"),
    )


def test_workshops_are_not_mixed() -> None:
    changes = [*changes_of("one", ["p1", "p2"]), *changes_of("two", ["p1", "p2"])]
    assert names_of(changes) == ["one-p{1,2}", "two-p{1,2}"]


def test_a_member_is_known_from_config_then_record_then_stamp() -> None:
    member = participant(1)
    assert create(member).member == member
    assert delete(member).member == member
    stamped = Change(Alias("a"), Action.ADOPT, Reason.STATE_BEHIND, live=live("a", {}, member))
    assert stamped.member == member
    assert Change(Alias("a"), Action.NO_OP, Reason.MATCHES).member is None


def test_a_listing_names_groups_and_counts_what_does_not_fit() -> None:
    members = {Alias(f"ws-{user}"): Member("ws", user) for user in ("ann", "bob")}
    aliases = [Alias(alias) for alias in ("project10", "zeta", "ws-bob", "project9", "ws-ann")]
    assert listing(aliases, members) == "project{9,10}, ws-{ann,bob}, zeta"
    assert listing(aliases, members, room=30) == "project{9,10}, ws-{ann,bob} and 1 more"
    assert listing(aliases, members, room=1) == "project{9,10} and 3 more"


def test_an_alias_is_taken_out_of_a_sentence_only_where_it_stands_whole() -> None:
    assert without_alias("ws-p1 and ws-p10, 'ws-p1'. my.ws-p1 ws-p1.", "ws-p1", "X") == "X and ws-p10, 'X'. my.ws-p1 X."


some_users = st.lists(
    st.from_regex(r"[a-c]{0,2}[0-9]{1,3}", fullmatch=True)
    | st.from_regex(r"[a-z0-9.,{}_-]{1,8}", fullmatch=True)
    | st.text(st.characters(exclude_categories=["No", "Cs"]), min_size=1, max_size=4),
    min_size=1,
    max_size=40,
    unique=True,
)


@given(some_users)
def test_a_shell_expands_a_compact_alias_to_its_members(users: list[str]) -> None:
    changes = changes_of("ws", users)
    groups = gather(changes, lambda _: None)
    assert sorted(change.alias for group in groups for change in group.changes) == sorted(
        change.alias for change in changes
    )
    for group in groups:
        if len(group.changes) > 1 and "more}" not in group.name:
            assert sorted(expanded(group.name)) == sorted(change.alias for change in group.changes)


@given(some_users, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_of_the_changes(users: list[str], random: Random) -> None:
    changes = changes_of("ws", users)
    shuffled = random.sample(changes, len(changes))
    assert sorted(names_of(shuffled)) == sorted(names_of(changes))
