"""LiteLLM's error bodies, read into one form (``/key/*``, LiteLLM 1.72 to 1.105).

Handlers answer ``{"error": {"message", "type", "param", "code"}}``, FastAPI ``{"detail": …}``, and a fault nobody
caught is plain text. Statuses lie (401 for "no such key", 500 for bad input), so that causes are told by words, type
and param.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from typing import Final

from vkstate.attributes import Json
from vkstate.litellm.transport import Answer

_NO_DATABASE: Final = re.compile(
    r"(?i)database not connected|\bdb not connected|not connected to db|connect proxy to database|no connected db"
)
_UNKNOWN_KEY: Final = re.compile(
    r"(?i)no api key passed|invalid proxy server token|virtual key expected|malformed api key"
)
_NOT_ADMIN: Final = re.compile(r"(?i)only proxy admin|user not allowed to access this route|no 'user_id' is associated")
_ENTERPRISE: Final = re.compile(r"(?i)litellm enterprise|enterprise license|enterprise feature")
_REFERENCES: Final = {
    "team_id": re.compile(r"Team doesn't exist in db"),
    "organization_id": re.compile(r"Organization doesn't exist in db"),
    "project_id": re.compile(r"Project not found"),
    "budget_id": re.compile(r"Foreign key constraint failed on the field: `LiteLLM_VerificationToken_budget_id_fkey"),
    "end_user_budget_id": re.compile(r"end_user_budget_id=.* does not match any budget", re.DOTALL),
}
"""By attribute, how LiteLLM says that what it names does not exist; said before anything is written."""
_TRIAL: Final = re.compile(r"(?s)(?<=\.)\s*You must be a LiteLLM Enterprise user.*")
"""What LiteLLM says after the sentence that names what it sells."""
_PREFIX: Final = re.compile(r"^(?:(?:Internal Server Error, |Authentication Error[,:-]? ?(?:- )?))+")


@dataclass(frozen=True)
class Fault:
    """An error body. ``message`` may hold secrets; ``api`` says whether it has a form that LiteLLM answers in."""

    status: int
    message: str = field(repr=False)
    type: str | None = None
    param: str | None = None
    api: bool = True
    invalid: tuple[tuple[str, ...], ...] = ()
    """The places that a validation error (422) names, as ``("body", "soft_budget")``."""

    @property
    def sentence(self) -> str:
        """The message as far as it is about what was asked."""
        return _TRIAL.sub("", self.message)

    @property
    def no_database(self) -> bool:
        return self.type == "no_db_connection" or bool(_NO_DATABASE.search(self.message))

    @property
    def credential(self) -> bool:
        """Whether the caller's own key is unknown, expired or blocked."""
        if self.type in ("token_not_found_in_db", "expired_key"):
            return self.status in (400, 401)
        return self.status == 401 and bool(_UNKNOWN_KEY.search(self.message) or "Key is blocked" in self.message)

    @property
    def spent(self) -> bool:
        """Whether a budget is used up, the caller's own or that of its user or team.

        400 on 1.72 and 1.80, 429 on 1.90, 422 on 1.105.
        """
        return self.type == "budget_exceeded"

    @property
    def not_admin(self) -> bool:
        return self.status in (401, 403) and bool(_NOT_ADMIN.search(self.message))

    @property
    def viewer(self) -> bool:
        """Whether the caller is an admin who may only look: its role is told in the refusal (1.80.17, 1.105.0)."""
        return self.not_admin and "proxy_admin_viewer" in self.message

    @property
    def no_such_key(self) -> bool:
        """``/key/update``, ``/key/block``: 401 on 1.72 and 1.80, 404 later."""
        gone = "user key does not exist in db" in self.message or "No keys found" in self.message
        return gone or (self.status == 404 and self.param == "key")

    @property
    def no_such_route(self) -> bool:
        return self.status in (404, 405) and self.message in ("Not Found", "Method Not Allowed")

    @property
    def alias_taken(self) -> bool:
        return self.status == 400 and "already exists" in self.message and "alias" in self.message

    @property
    def client_values_refused(self) -> bool:
        return self.status == 403 and "Custom API key values are disabled" in self.message

    @property
    def enterprise(self) -> bool:
        """Whether LiteLLM keeps what was asked for its Enterprise licence; said before anything is written."""
        return bool(_ENTERPRISE.search(self.message))

    @property
    def beyond_team(self) -> bool:
        """Whether a team would have to use a model that it has not: 401 on 1.72 and 1.80, 403 later."""
        return self.type == "team_model_access_denied"

    @property
    def reference(self) -> str | None:
        """The attribute that names something which does not exist on the proxy."""
        return next((name for name, words in _REFERENCES.items() if words.match(self.message)), None)

    @property
    def bare(self) -> bool:
        """Whether this is all that ``/key/generate`` says of what its database refuses (1.72 to 1.105)."""
        return self.status == 500 and self.message == "Internal Server Error."


def fault_of(answer: Answer) -> Fault:
    """The fault that an answer other than 2xx tells of."""
    text = answer.body.decode("utf-8", errors="replace").strip()
    try:
        return _fault(answer.status, text)
    except RecursionError:  # nested deeper than anybody means it
        return Fault(answer.status, text, api=False)


def _fault(status: int, text: str) -> Fault:
    try:
        body: Json = json.loads(text)
    except ValueError:
        return Fault(status, "" if text.startswith("<") else text, api=text == "Internal Server Error")
    if not isinstance(body, dict):
        return Fault(status, text, api=False)
    error, detail = body.get("error"), body.get("detail")
    if isinstance(error, dict):
        message = _unwrapped(error.get("message"))
        return Fault(status, _PREFIX.sub("", message), _word(error.get("type")), _word(error.get("param")))
    if isinstance(detail, list):
        return _validation(status, detail)
    if detail is not None or isinstance(error, str):
        return Fault(status, _unwrapped(detail if detail is not None else error))
    return Fault(status, text, api=False)


def _validation(status: int, detail: list[Json]) -> Fault:
    """A 422. Its ``input`` is left out: it is the whole body with its key value on 1.72 to 1.90."""
    places: list[tuple[str, ...]] = []
    words: list[str] = []
    for item in detail:
        if not isinstance(item, dict):
            continue
        loc, msg = item.get("loc"), item.get("msg")
        place = tuple(str(part) for part in loc) if isinstance(loc, list) else ()
        places.append(place)
        words.append(f"{'.'.join(place[1:]) or 'the request'}: {msg}")
    return Fault(status, "; ".join(words), invalid=tuple(places))


def _unwrapped(value: Json) -> str:
    """A message; where it is the Python text of an object (``"{'error': 'No keys found'}"``), the words inside."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return _words_in(ast.literal_eval(value))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return value  # it only looks like one
    return _words_in(value)


def _words_in(value: Json) -> str:
    if isinstance(value, dict):
        inner = value.get("error") or value.get("message")
        return _unwrapped(inner) if inner is not None else json.dumps(value)
    return "" if value is None else str(value)


def _word(value: Json) -> str | None:
    """``type`` or ``param``; LiteLLM writes None as the text ``"None"`` (1.72 to 1.90)."""
    return value if isinstance(value, str) and value != "None" else None
