"""The ``proxy`` section: settings, canonical urls, and everything that is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.conftest import Project
from vkstate.config.config import Config, ProxySettings
from vkstate.config.interpolation import EnvironmentRef
from vkstate.config.kubernetes import FromKubernetes
from vkstate.config.loader import load
from vkstate.config.master_key import FromCommand, FromFile, FromText
from vkstate.config.urls import proxy_url

URLS = {
    "https://litellm.example.com": "https://litellm.example.com",
    "HTTPS://LiteLLM.Example.COM:443/": "https://litellm.example.com",
    "http://litellm.example.com:80": "http://litellm.example.com",
    "http://litellm.example.com:443/": "http://litellm.example.com:443",
    "https://gw.example.com/LLM//": "https://gw.example.com/LLM",
    "http://[::1]:4000": "http://[::1]:4000",
    "http://127.0.0.1:4000/": "http://127.0.0.1:4000",
    "sandbox://": "sandbox://",
    "sandbox:": "sandbox://",
}


@pytest.mark.parametrize(("text", "url"), URLS.items())
def test_urls_have_one_form(text: str, url: str) -> None:
    assert proxy_url(text) == url
    assert proxy_url(url) == url


BAD_URLS = {
    "litellm.example.com": "must begin with https://, http:// or sandbox://",
    "": "must begin with https://, http:// or sandbox://",
    "ftp://x": "must begin with https://, http:// or sandbox://",
    "https://": "has no host: write it as https://litellm.example.com",
    "https://:4000": "has no host: write it as https://litellm.example.com",
    "https://x:port": "is not a url: host or port cannot be read",
    "https://x:99999": "is not a url: host or port cannot be read",
    "https://[::1": "is not a url: host or port cannot be read",
    "https://u:p@x": "must not hold a user or password: the master key goes under master_key, others under headers",
    "https://x?a=b": "must end with its path: what follows ? or # has no meaning here",
    "https://x#a": "must end with its path: what follows ? or # has no meaning here",
    "https://x /": "holds a blank or control character, which no url does",
    "https://x/v1": "is the address of the models; the admin url is the part before it: write it without /v1",
    "https://x/y/v1/": "is the address of the models; the admin url is the part before it: write it without /v1",
    "https://x/ui": "is the address of the web pages; the admin url is the part before it: write it without /ui",
    "sandbox://x": "names the sandbox, which has no address: write sandbox:// and nothing more",
}


@pytest.mark.parametrize(("url", "sentence"), BAD_URLS.items())
def test_what_is_no_url_of_a_proxy(project: Project, url: str, sentence: str) -> None:
    assert project.error(f"proxy:\n  url: '{url}'\n").detail == f"vkstate.yaml:2:3: proxy.url: {sentence}"


def test_the_least_that_a_config_says(project: Project) -> None:
    assert project.load("proxy: {url: 'sandbox://'}\n") == Config(
        Path("vkstate.yaml"),
        Path(),
        ProxySettings("sandbox://", master_key=FromText((EnvironmentRef("LITELLM_MASTER_KEY"),))),
        (),
        environment=frozenset({"LITELLM_MASTER_KEY"}),
    )


def test_the_variables_that_a_config_refers_to(project: Project) -> None:
    text = (
        "proxy: {url: 'sandbox://', master_key: '${env.MK}', headers: {x: '${env.T}'}}\nvariables: {v: '${env.V:-x}'}\n"
    )

    assert project.load(text, environ={"T": "t"}).environment == {"MK", "T", "V", "VKSTATE_VAR_v"}


def test_every_setting(project: Project) -> None:
    project.write("certificates", "ca.pem")

    config = project.load(
        "proxy:\n  url: https://LLM.example.com/\n  public_url: https://public.example.com/\n"
        "  master_key: ${env.MK}\n  timeout: 2m\n  retries: 0\n  ca_file: ca.pem\n"
        "  headers: {x-gateway: '1', X-Token: '${env.T}'}\n  parallelism: 32\n  check_models: off\n",
        environ={"T": "secret"},
    )

    assert config.proxy == ProxySettings(
        url="https://llm.example.com",
        public_url="https://public.example.com",
        master_key=FromText((EnvironmentRef("MK"),)),
        timeout=120,
        retries=0,
        verify_tls=Path("ca.pem"),
        headers={"x-gateway": "1", "X-Token": "secret"},
        parallelism=32,
        check_models="off",
    )
    assert "secret" not in repr(config.proxy)
    assert config.warnings == ()


def test_a_public_url_that_is_the_admin_url_is_none(project: Project) -> None:
    config = project.load("proxy: {url: 'https://x.example', public_url: 'HTTPS://X.example:443/'}\n")

    assert config.proxy.public_url is None


def test_paths_start_at_the_config(project: Project) -> None:
    (project.directory / "deep").mkdir()
    project.write("certificates", "deep/ca.pem")
    project.write("user\nann\n", "deep/p.csv")
    path = project.write(
        "proxy: {url: 'https://x', ca_file: ca.pem}\nworkshops: {w: {roster: p.csv, models: [m]}}\n",
        "deep/vkstate.yaml",
    )

    config = load(path, variables={}, environ={})

    assert config.directory == Path("deep")
    assert config.proxy.verify_tls == Path("deep/ca.pem")
    assert config.keys[0].place == "deep/p.csv:2"


SOURCES = {
    "{file: key.txt}": FromFile("key.txt"),
    "{command: [pass, show, litellm]}": FromCommand(("pass", "show", "litellm")),
    "{kubernetes: {namespace: llm, secret: litellm, key: master_key}}": FromKubernetes("llm", "litellm", "master_key"),
    "{kubernetes: {secret: litellm, key: master_key}}": FromKubernetes(None, "litellm", "master_key"),
    "{kubernetes: {context: me@prod/x, secret: s, key: k}}": FromKubernetes(None, "s", "k", "me@prod/x"),
    "${env.MK:-}": FromText((EnvironmentRef("MK", ""),)),
    "'Bearer-${env.MK}'": FromText(("Bearer-", EnvironmentRef("MK"))),
    "": FromText((EnvironmentRef("LITELLM_MASTER_KEY"),)),
}


@pytest.mark.parametrize(("text", "source"), SOURCES.items())
def test_sources_of_the_master_key(project: Project, text: str, source: object) -> None:
    config = project.load(f"proxy:\n  url: sandbox://\n  master_key: {text}\n")

    assert config.proxy.master_key == source
    assert config.warnings == ()


@pytest.mark.parametrize(
    "written", ["sk-1234", "sk-abcdefghijklmnopqrstuvwx", "${env.MK:-sk-abcdefghijklmnopqrstuvwx}", "12345"]
)
def test_a_written_master_key_is_a_warning_that_does_not_repeat_it(project: Project, written: str) -> None:
    config = project.load(f"proxy:\n  url: sandbox://\n  master_key: {written}\n")

    assert config.warnings == (
        (
            "vkstate.yaml:3:3: proxy.master_key: the master key is written in the config, where git keeps it: "
            "better are ${env.LITELLM_MASTER_KEY}, {file: …}, {command: […]} and {kubernetes: …}"
        ),
    )
    assert written not in repr(config)


def test_a_master_key_may_come_from_a_variable(project: Project) -> None:
    config = project.load(
        "proxy: {url: 'sandbox://', master_key: '${var.mk}'}\nvariables: {mk: }\n", variables={"mk": "sk-1234"}
    )

    assert config.proxy.master_key == FromText(("sk-1234",))
    assert config.warnings == ()


def test_a_key_file_that_others_can_read_is_a_warning(project: Project) -> None:
    path = project.directory / project.write("sk-1234", "key.txt")
    path.chmod(0o640)
    text = "proxy: {url: 'sandbox://', master_key: {file: key.txt}}\n"

    assert project.load(text).warnings == (
        "vkstate.yaml:1:28: proxy.master_key: others on this machine can read the file (mode 0640): chmod 600 it",
    )
    path.chmod(0o600)
    assert project.load(text).warnings == ()


def test_an_unchecked_certificate_is_a_warning(project: Project) -> None:
    assert project.load("proxy: {url: 'https://x', verify_tls: false}\n").warnings == (
        (
            "vkstate.yaml:1:27: proxy.verify_tls: the proxy's certificate is not checked, so that anybody on the way "
            "can read the master key: ca_file names a certificate to trust"
        ),
    )


BAD = {
    "timeout: 30": "timeout: '30' is not a duration: write one whole number and one unit of s, m, h, d or w, "
    "such as 30d or 30h",
    "timeout: 2h": "timeout: must be at most 1h",
    "retries: -1": "retries: must not be negative: it is -1",
    "parallelism: 0": "parallelism: must be at least 1: it is 0",
    "parallelism: 33": "parallelism: must be at most 32: it is 33",
    "paralelism: 8": "paralelism: unknown field; did you mean parallelism?",
    "models: [m]": "models: unknown field here: it belongs to a key, a workshop or defaults",
    "check_models: of": "check_models: must be error, warn or off: it is 'of'; did you mean off?",
    "ca_file: nowhere.pem": "ca_file: there is no file nowhere.pem",
    "public_url: sandbox://": "public_url: is what members are given, so that it must begin with https:// or http://",
    "headers: {a b: c}": "headers.'a b': is not the name of a header",
    "headers: {Authorization: c}": "headers.Authorization: vkstate sends the master key in this header: "
    "give it as master_key",
    'headers: {a: "b\\nc"}': "headers.a: must be printable ASCII without blanks at its ends, "
    "as the value of a header is",
    "headers: {a: 1}": "headers.a: must be a text, not the number 1: write it in quotes",
    "headers: {a: b, A: c}": "headers.A: is here a second time: case means nothing in a header's name",
    "master_key: {}": "master_key: must have exactly one of file, command and kubernetes",
    "master_key: {file: a, command: [b]}": "master_key: must have exactly one of file, command and kubernetes",
    "master_key: {fil: a}": "master_key.fil: unknown field; did you mean file?",
    "master_key: {command: pass show}": "master_key.command: must be a list, the program and its arguments, "
    "since no shell is involved: [pass, show, litellm]",
    "master_key: {command: []}": "master_key.command: must not be empty",
    "master_key: {kubernetes: {key: k}}": "master_key.kubernetes.secret: is missing: the secret's name",
    "master_key: {kubernetes: {secret: --x, key: k}}": "master_key.kubernetes.secret: is not a name in Kubernetes: "
    "it has a-z, 0-9, - and . only",
    "master_key: {kubernetes: {secret: s, key: k, context: --x}}": "master_key.kubernetes.context: is not the name of "
    "a context in a kubeconfig",
    "master_key: {kubernetes: {secret: s, key: 'a b'}}": "master_key.kubernetes.key: is not a key of a Kubernetes "
    "secret: it has letters, digits, -, _ and . only",
    "master_key: [sk-1234]": "master_key: must be a text, not a list",
    "master_key: ${x}": "master_key: ${x} is none of ${env.NAME}, ${env.NAME:-default} and ${var.name}; "
    "a literal ${ is written $${",
    "master_key: ${var.x}": "master_key: there is no variable 'x'; declare it under variables",
}


@pytest.mark.parametrize(("field", "sentence"), BAD.items())
def test_a_bad_setting(project: Project, field: str, sentence: str) -> None:
    [problem] = project.error(f"proxy:\n  url: sandbox://\n  {field}\n").problems

    assert f"{problem.where.path}: {problem.sentence}" == f"proxy.{sentence}"
    assert problem.where.line == 3


def test_certificates_and_no_check_contradict(project: Project) -> None:
    project.write("certificates", "ca.pem")

    assert project.error("proxy: {url: 'https://x', ca_file: ca.pem, verify_tls: false}\n").detail == (
        "vkstate.yaml:1:27: proxy.ca_file: cannot stand beside verify_tls: false, which checks nothing: "
        "keep one of them"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "keys: {}\n",
            (
                "vkstate.yaml:1:1: proxy: is missing: a config says where the proxy is, as proxy: "
                "{url: https://litellm.example.com}, or sandbox:// to try vkstate"
            ),
        ),
        (
            "proxy:\n",
            (
                "vkstate.yaml:1:1: proxy.url: is missing: the proxy's admin url, as https://litellm.example.com; "
                "or sandbox://, an embedded one for trying things out"
            ),
        ),
        ("proxy: x\n", "vkstate.yaml:1:1: proxy: must be a mapping of names and values, not the text 'x'"),
    ],
)
def test_the_proxy_must_be_given(project: Project, text: str, line: str) -> None:
    assert project.error(text).detail == line
