"""From the options of ``plan`` and ``apply`` to the plan that they ask for."""

from __future__ import annotations

from typing import ClassVar

from vkstate.cli.planning import Wish
from vkstate.errors import ExitCode, VkstateError
from vkstate.expiry import parse_duration
from vkstate.targets import Selection
from vkstate.views.summary import Mode


class WrongGrace(VkstateError):
    """``--grace`` is no duration, or stands without ``--replace``."""

    summary: ClassVar[str] = "the time of grace cannot be used"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class OptionsExclude(VkstateError):
    """Two options that ask for different plans."""

    summary: ClassVar[str] = "these options exclude each other"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


def wish(
    target: list[str] | None = None,
    exclude: list[str] | None = None,
    allow_deletes: int | None = None,
    replace: list[str] | None = None,
    grace: str | None = None,
    renew: list[str] | None = None,
    adopt_replaced: bool = False,
    refresh_only: bool = False,
    destroy: bool = False,
) -> Wish:
    """What the options ask for.

    :raises WrongGrace: the time of grace makes no sense.
    :raises OptionsExclude: a refresh or a destroy is to change single keys, too.
    """
    changing = [
        name
        for name, given in (
            ("--replace", replace),
            ("--renew", renew),
            ("--adopt-replaced", adopt_replaced),
            ("--allow-deletes", allow_deletes is not None),
        )
        if given
    ]
    modes = [name for name, given in (("--refresh-only", refresh_only), ("--destroy", destroy)) if given]
    if len(modes) > 1 or (modes and changing):
        raise OptionsExclude(
            f"{' and '.join([*modes, *changing])} do not go together: {modes[0]} plans something of its own.",
            hint="one after the other",
        )
    if grace is not None and not replace:
        raise WrongGrace(
            "--grace says how long a replaced value works on, and nothing is replaced.", hint="add --replace TARGET"
        )
    return Wish(
        destroy=destroy,
        selection=Selection(tuple(target or ()), tuple(exclude or ())),
        allow_deletes=allow_deletes,
        replace=tuple(replace or ()),
        grace=_grace(grace),
        renew=tuple(renew or ()),
        adopt_replaced=adopt_replaced,
        refresh_only=refresh_only,
    )


def mode_of(wish: Wish) -> Mode:
    """What kind of plan is asked for, as the views name it."""
    return "destroy" if wish.destroy else "refresh" if wish.refresh_only else "apply"


def _grace(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        parse_duration(text)
    except ValueError as error:
        raise WrongGrace(f"--grace: {error}.", hint="for example: --grace 24h") from None
    return text
