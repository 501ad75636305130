"""What an answer other than 2xx means, and the words for it: one place, so that every request words a cause alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from vkstate.errors import VkstateError
from vkstate.executor.ports import Refused
from vkstate.litellm.errors import MasterKeyRefused, NoDatabase, NotAdmin, NotLiteLLM, Redirected, ServerFault
from vkstate.litellm.faults import Fault
from vkstate.litellm.transport import Answer

_CHECK: Final = "see what the proxy says: vkstate check"


@dataclass(frozen=True)
class Verdict:
    """One judgement: what was asked, what came, and the means to ask whether LiteLLM has its database.

    ``words`` are the server's, redacted.
    """

    what: str
    fault: Fault
    words: str
    database: Callable[[], bool | None]

    def error(self) -> VkstateError:
        """The cause, as the error to raise."""
        fault = self.fault
        if fault.no_database:
            return self._no_database()
        if not fault.api and fault.status < 500:
            return self._not_litellm(f"an answer that is not LiteLLM's ({fault.status})")
        if fault.no_such_route:
            return self._not_litellm(f"{fault.status} {fault.message}")
        if fault.not_admin:
            return NotAdmin(
                f"{self.what}: {self._said()} The key works, but it may not manage other people's keys.",
                hint="give proxy.master_key the proxy's LITELLM_MASTER_KEY, or a virtual key of a proxy_admin user",
            )
        if fault.credential:
            return self._credential()
        return self._by_status()

    def _by_status(self) -> VkstateError:
        """What words alone do not tell: a database that is away shows as 400, 401 or 500, with a driver's words."""
        status = self.fault.status
        away = status in (400, 401) or status >= 500
        fault = self.fault
        certain = fault.enterprise or fault.alias_taken or fault.beyond_team or fault.reference
        if away and not certain and self.database() is False:
            return self._no_database()
        if status == 401 and not (fault.no_such_key or fault.beyond_team):
            return self._credential()
        if status >= 500 and not certain:
            return ServerFault(f"{self.what}: {self._said()}", hint="try again; then look at the proxy's log")
        if status == 429:
            return ServerFault(f"{self.what}: too many requests. {self._said()}", hint="try again in a while")
        return Refused(f"{self.what}: {self._said()}")

    def _credential(self) -> VkstateError:
        if self.fault.status == 401 and self.fault.type != "expired_key" and self.database() is False:
            return self._no_database()
        why = "has expired" if self.fault.type == "expired_key" else "is not one that this proxy accepts"
        return MasterKeyRefused(
            f"{self.what}: {self._said()} The key that vkstate presents {why}.",
            hint="check proxy.master_key: it is the proxy's LITELLM_MASTER_KEY",
        )

    def _no_database(self) -> VkstateError:
        return NoDatabase(
            f"{self.what}: {self._said()} LiteLLM keeps virtual keys in its database, and it has none, or has lost it.",
            hint="set DATABASE_URL for the proxy, or bring the database back; then: vkstate check",
        )

    def _not_litellm(self, came: str) -> VkstateError:
        return NotLiteLLM(
            f"{self.what}: this came back: {came}. The url may lack a path, or belong to something else.",
            hint="check proxy.url in the config; " + _CHECK,
        )

    def _said(self) -> str:
        return said(self.fault, self.words)


def said(fault: Fault, words: str) -> str:
    """What the server said, in a sentence.

    :param words: the server's, redacted.
    """
    words = words.rstrip(".")
    if not fault.api:
        return f"LiteLLM, or a gateway in front of it, answered {fault.status}: {words or 'no words'}."
    return f"LiteLLM said ({fault.status}): {words}." if words else f"LiteLLM said {fault.status}."


def not_json(what: str) -> NotLiteLLM:
    """A 2xx answer that is no JSON: a web page, most likely."""
    return NotLiteLLM(
        f"{what}: the answer is a web page or something else, not LiteLLM's JSON.",
        hint="check proxy.url in the config; " + _CHECK,
    )


def redirected(base_url: str, answer: Answer) -> Redirected:
    """A redirect, with the url to write instead. Its query and user are left out: they may be secrets."""
    asked = base_url + answer.request.path
    try:
        location = urlsplit(urljoin(asked, answer.headers.get("Location", "")))
        port = f":{location.port}" if location.port else ""
    except ValueError:
        return Redirected(f"{answer.request.method} {asked} leads to what is no url ({answer.status}).", hint=_CHECK)
    target = f"{location.scheme}://{location.hostname or ''}{port}{location.path}"
    base = target.removesuffix(answer.request.path)
    known = base != target and base.rstrip("/") != base_url
    return Redirected(
        f"{answer.request.method} {base_url}{answer.request.path} leads to {target} ({answer.status}). A redirect is "
        "not followed: the master key would be sent there.",
        hint=f"if that is your proxy, write it in the config: proxy.url: {base}" if known else _CHECK,
    )
