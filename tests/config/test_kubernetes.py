"""The real kubectl, and a stub of a cluster's API on the loopback: what it gives, and every way in which it fails."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

from vkstate.config.kubernetes import FromKubernetes
from vkstate.config.master_key import resolve_master_key
from vkstate.config.programs import MasterKeyUnreadable

KUBECTL: Final = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed (Debian: kubernetes-client)")

SECRET: Final = "sk-master-key-canary"
THERE: Final = FromKubernetes("llm", "litellm", "master-key")
BY_HAND: Final = "get secret litellm --namespace llm"


def _status(code: int, reason: str, message: str) -> tuple[int, object]:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message}
    return code, {**status, "code": code}


def _answer(path: str) -> tuple[int, object]:
    """What a cluster answers that has one secret, and lets nobody see another."""
    if path.startswith("/expired/"):
        return _status(401, "Unauthorized", "Unauthorized")
    name = path.rpartition("/")[2]
    secrets = {"name": "secrets", "singularName": "", "namespaced": True, "kind": "Secret", "verbs": ["get"]}
    match path:
        case "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case "/apis":
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
        case "/api/v1":
            return 200, {"kind": "APIResourceList", "groupVersion": "v1", "resources": [secrets]}
        case "/api/v1/namespaces/llm/secrets/litellm":
            data = {"master-key": base64.b64encode(f"{SECRET}\n".encode()).decode(), "other": "AAEC"}
            return 200, {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": name}, "data": data}
        case "/api/v1/namespaces/llm/secrets/closed":
            return _status(403, "Forbidden", f'secrets "{name}" is forbidden: User "ci" cannot get resource "secrets"')
        case _:
            return _status(404, "NotFound", f'secrets "{name}" not found')


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        code, document = _answer(self.path.partition("?")[0])
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Cluster:
    """The environment of somebody who is logged in to the stub, and the directory of their config."""

    environ: dict[str, str]
    directory: Path

    def gives(self, source: FromKubernetes) -> str:
        return resolve_master_key(source, environ=self.environ, directory=self.directory).get_secret_value()

    def refuses(self, source: FromKubernetes) -> tuple[str, str | None]:
        with pytest.raises(MasterKeyUnreadable) as caught:
            self.gives(source)
        assert SECRET not in str(caught.value)
        return caught.value.detail, caught.value.hint


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A kubeconfig with contexts of a cluster that answers, of one whose login has expired, and of a dead one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = free.getsockname()[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    servers = {"alive": url, "expired": f"{url}/expired", "dead": f"http://127.0.0.1:{dead}"}
    kubeconfig = tmp_path / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": at}} for name, at in servers.items()],
        "users": [{"name": "me", "user": {}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "me", "namespace": "llm"}} for name in servers
        ],
        "current-context": "alive",
    }
    kubeconfig.write_text(json.dumps(document), encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)}
    try:
        yield Cluster(environ, tmp_path)
    finally:
        server.shutdown()
        server.server_close()


def test_the_secret_is_read_and_decoded(cluster: Cluster) -> None:
    assert cluster.gives(THERE) == SECRET


def test_the_namespace_and_the_context_are_those_of_the_kubeconfig(cluster: Cluster) -> None:
    assert cluster.gives(FromKubernetes(None, "litellm", "master-key")) == SECRET
    assert cluster.gives(FromKubernetes(None, "litellm", "master-key", "alive")) == SECRET


def test_oc_serves_where_there_is_no_kubectl(cluster: Cluster, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "oc").symlink_to(os.path.realpath(KUBECTL or ""))
    there = Cluster({**cluster.environ, "PATH": str(programs)}, cluster.directory)
    assert there.gives(THERE) == SECRET
    assert there.refuses(FromKubernetes("llm", "none", "k")) == (
        "there is no secret none in the namespace llm.",
        "oc get secret none --namespace llm",
    )


def test_what_is_not_there(cluster: Cluster) -> None:
    assert cluster.refuses(FromKubernetes("llm", "none", "k")) == (
        "there is no secret none in the namespace llm.",
        "kubectl get secret none --namespace llm",
    )
    assert cluster.refuses(FromKubernetes("elsewhere", "litellm", "k", "alive")) == (
        "there is no secret litellm in the namespace elsewhere of the context alive.",
        "kubectl get secret litellm --context alive --namespace elsewhere",
    )
    assert cluster.refuses(FromKubernetes("llm", "litellm", "k")) == (
        "the secret litellm has no key k: it has master-key and other.",
        f"kubectl {BY_HAND}",
    )
    assert cluster.refuses(FromKubernetes("llm", "litellm", "other")) == (
        "the key other of the secret litellm holds more than a master key, which is one word of printable ASCII.",
        f"kubectl {BY_HAND}",
    )
    assert cluster.refuses(FromKubernetes("llm", "litellm", "k", "nowhere")) == (
        "the kubeconfig has no context nowhere.",
        "kubectl config get-contexts",
    )


def test_what_may_not_be_read(cluster: Cluster) -> None:
    assert cluster.refuses(FromKubernetes("llm", "closed", "k")) == (
        "the cluster does not let you read the secret closed in the namespace llm.",
        "kubectl auth can-i get secret/closed --namespace llm",
    )


def test_a_login_that_has_expired(cluster: Cluster) -> None:
    detail, hint = cluster.refuses(FromKubernetes("llm", "litellm", "k", "expired"))
    assert detail.startswith("kubectl is not logged in to the cluster, or no longer: error: You must be logged in")
    assert hint == (
        "log in again (oc login, or your cluster's own way), then: kubectl get secret litellm --context expired "
        "--namespace llm"
    )


def test_a_cluster_that_is_not_there(cluster: Cluster) -> None:
    detail, hint = cluster.refuses(FromKubernetes("llm", "litellm", "k", "dead"))
    assert detail.startswith("kubectl does not reach the cluster: The connection to the server 127.0.0.1:")
    assert "\n" not in detail
    assert hint == "kubectl config view --minify; then: kubectl get secret litellm --context dead --namespace llm"
