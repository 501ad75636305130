"""Nothing that can be printed holds a key value, the master key or a gateway's header."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable
from dataclasses import replace

import pytest
import responses

from tests.litellm.fake import MASTER_KEY, STAMP, URL, value_of
from tests.litellm.hasty import hasty
from tests.litellm.scripted import answer, reset, serving
from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.executor.ports import CreateOrder, Sought, UpdateOrder
from vkstate.expiry import Never
from vkstate.keys import Alias
from vkstate.litellm.client import Connection
from vkstate.litellm.proxy import LiteLLMProxy
from vkstate.litellm.redaction import LONGEST_EXCERPT, Redaction

VALUE = value_of("a")
GATEWAY = "gateway-secret-0123"
HIDDEN = "callback-secret-0123"
SECRETS = (MASTER_KEY, hashlib.sha256(MASTER_KEY.encode()).hexdigest(), VALUE.reveal(), GATEWAY, HIDDEN)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key={VALUE.reveal()}!", "key=***!"),
        (f"'{MASTER_KEY}'", "'***'"),
        ("Received API Key = sk-...rong", "Received API Key = sk-...rong"),
        ("task-force-alias stays", "task-force-alias stays"),
        ("Authorization: Bearer abcdefghij", "Authorization: Bearer ***"),
        ("SK-ABCDEFGHIJ", "***"),
        ("short text", "short text"),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    assert Redaction([MASTER_KEY, "abc"]).mask(text) == shown


@pytest.mark.parametrize(
    ("also", "text", "shown"),
    [
        (["canary-org", "canary-org-999"], "Organization=canary-org-999", "Organization=***"),
        (["org"], "Organization=org, org-wide, organic", "Organization=***, ***-wide, organic"),
        (["5", "5.0"], "5.0 > 50, 5.", "*** > 50, ***."),
        ([""], "nothing", "nothing"),
    ],
)
def test_a_short_secret_of_one_request_is_masked_as_a_word(also: list[str], text: str, shown: str) -> None:
    assert Redaction().mask(text, also) == shown


def test_a_master_key_of_any_form_is_masked() -> None:
    redaction = Redaction(["hunter2-hunter2"])
    assert redaction.mask("it is hunter2-hunter2.") == "it is ***."
    assert repr(redaction) == "Redaction(1 secrets)"


def test_an_excerpt_is_one_short_line_masked_before_it_is_cut() -> None:
    redaction = Redaction()
    assert redaction.excerpt("one\n\ttwo\x1b[31m three") == "one two [31m three"
    cut = redaction.excerpt("x" * (LONGEST_EXCERPT - 10) + " " + VALUE.reveal())
    assert cut == "x" * (LONGEST_EXCERPT - 10) + " ***"
    assert len(redaction.excerpt("x" * 1000)) == LONGEST_EXCERPT


ORDER = CreateOrder(
    Alias("ws-user1"),
    STAMP,
    {"models": ["gpt-4"], "metadata.logging": [{"callback_vars": {"secret": HIDDEN}}]},
    Never(),
    VALUE,
)
UPDATE = UpdateOrder(
    Sought(VALUE.token, STAMP.id, Alias("ws-user1")),
    STAMP,
    {"metadata.logging": [{"callback_vars": {"secret": HIDDEN}}]},
)
_ECHO = " ".join((*SECRETS, f"Bearer {MASTER_KEY}"))


def _everything_said(error: VkstateError) -> str:
    return "\n".join(
        [
            *traceback.format_exception(error),
            repr(error),
            str(error),
            error.detail,
            error.hint or "",
            repr(error.__cause__),
        ]
    )


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 422, 429, 500, 502])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": _ECHO, "type": _ECHO, "param": MASTER_KEY}},
        {"error": {"message": str({"error": _ECHO})}},
        {"detail": _ECHO},
        {"detail": [{"loc": ["body", "key"], "msg": _ECHO, "input": _ECHO}]},
        {"key": [_ECHO], "info": [{"key_alias": [_ECHO]}]},
        _ECHO,
    ],
    ids=["error", "repr", "detail", "validation", "shape", "text"],
)
@pytest.mark.parametrize("write", ["create", "update", "delete", "find"])
def test_no_error_repeats_a_secret_that_the_proxy_echoes(
    write: str, body: Json, status: int, answers: responses.RequestsMock
) -> None:
    answers.assert_all_requests_are_fired = False
    rows: Json = {"info": [{"metadata": {}}]}
    with Connection(URL, MASTER_KEY, retries=0, headers={"x-gateway": GATEWAY}, gate=hasty([])) as connection:
        proxy = LiteLLMProxy(connection)
        calls: dict[str, tuple[str, Callable[[], object]]] = {
            "create": ("/key/generate", lambda: proxy.create(ORDER)),
            "update": ("/key/update", lambda: proxy.update(UPDATE)),
            "delete": ("/key/delete", lambda: proxy.delete([VALUE.token])),
            "find": ("/v2/key/info", lambda: proxy.find([UPDATE.sought])),
        }
        path, call = calls[write]
        headers = {"Location": f"https://x:{MASTER_KEY}@other.example.com/?key={MASTER_KEY}"}
        answers.add("POST", f"{URL}{path}", json=body, status=status, headers=headers)
        if path != "/v2/key/info":
            answers.add("POST", f"{URL}/v2/key/info", json=rows)
        answers.add("GET", f"{URL}/health/readiness", json={"db": "connected"})
        said = ""
        try:
            call()
        except VkstateError as error:
            said = _everything_said(error)
        assert said or (write in ("update", "delete") and status == 200)
        sent = SECRETS if write in ("create", "update") else set(SECRETS) - {HIDDEN}  # the others never sent it
        assert [secret for secret in sent if secret in said] == []


def test_no_error_of_the_wire_and_no_repr_holds_a_secret(pauses: list[float]) -> None:
    with serving(*[reset] * 9) as script:
        connection = Connection(script.url, MASTER_KEY, headers={"x-gateway": GATEWAY}, gate=hasty(pauses))
        proxy = LiteLLMProxy(connection)
        with connection, pytest.raises(VkstateError) as caught:
            proxy.create(ORDER)
    said = _everything_said(caught.value) + repr(connection) + repr(proxy) + repr(ORDER) + repr(UPDATE)
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize("master_key", ["", "sk-a b", "sk-a\n", "sk-ä", "sk-\x00"])
def test_a_master_key_that_cannot_be_sent_is_refused_without_showing_it(master_key: str) -> None:
    with pytest.raises(VkstateError) as caught:
        Connection(URL, master_key)
    assert caught.value.detail == (
        "The master key is empty, or holds blanks, line breaks or characters that an HTTP header cannot hold."
    )


def test_a_header_that_cannot_be_sent_is_not_shown(pauses: list[float]) -> None:
    with (
        serving(answer(200, {})) as script,
        Connection(script.url, MASTER_KEY, headers={"x-gateway": f"{GATEWAY}\r\nx: y"}, gate=hasty(pauses)) as made,
        pytest.raises(VkstateError) as caught,
    ):
        made.get("/key/list")
    assert GATEWAY not in _everything_said(caught.value)
    assert caught.value.hint == "correct proxy.headers in the config"


@pytest.mark.parametrize("status", [400, 500])
def test_what_came_from_the_environment_is_masked_in_the_words_of_a_refusal(
    status: int, answers: responses.RequestsMock
) -> None:
    """LiteLLM 1.105 names the organisation, the team and the budget that it does not know."""
    sensitive: tuple[Json, ...] = ("canary-org-999", 7)
    order = replace(ORDER, declared={"organization_id": "canary-org-999", "max_budget": 7}, sensitive=sensitive)
    update = replace(UPDATE, assign={"tpm_limit": 70}, sensitive=sensitive)
    message = "No such Organization=canary-org-999 with max_budget=7.0 and tpm_limit=70"
    for path in ("/key/generate", "/key/update"):
        answers.add("POST", f"{URL}{path}", json={"error": {"message": message}}, status=status)
    answers.add("GET", f"{URL}/health/readiness", json={"db": "connected"})
    said = []
    with Connection(URL, MASTER_KEY, retries=0, gate=hasty([])) as connection:
        proxy = LiteLLMProxy(connection)
        writes: tuple[Callable[[], object], ...] = (lambda: proxy.create(order), lambda: proxy.update(update))
        for write in writes:
            with pytest.raises(VkstateError) as caught:
                write()
            said.append(caught.value.detail)
    assert said == [
        f"POST {URL}{path}: LiteLLM said ({status}): No such Organization=*** with max_budget=*** and tpm_limit=70."
        for path in ("/key/generate", "/key/update")
    ]
