"""What git says of the encrypted store, which belongs into git beside the state."""

from __future__ import annotations

import pytest

from tests.state.test_git import NAME, Clone, alone, nobodys_settings, two  # noqa: F401 - fixtures
from vkstate.state.git import (
    Standing,
    StandingStore,
    StateBehind,
    StoreMissing,
    inspect,
    refuse_behind,
    refuse_missing,
    warnings_of,
)

STORE = "vkstate.secrets.json"


def seen(clone: Clone) -> Standing:
    found = inspect(clone.state, encrypted=clone.project / STORE)
    assert found is not None
    return found


def of_store(clone: Clone) -> StandingStore:
    found = seen(clone).encrypted
    assert found is not None
    return found


def said(clone: Clone) -> list[str]:
    """The warnings about the store, with the path as it is."""
    path = str(clone.project / STORE)
    return [sentence.replace(path, STORE) for sentence in warnings_of(seen(clone)) if path in sentence]


def test_from_nothing_to_a_change(alone: Clone) -> None:  # noqa: F811
    alone.commit("state")
    path = alone.project / STORE
    nothing = StandingStore(path, present=False, tracked=False, ignored=False, dirty=False)
    assert (of_store(alone), said(alone)) == (nothing, [])
    alone.write("one", STORE)
    assert of_store(alone) == StandingStore(path, present=True, tracked=False, ignored=False, dirty=False)
    assert said(alone) == [f"{STORE} is not in git: git add {STORE}"]
    alone.git("add", str(path))
    alone.git("commit", "-q", "-m", "store")
    assert of_store(alone) == StandingStore(path, present=True, tracked=True, ignored=False, dirty=False)
    assert said(alone) == []
    alone.write("two", STORE)
    assert of_store(alone) == StandingStore(path, present=True, tracked=True, ignored=False, dirty=True)
    assert said(alone) == [
        f"{STORE} differs from the last commit: commit it with the state, or others lack the key values."
    ]
    path.unlink()
    assert of_store(alone) == StandingStore(path, present=False, tracked=True, ignored=False, dirty=True)
    assert said(alone) == [f"{STORE} is gone, and git has it: git restore {STORE}"]
    with pytest.raises(StoreMissing) as caught:
        refuse_missing(seen(alone))
    assert caught.value.hint == f"git restore {path}; if they are to be lost: git rm --cached {path}"
    path.write_text("two")
    refuse_missing(seen(alone))


def test_ignored(alone: Clone) -> None:  # noqa: F811
    alone.commit("state")
    alone.write("*.secrets.json\n", ".gitignore")
    alone.write("one", STORE)
    assert of_store(alone) == StandingStore(
        alone.project / STORE, present=True, tracked=False, ignored=True, dirty=False
    )
    assert said(alone) == [f"{STORE} is ignored by git, so that no other clone has the key values: git add -f {STORE}"]


def test_each_is_dirty_by_itself(alone: Clone) -> None:  # noqa: F811
    """A name that ends as the other's does is another file."""
    alone.write("one", STORE)
    alone.git("add", "--all")
    alone.commit("state")
    alone.write("two", STORE)
    assert (seen(alone).dirty, of_store(alone).dirty) == (False, True)
    alone.git("commit", "-q", "-a", "-m", "store")
    alone.write("other state")
    assert (seen(alone).dirty, of_store(alone).dirty) == (True, False)


def test_a_state_whose_name_ends_the_stores(alone: Clone) -> None:  # noqa: F811
    state, store = alone.write("one", "secrets.json"), alone.write("one", "secrets.secrets.json")
    alone.git("add", "--all")
    alone.git("commit", "-q", "-m", "both")
    store.write_text("two")
    found = inspect(state, encrypted=store)
    assert found is not None
    assert found.encrypted is not None
    assert (found.dirty, found.encrypted.dirty) == (False, True)


def test_nothing_is_asked_of_a_store_that_is_plain(alone: Clone) -> None:  # noqa: F811
    alone.commit("state")
    alone.write("one", STORE)
    standing = inspect(alone.state)
    assert standing is not None
    assert (standing.encrypted, warnings_of(standing)) == (None, ())


def test_an_upstream_that_changed_the_store_alone(two: tuple[Clone, Clone]) -> None:  # noqa: F811
    ours, theirs = two
    theirs.write("rekeyed", STORE)
    theirs.git("add", "--all")
    theirs.git("commit", "-q", "-m", "rekeyed")
    theirs.git("push", "-q")
    ours.git("fetch", "-q")
    assert (ours.seen().behind, seen(ours).behind) == (False, True)
    with pytest.raises(StateBehind) as caught:
        refuse_behind(seen(ours))
    detail = caught.value.detail.replace(f"{ours.project}/", "")
    assert detail == (
        f"origin/main has commits that change {NAME} or {STORE}, and this clone does not have them. Going on would "
        "make anew, or leave behind, what others have changed meanwhile."
    )
    assert caught.value.hint == "get them: git pull"
    ours.git("pull", "-q")
    assert seen(ours).behind is False


def test_a_store_with_changes_of_its_own_that_is_behind(two: tuple[Clone, Clone]) -> None:  # noqa: F811
    ours, theirs = two
    theirs.write("1", STORE)
    theirs.git("add", "--all")
    theirs.git("commit", "-q", "-m", "store")
    theirs.git("push", "-q")
    ours.git("pull", "-q")
    theirs.write("2", STORE)
    theirs.git("commit", "-q", "-a", "-m", "rekeyed")
    theirs.git("push", "-q")
    ours.git("fetch", "-q")
    ours.write("3", STORE)
    with pytest.raises(StateBehind) as caught:
        refuse_behind(seen(ours))
    files = f"{ours.state} {ours.project / STORE}"
    assert caught.value.hint == f"get them: git commit -m 'Save the state' {files} && git pull"
