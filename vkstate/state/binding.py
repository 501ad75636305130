"""Which proxy a state belongs to."""

from __future__ import annotations

from typing import ClassVar

from vkstate.errors import VkstateError
from vkstate.state.model import State
from vkstate.urls import canonical_url


class ForeignProxy(VkstateError):
    """The state's keys live on another proxy than the configured one."""

    summary: ClassVar[str] = "the state belongs to another proxy"


def check_binding(state: State, url: str) -> None:
    """Make sure that a state may be applied to this proxy. A state without keys goes with any.

    :raises ForeignProxy: its keys are recorded as living elsewhere.
    """
    if not state.keys:
        return
    count = "1 key" if len(state.keys) == 1 else f"{len(state.keys)} keys"
    new = canonical_url(url)
    if state.proxy is None:
        raise ForeignProxy(
            f"The state records {count}, but not on which proxy; proxy.url is {new}.",
            hint="if that is where they live: vkstate state rebind",
        )
    old = canonical_url(state.proxy)
    if old != new:
        raise ForeignProxy(
            f"The state records {count} on {old}, and proxy.url is {new}. Going on would take them for missing, and "
            "leave the real ones behind.",
            hint=f"set proxy.url back to {old}; if the same proxy has a new url: vkstate state rebind; to move for "
            "good, run vkstate destroy there first",
        )
