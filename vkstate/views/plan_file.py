"""A saved plan: what ``vkstate plan --out`` writes, ``vkstate show`` shows and ``vkstate apply`` holds itself to.

It brings the options that it was planned with, the fingerprint, and the changes as they were shown. There is no secret
in it: key values are made by the apply, and sensitive values are not shown. What is carried out is planned anew, never
read from the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar, Final, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from vkstate.attributes import Json
from vkstate.errors import VkstateError
from vkstate.expiry import parse_duration
from vkstate.fingerprint import Entry
from vkstate.keys import Alias, Token
from vkstate.plan import Action, Plan
from vkstate.views.documents import dumped
from vkstate.views.human import render_plan
from vkstate.views.json import plan_document
from vkstate.views.markdown import render_markdown
from vkstate.views.summary import Mode
from vkstate.views.tables import clipped
from vkstate.views.words import escaped

KIND: Final = "vkstate plan"
PLAN_FILE_FORMAT: Final = 1
"""Raised when an older vkstate would misread a plan file."""

_AGAIN: Final = "plan again: vkstate plan --out FILE"
_HEAD: Final = 200
"""Characters in which a plan file, be it cut short, says what it is."""
_PLACE: Final = 100
"""Characters of a place in the file that a message names."""


class UnreadablePlan(VkstateError):
    """A text cannot be used as a saved plan; each reason is a class of its own."""

    summary: ClassVar[str] = "the saved plan cannot be used"


class NotAPlanFile(UnreadablePlan):
    """The text is something else."""

    summary: ClassVar[str] = "this is not a saved plan"


class PlanFileTooNew(UnreadablePlan):
    """The file format is newer than this program."""

    summary: ClassVar[str] = "the plan was saved by a newer vkstate"


class PlanFileDamaged(UnreadablePlan):
    """The text is no longer what vkstate wrote."""

    summary: ClassVar[str] = "the saved plan is damaged"


@dataclass(frozen=True)
class PlanOptions:
    """What a plan was asked for on the command line. ``grace`` is a duration as it was written."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    allow_deletes: int | None = None
    replace: tuple[str, ...] = ()
    grace: str | None = None
    renew: tuple[str, ...] = ()
    adopt_replaced: bool = False
    refresh_only: bool = False
    destroy: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """What ``vkstate apply`` must be told to plan with these options, what the plan is for apart."""
        globs = (
            ("--target", self.targets),
            ("--exclude", self.excludes),
            ("--replace", self.replace),
            ("--renew", self.renew),
        )
        numbers = (
            ("--grace", self.grace),
            ("--allow-deletes", None if self.allow_deletes is None else str(self.allow_deletes)),
        )
        return (
            *(part for option, values in globs for value in values for part in (option, value)),
            *(part for option, number in numbers if number is not None for part in (option, number)),
            *(["--adopt-replaced"] if self.adopt_replaced else []),
        )


@dataclass(frozen=True)
class SavedPlan:
    """A plan file that was read.

    ``document`` is the plan as ``plan --json`` gives it; ``text``, ``verbose`` and ``markdown`` are the plan as it was
    rendered, fit to be printed. ``proxy`` and ``lineage`` say what it was made for.
    """

    options: PlanOptions
    fingerprint: str
    entries: Mapping[Alias, Entry]
    document: Mapping[str, Json]
    text: str
    verbose: str
    markdown: str
    proxy: str
    lineage: str


