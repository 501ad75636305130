"""From a text to a state: strict, and never a guess. What is not a state gets an error of its own kind."""

from __future__ import annotations

import gc
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final, NoReturn

from pydantic import ValidationError

from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.keys import Alias, RecordedKey
from vkstate.state.form import Impossible, KeyForm, StateForm, recorded
from vkstate.state.model import FORMAT, State
from vkstate.state.strict_json import Flaw, NotStrictJson, conflict_line, load_strictly

_MOST_NAMED: Final = 5

REBUILD: Final = "vkstate state rebuild"
"""The command that makes a state anew from what the keys carry on the proxy."""


class StateTooNew(VkstateError):
    """The file format is newer than this program."""

    summary: ClassVar[str] = "the state was written by a newer vkstate"


class StateConflicted(VkstateError):
    """A merge left both sides in the file."""

    summary: ClassVar[str] = "the state holds git conflict markers"


class StateDamaged(VkstateError):
    """The file is no longer what vkstate wrote; an older version of it would do."""

    summary: ClassVar[str] = "the state is damaged"


class StateNotJson(StateDamaged):
    """The file was cut short, or is no JSON."""

    summary: ClassVar[str] = "the state is not valid JSON"


class StateAmbiguous(VkstateError):
    """A name stands twice in one object, as a merge without conflict can leave it."""

    summary: ClassVar[str] = "the state says one thing twice"


class StateNotText(StateDamaged):
    """The file is not UTF-8."""

    summary: ClassVar[str] = "the state is not UTF-8 text"


class NotAState(VkstateError):
    """The file is JSON of another kind."""

    summary: ClassVar[str] = "the file is not a vkstate state"


class StateImpossible(StateDamaged):
    """The file is a state, but one that vkstate cannot have written."""

    summary: ClassVar[str] = "the state has an impossible shape"


def parse(text: str, *, place: str) -> State:
    """The state that a file's text stands for.

    :param place: the file, as errors name it.
    :raises StateConflicted: it holds git conflict markers.
    :raises StateNotJson: it was cut short, or is no JSON.
    :raises StateAmbiguous: a name stands twice in one object.
    :raises NotAState: it is JSON of another kind.
    :raises StateTooNew: its ``format`` is above :data:`FORMAT`.
    :raises StateImpossible: a field is unknown, missing or of an impossible value.
    """
    with _collecting_later():
        try:
            document = load_strictly(text)
        except NotStrictJson as flaw:
            _refuse_text(text, flaw, place)
        _check_format(document, place)
        faults: list[str] = []
        keys: dict[Alias, RecordedKey] = {}
        try:
            form = StateForm.model_validate(document)
        except ValidationError as error:
            faults = _described(error)
        else:
            # Key by key, so that what was validated is gone again before the next: a quarter faster than all at once.
            for alias, written in form.keys.items():
                try:
                    keys[Alias(alias)] = recorded(Alias(alias), KeyForm.model_validate(written))
                except ValidationError as error:
                    faults += _described(error, "keys", alias)
                except Impossible as error:
                    faults.append(f"keys.{alias}{error}")
    if not faults:
        return State(form.lineage, form.serial, form.proxy, keys)
    named = "; ".join(faults[:_MOST_NAMED])
    more = f"; and {len(faults) - _MOST_NAMED} more" if len(faults) > _MOST_NAMED else ""
    raise StateImpossible(f"vkstate cannot have written {place} like this: {named}{more}.", hint=restoring(place))


def restoring(place: str) -> str:
    """The hint for a damaged state."""
    return f"go back to the version in git: git restore {shlex.quote(place)}, or make it anew from the proxy: {REBUILD}"


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Keep the garbage collector off what is only being built, and that lives on: there is nothing to find in it, and
    looking costs a third of all the time meanwhile, and a sixth at the end.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _refuse_text(text: str, flaw: NotStrictJson, place: str) -> NoReturn:
    quoted = shlex.quote(place)
    if line := conflict_line(text):
        raise StateConflicted(
            f"{place}:{line}: both sides of a merge stand here, with git's markers between them.",
            hint=f"take one side whole: git checkout --ours {quoted} (or --theirs), then vkstate plan; or make the "
            f"state anew from the proxy: {REBUILD}",
        )
    match flaw.flaw:
        case Flaw.TWICE:
            raise StateAmbiguous(
                f"In {place}, {json.dumps(flaw.name)} stands twice in one object, and nobody can say which is meant. A "
                "merge of two branches can leave that behind.",
                hint=f"remove the wrong one from {place}, then vkstate plan; or make the state anew from the proxy: "
                f"{REBUILD}",
            )
        case Flaw.CUT_SHORT if not text.strip():
            detail = f"{place} is empty."
        case Flaw.CUT_SHORT:
            detail = f"{place}:{flaw.line}:{flaw.column}: the file was cut short here."
        case Flaw.SYNTAX:
            detail = f"{place}:{flaw.line}:{flaw.column}: this is not JSON."
        case Flaw.NUMBER:
            detail = f"{place} holds a number that JSON does not have."
        case Flaw.DEPTH:
            detail = f"{place} is nested deeper than anything that vkstate writes."
    raise StateNotJson(detail, hint=restoring(place))


def _check_format(document: Json, place: str) -> None:
    found = document.get("format") if isinstance(document, dict) else None
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise NotAState(
            f"{place} is JSON, but carries no format number of a state.", hint="name the state file: --state FILE"
        )
    if found > FORMAT:
        raise StateTooNew(
            f"{place} has format {found}; this vkstate reads format {FORMAT}.",
            hint="upgrade vkstate: pip install --upgrade vkstate",
        )


_MESSAGES: Final = {
    "extra_forbidden": "this vkstate does not know the field",
    "missing": "the field is missing",
    "string_pattern_mismatch": "this is not a sha256 in hex",
    "model_type": "an object belongs here",
    "dict_type": "an object belongs here",
    "recursion_depth_exceeded": "this is nested deeper than anything that vkstate writes",
}


def _described(error: ValidationError, *before: str) -> list[str]:
    """The faults of a document, without the values that were found: they may be anything."""
    return [
        f"{'.'.join([*before, *map(str, fault['loc'][:2])])}: {_MESSAGES.get(fault['type']) or _plain(fault['msg'])}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _plain(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
