"""What can go wrong with a proxy as a whole: one class per cause, so that each gets its own words and next step.

What concerns one write only (refused, alias taken, answer lost) is declared by its user: ``vkstate.executor.ports``.
"""

from __future__ import annotations

from typing import ClassVar

from vkstate.errors import VkstateError


class Unreachable(VkstateError):
    """No connection came about (refused, no such host, connect timeout): nothing was sent."""

    summary: ClassVar[str] = "the proxy cannot be reached"


class TlsFailed(VkstateError):
    """The encrypted connection could not be set up: nothing was sent."""

    summary: ClassVar[str] = "no secure connection to the proxy"


class NoAnswer(VkstateError):
    """The request was sent, and no complete answer came: timeout, reset, or a body cut short."""

    summary: ClassVar[str] = "the proxy did not answer"


class Redirected(VkstateError):
    """The answer points to another url, which is not followed: the master key would go with it."""

    summary: ClassVar[str] = "the proxy url leads elsewhere"


class NotLiteLLM(VkstateError):
    """Something answers there, but it is not LiteLLM's key API."""

    summary: ClassVar[str] = "this is not a LiteLLM proxy"


class NoDatabase(VkstateError):
    """LiteLLM runs without its database, or has lost it: it has no keys to manage."""

    summary: ClassVar[str] = "the proxy has no database"


class MasterKeyRefused(VkstateError):
    """LiteLLM does not know the key that vkstate presents, or no longer accepts it."""

    summary: ClassVar[str] = "the master key was refused"


class NotAdmin(VkstateError):
    """LiteLLM knows the key that vkstate presents, but it may not manage keys, or does not see them all."""

    summary: ClassVar[str] = "the key is not an admin's"


class ServerFault(VkstateError):
    """LiteLLM, or a gateway in front of it, failed or is too busy; the request itself may be sound."""

    summary: ClassVar[str] = "the proxy failed"


class TooBusy(VkstateError):
    """LiteLLM, or a gateway in front of it, has turned away whatever was asked for as long as patience lasts."""

    summary: ClassVar[str] = "the proxy is too busy"


class BadAnswer(VkstateError):
    """LiteLLM answered in a shape that cannot be right: going on would be guessing."""

    summary: ClassVar[str] = "the proxy's answer makes no sense"