def plan_file_text(
    plan: Plan, *, proxy: str, mode: Mode, options: PlanOptions, fingerprint: str, entries: Mapping[Alias, Entry]
) -> str:
    """The whole file, ASCII, ending in a newline.

    :param proxy: the proxy's url, without credentials.
    :param mode: what the plan is for.
    :param fingerprint: of this plan for this proxy.
    :param entries: of this plan.
    """
    return dumped(
        {
            "format_version": PLAN_FILE_FORMAT,
            "kind": KIND,
            "options": asdict(options),
            "fingerprint": fingerprint,
            "entries": {alias: asdict(entries[alias]) for alias in sorted(entries)},
            "plan": plan_document(plan, proxy=proxy, mode=mode, fingerprint=fingerprint),
            "text": render_plan(plan, proxy=proxy, mode=mode, fingerprint=fingerprint),
            "verbose": render_plan(plan, proxy=proxy, mode=mode, fingerprint=fingerprint, verbose=True),
            "markdown": render_markdown(
                plan, proxy=proxy, mode=mode, fingerprint=fingerprint, arguments=options.arguments
            ),
        }
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError:
        raise ValueError("this is no duration") from None  # without the text, which is the file's
    return text


class _Options(_Strict):
    targets: list[str]
    excludes: list[str]
    allow_deletes: Annotated[int, Field(ge=0)] | None
    replace: list[str]
    grace: Annotated[str, AfterValidator(_duration)] | None
    renew: list[str]
    adopt_replaced: bool
    refresh_only: bool
    destroy: bool


class _Sides(_Strict):
    before: JsonValue = None
    after: JsonValue = None


_Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")]


class _Entry(_Strict):
    action: Annotated[Action, Field(strict=False)]
    token: _Hex64 | None
    values: dict[str, _Sides]
    digest: _Hex64


class _Document(BaseModel):
    """Of the plan itself only what is used; its shape is that of ``plan --json``."""

    model_config = ConfigDict(extra="ignore", strict=True)
    proxy: str
    lineage: str
    fingerprint: str | None


class _File(_Strict):
    format_version: int
    kind: str
    options: _Options
    fingerprint: _Hex64
    entries: dict[str, _Entry]
    plan: dict[str, JsonValue]
    text: str
    verbose: str
    markdown: str


def read_plan_file(text: str) -> SavedPlan:
    """The plan that a file holds.

    :raises NotAPlanFile: it is something else.
    :raises PlanFileTooNew: a newer vkstate wrote it.
    :raises PlanFileDamaged: it was cut short or changed.
    """
    document = _document(text)
    version = document.get("format_version")
    if document.get("kind") != KIND or isinstance(version, bool) or not isinstance(version, int):
        raise NotAPlanFile("It is not what vkstate plan --out writes.", hint=_AGAIN)
    if version > PLAN_FILE_FORMAT:
        raise PlanFileTooNew(
            f"It has format {version}, and this vkstate reads format {PLAN_FILE_FORMAT}.",
            hint=f"use the vkstate that wrote it, or {_AGAIN}",
        )
    try:
        file = _File.model_validate(document)
        plan = _Document.model_validate(file.plan)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = clipped(escaped(".".join(str(part) for part in first["loc"])), _PLACE)
        damage = _damaged(f"At {place}: {first['msg'][:1].lower()}{first['msg'][1:]}.")
    else:
        return _saved(file, plan)
    raise damage  # apart from pydantic's own error, which quotes the file


def _saved(file: _File, plan: _Document) -> SavedPlan:
    if plan.fingerprint not in (None, file.fingerprint):
        raise _damaged("The plan in it has another fingerprint than the file.")
    for name, shown in (("text", file.text), ("verbose", file.verbose), ("markdown", file.markdown)):
        if not all(line.isprintable() for line in shown.split("\n")):
            raise _damaged(f"At {name}: it holds what a terminal would not print.")
    return SavedPlan(
        options=PlanOptions(
            targets=tuple(file.options.targets),
            excludes=tuple(file.options.excludes),
            allow_deletes=file.options.allow_deletes,
            replace=tuple(file.options.replace),
            grace=file.options.grace,
            renew=tuple(file.options.renew),
            adopt_replaced=file.options.adopt_replaced,
            refresh_only=file.options.refresh_only,
            destroy=file.options.destroy,
        ),
        fingerprint=file.fingerprint,
        entries={Alias(alias): _entry(entry) for alias, entry in file.entries.items()},
        document=file.plan,
        text=file.text,
        verbose=file.verbose,
        markdown=file.markdown,
        proxy=plan.proxy,
        lineage=plan.lineage,
    )


def _entry(entry: _Entry) -> Entry:
    values = {path: sides.model_dump(exclude_unset=True) for path, sides in entry.values.items()}
    return Entry(entry.action, None if entry.token is None else Token(entry.token), values, entry.digest)


def _damaged(detail: str) -> PlanFileDamaged:
    return PlanFileDamaged(detail, hint=_AGAIN)


def _document(text: str) -> Mapping[str, object]:
    """The object that a text holds, read without mercy: what Python's own parser lets pass is a fault here."""
    try:
        value: object = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    if f'"{KIND}"' in text[:_HEAD]:
        raise _damaged("It was cut short, or is no valid JSON any more.")
    raise NotAPlanFile("It is not what vkstate plan --out writes.", hint=_AGAIN)


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
