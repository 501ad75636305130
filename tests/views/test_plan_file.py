from __future__ import annotations

import json
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vkstate.attributes import Json, Sensitive
from vkstate.fingerprint import Entry, entries, fingerprint
from vkstate.keys import Alias
from vkstate.plan import Action, Change, Plan, Reason
from vkstate.views.documents import dumped
from vkstate.views.human import render_plan
from vkstate.views.json import plan_document
from vkstate.views.markdown import render_markdown
from vkstate.views.plan_file import (
    NotAPlanFile,
    PlanFileDamaged,
    PlanFileTooNew,
    PlanOptions,
    SavedPlan,
    UnreadablePlan,
    plan_file_text,
    read_plan_file,
)
from vkstate.views.summary import Mode

from .samples import (
    LINEAGE,
    PROXY,
    SEALED,
    accepted,
    create,
    desired,
    diff,
    everything,
    participant,
    plan_of,
    transitions,
    update,
)

Golden = Callable[[str, str], None]
OPTIONS = PlanOptions(
    targets=("ws-*", "workshop:ws/ann"),
    excludes=("ws-bob",),
    allow_deletes=8,
    replace=("ws-*",),
    grace="24h",
    renew=("expired",),
    adopt_replaced=True,
)


def saved(plan: Plan, options: PlanOptions = OPTIONS, mode: Mode = "apply") -> str:
    return plan_file_text(
        plan,
        proxy=PROXY,
        mode=mode,
        options=options,
        fingerprint=fingerprint(plan, PROXY),
        entries=entries(plan),
    )


def test_a_plan_file(golden: Golden) -> None:
    plan = plan_of(
        create(participant(1)),
        update("key", diff("max_budget", 50, 60), diff("metadata.logging", SEALED, SEALED)),
    )
    golden("plan_file.json", saved(plan))


@pytest.mark.parametrize(
    ("plan", "mode"),
    [(everything(), "apply"), (transitions(), "apply"), (accepted(), "refresh"), (plan_of(), "destroy")],
    ids=["everything", "transitions", "accepted", "nothing"],
)
def test_what_is_read_is_what_was_written(plan: Plan, mode: Mode) -> None:
    text, print_ = saved(plan, mode=mode), fingerprint(plan, PROXY)
    assert text.isascii()
    read = read_plan_file(text)
    assert read == SavedPlan(
        options=OPTIONS,
        fingerprint=print_,
        entries=entries(plan),
        document=plan_document(plan, proxy=PROXY, mode=mode, fingerprint=print_),
        text=render_plan(plan, proxy=PROXY, mode=mode, fingerprint=print_),
        verbose=render_plan(plan, proxy=PROXY, mode=mode, fingerprint=print_, verbose=True),
        markdown=render_markdown(plan, proxy=PROXY, mode=mode, fingerprint=print_, arguments=OPTIONS.arguments),
        proxy=PROXY,
        lineage=LINEAGE,
    )
    assert dumped(read.document) == dumped(plan_document(plan, proxy=PROXY, mode=mode, fingerprint=print_))


globs = st.lists(st.text(max_size=20), max_size=3).map(tuple)
options = st.builds(
    PlanOptions,
    targets=globs,
    excludes=globs,
    allow_deletes=st.none() | st.integers(0, 500),
    replace=globs,
    grace=st.none() | st.integers(1, 36_500).map("{}d".format),
    renew=globs,
    adopt_replaced=st.booleans(),
    refresh_only=st.booleans(),
    destroy=st.booleans(),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(options, st.lists(st.tuples(st.text(max_size=10), values, values), max_size=4, unique_by=lambda one: one[0]))
def test_whatever_is_written_is_read_again(asked: PlanOptions, given_values: list[tuple[str, Json, Json]]) -> None:
    plan = plan_of(
        *(update(alias, diff(f"metadata.{alias}", before, after)) for alias, before, after in given_values),
        Change(
            Alias("new"),
            Action.CREATE,
            Reason.NEW,
            desired("new", {"tags": given_values[0][1]} if given_values else {}),
        ),
    )
    read = read_plan_file(saved(plan, asked))
    assert (read.options, read.entries, read.fingerprint) == (asked, entries(plan), fingerprint(plan, PROXY))


def test_no_secret_is_in_it() -> None:
    canary = "canary-51aa"
    change = Change(
        Alias("key"), Action.CREATE, Reason.NEW, desired("key", {"metadata.logging": Sensitive(canary), "tags": SEALED})
    )
    text = saved(plan_of(change, update("other", diff("metadata.logging", SEALED, SEALED))))
    assert [secret for secret in (canary, SEALED.digest) if secret in text] == []


def test_what_apply_must_be_told_to_plan_alike() -> None:
    assert PlanOptions().arguments == ()
    assert OPTIONS.arguments == (
        *("--target", "ws-*", "--target", "workshop:ws/ann", "--exclude", "ws-bob", "--replace", "ws-*"),
        *("--renew", "expired", "--grace", "24h", "--allow-deletes", "8", "--adopt-replaced"),
    )
    assert PlanOptions(destroy=True, refresh_only=True).arguments == (), "the mode says it"


def document() -> dict[str, Json]:
    """A good plan file, to be damaged."""
    return cast("dict[str, Json]", json.loads(saved(plan_of(create(participant(1))))))


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "null", "{}", '{"kind": "vkstate plan"}', '{"format": 1}', "NaN", "[" * 10**5]
)
def test_something_else_is_no_plan_file(text: str) -> None:
    with pytest.raises(NotAPlanFile) as raised:
        read_plan_file(text)
    assert (raised.value.detail, raised.value.hint) == (
        "It is not what vkstate plan --out writes.",
        "plan again: vkstate plan --out FILE",
    )


