from __future__ import annotations

import json
import stat
import traceback
from pathlib import Path

import pytest

from tests.state.faults import faults
from tests.state.samples import CANARY, LINEAGE, value
from vkstate.errors import VkstateError
from vkstate.keys import Alias, KeyValue, Token
from vkstate.state.directory import UnsafeDirectory
from vkstate.state.durable import WriteFailed
from vkstate.state.plain_store import PlainStore
from vkstate.state.secret_store import ForeignStore, SecretStore, StoreDamaged, StoreTooNew

ONE, TWO = Alias("one"), Alias("two")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / ".vkstate"


@pytest.fixture
def store(directory: Path) -> PlainStore:
    """A store that holds two values."""
    filled = PlainStore(directory, LINEAGE)
    filled.keep({ONE: value(1), TWO: value(2)})
    return filled


def again(store: PlainStore) -> PlainStore:
    return PlainStore(store.path.parent, LINEAGE)


def told(store: PlainStore, error: type[VkstateError]) -> tuple[str, str | None]:
    before = store.path.read_bytes()
    seen: set[tuple[str, str | None]] = set()
    for attempt in (store.tokens, lambda: store.keep({ONE: value(3)}), lambda: store.drop([value(1).token])):
        with pytest.raises(error) as caught:
            attempt()
        assert "canary" not in "".join(traceback.format_exception(caught.value))
        assert caught.value.__context__ is None
        seen.add((caught.value.detail, caught.value.hint))
    assert store.path.read_bytes() == before
    [said] = seen
    return said


def test_it_fills_the_protocol(store: PlainStore) -> None:
    filled: SecretStore = store
    assert not filled.encrypted


def test_nothing_is_created_by_asking(directory: Path) -> None:
    store = PlainStore(directory, LINEAGE)
    assert store.value_of(value(1).token) is None
    assert store.tokens() == frozenset()
    assert store.warnings == ()
    store.keep({})
    store.drop([value(1).token])
    assert not directory.exists()


def test_values_are_kept(store: PlainStore) -> None:
    for asked in (store, again(store)):
        assert asked.tokens() == {value(1).token, value(2).token}
        assert asked.value_of(value(1).token) == value(1)
        assert asked.value_of(value(3).token) is None
        assert {kept.token for kept in asked.in_memory()} == asked.tokens()
        assert asked.warnings == ()


def test_the_file_is_exactly_this_and_private(store: PlainStore) -> None:
    entries = {value(1).token: {"alias": "one", "key": value(1).reveal()}}
    entries |= {value(2).token: {"alias": "two", "key": value(2).reveal()}}
    form = {"format": 1, "keys": dict(sorted(entries.items())), "lineage": LINEAGE}
    assert store.path.read_text() == json.dumps(form, indent=2) + "\n"
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_a_new_value_of_an_alias_does_not_displace_the_old_one(store: PlainStore) -> None:
    store.keep({ONE: value(3)})
    assert again(store).tokens() == {value(1).token, value(2).token, value(3).token}


def test_dropping_takes_exactly_what_is_named(store: PlainStore) -> None:
    store.drop([value(1).token, value(9).token])
    assert store.tokens() == again(store).tokens() == {value(2).token}


def test_what_another_process_added_is_not_lost(store: PlainStore) -> None:
    again(store).keep({Alias("three"): value(3)})
    store.keep({Alias("four"): value(4)})
    store.drop([value(1).token])
    assert again(store).tokens() == {value(2).token, value(3).token, value(4).token}


