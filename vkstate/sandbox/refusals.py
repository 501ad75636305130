"""LiteLLM's error bodies: one shape from its own handlers, one from FastAPI, one for faults it did not foresee."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vkstate.sandbox.jsons import Json

ENTERPRISE = (
    "You must be a LiteLLM Enterprise user to use this feature. If you have a license please set `LITELLM_LICENSE` in "
    "your env. Get a 7 day trial key here: https://www.litellm.ai/enterprise#trial. \n"
    "Pricing: https://www.litellm.ai/#pricing"
)


class RefusalError(Exception):
    """The answer to a request that is not carried out: a status and the exact body."""

    def __init__(self, status: int, body: Json, *, close: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.close = close


class HttpError(Exception):
    """A refusal that its endpoint has yet to word: ``detail`` is a sentence, or an object that holds one.

    LiteLLM's endpoints put the same detail into different bodies; see :func:`worded`.
    """

    def __init__(self, status: int, detail: str | dict[str, str]) -> None:
        super().__init__(str(detail))
        self.status = status


def refusal(status: int, message: str, kind: str, param: str | None) -> RefusalError:
    """The body of LiteLLM's own handlers. The code is the status as a string, the param at times the string "None"."""
    return RefusalError(status, {"error": {"message": message, "type": kind, "param": param, "code": str(status)}})


def fastapi_refusal(status: int, detail: Json) -> RefusalError:
    """The body of FastAPI: a sentence, an object, or the list of a 422."""
    return RefusalError(status, {"detail": detail})


def unforeseen() -> RefusalError:
    """A fault that LiteLLM did not foresee; it closes the connection after it."""
    body: Json = {"error": {"message": "Internal server error", "type": "internal_server_error"}}
    return RefusalError(500, body, close=True)


def model_denied(whose: str, model: str) -> RefusalError:
    """A model that a key, or its team, may not use. ``whose`` is ``key`` or ``team``."""
    message = (
        f"The requested model '{model}' is not available for this API key, or the model name is invalid. "
        "Check the models available to you and try again."
    )
    return refusal(403, message, f"{whose}_model_access_denied", "model")


@contextmanager
def worded(kind: str, param: str | None) -> Iterator[None]:
    """Word the details raised inside as one endpoint does; an object among them stays its repr, as it does there."""
    try:
        yield
    except HttpError as error:
        raise refusal(error.status, str(error), kind, param) from error
