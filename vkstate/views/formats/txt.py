"""Keys as the text file that the example of the Ansible collection saves for a workshop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vkstate.views.handouts import NO_BASE_URL, Handout, HandoutKey
from vkstate.views.words import escaped


def as_txt(handout: Handout, *, reveal: bool = False) -> str:
    """For each workshop a heading and the base URL as comments, then a block a key: user, e-mail, key, alias.

    A value that is not shown is a comment, so that nobody takes a mask for a key. ``Email`` is the user id, as there.
    """
    groups = list(handout.by_workshop()) or [(None, ())]
    return (
        "\n".join(line for workshop, keys in groups for line in _group(handout, workshop, keys, reveal=reveal)) + "\n"
    )


def _group(handout: Handout, workshop: str | None, keys: Sequence[HandoutKey], *, reveal: bool) -> Iterator[str]:
    yield "# Keys" if workshop is None else f"# Workshop Keys - {escaped(workshop)}"
    yield f"# API Endpoint: {escaped(handout.api_base_url) if handout.opens else f'none; {NO_BASE_URL}'}"
    yield ""
    for key in keys:
        if key.user is not None:
            yield f"User: {escaped(key.user)}"
        if key.user_id is not None:
            yield f"Email: {escaped(key.user_id)}"
        yield _value(handout, key, reveal=reveal)
        yield f"Alias: {escaped(key.alias)}"
        yield ""


def _value(handout: Handout, key: HandoutKey, *, reveal: bool) -> str:
    if (value := key.value(reveal=reveal)) is not None:
        return f"Key: {escaped(value)}"
    if key.key is None:
        return "# The key is not known on this machine."
    return f"# The key is {key.key.masked}; `{handout.revealed_by}` shows it."
