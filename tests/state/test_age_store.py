"""The encrypted store: what is kept is there, what is not changed stays to the byte, and only identities open it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.age_people import Person, decrypted_by_age, encrypted_by_age, person, ssh_person
from tests.state.faults import faults
from tests.state.samples import CANARY, LINEAGE, value
from vkstate.age import Recipient
from vkstate.errors import VkstateError
from vkstate.keys import Alias, KeyValue
from vkstate.state.age_form import SealedValue, SealedValues, StoreConflicted, backup_of, parsed, text_of
from vkstate.state.age_store import AgeStore, Rekeyed, secrets_path_of
from vkstate.state.durable import WriteFailed
from vkstate.state.identities import Identities
from vkstate.state.secret_store import ForeignStore, SecretStore, StoreDamaged, StoreTooNew

ONE, TWO, THREE = Alias("one"), Alias("two"), Alias("three")


@pytest.fixture
def ops() -> Person:
    return person()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vkstate.secrets.json"


@pytest.fixture
def minting(path: Path, ops: Person) -> AgeStore:
    """A store that has just taken two values, and that nobody's identity is there for."""
    store = AgeStore(path, LINEAGE, [ops.recipient], Identities())
    store.keep({ONE: value(1), TWO: value(2)})
    return store


def opening(path: Path, *people: Person, recipients: list[Recipient] | None = None) -> AgeStore:
    """The store as these people read it."""
    files = [one.file(path.with_name(f"identity-{number}")) for number, one in enumerate(people)]
    return AgeStore(path, LINEAGE, recipients or [one.recipient for one in people], Identities(files))


def closed(store: AgeStore) -> AgeStore:
    """The store as a later run finds it, without an identity."""
    return AgeStore(store.path, LINEAGE, store._recipients, Identities())