def test_nothing_new_is_nothing_written(store: PlainStore) -> None:
    before = store.path.stat()
    store.keep({ONE: value(1)})
    store.drop([value(9).token])
    assert (store.path.stat().st_ino, store.path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("step", range(9))
def test_after_a_failure_nothing_is_lost(store: PlainStore, step: int) -> None:
    with faults() as seen:
        PlainStore(store.path.parent, LINEAGE).tokens()
    reading = len(seen.seen)
    with faults(reading + step), pytest.raises(WriteFailed):
        store.keep({Alias("three"): value(3)})
    assert again(store).tokens() - {value(3).token} == {value(1).token, value(2).token}
    assert sorted(entry.name for entry in store.path.parent.iterdir()) == [".gitignore", "keys.json"]
    store.keep({Alias("three"): value(3)})
    assert again(store).tokens() == {value(1).token, value(2).token, value(3).token}


def test_a_file_that_others_may_read_is_closed_and_told(store: PlainStore) -> None:
    store.path.chmod(0o644)
    opened = again(store)
    assert opened.value_of(value(1).token) == value(1)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert opened.warnings == (
        (
            f"{store.path} could be read by others (mode 0644). It is closed to them now; if somebody may have looked, "
            "replace the keys."
        ),
    )


def test_whoever_only_looks_closes_nothing(store: PlainStore) -> None:
    store.path.chmod(0o644)
    store.path.parent.chmod(0o755)
    looking = PlainStore(store.path.parent, LINEAGE, closing=False)
    assert looking.warnings == (
        (
            f"{store.path} can be read by others (mode 0644). If somebody may have looked, replace the keys. "
            f"Close it: chmod 600 {store.path}"
        ),
    )
    assert [stat.S_IMODE(path.stat().st_mode) for path in (store.path, store.path.parent)] == [0o644, 0o755]


def test_a_value_that_is_not_its_tokens(store: PlainStore) -> None:
    text = store.path.read_text().replace(value(1).reveal(), CANARY)
    store.path.write_text(text)
    assert told(again(store), StoreDamaged) == (
        f"In {store.path}, the value kept for one is not the one that its token stands for.",
        f"take the entry of one out of {store.path}, or restore the file from a backup",
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is not valid JSON (line 1, column 1)"),
        ('{"format": 1,\n"sk-canary', "it is not valid JSON (line 2, column 1)"),
        ('{"keys": {}, "keys": {}}', "it is not valid JSON"),
        ("[]", "1 of its fields are missing, unknown or of the wrong kind"),
        (
            '{"format": 1, "lineage": "l", "keys": {"t": {"alias": "a", "key": 5, "canary": 1}}}',
            "2 of its fields are missing, unknown or of the wrong kind",
        ),
        ("\udcff", "it is not UTF-8 text"),
    ],
)
def test_a_damaged_file(store: PlainStore, text: str, why: str) -> None:
    store.path.write_text(text, errors="surrogateescape")
    assert told(again(store), StoreDamaged) == (
        f"{store.path} is not as vkstate wrote it: {why}. It was left alone.",
        (
            f"restore it from a backup; without one, set it aside (mv -n {store.path} "
            f"{store.path.with_name('keys.damaged.json')}): the keys stay, their values are unknown here"
        ),
    )


def test_a_newer_format(store: PlainStore) -> None:
    store.path.write_text('{"format": 2, "sealed": "canary"}')
    assert told(again(store), StoreTooNew) == (
        f"{store.path} has format 2; this vkstate reads format 1.",
        "upgrade vkstate: pip install --upgrade vkstate",
    )


def test_another_projects_store_is_left_alone(store: PlainStore) -> None:
    other = PlainStore(store.path.parent, "another-lineage")
    assert told(other, ForeignStore) == (
        (
            f"{store.path} holds the key values of lineage {LINEAGE}, and this state has lineage another-lineage. It "
            "was left alone."
        ),
        f"keep it aside while you work here: mv -n {store.path} {store.path.with_name('keys.5b6f0a4e.json')}",
    )


def test_a_lineage_that_is_no_file_name(store: PlainStore) -> None:
    store.path.write_text('{"format": 1, "lineage": "../../x", "keys": {}}')
    assert told(again(store), ForeignStore)[1] == (
        f"keep it aside while you work here: mv -n {store.path} {store.path.with_name('keys.x.json')}"
    )


def test_a_directory_that_is_not_ours_alone_is_not_used(store: PlainStore) -> None:
    store.path.parent.chmod(0o777)
    with pytest.raises(UnsafeDirectory):
        again(store).tokens()


def test_no_value_shows(store: PlainStore) -> None:
    store.keep({Alias("three"): KeyValue(CANARY)})
    store.tokens()
    assert repr(store) == f"PlainStore({str(store.path)!r})"
    assert CANARY not in repr(vars(store))


def test_an_unknown_token_is_just_unknown(store: PlainStore) -> None:
    assert store.value_of(Token("")) is None


def test_whose_store_it_is_can_be_asked_without_its_lineage(store: PlainStore, tmp_path: Path) -> None:
    assert PlainStore.lineage_in(store.path.parent) == LINEAGE
    assert PlainStore.lineage_in(tmp_path / "elsewhere") is None
    assert not (tmp_path / "elsewhere").exists()
    store.path.write_text("{")
    with pytest.raises(StoreDamaged):
        PlainStore.lineage_in(store.path.parent)


def test_asking_whose_store_it_is_leaves_its_mode_to_whoever_reads_it(store: PlainStore) -> None:
    """Who reads the values closes the file, and says so."""
    store.path.chmod(0o644)
    PlainStore.lineage_in(store.path.parent)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o644
    assert again(store).warnings
