"""The way of ``extend``, ``block`` and ``unblock``: a field of the config is changed, and an ordinary apply follows.

The plan is made of the config as it will be. The file is written once the plan has no problems and there is consent,
and before anything is sent: a run that dies leaves a config that the next apply carries out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from vkstate.attributes import Json
from vkstate.cli.applying import Run, carry_out
from vkstate.cli.planning import Planned, Wish, planned
from vkstate.cli.project import Project
from vkstate.cli.rewriting import Rewritten, bytes_of, check_writable, loaded
from vkstate.cli.terminal import say, write
from vkstate.config.config import Config
from vkstate.config.content import read_content
from vkstate.config.editing import ConfigNotEdited, Edit, edited
from vkstate.config.loader import written_names
from vkstate.config.places import ConfigError, redacted
from vkstate.errors import VkstateError
from vkstate.keys import Alias, DesiredKey
from vkstate.litellm.capabilities import prove_admin
from vkstate.litellm.client import Connection
from vkstate.plan import Action, Plan
from vkstate.targets import Selection
from vkstate.views.documents import line
from vkstate.views.grouping import listing


class MoreThanAsked(VkstateError):
    """The config asks for deletions that have nothing to do with the edit."""

    summary: ClassVar[str] = "the config also asks for deletions"


@dataclass
class Draft:
    """The config's text while it is edited, and what it says then. Names are given as they come out, not as written."""

    project: Project
    text: str

    @cached_property
    def config(self) -> Config:
        """What the text says.

        :raises ConfigNotEdited: the edits have made it invalid; before them it was not.
        """
        try:
            return loaded(self.project, self.text)
        except ConfigError as error:
            raise ConfigNotEdited(
                f"With the edit, it would not be valid, and nothing was written:\n{error.detail}",
                hint="edit the config by hand, then run: vkstate apply",
            ) from None

    def edit(self, edits: Iterable[Edit]) -> None:
        """Make edits, in their order.

        :raises ConfigNotEdited: one cannot be made in place.
        """
        self.text = edited(self.text, list(edits))
        for name in ("config", "_content"):
            self.__dict__.pop(name, None)

    def path(self, section: str, name: str, *rest: str) -> tuple[str, ...]:
        """The path of a field of a key or a workshop."""
        return (section, self._written[section].get(name, name), *rest)

    def value(self, section: str, name: str, *rest: str) -> object:
        """What a field holds as it is written; None where it is not there."""
        value = self._content
        for one in self.path(section, name, *rest):
            value = value.get(one) if isinstance(value, dict) else None
        return value

    @cached_property
    def _content(self) -> Json:
        return read_content(self.text.removeprefix("\ufeff")).value

    @cached_property
    def _written(self) -> Mapping[str, Mapping[str, str]]:
        project = self.project
        return {
            section: written_names(
                project.config_path, section, variables=project.variables, environ=os.environ, text=self.text
            )
            for section in ("keys", "workshops")
        }


def left_alone(keys: Iterable[DesiredKey], paths: Collection[str]) -> dict[Alias, DesiredKey]:
    """Those of some keys whose lifecycle.ignore_changes names one of these attributes, so that no edit reaches them."""
    return {key.alias: key for key in keys if not key.ignore_changes.isdisjoint(paths)}


def _refuse_deletions(plan: Plan) -> None:
    """See that nobody's key goes because of what else has changed in the config; of a replaced key, the old value may.

    :raises MoreThanAsked: one would.
    """
    deletes = [change for change in plan.of(Action.DELETE) if not (change.recorded and change.recorded.retired)]
    if deletes:
        members = {change.alias: change.member for change in deletes if change.member}
        named = listing([change.alias for change in deletes], members)
        raise MoreThanAsked(
            f"It no longer has {named}, which this run would delete. Nothing was written and nothing was sent.",
            hint="vkstate plan shows all that would change; vkstate apply carries it out, and then repeat this command",
        )


@dataclass
class Editing:
    """One run of such a command.

    ``change`` edits the draft, given the connection. ``deed`` says what the run does, for a question.
    ``effective``: the plan, once it is made, changes anything.
    """

    project: Project
    targets: Sequence[str]
    change: Callable[[Draft, Connection], None]
    deed: str
    effective: bool = field(default=False, init=False)
    _rewritten: Rewritten | None = field(default=None, init=False)
    _written: bool = field(default=False, init=False)

    def carry_out(self, run: Run) -> int:
        """Plan and execute under the lock, and return the exit code."""

        def make(connection: Connection) -> Planned:
            self._draft(connection, run)
            result = planned(self.project, connection, Wish(selection=Selection(tuple(self.targets))))
            _refuse_deletions(result.plan)
            self.effective = bool(result.plan.effective)
            return result

        try:
            return carry_out(
                self.project,
                run,
                make,
                self._question,
                beforehand=self._write,
                asks=lambda: self._rewritten is not None,
            )
        except BaseException:
            if self._rewritten and not (self._written or run.dry):  # what was shown looks as if it were done
                say(f"{self._rewritten.path} was not changed.")
            raise

    def _draft(self, connection: Connection, run: Run) -> None:
        """Edit the config, show how, and go on with it."""
        prove_admin(connection)  # the edit may depend on the server's time, which its first answer tells
        path = self.project.config_path
        before = bytes_of(path)
        draft = Draft(self.project, before.decode())
        self.change(draft, connection)
        after = draft.text.encode()
        if after == before:
            return
        check_writable(path, f"vkstate {run.name} is to edit it")
        self._rewritten = Rewritten(path, draft.config, before, after)
        self.project.go_on_with(draft.config)
        difference = [redacted(text) for text in self._rewritten.difference()]
        if run.as_json:
            write(line({"type": "config_edit", "path": str(path), "diff": [*difference]}).rstrip("\n"))
        else:
            write("\n".join([*difference, ""]))

    def _question(self, plan: Plan) -> str:
        edit = [f"write this to {self.project.config_path}"] if self._rewritten else []
        deed = [f"{self.deed} on {self.project.config.proxy.url}"] if plan.effective else []
        question = ", and ".join([*edit, *deed])
        return f"{question[:1].upper()}{question[1:]}?"

    def _write(self) -> None:
        if self._rewritten is not None:
            self._written = True  # where that fails, its error tells what the file is then
            self._rewritten.write()
            say(f"{self._rewritten.path} was written.")