@pytest.mark.parametrize("version", [True, "1", None, 1.5])
def test_a_version_is_a_number(version: Json) -> None:
    with pytest.raises(NotAPlanFile):
        read_plan_file(json.dumps({**document(), "format_version": version}))


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(PlanFileTooNew) as raised:
        read_plan_file(json.dumps({"format_version": 2, "kind": "vkstate plan", "and": "whatever"}))
    assert (raised.value.detail, raised.value.hint) == (
        "It has format 2, and this vkstate reads format 1.",
        "use the vkstate that wrote it, or plan again: vkstate plan --out FILE",
    )


def test_a_file_that_was_cut_short_is_damaged() -> None:
    text = saved(everything())
    for length in (60, 200, len(text) // 2, len(text) - 3):
        with pytest.raises(PlanFileDamaged) as raised:
            read_plan_file(text[:length])
        assert raised.value.detail == "It was cut short, or is no valid JSON any more."


def with_entry(**fields: Json) -> dict[str, Json]:
    entry: dict[str, Json] = {"action": "create", "token": None, "values": {}, "digest": "ab" * 32}
    return {"entries": {"key": {**entry, **fields}}}


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"fingerprint": "ab"}, "At fingerprint: string should match pattern '^[0-9a-f]{64}\\z'."),
        ({"fingerprint": "0" * 64}, "The plan in it has another fingerprint than the file."),
        ({"extra": 1}, "At extra: extra inputs are not permitted."),
        ({"entries": []}, "At entries: input should be a valid dictionary."),
        (with_entry(token="ab"), "At entries.key.token: string should match pattern '^[0-9a-f]{64}\\z'."),
        (with_entry(values={"a": {"during": 1}}), "At entries.key.values.a.during: extra inputs are not permitted."),
        ({"options": {}}, "At options.targets: field required."),
        ({"plan": {}}, "At proxy: field required."),
        ({"text": "evil\x1b[2J"}, "At text: it holds what a terminal would not print."),
        ({"verbose": "evil\r"}, "At verbose: it holds what a terminal would not print."),
        ({"markdown": "evil\u202e"}, "At markdown: it holds what a terminal would not print."),
    ],
)
def test_what_was_changed_is_damaged(change: dict[str, Json], detail: str) -> None:
    with pytest.raises(PlanFileDamaged) as raised:
        read_plan_file(json.dumps({**document(), **change}))
    assert (raised.value.detail, raised.value.hint) == (detail, "plan again: vkstate plan --out FILE")


def test_a_name_that_stands_twice_is_damage() -> None:
    twice = saved(plan_of()).replace('"entries": {}', '"entries": {}, "entries": {}')
    with pytest.raises(PlanFileDamaged):
        read_plan_file(twice)


def test_a_place_in_the_file_cannot_move_the_cursor() -> None:
    broken = document() | {"entries": {"evil\x1b[31m" + "x" * 500: {}}}
    with pytest.raises(PlanFileDamaged) as raised:
        read_plan_file(json.dumps(broken))
    assert raised.value.detail.isprintable()
    assert len(raised.value.detail) < 200


def test_what_the_file_holds_is_not_quoted() -> None:
    with pytest.raises(PlanFileDamaged) as raised:
        read_plan_file(json.dumps({**document(), "text": ["canary-51aa"]}))
    assert "canary" not in f"{raised.value!r} {raised.value} {raised.value.__cause__} {raised.value.__context__}"


def readable(text: str) -> None:
    """A text is read, or refused with the one kind of error."""
    refused: UnreadablePlan | None = None
    try:
        read_plan_file(text)
    except UnreadablePlan as error:
        refused = error
    assert refused is None or (refused.detail.isprintable() and refused.hint is not None)


@given(st.text() | values.map(json.dumps))
def test_whatever_text_there_is_the_error_is_of_one_class(text: str) -> None:
    readable(text)


@st.composite
def damaged_documents(draw: st.DrawFn) -> Json:
    """A plan file with something else in one place of it, or without that place."""
    whole = document()
    place: Json = whole
    while isinstance(place, dict | list) and place:
        chosen = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[chosen]  # type: ignore[index, call-overload]  # a key of the one, or an index of the other
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 3)) == 0:
            if draw(st.booleans()):
                del place[chosen]  # type: ignore[arg-type]  # as above
            else:
                place[chosen] = draw(values)  # type: ignore[index, call-overload]  # as above
            break
        place = inner
    return whole


@settings(max_examples=4 * settings().max_examples)
@given(damaged_documents(), st.integers(0, 3))
def test_whatever_damage_there_is_the_error_is_of_one_class(damaged: Json, cut: int) -> None:
    text = json.dumps(damaged)
    readable(text[: len(text) - cut])


def test_depth_is_no_way_to_crash() -> None:
    deep: Json = {}
    for _ in range(400):
        deep = {"a": deep}
    readable(json.dumps({**document(), "plan": deep}))
    readable(json.dumps({**document(), "entries": deep}))
    readable(saved(plan_of()).replace('"entries": {}', '"entries": ' + "[" * 10**5))


def test_an_entry_keeps_apart_what_is_null_and_what_is_not_there() -> None:
    plan = plan_of(update("key", diff("max_budget", 5, None), diff("rpm_limit", None, 5)))
    [entry] = read_plan_file(saved(plan)).entries.values()
    assert isinstance(entry, Entry)
    assert entry.values == {"max_budget": {"before": 5, "after": None}, "rpm_limit": {"before": None, "after": 5}}
