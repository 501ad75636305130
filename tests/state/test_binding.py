from __future__ import annotations

import pytest

from tests.state.samples import key, state
from vkstate.state.binding import ForeignProxy, check_binding
from vkstate.state.model import State


def test_the_same_proxy_spelt_otherwise_is_the_same() -> None:
    check_binding(state(key(1)), "https://LITELLM.example.com:443/")


def test_a_state_without_keys_goes_anywhere() -> None:
    check_binding(State.empty("l"), "https://new.example.com")
    check_binding(state(), "https://new.example.com")


def test_another_proxy_is_refused() -> None:
    with pytest.raises(ForeignProxy) as caught:
        check_binding(state(key(1), key(2)), "https://new.example.com/")
    assert caught.value.detail == (
        "The state records 2 keys on https://litellm.example.com, and proxy.url is https://new.example.com. Going on "
        "would take them for missing, and leave the real ones behind."
    )
    assert caught.value.hint == (
        "set proxy.url back to https://litellm.example.com; if the same proxy has a new url: vkstate state rebind; to "
        "move for good, run vkstate destroy there first"
    )


def test_keys_without_a_proxy_are_refused() -> None:
    with pytest.raises(ForeignProxy) as caught:
        check_binding(state(key(1), proxy=None), "https://new.example.com")
    assert caught.value.detail == (
        "The state records 1 key, but not on which proxy; proxy.url is https://new.example.com."
    )
    assert caught.value.hint == "if that is where they live: vkstate state rebind"
