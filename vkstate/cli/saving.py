"""Saved plans: written by ``plan --out``, shown by ``show``, held to by ``apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from vkstate.cli.terminal import say
from vkstate.errors import VkstateError
from vkstate.fingerprint import entries, fingerprint
from vkstate.plan import Plan
from vkstate.state.durable import durable_write, exists
from vkstate.targets import Selection
from vkstate.views.plan_file import NotAPlanFile, PlanOptions, SavedPlan, UnreadablePlan, plan_file_text, read_plan_file

if TYPE_CHECKING:
    from vkstate.cli.expecting import Expected
    from vkstate.cli.planning import Wish
    from vkstate.cli.project import Project


class PlanFileUnreadable(VkstateError):
    """The plan file cannot be read from the disk."""

    summary: ClassVar[str] = "the plan file cannot be read"


class OtherFile(VkstateError):
    """A plan is to be saved where something else stands: a slip would cost the state."""

    summary: ClassVar[str] = "the plan is not saved over another file"


def check_place(path: Path) -> None:
    """See that a plan may be saved there: over an older one, or where nothing is.

    :raises OtherFile: something else stands there.
    """
    if not exists(path):
        return
    try:
        usable = path.is_file() and bool(load_saved(path))
    except UnreadablePlan as error:
        usable = not isinstance(error, NotAPlanFile)  # a damaged one goes as well, and a newer one
    except PlanFileUnreadable:
        usable = False
    if not usable:
        raise OtherFile(f"{path} exists, and is no saved plan.", hint="name another file: vkstate plan --out FILE")


def save_plan(project: Project, plan: Plan, wish: Wish, path: Path) -> None:
    """Write a plan, for ``apply`` to be held to it later. It holds no secret."""
    from vkstate.cli.wishing import mode_of

    url = project.config.proxy.url
    text = plan_file_text(
        plan,
        proxy=url,
        mode=mode_of(wish),
        options=options_of(wish),
        fingerprint=fingerprint(plan, url),
        entries=entries(plan),
    )
    durable_write(path, text.encode())
    say(f"The plan was saved. Look at it again: vkstate show {path}; apply it, and only it: vkstate apply {path}")


def options_of(wish: Wish) -> PlanOptions:
    """What was asked for, as a plan file keeps it."""
    return PlanOptions(
        targets=wish.selection.targets,
        excludes=wish.selection.excludes,
        allow_deletes=wish.allow_deletes,
        replace=wish.replace,
        grace=wish.grace,
        renew=wish.renew,
        adopt_replaced=wish.adopt_replaced,
        refresh_only=wish.refresh_only,
        destroy=wish.destroy,
    )


def load_saved(path: Path, *, otherwise: str = "single keys are named by --target") -> SavedPlan:
    """A saved plan.

    :param otherwise: the way for somebody who took the argument for the alias of a key.
    :raises VkstateError: there is none, or it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PlanFileUnreadable(f"{path}: {why}.", hint=f"save one: vkstate plan --out {path}; {otherwise}") from None
    return read_plan_file(text)


def load_plan(path: Path) -> tuple[Wish, Expected]:
    """What a saved plan was asked for, and what it is to be held to."""
    from vkstate.cli.expecting import Expected, Origin
    from vkstate.cli.planning import Wish

    saved = load_saved(path)
    options = saved.options
    wish = Wish(
        destroy=options.destroy,
        selection=Selection(options.targets, options.excludes),
        allow_deletes=options.allow_deletes,
        replace=options.replace,
        grace=options.grace,
        renew=options.renew,
        adopt_replaced=options.adopt_replaced,
        refresh_only=options.refresh_only,
    )
    return wish, Expected(saved.fingerprint, Origin(saved.proxy, saved.lineage, saved.entries))
