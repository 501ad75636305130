"""No settable field of a LiteLLM key is forgotten: each field of a request is an attribute, or knowingly left out."""

from __future__ import annotations

from typing import Final

import pytest

from tests.litellm.fields import FOLDED, FOLDED_WITH_A_LICENCE, ONLY_CREATED, RELEASES, created, updated
from vkstate.attributes import ATTRIBUTES, EXPIRY_PATHS, LATER, Home
from vkstate.litellm.convert import ENTERPRISE

_LEFT_OUT: Final = {
    "key": "the key value, which vkstate makes, and by which /key/update is addressed",
    "key_alias": "the address of the key",
    "duration": "the expiry, which moves and is compared by rules of its own",
    "spend": "what the key has cost: LiteLLM counts it, nobody declares it",
    "send_invite_email": "something that is done once, nothing that a key has",
    "temp_budget_increase": "a raise for some days, given by hand to a key that runs out: it ends by itself",
    "temp_budget_expiry": "the end of that raise",
}
"""What is no attribute, and why."""


@pytest.mark.parametrize("release", RELEASES)
def test_every_field_is_an_attribute_or_left_out_for_a_reason(release: str) -> None:
    fields = created(release) | updated(release)
    assert fields - ATTRIBUTES.keys() == fields & _LEFT_OUT.keys()


def test_every_attribute_is_a_field_of_some_release() -> None:
    assert ATTRIBUTES.keys() - created(RELEASES[-1]) == {"extra"}
    assert not EXPIRY_PATHS & ATTRIBUTES.keys()


def test_what_the_first_release_does_not_know_came_later() -> None:
    assert ATTRIBUTES.keys() - created(RELEASES[0]) - {"extra"} == LATER


def test_what_is_left_out_is_a_field() -> None:
    assert _LEFT_OUT.keys() <= created(RELEASES[-1]) | updated(RELEASES[-1])


def test_attributes_that_can_be_updated_are_fields_of_an_update() -> None:
    fixed = {name for name, attribute in ATTRIBUTES.items() if not attribute.updatable}
    assert fixed == ONLY_CREATED["1.105.0"] - _LEFT_OUT.keys()


def test_what_litellm_folds_into_metadata_is_read_from_there() -> None:
    folded = {name for name, attribute in ATTRIBUTES.items() if attribute.home is Home.METADATA}
    assert folded == (FOLDED | FOLDED_WITH_A_LICENCE) - _LEFT_OUT.keys()
    assert FOLDED_WITH_A_LICENCE | {"model_max_budget"} == set(ENTERPRISE)
