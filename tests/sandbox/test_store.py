"""One file and many users of it: threads, processes, restarts, and a file that is none."""

from __future__ import annotations

import multiprocessing
import stat
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from tests.sandbox.conftest import NOON, client
from vkstate.errors import ExitCode
from vkstate.sandbox.jsons import Json
from vkstate.sandbox.settings import Settings
from vkstate.sandbox.store import SandboxStorageError

EACH = 25


def create_many(path: Path, who: str) -> list[int]:
    """Create keys with aliases of ``who`` and charge one shared key once for each; the statuses."""
    mine = client(path)
    shared = mine.get("/key/list", {"key_alias": "shared"}).json()["keys"][0]
    statuses = []
    for number in range(EACH):
        statuses.append(mine.post("/key/generate", {"key_alias": f"{who}-{number}"}).status_code)
        statuses.append(mine.post("/key/update", {"key": shared, "model_rpm_limit": {who: number}}).status_code)
    return statuses


def test_threads_share_a_file(path: Path) -> None:
    client(path).post("/key/generate", {"key_alias": "shared"})
    with ThreadPoolExecutor(8) as pool:
        statuses = [status for part in pool.map(create_many, [path] * 8, "abcdefgh") for status in part]
    assert set(statuses) == {200}
    assert client(path).get("/key/list").json()["total_count"] == 8 * EACH + 1


def test_processes_share_a_file(path: Path) -> None:
    client(path).post("/key/generate", {"key_alias": "shared"})
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        statuses = [status for part in pool.map(create_many, [path] * 2, "ab") for status in part]
    assert set(statuses) == {200}
    assert client(path).get("/key/list").json()["total_count"] == 2 * EACH + 1


def test_charges_at_the_same_time_all_count(path: Path) -> None:
    admin = client(path)
    made = admin.post("/key/generate", {"key_alias": "charged"}).json()
    caller = client(path, key=made["key"])
    body: Json = {"model": "gpt-4", "messages": []}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: caller.post("/v1/chat/completions", body).status_code, range(40)))
    assert answers == [200] * 40
    info = admin.get("/key/info", {"key": made["token"]}).json()["info"]
    assert (round(info["spend"], 6), round(info["total_spend"], 6)) == (0.06, 0.06)


def test_the_alias_check_races(path: Path) -> None:
    """Both look the alias up before either inserts: a create needs the clock for the first time when it inserts."""
    both_have_looked = threading.Barrier(2, timeout=10)
    met = threading.local()

    def clock() -> datetime:
        if not getattr(met, "once", False):
            met.once = True
            both_have_looked.wait()
        return NOON

    client(path)
    racing = Settings(clock=clock)
    with ThreadPoolExecutor(2) as pool:
        racers = [pool.submit(client(path, racing).post, "/key/generate", {"key_alias": "raced"}) for _ in range(2)]
        answers = [racer.result() for racer in racers]
    assert [answer.status_code for answer in answers] == [200, 200]
    tokens = {answer.json()["token"] for answer in answers}
    listed = client(path).get("/key/list", {"key_alias": "raced"}).json()
    assert (set(listed["keys"]), listed["total_count"]) == (tokens, 2)

    by_alias = client(path).post("/key/update", {"key_alias": "raced", "max_budget": 1})
    assert by_alias.status_code == 400
    assert by_alias.json()["error"]["message"] == (
        "Multiple keys share key_alias='raced', so it cannot be used as an identifier."
    )
    assert client(path).post("/key/delete", {"key_aliases": ["raced"]}).json() == {"deleted_keys": ["raced"]}
    assert client(path).get("/key/list", {"key_alias": "raced"}).json()["total_count"] == 0


def test_keys_outlive_the_session(path: Path) -> None:
    first = client(path)
    made = first.post("/key/generate", {"key_alias": "kept", "soft_budget": 2, "metadata": {"a": 1}}).json()
    before = first.get("/key/info", {"key": made["token"]}).json()
    first.session.close()
    second = client(path)
    assert second.get("/key/info", {"key": made["token"]}).json() == before
    second.post("/key/delete", {"keys": [made["token"]]})
    assert client(path).get("/key/info", {"key": made["token"]}).json()["info"]["status"] == "deleted"


def test_key_values_are_not_in_the_file(path: Path) -> None:
    made = client(path).post("/key/generate", {"key_alias": "secret"}).json()
    assert made["token"].encode() in path.read_bytes()
    assert made["key"].encode() not in path.read_bytes()


def test_the_directory_is_made_for_its_owner_only(path: Path) -> None:
    client(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["sandbox.sqlite"]


@pytest.mark.parametrize("content", [b"this is no database, although it is long enough to be taken for one" * 40])
def test_a_file_that_is_no_database(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(SandboxStorageError) as caught:
        client(path)
    error = caught.value
    assert error.detail == f"{path} could not be used as the sandbox's SQLite file: file is not a database."
    assert error.hint == f"move {path} away; the sandbox starts with an empty file (its keys are for trying only)"
    assert (error.summary, error.exit_code) == ("the sandbox cannot use its file", ExitCode.ERROR)
    assert path.read_bytes() == content


def test_a_file_that_breaks_later(path: Path) -> None:
    running = client(path)
    assert running.get("/key/list").status_code == 200
    path.write_bytes(b"overwritten by something else" * 200)
    with pytest.raises(SandboxStorageError, match="file is not a database"):
        running.get("/key/list")


def test_a_directory_in_its_place(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SandboxStorageError, match="unable to open database file"):
        client(path)


def test_a_file_in_place_of_its_directory(path: Path) -> None:
    path.parent.write_text("")
    with pytest.raises(SandboxStorageError, match="File exists"):
        client(path)
