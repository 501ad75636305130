"""Secrets as the real ``kubectl`` reads them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.views.handouts import sandboxed
from tests.views.samples import handout, handout_key, value_of
from vkstate.views.formats.kubernetes import as_kubernetes
from vkstate.views.handouts import Handout

from .api_server import api_server

LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
"""As the API server checks values of labels, with at most 63 characters."""

HOSTILE = ['two\n---\nkind: "Pod"', "quote\" and \\ and 'x'", "\x00\x1f\x7f\x85\u2028\ufeff", "ünïcode 👩‍💻", "a" * 300]
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def documents(text: str) -> list[Any]:
    """What a reader of YAML makes of it."""
    return list(YAML(typ="safe", pure=True).load_all(text))


def day() -> Handout:
    """Members, a single key, and aliases that are no names."""
    plain = [handout_key(f"ws-p{number}", f"p{number}", "ws") for number in (1, 2)]
    odd = [handout_key(alias, alias, alias) for alias in HOSTILE]
    return handout(*plain, *odd)


def test_a_secret_holds_what_openai_clients_read() -> None:
    key = handout_key("ws-p1", "p1", "ws")
    [found] = documents(as_kubernetes(handout(key), reveal=True, namespace="workshop"))
    assert found == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "ws-p1",
            "namespace": "workshop",
            "labels": {"app.kubernetes.io/managed-by": "vkstate", "vkstate/workshop": "ws", "vkstate/user": "p1"},
            "annotations": {"vkstate/alias": "ws-p1", "vkstate/expires-at": "2026-12-01T16:00:00Z"},
        },
        "type": "Opaque",
        "stringData": {
            "OPENAI_API_KEY": value_of("ws-p1").reveal(),
            "OPENAI_BASE_URL": "https://llm.example.com/v1",
        },
    }


def test_what_is_no_label_is_left_out() -> None:
    key = replace(handout_key("one", "one", None), user="ada@example.com", workshop="w" * 64, expires_at=None)
    [found] = documents(as_kubernetes(sandboxed(handout(key)), reveal=True))
    assert found["metadata"] == {
        "name": "one",
        "labels": {"app.kubernetes.io/managed-by": "vkstate"},
        "annotations": {"vkstate/alias": "one"},
    }
    assert found["stringData"] == {"OPENAI_API_KEY": value_of("one").reveal()}


def test_any_alias_comes_back_as_it_is() -> None:
    found = documents(as_kubernetes(day(), reveal=True))
    assert [one["metadata"]["annotations"]["vkstate/alias"] for one in found] == ["ws-p1", "ws-p2", *HOSTILE]
    assert len({one["metadata"]["name"] for one in found}) == len(found)
    labels = [label for one in found for label in one["metadata"]["labels"].values()]
    assert all(LABEL.fullmatch(label) and len(label) <= 63 for label in labels)


def test_what_is_not_shown_is_no_secret() -> None:
    given = replace(
        handout(handout_key("one", "one", None), handout_key("two\n---", "two", None, known=False)), revealed_by="C"
    )
    assert as_kubernetes(given) == (
        f"# The value of one is {value_of('one').masked}, and left out; `C` has it.\n"
        "# The value of two\\n--- is not known on this machine.\n"
    )
    assert [one["metadata"]["name"] for one in documents(as_kubernetes(given, reveal=True))] == ["one"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with api_server() as url:
        yield url


def kubectl(server: str, directory: Path, text: str, command: str) -> list[Any]:
    """The objects that kubectl would send."""
    file = directory / "secrets.yaml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            *("kubectl", command, "--dry-run=client", "--validate=false", "--output=json", f"--filename={file}"),
            *(f"--server={server}", f"--cache-dir={directory / 'cache'}"),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "KUBECONFIG": os.devnull},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(_each(done.stdout))


def _each(text: str) -> Iterator[Any]:
    """The objects of an answer: ``create`` writes one after the other, ``apply`` a list."""
    decoder, place = json.JSONDecoder(), 0
    while place < len(text):
        answer, place = decoder.raw_decode(text, place)
        yield from answer["items"] if answer["kind"] == "List" else [answer]
        place += len(text[place:]) - len(text[place:].lstrip())


@needs_kubectl
@pytest.mark.parametrize("command", ["create", "apply"])
def test_kubectl_reads_exactly_the_values(server: str, tmp_path: Path, command: str) -> None:
    text = as_kubernetes(day(), reveal=True)
    secrets = kubectl(server, tmp_path, text, command)
    assert [(one["kind"], one["metadata"]["name"], one["stringData"]) for one in secrets] == [
        (one["kind"], one["metadata"]["name"], one["stringData"]) for one in documents(text)
    ]
    assert [one["stringData"]["OPENAI_API_KEY"] for one in secrets] == [
        value_of(key.alias).reveal() for key in day().keys
    ]
    assert [one["metadata"]["annotations"]["vkstate/alias"] for one in secrets] == [key.alias for key in day().keys]


@needs_kubectl
def test_kubectl_puts_them_into_the_namespace(server: str, tmp_path: Path) -> None:
    text = as_kubernetes(handout(handout_key("one", "one", None)), reveal=True, namespace="spring-school")
    [secret] = kubectl(server, tmp_path, text, "create")
    assert secret["metadata"]["namespace"] == "spring-school"