def document(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def told(path: Path, error: type[VkstateError]) -> tuple[str, str | None]:
    """What every method says of a file, which stays as it is."""
    before = path.read_bytes()
    store = AgeStore(path, LINEAGE, [person().recipient], Identities())
    seen: set[tuple[str, str | None]] = set()
    attempts: list[Callable[[], object]] = [
        store.tokens,
        lambda: store.warnings,
        lambda: store.keep({ONE: value(3)}),
        lambda: store.drop([value(1).token]),
        store.rekey,
    ]
    for attempt in attempts:
        with pytest.raises(error) as caught:
            attempt()
        seen.add((caught.value.detail, caught.value.hint))
    assert path.read_bytes() == before
    [said] = seen
    return said


def test_it_fills_the_protocol(minting: AgeStore) -> None:
    filled: SecretStore = minting
    assert filled.encrypted


def test_an_empty_store_leaves_nothing_behind(path: Path, ops: Person) -> None:
    store = AgeStore(path, LINEAGE, [ops.recipient], Identities())
    assert (store.value_of(value(1).token), store.tokens(), store.warnings) == (None, frozenset(), ())
    assert store.why_closed([value(1).token]) is None
    store.keep({})
    store.drop([value(1).token])
    assert store.rekey() == Rekeyed()
    assert not path.exists()


def test_what_this_run_minted_is_known_to_it_alone(minting: AgeStore, ops: Person) -> None:
    tokens = {value(1).token, value(2).token}
    assert {minting.value_of(token) for token in tokens} == {value(1), value(2)} == set(minting.in_memory())
    later = closed(minting)
    assert later.tokens() == tokens
    assert {later.value_of(token) for token in tokens} == {None}
    assert list(later.in_memory()) == []
    reader = opening(minting.path, ops)
    assert {reader.value_of(token) for token in tokens} == {value(1), value(2)} == set(reader.in_memory())


def test_the_file_is_exactly_this(minting: AgeStore, ops: Person) -> None:
    text = minting.path.read_text()
    form = json.loads(text)
    assert text == json.dumps(form, indent=2, sort_keys=True) + "\n"
    assert {name: inner for name, inner in form.items() if name != "keys"} == {"format": 1, "lineage": LINEAGE}
    assert {token: (entry["alias"], entry["recipients"]) for token, entry in form["keys"].items()} == {
        value(1).token: ("one", [ops.recipient]),
        value(2).token: ("two", [ops.recipient]),
    }
    assert [sorted(entry) for entry in form["keys"].values()] == [["alias", "recipients", "value"]] * 2
    assert not [one for one in (value(1), value(2)) if one.reveal() in text]
    assert stat.S_IMODE(minting.path.stat().st_mode) & 0o600 == 0o600


def test_what_is_not_changed_stays_to_the_byte(minting: AgeStore) -> None:
    before = document(minting.path)["keys"]
    store = closed(minting)
    store.keep({THREE: value(3), ONE: value(1)})
    store.drop([value(2).token, value(9).token])
    after = document(minting.path)["keys"]
    assert after.keys() == {value(1).token, value(3).token}
    assert after[value(1).token] == before[value(1).token]


def test_nothing_new_is_nothing_written(minting: AgeStore) -> None:
    before = minting.path.stat()
    store = closed(minting)
    store.keep({ONE: value(1)})
    store.drop([value(9).token])
    assert store.rekey() == Rekeyed()
    assert (minting.path.stat().st_ino, minting.path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_another_process_added_is_not_lost(minting: AgeStore) -> None:
    other, late = closed(minting), closed(minting)
    late.tokens()
    other.keep({THREE: value(3)})
    late.keep({Alias("four"): value(4)})
    late.drop([value(1).token])
    assert closed(minting).tokens() == late.tokens() == {value(number).token for number in (2, 3, 4)}


def test_a_new_value_of_an_alias_does_not_displace_the_old_one(minting: AgeStore) -> None:
    minting.keep({ONE: value(3)})
    assert closed(minting).tokens() == {value(1).token, value(2).token, value(3).token}


@pytest.mark.parametrize("step", range(25))
def test_after_a_failure_nothing_is_lost(minting: AgeStore, ops: Person, step: int) -> None:
    with faults() as seen:
        closed(minting).tokens()
    reading = len(seen.seen)
    with faults(reading + step), pytest.raises(WriteFailed):
        closed(minting).keep({THREE: value(3)})
    later = closed(minting)
    assert later.tokens() - {value(3).token} == {value(1).token, value(2).token}
    left = {entry.name for entry in minting.path.parent.rglob("*")}
    assert left <= {minting.path.name, backup_of(minting.path).name, ".vkstate", ".gitignore"}
    later.keep({THREE: value(3)})
    reader = opening(minting.path, ops)
    assert [reader.value_of(value(number).token) for number in (1, 2, 3)] == [value(1), value(2), value(3)]


def test_a_value_that_could_not_be_kept_is_none_of_the_stores(minting: AgeStore) -> None:
    store = closed(minting)
    with faults() as seen:
        store.keep({ONE: value(1)})
    with faults(len(seen.seen)), pytest.raises(WriteFailed):
        store.keep({THREE: value(3)})
    assert (store.value_of(value(3).token), set(store.in_memory())) == (None, {value(1), value(3)})


def test_the_real_age_opens_every_entry(minting: AgeStore, ops: Person, tmp_path: Path) -> None:
    identity = ops.file(tmp_path / "identity")
    found = {
        token: decrypted_by_age(entry["value"], identity) for token, entry in document(minting.path)["keys"].items()
    }
    assert found == {one.token: one.reveal() for one in (value(1), value(2))}


def test_an_entry_that_the_real_age_wrote_is_read(minting: AgeStore, ops: Person, tmp_path: Path) -> None:
    friend = ssh_person(tmp_path)
    form = document(minting.path)
    form["keys"][value(3).token] = {
        "alias": "three",
        "recipients": [ops.recipient, friend.recipient],
        "value": encrypted_by_age(value(3).reveal() + "\n", ops.recipient, friend.recipient),
    }
    minting.path.write_text(json.dumps(form))
    for reader in (ops, friend):
        assert opening(minting.path, reader).value_of(value(3).token) == value(3)


def test_of_other_recipients_people_hear(minting: AgeStore, ops: Person) -> None:
    friend = person()
    both = [ops.recipient, friend.recipient]
    assert opening(minting.path, ops).warnings == ()
    assert opening(minting.path, ops, recipients=both).warnings == (
        f"In {minting.path}, 2 values are encrypted to other recipients than the config names: vkstate secrets rekey",
    )
    AgeStore(minting.path, LINEAGE, both, Identities()).keep({ONE: value(1)})
    assert opening(minting.path, ops, recipients=both[::-1]).warnings == (
        f"In {minting.path}, 1 value is encrypted to other recipients than the config names: vkstate secrets rekey",
    )


def test_rekeying(minting: AgeStore, ops: Person, tmp_path: Path) -> None:
    friend = ssh_person(tmp_path)
    both = [friend.recipient, ops.recipient]
    minting.keep({Alias("ten"): value(10)})
    AgeStore(minting.path, LINEAGE, both, Identities()).keep({THREE: value(3)})
    before = document(minting.path)["keys"]
    assert opening(minting.path, ops, recipients=both).rekey() == Rekeyed(anew=(ONE, Alias("ten"), TWO))
    after = document(minting.path)["keys"]
    assert after[value(3).token] == before[value(3).token]
    assert {tuple(entry["recipients"]) for entry in after.values()} == {tuple(sorted(both))}
    reader = opening(minting.path, friend)
    assert {reader.value_of(token) for token in reader.tokens()} == {value(1), value(2), value(3), value(10)}


def test_rekeying_does_what_it_can(minting: AgeStore, ops: Person) -> None:
    stranger = person()
    AgeStore(minting.path, LINEAGE, [stranger.recipient], Identities()).keep({THREE: value(3)})
    before = document(minting.path)["keys"]
    new = person()
    store = opening(minting.path, ops, recipients=[new.recipient])
    assert store.rekey() == Rekeyed(anew=(ONE, TWO), closed=(THREE,))
    assert document(minting.path)["keys"][value(3).token] == before[value(3).token]
    assert opening(minting.path, new).value_of(value(1).token) == value(1)


def test_why_values_are_closed(minting: AgeStore, ops: Person) -> None:
    tokens = [value(number).token for number in (1, 2, 3)]
    stranger = person()
    assert closed(minting).why_closed(tokens) == (
        f"2 values are encrypted in {minting.path}, and there is no identity to open them with: "
        "--identity FILE, or VKSTATE_AGE_IDENTITY"
    )
    assert opening(minting.path, stranger).why_closed(tokens) == (
        f"No identity at hand opens the value of one, two in {minting.path}. It takes one that belongs to "
        f"{ops.recipient}: --identity FILE, or VKSTATE_AGE_IDENTITY"
    )
    assert opening(minting.path, stranger, ops).why_closed(tokens) is None


def test_a_value_that_is_not_its_tokens(minting: AgeStore, ops: Person) -> None:
    form = document(minting.path)
    form["keys"][value(1).token]["value"] = form["keys"][value(2).token]["value"]
    minting.path.write_text(json.dumps(form))
    with pytest.raises(StoreDamaged) as caught:
        opening(minting.path, ops).value_of(value(1).token)
    assert (caught.value.detail, caught.value.hint) == (
        (
            f"{minting.path} is not as vkstate wrote it: the value kept for one is not the one that its token stands "
            "for. It was left alone."
        ),
        f"copy the damaged file aside: cp {minting.path} {minting.path}.damaged; then restore it from a backup",
    )


def test_an_entry_that_age_cannot_have_written(minting: AgeStore, ops: Person) -> None:
    form = document(minting.path)
    form["keys"][value(1).token]["value"] = "canary"
    minting.path.write_text(json.dumps(form))
    assert closed(minting).value_of(value(1).token) is None
    with pytest.raises(StoreDamaged, match="the value kept for one is nothing that age opens") as caught:
        opening(minting.path, ops).value_of(value(1).token)
    assert caught.value.__context__ is None


DAMAGED = {
    "": "it is not valid JSON (line 1, column 1)",
    "{": "it is not valid JSON (line 1, column 2)",
    "\udcff": "it is not UTF-8 text",
    "[]": "1 of its fields are missing, unknown or of the wrong kind",
    '{"format": 1, "lineage": "x", "keys": {"t": {}}}': "3 of its fields are missing, unknown or of the wrong kind",
    '{"format": 1, "lineage": "x", "keys": {}, "keys": {}}': "one name stands twice in one object",
    '{"format": 1, "lineage": "x", "keys": {"t": {"alias": "one", "recipients": [], "value": ""}}}': (
        "the name of the entry of one is no token"
    ),
}


@pytest.mark.parametrize(("text", "why"), DAMAGED.items())
def test_a_damaged_file(path: Path, text: str, why: str) -> None:
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert told(path, StoreDamaged) == (
        f"{path} is not as vkstate wrote it: {why}. It was left alone.",
        f"copy the damaged file aside: cp {path} {path}.damaged; then restore it from a backup",
    )


def test_the_ways_back_from_damage(minting: AgeStore, tmp_path: Path) -> None:
    path, backup = minting.path, tmp_path / ".vkstate" / "vkstate.secrets.json.backup"
    for arguments in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)
    aside, restore = f"copy the damaged file aside: cp {path} {path}.damaged; ", f"git restore {path}"
    lost = "by which values made since that commit are lost"
    before = path.read_bytes()
    path.write_text("{")
    assert told(path, StoreDamaged)[1] == f"{aside}then go back to the commit, {lost}: {restore}"
    path.write_bytes(before)
    closed(minting).keep({THREE: value(3)})
    assert (backup.read_bytes(), stat.S_IMODE(backup.stat().st_mode)) == (before, 0o600)
    path.write_text("{")
    hint = told(path, StoreDamaged)[1]
    assert hint == (
        f"{aside}then go back to the version before the last change: cp {backup} {path}; "
        f"the last way, {lost}: {restore}"
    )
    backup.write_text("{")
    assert told(path, StoreDamaged)[1] == f"{aside}then go back to the commit, {lost}: {restore}"
    backup.write_bytes(before)
    for step in hint.split("; ")[:2]:
        subprocess.run(["bash", "-c", step.partition(": ")[2]], check=True)
    assert path.with_name(f"{path.name}.damaged").read_text() == "{"
    assert closed(minting).tokens() == {value(1).token, value(2).token}


@given(st.data())
def test_whatever_stands_there_is_read_or_refused(data: st.DataObject) -> None:
    text = text_of(SealedValues(LINEAGE, {value(1).token: SealedValue(ONE, ("age1x",), "armoured")})).encode()
    at = data.draw(st.integers(0, len(text)))
    junk = data.draw(st.binary(max_size=8))
    cut = data.draw(st.integers(0, 8))
    for attempt in (junk, text[:at], text[:at] + junk + text[at + cut :]):
        with suppress(VkstateError):
            parsed(attempt, Path("vkstate.secrets.json"))


def test_both_sides_of_a_merge(minting: AgeStore) -> None:
    text = minting.path.read_text()
    minting.path.write_text(
        text.replace('  "keys": {\n', '<<<<<<< HEAD\n  "keys": {\n=======\n  "keys": {\n>>>>>>> x\n')
    )
    assert told(minting.path, StoreConflicted) == (
        f"{minting.path}:3: both sides of a merge stand here, with git's markers between them.",
        (
            f"keep the entries of both sides and take the markers out of {minting.path}; vkstate secrets list shows "
            "whether it is well"
        ),
    )


def test_a_newer_format(path: Path) -> None:
    path.write_text('{"format": 2, "sealed": true}')
    assert told(path, StoreTooNew) == (
        f"{path} has format 2; this vkstate reads format 1.",
        "upgrade vkstate: pip install --upgrade vkstate",
    )


def test_the_store_of_another_state_is_left_alone(path: Path) -> None:
    path.write_text('{"format": 1, "lineage": "5b6f/another", "keys": {}}')
    assert told(path, ForeignStore) == (
        (
            f"{path} holds the key values of lineage 5b6f/another, and this state has lineage {LINEAGE}. It was left "
            "alone."
        ),
        f"keep it aside while you work here: mv -n {path} {path}.5b6fano",
    )


def test_whose_store_it_is_can_be_asked_without_its_lineage(minting: AgeStore, tmp_path: Path) -> None:
    assert AgeStore.lineage_in(minting.path) == LINEAGE
    assert AgeStore.lineage_in(tmp_path / "elsewhere.secrets.json") is None


def test_it_lies_beside_the_state_and_is_named_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {
        "vkstate.state.json": "vkstate.secrets.json",
        "deep/event.state.json": "deep/event.secrets.json",
        "keys.json": "keys.secrets.json",
        "keys": "keys.secrets.json",
    }
    assert {name: str(secrets_path_of(Path(name))) for name in names} == names
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "event.state.json").touch()
    (tmp_path / "link.json").symlink_to("deep/event.state.json")
    assert secrets_path_of(Path("link.json")) == (tmp_path / "deep" / "event.secrets.json").resolve()


def test_half_a_character(path: Path, ops: Person) -> None:
    odd = KeyValue("sk-\ud800")
    AgeStore(path, LINEAGE, [ops.recipient], Identities()).keep({Alias("odd\udfff"): odd})
    assert opening(path, ops).value_of(odd.token) == odd


def test_no_value_shows(minting: AgeStore) -> None:
    minting.keep({THREE: KeyValue(CANARY)})
    assert repr(minting) == f"AgeStore({str(minting.path)!r})"
    assert CANARY not in repr(list(minting.entries.values())) + minting.path.read_text()


def test_without_this_store_nothing_of_age_is_loaded() -> None:
    code = "import sys, vkstate.state.age_store, vkstate.config.loader; print('pyrage' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "False\n"
