"""How the encrypted store is written: sorted, one entry a key, and what is not changed stays to the byte."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vkstate.errors import VkstateError
from vkstate.keys import Alias, Token
from vkstate.state.directory import beside
from vkstate.state.durable import read_file
from vkstate.state.git import bringing_back
from vkstate.state.secret_store import ForeignStore, StoreDamaged, StoreTooNew
from vkstate.state.strict_json import Flaw, NotStrictJson, conflict_line, load_strictly

FORMAT: Final = 1
_HEX: Final = re.compile(r"[0-9a-f]{64}")


class StoreConflicted(VkstateError):
    """A merge left both sides in the encrypted store."""

    summary: ClassVar[str] = "the secret store holds git conflict markers"


@dataclass(frozen=True)
class SealedValue:
    """One entry: whose key it is, to whom its value is encrypted as far as we know, and age's own text."""

    alias: Alias
    recipients: tuple[str, ...]
    text: str = field(repr=False)


@dataclass(frozen=True)
class SealedValues:
    """A whole store. ``entries`` are by token."""

    lineage: str
    entries: Mapping[Token, SealedValue]


def text_of(values: SealedValues) -> str:
    """The text of a store: the same for the same entries, whoever writes it."""
    keys = {
        token: {"alias": entry.alias, "recipients": list(entry.recipients), "value": entry.text}
        for token, entry in values.entries.items()
    }
    form = {"format": FORMAT, "lineage": values.lineage, "keys": keys}
    return json.dumps(form, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parsed(data: bytes, path: Path) -> SealedValues:
    """The store that a file's bytes stand for.

    :raises StoreConflicted: :raises StoreTooNew: :raises StoreDamaged: as they say; none quotes the file.
    """
    quoted = shlex.quote(str(path))
    try:
        text = data.decode()
        document = load_strictly(text)
        newer = document.get("format") if isinstance(document, dict) else None
        if isinstance(newer, int) and newer > FORMAT:
            raise StoreTooNew(
                f"{path} has format {newer}; this vkstate reads format {FORMAT}.",
                hint="upgrade vkstate: pip install --upgrade vkstate",
            )
        form = _StoreForm.model_validate(document)
    except UnicodeDecodeError:
        fault: VkstateError = damaged(path, "it is not UTF-8 text")
    except NotStrictJson as flaw:
        if line := conflict_line(text):
            fault = StoreConflicted(
                f"{path}:{line}: both sides of a merge stand here, with git's markers between them.",
                hint=f"keep the entries of both sides and take the markers out of {quoted}; vkstate secrets list shows "
                "whether it is well",
            )
        else:
            place = f" (line {flaw.line}, column {flaw.column})" if flaw.line else ""
            twice = flaw.flaw is Flaw.TWICE
            fault = damaged(path, "one name stands twice in one object" if twice else f"it is not valid JSON{place}")
    except ValidationError as error:
        fault = damaged(path, f"{error.error_count()} of its fields are missing, unknown or of the wrong kind")
    else:
        if strange := [token for token in form.keys if not _HEX.fullmatch(token)]:
            raise damaged(path, f"the name of the entry of {form.keys[strange[0]].alias} is no token")
        return SealedValues(
            form.lineage,
            {
                Token(token): SealedValue(Alias(entry.alias), tuple(entry.recipients), entry.value)
                for token, entry in form.keys.items()
            },
        )
    raise fault


def damaged(path: Path, why: str) -> StoreDamaged:
    """The error for a store that vkstate cannot have written. Git is the last way back: it lacks
    values that were made since the last commit.
    """
    here = shlex.quote(str(path))
    ways: list[str] = []
    if _is_sound(backup := backup_of(path)):
        ways.append(f"then go back to the version before the last change: cp {shlex.quote(str(backup))} {here}")
    if command := bringing_back(path):
        way = "the last way" if ways else "then go back to the commit"
        ways.append(f"{way}, by which values made since that commit are lost: {command}")
    return StoreDamaged(
        f"{path} is not as vkstate wrote it: {why}. It was left alone.",
        hint=f"copy the damaged file aside: cp {here} {shlex.quote(f'{path}.damaged')}; "
        + ("; ".join(ways) or "then restore it from a backup"),
    )


def backup_of(path: Path) -> Path:
    """Where the version of a store is kept that its last change took the place of."""
    return beside(path, ".backup")


def _is_sound(path: Path) -> bool:
    try:
        parsed(read_file(path).data, path)
    except (OSError, VkstateError):
        return False
    return True


def foreign(path: Path, theirs: str, ours: str) -> ForeignStore:
    """The error for the store of another state."""
    whose = "".join(character for character in theirs[:8] if character.isalnum()) or "other"
    aside = path.with_name(f"{path.name}.{whose}")
    return ForeignStore(
        f"{path} holds the key values of lineage {theirs}, and this state has lineage {ours}. It was left alone.",
        hint=f"keep it aside while you work here: mv -n {shlex.quote(str(path))} {shlex.quote(str(aside))}",
    )


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class _EntryForm(_Form):
    alias: str
    recipients: list[str]
    value: str = Field(repr=False)


class _StoreForm(_Form):
    format: Annotated[int, Field(ge=1)]
    lineage: str
    keys: dict[str, _EntryForm]
