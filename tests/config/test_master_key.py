"""Fetching the master key: every source, and every way in which it fails, told apart and without a secret."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from vkstate.config import programs
from vkstate.config.interpolation import EnvironmentRef
from vkstate.config.kubernetes import FromKubernetes
from vkstate.config.master_key import (
    DEFAULT_SOURCE,
    FromCommand,
    FromFile,
    FromText,
    MasterKeyMissing,
    MasterKeySource,
    resolve_master_key,
)
from vkstate.config.programs import MasterKeyUnreadable

SECRET = "sk-master-key-canary"
KUBERNETES = FromKubernetes("llm", "litellm", "master-key")
BY_HAND = "kubectl get secret litellm --namespace llm"


def resolved(source: MasterKeySource, directory: Path, **environ: str) -> str:
    key = resolve_master_key(source, environ=environ, directory=directory)
    assert SECRET not in repr(key)
    assert SECRET not in repr(source)
    return key.get_secret_value()


def failure(source: MasterKeySource, directory: Path, **environ: str) -> tuple[str, str | None]:
    with pytest.raises(MasterKeyUnreadable) as caught:
        resolve_master_key(source, environ=environ, directory=directory)
    assert SECRET not in str(caught.value)
    return caught.value.detail, caught.value.hint


def script(directory: Path, name: str, body: str) -> str:
    """An executable shell script; returns its path."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_from_the_environment(tmp_path: Path) -> None:
    assert resolved(DEFAULT_SOURCE, tmp_path, LITELLM_MASTER_KEY=f" {SECRET}\n") == SECRET
    assert resolved(FromText((EnvironmentRef("MK", SECRET),)), tmp_path) == SECRET
    assert resolved(FromText(("sk-", EnvironmentRef("MK"))), tmp_path, MK="master-key-canary") == SECRET


@pytest.mark.parametrize(("environ", "state"), [({}, "not set"), ({"LITELLM_MASTER_KEY": ""}, "empty")])
def test_an_unset_variable(tmp_path: Path, environ: dict[str, str], state: str) -> None:
    with pytest.raises(MasterKeyMissing) as caught:
        resolve_master_key(DEFAULT_SOURCE, environ=environ, directory=tmp_path)

    assert caught.value.detail == (
        f"proxy.master_key is read from the environment variable LITELLM_MASTER_KEY, which is {state}."
    )
    assert caught.value.hint == "export LITELLM_MASTER_KEY=…"


def test_more_than_a_master_key(tmp_path: Path) -> None:
    assert failure(DEFAULT_SOURCE, tmp_path, LITELLM_MASTER_KEY=f"{SECRET} and more") == (
        (
            "the environment variable LITELLM_MASTER_KEY holds more than a master key, which is one word of printable "
            "ASCII."
        ),
        "give it the master key alone, without a blank or a newline in it: export LITELLM_MASTER_KEY=…",
    )
    two = FromText((EnvironmentRef("ONE"), EnvironmentRef("TWO")))
    assert failure(two, tmp_path, ONE="sk-", TWO=f"{SECRET}\n{SECRET}") == (
        "the environment variable TWO holds more than a master key, which is one word of printable ASCII.",
        "give it the master key alone, without a blank or a newline in it: export TWO=…",
    )
    assert failure(DEFAULT_SOURCE, tmp_path, LITELLM_MASTER_KEY=" \n") == (
        "the environment variable LITELLM_MASTER_KEY is empty.",
        "give it the master key alone, without a blank or a newline in it: export LITELLM_MASTER_KEY=…",
    )
    for written in (FromText((f"{SECRET} and more",)), FromText((EnvironmentRef("MK", f"{SECRET} and more"),))):
        assert failure(written, tmp_path) == (
            "proxy.master_key holds more than a master key, which is one word of printable ASCII.",
            "set proxy.master_key to ${env.LITELLM_MASTER_KEY}",
        )
    assert failure(FromText(()), tmp_path)[0] == "proxy.master_key is empty."


def test_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text(f"\ufeff{SECRET}\n")

    assert resolved(FromFile("key.txt"), tmp_path) == SECRET
    assert resolved(FromFile(str(tmp_path / "key.txt")), Path("/")) == SECRET


def test_a_file_that_does_not_give_one(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    path = f"{tmp_path}/"

    assert failure(FromFile("none"), tmp_path) == (f"{path}none: No such file or directory.", f"ls -l {path}none")
    assert failure(FromFile("empty"), tmp_path) == (
        f"{path}empty is empty.",
        f"write the master key, and nothing else, to {path}empty",
    )
    assert failure(FromFile("binary"), tmp_path) == (f"{path}binary is not a text file.", f"file {path}binary")


def test_from_a_command_in_the_directory_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text(SECRET)

    assert resolved(FromCommand(("cat", "key.txt")), tmp_path, PATH=os.environ["PATH"]) == SECRET
    assert resolved(FromCommand(("sh", "-c", 'echo "$MK"')), tmp_path, PATH=os.environ["PATH"], MK=SECRET) == SECRET


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    assert resolved(FromCommand(("echo", "$HOME;x")), tmp_path, PATH=os.environ["PATH"]) == "$HOME;x"


def test_a_command_that_fails_shows_its_stderr_and_never_its_stdout(tmp_path: Path) -> None:
    program = script(tmp_path, "vault", f"echo {SECRET}; echo 'permission denied for {SECRET}' >&2; exit 3")

    assert failure(FromCommand((program, "read")), tmp_path, PATH="/usr/bin:/bin") == (
        f"the command {program} ended with 3, and said: permission denied for sk-…",
        "run the command of proxy.master_key by hand",
    )


def test_commands_that_do_not_give_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = script(tmp_path, "quiet", "exit 1")
    silent = script(tmp_path, "silent", "exit 0")
    hanging = script(tmp_path, "hanging", "exec sleep 60")
    (tmp_path / "plain").write_text("")
    monkeypatch.setattr(programs, "PATIENCE", 0.2)

    assert [failure(FromCommand((argv,)), tmp_path, PATH="/usr/bin:/bin")[0] for argv in (quiet, silent, hanging)] == [
        f"the command {quiet} ended with 1 without a word on stderr.",
        f"the command {silent} is empty.",
        f"the program {hanging} did not end within 0 s.",
    ]
    assert failure(FromCommand(("no-such-program",)), tmp_path) == (
        "there is no program no-such-program.",
        "correct the command of proxy.master_key",
    )
    assert failure(FromCommand((f"{tmp_path}/plain",)), tmp_path) == (
        f"the program {tmp_path}/plain cannot be run: Permission denied.",
        f"ls -l {tmp_path}/plain",
    )


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def kubectl(directory: Path, answer: object, name: str = "kubectl") -> dict[str, str]:
    """An environment whose kubectl writes its arguments to a file and prints an answer."""
    (directory / "answer").write_text(answer if isinstance(answer, str) else json.dumps(answer))
    script(directory, name, f'echo "$0 $*" > {directory}/asked; /bin/cat {directory}/answer')
    return {"PATH": str(directory)}


@pytest.mark.parametrize("name", ["kubectl", "oc"])
def test_from_a_kubernetes_secret(tmp_path: Path, name: str) -> None:
    environ = kubectl(tmp_path, {"kind": "Secret", "data": {"master-key": encoded(f"{SECRET}\n")}}, name)

    assert resolved(KUBERNETES, tmp_path, **environ) == SECRET
    asked = "get secret litellm --namespace llm --request-timeout 20s --output json"
    assert (tmp_path / "asked").read_text() == f"{tmp_path}/{name} {asked}\n"


def test_without_a_namespace_the_context_decides(tmp_path: Path) -> None:
    environ = kubectl(tmp_path, {"data": {"k": encoded(SECRET)}})

    assert resolved(FromKubernetes(None, "litellm", "k"), tmp_path, **environ) == SECRET
    asked = "get secret litellm --request-timeout 20s --output json"
    assert (tmp_path / "asked").read_text() == f"{tmp_path}/kubectl {asked}\n"


def test_a_context_of_the_kubeconfig(tmp_path: Path) -> None:
    environ = kubectl(tmp_path, {"data": {"k": encoded(SECRET)}})

    assert resolved(FromKubernetes("llm", "litellm", "k", "prod"), tmp_path, **environ) == SECRET
    asked = "get secret litellm --context prod --namespace llm --request-timeout 20s --output json"
    assert (tmp_path / "asked").read_text() == f"{tmp_path}/kubectl {asked}\n"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (
            {"data": {"password": encoded(SECRET), "api": encoded("x")}},
            "the secret litellm has no key master-key: it has api and password.",
        ),
        ({"data": {}}, "the secret litellm has no key master-key: it is empty."),
        ({"kind": "Secret"}, "the secret litellm has no key master-key: it is empty."),
        ({"data": {"master-key": SECRET}}, "the key master-key of the secret litellm is not base64 of a text."),
        ({"data": {"master-key": ""}}, "the key master-key of the secret litellm is empty."),
        ({"data": [1]}, "the answer about the secret litellm is not a secret."),
        ("no JSON", "the answer about the secret litellm is not a secret."),
        ("[]", "the answer about the secret litellm is not a secret."),
    ],
)
def test_kubernetes_answers_that_do_not_give_one(tmp_path: Path, answer: object, detail: str) -> None:
    assert failure(KUBERNETES, tmp_path, **kubectl(tmp_path, answer)) == (detail, BY_HAND)


def test_kubernetes_failures_are_told_apart(tmp_path: Path) -> None:
    path = {"PATH": str(tmp_path)}
    not_found = 'Error from server (NotFound): secrets "litellm" not found'

    assert failure(KUBERNETES, tmp_path, PATH=str(tmp_path)) == (
        "proxy.master_key is read from a Kubernetes secret, and neither kubectl nor oc is in PATH.",
        "install kubectl, or log in where it is installed",
    )
    script(tmp_path, "kubectl", f"echo '{not_found}' >&2; exit 1")
    assert failure(KUBERNETES, tmp_path, **path) == ("there is no secret litellm in the namespace llm.", BY_HAND)
    assert failure(FromKubernetes(None, "litellm", "k"), tmp_path, **path) == (
        "there is no secret litellm in the current namespace.",
        "kubectl get secret litellm",
    )
    script(tmp_path, "kubectl", "echo noise >&2; echo 'something else' >&2; echo >&2; exit 1")
    assert failure(KUBERNETES, tmp_path, **path) == ("kubectl ended with 1, and said: something else", BY_HAND)
